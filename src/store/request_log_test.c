/* request_log_test.c - entries in and out; a full queue, a foreign file, a file kept small. */
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

static void open_log(struct fixture *f, const struct request_log_limits *limits)
{
    struct err_info e = {0};
    assert_int_equal(request_log_open(f->path, limits, &f->log, &e), ERR_NONE);
}

static void close_log(struct fixture *f)
{
    request_log_close(f->log, WAIT_MS);
    f->log = NULL;
}

static int set_up(void **state)
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

static int tear_down(void **state)
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
static int count_files(const struct fixture *f, const char *part)
{
    DIR *dir = opendir(f->dir);
    int count = 0;

    for (struct dirent *at; (at = readdir(dir));)
        count += strstr(at->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static struct request_log_entry *begin(struct fixture *f, size_t n)
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

static void add(struct fixture *f, size_t n)
{
    request_log_add(begin(f, n));
}

static void add_many(struct fixture *f, size_t from, size_t to)
{
    for (size_t n = from; n < to; n++)
        add(f, n);
    assert_true(request_log_flush(f->log, WAIT_MS));
}

static struct request_log_reader *open_reader(struct fixture *f)
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

static bool see(void *ctx, const struct request_log_row *row)
{
    struct seen *s = ctx;

    assert_true(s->count < ARRAY_LEN(s->ids));
    memcpy(s->ids[s->count++], row->id, ID_TEXT_BYTES);
    return true;
}

static struct request_log_filter all(void)
{
    return (struct request_log_filter){
        .since_unix_ms = START_MS, .until_unix_ms = START_MS + 100000000, .limit = 1000};
}

static size_t count_of(struct fixture *f, const struct request_log_filter *filter)
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

/* ---- what is in an entry ---- */

struct whole {
    int count;
    int64_t numbers[4];
    char texts[4][4096];
};

static bool see_whole(void *ctx, const struct request_log_row *row)
{
    struct whole *w = ctx;

    w->numbers[w->count] = row->number;
    snprintf(w->texts[w->count++], sizeof(w->texts[0]), "%.*s|%.*s|%.*s|%.*s|%d%d",
             SLICE_ARG(row->target), SLICE_ARG(row->request_head), SLICE_ARG(row->request),
             SLICE_ARG(row->response), (int)row->request_cut, (int)row->response_cut);
    return true;
}

static void test_entry(void **state)
{
    struct fixture *f = *state;
    struct request_log_entry *entry;
    struct request_log_reader *r;
    struct whole w = {0};
    struct err_info e = {0};

    open_log(f, &ample);
    entry = begin(f, 1);
    entry->row.number = 1;
    request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("second"), 100);
    request_log_add(entry);
    entry = begin(f, 1);
    entry->row.target = request_log_target(entry, SLICE("/v1/x?key=abc&a=b"));
    entry->row.request_head = request_log_lines(entry, SLICE("cookie: c\r\nhost: h\r\n"));
    request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("0123"), 6);
    request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("4567"), 6);
    request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("89"), 6);
    request_log_body(entry, REQUEST_LOG_RESPONSE, SLICE("answer"), 6);
    request_log_add(entry);
    add(f, 2);
    assert_true(request_log_flush(f->log, WAIT_MS));
    r = open_reader(f);
    assert_int_equal(request_log_get(r, f->ids[1], see_whole, &w, &e), ERR_NONE);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.numbers[0], 0);
    assert_string_equal(w.texts[0], "/v1/x?key=***&a=b|cookie: ***\nhost: h\n|012345|answer|10");
    assert_int_equal(w.numbers[1], 1);
    assert_string_equal(w.texts[1], "||second||00");
    assert_int_equal(request_log_get(r, f->ids[3], see_whole, &w, &e), ERR_NOT_FOUND);
    e = (struct err_info){0};
    assert_int_equal(request_log_get(r, "nonsense", see_whole, &w, &e), ERR_BAD_REQUEST);
    request_log_reader_close(r);
}

static bool file_has(const char *path, const char *text)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    char *bytes;
    bool found;

    if (fd < 0)
        return false;
    fstat(fd, &st);
    bytes = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    found = slice_find_slice(slice_of(bytes, (size_t)st.st_size), slice_str(text)) != SIZE_MAX;
    free(bytes);
    return found;
}

