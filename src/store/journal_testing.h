/* journal_testing.h - what the tests of journals share, after cmocka.h. */
#ifndef STORE_JOURNAL_TESTING_H
#define STORE_JOURNAL_TESTING_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "store/journal_record.h"
#include "store/journal_ring.h"
#include "store/journal_set_inside.h"
#include "store/ledger_testing.h"

#define MOST 100000

static unsigned char seen[MOST];

static inline void path_of(const struct fixture *f, const char *name, char out[160])
{
    snprintf(out, 160, "%s/journal/%s", f->dir, name);
}

static inline void overwrite(const struct fixture *f, const char *name, off_t at, const void *bytes,
                             size_t len)
{
    char path[160];
    int fd;

    path_of(f, name, path);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static inline size_t count_files(const struct fixture *f, const char *ending)
{
    char path[160];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    path_of(f, "", path);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        count += slice_ends(slice_str(entry->d_name), slice_str(ending));
    closedir(dir);
    return count;
}

static inline bool settle(struct journal *j, uint32_t slot, uint64_t n)
{
    struct usage_record r = record_number(n);

    return journal_settle(j, slot, &r);
}

static inline uint32_t intend(struct journal *j, uint64_t n)
{
    struct usage_record r = record_number(n);

    return journal_intent(j, &r);
}

/* What the writer would read, acknowledged up to `most` records. */
static inline size_t drain(struct journal *j, size_t most, uint64_t *next)
{
    struct ring_reader r = {.file = &j->ring, .at = journal_tail(j), .end = journal_head(j)};
    struct usage_record record;
    struct slice payload;
    size_t count = 0;

    while (count < most && ring_next(&r, &payload)) {
        assert_true(record_decode(payload, &j->ring.words, &record));
        assert_int_equal(number_of(record.id), *next);
        ++*next;
        count++;
    }
    assert_int_equal(r.damaged_bytes, 0);
    journal_ack(j, r.at);
    return count;
}

/* The first bytes of one of the files. */
static inline void copy(const struct fixture *from, const char *name, char *bytes, size_t len)
{
    char path[160];
    int fd;

    path_of(from, name, path);
    fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, bytes, len, 0), len);
    close(fd);
}

static inline void leave_behind(const struct fixture *f, unsigned workers, uint64_t settled,
                                uint64_t running)
{
    struct journal_report report;
    struct journal_set *set = fixture_journals(f, workers, small_limits(), &report);

    for (uint64_t n = 0; n < settled + running; n++) {
        struct journal *j = journal_set_worker(set, (unsigned)(n % workers));
        uint32_t slot = intend(j, n);
        if (n < settled)
            assert_true(settle(j, slot, n));
    }
    journal_set_close(set);
}

static inline void assert_census(const struct fixture *f, uint64_t rows, uint64_t unknown)
{
    struct census c = fixture_census(f, seen, MOST);

    assert_int_equal(c.rows, rows);
    assert_int_equal(c.unknown, unknown);
    assert_int_equal(c.wrong, 0);
}

static inline enum err try_open(const struct fixture *f, struct journal_limits limits,
                                struct err_info *e)
{
    struct ledger *l = fixture_ledger(f);
    struct journal_report report;
    struct journal_set *set = NULL;

    *e = (struct err_info){.code = ERR_NONE};
    if (!journal_set_open(f->dir, 1, &limits, l, &report, &set, e))
        journal_set_close(set);
    ledger_close(l);
    return e->code;
}

#endif
