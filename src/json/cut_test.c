/* cut_test.c - the elements of an array, however its bytes come. */
#include "json/cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

/* Elements with their offsets, then "]" for closed, "!" for broken, nothing for more. */
static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"objects",             "[{\"a\":1},{\"b\":[2]}]",         "1{\"a\":1};9{\"b\":[2]};]"       },
    {"as Gemini does",      "[{\n  \"a\": 1\n}\n,\r\n{}\n]\n", "1{\n  \"a\": 1\n};17{};]"        },
    {"scalars",             "[1, \"a]\" ,null]",               "11;4\"a]\";10null;]"             },
    {"brackets in strings", "[{\"]\":\"},{\"},[\"\\\"]\"]]",   "1{\"]\":\"},{\"};13[\"\\\"]\"];]"},
    {"nested",              "[[[]],[{}]]",                     "1[[]];6[{}];]"                   },
    {"empty",               " [ ] ",                           "]"                               },
    {"not begun",           "  ",                              ""                                },
    {"no element yet",      "[ {\"a\"",                        ""                                },
    {"one, not closed",     "[{},",                            "1{};"                            },
    {"one, no comma yet",   "[{}",                             "1{};"                            },
    {"number not ended",    "[12",                             ""                                },
    {"object at the top",   "{\"error\":{}}",                  "!"                               },
    {"no array",            "<html>",                          "!"                               },
    {"comma at the end",    "[{},]",                           "1{};!"                           },
    {"comma first",         "[,{}]",                           "!"                               },
    {"two commas",          "[{},,{}]",                        "1{};!"                           },
    {"no comma",            "[{}{}]",                          "1{};!"                           },
    {"wrong bracket",       "[{}}",                            "1{};!"                           },
    {"more behind",         "[{}] [",                          "1{};]"                           },
};

/* Feeds piece by piece as a relay would; forgets what is consumed. */
static void cut_pieces(struct slice text, size_t first, size_t second, struct buf *out)
{
    const size_t cuts[] = {0, first, second, text.len};
    enum json_cut_result result = JSON_CUT_MORE;
    struct json_cut c = {0};
    struct buf held = {0};

    buf_clear(out);
    for (size_t i = 0; i < 3; i++) {
        buf_append(&held, slice_sub(text, cuts[i], cuts[i + 1] - cuts[i]));
        do {
            struct slice element;
            size_t len;

            result = json_cut_next(&c, buf_peek(&held), &len, &element);
            assert_int_equal(result == JSON_CUT_ELEMENT, element.ptr != NULL);
            if (element.ptr) {
                assert_ptr_equal(element.ptr + element.len, buf_peek(&held).ptr + len);
                buf_printf(out, "%d%.*s;", (int)(c.offset - element.len), SLICE_ARG(element));
            }
            buf_consume(&held, len);
        } while (result == JSON_CUT_ELEMENT);
    }
    assert_int_equal(json_cut_closed(&c), result == JSON_CUT_CLOSED);
    if (result == JSON_CUT_CLOSED)
        buf_append_byte(out, ']');
    if (result == JSON_CUT_BROKEN)
        buf_append_byte(out, '!');
    buf_release(&held);
}

static void test_any_cut(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_str(cases[i].in);

        for (size_t first = 0; first <= text.len; first++) {
            for (size_t second = first; second <= text.len; second++) {
                cut_pieces(text, first, second, &out);
                if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
                    fail_msg("%s, cut at %zu and %zu: %.*s", cases[i].why, first, second,
                             SLICE_ARG(buf_peek(&out)));
            }
        }
    }
    buf_release(&out);
}

/* An element is given out with its last byte, not with the comma behind it. */
static void test_at_once(void **state)
{
    struct json_cut c = {0};
    struct slice text = SLICE("[{\"a\":\"}\"}"), element;
    size_t len, from = 0;

    (void)state;
    for (size_t to = 0; to <= text.len; to++) {
        enum json_cut_result result =
            json_cut_next(&c, slice_sub(text, from, to - from), &len, &element);

        assert_int_equal(result, to == text.len ? JSON_CUT_ELEMENT : JSON_CUT_MORE);
        from += len;
    }
    assert_int_equal(from, text.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
