/* watch_test.c - what is reported, and that no cut of the bytes changes it. */
#include "json/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define LIMIT_BYTES 12

/* Of the keys `usage` (U) and `a"b` (A): (U12 begins at 12, U12-15=raw) is a value, U! too large. */
static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"number",             "{\"usage\":12,\"x\":1}",                       "(U9 U9-11=12)"              },
    {"number at the end",  "{\"usage\":12}",                               "(U9 U9-11=12)"              },
    {"number, then blank", "{\"usage\":12 }",                              "(U9 U9-11=12)"              },
    {"string",             "{ \"usage\" : \"a\\\"}\" , \"x\":1}",          "(U12 U12-18=\"a\\\"}\")"    },
    {"backslashes",        "{\"usage\":\"\\\\\",\"x\":\"\\\\\\\"\"}",      "(U9 U9-13=\"\\\\\")"        },
    {"object",             "{\"usage\":{\"n\":[1]}}",                      "(U9 U9-18={\"n\":[1]})"     },
    {"brackets in string", "{\"usage\":{\"]\":\"[{\"}}",                   "(U9 U9-19={\"]\":\"[{\"})"  },
    {"word",               "{\"usage\":null}",                             "(U9 U9-13=null)"            },
    {"two keys",           "{\"usage\":1,\"a\\\"b\":[]}",                  "(U9 U9-10=1)(A18 A18-20=[])"},
    {"escaped key",        "{\"\\u0075sage\":1}",                          "(U14 U14-15=1)"             },
    {"twice",              "{\"usage\":1,\"usage\":2}",                    "(U9 U9-10=1)(U19 U19-20=2)" },
    {"only top level",     "{\"x\":{\"usage\":1},\"y\":[{\"usage\":2}]}",  ""                           },
    {"as a value",         "{\"x\":\"usage\",\"y\":\"\\\"usage\\\":1\"}",  ""                           },
    {"similar keys",       "{\"usag\":1,\"usages\":2,\"Usage\":3,\"\":4}", ""                           },
    {"just within",        "{\"usage\":\"0123456789\"}",                   "(U9 U9-21=\"0123456789\")"  },
    {"too large",          "{\"usage\":\"0123456789a\",\"a\\\"b\":1}",     "(U9 U9!)(A30 A30-31=1)"     },
    {"far too large",      "{\"usage\":[[],[],[],[],[],[],[],[],[],[]]}",  "(U9 U9!)"                   },
    {"cut short",          "{\"usage\":{\"n\":1",                          "(U9"                        },
    {"number cut short",   "{\"usage\":12",                                "(U9"                        },
    {"array at the top",   "[\"usage\",1,{\"usage\":1}]",                  ""                           },
    {"nothing",            "",                                             ""                           },
    {"empty",              "{}",                                           ""                           },
    {"not JSON",           "<html>{\"usage\":1}",                          ""                           },
    {"more behind",        "{\"usage\":1} {\"usage\":2}",                  "(U9 U9-10=1)"               },
    {"not JSON inside",    "{\"usage\":}}",                                NULL                         },
    {"nor here",           "{]\"usage\":1}",                               NULL                         },
};

static void on_report(void *ctx, const struct json_watch_report *r)
{
    struct buf *out = ctx;
    char key = "UA"[r->key];

    switch (r->event) {
    case JSON_WATCH_BEGINS: buf_printf(out, "(%c%d", key, (int)r->start); break;
    case JSON_WATCH_VALUE:
        assert_int_equal(r->end - r->start, r->value.len);
        buf_printf(out, " %c%d-%d=%.*s)", key, (int)r->start, (int)r->end, SLICE_ARG(r->value));
        break;
    case JSON_WATCH_TOO_LARGE: buf_printf(out, " %c%d!)", key, (int)r->start); break;
    }
}

/* Cuts at `first` and `second`; each piece is a copy of its own, so that ASan sees its ends. */
static void watch_pieces(struct slice text, size_t first, size_t second, struct buf *out)
{
    const struct slice keys[] = {SLICE("usage"), SLICE("a\"b")};
    const size_t cuts[] = {0, first, second, text.len};
    struct json_watch w;

    buf_clear(out);
    json_watch_init(&w, keys, ARRAY_LEN(keys), LIMIT_BYTES);
    for (size_t i = 0; i < 3; i++) {
        struct buf piece = {0};

        buf_append(&piece, slice_sub(text, cuts[i], cuts[i + 1] - cuts[i]));
        json_watch_feed(&w, buf_peek(&piece), on_report, out);
        buf_release(&piece);
    }
    json_watch_release(&w);
}

static void test_any_cut(void **state)
{
    struct buf whole = {0}, out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_str(cases[i].in);

        watch_pieces(text, text.len, text.len, &whole);
        if (cases[i].out && !slice_eq(buf_peek(&whole), slice_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(buf_peek(&whole)));
        for (size_t first = 0; first <= text.len; first++) {
            for (size_t second = first; second <= text.len; second++) {
                watch_pieces(text, first, second, &out);
                if (!slice_eq(buf_peek(&out), buf_peek(&whole)))
                    fail_msg("%s, cut at %zu and %zu: %.*s", cases[i].why, first, second,
                             SLICE_ARG(buf_peek(&out)));
            }
        }
    }
    buf_release(&whole);
    buf_release(&out);
}

/* Byte by byte, past keys that no buffer of ours holds, and a value begins when its first byte is fed. */
static void test_long_keys(void **state)
{
    static const size_t lens[] = {100, JSON_WATCH_KEY_BYTES, JSON_WATCH_KEY_BYTES + 1, 1000};
    const struct slice keys[] = {SLICE("usage")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct buf text = {0}, out = {0};
        struct json_watch w;
        size_t begins;

        buf_append_str(&text, "{\"");
        for (size_t n = 0; n < lens[i]; n++)
            buf_append_byte(&text, 'k');
        buf_append_str(&text, "\":{},\"usage\":");
        begins = buf_len(&text);
        buf_append_str(&text, "1}");
        json_watch_init(&w, keys, 1, LIMIT_BYTES);
        for (size_t at = 0; at < buf_len(&text); at++) {
            json_watch_feed(&w, slice_sub(buf_peek(&text), at, 1), on_report, &out);
            assert_int_equal(buf_len(&out) > 0, at >= begins);
        }
        assert_true(slice_ends(buf_peek(&out), SLICE("=1)")));
        json_watch_release(&w);
        buf_release(&text);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_long_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
