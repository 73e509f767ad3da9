/* price_test.c - prices as they are written, and what they come to. */
#include "policy/price.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

static const struct {
    const char *why, *in, *out;
} texts[] = {
#include "policy/price_text_test.def"
};

static const struct price *parsed(const char *text, struct arena *a)
{
    struct err_info e = {0};
    const struct price *p;

    if (price_parse(slice_str(text), a, &p, &e))
        fail_msg("%s: %s", text, err_info_text(&e));
    return p;
}

static void test_parse(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err_info e = {0};
        const struct price *p;
        enum err err = price_parse(slice_str(texts[i].in), &a, &p, &e);
        struct slice out = err ? slice_str(e.text) : price_text(p);

        assert_int_equal(err, e.code);
        if (!slice_eq(out, slice_str(texts[i].out)))
            fail_msg("%s: %.*s", texts[i].why, SLICE_ARG(out));
        if (err)
            continue;
        assert_int_equal(price_id(parsed(texts[i].out, &a)), price_id(p));
        assert_true(price_id(p) > 0);
    }
    arena_release(&a);
}

#define PRICE_ID_ONE_TWO 7873096288628007440

/* Rows that were charged keep these numbers. */
static void test_id(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_true(price_id(parsed("{\"input\":\"1.0\",\"output\":2}", &a)) == PRICE_ID_ONE_TWO);
    assert_true(price_id(parsed("{\"output\":\"2\",\"input\":1,\"cache_read\":1}", &a)) ==
                PRICE_ID_ONE_TWO);
    assert_true(price_id(parsed("{\"input\":\"1.0\",\"output\":3}", &a)) != PRICE_ID_ONE_TWO);
    arena_release(&a);
}

/* No cut of a price is a price: what is not whole is refused, never half read. */
static void test_any_cut(void **state)
{
    struct slice whole =
        SLICE("{\"input\":\"0.75\",\"tiers\":[{\"above\":5,\"input\":1}],\"modes\":{"
              "\"flex\":{\"multiplier\":\"0.5\"}},\"windows\":[{\"from\":\"00:30\","
              "\"to\":\"02:30\",\"input\":\"0.5\"}]}");
    const struct price *p;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t len = 0; len < whole.len; len++) {
        struct err_info e = {0};
        assert_int_equal(price_parse(slice_sub(whole, 0, len), &a, &p, &e), ERR_BAD_REQUEST);
        assert_null(p);
    }
    parsed(whole.ptr, &a);
    arena_release(&a);
}

#define FULL                                                                           \
    "{\"input\":\"1\",\"output\":\"10\",\"cache_read\":\"0.1\",\"cache_write\":\"2\"," \
    "\"reasoning\":\"20\","                                                            \
    "\"audio_in\":\"3\",\"audio_out\":\"30\",\"image_in\":\"4\",\"image_out\":\"40\"," \
    "\"per_call\":\"0.5\"}"
#define BARE "{\"input\":\"1\",\"output\":\"10\"}"
#define GPT                                                                                      \
    "{\"input\":\"2.5\",\"output\":\"15\",\"cache_read\":\"0.25\",\"tiers\":[{\"above\":271999," \
    "\"input\":\"5\",\"output\":\"22.5\",\"cache_read\":\"0.5\"}],\"modes\":{\"flex\":{"         \
    "\"multiplier\":\"0.5\"},\"batch\":{\"multiplier\":\"0.5\"},\"priority\":{\"input\":5,"      \
    "\"output\":30,\"cache_read\":\"0.5\"}}}"
#define SONNET                                                                                       \
    "{\"input\":\"3\",\"output\":\"15\",\"cache_read\":\"0.3\",\"cache_write_5m\":\"3.75\","         \
    "\"cache_write_1h\":\"6\",\"server_tool\":\"0.01\",\"tiers\":[{\"above\":200000,\"input\":6,"    \
    "\"output\":\"22.5\",\"cache_read\":\"0.6\",\"cache_write_5m\":\"7.5\",\"cache_write_1h\":12}]," \
    "\"modes\":{\"fast\":{\"input\":30,\"cache_read\":3,\"output\":165}}}"
