/* edit_test.c - the few bytes of a body that change, and that the rest does not. */
#include "exchange/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

/* The pieces in a row. */
static struct slice joined(struct arena *a, const struct iovec *parts, int count, size_t len)
{
    struct buf out = {0};
    struct slice s;

    for (int i = 0; i < count; i++) {
        assert_true(parts[i].iov_len > 0);
        buf_append(&out, slice_of(parts[i].iov_base, parts[i].iov_len));
    }
    assert_int_equal(buf_len(&out), len);
    s = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return s;
}

static const struct {
    const char *body;
    struct edit edits[4];
    size_t count;
    const char *out;
    int parts;
} applied[] = {
    {"0123456789", {{0}},                                                                 0, "0123456789",        1},
    {"",           {{0}},                                                                 0, "",                  0},
    {"0123456789", {{2, 4, SLICE_INIT("AB")}},                                            1, "01AB456789",        3},
    {"0123456789", {{0, 4, SLICE_INIT("AB")}},                                            1, "AB456789",          2},
    {"0123456789", {{8, 10, SLICE_INIT("ABC")}},                                          1, "01234567ABC",       2},
    {"0123456789", {{0, 10, SLICE_INIT("X")}},                                            1, "X",                 1},
    {"0123456789", {{0, 10, SLICE_INIT("")}},                                             1, "",                  0},
    {"0123456789", {{3, 3, SLICE_INIT("X")}},                                             1, "012X3456789",       3},
    {"0123456789", {{3, 5, SLICE_INIT("")}},                                              1, "01256789",          2},
    {"0123456789", {{10, 10, SLICE_INIT("X")}},                                           1, "0123456789X",       2},
    {"0123456789", {{1, 2, SLICE_INIT("A")}, {8, 9, SLICE_INIT("B")}},                    2, "0A234567B9",        5},
    {"0123456789", {{1, 5, SLICE_INIT("A")}, {5, 9, SLICE_INIT("B")}},                    2, "0AB9",              4},
    {"0123456789", {{0, 5, SLICE_INIT("A")}, {5, 10, SLICE_INIT("")}},                    2, "A",                 1},
    {"0123456789",
     {{1, 2, SLICE_INIT("long long")}, {3, 4, SLICE_INIT("")}, {9, 10, SLICE_INIT("B")}},
     3,                                                                                      "0long long245678B",
     1                                                                                                             },
    {"0123456789",
     {{0, 1, SLICE_INIT("")},
      {1, 2, SLICE_INIT("b")},
      {2, 3, SLICE_INIT("c")},
      {10, 10, SLICE_INIT("d")}},
     4,                                                                                      "bc3456789d",
     1                                                                                                             },
};

static void test_apply(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(applied); i++) {
        struct iovec parts[EDIT_MAX_PARTS];
        struct arena a;
        size_t len = 0;
        int count;

        arena_init(&a, 0);
        count = edit_apply(&a, slice_str(applied[i].body), applied[i].edits, applied[i].count,
                           parts, &len);
        if (!slice_eq(joined(&a, parts, count, len), slice_str(applied[i].out)) ||
            count != applied[i].parts)
            fail_msg("row %zu: %d parts: %s", i, count, joined(&a, parts, count, len).ptr);
        arena_release(&a);
    }
}

/* No byte of the body is copied while two edits are enough. */
static void test_apply_borrows(void **state)
{
    static const char body[] = "0123456789";
    const struct edit edits[] = {
        {1, 2, SLICE_INIT("A")},
        {8, 9, SLICE_INIT("B")}
    };
    struct iovec parts[EDIT_MAX_PARTS];
    struct arena a;
    size_t len;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(edit_apply(&a, slice_str(body), edits, 2, parts, &len), 5);
    assert_ptr_equal(parts[0].iov_base, body);
    assert_ptr_equal(parts[2].iov_base, body + 2);
    assert_ptr_equal(parts[4].iov_base, body + 9);
    assert_int_equal(a.used, 0);
    arena_release(&a);
}

