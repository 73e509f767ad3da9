/* sqlite_test.c - rows in and out of a file. */
#include "store/store_testing.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "crypto/key.h"
#include "crypto/random.h"

static struct seal_key other_key;

static int64_t put_credential(struct fixture *f, int64_t provider_id, const char *secret)
{
    struct credential_row row;

    row_set_defaults(row_kind(ROW_CREDENTIAL), &row);
    row.provider_id = provider_id;
    row.secret = secret_of(slice_str(secret));
    return put(f, ROW_CREDENTIAL, &row);
}

static int64_t put_user(struct fixture *f, const char *name)
{
    struct user_row row;

    row_set_defaults(row_kind(ROW_USER), &row);
    row.name = slice_str(name);
    return put(f, ROW_USER, &row);
}

static int64_t put_key(struct fixture *f, int64_t user_id, char filler)
{
    char digest[KEY_DIGEST_BYTES];
    struct key_row row;

    memset(digest, filler, sizeof(digest));
    row_set_defaults(row_kind(ROW_KEY), &row);
    row.user_id = user_id;
    row.digest = slice_of(digest, sizeof(digest));
    row.prefix = SLICE("gp-12345");
    row.expires_unix_ms = 1798761600000;
    return put(f, ROW_KEY, &row);
}

static void test_columns_are_fields(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};

    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct row_kind *k = row_kind((enum row_type)type);
        char sql[256];
        sqlite3 *db;
        int64_t count;
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s')", k->table);
        assert_int_equal(db_query_int(db, sql, 0, &count, &e), ERR_NONE);
        assert_int_equal(count, k->field_count + 3);
        sqlite3_close(db);
    }
    load(f); // selects every field by name
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 0);
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    int64_t provider = put_provider(f, "one"), user;
    const struct credential_row *c;
    const struct key_row *k;
    const struct provider_row *p;
    struct stat st;

    put_credential(f, provider, "{\"api_key\":\"sk-123456789\"}");
    user = put_user(f, "bob@example.org");
    put_key(f, user, '\0');
    reopen(f);
    load(f);
    assert_int_equal(f->reported, 0);
    p = ROWS(&f->rows, ROW_PROVIDER, struct provider_row);
    assert_int_equal(p->head.id, provider);
    assert_true(slice_eq(p->settings, SLICE("{}")));
    assert_true(p->enabled);
    assert_null(p->label.ptr);
    assert_true(p->head.created_unix_ms > 0);
    c = ROWS(&f->rows, ROW_CREDENTIAL, struct credential_row);
    assert_int_equal(c->provider_id, provider);
    assert_int_equal(c->weight, 100);
    assert_true(c->rpm == ROW_NULL_INT);
    assert_true(slice_eq(secret_reveal(c->secret), SLICE("{\"api_key\":\"sk-123456789\"}")));
    k = ROWS(&f->rows, ROW_KEY, struct key_row);
    assert_int_equal(k->digest.len, KEY_DIGEST_BYTES);
    assert_int_equal(k->digest.ptr[31], '\0');
    assert_int_equal(k->expires_unix_ms, 1798761600000);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* The file holds neither the secret nor a part of it. */
static void test_sealed_at_rest(void **state)
{
    struct fixture *f = *state;
    char *bytes = malloc(1 << 20);
    ssize_t len;
    int fd;

    put_credential(f, put_provider(f, "one"), "{\"api_key\":\"sk-very-secret-text\"}");
    store_close(f->store); // the log is written into the file
    f->store = NULL;
    fd = open(f->path, O_RDONLY);
    len = read(fd, bytes, 1 << 20);
    close(fd);
    assert_true(len > 4096);
    assert_ptr_equal(memmem(bytes, (size_t)len, "very-secret", 11), NULL);
    assert_non_null(memmem(bytes, (size_t)len, "v1:", 3));
    free(bytes);
    reopen(f);
}

