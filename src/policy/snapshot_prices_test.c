/* snapshot_prices_test.c - which price a request is charged by, and where it was found. */
#include "base/array.h"
#include "base/buf.h"
#include "policy/route.h"
#include "policy/rows_test.h"

static const char rows[] =
    "{'provider': [{'name': 'o', 'channel': 'openai'}, {'name': 'e', 'channel': 'echo'},"
    "  {'name': 'c', 'channel': 'custom', 'settings': {'base_url': 'http://h/', 'prices':"
    "   'deepseek'}}, {'name': 'x', 'channel': 'custom', 'settings': {'base_url': 'http://h/'}},"
    "  {'name': 'n', 'channel': 'openai', 'settings': {'prices': 'none'}},"
    "  {'name': 'off', 'channel': 'openai', 'enabled': false},"
    "  {'name': 'w', 'channel': 'openai', 'settings': {'prices': 'nobody'}}],"
    " 'model': [{'provider': 1, 'id': 'own', 'price': {'input': '1'}},"
    "  {'provider': 1, 'id': 'gpt-4.1'}, {'provider': 1, 'id': 'gpt-4o', 'context_window': 5},"
    "  {'provider': 1, 'id': 'bad', 'price': {'inputs': '1'}}, {'provider': 2, 'id': 'nothing'},"
    "  {'provider': 2, 'id': 'ruled'}, {'provider': 1, 'id': 'gpt-5-mini'}],"
    " 'price': [{'models': '*', 'provider': 4, 'price': {'input': '10'}},"
    "  {'models': 'r*', 'price': {'input': '11'}}, {'models': 'rul*', 'price': {'input': '12'}},"
    "  {'models': 'ruled', 'price': {'input': '13'}},"
    "  {'models': 'ru*', 'provider': 4, 'price': {'input': '14'}},"
    "  {'models': 'ruin', 'provider': 4, 'price': {'input': '15'}},"
    "  {'models': 'ruin', 'price': {'input': '16'}}, {'models': 'ruin', 'price': {'input': '17'}},"
    "  {'models': 'gpt-5*', 'price': {'input': '-1'}}, {'models': '[', 'price': {'input': '1'}},"
    "  {'models': '*', 'provider': 9, 'price': {'input': '1'}},"
    "  {'models': '*', 'provider': 6, 'price': {'input': '1'}},"
    "  {'models': '[r]uled-other', 'price': {'input': '18'}}],"
    " 'alias': [{'name': 'a', 'price': {'input': '20'}}, {'name': 'b'}],"
    " 'alias_target': [{'alias': 1, 'provider': 1, 'model': 'own'},"
    "  {'alias': 1, 'provider': 3, 'model': 'unknown', 'tier': 1},"
    "  {'alias': 2, 'provider': 1, 'model': 'own'},"
    "  {'alias': 2, 'provider': 3, 'model': 'deepseek-chat', 'tier': 1},"
    "  {'alias': 2, 'provider': 4, 'model': 'ruin', 'tier': 2}],"
    " 'user': [{'name': 'u'}], 'key': [{'user': 1, 'digest': 'd', 'prefix': 'p'}],"
    " 'permission': [{'user': 1, 'models': '*'}]}";

static const char complaints[] =
    "provider 7: settings.prices: the catalogue has no prices of 'nobody'\n"
    "price 11: there is no provider 9\n"
    "price 9: price.input: must be an amount like \"0.75\", with at most nine decimals\n"
    "price 10: models: pattern: a '[' without its ']'\n"
    "model 4: price.inputs: there is no such key\n";

/* What a million tokens of input cost by each candidate, in USD by its mode, and why. */
static const struct {
    const char *name, *out;
} cases[] = {
    {"own",                       "1 model"                         },
    {"o/own",                     "1 model"                         },
    {"bad",                       "-"                               }, // not by the catalogue: someone meant otherwise
    {"gpt-4.1",                   "4 catalogue"                     }, // dearest: priority
    {"o/gpt-4.1-mini",            "0.8 catalogue"                   },
    {"o/gpt-4.1-mini-2025-04-14", "0.8 catalogue"                   },
    {"o/gpt-99",                  "-"                               },
    {"gpt-5-mini",                "-"                               }, // its row is bad
    {"o/gpt-5",                   "-"                               },
    {"nothing",                   "-"                               },
    {"e/gpt-4.1",                 "-"                               }, // echo is no vendor
    {"n/gpt-4.1",                 "-"                               },
    {"w/gpt-4.1",                 "-"                               }, // nor is it refused
    {"c/deepseek-chat",           "0.27 catalogue"                  },
    {"c/gpt-4.1",                 "-"                               },
    {"x/gpt-4.1",                 "10 prices"                       }, // the provider's before anybody's
    {"x/ruled",                   "14 prices"                       },
    {"x/ruin",                    "15 prices"                       },
    {"x/ruled-other",             "14 prices"                       },
    {"ruled",                     "13 prices"                       }, // exact before a pattern
    {"e/ruling",                  "12 prices"                       }, // the longer of two
    {"e/rat",                     "11 prices"                       },
    {"e/ruin",                    "16 prices"                       }, // the first of two that are the same
    {"a",                         "20 alias,20 alias"               },
    {"b",                         "1 model,0.27 catalogue,15 prices"},
};

static void on_complaint(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    buf_printf(ctx, "%s %lld: %s\n", row_kind(type)->table, (long long)id, reason);
}

