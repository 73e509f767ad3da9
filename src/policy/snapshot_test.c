/* snapshot_test.c - rows become a snapshot; bad ones are left out and said. */
#include "policy/snapshot.h"

#include <time.h>

#include "base/array.h"
#include "base/buf.h"
#include "policy/rows_test.h"

/* Complaints as "provider 2: name: ...\n". */
static void on_complaint(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    buf_printf(ctx, "%s %lld: %s\n", row_kind(type)->table, (long long)id, reason);
}

struct fixture {
    struct policy_state *state;
    struct snapshot *s;
    struct buf complaints;
};

/* The rows are gone when this returns: the snapshot must not need them. */
static struct fixture build(struct policy_state *state, const char *json)
{
    struct fixture f = {.state = state};
    struct row_set set;
    struct arena a;

    arena_init(&a, 0);
    set = rows_from_json(&a, json);
    f.s = snapshot_build(&set, state, 7, 42, on_complaint, &f.complaints);
    arena_release(&a);
    return f;
}

static void release(struct fixture *f)
{
    snapshot_unref(f->s);
    buf_release(&f->complaints);
}

static void test_whole(void **unused)
{
    struct policy_state *state = policy_state_new();
    struct fixture f = build(
        state,
        "{'provider': [{'name': 'a', 'channel': 'openai', 'proxy': 'http://p:1',"
        "   'settings': {'organization': 'org'}, 'timeouts': {'idle_ms': 5}},"
        "  {'name': 'e', 'channel': 'custom', 'settings': {'base_url': 'http://h:1/v1/'}}],"
        " 'credential': [{'provider': 1, 'label': 'one', 'weight': 3,"
        "   'secret': {'api_key': 'sk-1'}},"
        "  {'provider': 1, 'secret': {'api_key': 'sk-2'}, 'enabled': false},"
        "  {'provider': 1, 'secret': {'api_key': 'sk-3'}, 'proxy': 'http://q:2'}],"
        " 'model': [{'provider': 1, 'id': 'm', 'display_name': 'M', 'price': {'input': '1'},"
        "   'context_window': 5}, {'provider': 2, 'id': 'm'}, {'provider': 2, 'id': 'off',"
        "   'enabled': false}],"
        " 'alias': [{'name': 'fast'}],"
        " 'alias_target': [{'alias': 1, 'provider': 2, 'model': 'x', 'tier': 1},"
        "  {'alias': 1, 'provider': 1, 'model': 'm'}, {'alias': 1, 'provider': 2, 'model': 'off'},"
        "  {'alias': 1, 'provider': 2, 'model': 'y'}],"
        " 'user': [{'name': 'u', 'admin': true}],"
        " 'key': [{'user': 1, 'digest': 'k', 'prefix': 'gp-12345', 'expires_at':"
        "   '1970-01-01T00:00:05Z', 'label': 'laptop'},"
        "  {'user': 1, 'digest': 'l', 'prefix': 'p', 'expires_at': '1970-01-01T00:00:00Z'}],"
        " 'permission': [{'user': 1, 'models': '*'}, {'key': 1, 'provider': 1, 'models': 'gpt-*'},"
        "  {'key': 1, 'models': 'm'}, {'key': 1, 'models': '[ab]c'}],"
        " 'setting': [{'name': 'max_attempts', 'value': 2}]}");
    const struct provider *a = table_get(&f.s->providers, SLICE("a"));
    const struct provider *e = table_get(&f.s->providers, SLICE("e"));
    const struct alias *fast = table_get(&f.s->aliases, SLICE("fast"));
    const struct model *m = table_get(&f.s->models, SLICE("m"));
    char digest[KEY_DIGEST_BYTES] = "k", other[KEY_DIGEST_BYTES] = "l";
    const struct key *k = table_get(&f.s->keys, slice_of(digest, sizeof(digest)));
    const struct key *l = table_get(&f.s->keys, slice_of(other, sizeof(other)));

    (void)unused;
    assert_int_equal(buf_len(&f.complaints), 0);
    assert_int_equal(f.s->version, 7);
    assert_int_equal(f.s->limits.max_attempts, 2);
    assert_int_equal(f.s->user_count, 1);

    assert_string_equal(a->channel->name, "openai");
    assert_true(slice_eq(a->organization, SLICE("org")));
    assert_true(slice_eq(a->proxy, SLICE("http://p:1")));
    assert_int_equal(a->timeouts.idle_ms, 5);
    assert_int_equal(a->timeouts.connect_ms, 10000);
    assert_int_equal(a->credential_count, 2);
    assert_int_equal(a->credentials[0].id, 1);
    assert_int_equal(a->credentials[0].weight, 3);
    assert_true(slice_eq(secret_reveal(a->credentials[0].api_key), SLICE("sk-1")));
    assert_int_equal(a->credentials[1].id, 3);
    assert_int_equal(a->regular_count, 2);
    assert_int_equal(a->turn_count, 103); // weights 3 and 100
    assert_int_equal(a->turns[0], 1);
    assert_true(slice_eq(a->credentials[1].proxy, SLICE("http://q:2")));
    assert_false(slice_eq(a->credentials[0].pool_key, a->credentials[1].pool_key));
    assert_true(slice_eq(e->base.host, SLICE("h")) && slice_eq(e->base.path, SLICE("/v1")));
    assert_int_equal(e->base.port, 1);
    assert_int_equal(e->credential_count, 1); // the anonymous one
    assert_int_equal(e->credentials[0].id, 0);
    assert_int_equal(e->turn_count, 1);
    assert_non_null(table_get(&e->disabled_models, SLICE("off")));
    assert_null(table_get(&e->models, SLICE("off")));
    assert_null(table_get(&f.s->models, SLICE("off")));

    assert_ptr_equal(m->provider, a);
    assert_ptr_equal(m->same_id->provider, e);
    assert_null(m->same_id->same_id);
    assert_int_equal(price_dearest(m->price, 1000000, 0), 1000000000);
    assert_null(m->same_id->price);
    assert_int_equal(m->context_window, 5);
    for (int d = 0; d < DIALECT_COUNT; d++)
        assert_ptr_equal(m->gates[d], chat_model_find((enum dialect)d, m->id));
    assert_int_equal(m->same_id->context_window, 0);

    assert_int_equal(fast->target_count, 3); // the model that is off is none
    assert_ptr_equal(fast->targets[0].provider, a);
    assert_ptr_equal(fast->targets[0].row, m);
    assert_true(slice_eq(fast->targets[1].model, SLICE("y")));
    assert_true(slice_eq(fast->targets[2].model, SLICE("x")));
    assert_int_equal(fast->targets[2].tier, 1);

    assert_true(k->user->admin && k->user->enabled && k->enabled);
    assert_int_equal(k->expires_unix_ms, 5000);
    assert_int_equal(l->expires_unix_ms, 1); // long ago, not never
    assert_int_equal(k->user->permission_count, 1);
    assert_int_equal(k->user->permissions[0].permit, PERMIT_ALL);
    assert_int_equal(k->permission_count, 3);
    assert_int_equal(k->permissions[0].permit, PERMIT_PREFIX);
    assert_ptr_equal(k->permissions[0].provider, a);
    assert_int_equal(k->permissions[1].permit, PERMIT_LITERAL);
    assert_int_equal(k->permissions[2].permit, PERMIT_GLOB);
    release(&f);
    policy_state_free(state);
}