static void test_update_and_delete(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct provider_row p;
    int64_t id = put_provider(f, "one"), user = put_user(f, "bob"), key;
    struct permission_row right;

    put_credential(f, id, "{}");
    key = put_key(f, user, 'a');
    row_set_defaults(row_kind(ROW_PERMISSION), &right);
    right.key_id = key;
    right.provider_id = id;
    right.models = SLICE("*");
    put(f, ROW_PERMISSION, &right);

    load(f);
    p = *ROWS(&f->rows, ROW_PROVIDER, struct provider_row);
    p.name = SLICE("two");
    p.enabled = false;
    put(f, ROW_PROVIDER, &p);
    load(f);
    assert_true(slice_eq(ROWS(&f->rows, ROW_PROVIDER, struct provider_row)->name, SLICE("two")));
    assert_false(ROWS(&f->rows, ROW_PROVIDER, struct provider_row)->enabled);
    assert_int_equal(ROWS(&f->rows, ROW_PROVIDER, struct provider_row)->head.id, id);

    assert_int_equal(store_delete(f->store, ROW_USER, user, &e), ERR_NONE);
    load(f);
    assert_int_equal(f->rows.counts[ROW_KEY], 0);
    assert_int_equal(f->rows.counts[ROW_PERMISSION], 0);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 1);
    assert_int_equal(store_delete(f->store, ROW_PROVIDER, id, &e), ERR_NONE);
    load(f);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 0);
    assert_int_equal(store_delete(f->store, ROW_PROVIDER, id, &e), ERR_NOT_FOUND);
    assert_true(put_provider(f, "three") > id); // ids are not used twice
}

static void test_refused_writes(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct provider_row p;
    struct credential_row c;
    struct store *keyless;

    put_provider(f, "one");
    row_set_defaults(row_kind(ROW_PROVIDER), &p);
    p.name = SLICE("one");
    p.channel = SLICE("openai");
    assert_int_equal(store_put(f->store, ROW_PROVIDER, &p, &e), ERR_CONFLICT);
    assert_string_equal(e.text, "there is already a provider with this name");
    assert_int_equal(p.head.id, 0);

    e = (struct err_info){0};
    p.head.id = 999;
    p.name = SLICE("two");
    assert_int_equal(store_put(f->store, ROW_PROVIDER, &p, &e), ERR_NOT_FOUND);

    e = (struct err_info){0};
    row_set_defaults(row_kind(ROW_CREDENTIAL), &c);
    c.provider_id = 999;
    assert_int_equal(store_put(f->store, ROW_CREDENTIAL, &c, &e), ERR_CONFLICT);

    e = (struct err_info){0};
    assert_int_equal(store_open(f->dsn, 0, &keyless, &e), ERR_NONE);
    c.provider_id = 1;
    c.secret = secret_of(SLICE("{}"));
    assert_int_equal(store_put(keyless, ROW_CREDENTIAL, &c, &e), ERR_IO);
    store_close(keyless);
    load(f);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 0); // nor its half
}

static void test_transactions(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct provider_row p;

    assert_int_equal(store_begin(f->store, &e), ERR_NONE);
    put_provider(f, "one");
    store_rollback(f->store);
    load(f);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 0);

    assert_int_equal(store_begin(f->store, &e), ERR_NONE);
    put_provider(f, "one");
    row_set_defaults(row_kind(ROW_PROVIDER), &p);
    p.name = SLICE("one");
    p.channel = SLICE("openai");
    assert_int_equal(store_put(f->store, ROW_PROVIDER, &p, &e), ERR_CONFLICT);
    put_provider(f, "two"); // the transaction goes on
    e = (struct err_info){0};
    assert_int_equal(store_commit(f->store, &e), ERR_NONE);
    load(f);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 2);
    store_rollback(f->store); // none is open: nothing
}

static void test_changed(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct store *other;
    int64_t id;

    assert_true(store_changed(f->store)); // never loaded
    load(f);
    assert_false(store_changed(f->store));
    put_provider(f, "mine");
    assert_true(store_changed(f->store));
    load(f);
    assert_false(store_changed(f->store));

    assert_int_equal(store_open(f->dsn, 0, &other, &e), ERR_NONE);
    assert_true(store_changed(other));
    meddle(f, "CREATE TABLE somebody (x)"); // a commit that is no change of rows
    assert_false(store_changed(f->store));
    id = put_provider(f, "again");
    load(f);
    assert_int_equal(store_delete(other, ROW_PROVIDER, id, &e), ERR_NONE);
    assert_true(store_changed(f->store));
    assert_true(store_changed(f->store)); // until it is loaded
    load(f);
    assert_false(store_changed(f->store));
    store_close(other);
}