static void test_string(void **state)
{
    static const struct {
        struct slice in;
        const char *out;
    } cases[] = {
        {SLICE_INIT(""),         "\"\""           },
        {SLICE_INIT("gpt-5"),    "\"gpt-5\""      },
        {SLICE_INIT("a\"b\\c"),  "\"a\\\"b\\\\c\""},
        {SLICE_INIT("a\nb"),     "\"a\\nb\""      },
        {SLICE_INIT("\xc3\xa9"), "\"\xc3\xa9\""   },
    };
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(slice_eq(edit_string(&a, cases[i].in), slice_str(cases[i].out)));
    arena_release(&a);
}

static const struct {
    const char *in, *out;
} usages[] = {
    {"{\"model\":\"m\"}",                                                      "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
    {" {\"model\":\"m\"\n} \n",
     " {\"model\":\"m\"\n,\"stream_options\":{\"include_usage\":true}} \n"                                                                    },
    {"{\"model\":\"m\",\"a\":{\"b\":\"}\"}}",
     "{\"model\":\"m\",\"a\":{\"b\":\"}\"},\"stream_options\":{\"include_usage\":true}}"                                                      },
    {"{\"x\":{\"stream_options\":{}}}",
     "{\"x\":{\"stream_options\":{}},\"stream_options\":{\"include_usage\":true}}"                                                            },
    {"{\"stream_options\":null}",                                              "{\"stream_options\":{\"include_usage\":true}}"                },
    {"{\"stream_options\":false,\"model\":\"m\"}",
     "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}"                                                                          },
    {"{\"stream_options\":[]}",                                                "{\"stream_options\":{\"include_usage\":true}}"                },
    {"{\"stream_options\":\"{}\"}",                                            "{\"stream_options\":{\"include_usage\":true}}"                },
    {"{\"stream_options\":{}}",                                                "{\"stream_options\":{\"include_usage\":true}}"                },
    {"{\"stream_options\": { \t\r\n } }",
     "{\"stream_options\": {\"include_usage\":true \t\r\n } }"                                                                                },
    {"{\"stream_options\":{\"a\":1}}",                                         "{\"stream_options\":{\"include_usage\":true,\"a\":1}}"        },
    {"{\"stream_options\":{ \"a\":1 }}",                                       "{\"stream_options\":{\"include_usage\":true, \"a\":1 }}"      },
    {"{\"stream_options\":{\"include_usage\":false}}",
     "{\"stream_options\":{\"include_usage\":true}}"                                                                                          },
    {"{\"stream_options\":{\"include_usage\":null,\"a\":1}}",
     "{\"stream_options\":{\"include_usage\":true,\"a\":1}}"                                                                                  },
    {"{\"stream_options\":{\"a\":1, \"include_usage\" : \"no\" }}",
     "{\"stream_options\":{\"a\":1, \"include_usage\" : true }}"                                                                              },
    {"{\"stream_options\":{\"include_usage\":{\"include_usage\":false}}}",
     "{\"stream_options\":{\"include_usage\":true}}"                                                                                          },
    {"{\"stream_options\":{\"a\":{\"include_usage\":false}}}",
     "{\"stream_options\":{\"include_usage\":true,\"a\":{\"include_usage\":false}}}"                                                          },
    {"{\"stream_options\":{\"a\":\"include_usage\"}}",
     "{\"stream_options\":{\"include_usage\":true,\"a\":\"include_usage\"}}"                                                                  },
    {"{\"stream_options\":{\"include_us\\u0061ge\":false}}",
     "{\"stream_options\":{\"include_us\\u0061ge\":true}}"                                                                                    },
    {"{\"stream_options\":{\"include_usage\":false,\"include_usage\":false}}",
     "{\"stream_options\":{\"include_usage\":false,\"include_usage\":true}}"                                                                  }, // the last one counts
    {"{\"stream_options\":{\"include_usage\":true}}",
     "{\"stream_options\":{\"include_usage\":true}}"                                                                                          },
};

static void test_include_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        static const struct json_want want[] = {
            {SLICE_INIT("stream_options"), true}
        };
        struct slice body = slice_str(usages[i].in);
        struct iovec parts[EDIT_MAX_PARTS];
        struct err_info e = {0};
        struct json_span span;
        struct slice options, value, out;
        struct arena a;
        struct edit edit;
        size_t len;
        int count;

        arena_init(&a, 0);
        assert_int_equal(json_scan(body, want, 1, &span, &e), ERR_NONE);
        edit = edit_include_usage(body, span);
        count = edit_apply(&a, body, &edit, 1, parts, &len);
        out = joined(&a, parts, count, len);
        if (!slice_eq(out, slice_str(usages[i].out)))
            fail_msg("%s: %s", usages[i].in, out.ptr);
        assert_int_equal(json_scan(out, want, 1, &span, &e), ERR_NONE); // it is JSON, and says so
        options = json_span_slice(out, span);
        assert_int_equal(json_get(options, SLICE("include_usage"), &value), ERR_NONE);
        assert_true(slice_eq(value, SLICE("true")));
        arena_release(&a);
    }
}

