/* spill.h - records that wait on disk while the database is away. */
#ifndef STORE_SPILL_H
#define STORE_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "store/journal_file.h"
#include "store/journal_record.h"

/*
 * Files of the journal's directory that take over what the rings hold, in the
 * same form, so that the rings are free again (hardening.md P6).  They are read
 * in the order in which they were written, and deleted when all of one is in the
 * database.  Used by the writer thread alone.
 */
struct spill {
    uint64_t bytes, rows; // that wait
    /* private */
    int dir_fd;
    uint64_t limit_bytes, limit_rows;
    uint32_t first, next; // numbers of the files that there are: first .. next - 1
    int fd;               // of the last, while it is appended to; -1
    uint64_t fd_bytes;
    bool is_unsynced, is_new; // what was appended; the file itself
    bool is_reading;          // the first
    struct journal_file reading;
    struct records records, committed;
    uint64_t read_rows;
};

#define SPILL_NAME "spill-%08u"

void spill_init(struct spill *s, int dir_fd, uint64_t limit_bytes, uint64_t limit_rows);

/** Closes the files; those that wait stay for the next start. */
void spill_release(struct spill *s);

static inline bool spill_is_empty(const struct spill *s)
{
    return s->first == s->next;
}

/** Forces to the disk what was appended. */
enum err spill_sync(struct spill *s, struct err_info *e);

/** Appends whole records.  ERR_LEDGER_FULL at the bound; ERR_IO: not written, nothing changed. */
enum err spill_append(struct spill *s, struct slice records, uint64_t rows, struct err_info *e);

/** Takes back the last spill_append(), which could not be synced. */
void spill_undo(struct spill *s, uint64_t bytes, uint64_t rows);

/** The oldest record not yet read, borrowed until spill_ack(); false at the end of a file. */
bool spill_next(struct spill *s, struct usage_record *out);

/** What was read is in the database: a file of which this is all goes. */
void spill_ack(struct spill *s);

/** What was read since spill_ack() is read again. */
void spill_rewind(struct spill *s);

#endif
