/* money_test.c - exact amounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/money.h"
#include "base/random.h"

static void test_parse(void **state)
{
    static const struct {
        const char *in;
        int64_t out; // -1: refused
        const char *again;
    } cases[] = {
        {"0",                      0,                   "0"                   },
        {"0.0",                    0,                   "0"                   },
        {"0.000000000",            0,                   "0"                   },
        {"1",                      1000000000,          "1"                   },
        {"0.75",                   750000000,           "0.75"                },
        {"0.000000001",            1,                   "0.000000001"         },
        {"0.10",                   100000000,           "0.1"                 },
        {"007.5",                  7500000000,          "7.5"                 },
        {"10",                     10000000000,         "10"                  },
        {"100.000000100",          100000000100,        "100.0000001"         },
        {"123456789.123456789",    123456789123456789,  "123456789.123456789" },
        {"9223372035.999999999",   9223372035999999999, "9223372035.999999999"},
        {"9223372037",             -1,                  NULL                  },
        {"99999999999",            -1,                  NULL                  },
        {"18446744073709551615",   -1,                  NULL                  },
        {"99999999999999999999.1", -1,                  NULL                  },
        {"0.0000000001",           -1,                  NULL                  }, // not ours to round
        {"0.0000000000",           -1,                  NULL                  },
        {"",                       -1,                  NULL                  },
        {".",                      -1,                  NULL                  },
        {".5",                     -1,                  NULL                  },
        {"1.",                     -1,                  NULL                  },
        {"1.2.3",                  -1,                  NULL                  },
        {"1..2",                   -1,                  NULL                  },
        {"-1",                     -1,                  NULL                  },
        {"+1",                     -1,                  NULL                  },
        {"1.-5",                   -1,                  NULL                  },
        {"1.+5",                   -1,                  NULL                  },
        {" 1",                     -1,                  NULL                  },
        {"1 ",                     -1,                  NULL                  },
        {"1. 5",                   -1,                  NULL                  },
        {"1,5",                    -1,                  NULL                  },
        {"1e3",                    -1,                  NULL                  },
        {"0x1",                    -1,                  NULL                  },
        {"$1",                     -1,                  NULL                  },
        {"NaN",                    -1,                  NULL                  },
        {"inf",                    -1,                  NULL                  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[MONEY_TEXT_BYTES];
        int64_t nusd = -1;
        bool ok = money_parse_usd(slice_str(cases[i].in), &nusd);

        if (nusd != cases[i].out || ok != (cases[i].out >= 0))
            fail_msg("'%s': %lld", cases[i].in, (long long)nusd);
        if (ok)
            assert_true(slice_eq(money_format_usd(nusd, text), slice_str(cases[i].again)));
    }
}

static void test_format(void **state)
{
    static const struct {
        int64_t in;
        const char *out;
    } cases[] = {
        {-1,          "-0.000000001"         },
        {-1000000000, "-1"                   },
        {-1500000000, "-1.5"                 },
        {999999999,   "0.999999999"          },
        {1000000001,  "1.000000001"          },
        {20000000000, "20"                   },
        {INT64_MAX,   "9223372036.854775807" },
        {INT64_MIN,   "-9223372036.854775808"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[MONEY_TEXT_BYTES];
        struct slice s = money_format_usd(cases[i].in, text);
        assert_string_equal(text, cases[i].out); // NUL terminated too
        assert_int_equal(s.len, strlen(cases[i].out));
        assert_ptr_equal(s.ptr, text);
    }
}

static void test_round_trip(void **state)
{
    const uint64_t seed[4] = {1, 1, 2, 3};
    struct random r;

    (void)state;
    random_seed(&r, seed);
    for (int i = 0; i < 100000; i++) {
        char text[MONEY_TEXT_BYTES];
        int64_t nusd = (int64_t)(random_next(&r) >> (2 + random_below(&r, 62))), again = -1;

        assert_true(money_parse_usd(money_format_usd(nusd, text), &again));
        assert_int_equal(nusd, again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
