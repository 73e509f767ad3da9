/* audit_test.c - a line for each change and none without, no secret in any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "store/audit.h"
#include "store/db.h"
#include "store/store.h"

static struct seal_key seal_key;

struct fixture {
    char dir[64], dsn[160];
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err_info e = {0};

    snprintf(f->dir, sizeof(f->dir), "/tmp/gproxy-audit-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->dsn, sizeof(f->dsn), "sqlite://%s/gproxy.db", f->dir);
    assert_int_equal(store_open(f->dsn, 0, &f->store, &e), ERR_NONE);
    store_use_key(f->store, &seal_key);
    store_set_actor(f->store, &(struct store_actor){"cli", "alice", "host", NULL});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"gproxy.db", "gproxy.db-wal", "gproxy.db-shm"};
    struct fixture *f = *state;
    char path[128];

    store_close(f->store);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* ---- reading ---- */

struct lines {
    size_t count;
    int64_t ids[64];
    char texts[64][1200];
};

static bool see(void *ctx, const struct audit_row *row)
{
    struct lines *l = ctx;

    assert_true(l->count < ARRAY_LEN(l->texts));
    assert_true(row->at_unix_ms > 0);
    l->ids[l->count] = row->id;
    snprintf(l->texts[l->count++], sizeof(l->texts[0]),
             "%.*s/%.*s/%.*s %.*s %.*s %lld \"%.*s\" %.*s -> %.*s %.*s", SLICE_ARG(row->actor_kind),
             SLICE_ARG(row->actor), SLICE_ARG(row->origin), SLICE_ARG(row->action),
             SLICE_ARG(row->kind), (long long)row->row_id, SLICE_ARG(row->name),
             SLICE_ARG(row->before), SLICE_ARG(row->after), SLICE_ARG(row->note));
    return true;
}

static struct audit_filter all(void)
{
    return (struct audit_filter){
        .since_unix_ms = 0, .until_unix_ms = INT64_MAX, .oldest_first = true, .limit = 60};
}

static struct lines *read_lines(struct fixture *f, const struct audit_filter *filter)
{
    struct lines *l = calloc(1, sizeof(*l));
    struct audit_reader *r;
    struct err_info e = {0};

    assert_int_equal(audit_reader_open(f->dsn, &r, &e), ERR_NONE);
    assert_int_equal(audit_query(r, filter, see, l, &e), ERR_NONE);
    audit_reader_close(r);
    return l;
}

static size_t count_lines(struct fixture *f, const struct audit_filter *filter)
{
    struct lines *l = read_lines(f, filter);
    size_t count = l->count;

    free(l);
    return count;
}

static void assert_last(struct fixture *f, const char *wanted)
{
    struct audit_filter filter = all();
    struct lines *l = read_lines(f, &filter);

    assert_true(l->count > 0);
    assert_string_equal(l->texts[l->count - 1], wanted);
    free(l);
}

/* ---- rows ---- */

static enum err try_put(struct fixture *f, enum row_type type, void *row)
{
    struct err_info e = {0};
    return store_put(f->store, type, row, &e);
}

static void put(struct fixture *f, enum row_type type, void *row)
{
    struct err_info e = {0};

    if (store_put(f->store, type, row, &e))
        fail_msg("%s", err_info_text(&e));
}

static int64_t put_user(struct fixture *f, const char *name)
{
    struct user_row row;

    row_set_defaults(row_kind(ROW_USER), &row);
    row.name = slice_str(name);
    put(f, ROW_USER, &row);
    return row.head.id;
}

static int64_t put_provider(struct fixture *f, const char *name)
{
    struct provider_row row;

    row_set_defaults(row_kind(ROW_PROVIDER), &row);
    row.name = slice_str(name);
    row.channel = SLICE("openai");
    put(f, ROW_PROVIDER, &row);
    return row.head.id;
}

static struct key_row key_of(int64_t user_id, const char *digest)
{
    struct key_row row;

    row_set_defaults(row_kind(ROW_KEY), &row);
    row.user_id = user_id;
    row.digest = slice_str(digest);
    row.prefix = SLICE("gp-12345");
    return row;
}

