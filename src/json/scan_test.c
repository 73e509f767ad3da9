/* scan_test.c - what is found, what is refused and how that is said. */
#include "json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define TEN     "0123456789"
#define FIFTY   TEN TEN TEN TEN TEN
#define FILLING FIFTY FIFTY FIFTY

/* Of `model` (never twice) and `n`, as "model|n"; "-" is absent. */
static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"both",               "{\"model\":\"a\",\"n\":12}",                   "\"a\"|12"                                                  },
    {"none",               "{}",                                           "-|-"                                                       },
    {"blanks",             " { \"model\" : \"a\" , \"n\" : 1 } \n",        "\"a\"|1"                                                   },
    {"only top level",     "{\"x\":{\"model\":1},\"y\":[{\"n\":2}]}",      "-|-"                                                       },
    {"object and array",   "{\"model\":{\"a\":[1,{}]},\"n\":[[],2]}",      "{\"a\":[1,{}]}|[[],2]"                                     },
    {"empty containers",   "{\"model\":{},\"n\":[]}",                      "{}|[]"                                                     },
    {"escaped key",        "{\"m\\u006fdel\":true}",                       "true|-"                                                    },
    {"longer key",         "{\"models\":1,\"mode\":2,\"model\\u0000\":3}", "-|-"                                                       },
    {"last one counts",    "{\"n\":1,\"n\":{},\"n\":null}",                "-|null"                                                    },
    {"never twice",        "{\"model\":1,\"n\":2,\"model\":3}",            "duplicate key \"model\" at byte 17"                        },
    {"twice by an escape", "{\"model\":1,\"\\u006dodel\":3}",              "duplicate key \"model\" at byte 11"                        },
    {"quotes in strings",  "{\"model\":\"\\\"n\\\":1\\\\\",\"n\":2}",      "\"\\\"n\\\":1\\\\\"|2"                                     },
    {"keys as values",     "{\"a\":\"model\",\"b\":\"n\"}",                "-|-"                                                       },
    {"array at the top",   "[\"model\",{\"model\":1}]",                    "-|-"                                                       },
    {"scalar at the top",  " 12 ",                                         "-|-"                                                       },
    {"string at the top",  "\"model\"",                                    "-|-"                                                       },

    {"nothing",            "",                                             "invalid JSON at byte 0: expected a value, found the end"   },
    {"only blanks",        "  ",                                           "invalid JSON at byte 2: expected a value, found the end"   },
    {"byte order mark",    "\xEF\xBB\xBF{}",
     "invalid JSON at byte 0: expected a value, not a byte order mark"                                                                 },
    {"no UTF-8",           "{\"a\":\"\xFF\"}",                             "invalid JSON at byte 6: expected UTF-8"                    },
    {"no key",             "{1:2}",                                        "invalid JSON at byte 1: expected a key in quotes"          },
    {"comma at the end",   "{\"a\":1,}",                                   "invalid JSON at byte 7: expected a key in quotes"          },
    {"no colon",           "{\"a\" 1}",                                    "invalid JSON at byte 5: expected ':' after the key"        },
    {"no value",           "{\"a\":}",                                     "invalid JSON at byte 5: expected a value"                  },
    {"no comma",           "{\"a\":1 \"b\":2}",                            "invalid JSON at byte 7: expected ',' or '}'"               },
    {"no comma in array",  "[1 2]",                                        "invalid JSON at byte 3: expected ',' or ']'"               },
    {"wrong bracket",      "[1}",                                          "invalid JSON at byte 2: expected ',' or ']'"               },
    {"cut short",          "{\"a\":[1",                                    "invalid JSON at byte 7: expected ',' or ']', found the end"},
    {"cut in a string",    "{\"a\":\"b",
     "invalid JSON at byte 7: expected the end of the string, found the end"                                                           },
    {"cut in a key",       "{\"a",
     "invalid JSON at byte 3: expected the end of the string, found the end"                                                           },
    {"cut in an escape",   "[\"a\\",
     "invalid JSON at byte 4: expected the end of the string, found the end"                                                           },
    {"more behind",        "{} {}",                                        "invalid JSON at byte 3: expected nothing after the value"  },
    {"string behind",      "1 \"a",                                        "invalid JSON at byte 2: expected nothing after the value"  },
    {"control character",  "[\"a\nb\"]",
     "invalid JSON at byte 3: expected control characters to be escaped"                                                               },
    {"unknown escape",     "[\"a\\x\"]",                                   "invalid JSON at byte 3: expected a known escape after '\\'"},
    {"short \\u",          "[\"\\u12\"]",                                  "invalid JSON at byte 2: expected a known escape after '\\'"},
    {"first mistake",      "[1 2, \"\n\"]",                                "invalid JSON at byte 3: expected ',' or ']'"               },
    {"half a word",        "[tru]",                                        "invalid JSON at byte 1: expected a value"                  },
    {"NUL behind",         "1 \x01",                                       "invalid JSON at byte 2: expected nothing after the value"  },
};

