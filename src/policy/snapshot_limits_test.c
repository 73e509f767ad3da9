/* snapshot_limits_test.c - limits, quotas and long lists become part of the snapshot. */
#include "policy/account.h"
#include "policy/pattern.h"
#include "policy/route.h"
#include "policy/rows_test.h"

struct fixture {
    struct policy_state *state;
    struct snapshot *s;
};

static struct fixture build(const char *json)
{
    struct fixture f = {.state = policy_state_new()};
    struct row_set set;
    struct arena a;

    arena_init(&a, 0);
    set = rows_from_json(&a, json);
    f.s = snapshot_build(&set, f.state, 1, 5, NULL, NULL);
    arena_release(&a);
    return f;
}

static void release(struct fixture *f)
{
    snapshot_unref(f->s);
    policy_state_free(f->state);
}

static void test_limits(void **state)
{
    struct fixture f = build(
        "{'user': [{'name': 'u'}, {'name': 'v'}],"
        " 'key': [{'user': 1, 'digest': 'a', 'prefix': 'p'}, {'user': 1, 'digest': 'b', 'prefix':"
        "   'p'}],"
        " 'rate_limit': [{'user': 1, 'rpm': 1, 'rpd': 2, 'tpm': 3, 'tpd': 4, 'max_concurrent': 5},"
        "  {'key': 1, 'models': 'gpt-*', 'tpm': 0}, {'user': 1, 'models': 'x', 'rpd': 7},"
        "  {'key': 2}],"
        " 'quota': [{'user': 1, 'usd': '2.5', 'period': 'week', 'adjustment': '1', 'adjusted_at':"
        "   '2026-11-27T00:00:00Z'}, {'key': 1, 'usd': '1'}, {'key': 2, 'usd': '1', 'period':"
        "   'x'}, {'user': 1, 'usd': '3', 'adjustment': '1'}]}");
    const struct user *u = snapshot_user(f.s, 1), *v = snapshot_user(f.s, 2);
    const struct key *k = snapshot_key(f.s, 1), *bad = snapshot_key(f.s, 2);
    struct slice name = SLICE("x");

    (void)state;
    assert_null(snapshot_user(f.s, 3));
    assert_null(snapshot_key(f.s, 3));
    assert_ptr_equal(k->user, u);
    assert_ptr_not_equal(u->account, v->account);
    assert_ptr_not_equal(u->allowance.purse, v->allowance.purse);
    assert_ptr_not_equal(u->allowance.purse, k->allowance.purse);

    assert_int_equal(u->allowance.limit_count, 2);
    for (int i = 0; i < FIGURE_COUNT; i++)
        assert_int_equal(u->allowance.limits[0].figures[i], i + 1);
    assert_int_equal(u->allowance.limits[1].id, 3);
    assert_int_equal(u->allowance.limits[1].figures[FIGURE_RPM], -1);
    assert_int_equal(u->allowance.limits[1].figures[FIGURE_RPD], 7);
    assert_int_equal(pattern_set_best(u->allowance.patterns, &name, 1), 1);
    assert_int_equal(u->allowance.bad_limit_id, 0);
    assert_int_equal(v->allowance.limit_count, 0);
    assert_int_equal(k->allowance.limit_count, 1);
    assert_int_equal(k->allowance.limits[0].figures[FIGURE_TPM], 0);
    assert_true(slice_eq(k->allowance.limits[0].models, SLICE("gpt-*")));
    assert_int_equal(bad->allowance.limit_count, 0);
    assert_int_equal(bad->allowance.bad_limit_id, 4);
    assert_true(u->allowance.limits_tokens && k->allowance.limits_tokens);
    assert_false(v->allowance.limits_tokens || bad->allowance.limits_tokens);
    assert_true(account_is_limited(k) && account_has_quota(k));

    assert_int_equal(u->allowance.quota_count, 2);
    assert_int_equal(u->allowance.quotas[0].period, PERIOD_WEEK);
    assert_int_equal(u->allowance.quotas[0].usd_nusd, 2500000000);
    assert_int_equal(u->allowance.quotas[0].adjusted_index,
                     period_index(PERIOD_WEEK, INT64_C(1795737600000)));
    assert_int_equal(u->allowance.quotas[1].adjusted_index, 0); // in all: whenever it was
    assert_int_equal(k->allowance.quota_count, 1);
    assert_int_equal(k->allowance.quotas[0].period, PERIOD_TOTAL);
    assert_int_equal(bad->allowance.quota_count, 1);
    assert_true(bad->allowance.quotas[0].is_bad);
    assert_int_equal(bad->allowance.quotas[0].usd_nusd, 0);
    release(&f);
}