static void test_life_of_a_row(void **state)
{
    struct fixture *f = *state;
    struct user_row row;
    struct err_info e = {0};
    struct audit_filter filter = all();

    row_set_defaults(row_kind(ROW_USER), &row);
    row.name = SLICE("bob");
    put(f, ROW_USER, &row);
    assert_last(f, "cli/alice/host create user 1 \"bob\"  -> "
                   "{\"name\":\"bob\",\"enabled\":true,\"admin\":false} ");
    row.admin = true;
    put(f, ROW_USER, &row);
    assert_last(f, "cli/alice/host update user 1 \"bob\" {\"admin\":false} -> {\"admin\":true} ");
    put(f, ROW_USER, &row); // nothing has changed
    assert_int_equal(count_lines(f, &filter), 2);
    store_set_actor(f->store, &(struct store_actor){"admin", "carol", "192.0.2.1", "has left"});
    assert_int_equal(store_delete(f->store, ROW_USER, row.head.id, &e), ERR_NONE);
    assert_last(f, "admin/carol/192.0.2.1 delete user 1 \"bob\" "
                   "{\"name\":\"bob\",\"enabled\":true,\"admin\":true} ->  has left");
}

/* What is null on one side is said. */
static void test_null(void **state)
{
    struct fixture *f = *state;
    struct provider_row row;

    row_set_defaults(row_kind(ROW_PROVIDER), &row);
    row.name = SLICE("p");
    row.channel = SLICE("openai");
    put(f, ROW_PROVIDER, &row);
    row.label = SLICE("shown \"so\"");
    put(f, ROW_PROVIDER, &row);
    assert_last(f, "cli/alice/host update provider 1 \"p\" {\"label\":null} -> "
                   "{\"label\":\"shown \\\"so\\\"\"} ");
}

static void test_secrets(void **state)
{
    static const char *const secrets[] = {"sk-first-secret-1",  "sk-second-secret-2",
                                          "hunter2pass",        "$argon2id$v=19$m=19456",
                                          "digestdigestdigest", "BASIC-value-of-a-header"};
    struct fixture *f = *state;
    struct credential_row credential;
    struct audit_filter filter = all();
    struct user_row user;
    struct rule_row rule;
    struct key_row key;
    struct lines *l;

    row_set_defaults(row_kind(ROW_CREDENTIAL), &credential);
    credential.provider_id = put_provider(f, "p");
    credential.label = SLICE("main");
    credential.secret = secret_of(SLICE("{\"api_key\":\"sk-first-secret-1\"}"));
    credential.proxy = SLICE("http://bob:hunter2pass@proxy:8080");
    put(f, ROW_CREDENTIAL, &credential);
    assert_last(f, "cli/alice/host create credential 1 \"main\"  -> {\"provider\":1,"
                   "\"label\":\"main\",\"enabled\":true,\"secret\":\"sha256:d0f8374d\","
                   "\"weight\":100,\"proxy\":\"http://***@proxy:8080\"} ");
    credential.weight = 5; // sealed anew, and the same
    put(f, ROW_CREDENTIAL, &credential);
    assert_last(f, "cli/alice/host update credential 1 \"main\" {\"weight\":100} -> "
                   "{\"weight\":5} ");
    credential.secret = secret_of(SLICE("{\"api_key\":\"sk-second-secret-2\"}"));
    put(f, ROW_CREDENTIAL, &credential);
    assert_last(f, "cli/alice/host update credential 1 \"main\" {\"secret\":\"sha256:d0f8374d\"} "
                   "-> {\"secret\":\"sha256:5c2ab1c9\"} ");
    row_set_defaults(row_kind(ROW_USER), &user);
    user.name = SLICE("bob");
    user.password_hash = SLICE("$argon2id$v=19$m=19456");
    put(f, ROW_USER, &user);
    key = key_of(user.head.id, "digestdigestdigestdigestdigestdi");
    put(f, ROW_KEY, &key);
    row_set_defaults(row_kind(ROW_RULE), &rule);
    rule.phase = SLICE("outbound");
    rule.action = SLICE("header");
    rule.name = SLICE("X-Api-Key");
    rule.value = SLICE("\"BASIC-value-of-a-header\"");
    put(f, ROW_RULE, &rule);
    rule.head.id = 0;
    rule.name = SLICE("x-note");
    rule.value = SLICE("\"sk-second-secret-2\"");
    put(f, ROW_RULE, &rule);
    l = read_lines(f, &filter);
    assert_int_equal(l->count, 8);
    for (size_t i = 0; i < l->count; i++) {
        for (size_t s = 0; s < ARRAY_LEN(secrets); s++) {
            if (strstr(l->texts[i], secrets[s]))
                fail_msg("%s in %s", secrets[s], l->texts[i]);
        }
    }
    assert_non_null(strstr(l->texts[4], "\"password\":\"sha256:"));
    assert_non_null(strstr(l->texts[5], "\"digest\":\"sha256:"));
    assert_non_null(strstr(l->texts[6], "\"value\":\"sha256:"));
    assert_non_null(strstr(l->texts[7], "\"value\":\"***\""));
    free(l);
}