#define GEMINI                                                                                     \
    "{\"input\":\"1.25\",\"output\":\"10\",\"cache_read\":\"0.125\",\"tiers\":[{\"above\":200000," \
    "\"input\":\"2.5\",\"output\":\"15\",\"cache_read\":\"0.25\"}]}"
#define MARGINAL                                                                               \
    "{\"input\":1,\"cache_read\":\"0.1\",\"output\":10,\"tiers\":[{\"above\":100,\"input\":2," \
    "\"cache_read\":\"0.2\",\"output\":20},{\"above\":200,\"input\":4,\"cache_read\":\"0.4\"," \
    "\"output\":30}],\"marginal\":true}"
#define DEEPSEEK                                                                             \
    "{\"input\":\"0.27\",\"output\":\"1.1\",\"cache_read\":\"0.07\",\"windows\":[{\"from\":" \
    "\"16:30\",\"to\":\"00:30\",\"input\":\"0.135\",\"output\":\"0.55\",\"cache_read\":"     \
    "\"0.035\"}]}"
#define NIGHT                                                                                 \
    "{\"input\":8,\"modes\":{\"flex\":{\"multiplier\":\"0.5\"},\"priority\":{\"input\":16}}," \
    "\"windows\":[{\"from\":\"22:00\",\"to\":\"06:00\",\"multiplier\":\"0.25\"}]}"
#define BIG INT64_MAX
#define LOW INT64_MIN
#define MIL 1000000
#define PLAIN               \
    {                       \
        SERVICE_STANDARD, 0 \
    }
#define AT(hour, minute) (((hour)*60 + (minute)) * 60000)

/* Tokens in the order of enum usage_kind: input, read, 5m, 30m, 1h, 12h, audio, image, output... */
static const struct {
    const char *why, *price;
    int64_t tokens[USAGE_KIND_COUNT];
    struct {
        enum service_tier tier;
        int64_t at_unix_ms;
    } how;
    int64_t cost;
} costs[] = {
#include "policy/price_cost_test.def"
};

struct sum {
    int64_t nusd, lines;
};

static bool sum_up(void *ctx, const struct price_item *item)
{
    struct sum *sum = ctx;

    assert_true(item->nusd >= 0 && item->count > 0 && item->rate_nusd > 0);
    assert_true(item->per == 1 || item->per == 1000000);
    sum->nusd += item->nusd;
    sum->lines++;
    return true;
}

static void check_sum(const struct price *p, const struct price_use *use, int64_t cost)
{
    struct price_applied applied;
    struct sum sum = {0};

    price_items(p, use, &applied, sum_up, &sum);
    assert_int_equal(sum.nusd, cost);
}

static void test_cost(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        struct chat_usage u;
        struct price_use use = {&u, costs[i].how.tier, costs[i].how.at_unix_ms};
        const struct price *p = parsed(costs[i].price, &a);
        int64_t cost;

        memcpy(u.tokens, costs[i].tokens, sizeof(u.tokens));
        cost = price_cost(p, &use);
        if (cost != costs[i].cost)
            fail_msg("%s: %lld", costs[i].why, (long long)cost);
        check_sum(p, &use, cost);
    }
    arena_release(&a);
}

static bool show_item(void *ctx, const struct price_item *item)
{
    buf_printf(ctx, "%s %lld x %lld/%lld above %lld = %lld\n", item->what, (long long)item->count,
               (long long)item->rate_nusd, (long long)item->per, (long long)item->above,
               (long long)item->nusd);
    return true;
}

