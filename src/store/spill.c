/* spill.c - records that wait on disk while the database is away. */
#include "store/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define FILE_BYTES ((uint64_t)64 << 20) // then the next one is begun

static void name_of(uint32_t number, char name[JOURNAL_NAME_BYTES])
{
    snprintf(name, JOURNAL_NAME_BYTES, SPILL_NAME, number);
}

void spill_init(struct spill *s, int dir_fd, uint64_t limit_bytes, uint64_t limit_rows)
{
    *s = (struct spill){
        .dir_fd = dir_fd,
        .limit_bytes = limit_bytes,
        .limit_rows = limit_rows,
        .first = 1,
        .next = 1,
        .fd = -1,
    };
}

enum err spill_sync(struct spill *s, struct err_info *e)
{
    if (!s->is_unsynced)
        return ERR_NONE;
    if (fdatasync(s->fd) || (s->is_new && fsync(s->dir_fd)))
        return err_set(e, ERR_IO, "cannot bring to the disk what was written aside: %s",
                       strerror(errno));
    s->is_unsynced = s->is_new = false;
    return ERR_NONE;
}

/* What was appended has been synced, or failed to be and still stands in the ring. */
static void stop_appending(struct spill *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->is_unsynced = s->is_new = false;
}

void spill_release(struct spill *s)
{
    stop_appending(s);
    journal_file_unmap(&s->reading);
}

static enum err begin_file(struct spill *s, struct err_info *e)
{
    char name[JOURNAL_NAME_BYTES];

    name_of(s->next, name);
    if (journal_file_make(s->dir_fd, name, JOURNAL_MAGIC_SPILL, s->next, 0, e))
        return e->code;
    s->fd = openat(s->dir_fd, name, O_WRONLY | O_CLOEXEC);
    if (s->fd < 0) {
        unlinkat(s->dir_fd, name, 0);
        return err_set(e, ERR_IO, "cannot open %s: %s", name, strerror(errno));
    }
    s->fd_bytes = JOURNAL_HEADER_BYTES;
    s->is_new = true;
    s->next++;
    return ERR_NONE;
}

static bool write_all(int fd, struct slice bytes, uint64_t at)
{
    while (bytes.len) {
        ssize_t n = pwrite(fd, bytes.ptr, bytes.len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = slice_after(bytes, (size_t)n);
        at += (uint64_t)n;
    }
    return true;
}

/* What could not be written whole is not there; half a record would be known as one. */
static void take_back(struct spill *s)
{
    char name[JOURNAL_NAME_BYTES];

    if (s->fd_bytes > JOURNAL_HEADER_BYTES) {
        if (ftruncate(s->fd, (off_t)s->fd_bytes))
            stop_appending(s);
        return;
    }
    stop_appending(s);
    name_of(--s->next, name);
    unlinkat(s->dir_fd, name, 0);
}

enum err spill_append(struct spill *s, struct slice records, uint64_t rows, struct err_info *e)
{
    if (s->bytes + records.len > s->limit_bytes || s->rows + rows > s->limit_rows)
        return err_set(e, ERR_LEDGER_FULL, "no more usage can wait for the database");
    if (s->fd >= 0 && s->fd_bytes >= FILE_BYTES)
        stop_appending(s);
    if (s->fd < 0 && begin_file(s, e))
        return e->code;
    if (!write_all(s->fd, records, s->fd_bytes)) {
        err_set(e, ERR_IO, "cannot write usage aside: %s", strerror(errno));
        take_back(s);
        return e->code;
    }
    s->is_unsynced = true;
    s->fd_bytes += records.len;
    s->bytes += records.len;
    s->rows += rows;
    return ERR_NONE;
}

void spill_undo(struct spill *s, uint64_t bytes, uint64_t rows)
{
    s->fd_bytes -= bytes;
    s->bytes -= bytes;
    s->rows -= rows;
    take_back(s);
}

/* The first file will not be looked at again. */
static void pass_over(struct spill *s)
{
    s->is_reading = false;
    journal_file_unmap(&s->reading);
    s->first++;
    if (spill_is_empty(s))
        s->bytes = s->rows = 0;
}

/* From here on, what is appended goes into another file: this one has an end. */
static bool begin_reading(struct spill *s)
{
    struct err_info why = {.code = ERR_NONE};
    char name[JOURNAL_NAME_BYTES];

    if (spill_is_empty(s))
        return false;
    if (s->first == s->next - 1)
        stop_appending(s);
    name_of(s->first, name);
    if (journal_file_map(s->dir_fd, name, JOURNAL_MAGIC_SPILL, &s->reading, &why)) {
        log_event(LOG_ERROR, NULL, "ledger.spill", "file=%s err=\"%s\"", name, err_info_text(&why));
        if (faccessat(s->dir_fd, name, F_OK, 0) && errno == ENOENT)
            pass_over(s); // somebody took it away: nothing to wait for
        return false;
    }
    s->is_reading = true;
    s->records = (struct records){.rest = slice_of(s->reading.body, s->reading.body_bytes)};
    s->committed = s->records;
    return true;
}

bool spill_next(struct spill *s, struct usage_record *out)
{
    struct slice payload;

    if (!s->is_reading && !begin_reading(s))
        return false;
    while (records_next(&s->records, &payload)) {
        if (record_decode(payload, &s->reading.words, out)) {
            s->read_rows++;
            return true;
        }
    }
    return false;
}

void spill_rewind(struct spill *s)
{
    s->records = s->committed;
    s->read_rows = 0;
}

static void end_reading(struct spill *s)
{
    struct err_info why = {.code = ERR_NONE};
    char name[JOURNAL_NAME_BYTES], kept_as[JOURNAL_NAME_BYTES] = "";
    uint64_t lost = s->records.damaged_bytes + s->records.torn_bytes;

    name_of(s->first, name);
    if (!lost) {
        unlinkat(s->dir_fd, name, 0);
    } else {
        journal_file_put_aside(s->dir_fd, name, kept_as, &why);
        log_event(LOG_ERROR, NULL, "journal.damaged", "file=%s kept_as=%s lost_bytes=%llu", name,
                  kept_as, (unsigned long long)lost);
    }
    pass_over(s);
}

void spill_ack(struct spill *s)
{
    uint64_t bytes = s->committed.rest.len - s->records.rest.len;

    s->bytes -= bytes;
    s->rows -= s->read_rows < s->rows ? s->read_rows : s->rows;
    s->read_rows = 0;
    s->committed = s->records;
    if (s->is_reading && !s->records.rest.len)
        end_reading(s);
}