static bool log_has(const struct fixture *f, const char *text)
{
    char wal[160];

    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    return file_has(f->path, text) || file_has(wal, text);
}

/* Planted everywhere, found nowhere: in the bytes of the file, and in what is unpacked. */
static void test_secrets(void **state)
{
    static const char *const planted[] = {"sk-plantedplanted1", "AIzaPlanted12345",
                                          "own-planted-9/secret", "gp-planted0planted0planted0"};
    struct fixture *f = *state;
    struct request_log_reader *r;
    struct err_info e = {0};

    open_log(f, &ample);
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        struct request_log_entry *entry = request_log_entry_new(f->log, f->ids[i]);
        struct slice s = slice_str(planted[i]);
        struct buf head = {0};
        buf_printf(&head, "authorization: Bearer %s\r\nx-note: %s\r\n", planted[i], planted[i]);
        request_log_own(entry, secret_of(SLICE("own-planted-9/secret")));
        entry->row.target = request_log_target(entry, s);
        entry->row.why = request_log_text(entry, s);
        entry->row.request_head = request_log_lines(entry, buf_peek(&head));
        request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("{\"a\":\""), 1000);
        request_log_body(entry, REQUEST_LOG_REQUEST, slice_sub(s, 0, 7), 1000); // in pieces
        request_log_body(entry, REQUEST_LOG_REQUEST, slice_after(s, 7), 1000);
        request_log_body(entry, REQUEST_LOG_RESPONSE, s, s.len - 2); // cut
        request_log_add(entry);
        buf_release(&head);
    }
    assert_true(request_log_flush(f->log, WAIT_MS));
    for (size_t i = 0; i < ARRAY_LEN(planted); i++)
        assert_false(log_has(f, planted[i]));
    assert_true(log_has(f, "x-note")); // the look itself works
    r = open_reader(f);
    for (size_t i = 0; i < ARRAY_LEN(planted); i++) {
        struct whole w = {0};
        assert_int_equal(request_log_get(r, f->ids[i], see_whole, &w, &e), ERR_NONE);
        assert_string_equal(w.texts[0],
                            "***|authorization: ***\nx-note: ***\n|{\"a\":\"***|***|01");
    }
    request_log_reader_close(r);
}

static void test_small_and_private(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    open_log(f, &ample);
    assert_int_equal(count_files(f, "requests"), 0); // no entry, no file
    for (size_t n = 0; n < 20; n++) {
        struct request_log_entry *entry = begin(f, n);
        for (int i = 0; i < 1000; i++)
            request_log_body(entry, REQUEST_LOG_REQUEST, SLICE("{\"role\": \"user\", \"n\": 12}"),
                             1 << 20);
        request_log_add(entry);
    }
    assert_true(request_log_flush(f->log, WAIT_MS));
    close_log(f);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size < 200000); // of 500,000
}

/* ---- pages ---- */

static void test_filters(void **state)
{
    struct fixture *f = *state;
    struct request_log_filter filter = all();

    open_log(f, &ample);
    add_many(f, 0, 100);
    assert_int_equal(count_of(f, &filter), 100);
    filter.until_unix_ms = START_MS + 10000;
    assert_int_equal(count_of(f, &filter), 10);
    filter.since_unix_ms = START_MS + 4000;
    assert_int_equal(count_of(f, &filter), 6);
    filter = all();
    filter.user = SLICE("alice");
    assert_int_equal(count_of(f, &filter), 50);
    filter.status = 4;
    assert_int_equal(count_of(f, &filter), 10);
    filter.user = slice_of(NULL, 0);
    assert_int_equal(count_of(f, &filter), 20);
    filter.status = 429;
    assert_int_equal(count_of(f, &filter), 10);
    filter.status = 2;
    assert_int_equal(count_of(f, &filter), 80);
    filter = all();
    filter.provider = SLICE("mix");
    assert_int_equal(count_of(f, &filter), 34);
    filter.err = SLICE("RATE_LIMIT");
    assert_int_equal(count_of(f, &filter), 7);
    filter.model = SLICE("other");
    assert_int_equal(count_of(f, &filter), 0);
}