static void outcome(struct slice text, struct buf *out)
{
    const struct json_want wants[] = {
        {.key = SLICE("model"), .no_duplicate = true },
        {.key = SLICE("n"),     .no_duplicate = false},
    };
    struct json_span spans[2];
    struct err_info e = {0};

    buf_clear(out);
    if (json_scan(text, wants, 2, spans, &e) != ERR_NONE) {
        assert_int_equal(e.code, ERR_BAD_REQUEST);
        buf_append_str(out, e.text);
        return;
    }
    buf_append(out, spans[0].end ? json_span_slice(text, spans[0]) : SLICE("-"));
    buf_append_byte(out, '|');
    buf_append(out, spans[1].end ? json_span_slice(text, spans[1]) : SLICE("-"));
}

static void test_cases(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        outcome(slice_str(cases[i].in), &out);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(buf_peek(&out)));
    }
    buf_release(&out);
}

/* Where the text starts in a block must not matter. */
static void test_any_place(void **state)
{
    struct buf text = {0}, out = {0}, shifted = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (strstr(cases[i].out, "byte"))
            continue;
        for (size_t shift = 0; shift <= 130; shift++) {
            buf_clear(&text);
            for (size_t n = 0; n < shift; n++)
                buf_append_byte(&text, ' ');
            buf_append_str(&text, cases[i].in);
            outcome(buf_peek(&text), &shifted);
            if (!slice_eq(buf_peek(&shifted), slice_str(cases[i].out)))
                fail_msg("%s, after %zu blanks: %.*s", cases[i].why, shift,
                         SLICE_ARG(buf_peek(&shifted)));
        }
    }
    buf_release(&text);
    buf_release(&out);
    buf_release(&shifted);
}

/* No text that was cut short is JSON, but for numbers at the top. */
static void test_every_cut(void **state)
{
    struct slice text =
        SLICE("{\"model\":\"\\u00e9\\\\ \\\"\",\"n\":[1.5e-3,{\"a\":null},[true,false]],"
              "\"long\":\"0123456789012345678901234567890123456789012345678901234567890\"}");
    struct json_span span;
    struct err_info e = {0};

    (void)state;
    assert_int_equal(json_scan(text, NULL, 0, &span, &e), ERR_NONE);
    for (size_t len = 0; len < text.len; len++) {
        struct err_info cut = {0};
        assert_int_equal(json_scan(slice_sub(text, 0, len), NULL, 0, &span, &cut), ERR_BAD_REQUEST);
    }
}

