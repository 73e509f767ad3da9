/* journal_file.h - the journal's files: made, mapped, looked at. */
#ifndef STORE_JOURNAL_FILE_H
#define STORE_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/journal_format.h"
#include "store/journal_words.h"

/* One mapped file. */
struct journal_file {
    struct journal_header *header;
    char *body;
    size_t body_bytes; // what is really there
    size_t mapped_bytes;
    struct journal_words words;
    bool damaged;         // header not ours or not whole, or a body cut short
    bool of_this_version; // may be written on; otherwise it is read and replaced
};

#define JOURNAL_NAME_BYTES 64

/**
 * Makes the file with all its room, or leaves none: a disk that is full says so
 * here and never later.  `body_bytes` 0 makes a header alone, to be appended to.
 */
enum err journal_file_make(int dir_fd, const char *name, uint64_t magic, uint32_t number,
                           size_t body_bytes, struct err_info *e);

/** Maps it, whatever is in it.  ERR_NEWER: another version's, which must not be touched. */
enum err journal_file_map(int dir_fd, const char *name, uint64_t magic, struct journal_file *f,
                          struct err_info *e);
void journal_file_unmap(struct journal_file *f);

/** Renames it to NAME.TIME.damaged, which `kept_as` says; nothing there is ever deleted by us. */
enum err journal_file_put_aside(int dir_fd, const char *name, char kept_as[JOURNAL_NAME_BYTES],
                                struct err_info *e);

/** Forces to the disk what was written into it. */
enum err journal_file_sync(const struct journal_file *f, struct err_info *e);

/**
 * Has the next sync write these bytes of the body, and the header, whether they were changed or
 * not: after one that failed the kernel takes them for written.
 */
enum err journal_file_touch(const struct journal_file *f, size_t from, size_t to,
                            struct err_info *e);

/** Takes whole pages within from..to of the body out of our memory; they stay in the file. */
void journal_file_give_back(const struct journal_file *f, size_t from, size_t to);

#endif
