/* sqlite_file_test.c - files that are not what they should be, or where. */
#include "store/store_testing.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/random.h"
#include "store/migrations.h"

static void test_owner(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    char owner[32];

    assert_int_equal(store_owner(f->store, owner, sizeof(owner), &e), ERR_NONE);
    assert_string_equal(owner, "");
    assert_int_equal(store_claim(f->store, "0123456789abcdef", &e), ERR_NONE);
    assert_int_equal(store_claim(f->store, "0123456789abcdef", &e), ERR_NONE);
    assert_int_equal(store_owner(f->store, owner, sizeof(owner), &e), ERR_NONE);
    assert_string_equal(owner, "0123456789abcdef");
    assert_int_equal(store_claim(f->store, "another", &e), ERR_CONFLICT);
}

static void test_migrations(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct store *s = NULL;
    char sql[128];

    put_provider(f, "one");
    reopen(f); // nothing to be done
    load(f);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 1);

    snprintf(sql, sizeof(sql), "INSERT INTO schema_migration VALUES (%d, 'later', 0)",
             migrations_newest() + 1);
    meddle(f, sql);
    assert_int_equal(store_open(f->dsn, 0, &s, &e), ERR_NEWER);
    assert_non_null(strstr(e.text, f->path));
    assert_null(s);
}

static void test_foreign_tables(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    char dsn[160], path[128];
    struct store *s;
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/other.db", f->dir);
    snprintf(dsn, sizeof(dsn), "sqlite://%s", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(db_run(db, "CREATE TABLE theirs (x)", &e), ERR_NONE);
    sqlite3_close(db);
    assert_int_equal(store_open(dsn, 0, &s, &e), ERR_DAMAGED);
    unlink(path);
}

/* Overwrites the file from `from` on. */
static void damage(const struct fixture *f, off_t from, size_t len, char with)
{
    char *bytes = malloc(len);
    int fd = open(f->path, O_WRONLY);

    memset(bytes, with, len);
    assert_int_equal(pwrite(fd, bytes, len, from), len);
    close(fd);
    free(bytes);
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct store *s = NULL;
    struct stat st;
    bool refused;

    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof(name), "provider-%d", i);
        put_provider(f, name);
    }
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(stat(f->path, &st), 0);
    damage(f, 4096, (size_t)st.st_size - 4096, '\x5a');
    refused = store_open(f->dsn, 0, &s, &e) == ERR_DAMAGED;
    if (!refused) {
        assert_int_equal(e.code, ERR_NONE);
        assert_int_equal(store_load(s, &f->arena, &f->rows, on_report, f, &e), ERR_DAMAGED);
    }
    assert_non_null(strstr(e.text, "malformed"));
    store_close(s);

    damage(f, 0, 100, 'x'); // not even a database
    s = NULL;
    e = (struct err_info){0};
    assert_int_equal(store_open(f->dsn, 0, &s, &e), ERR_DAMAGED);
    assert_non_null(strstr(e.text, f->path));
}

static const struct {
    const char *dsn;
    unsigned flags;
    enum err err;
    const char *text;
} dsns[] = {
    {"postgres://localhost/x",            0,                ERR_UNSUPPORTED, "PostgreSQL"       },
    {"mysql://x",                         0,                ERR_BAD_REQUEST, "sqlite://PATH"    },
    {"sqlite://",                         0,                ERR_BAD_REQUEST, "sqlite://PATH"    },
    {"",                                  0,                ERR_BAD_REQUEST, "sqlite://PATH"    },
    {"sqlite:///nonexistent-dir/x.db",    0,                ERR_IO,          "/nonexistent-dir/"},
    {"sqlite:///tmp",                     0,                ERR_IO,          "/tmp"             },
    {"sqlite:///tmp/gproxy-not-there.db", STORE_MUST_EXIST, ERR_NOT_FOUND,   "no database at"   },
};

static void test_cannot_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dsns); i++) {
        struct err_info e = {0};
        struct store *s = NULL;
        if (store_open(dsns[i].dsn, dsns[i].flags, &s, &e) != dsns[i].err ||
            !strstr(e.text, dsns[i].text))
            fail_msg("%s: %s %s", dsns[i].dsn, err_name(e.code), e.text);
    }
}

/* A connection knows when it reads and writes what nobody else sees; an empty file is no database. */
static void test_moved(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct store *other = NULL;
    char aside[sizeof(f->path) + 8];
    int fd;

    snprintf(aside, sizeof(aside), "%s.aside", f->path);
    assert_false(store_has_moved(f->store));
    assert_int_equal(rename(f->path, aside), 0);
    assert_true(store_has_moved(f->store));
    assert_int_equal(store_open(f->dsn, STORE_MUST_EXIST, &other, &e), ERR_NOT_FOUND);
    fd = open(f->path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    e = (struct err_info){0};
    assert_int_equal(store_open(f->dsn, STORE_MUST_EXIST, &other, &e), ERR_NOT_FOUND);
    assert_true(store_has_moved(f->store));
    assert_int_equal(rename(aside, f->path), 0);
    assert_false(store_has_moved(f->store));
    e = (struct err_info){0};
    assert_int_equal(store_open(f->dsn, STORE_MUST_EXIST, &other, &e), ERR_NONE);
    store_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_migrations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moved, set_up, tear_down),
        cmocka_unit_test(test_cannot_open),
    };
    struct master_key master;

    if (!crypto_init())
        return 1;
    master_key_generate(&master);
    seal_key_init(&seal_key, &master);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
