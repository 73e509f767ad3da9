/* journal_file.c - the journal's files: made, mapped, looked at. */
#include "store/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/journal_record.h"

#define PAGE_BYTES ((size_t)4096)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif

#define CHECKED_FROM offsetof(struct journal_header, body_bytes)
#define CHECKED_TO   offsetof(struct journal_header, head)

static uint64_t header_checksum(const struct journal_header *h)
{
    return record_checksum((const char *)h + CHECKED_FROM, CHECKED_TO - CHECKED_FROM);
}

static enum err write_header(int fd, uint64_t magic, uint32_t number, size_t body_bytes,
                             struct err_info *e)
{
    struct journal_header h = {
        .magic = magic,
        .version = JOURNAL_VERSION,
        .worker = number,
        .body_bytes = body_bytes,
        .created_unix_ms = clock_unix_ms(),
    };
    ssize_t wrote;

    journal_words_write(h.words);
    h.checksum = header_checksum(&h);
    wrote = pwrite(fd, &h, sizeof(h), 0);
    if (wrote != (ssize_t)sizeof(h))
        return err_set(e, ERR_IO, "%s", strerror(wrote < 0 ? errno : ENOSPC));
    return ERR_NONE;
}

static enum err fill(int fd, uint64_t magic, uint32_t number, size_t body_bytes, struct err_info *e)
{
    int failed = posix_fallocate(fd, 0, (off_t)(JOURNAL_HEADER_BYTES + body_bytes));

    if (failed)
        return err_set(e, ERR_IO, "%s", strerror(failed));
    return write_header(fd, magic, number, body_bytes, e);
}

/* Under another name first, so that what has the right name is always whole. */
enum err journal_file_make(int dir_fd, const char *name, uint64_t magic, uint32_t number,
                           size_t body_bytes, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};
    char temporary[JOURNAL_NAME_BYTES];
    int fd;

    snprintf(temporary, sizeof(temporary), "%s.new", name);
    fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot make the journal file %s: %s", name, strerror(errno));
    fill(fd, magic, number, body_bytes, &why);
    close(fd);
    if (!why.code && renameat(dir_fd, temporary, dir_fd, name))
        err_set(&why, ERR_IO, "%s", strerror(errno));
    if (!why.code)
        return ERR_NONE;
    unlinkat(dir_fd, temporary, 0);
    return err_set(e, ERR_IO, "cannot reserve %zu KiB for the journal file %s: %s",
                   (JOURNAL_HEADER_BYTES + body_bytes) / 1024, name, err_info_text(&why));
}

static bool header_is_whole(const struct journal_header *h, uint64_t magic)
{
    return h->magic == magic && h->version == JOURNAL_VERSION && h->checksum == header_checksum(h);
}

static enum err check_words(struct journal_file *f, const char *name, struct err_info *e)
{
    char ours[JOURNAL_WORDS_BYTES];
    struct slice unknown;

    if (!journal_words_read(slice_of(f->header->words, sizeof(f->header->words)), &f->words,
                            &unknown))
        return err_set(e, ERR_NEWER,
                       "the journal file %s was written by another version of gproxy (it speaks of "
                       "\"%.*s\"): run that version once, or move the file away",
                       name, SLICE_ARG(unknown));
    journal_words_write(ours);
    f->of_this_version = memcmp(ours, f->header->words, sizeof(ours)) == 0;
    return ERR_NONE;
}

static enum err inspect(struct journal_file *f, const char *name, uint64_t magic,
                        struct err_info *e)
{
    const struct journal_header *h = f->header;

    journal_words_same(&f->words);
    if (h->magic == magic && h->version > JOURNAL_VERSION)
        return err_set(e, ERR_NEWER,
                       "the journal file %s has format %u and this version of gproxy knows %u: run "
                       "the newer version once, or move the file away",
                       name, h->version, JOURNAL_VERSION);
    if (!header_is_whole(h, magic)) {
        f->damaged = true;
        return ERR_NONE;
    }
    f->damaged = f->body_bytes < h->body_bytes;
    if (h->body_bytes && f->body_bytes > h->body_bytes)
        f->body_bytes = h->body_bytes;
    return check_words(f, name, e);
}

enum err journal_file_map(int dir_fd, const char *name, uint64_t magic, struct journal_file *f,
                          struct err_info *e)
{
    int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
    struct stat st;
    void *at = MAP_FAILED;

    *f = (struct journal_file){.damaged = true};
    if (fd < 0 || fstat(fd, &st))
        goto fail;
    if (st.st_size < JOURNAL_HEADER_BYTES) { // nothing can be in it
        close(fd);
        return ERR_NONE;
    }
    at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        goto fail;
    close(fd);
    f->damaged = false;
    f->header = at;
    f->body = (char *)at + JOURNAL_HEADER_BYTES;
    f->mapped_bytes = (size_t)st.st_size;
    f->body_bytes = f->mapped_bytes - JOURNAL_HEADER_BYTES;
    if (inspect(f, name, magic, e))
        journal_file_unmap(f);
    return e->code;
fail:
    err_set(e, ERR_IO, "cannot read the journal file %s: %s", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return e->code;
}

void journal_file_unmap(struct journal_file *f)
{
    if (f->header)
        munmap(f->header, f->mapped_bytes);
    *f = (struct journal_file){.header = NULL};
}

enum err journal_file_put_aside(int dir_fd, const char *name, char kept_as[JOURNAL_NAME_BYTES],
                                struct err_info *e)
{
    snprintf(kept_as, JOURNAL_NAME_BYTES, "%.24s.%lld.damaged", name, (long long)clock_unix_ms());
    if (renameat(dir_fd, name, dir_fd, kept_as))
        return err_set(e, ERR_IO, "cannot rename the damaged journal file %s: %s", name,
                       strerror(errno));
    return ERR_NONE;
}

enum err journal_file_sync(const struct journal_file *f, struct err_info *e)
{
    if (msync(f->header, f->mapped_bytes, MS_SYNC))
        return err_set(e, ERR_IO, "cannot bring the journal to the disk: %s", strerror(errno));
    return ERR_NONE;
}

/* A write to each page, as far as the kernel can see. */
static bool touch(char *from, size_t len)
{
    size_t into = (uintptr_t)from % (size_t)sysconf(_SC_PAGESIZE);

    return madvise(from - into, into + len, MADV_POPULATE_WRITE) == 0;
}

enum err journal_file_touch(const struct journal_file *f, size_t from, size_t to,
                            struct err_info *e)
{
    if (!touch((char *)f->header, JOURNAL_HEADER_BYTES) ||
        (from < to && !touch(f->body + from, to - from)))
        return err_set(e, ERR_IO, "cannot write the journal anew: %s", strerror(errno));
    return ERR_NONE;
}

void journal_file_give_back(const struct journal_file *f, size_t from, size_t to)
{
    from = (from + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    to = to / PAGE_BYTES * PAGE_BYTES;
    if (from < to)
        madvise(f->body + from, to - from, MADV_DONTNEED); // failing costs memory, nothing else
}