static void test_files(void **state)
{
    struct fixture f = build(
        "{'provider': [{'name': 'a', 'channel': 'openai'}, {'name': 'b', 'channel': 'openai'},"
        "  {'name': 'c', 'channel': 'openai'}, {'name': 'off', 'channel': 'openai', 'enabled':"
        "   false}],"
        " 'user': [{'name': 'u'}, {'name': 'v'}], 'key': [{'user': 1, 'digest': 'a', 'prefix':"
        "  'p'}, {'user': 2, 'digest': 'b', 'prefix': 'p'}],"
        " 'file_permission': [{'user': 1, 'provider': 3}, {'user': 1, 'provider': 4},"
        "  {'user': 1, 'provider': 1}, {'user': 2, 'provider': 4}]}");
    const struct provider *a = table_get(&f.s->providers, SLICE("a"));
    const struct provider *b = table_get(&f.s->providers, SLICE("b"));
    const struct provider *c = table_get(&f.s->providers, SLICE("c"));
    const struct key *k = snapshot_key(f.s, 1), *none = snapshot_key(f.s, 2);

    (void)state;
    assert_int_equal(k->user->file_provider_count, 2);
    assert_true(route_permits_files(k, a));
    assert_false(route_permits_files(k, b));
    assert_true(route_permits_files(k, c));
    assert_int_equal(none->user->file_provider_count, 0);
    assert_false(route_permits_files(none, a));
    release(&f);
}

/* A list that is long is asked as a short one would be. */
static void test_long_permissions(void **state)
{
    struct fixture f = build(
        "{'provider': [{'name': 'a', 'channel': 'openai'}, {'name': 'b', 'channel': 'openai'}],"
        " 'user': [{'name': 'u'}], 'key': [{'user': 1, 'digest': 'a', 'prefix': 'p'},"
        "  {'user': 1, 'digest': 'b', 'prefix': 'p'}],"
        " 'permission': [{'user': 1, 'models': 'm1'}, {'user': 1, 'models': 'm2'},"
        "  {'user': 1, 'models': 'm3'}, {'user': 1, 'models': 'm4'}, {'user': 1, 'models': 'm5'},"
        "  {'user': 1, 'models': 'm6'}, {'user': 1, 'models': 'm7'}, {'user': 1, 'models': 'm8'},"
        "  {'user': 1, 'models': 'x*', 'provider': 1}, {'key': 2, 'models': 'm2'}]}");
    const struct provider *a = table_get(&f.s->providers, SLICE("a"));
    const struct provider *b = table_get(&f.s->providers, SLICE("b"));
    const struct key *k = snapshot_key(f.s, 1), *narrow = snapshot_key(f.s, 2);

    (void)state;
    assert_non_null(k->user->permission_set);
    assert_null(narrow->permission_set);
    assert_true(route_permits(k, NULL, SLICE("m7")));
    assert_true(route_permits(k, b, SLICE("m7")));
    assert_false(route_permits(k, b, SLICE("b/m7")));
    assert_true(route_permits(k, a, SLICE("x1")));
    assert_true(route_permits(k, a, SLICE("a/x1")));
    assert_true(route_permits(k, NULL, SLICE("a/x1")));
    assert_false(route_permits(k, NULL, SLICE("b/x1")));
    assert_false(route_permits(k, b, SLICE("x1")));
    assert_true(route_permits(narrow, a, SLICE("m2")));
    assert_false(route_permits(narrow, a, SLICE("m3")));
    release(&f);
}

