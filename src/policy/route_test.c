/* route_test.c - who may use what, and where it leads. */
#include "policy/route.h"

#include "base/array.h"
#include "base/buf.h"
#include "policy/rows_test.h"

/*
 * Providers: a, b and strict (1, 2, 3) serve; off (4) is disabled.  Keys are named after what
 * they may do; those after 'any' belong to the user who may do everything, unless they say so.
 */
static const char world[] =
    "{'provider': ["
    "  {'name': 'a', 'channel': 'openai'}, {'name': 'b', 'channel': 'openai'},"
    "  {'name': 'strict', 'channel': 'openai', 'settings': {'declared_models_only': true}},"
    "  {'name': 'off', 'channel': 'openai', 'enabled': false}],"
    " 'model': [{'provider': 1, 'id': 'gpt-5'}, {'provider': 1, 'id': 'gpt-5-mini'},"
    "  {'provider': 1, 'id': 'shared'}, {'provider': 2, 'id': 'shared'},"
    "  {'provider': 2, 'id': 'a/b'}, {'provider': 2, 'id': 'b/deep'},"
    "  {'provider': 1, 'id': 'gone', 'enabled': false}, {'provider': 3, 'id': 'known'},"
    "  {'provider': 4, 'id': 'dark'}, {'provider': 2, 'id': 'fast'}],"
    " 'alias': [{'name': 'fast'}, {'name': 'empty'}, {'name': 'gpt-4', 'enabled': false}],"
    " 'alias_target': [{'alias': 1, 'provider': 2, 'model': 'llama', 'tier': 1},"
    "  {'alias': 1, 'provider': 1, 'model': 'gpt-5', 'tier': 0},"
    "  {'alias': 1, 'provider': 4, 'model': 'dark', 'tier': 0},"
    "  {'alias': 2, 'provider': 4, 'model': 'dark'},"
    "  {'alias': 3, 'provider': 1, 'model': 'gpt-5'}],"
    " 'user': [{'name': 'all'}, {'name': 'none'}, {'name': 'gpt'}, {'name': 'only-a'},"
    "  {'name': 'admin', 'admin': true}, {'name': 'mixed'}],"
    " 'key': [{'user': 1, 'digest': 'any', 'prefix': 'p'},"
    "  {'user': 2, 'digest': 'none', 'prefix': 'p'},"
    "  {'user': 3, 'digest': 'gpt', 'prefix': 'p'},"
    "  {'user': 4, 'digest': 'only-a', 'prefix': 'p'},"
    "  {'user': 5, 'digest': 'admin', 'prefix': 'p'},"
    "  {'user': 1, 'digest': 'key-b', 'prefix': 'p'},"
    "  {'user': 4, 'digest': 'a-key-b', 'prefix': 'p'},"
    "  {'user': 1, 'digest': 'key-bad', 'prefix': 'p'},"
    "  {'user': 1, 'digest': 'key-fast', 'prefix': 'p'},"
    "  {'user': 6, 'digest': 'mixed', 'prefix': 'p'},"
    "  {'user': 3, 'digest': 'gpt-wide', 'prefix': 'p'}],"
    " 'permission': [{'user': 1, 'models': '*'}, {'user': 3, 'models': 'gpt-*'},"
    "  {'user': 4, 'provider': 1, 'models': '*'}, {'key': 6, 'provider': 2, 'models': '*'},"
    "  {'key': 7, 'provider': 2, 'models': '*'}, {'key': 8, 'models': '[x'},"
    "  {'key': 9, 'models': 'fast'}, {'user': 6, 'provider': 2, 'models': 'llama-*'},"
    "  {'user': 6, 'models': 'b/[xy]?'}, {'key': 11, 'models': '*'}]}";

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

static const struct key *key_of(const struct fixture *f, const char *name)
{
    unsigned char digest[KEY_DIGEST_BYTES] = {0};
    const struct key *k;

    memcpy(digest, name, strlen(name));
    k = route_authenticate(f->s, digest, 1000);
    if (!k)
        fail_msg("no key %s", name);
    return k;
}

#define NO(name)    "403 this key may not use the model '" name "'"
#define NONE(name)  "404 there is no model '" name "'"
#define HINT(names) ": did you mean " names "?"

