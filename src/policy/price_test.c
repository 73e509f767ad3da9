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
    {"the usual", "{\"input\":\"0.75\",\"output\":\"4.50\",\"cache_read\":\"0.075\"}", "750000000/4500000000/75000000/-/-/-/-/-/-/-/-/-/0"},
    {"nothing", "{}", "-/-/-/-/-/-/-/-/-/-/-/-/0"},
    {"numbers", "{\"input\":3,\"output\":15.25,\"per_call\":0.01}", "3000000000/15250000000/-/-/-/-/-/-/-/-/-/-/10000000"},
    {"a number that no double is", "{\"input\":0.000000001}", "1/-/-/-/-/-/-/-/-/-/-/-/0"},
    {"all cache writes", "{\"cache_write\":\"1\",\"cache_write_1h\":\"2\"}", "-/-/-/1000000000/1000000000/2000000000/1000000000/-/-/-/-/-/0"},
    {"each its own", "{\"cache_write_5m\":\"1\",\"cache_write_30m\":\"2\",\"cache_write_12h\":\"3\"}", "-/-/-/1000000000/2000000000/-/3000000000/-/-/-/-/-/0"},
    {"the rest", "{\"reasoning\":\"1\",\"audio_in\":\"2\",\"audio_out\":\"3\",\"image_in\":\"4\",\"image_out\":\"5\"}", "-/-/-/-/-/-/-/1000000000/2000000000/3000000000/4000000000/5000000000/0"},
    {"null is unset", "{\"input\":null}", "-/-/-/-/-/-/-/-/-/-/-/-/0"},
    {"free", "{\"input\":\"0\"}", "0/-/-/-/-/-/-/-/-/-/-/-/0"},
    {"an unknown key", "{\"inputs\":\"1\"}", "price.inputs: there is no such key"},
    {"twice", "{\"input\":\"1\",\"input\":\"2\"}", "price.input: is given twice"},
    {"negative", "{\"input\":\"-1\"}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"an exponent", "{\"input\":1e3}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"a word", "{\"input\":\"free\"}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"true", "{\"input\":true}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"an object", "{\"input\":{}}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"ten decimals", "{\"input\":\"0.0000000001\"}", "price.input: must be an amount like \"0.75\", with at most nine decimals"},
    {"a slip of the pen", "{\"output\":\"1000000.01\"}", "price.output: must be from 0 to 1000000"},
    {"a list", "[]", "price: must be an object"},
};

static const enum usage_kind shown[] = {
    USAGE_INPUT,          USAGE_OUTPUT,    USAGE_CACHE_READ, USAGE_CACHE_WRITE_5M, USAGE_CACHE_WRITE_30M,
    USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_12H, USAGE_REASONING, USAGE_AUDIO_IN, USAGE_AUDIO_OUT,
    USAGE_IMAGE_IN, USAGE_IMAGE_OUT,
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

#define FULL                                                                                       \
    "{\"input\":\"1\",\"output\":\"10\",\"cache_read\":\"0.1\",\"cache_write\":\"2\",\"reasoning\":\"20\","  \
    "\"audio_in\":\"3\",\"audio_out\":\"30\",\"image_in\":\"4\",\"image_out\":\"40\",\"per_call\":\"0.5\"}"
#define BARE "{\"input\":\"1\",\"output\":\"10\"}"
#define BIG  INT64_MAX

/* Tokens in the order of enum usage_kind: input, read, 5m, 30m, 1h, 12h, audio, image, output, ... */
static const struct {
    const char *why, *price;
    int64_t tokens[USAGE_KIND_COUNT];
    int64_t cost;
} costs[] = {
    {"nothing used",            BARE, {0},                                                         0                      },
    {"only the call",           FULL, {0},                                                         500000000              },
    {"a million in",            BARE, {1000000},                                                   1000000000             },
    {"one token",               BARE, {1},                                                         1000                   },
    {"rounded once, down",      "{\"input\":\"0.000000499\"}", {1000},                             0                      },
    {"half is up",              "{\"input\":\"0.0000005\"}", {1000},                               1                      },
    {"two halves are one",      "{\"input\":\"0.0000005\",\"output\":\"0.0000005\"}", {1000, 0, 0, 0, 0, 0, 0, 0, 1000}, 1 },
    {"each kind",               FULL, {1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 0, 1000000, 1000000, 7}, 96600000000},
    {"kinds without a price",   BARE, {1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 0, 1000000, 1000000, 7}, 38000000000},
    {"reasoning is in output",  BARE, {[USAGE_OUTPUT] = 1000000, [USAGE_REASONING] = 400000},      10000000000            },
    {"reasoning has its own",   FULL, {[USAGE_OUTPUT] = 1000000, [USAGE_REASONING] = 400000},      14500000000            },
    {"more than there is",      FULL, {[USAGE_OUTPUT] = 1000000, [USAGE_REASONING] = 9000000},     20500000000            },
    {"negative counts",         BARE, {-5, -5, [USAGE_OUTPUT] = 1000000, [USAGE_REASONING] = -1},  10000000000            },
    {"absurd counts",           FULL, {BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG, BIG}, INT64_MAX         },
    {"the last that fits",      "{\"input\":\"1000000\"}", {9223372036},                        9223372036000000000    },
    {"the first that does not", "{\"input\":\"1000000\"}", {9223372037},                        INT64_MAX              },
    {"absurd but cheap",        "{\"input\":\"0.000000001\"}", {BIG},                              9223372036855          },
    {"tools are free",          FULL, {[USAGE_SERVER_TOOLS] = 1000000},                            500000000              },
    {"no input price",          "{\"output\":\"1\"}", {1000000, 1000000, [USAGE_OUTPUT] = 1000000}, 1000000000            },
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