/* One set of rows each, and all that is said about them. */
static const struct {
    const char *rows, *complaints;
} bad[] = {
#include "policy/snapshot_test.def"
};

static void test_bad_rows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct policy_state *state = policy_state_new();
        struct fixture f = build(state, bad[i].rows);

        if (!slice_eq(buf_peek(&f.complaints), slice_str(bad[i].complaints)))
            fail_msg("%s\n%.*s", bad[i].rows, SLICE_ARG(buf_peek(&f.complaints)));
        release(&f);
        policy_state_free(state);
    }
}

/* What is bad or off about a key's permission must not leave the key without any. */
static const char *const narrowing[] = {
    "{'key': 1, 'provider': 9, 'models': '*'}", // dangling
    "{'key': 1, 'provider': 1, 'models': '*'}", // a provider that is disabled
    "{'key': 1, 'models': '[a'}",               // not a pattern
    "{'key': 1, 'models': ''}",                 // nothing
};

static void test_narrowing_stays(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(narrowing); i++) {
        struct policy_state *state = policy_state_new();
        char digest[KEY_DIGEST_BYTES] = "d", json[1024];
        const struct key *k;
        struct fixture f;

        snprintf(json, sizeof(json),
                 "{'provider': [{'name': 'a', 'channel': 'openai', 'enabled': false}],"
                 " 'user': [{'name': 'u'}], 'key': [{'user': 1, 'digest': 'd', 'prefix': 'p'}],"
                 " 'permission': [{'user': 1, 'models': '*'}, %s]}",
                 narrowing[i]);
        f = build(state, json);
        k = table_get(&f.s->keys, slice_of(digest, sizeof(digest)));
        assert_int_equal(k->permission_count, 1);
        assert_int_equal(k->permissions[0].permit, PERMIT_NOTHING);
        release(&f);
        policy_state_free(state);
    }
}