static void test_refused(void **state)
{
    static const struct {
        int64_t since, until, limit;
        int status;
        const char *after;
    } bad[] = {
        {0, 0, 10,                       0,  NULL},
        {5, 5, 10,                       0,  NULL},
        {5, 6, 0,                        0,  NULL},
        {5, 6, REQUEST_LOG_MAX_ROWS + 1, 0,  NULL},
        {5, 6, 1,                        44, NULL},
        {5, 6, 1,                        0,  "x" },
    };
    struct fixture *f = *state;
    struct request_log_reader *r;
    struct err_info e = {0};

    assert_int_equal(request_log_reader_open(f->path, &r, &e), ERR_NOT_FOUND);
    open_log(f, &ample);
    add_many(f, 0, 1);
    r = open_reader(f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct request_log_filter filter = {.since_unix_ms = bad[i].since,
                                            .until_unix_ms = bad[i].until,
                                            .limit = bad[i].limit,
                                            .status = bad[i].status,
                                            .after = bad[i].after};
        e = (struct err_info){0};
        assert_int_equal(request_log_query(r, &filter, see, NULL, &e), ERR_BAD_REQUEST);
    }
    request_log_reader_close(r);
}

/* A question without end is given up; and nothing but questions is taken. */
static void test_reader_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct buf endless = {0}, write = {0};
    struct err_info e = {0};
    struct db_reader r;
    sqlite3_stmt *st;

    open_log(f, &ample);
    add_many(f, 0, 3);
    assert_int_equal(db_reader_open(f->path, &r, &e), ERR_NONE);
    buf_append_str(&endless, "WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n)"
                             " SELECT max(v) FROM n");
    assert_int_equal(db_reader_ask(&r, &endless, &st, &e), ERR_NONE);
    assert_int_not_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(db_reader_fail(&r, &e), ERR_OVERLOADED);
    sqlite3_finalize(st);
    e = (struct err_info){0};
    buf_append_str(&write, "DELETE FROM entry");
    assert_int_equal(db_reader_ask(&r, &write, &st, &e), ERR_NONE);
    assert_int_not_equal(sqlite3_step(st), SQLITE_DONE);
    sqlite3_finalize(st);
    db_reader_close(&r);
    buf_release(&endless);
    buf_release(&write);
}

struct writing {
    struct fixture *f;
    size_t from, to;
};

static void *write_on(void *arg)
{
    const struct writing *w = arg;

    for (size_t n = w->from; n < w->to; n++)
        add(w->f, n);
    return NULL;
}

/* Whatever comes in meanwhile, pages have each older entry once and in order. */
static void walk(struct fixture *f, bool oldest_first)
{
    struct request_log_reader *r = open_reader(f);
    struct seen *s = calloc(1, sizeof(*s));
    struct request_log_filter filter = all();
    size_t before;

    filter.limit = 7;
    filter.oldest_first = oldest_first;
    filter.until_unix_ms = START_MS + 500000;
    do {
        struct err_info e = {0};
        before = s->count;
        filter.after = before ? s->ids[before - 1] : NULL;
        assert_int_equal(request_log_query(r, &filter, see, s, &e), ERR_NONE);
    } while (s->count > before);
    assert_int_equal(s->count, 500);
    for (size_t n = 0; n < 500; n++)
        assert_string_equal(s->ids[n], f->ids[oldest_first ? n : 499 - n]);
    free(s);
    request_log_reader_close(r);
}

static void test_pages_while_writing(void **state)
{
    struct fixture *f = *state;
    struct writing w = {f, 500, 4000};
    struct request_log_stats stats;
    pthread_t thread;

    open_log(f, &ample);
    add_many(f, 0, 500);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
    for (int i = 0; i < 3; i++) {
        walk(f, false);
        walk(f, true);
    }
    pthread_join(thread, NULL);
    assert_true(request_log_flush(f->log, WAIT_MS));
    request_log_read_stats(f->log, &stats);
    assert_int_equal(stats.written, 4000);
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.memory_bytes, 0);
}

/* ---- bounds ---- */