/* "provider:model", '+' when it has a row, then " (alias)" and " renamed"; or status and text. */
static const struct {
    const char *key, *scope, *name, *out;
} cases[] = {
#include "policy/route_test.def"
};

static void show(const struct route *r, struct buf *out)
{
    for (size_t i = 0; i < r->count; i++)
        buf_printf(out, "%s%.*s:%.*s%s", i ? " " : "", SLICE_ARG(r->candidates[i].provider->name),
                   SLICE_ARG(r->candidates[i].model), r->candidates[i].row ? "+" : "");
    if (r->alias)
        buf_printf(out, " (%.*s)", SLICE_ARG(r->alias->name));
    if (r->renamed)
        buf_append_str(out, " renamed");
}

static void test_resolve(void **state)
{
    struct fixture f = build(world);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct provider *scope = NULL;
        struct err_info e = {0};
        struct buf out = {0};
        struct route r;

        if (cases[i].scope)
            scope = route_provider(f.s, slice_str(cases[i].scope));
        if (route_resolve(f.s, key_of(&f, cases[i].key), scope, slice_str(cases[i].name),
                          slice_str(cases[i].name), &r, &e)) {
            assert_int_equal(r.count, 0);
            buf_printf(&out, "%d %s", err_http_status(e.code), e.text);
        } else {
            show(&r, &out);
        }
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
            fail_msg("%s, %s, %s: %.*s", cases[i].key, cases[i].scope ? cases[i].scope : "-",
                     cases[i].name, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
    }
    assert_null(route_provider(f.s, SLICE("off")));
    assert_null(route_provider(f.s, SLICE("A")));
    release(&f);
}

/* A name of any length and bytes gives a text that fits and is cut between characters. */
static void test_long_names(void **state)
{
    struct fixture f = build(world);
    char name[2000];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    for (size_t len = 0; len < 300; len += 2) {
        struct err_info e = {0};
        struct route r;
        route_resolve(f.s, key_of(&f, "any"), NULL, slice_of(name, len), slice_of(name, len), &r,
                      &e);
        assert_int_equal(e.code, ERR_MODEL_NOT_FOUND);
        assert_true(strlen(e.text) < 200);
        assert_null(strstr(e.text, "\xc3'"));
    }
    release(&f);
}

static void collect(void *ctx, const struct route_name *n)
{
    struct buf *out = ctx;

    if (n->alias)
        buf_printf(out, "%.*s ", SLICE_ARG(n->alias->name));
    else if (n->with_provider)
        buf_printf(out, "%.*s/%.*s ", SLICE_ARG(n->model->provider->name), SLICE_ARG(n->model->id));
    else
        buf_printf(out, "%.*s ", SLICE_ARG(n->model->id));
}

static const struct {
    const char *key, *scope, *names;
} lists[] = {
#include "policy/route_list_test.def"
};

/* Every name that is listed can be used, but for those that another name hides. */
static void test_list(void **state)
{
    struct fixture f = build(world);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct provider *scope = NULL;
        struct slice rest;
        struct buf out = {0};

        if (lists[i].scope)
            scope = route_provider(f.s, slice_str(lists[i].scope));
        route_list(f.s, key_of(&f, lists[i].key), scope, collect, &out);
        if (!slice_eq(buf_peek(&out), slice_str(lists[i].names)))
            fail_msg("%s: %.*s", lists[i].key, SLICE_ARG(buf_peek(&out)));
        for (rest = buf_peek(&out); rest.len;) {
            struct slice name = slice_cut(rest, ' ', &rest);
            struct err_info e = {0};
            struct route r;
            if (route_resolve(f.s, key_of(&f, lists[i].key), scope, name, name, &r, &e))
                fail_msg("%s: %.*s: %s", lists[i].key, SLICE_ARG(name), e.text);
        }
        buf_release(&out);
    }
    release(&f);
}