static void test_items(void **state)
{
    struct chat_usage u = {
        {150, [USAGE_OUTPUT] = 10, [USAGE_SERVER_TOOLS] = 2}
    };
    struct price_use use = {&u, SERVICE_FLEX, AT(23, 5)};
    struct price_applied applied;
    struct buf out = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    price_items(
        parsed("{\"input\":1,\"output\":3,\"per_call\":2,\"server_tool\":\"0.5\",\"tiers\":[{"
               "\"above\":100,\"input\":2}],\"marginal\":true,\"modes\":{\"flex\":{"
               "\"multiplier\":\"0.5\"}},\"windows\":[{\"from\":\"22:00\",\"to\":\"01:30\","
               "\"multiplier\":\"0.1\"}]}",
               &a),
        &use, &applied, show_item, &out);
    buf_append_byte(&out, '\0');
    assert_string_equal(buf_peek(&out).ptr,
                        "input_tokens 100 x 1000000000/1000000 above 0 = 5000\n"
                        "input_tokens 50 x 2000000000/1000000 above 100 = 5000\n"
                        "output_tokens 10 x 3000000000/1000000 above 100 = 1500\n"
                        "server_tool_uses 2 x 500000000/1 above 0 = 1000000000\n"
                        "calls 1 x 2000000000/1 above 0 = 2000000000\n");
    assert_true(applied.mode && applied.window && applied.marginal);
    assert_int_equal(applied.from_minute, 22 * 60);
    assert_int_equal(applied.to_minute, 90);
    assert_int_equal(applied.above, 100);
    assert_int_equal(applied.multiplier_trillionth, 50000000000);
    buf_release(&out);
    arena_release(&a);
}

static bool stop(void *ctx, const struct price_item *item)
{
    (void)item;
    return ++*(int *)ctx < 2;
}

static void test_items_stop(void **state)
{
    struct chat_usage u = {
        {1, 1, 1, [USAGE_OUTPUT] = 1}
    };
    struct price_applied applied;
    struct arena a;
    int calls = 0;

    (void)state;
    arena_init(&a, 0);
    price_items(parsed(BARE, &a), &(struct price_use){.usage = &u}, &applied, stop, &calls);
    assert_int_equal(calls, 2);
    arena_release(&a);
}

/* ---- properties, over prices and usages that chance makes ---- */

static uint64_t seed = 0x9E3779B97F4A7C15U;

static uint64_t chance(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static void put_rates(struct buf *out)
{
    buf_printf(out, "\"input\":%u", (unsigned)chance(20));
    for (int kind = 1; kind < USAGE_KIND_COUNT; kind++) {
        static const char *const keys[USAGE_KIND_COUNT] = {
            "",
            "cache_read",
            "cache_write_5m",
            "cache_write_30m",
            "cache_write_1h",
            "cache_write_12h",
            "audio_in",
            "image_in",
            "output",
            "reasoning",
            "audio_out",
            "image_out",
            "server_tool",
        };
        if (chance(3) == 0)
            buf_printf(out, ",\"%s\":\"%u.%06u\"", keys[kind],
                       chance(50) ? (unsigned)chance(90) : 1000000, 0U);
    }
    if (chance(4) == 0)
        buf_printf(out, ",\"per_call\":\"0.00000%u\"", (unsigned)chance(1000));
}

static void put_sheet(struct buf *out)
{
    unsigned above = 0;

    put_rates(out);
    if (chance(2))
        return;
    buf_append_str(out, ",\"tiers\":[");
    for (uint64_t i = 0, count = 1 + chance(4); i < count; i++) {
        above += 1 + (unsigned)chance(300);
        buf_printf(out, "%s{\"above\":%u,", i ? "," : "", above);
        put_rates(out);
        buf_append_byte(out, '}');
    }
    buf_printf(out, "],\"marginal\":%s", chance(2) ? "true" : "false");
}

static void put_part(struct buf *out)
{
    if (chance(2))
        put_sheet(out);
    else
        buf_printf(out, "\"multiplier\":\"%u.%06u\"", (unsigned)chance(4),
                   (unsigned)chance(1000000));
}

static void put_price(struct buf *out)
{
    static const char *const modes[] = {"flex", "batch", "priority", "fast"};

    buf_append_byte(out, '{');
    put_sheet(out);
    buf_append_str(out, ",\"modes\":{");
    for (size_t i = 0, first = 1; i < ARRAY_LEN(modes); i++) {
        if (chance(2))
            continue;
        buf_printf(out, "%s\"%s\":{", first ? "" : ",", modes[i]);
        put_part(out);
        buf_append_byte(out, '}');
        first = 0;
    }
    buf_append_str(out, "},\"windows\":[");
    for (unsigned i = 0, count = (unsigned)chance(4); i < count; i++) {
        buf_printf(out, "%s{\"from\":\"%02u:30\",\"to\":\"%02u:30\",", i ? "," : "", i * 8 + 6,
                   (i * 8 + 10) % 24);
        put_part(out);
        buf_append_byte(out, '}');
    }
    buf_append_str(out, "]}");
}

/* Of all that the bound says; what is above it is worse luck. */
static void make_usage(struct chat_usage *u, int64_t *input, int64_t *output)
{
    static const int64_t sizes[] = {2, 400, 4000, INT64_MAX / 16};
    uint64_t most = (uint64_t)sizes[chance(4)];

    *u = (struct chat_usage){{0}};
    *input = *output = 0;
    for (int kind = USAGE_INPUT; kind <= USAGE_IMAGE_IN; kind++)
        *input += u->tokens[kind] = (int64_t)chance(most);
    for (int kind = USAGE_OUTPUT; kind <= USAGE_IMAGE_OUT; kind++)
        u->tokens[kind] = (int64_t)chance(most);
    *output = u->tokens[USAGE_OUTPUT] + u->tokens[USAGE_AUDIO_OUT] + u->tokens[USAGE_IMAGE_OUT];
}

static void check_price(const struct price *p, const char *text)
{
    for (int round = 0; round < 40; round++) {
        struct chat_usage u;
        struct price_use use = {&u, (enum service_tier)chance(SERVICE_TIER_COUNT),
                                (int64_t)chance(86400000)};
        int64_t input, output, cost;
        make_usage(&u, &input, &output);
        cost = price_cost(p, &use);
        check_sum(p, &use, cost);
        if (price_dearest(p, input, output) < cost)
            fail_msg("%s: %lld of at most %lld", text, (long long)cost,
                     (long long)price_dearest(p, input, output));
        assert_true(price_dearest(p, input + 7, output + 7) >= price_dearest(p, input, output));
    }
}

static void test_properties(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct buf text = {0};
        const struct price *p, *again;
        struct arena a;

        arena_init(&a, 0);
        put_price(&text);
        buf_append_byte(&text, '\0');
        p = parsed(buf_peek(&text).ptr, &a);
        again = parsed(price_text(p).ptr, &a);
        assert_true(price_id(p) == price_id(again));
        assert_true(slice_eq(price_text(p), price_text(again)));
        check_price(p, buf_peek(&text).ptr);
        buf_release(&text);
        arena_release(&a);
    }
}

