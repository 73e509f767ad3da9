/* sse_test.c - events, whole and cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/sse.h"

/* Events as "[name|data]", "[name]" without data, "[:]" without fields. */
static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"named",                "event: ping\ndata: {}\n\n",                "[ping|{}]"            },
    {"not named",            "data: a\n\n",                              "[|a]"                 },
    {"two events",           "data: a\n\ndata: b\n\n",                   "[|a][|b]"             },
    {"two data lines",       "data: a\ndata: b\n\n",                     "[|a\nb]"              },
    {"three, one empty",     "data: a\ndata\ndata: c\n\n",               "[|a\n\nc]"            },
    {"three, then one",      "data: a\ndata: b\ndata: c\n\ndata: d\n\n", "[|a\nb\nc][|d]"       },
    {"unfinished",           "data: a\n",                                ""                     },
    {"unfinished line",      "data: a",                                  ""                     },
    {"nothing",              "",                                         ""                     },
    {"second unfinished",    "data: a\n\ndata: b\n",                     "[|a]"                 },
    {"CRLF",                 "event: x\r\ndata: a\r\ndata: b\r\n\r\n",   "[x|a\nb]"             },
    {"CR",                   "event: x\rdata: a\rdata: b\r\r",           "[x|a\nb]"             },
    {"mixed ends",           "event: x\rdata: a\r\ndata: b\n\r\n",       "[x|a\nb]"             },
    {"CR, then CRLF",        "data: a\r\r\ndata: b\r\r\n",               "[|a][|b]"             },
    {"LF, then CRLF",        "data: a\n\r\ndata: b\n\r\n",               "[|a][|b]"             },
    {"CRLF, then LF",        "data: a\r\n\ndata: b\r\n\n",               "[|a][|b]"             },
    {"LF, then CR",          "data: a\n\rdata: b\n\r",                   "[|a][|b]"             },
    {"blank lines",          "\n\r\n\r\rdata: a\n\n",                    "[:][:][:][:][|a]"     },
    {"CRLF blank lines",     "\r\n\r\ndata: a\r\n\r\n\r\n",              "[:][:][|a][:]"        },
    {"a comment",            ": keep-alive\n\n",                         "[:]"                  },
    {"an empty comment",     ":\n\n",                                    "[:]"                  },
    {"OpenRouter waits",     ":OPENROUTER PROCESSING\n\ndata: a\n\n",    "[:][|a]"              },
    {"comment among fields", "data: a\n: x\ndata: b\n\n",                "[|a\nb]"              },
    {"comment like a field", ":data: a\n\n",                             "[:]"                  },
    {"no space",             "data:a\n\n",                               "[|a]"                 },
    {"two spaces",           "data:  a\n\n",                             "[| a]"                },
    {"a tab",                "data:\ta\n\n",                             "[|\ta]"               },
    {"trailing space",       "data: a \n\n",                             "[|a ]"                },
    {"no colon",             "data\n\n",                                 "[|]"                  },
    {"no value",             "data:\n\n",                                "[|]"                  },
    {"no value but a space", "data: \n\n",                               "[|]"                  },
    {"two empty lines",      "data\ndata\n\n",                           "[|\n]"                },
    {"colons in data",       "data: a: b:c\n\n",                         "[|a: b:c]"            },
    {"name without data",    "event: x\n\ndata: a\n\n",                  "[x][|a]"              },
    {"name after data",      "data: a\nevent: x\n\n",                    "[x|a]"                },
    {"last name counts",     "event: x\nevent: y\ndata: a\n\n",          "[y|a]"                },
    {"name taken back",      "event: x\nevent\ndata: a\n\n",             "[|a]"                 },
    {"other fields",         "id: 1\nretry: 2\nx: y\ndata: a\n\n",       "[|a]"                 },
    {"only other fields",    "id: 1\n\n",                                "[]"                   },
    {"case counts",          "Data: a\nEVENT: x\n\n",                    "[]"                   },
    {"space in the name",    " data: a\n\n",                             "[]"                   },
    {"prefix of a name",     "dat: a\ndatax: b\n\n",                     "[]"                   },
    {"byte order mark",      "\357\273\277data: a\n\n",                  "[|a]"                 },
    {"mark and blank line",  "\357\273\277\ndata: a\n\n",                "[:][|a]"              },
    {"a mark later on",      "data: a\n\n\357\273\277data: b\n\n",       "[|a][]"               },
    {"two marks",            "\357\273\277\357\273\277data: a\n\n",      "[]"                   },
    {"half a mark",          "\357\273data: a\n\n",                      "[]"                   },
    {"mark in the 2nd line", ":\n\357\273\277data: a\n\n",               "[]"                   },
    {"escapes, done",        "data: \\n\\r\n\ndata: [DONE]\n\n",         "[|\\n\\r][|[DONE]]"   },
    {"long lines",           "data: 0123456789abcdef01\n\n",             "[|0123456789abcdef01]"},
};