enum { USERS = 10000, KEYS = 100000, LIMITS = 5000, QUOTAS = 5000 };

static void add_rows(struct arena *a, struct row_set *set)
{
    struct user_row *users = arena_array(a, struct user_row, USERS);
    struct key_row *keys = arena_array(a, struct key_row, KEYS);
    struct rate_limit_row *limits = arena_array(a, struct rate_limit_row, LIMITS);
    struct quota_row *quotas = arena_array(a, struct quota_row, QUOTAS);

    for (size_t i = 0; i < USERS; i++) {
        row_set_defaults(row_kind(ROW_USER), &users[i]);
        users[i].head.id = (int64_t)i + 1;
        users[i].name = arena_printf(a, "user-%zu", i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        row_set_defaults(row_kind(ROW_KEY), &keys[i]);
        keys[i].head.id = (int64_t)i + 1;
        keys[i].user_id = 1 + (int64_t)i % USERS;
        keys[i].digest = arena_printf(a, "%032zu", i);
        keys[i].prefix = SLICE("gp-12345");
    }
    for (size_t i = 0; i < LIMITS; i++) {
        row_set_defaults(row_kind(ROW_RATE_LIMIT), &limits[i]);
        limits[i].head.id = (int64_t)i + 1;
        limits[i].user_id = i % 2 ? 1 : 1 + (int64_t)i; // half of them are of one user
        limits[i].models = arena_printf(a, "model-%zu-*", i);
        limits[i].rpm = 60;
        limits[i].tpd = 1000000;
    }
    for (size_t i = 0; i < QUOTAS; i++) {
        row_set_defaults(row_kind(ROW_QUOTA), &quotas[i]);
        quotas[i].head.id = (int64_t)i + 1;
        quotas[i].key_id = 1 + (int64_t)i;
        quotas[i].usd_nusd = 5000;
    }
    set->rows[ROW_USER] = users;
    set->rows[ROW_KEY] = keys;
    set->rows[ROW_RATE_LIMIT] = limits;
    set->rows[ROW_QUOTA] = quotas;
    set->counts[ROW_USER] = USERS;
    set->counts[ROW_KEY] = KEYS;
    set->counts[ROW_RATE_LIMIT] = LIMITS;
    set->counts[ROW_QUOTA] = QUOTAS;
}

static void test_many_rows(void **state)
{
    struct policy_state *policy = policy_state_new();
    struct row_set set = {0};
    const struct user *first;
    struct snapshot *s;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    add_rows(&a, &set);
    s = snapshot_build(&set, policy, 1, 99, NULL, NULL);
    arena_release(&a);
    first = snapshot_user(s, 1);
    assert_int_equal(first->allowance.limit_count, LIMITS / 2 + 1);
    for (size_t i = 0; i < LIMITS; i += 97) {
        char text[32];
        struct slice name = slice_of(text, (size_t)snprintf(text, sizeof(text), "model-%zu-x", i));
        const struct allowance *of = &snapshot_user(s, i % 2 ? 1 : 1 + (int64_t)i)->allowance;
        long best = pattern_set_best(of->patterns, &name, 1);
        assert_true(best >= 0);
        assert_int_equal(of->limits[best].id, i + 1);
    }
    for (int64_t id = 1; id <= KEYS; id += 997) {
        assert_int_equal(snapshot_key(s, id)->allowance.quota_count, id <= QUOTAS);
        assert_int_equal(snapshot_key(s, id)->user->id, 1 + (id - 1) % USERS);
    }
    snapshot_unref(s);
    policy_state_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_long_permissions),
        cmocka_unit_test(test_many_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