static void test_dearest(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(price_dearest(parsed(BARE, &a), 1000, 100), 2000000);
    assert_int_equal(price_dearest(parsed(BARE, &a), -1000, -100), 0);
    assert_int_equal(price_dearest(parsed(FULL, &a), 1000, 100), 508000000);
    assert_int_equal(price_dearest(parsed(GPT, &a), 271999, 0), 1359995000); // priority
    assert_int_equal(price_dearest(parsed(GEMINI, &a), 200000, 1000), 260000000);
    assert_int_equal(price_dearest(parsed(GEMINI, &a), 200001, 1000), 515002500);
    assert_int_equal(price_dearest(parsed(DEEPSEEK, &a), 1000, 1000), 1370000);
    assert_int_equal(price_dearest(parsed(NIGHT, &a), 1000, 0), 16000000);
    assert_true(price_dearest(parsed(FULL, &a), INT64_MAX, INT64_MAX) == INT64_MAX);
    arena_release(&a);
}

static void test_tiers_known(void **state)
{
    struct arena a;
    const struct price *p;

    (void)state;
    arena_init(&a, 0);
    p = parsed("{\"input\":\"1\",\"modes\":{\"priority\":{\"multiplier\":\"2\"}}}", &a);
    assert_true(price_has_tier(p, SERVICE_STANDARD));
    assert_true(price_has_tier(p, SERVICE_PRIORITY));
    assert_false(price_has_tier(p, SERVICE_FAST));
    assert_false(price_has_tier(p, SERVICE_TIER_COUNT));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),       cmocka_unit_test(test_id),
        cmocka_unit_test(test_any_cut),     cmocka_unit_test(test_cost),
        cmocka_unit_test(test_items),       cmocka_unit_test(test_items_stop),
        cmocka_unit_test(test_dearest),     cmocka_unit_test(test_properties),
        cmocka_unit_test(test_tiers_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