static const struct {
    const char *model, *in, *out;
    size_t edits;
} models[] = {
    {"m",    "{}",                                                                                      "{}",                                                                                               0},
    {"m",    "{\"model\":\"models/m\"}",                                                                "{\"model\":\"models/m\"}",                                                                         0},
    {"m",    "{\"model\":\"m\"}",                                                                       "{\"model\":\"m\"}",                                                                                0},
    {"m",    "{\"model\":\"models/other\"}",                                                            "{\"model\":\"models/m\"}",                                                                         1},
    {"m",    "{\"model\" : \"other\" }",                                                                "{\"model\" : \"models/m\" }",                                                                      1},
    {"a\"b", "{\"model\":\"x\"}",                                                                       "{\"model\":\"models/a\\\"b\"}",                                                                    1},
    {"m",    "{\"model\":\"\\u006d\"}",                                                                 "{\"model\":\"\\u006d\"}",                                                                          0},
    {"m",    "{\"model\":5}",                                                                           "{\"model\":5}",                                                                                    0},
    {"m",    "{\"model\":null,\"x\":{\"model\":\"other\"}}",
     "{\"model\":null,\"x\":{\"model\":\"other\"}}",                                                                                                                                                        0},
    {"m",    "{\"requests\":[]}",                                                                       "{\"requests\":[]}",                                                                                0},
    {"m",
     "{\"requests\":[{\"model\":\"models/a\"},{\"model\":\"models/m\"},{},5,{\"model\":\"b\"}]}",       "{\"requests\":[{\"model\":\"models/m\"},{\"model\":\"models/m\"},{},5,{\"model\":\"models/m\"}]}",
     2                                                                                                                                                                                                       },
    {"m",    "{\"requests\":{\"model\":\"a\"}}",                                                        "{\"requests\":{\"model\":\"a\"}}",                                                                 0},
    {"m",    "{\"generateContentRequest\":{\"model\":\"models/a\",\"contents\":[]}}",
     "{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[]}}",                                                                                                                               1},
    {"m",    "{\"generateContentRequest\":[{\"model\":\"a\"}]}",
     "{\"generateContentRequest\":[{\"model\":\"a\"}]}",                                                                                                                                                    0},
    {"m",
     "{\"requests\":[{\"model\":\"a\"}],\"generateContentRequest\":{\"model\":\"b\"},\"model\":\"c\"}",
     "{\"requests\":[{\"model\":\"models/m\"}],\"generateContentRequest\":{\"model\":\"models/m\"},\"model\":\"models/m\"}",
     3                                                                                                                                                                                                       },
    {"m",    "[1,{\"model\":\"a\"}]",                                                                   "[1,{\"model\":\"a\"}]",                                                                            0},
    {"m",    "{\"model\":",                                                                             "{\"model\":",                                                                                      0},
    {"m",    "",                                                                                        "",                                                                                                 0},
};

static void test_gemini_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct slice body = slice_str(models[i].in), out;
        struct iovec parts[EDIT_MAX_PARTS];
        struct edit *edits = NULL;
        size_t len, count;
        struct arena a;
        int n;

        arena_init(&a, 0);
        count = edit_gemini_models(&a, body, slice_str(models[i].model), &edits);
        n = edit_apply(&a, body, edits, count, parts, &len);
        out = joined(&a, parts, n, len);
        if (!slice_eq(out, slice_str(models[i].out)) || count != models[i].edits)
            fail_msg("%s: %zu edits: %s", models[i].in, count, out.ptr);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply),         cmocka_unit_test(test_apply_borrows),
        cmocka_unit_test(test_string),        cmocka_unit_test(test_include_usage),
        cmocka_unit_test(test_gemini_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