/* Without the key, or with another one, a change is noted all the same. */
static void test_sealed_by_another(void **state)
{
    struct fixture *f = *state;
    struct credential_row row;
    struct err_info e = {0};
    struct seal_key other;

    row_set_defaults(row_kind(ROW_CREDENTIAL), &row);
    row.provider_id = put_provider(f, "p");
    row.secret = secret_of(SLICE("{\"api_key\":\"sk-first-secret-1\"}"));
    put(f, ROW_CREDENTIAL, &row);
    crypto_random(&other, sizeof(other));
    store_use_key(f->store, &other);
    assert_int_equal(store_delete(f->store, ROW_CREDENTIAL, row.head.id, &e), ERR_NONE);
}

static void test_children(void **state)
{
    struct fixture *f = *state;
    struct permission_row permission;
    struct err_info e = {0};
    struct key_row key;
    int64_t user = put_user(f, "bob");

    key = key_of(user, "11111111111111111111111111111111");
    put(f, ROW_KEY, &key);
    row_set_defaults(row_kind(ROW_PERMISSION), &permission);
    permission.key_id = key.head.id;
    permission.models = SLICE("*");
    put(f, ROW_PERMISSION, &permission);
    permission.head.id = 0;
    permission.key_id = ROW_NULL_INT;
    permission.user_id = user;
    put(f, ROW_PERMISSION, &permission);
    key = key_of(user, "22222222222222222222222222222222");
    put(f, ROW_KEY, &key);
    assert_int_equal(store_delete(f->store, ROW_USER, user, &e), ERR_NONE);
    assert_last(f, "cli/alice/host delete user 1 \"bob\" "
                   "{\"name\":\"bob\",\"enabled\":true,\"admin\":false} ->  "
                   "with it went 2 key, 2 permission");
}

/* Every kind of row: its creation is told with every field that is set. */
static void test_every_kind(void **state)
{
    struct fixture *f = *state;
    struct audit_filter filter = all();
    int64_t user = put_user(f, "bob"), provider = put_provider(f, "p");
    size_t told = 2;

    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct row_kind *k = row_kind((enum row_type)type);
        char *row = calloc(1, k->size);
        struct lines *l;
        row_set_defaults(k, row);
        for (size_t i = 0; i < k->field_count; i++) {
            const struct field *field = &k->fields[i];
            void *at = row + field->offset;
            if (field->type == FIELD_TEXT)
                *(struct slice *)at = SLICE("word");
            else if (field->type == FIELD_JSON)
                *(struct slice *)at = SLICE("{}");
            else if (field->type == FIELD_BYTES)
                *(struct slice *)at = SLICE("0123456789abcdef0123456789abcdef");
            else if (field->type == FIELD_SECRET)
                *(struct secret *)at = secret_of(SLICE("{}"));
            else if (field->type == FIELD_REF)
                *(int64_t *)at = field->ref == ROW_USER       ? user
                                 : field->ref == ROW_PROVIDER ? provider
                                                              : 1; // made by this loop
            else if (field->type != FIELD_BOOL)
                *(int64_t *)at = 7;
        }
        put(f, (enum row_type)type, row);
        l = read_lines(f, &filter);
        assert_int_equal(l->count, ++told);
        for (size_t i = 0; i < k->field_count; i++) {
            char key[80];
            snprintf(key, sizeof(key), "\"%s\":", k->fields[i].key);
            if (!strstr(l->texts[told - 1], key))
                fail_msg("%s: no %s in %s", k->table, key, l->texts[told - 1]);
        }
        free(l);
        free(row);
    }
}

/* ---- all or nothing ---- */

