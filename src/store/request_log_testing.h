/* request_log_testing.h - a request log in a directory of its own, for the tests of it. */
#ifndef STORE_REQUEST_LOG_TESTING_H
#define STORE_REQUEST_LOG_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/db_reader.h"
#include "store/request_log.h"
#include "store/request_log_inside.h"

#define START_MS 1790000000000 // of the first exchange; each is a second later
#define WAIT_MS  60000

struct fixture {
    char dir[64], path[128];
    struct request_log *log;
    struct random random;
    char ids[4096][ID_TEXT_BYTES];
};

static const struct request_log_limits ample = {(size_t)64 << 20, 36500, (int64_t)1 << 40};

static inline void open_log(struct fixture *f, const struct request_log_limits *limits)
{
    struct err_info e = {0};
    assert_int_equal(request_log_open(f->path, limits, &f->log, &e), ERR_NONE);
}

static inline void close_log(struct fixture *f)
{
    request_log_close(f->log, WAIT_MS);
    f->log = NULL;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const uint64_t seed[4] = {1, 2, 3, 4};

    snprintf(f->dir, sizeof(f->dir), "/tmp/gproxy-log-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/requests.db", f->dir);
    random_seed(&f->random, seed);
    for (int64_t n = 0; n < (int64_t)ARRAY_LEN(f->ids); n++)
        id_make(&f->random, START_MS + n * 1000, f->ids[n]);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    DIR *dir = opendir(f->dir);

    if (f->log)
        close_log(f);
    for (struct dirent *at; (at = readdir(dir));)
        unlinkat(dirfd(dir), at->d_name, 0);
    closedir(dir);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* How many files there are whose name holds that. */
static inline int count_files(const struct fixture *f, const char *part)
{
    DIR *dir = opendir(f->dir);
    int count = 0;

    for (struct dirent *at; (at = readdir(dir));)
        count += strstr(at->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static inline struct request_log_entry *begin(struct fixture *f, size_t n)
{
    struct request_log_entry *entry = request_log_entry_new(f->log, f->ids[n]);

    assert_non_null(entry);
    entry->row.started_unix_ms = START_MS + (int64_t)n * 1000;
    entry->row.status = n % 5 ? 200 : n % 10 ? 429 : 404;
    entry->row.user = request_log_text(entry, n % 2 ? SLICE("alice") : SLICE("bob"));
    entry->row.model = request_log_text(entry, SLICE("gpt"));
    entry->row.provider = request_log_text(entry, n % 3 ? SLICE("openai") : SLICE("mix"));
    entry->row.err = request_log_text(entry, n % 5 ? SLICE("") : SLICE("RATE_LIMIT"));
    return entry;
}

static inline void add(struct fixture *f, size_t n)
{
    request_log_add(begin(f, n));
}

static inline void add_many(struct fixture *f, size_t from, size_t to)
{
    for (size_t n = from; n < to; n++)
        add(f, n);
    assert_true(request_log_flush(f->log, WAIT_MS));
}

static inline struct request_log_reader *open_reader(struct fixture *f)
{
    struct request_log_reader *r;
    struct err_info e = {0};

    if (request_log_reader_open(f->path, &r, &e))
        fail_msg("%s", e.text);
    return r;
}

/* What a walk has seen. */
struct seen {
    size_t count;
    char ids[1024][ID_TEXT_BYTES];
};

static inline bool see(void *ctx, const struct request_log_row *row)
{
    struct seen *s = ctx;

    assert_true(s->count < ARRAY_LEN(s->ids));
    memcpy(s->ids[s->count++], row->id, ID_TEXT_BYTES);
    return true;
}

static inline struct request_log_filter all(void)
{
    return (struct request_log_filter){
        .since_unix_ms = START_MS, .until_unix_ms = START_MS + 100000000, .limit = 1000};
}

static inline size_t count_of(struct fixture *f, const struct request_log_filter *filter)
{
    struct request_log_reader *r = open_reader(f);
    struct seen *s = calloc(1, sizeof(*s));
    struct err_info e = {0};
    size_t count;

    if (request_log_query(r, filter, see, s, &e))
        fail_msg("%s", e.text);
    count = s->count;
    free(s);
    request_log_reader_close(r);
    return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