/* In long strings, which are read in blocks: each of these at every place, once and twice. */
static void test_long_strings(void **state)
{
    static const struct {
        const char *piece;
        bool is_good;
    } pieces[] = {
        {"\\n",      true },
        {"\\\"",     true },
        {"\\\\",     true },
        {"\\u00E9",  true },
        {"\\/",      true },
        {"\xC3\xA9", true },
        {"\\x",      false},
        {"\\u00g9",  false},
        {"\\u00\"",  false},
        {"\\",       false}, // escapes what follows
        {"\x1F",     false},
        {"\\\x1F",   false},
        {"\xC3",     false},
        {"\"",       false},
    };
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t at = 0; at <= 150; at++) {
            for (size_t len = at; len <= 150; len += 10) {
                struct json_span span;
                struct err_info e = {0};

                buf_clear(&text);
                buf_printf(&text, "{\"%*s\":1,\"%.*s%s%s%.*s\":[{\"n\":2}],\"n\":3}", (int)at, "k",
                           (int)at, FILLING, pieces[i].piece,
                           pieces[i].is_good && len % 20 ? pieces[i].piece : "", (int)(len - at),
                           FILLING);
                if ((json_scan(buf_peek(&text), &(const struct json_want){SLICE_INIT("n"), true}, 1,
                               &span, &e) == ERR_NONE) != pieces[i].is_good)
                    fail_msg("%.*s: %s", SLICE_ARG(buf_peek(&text)), e.text);
                if (pieces[i].is_good)
                    assert_int_equal(span.start, buf_len(&text) - 2);
            }
        }
    }
    buf_release(&text);
}

static enum err scan_repeated(const char *before, const char *unit, size_t times, const char *after,
                              struct err_info *e)
{
    struct buf text = {0};
    enum err err;

    buf_append_str(&text, before);
    for (size_t i = 0; i < times; i++)
        buf_append_str(&text, unit);
    buf_append_str(&text, after);
    err = json_scan(buf_peek(&text), NULL, 0, NULL, e);
    buf_release(&text);
    return err;
}

static void test_limits(void **state)
{
    struct buf close = {0};
    struct err_info e = {0};

    (void)state;
    for (size_t i = 0; i < JSON_MAX_DEPTH; i++)
        buf_append_byte(&close, ']');
    buf_append_byte(&close, '\0');
    assert_int_equal(scan_repeated("", "[", JSON_MAX_DEPTH, close.data, &e), ERR_NONE);
    assert_int_equal(scan_repeated("[", "[", JSON_MAX_DEPTH, close.data, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.text, "invalid JSON at byte 128: nested too deeply");
    buf_release(&close);

    e = (struct err_info){0};
    assert_int_equal(scan_repeated("{", "\"k\":1,", JSON_MAX_KEYS - 1, "\"k\":1}", &e), ERR_NONE);
    assert_int_equal(scan_repeated("{", "\"k\":1,", JSON_MAX_KEYS, "\"k\":1}", &e),
                     ERR_BAD_REQUEST);
    assert_string_equal(e.text, "invalid JSON at byte 60001: too many keys in one object");

    e = (struct err_info){0};
    assert_int_equal(scan_repeated("[0", ",{\"a\":[]}", 100000, "]", &e), ERR_NONE);
    assert_int_equal(scan_repeated("\"", "\\\\", 2000000, "\"", &e), ERR_NONE);
    assert_int_equal(scan_repeated("", "[", 100000, "", &e), ERR_BAD_REQUEST);
}

static void test_get(void **state)
{
    struct slice value;

    (void)state;
    assert_int_equal(json_get(SLICE("{\"a\":1,\"b\":[2]}"), SLICE("b"), &value), ERR_NONE);
    assert_true(slice_eq(value, SLICE("[2]")));
    assert_int_equal(json_get(SLICE("{\"a\":1}"), SLICE("b"), &value), ERR_NONE);
    assert_null(value.ptr);
    assert_int_equal(json_get(SLICE("[1]"), SLICE("b"), &value), ERR_NONE);
    assert_null(value.ptr);
    assert_int_equal(json_get(SLICE("{\"b\":1"), SLICE("b"), &value), ERR_BAD_REQUEST);
    assert_null(value.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_any_place),
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_get),       cmocka_unit_test(test_long_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
