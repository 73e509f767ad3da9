/* write_test.c - what is written, and that it reads back as the same. */
#include "json/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"
#include "json/raw.h"
#include "json/scan.h"

static const struct {
    const char *why, *in, *out;
} strings[] = {
    {"empty",                "",                                     "\"\""                                    },
    {"plain",                "abc/ def",                             "\"abc/ def\""                            },
    {"quotes",               "a\"b\\c",                              "\"a\\\"b\\\\c\""                         },
    {"short escapes",        "\b\f\n\r\t",                           "\"\\b\\f\\n\\r\\t\""                     },
    {"others",               "\x01\x1F\x7F",                         "\"\\u0001\\u001f\x7F\""                  },
    {"UTF-8 as it is",       "\xC3\xA9\xE2\x80\xA8",                 "\"\xC3\xA9\xE2\x80\xA8\""                },
    {"not UTF-8",            "a\xFF\"\xC3",                          "\"a\xEF\xBF\xBD\\\"\xEF\xBF\xBD\""       },
    {"a surrogate",          "\xED\xA0\x80",                         "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"cut short, then more", "\xE2\x82z",                            "\"\xEF\xBF\xBD\xEF\xBF\xBDz\""           },
    {"after sixteen",        "0123456789abcdef\n0123456789abcdef\"",
     "\"0123456789abcdef\\n0123456789abcdef\\\"\""                                                             },
};

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct buf out = {0};

        json_write_string(&out, slice_str(strings[i].in));
        if (!slice_eq(buf_peek(&out), slice_str(strings[i].out)))
            fail_msg("%s: %.*s", strings[i].why, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
    }
}

/* Any UTF-8 comes back as it was; any bytes at all give valid JSON. */
static void test_back_and_forth(void **state)
{
    struct random r;

    (void)state;
    random_seed(&r, (const uint64_t[4]){5, 6, 7, 8});
    for (int n = 0; n < 20000; n++) {
        struct buf literal = {0}, back = {0};
        struct err_info e = {0};
        char in[64];
        size_t len = (size_t)random_below(&r, sizeof(in));
        bool ascii = n % 2;

        for (size_t i = 0; i < len; i++)
            in[i] = (char)random_below(&r, ascii ? 128 : 256);
        json_write_string(&literal, slice_of(in, len));
        assert_int_equal(json_scan(buf_peek(&literal), NULL, 0, NULL, &e), ERR_NONE);
        assert_true(json_string_decode(buf_peek(&literal), &back));
        if (ascii)
            assert_true(slice_eq(buf_peek(&back), slice_of(in, len)));
        buf_release(&literal);
        buf_release(&back);
    }
}

static void test_writer(void **state)
{
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    (void)state;
    json_open_object(&w);
    json_key(&w, SLICE("a\""));
    json_open_array(&w);
    json_value_int(&w, INT64_MIN);
    json_value_string(&w, SLICE("x"));
    json_open_object(&w);
    json_close_object(&w);
    json_open_array(&w);
    json_close_array(&w);
    json_value_bool(&w, true);
    json_value_bool(&w, false);
    json_value_null(&w);
    json_close_array(&w);
    json_key(&w, SLICE("b"));
    json_value_raw(&w, SLICE("{ }"));
    json_close_object(&w);
    assert_true(slice_eq(buf_peek(&out),
                         SLICE("{\"a\\\"\":[-9223372036854775808,\"x\",{},[],true,false,null],"
                               "\"b\":{ }}")));
    buf_release(&out);
}

static const struct {
    double in;
    const char *out;
} doubles[] = {
    {0,         "0"                  },
    {0.7,       "0.7"                },
    {-1.5,      "-1.5"               },
    {1e300,     "1e+300"             },
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 0.0, "null"               },
    {0.0 / 0.0, "null"               },
    {12345678,  "12345678"           },
};

static void test_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
        struct buf out = {0};
        struct json_writer w = {.out = &out};

        json_value_double(&w, doubles[i].in);
        buf_append_byte(&out, '\0');
        assert_string_equal(out.data, doubles[i].out);
        buf_release(&out);
    }
}

static void test_members(void **state)
{
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    (void)state;
    json_open_object(&w);
    json_put_string(&w, "a \"", SLICE("b\n"));
    json_put_int(&w, "least", INT64_MIN);
    json_put_bool(&w, "yes", true);
    json_put_usd(&w, "usd", -750000000);
    json_put_time(&w, "at", 1795363380042);
    json_close_object(&w);
    buf_append_byte(&out, '\0');
    assert_string_equal(out.data, "{\"a \\\"\":\"b\\n\",\"least\":-9223372036854775808,"
                                  "\"yes\":true,\"usd\":\"-0.75\","
                                  "\"at\":\"2026-11-22T16:03:00.042Z\"}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings), cmocka_unit_test(test_back_and_forth),
        cmocka_unit_test(test_writer),  cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