static void test_undone(void **state)
{
    struct fixture *f = *state;
    struct audit_filter filter = all();
    struct user_row row;
    struct err_info e = {0};

    assert_int_equal(store_begin(f->store, &e), ERR_NONE);
    put_user(f, "bob");
    store_rollback(f->store);
    assert_int_equal(count_lines(f, &filter), 0);
    put_user(f, "bob");
    assert_int_equal(store_begin(f->store, &e), ERR_NONE);
    put_user(f, "carol");
    row_set_defaults(row_kind(ROW_USER), &row);
    row.name = SLICE("bob"); // taken
    assert_int_equal(try_put(f, ROW_USER, &row), ERR_CONFLICT);
    assert_int_equal(store_commit(f->store, &e), ERR_NONE);
    assert_int_equal(count_lines(f, &filter), 2);
    row.head.id = 999;
    assert_int_equal(try_put(f, ROW_USER, &row), ERR_NOT_FOUND);
    assert_int_equal(store_delete(f->store, ROW_USER, 999, &e), ERR_NOT_FOUND);
    assert_int_equal(count_lines(f, &filter), 2);
}

/* Where the line cannot be written, nothing is changed. */
static void test_no_line_no_change(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct user_row row;
    int64_t count = -1;
    sqlite3 *db;

    assert_int_equal(db_open(f->dsn, 0, &db, &e), ERR_NONE);
    db_run(db, "CREATE TRIGGER no BEFORE INSERT ON audit_log BEGIN SELECT RAISE (ABORT, 'no'); END",
           &e);
    assert_int_equal(e.code, ERR_NONE);
    row_set_defaults(row_kind(ROW_USER), &row);
    row.name = SLICE("bob");
    assert_int_not_equal(try_put(f, ROW_USER, &row), ERR_NONE);
    assert_int_equal(row.head.id, 0);
    db_query_int(db, "SELECT count(*) FROM user", -1, &count, &e);
    assert_int_equal(count, 0);
    sqlite3_close(db);
}

/* ---- pages ---- */

static void test_pages(void **state)
{
    struct fixture *f = *state;
    struct audit_filter filter = all();
    struct lines *l;
    char name[16];
    size_t seen = 0;

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        store_set_actor(f->store, &(struct store_actor){"cli", i % 2 ? "odd" : "even", "h", NULL});
        put_user(f, name);
    }
    put_provider(f, "p");
    filter.actor = SLICE("odd");
    assert_int_equal(count_lines(f, &filter), 6);
    filter.kind = SLICE("provider");
    assert_int_equal(count_lines(f, &filter), 1);
    filter = all();
    filter.kind = SLICE("user");
    filter.row_id = 3;
    assert_int_equal(count_lines(f, &filter), 1);
    filter = all();
    filter.until_unix_ms = 1;
    assert_int_equal(count_lines(f, &filter), 0);
    filter = all();
    filter.oldest_first = false;
    filter.limit = 3;
    do {
        l = read_lines(f, &filter);
        for (size_t i = 0; i < l->count; i++)
            assert_int_equal(l->ids[i], 11 - (int64_t)seen++);
        filter.after = l->count ? l->ids[l->count - 1] : 0;
        free(l);
    } while (filter.after);
    assert_int_equal(seen, 11);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct audit_filter filter = {.limit = 5};
    struct audit_reader *r;
    struct err_info e = {0};

    assert_int_equal(audit_reader_open("sqlite:///tmp/gproxy-no-such-file", &r, &e), ERR_NOT_FOUND);
    e = (struct err_info){0};
    assert_int_equal(audit_reader_open("mysql://x", &r, &e), ERR_BAD_REQUEST);
    e = (struct err_info){0};
    assert_int_equal(audit_reader_open(f->dsn, &r, &e), ERR_NONE);
    assert_int_equal(audit_query(r, &filter, see, NULL, &e), ERR_BAD_REQUEST);
    e = (struct err_info){0};
    filter.until_unix_ms = 10;
    filter.limit = AUDIT_MAX_ROWS + 1;
    assert_int_equal(audit_query(r, &filter, see, NULL, &e), ERR_BAD_REQUEST);
    audit_reader_close(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_life_of_a_row), TEST(test_null),
        TEST(test_secrets),       TEST(test_sealed_by_another),
        TEST(test_children),      TEST(test_every_kind),
        TEST(test_undone),        TEST(test_no_line_no_change),
        TEST(test_pages),         TEST(test_refused),
    };

    if (!crypto_init())
        return 1;
    crypto_random(&seal_key, sizeof(seal_key));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