/* What arrives piece by piece; checks that raws follow each other without a gap. */
struct stream {
    struct sse_cutter cutter;
    struct buf unread, raws, seen;
};

static void note(struct buf *seen, const struct sse_event *ev)
{
    buf_append_byte(seen, '[');
    if (!ev->has_fields)
        buf_append_byte(seen, ':');
    buf_append(seen, ev->name);
    if (ev->has_data)
        buf_append_byte(seen, '|');
    buf_append(seen, ev->data);
    buf_append_byte(seen, ']');
}

static void feed(struct stream *s, struct slice piece)
{
    struct sse_event ev;
    char *fresh; // other addresses every time: nothing may point into old bytes

    buf_append(&s->unread, piece);
    for (;;) {
        struct slice unread = buf_peek(&s->unread);
        enum sse_result result;
        fresh = test_malloc(unread.len + 1);
        if (unread.len)
            memcpy(fresh, unread.ptr, unread.len);
        result = sse_next(&s->cutter, slice_of(fresh, unread.len), &ev);
        if (result != SSE_EVENT)
            break;
        assert_ptr_equal(ev.raw.ptr, fresh);
        assert_true(ev.raw.len > 0 && ev.raw.len <= unread.len);
        note(&s->seen, &ev);
        buf_append(&s->raws, ev.raw);
        buf_consume(&s->unread, ev.raw.len);
        test_free(fresh);
    }
    test_free(fresh);
}

static void finish(struct stream *s, struct slice in, const char *out, const char *why)
{
    buf_append(&s->raws, buf_peek(&s->unread));
    if (!slice_eq(buf_peek(&s->seen), slice_str(out)) || !slice_eq(buf_peek(&s->raws), in))
        fail_msg("%s: '%.*s'", why, SLICE_ARG(buf_peek(&s->seen)));
    sse_cutter_release(&s->cutter);
    buf_release(&s->unread);
    buf_release(&s->raws);
    buf_release(&s->seen);
}

static void test_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice in = slice_str(cases[i].in);
        for (size_t a = 0; a <= in.len; a++) {
            for (size_t b = a; b <= in.len; b++) {
                struct stream s = {0};
                feed(&s, slice_sub(in, 0, a));
                feed(&s, slice_sub(in, a, b - a));
                feed(&s, slice_after(in, b));
                finish(&s, in, cases[i].out, cases[i].why);
            }
        }
        struct stream s = {0};
        for (size_t at = 0; at < in.len; at++)
            feed(&s, slice_sub(in, at, 1));
        finish(&s, in, cases[i].out, cases[i].why);
    }
}

/* No event waits for a byte that it does not need. */
static void test_at_once(void **state)
{
    static const struct {
        const char *in;
        size_t needed;
    } waits[] = {
        {"data: a\n\n",     9 },
        {"data: a\r\n\r\n", 10},
        {"data: a\r\r",     9 },
        {"data: a\n\r",     9 },
        {"\r",              1 },
    };
    struct sse_event ev;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct slice in = slice_str(waits[i].in);
        struct sse_cutter c = {0};
        for (size_t len = 0; len < waits[i].needed; len++)
            assert_int_equal(sse_next(&c, slice_sub(in, 0, len), &ev), SSE_MORE);
        assert_int_equal(sse_next(&c, slice_sub(in, 0, waits[i].needed), &ev), SSE_EVENT);
        assert_int_equal(ev.raw.len, waits[i].needed);
        sse_cutter_release(&c);
    }
}

