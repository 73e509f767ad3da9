/* request_log_bounds_test.c - a full queue, a file that is kept small or is not ours. */
#include "store/request_log_testing.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full_queue), TEST(test_close_writes), TEST(test_close_is_bounded),
        TEST(test_by_size),    TEST(test_by_age),       TEST(test_steps_are_bounded),
        TEST(test_set_aside),  TEST(test_empty_file),   TEST(test_no_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
