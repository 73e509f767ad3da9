/* raw_test.c - single values. */
#include "json/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *in;
    bool ok;
    int64_t out;
} ints[] = {
    {"0",                      true,  0        },
    {"-0",                     true,  0        },
    {"12",                     true,  12       },
    {"-12",                    true,  -12      },
    {"12.0",                   true,  12       },
    {"12.000",                 true,  12       },
    {"1e3",                    true,  1000     },
    {"1E+3",                   true,  1000     },
    {"1.2e1",                  true,  12       },
    {"120e-1",                 true,  12       },
    {"1200.00e-2",             true,  12       },
    {"0e99999999999999999",    true,  0        },
    {"0.0e-5",                 true,  0        },
    {"12.5",                   false, 0        },
    {"1e-1",                   false, 0        },
    {"12e-1",                  false, 0        },
    {"1e-99999999999999999",   false, 0        },
    {"9223372036854775807",    true,  INT64_MAX},
    {"9223372036854775808",    true,  INT64_MAX},
    {"-9223372036854775808",   true,  INT64_MIN},
    {"-9223372036854775809",   true,  INT64_MIN},
    {"99999999999999999999",   true,  INT64_MAX},
    {"1e99999999999999999",    true,  INT64_MAX},
    {"-1e400",                 true,  INT64_MIN},
    {"922337203685477580.7e1", true,  INT64_MAX},
    {"36893488147419103232",   true,  INT64_MAX}, // 2^65: wraps to 0
    {"99999999999999999999.5", false, 0        },
    {"",                       false, 0        },
    {"\"1\"",                  false, 0        },
    {"true",                   false, 0        },
    {"1x",                     false, 0        },
    {"1e",                     false, 0        },
    {"-",                      false, 0        },
};

static void test_int(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        int64_t out = 0;

        if (json_int(slice_str(ints[i].in), &out) != ints[i].ok ||
            (ints[i].ok && out != ints[i].out))
            fail_msg("%s: %lld", ints[i].in, (long long)out);
    }
}

static const struct {
    const char *why, *in, *out; // out NULL: refused
} strings[] = {
    {"empty",                    "\"\"",                           ""                            },
    {"plain",                    "\"abc\"",                        "abc"                         },
    {"every short escape",       "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"             },
    {"one byte",                 "\"\\u0041\"",                    "A"                           },
    {"two bytes",                "\"\\u00e9\"",                    "\xC3\xA9"                    },
    {"three bytes",              "\"\\u20AC\"",                    "\xE2\x82\xAC"                },
    {"a pair",                   "\"\\ud83d\\uDE00\"",             "\xF0\x9F\x98\x80"            },
    {"first half alone",         "\"\\ud83dx\"",                   "\xEF\xBF\xBDx"               },
    {"first half at the end",    "\"\\ud83d\"",                    "\xEF\xBF\xBD"                },
    {"second half alone",        "\"\\ude00\"",                    "\xEF\xBF\xBD"                },
    {"two first halves",         "\"\\ud83d\\ud83d\"",             "\xEF\xBF\xBD\xEF\xBF\xBD"    },
    {"first half, then another", "\"\\ud83d\\u0041\"",
     "\xEF\xBF\xBD"
     "A"                                                                                         },
    {"two firsts and a second",  "\"\\ud83d\\ud83d\\ude00\"",      "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
    {"around escapes",           "\"a\\nb\\tc\"",                  "a\nb\tc"                     },
    {"not a string",             "1",                              NULL                          },
    {"one quote",                "\"",                             NULL                          },
    {"nothing",                  "",                               NULL                          },
};

static void test_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct slice in = slice_str(strings[i].in), inside;
        struct buf out = {0};
        bool ok = json_string_decode(in, &out), plain = json_string_plain(in, &inside);

        if (ok != (strings[i].out != NULL) || !slice_eq(buf_peek(&out), slice_str(strings[i].out)))
            fail_msg("%s: %.*s", strings[i].why, SLICE_ARG(buf_peek(&out)));
        assert_int_equal(plain, ok && !strchr(strings[i].in, '\\'));
        assert_int_equal(json_string_eq(in, slice_str(strings[i].out)), ok);
        assert_false(json_string_eq(in, SLICE("other")));
        buf_append_byte(&out, 'x');
        assert_false(json_string_eq(in, buf_peek(&out)));
        if (ok && buf_len(&out) > 1)
            assert_false(json_string_eq(in, slice_sub(buf_peek(&out), 0, buf_len(&out) - 2)));
        buf_release(&out);
    }
}

static void test_nul(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_true(json_string_decode(SLICE("\"a\\u0000b\""), &out));
    assert_true(slice_eq(buf_peek(&out), SLICE("a\0b")));
    buf_release(&out);
}

static void test_double(void **state)
{
    char digits[201];
    double out;

    (void)state;
    assert_true(json_double(SLICE("0.7"), &out) && out == 0.7);
    assert_true(json_double(SLICE("-1.5e3"), &out) && out == -1500);
    assert_false(json_double(SLICE("true"), &out));
    assert_false(json_double(SLICE("1x"), &out));
    memset(digits, '1', 200);
    assert_true(json_double(slice_of(digits, 200), &out) && out > 1e199 && out < 1e200);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *in;
        unsigned kinds;
    } kinds[] = {
        {"\"\"",  1 },
        {"-1",    2 },
        {"0",     2 },
        {"{}",    4 },
        {"[]",    8 },
        {"true",  16},
        {"false", 32},
        {"null",  64},
        {"",      0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct slice in = slice_str(kinds[i].in);

        assert_int_equal(json_is_string(in) * 1 + json_is_number(in) * 2 + json_is_object(in) * 4 +
                             json_is_array(in) * 8 + json_is_true(in) * 16 +
                             json_is_false(in) * 32 + json_is_null(in) * 64,
                         kinds[i].kinds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int),    cmocka_unit_test(test_string), cmocka_unit_test(test_nul),
        cmocka_unit_test(test_double), cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