static void test_permits(void **state)
{
    struct fixture f = build(world);
    const struct provider *a = route_provider(f.s, SLICE("a"));
    const struct provider *b = route_provider(f.s, SLICE("b"));

    (void)state;
    assert_true(route_permits(key_of(&f, "any"), NULL, SLICE("x")));
    assert_true(route_permits(key_of(&f, "only-a"), a, SLICE("x")));
    assert_true(route_permits(key_of(&f, "only-a"), a, SLICE("a/x")));
    assert_true(route_permits(key_of(&f, "only-a"), NULL, SLICE("x")));
    assert_false(route_permits(key_of(&f, "only-a"), b, SLICE("x")));
    assert_false(route_permits(key_of(&f, "none"), NULL, SLICE("x")));
    assert_false(route_permits(key_of(&f, "key-bad"), NULL, SLICE("x")));
    release(&f);
}

/* Whose key it is, at which time; "late" expires at 5000 ms. */
static const char accounts[] =
    "{'user': [{'name': 'u'}, {'name': 'v', 'enabled': false}],"
    " 'key': [{'user': 1, 'digest': 'good', 'prefix': 'p'},"
    "  {'user': 1, 'digest': 'off', 'prefix': 'p', 'enabled': false},"
    "  {'user': 2, 'digest': 'user-off', 'prefix': 'p'},"
    "  {'user': 1, 'digest': 'late', 'prefix': 'p', 'expires_at': '1970-01-01T00:00:05Z'},"
    "  {'user': 1, 'digest': 'epoch', 'prefix': 'p', 'expires_at': '1970-01-01T00:00:00Z'}]}";

static const struct {
    const char *digest;
    int64_t now;
    bool ok;
} attempts[] = {
    {"good",     1000,      true },
    {"good",     INT64_MAX, true },
    {"off",      1000,      false},
    {"user-off", 1000,      false},
    {"late",     4999,      true },
    {"late",     5000,      false},
    {"late",     INT64_MAX, false},
    {"epoch",    1000,      false},
    {"nobody's", 1000,      false},
    {"",         1000,      false},
};

static void test_authenticate(void **state)
{
    struct fixture f = build(accounts);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        unsigned char digest[KEY_DIGEST_BYTES] = {0};
        const struct key *k;

        memcpy(digest, attempts[i].digest, strlen(attempts[i].digest));
        k = route_authenticate(f.s, digest, attempts[i].now);
        if ((k != NULL) != attempts[i].ok)
            fail_msg("%s at %lld", attempts[i].digest, (long long)attempts[i].now);
        digest[KEY_DIGEST_BYTES - 1] = 1;
        assert_null(route_authenticate(f.s, digest, attempts[i].now));
    }
    release(&f);
}

/* 3 : 1 within a tier, nothing for 0, and all of them stay in the list. */
static void test_weights(void **state)
{
    struct fixture f =
        build("{'provider': [{'name': 'a', 'channel': 'openai'}], 'alias': [{'name': 'w',"
              " 'strategy': 'weighted'}], 'alias_target': ["
              " {'alias': 1, 'provider': 1, 'model': 'zero', 'weight': 0},"
              " {'alias': 1, 'provider': 1, 'model': 'three', 'weight': 3},"
              " {'alias': 1, 'provider': 1, 'model': 'one', 'weight': 1},"
              " {'alias': 1, 'provider': 1, 'model': 'last', 'tier': 1}],"
              " 'user': [{'name': 'u'}], 'key': [{'user': 1, 'digest': 'k', 'prefix': 'p'}],"
              " 'permission': [{'user': 1, 'models': '*'}]}");
    unsigned three = 0, one = 0;

    (void)state;
    for (int i = 0; i < 400; i++) {
        struct err_info e = {0};
        struct route r;
        assert_int_equal(route_resolve(f.s, key_of(&f, "k"), NULL, SLICE("w"), SLICE("w"), &r, &e),
                         ERR_NONE);
        assert_int_equal(r.count, 4);
        assert_true(slice_eq(r.candidates[3].model, SLICE("last")));
        three += slice_eq(r.candidates[0].model, SLICE("three"));
        one += slice_eq(r.candidates[0].model, SLICE("one"));
    }
    assert_int_equal(three, 300);
    assert_int_equal(one, 100);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),      cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_list),         cmocka_unit_test(test_permits),
        cmocka_unit_test(test_authenticate), cmocka_unit_test(test_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