static struct snapshot *build(struct policy_state *state, struct buf *said)
{
    struct snapshot *s;
    struct row_set set;
    struct arena a;

    arena_init(&a, 0);
    set = rows_from_json(&a, rows);
    s = snapshot_build(&set, state, 1, 42, on_complaint, said);
    arena_release(&a);
    return s;
}

static struct policy_state *state_new(void)
{
    struct policy_state *state = policy_state_new();
    struct catalogue *c = catalogue_builtin();

    policy_state_use_catalogue(state, c);
    catalogue_unref(c);
    return state;
}

static void show(const struct route *route, struct buf *out)
{
    for (size_t i = 0; i < route->count; i++) {
        const struct candidate *c = &route->candidates[i];
        if (i)
            buf_append_byte(out, ',');
        if (c->price)
            buf_printf(out, "%g %s", (double)price_dearest(c->price, 1000000, 0) / 1e9,
                       c->price_source);
        else
            buf_append_str(out, c->price_source ? "?" : "-");
    }
}

static void test_order(void **unused)
{
    struct policy_state *state = state_new();
    struct buf said = {0};
    struct snapshot *s = build(state, &said);
    char digest[KEY_DIGEST_BYTES] = "d";
    const struct key *key = table_get(&s->keys, slice_of(digest, sizeof(digest)));

    (void)unused;
    if (!slice_eq(buf_peek(&said), slice_str(complaints)))
        fail_msg("%.*s", SLICE_ARG(buf_peek(&said)));
    policy_state_free(state); // the snapshot keeps the catalogue
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct buf out = {0};
        struct route route;
        if (route_resolve(s, key, NULL, slice_str(cases[i].name), slice_str(cases[i].name), &route,
                          &e))
            fail_msg("%s: %s", cases[i].name, err_info_text(&e));
        show(&route, &out);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].name, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
    }
    buf_release(&said);
    snapshot_unref(s);
}

static void test_context(void **unused)
{
    struct policy_state *state = state_new();
    struct buf said = {0};
    struct snapshot *s = build(state, &said);

    (void)unused;
    assert_int_equal(
        ((const struct model *)table_get(&s->models, SLICE("gpt-4.1")))->context_window, 1000000);
    assert_int_equal(((const struct model *)table_get(&s->models, SLICE("gpt-4o")))->context_window,
                     5);
    assert_int_equal(((const struct model *)table_get(&s->models, SLICE("own")))->context_window,
                     0);
    buf_release(&said);
    snapshot_unref(s);
    policy_state_free(state);
}

/* Without a catalogue nothing is found there. */
static void test_no_catalogue(void **unused)
{
    struct policy_state *state = state_new();
    struct buf said = {0};
    struct snapshot *s;
    const char *source;

    (void)unused;
    policy_state_use_catalogue(state, NULL);
    s = build(state, &said);
    assert_null(((const struct model *)table_get(&s->models, SLICE("gpt-4.1")))->price);
    assert_null(
        snapshot_find_price(s, table_get(&s->providers, SLICE("o")), SLICE("gpt-4.1"), &source));
    assert_null(source);
    buf_release(&said);
    snapshot_unref(s);
    policy_state_free(state);
}

/* An id that no row can hold. */
static void test_long_id(void **unused)
{
    struct policy_state *state = state_new();
    struct buf said = {0};
    struct snapshot *s = build(state, &said);
    const char *source;
    static char id[5000];

    (void)unused;
    memset(id, 'x', sizeof(id));
    assert_null(snapshot_find_price(s, table_get(&s->providers, SLICE("o")),
                                    slice_of(id, sizeof(id)), &source));
    assert_non_null(snapshot_find_price(s, table_get(&s->providers, SLICE("x")),
                                        slice_of(id, sizeof(id)), &source));
    buf_release(&said);
    snapshot_unref(s);
    policy_state_free(state);
}

struct seen {
    struct table ids;
    struct arena a;
};

static void note(void *ctx, const struct price *price)
{
    struct seen *seen = ctx;
    int64_t id = price_id(price);

    table_put(&seen->ids, arena_dup(&seen->a, slice_of((const char *)&id, sizeof(id))), seen);
}

/* Whatever a route may be charged by is among them. */
static void test_each(void **unused)
{
    struct policy_state *state = state_new();
    struct buf said = {0};
    struct snapshot *s = build(state, &said);
    char digest[KEY_DIGEST_BYTES] = "d";
    const struct key *key = table_get(&s->keys, slice_of(digest, sizeof(digest)));
    struct seen seen;

    (void)unused;
    arena_init(&seen.a, 0);
    table_init(&seen.ids, 0);
    snapshot_each_price(s, note, &seen);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct route route;
        assert_int_equal(route_resolve(s, key, NULL, slice_str(cases[i].name),
                                       slice_str(cases[i].name), &route, &e),
                         0);
        for (size_t at = 0; at < route.count; at++) {
            const struct price *price = route.candidates[at].price;
            int64_t id = price ? price_id(price) : 0;
            if (price && !table_get(&seen.ids, slice_of((const char *)&id, sizeof(id))))
                fail_msg("%s", cases[i].name);
        }
    }
    table_release(&seen.ids);
    arena_release(&seen.a);
    buf_release(&said);
    snapshot_unref(s);
    policy_state_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),        cmocka_unit_test(test_context),
        cmocka_unit_test(test_no_catalogue), cmocka_unit_test(test_long_id),
        cmocka_unit_test(test_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