static void test_turns_outlive_snapshots(void **unused)
{
    static const char rows[] = "{'provider': [{'name': 'a', 'channel': 'openai'},"
                               " {'name': 'b', 'channel': 'openai'}], 'alias': [{'name': 'x'}]}";
    struct policy_state *state = policy_state_new();
    struct fixture one = build(state, rows), two = build(state, rows);
    const struct provider *a = table_get(&one.s->providers, SLICE("a"));
    const struct provider *same = table_get(&two.s->providers, SLICE("a"));
    const struct provider *b = table_get(&two.s->providers, SLICE("b"));
    const struct alias *x = table_get(&two.s->aliases, SLICE("x"));

    (void)unused;
    atomic_fetch_add(a->next_credential, 3);
    assert_ptr_not_equal(a, same);
    assert_ptr_equal(a->next_credential, same->next_credential);
    assert_ptr_not_equal(a->next_credential, b->next_credential);
    assert_ptr_not_equal(x->turn, a->next_credential); // ids are of a kind
    release(&one);
    assert_int_equal(atomic_load(same->next_credential), 3);
    release(&two);
    policy_state_free(state);
    policy_state_free(NULL);
}

static void test_references(void **unused)
{
    struct policy_state *state = policy_state_new();
    struct fixture f = build(state, "{'provider': [{'name': 'a', 'channel': 'openai'}]}");

    (void)unused;
    assert_ptr_equal(snapshot_ref(f.s), f.s);
    snapshot_unref(f.s);
    assert_non_null(table_get(&f.s->providers, SLICE("a")));
    release(&f);
    snapshot_unref(NULL);
    policy_state_free(state);
}

/* 100,000 users with a key and a permission each: under a second, ten under the sanitizers. */
static void test_many_keys(void **unused)
{
    enum { COUNT = 100000 };
    struct policy_state *state = policy_state_new();
    struct row_set set = {0};
    struct user_row *users;
    struct key_row *keys;
    struct permission_row *permissions;
    struct snapshot *s;
    struct arena a;
    clock_t before;

    (void)unused;
    arena_init(&a, 0);
    set.rows[ROW_USER] = users = arena_array(&a, struct user_row, COUNT);
    set.rows[ROW_KEY] = keys = arena_array(&a, struct key_row, COUNT);
    set.rows[ROW_PERMISSION] = permissions = arena_array(&a, struct permission_row, COUNT);
    set.counts[ROW_USER] = set.counts[ROW_KEY] = set.counts[ROW_PERMISSION] = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        row_set_defaults(row_kind(ROW_USER), &users[i]);
        row_set_defaults(row_kind(ROW_KEY), &keys[i]);
        row_set_defaults(row_kind(ROW_PERMISSION), &permissions[i]);
        users[i].head.id = keys[i].head.id = permissions[i].head.id = (int64_t)i + 1;
        keys[i].user_id = permissions[i].user_id = (int64_t)i + 1;
        users[i].name = arena_printf(&a, "user-%zu", i);
        keys[i].digest = slice_of(arena_alloc(&a, KEY_DIGEST_BYTES, 8), KEY_DIGEST_BYTES);
        memcpy((char *)(uintptr_t)keys[i].digest.ptr, &i, sizeof(i));
        keys[i].prefix = SLICE("gp-12345");
        permissions[i].models = SLICE("gpt-*");
    }
    before = clock();
    s = snapshot_build(&set, state, 1, 99, NULL, NULL);
    assert_true(clock() - before < 10 * CLOCKS_PER_SEC);
    print_message("built in %ld ms\n", (long)((clock() - before) * 1000 / CLOCKS_PER_SEC));
    assert_int_equal(s->user_count, COUNT);
    for (size_t i = 0; i < COUNT; i += 999) {
        const struct key *k = table_get(&s->keys, keys[i].digest);
        assert_int_equal(k->user->id, i + 1);
        assert_int_equal(k->user->permission_count, 1);
    }
    snapshot_unref(s);
    arena_release(&a);
    policy_state_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_narrowing_stays), cmocka_unit_test(test_turns_outlive_snapshots),
        cmocka_unit_test(test_references),      cmocka_unit_test(test_many_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
