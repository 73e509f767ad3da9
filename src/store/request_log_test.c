/* request_log_test.c - entries in and out. */
#include "store/request_log_testing.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