static const struct {
    const char *why, *sql, *report;
} bad_rows[] = {
    {"a broken name",        "UPDATE provider SET name = 'a b' WHERE id = 2",                     "provider 2: name: "    },
    {"an unknown channel",   "UPDATE provider SET channel = 'x' WHERE id = 2",
     "provider 2: channel: "                                                                                              },
    {"no JSON",              "UPDATE provider SET settings = '{' WHERE id = 2",                   "provider 2: settings: "},
    {"moved to another row",
     "UPDATE credential SET secret = (SELECT secret FROM credential WHERE id = 1) WHERE id = 2",  "credential 2: "        },
    {"not sealed",           "UPDATE credential SET secret = '{}' WHERE id = 2",                  "credential 2: "        },
    {"cut",                  "UPDATE credential SET secret = substr(secret, 1, 40) WHERE id = 2", "credential 2: "        },
    {"a broken pattern",     "UPDATE permission SET models = '[a' WHERE id = 1",
     "permission 1: models: "                                                                                             },
    {"a short digest",       "UPDATE key SET digest = x'00' WHERE id = 1",                        "key 1: digest: "       },
    {"an unknown setting",   "UPDATE setting SET name = 'nonsense'",                              "setting 1: "           },
};

static void test_bad_rows_are_skipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
        struct fixture *f;
        size_t before = 0, after = 0;
        struct permission_row right;
        struct setting_row setting;
        int64_t one, two, user;
        set_up((void **)&f);
        one = put_provider(f, "one");
        two = put_provider(f, "two");
        put_credential(f, one, "{\"api_key\":\"sk-1\"}");
        put_credential(f, two, "{\"api_key\":\"sk-2\"}");
        user = put_user(f, "bob");
        put_key(f, user, 'a');
        row_set_defaults(row_kind(ROW_PERMISSION), &right);
        right.user_id = user;
        right.models = SLICE("*");
        put(f, ROW_PERMISSION, &right);
        row_set_defaults(row_kind(ROW_SETTING), &setting);
        setting.name = SLICE("max_attempts");
        setting.value = SLICE("3");
        put(f, ROW_SETTING, &setting);
        load(f);
        assert_int_equal(f->reported, 0);
        for (size_t type = 0; type < ROW_TYPE_COUNT; type++)
            before += f->rows.counts[type];
        meddle(f, bad_rows[i].sql);
        load(f);
        for (size_t type = 0; type < ROW_TYPE_COUNT; type++)
            after += f->rows.counts[type];
        if (f->reported != 1 || after != before - 1 || !strstr(f->report, bad_rows[i].report))
            fail_msg("%s: %zu reports, %zu of %zu rows, %s", bad_rows[i].why, f->reported, after,
                     before, f->report);
        tear_down((void **)&f);
    }
}

static void test_another_key(void **state)
{
    struct fixture *f = *state;

    put_credential(f, put_provider(f, "one"), "{\"api_key\":\"sk-1\"}");
    store_use_key(f->store, &other_key);
    load(f);
    assert_int_equal(f->reported, 1);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 0);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 1);
}

/*
 * Two connections here and one in another process that comes and goes: it must not
 * take itself for the last one and remove the log (locks are per process and file).
 */
static void test_other_process(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    char log[160];
    struct store *second;
    int status;
    pid_t child;

    assert_int_equal(store_open(f->dsn, 0, &second, &e), ERR_NONE);
    put_provider(f, "one");
    child = fork();
    if (child == 0) { // a process of its own: SQLite knows which files this one has open
        execl("/proc/self/exe", "sqlite-test", f->dsn, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    snprintf(log, sizeof(log), "%s-wal", f->path);
    assert_int_equal(access(log, F_OK), 0);
    store_close(second);
    put_provider(f, "two");
    load(f);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 2);
}

static void test_empty(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct setting_row setting;
    bool empty;

    assert_int_equal(store_is_empty(f->store, &empty, &e), ERR_NONE);
    assert_true(empty);
    row_set_defaults(row_kind(ROW_SETTING), &setting);
    setting.name = SLICE("max_attempts");
    setting.value = SLICE("3");
    put(f, ROW_SETTING, &setting);
    assert_int_equal(store_is_empty(f->store, &empty, &e), ERR_NONE);
    assert_false(empty);
}

/* What test_other_process() runs. */
static int open_and_close(const char *dsn)
{
    struct err_info e = {0};
    struct store *s;

    if (store_open(dsn, STORE_MUST_EXIST, &s, &e))
        return 1;
    store_close(s);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_columns_are_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sealed_at_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update_and_delete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed, set_up, tear_down),
        cmocka_unit_test(test_bad_rows_are_skipped),
        cmocka_unit_test_setup_teardown(test_another_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
    };
    struct master_key master;

    if (!crypto_init())
        return 1;
    if (argc > 1)
        return open_and_close(argv[1]);
    master_key_generate(&master);
    seal_key_init(&seal_key, &master);
    master_key_generate(&master);
    seal_key_init(&other_key, &master);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