static void test_full_queue(void **state)
{
    static const struct request_log_limits tight = {100000, 36500, (int64_t)1 << 40};
    struct fixture *f = *state;
    struct request_log_entry *held[1000], *entry;
    struct request_log_stats stats;
    char body[1000] = "";
    size_t count = 0;

    open_log(f, &tight);
    while ((entry = request_log_entry_new(f->log, f->ids[count]))) {
        assert_true(count < ARRAY_LEN(held));
        request_log_body(entry, REQUEST_LOG_REQUEST, slice_of(body, sizeof(body)), 1 << 20);
        held[count++] = entry;
    }
    assert_true(count > 10);
    request_log_read_stats(f->log, &stats);
    assert_true(stats.memory_bytes <= 100000);
    assert_int_equal(stats.dropped, 1);
    for (size_t i = 0; i < 100; i++) // a body for which there is no room is cut
        request_log_body(held[0], REQUEST_LOG_RESPONSE, slice_of(body, sizeof(body)), 1 << 20);
    assert_true(held[0]->row.response_cut);
    assert_true(buf_len(&held[0]->bodies[REQUEST_LOG_RESPONSE]) < 10000);
    for (size_t i = 0; i < count; i++)
        request_log_add(held[i]);
    assert_true(request_log_flush(f->log, WAIT_MS));
    request_log_read_stats(f->log, &stats);
    assert_int_equal(stats.written, count);
    assert_int_equal(stats.memory_bytes, 0);
    add_many(f, 900, 910); // there is room again
}

static void test_close_writes(void **state)
{
    struct fixture *f = *state;
    struct request_log_filter filter = all();

    open_log(f, &ample);
    for (size_t n = 0; n < 300; n++)
        add(f, n);
    close_log(f);
    assert_int_equal(count_of(f, &filter), 300);
}

static void test_close_is_bounded(void **state)
{
    struct fixture *f = *state;

    open_log(f, &ample);
    for (size_t n = 0; n < 300; n++)
        add(f, n);
    request_log_close(f->log, 0); // what is left is dropped
    f->log = NULL;
}

static int64_t size_of(const struct fixture *f)
{
    struct stat st;
    return stat(f->path, &st) ? -1 : st.st_size;
}

/* 64 KiB that cannot be made smaller. */
static void add_large(struct fixture *f, size_t n)
{
    struct request_log_entry *entry = begin(f, n);
    uint64_t words[1024];

    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            words[i] = random_next(&f->random);
        request_log_body(entry, REQUEST_LOG_REQUEST, slice_of((char *)words, sizeof(words)),
                         1 << 20);
    }
    request_log_add(entry);
}

static void test_by_size(void **state)
{
    static const struct request_log_limits small = {(size_t)64 << 20, 36500, (int64_t)4 << 20};
    struct fixture *f = *state;
    struct request_log_filter filter = all();
    struct request_log_stats stats;
    size_t left;

    open_log(f, &small);
    for (size_t n = 0; n < 500; n++) {
        add_large(f, n);
        if (n % 50 == 49)
            assert_true(request_log_flush(f->log, WAIT_MS));
    }
    do { // steps go on while nobody waits
        assert_true(request_log_flush(f->log, WAIT_MS));
        request_log_read_stats(f->log, &stats);
    } while (stats.bytes > (int64_t)4 << 20);
    left = count_of(f, &filter);
    assert_true(left > 20 && left < 65);
    filter.since_unix_ms = START_MS + (500 - (int64_t)left) * 1000; // the newest ones
    assert_int_equal(count_of(f, &filter), left);
    assert_int_equal(stats.rows, left);
    close_log(f);
    assert_true(size_of(f) <= (int64_t)4 << 20);
}

static void test_by_age(void **state)
{
    struct fixture *f = *state;
    struct request_log_filter filter = all();
    struct request_log_stats stats;
    char id[ID_TEXT_BYTES];

    open_log(f, &ample);
    add_many(f, 0, 3000);
    id_make(&f->random, clock_unix_ms(), id);
    memcpy(f->ids[3000], id, sizeof(id));
    add_many(f, 3000, 3001);
    request_log_retain(f->log, 1, (int64_t)1 << 40);
    do {
        assert_true(request_log_flush(f->log, WAIT_MS));
        request_log_read_stats(f->log, &stats);
    } while (stats.rows > 1);
    assert_int_equal(count_of(f, &filter), 0);
    filter.until_unix_ms = clock_unix_ms() + 1000;
    assert_int_equal(count_of(f, &filter), 1);
}

