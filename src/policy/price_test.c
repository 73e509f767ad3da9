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
#include "base/money.h"

/* input/output/cache_read/5m/30m/1h/12h/reasoning/audio_in/audio_out/image_in/image_out/per_call */
static const struct {
    const char *why, *in, *out;
} texts[] = {
#include "policy/price_text_test.def"
};

static const enum usage_kind shown[] = {
    USAGE_INPUT,           USAGE_OUTPUT,         USAGE_CACHE_READ,      USAGE_CACHE_WRITE_5M,
    USAGE_CACHE_WRITE_30M, USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_12H, USAGE_REASONING,
    USAGE_AUDIO_IN,        USAGE_AUDIO_OUT,      USAGE_IMAGE_IN,        USAGE_IMAGE_OUT,
};

static void show(const struct price *p, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (p->per_million_nusd[shown[i]] == PRICE_UNSET)
            buf_append_str(out, "-/");
        else
            buf_printf(out, "%lld/", (long long)p->per_million_nusd[shown[i]]);
    }
    buf_printf(out, "%lld", (long long)p->per_call_nusd);
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err_info e = {0};
        struct buf out = {0};
        struct price p;

        if (price_parse(slice_str(texts[i].in), &p, &e))
            buf_append_str(&out, e.text);
        else
            show(&p, &out);
        if (!slice_eq(buf_peek(&out), slice_str(texts[i].out)))
            fail_msg("%s: %.*s", texts[i].why, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
    }
}

/* No cut of a price is a price: what is not whole is refused, never half read. */
static void test_any_cut(void **state)
{
    struct slice whole = SLICE("{\"input\":\"0.75\",\"output\":\"4.50\"}");

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        struct err_info e = {0};
        struct price p;
        assert_int_equal(price_parse(slice_sub(whole, 0, len), &p, &e), ERR_BAD_REQUEST);
    }
}

#define FULL                                                                           \
    "{\"input\":\"1\",\"output\":\"10\",\"cache_read\":\"0.1\",\"cache_write\":\"2\"," \
    "\"reasoning\":\"20\","                                                            \
    "\"audio_in\":\"3\",\"audio_out\":\"30\",\"image_in\":\"4\",\"image_out\":\"40\"," \
    "\"per_call\":\"0.5\"}"
#define BARE "{\"input\":\"1\",\"output\":\"10\"}"
#define BIG  INT64_MAX
#define MIL  1000000

/* Tokens in the order of enum usage_kind: input, read, 5m, 30m, 1h, 12h, audio, image, output... */
static const struct {
    const char *why, *price;
    int64_t tokens[USAGE_KIND_COUNT];
    int64_t cost;
} costs[] = {
#include "policy/price_cost_test.def"
};

static void test_cost(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        struct err_info e = {0};
        struct chat_usage u;
        struct price p;
        int64_t cost;

        assert_int_equal(price_parse(slice_str(costs[i].price), &p, &e), ERR_NONE);
        memcpy(u.tokens, costs[i].tokens, sizeof(u.tokens));
        cost = price_cost(&p, &u);
        if (cost != costs[i].cost)
            fail_msg("%s: %lld", costs[i].why, (long long)cost);
    }
}

/* Whatever stands in the struct, nothing overflows and nothing is paid back. */
static void test_any_struct(void **state)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 1000000, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            struct price p = {.per_call_nusd = values[i]};
            struct chat_usage u;
            for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
                p.per_million_nusd[kind] = values[i];
                u.tokens[kind] = values[j];
            }
            assert_true(price_cost(&p, &u) >= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_any_struct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