static void test_one_line_is_not_copied(void **state)
{
    struct slice in = SLICE("event: x\ndata: abc\n\n");
    struct sse_cutter c = {0};
    struct sse_event ev;

    (void)state;
    assert_int_equal(sse_next(&c, in, &ev), SSE_EVENT);
    assert_ptr_equal(ev.name.ptr, in.ptr + 7);
    assert_ptr_equal(ev.data.ptr, in.ptr + 15);
    assert_null(c.joined.data);
    sse_cutter_release(&c);
}

static void test_nothing(void **state)
{
    struct sse_cutter c = {0};
    struct buf out = {0};
    struct sse_event ev;

    (void)state;
    assert_int_equal(sse_next(&c, slice_of(NULL, 0), &ev), SSE_MORE);
    sse_write(&out, slice_of(NULL, 0), slice_of(NULL, 0));
    assert_true(slice_eq(buf_peek(&out), SLICE("data: \n\n")));
    buf_clear(&out);
    sse_write_keep_alive(&out);
    assert_int_equal(sse_next(&c, buf_peek(&out), &ev), SSE_EVENT);
    assert_false(ev.has_fields || ev.has_data);
    buf_release(&out);
    sse_cutter_release(&c);
}

static void test_too_large(void **state)
{
    char *bytes = test_malloc(SSE_MAX_EVENT + 1);
    struct sse_event ev;

    (void)state;
    memset(bytes, 'x', SSE_MAX_EVENT + 1);
    for (int excess = 0; excess <= 1; excess++) { // an event of just the limit, and one byte more
        size_t len = SSE_MAX_EVENT + (size_t)excess;
        struct sse_cutter c = {0};
        memcpy(bytes + len - 2, "\n\n", 2);
        assert_int_equal(sse_next(&c, slice_of(bytes, len - 1), &ev), SSE_MORE);
        assert_int_equal(sse_next(&c, slice_of(bytes, len), &ev),
                         excess ? SSE_TOO_LARGE : SSE_EVENT);
        sse_cutter_release(&c);
        bytes[len - 2] = bytes[len - 1] = 'x';
    }
    struct sse_cutter c = {0};
    assert_int_equal(sse_next(&c, slice_of(bytes, SSE_MAX_EVENT), &ev), SSE_MORE);
    assert_int_equal(sse_next(&c, slice_of(bytes, SSE_MAX_EVENT + 1), &ev), SSE_TOO_LARGE);
    assert_int_equal(sse_next(&c, slice_of(bytes, SSE_MAX_EVENT + 1), &ev), SSE_TOO_LARGE);
    sse_cutter_release(&c);
    test_free(bytes);
}

static const struct {
    const char *name, *data, *text, *back;
} written[] = {
    {"",             "a",          "data: a\n\n",                      "[|a]"         },
    {"x",            "{}",         "event: x\ndata: {}\n\n",           "[x|{}]"       },
    {"",             "",           "data: \n\n",                       "[|]"          },
    {"",             "a\nb",       "data: a\ndata: b\n\n",             "[|a\nb]"      },
    {"",             "a\rb\r\nc",  "data: a\ndata: b\ndata: c\n\n",    "[|a\nb\nc]"   },
    {"",             "a\n\rb",     "data: a\ndata: \ndata: b\n\n",     "[|a\n\nb]"    },
    {"",             "\n",         "data: \ndata: \n\n",               "[|\n]"        },
    {"",             "\r",         "data: \ndata: \n\n",               "[|\n]"        },
    {"",             " a",         "data:  a\n\n",                     "[| a]"        },
    {"",             "a\n\nid: x", "data: a\ndata: \ndata: id: x\n\n", "[|a\n\nid: x]"},
    {"x\ndata: y\r", "a",          "event: xdata: y\ndata: a\n\n",     "[xdata: y|a]" },
};

static void test_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        struct buf out = {0};
        struct stream s = {0};
        sse_write(&out, slice_str(written[i].name), slice_str(written[i].data));
        assert_true(slice_eq(buf_peek(&out), slice_str(written[i].text)));
        feed(&s, buf_peek(&out));
        finish(&s, buf_peek(&out), written[i].back, written[i].text);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_one_line_is_not_copied),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