/* One step takes no more than its share: nothing is locked for long. */
static void test_steps_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct log_file file = {.path = f->path};
    struct err_info e = {0};
    int64_t before;
    bool more = true;
    int steps = 0;

    open_log(f, &ample);
    add_many(f, 0, 2000);
    close_log(f);
    assert_int_equal(log_file_open(&file, &e), ERR_NONE);
    assert_int_equal(file.rows, 2000);
    while (more) {
        before = file.rows;
        assert_int_equal(log_file_forget(&file, INT64_MAX, (int64_t)1 << 40, &more, &e), ERR_NONE);
        assert_true(before - file.rows <= 500);
        steps++;
    }
    assert_int_equal(file.rows, 0);
    assert_true(steps >= 5);
    log_file_close(&file);
}

/* ---- files that are not what they should be ---- */

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *out = fopen(path, "w");

    assert_int_equal(fwrite(text, 1, len, out), len);
    fclose(out);
}

static void make_foreign(struct fixture *f)
{
    struct err_info e = {0};
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    db_run(db, "CREATE TABLE theirs (a)", &e);
    db_run(db, "INSERT INTO theirs VALUES (1)", &e);
    sqlite3_close(db);
    assert_int_equal(e.code, ERR_NONE);
}

static void make_newer(struct fixture *f)
{
    struct err_info e = {0};
    sqlite3 *db;

    open_log(f, &ample);
    add_many(f, 0, 1);
    close_log(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    db_run(db, "PRAGMA user_version = 99", &e);
    sqlite3_close(db);
}

static void make_nonsense(struct fixture *f)
{
    char text[8192];

    memset(text, 'x', sizeof(text));
    write_file(f->path, text, sizeof(text));
}

static void make_damaged(struct fixture *f)
{
    int fd;
    char zeros[4096] = {0};

    open_log(f, &ample);
    add_many(f, 0, 200);
    close_log(f);
    fd = open(f->path, O_WRONLY);
    for (off_t page = 1; page * 4096 < size_of(f); page++)
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), page * 4096), sizeof(zeros));
    close(fd);
}

static void test_set_aside(void **state)
{
    static void (*const kinds[])(struct fixture *) = {make_foreign, make_newer, make_nonsense,
                                                      make_damaged};
    struct fixture *f = *state;
    struct request_log_filter filter = all();

    for (int i = 0; i < (int)ARRAY_LEN(kinds); i++) {
        unlink(f->path);
        kinds[i](f);
        open_log(f, &ample);
        for (int tries = 0; tries < 3; tries++) // damage may be met when the first is written
            add_many(f, 3000, 3001);
        assert_int_equal(count_of(f, &filter), 1);
        close_log(f);
        assert_true(count_files(f, ".damaged-") > i);
    }
}

static void test_empty_file(void **state)
{
    struct fixture *f = *state;
    struct request_log_filter filter = all();

    write_file(f->path, "", 0);
    open_log(f, &ample);
    add_many(f, 0, 3);
    assert_int_equal(count_of(f, &filter), 3);
    assert_int_equal(count_files(f, ".damaged-"), 0);
}

/* Nowhere to write: entries are lost and counted, and nothing else happens. */
static void test_no_directory(void **state)
{
    struct fixture *f = *state;
    struct request_log_stats stats;

    snprintf(f->path, sizeof(f->path), "%s/none/requests.db", f->dir);
    open_log(f, &ample);
    add_many(f, 0, 10);
    request_log_read_stats(f->log, &stats);
    assert_int_equal(stats.dropped, 10);
    assert_true(stats.errors > 0);
    assert_int_equal(stats.memory_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_entry),
        TEST(test_secrets),
        TEST(test_small_and_private),
        TEST(test_filters),
        TEST(test_refused),
        TEST(test_reader_is_bounded),
        TEST(test_pages_while_writing),
        TEST(test_full_queue),
        TEST(test_close_writes),
        TEST(test_close_is_bounded),
        TEST(test_by_size),
        TEST(test_by_age),
        TEST(test_steps_are_bounded),
        TEST(test_set_aside),
        TEST(test_empty_file),
        TEST(test_no_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
