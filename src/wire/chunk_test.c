/* chunk_test.c - the chunked coding, whole, cut and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "wire/chunk.h"

static const struct {
    const char *why, *in;
    enum chunk_result end;
    const char *body, *rest; // rest: what belongs to the next message (CHUNK_END)
} cases[] = {
    {"nothing",             "",                                  CHUNK_MORE, "",            ""    },
    {"empty",               "0\r\n\r\n",                         CHUNK_END,  "",            ""    },
    {"one",                 "5\r\nhello\r\n0\r\n\r\n",           CHUNK_END,  "hello",       ""    },
    {"next message",        "1\r\na\r\n0\r\n\r\nGET ",           CHUNK_END,  "a",           "GET "},
    {"two",                 "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",  CHUNK_END,  "hello",       ""    },
    {"hex, capital",        "0A\r\n0123456789\r\n0\r\n\r\n",     CHUNK_END,  "0123456789",  ""    },
    {"hex, lower case",     "0b\r\n0123456789a\r\n0\r\n\r\n",    CHUNK_END,  "0123456789a", ""    },
    {"data like framing",   "6\r\n\r\n0\r\n\r\r\n0\r\n\r\n",     CHUNK_END,  "\r\n0\r\n\r", ""    },
    {"leading zeros",       "0005\r\nhello\r\n000\r\n\r\n",      CHUNK_END,  "hello",       ""    },
    {"extension",           "1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", CHUNK_END,  "x",           ""    },
    {"extension with tab",  "1;a\t= b\r\nx\r\n0\r\n\r\n",        CHUNK_END,  "x",           ""    },
    {"trailers",            "0\r\nA: b\r\nC-d:\r\n\r\nx",        CHUNK_END,  "",            "x"   },
    {"unfinished size",     "5",                                 CHUNK_MORE, "",            ""    },
    {"unfinished data",     "5\r\nhel",                          CHUNK_MORE, "hel",         ""    },
    {"unfinished end",      "1\r\na\r\n0\r\n",                   CHUNK_MORE, "a",           ""    },
    {"largest size",        "20000000000000\r\n",                CHUNK_MORE, "",            ""    },
    {"larger size",         "20000000000001\r\n",                CHUNK_BAD,  "",            ""    },
    {"17 digits",           "10000000000000001\r\n",             CHUNK_BAD,  "",            ""    },
    {"wraps to 5",          "100000000000000005\r\nhello\r\n",   CHUNK_BAD,  "",            ""    },
    {"no size",             "\r\n",                              CHUNK_BAD,  "",            ""    },
    {"only an extension",   ";a\r\n",                            CHUNK_BAD,  "",            ""    },
    {"sign",                "+5\r\nhello\r\n",                   CHUNK_BAD,  "",            ""    },
    {"minus",               "-1\r\n",                            CHUNK_BAD,  "",            ""    },
    {"0x",                  "0x5\r\nhello\r\n",                  CHUNK_BAD,  "",            ""    },
    {"space before",        " 5\r\nhello\r\n",                   CHUNK_BAD,  "",            ""    },
    {"space after",         "5 \r\nhello\r\n",                   CHUNK_BAD,  "",            ""    },
    {"space, extension",    "5 ;a\r\nhello\r\n",                 CHUNK_BAD,  "",            ""    },
    {"underscore",          "1_0\r\n",                           CHUNK_BAD,  "",            ""    },
    {"no digit",            "g\r\n",                             CHUNK_BAD,  "",            ""    },
    {"bare LF after size",  "5\nhello\r\n",                      CHUNK_BAD,  "",            ""    },
    {"bare CR after size",  "5\rhello\r\n",                      CHUNK_BAD,  "",            ""    },
    {"CR CR LF after size", "5\r\r\nhello\r\n",                  CHUNK_BAD,  "",            ""    },
    {"LF in an extension",  "5;a\nb\r\nhello\r\n",               CHUNK_BAD,  "",            ""    },
    {"CR in an extension",  "5;a\rb\r\nhello\r\n",               CHUNK_BAD,  "",            ""    },
    {"escape in extension", "5;a\x1b\r\nhello\r\n",              CHUNK_BAD,  "",            ""    },
    {"data too long",       "5\r\nhellox\r\n0\r\n\r\n",          CHUNK_BAD,  "hello",       ""    },
    {"data too short",      "5\r\nhell\r\n0\r\n\r\n",            CHUNK_BAD,  "hell\r",      ""    },
    {"LF after data",       "5\r\nhello\n0\r\n\r\n",             CHUNK_BAD,  "hello",       ""    },
    {"CR after data",       "5\r\nhello\r0\r\n\r\n",             CHUNK_BAD,  "hello",       ""    },
    {"two CRLF after data", "1\r\na\r\n\r\n0\r\n\r\n",           CHUNK_BAD,  "a",           ""    },
    {"LF at the end",       "0\r\n\n",                           CHUNK_BAD,  "",            ""    },
    {"LF twice at the end", "0\n\n",                             CHUNK_BAD,  "",            ""    },
    {"CR at the end",       "0\r\n\rx",                          CHUNK_BAD,  "",            ""    },
    {"trailer, no colon",   "0\r\nGET / HTTP/1.1\r\n\r\n",       CHUNK_BAD,  "",            ""    },
    {"trailer, no name",    "0\r\n: a\r\n\r\n",                  CHUNK_BAD,  "",            ""    },
    {"trailer, space",      "0\r\nA : b\r\n\r\n",                CHUNK_BAD,  "",            ""    },
    {"trailer, folded",     "0\r\nA: b\r\n c\r\n\r\n",           CHUNK_BAD,  "",            ""    },
    {"trailer, bare LF",    "0\r\nA: b\nC: d\r\n\r\n",           CHUNK_BAD,  "",            ""    },
    {"trailer, bare CR",    "0\r\nA: b\rC: d\r\n\r\n",           CHUNK_BAD,  "",            ""    },
    {"trailer, control",    "0\r\nA: \x01\r\n\r\n",              CHUNK_BAD,  "",            ""    },
};

/* Reads one piece: appends to `body`, answers how the piece ended and how much was consumed. */
static enum chunk_result feed(struct chunk_reader *r, struct slice in, struct buf *body,
                              size_t *used)
{
    *used = 0;
    for (;;) {
        struct slice data;
        size_t consumed;
        enum chunk_result result = chunk_reader_next(r, in, &consumed, &data);
        assert_true(consumed <= in.len);
        assert_true(result != CHUNK_MORE || consumed == in.len);
        *used += consumed;
        if (result != CHUNK_DATA)
            return result;
        assert_true(data.len > 0 && data.ptr >= in.ptr && data.ptr + data.len == in.ptr + consumed);
        buf_append(body, data);
        in = slice_after(in, consumed);
    }
}

static void test_cases(void **state)
{
    struct buf body = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice in = slice_str(cases[i].in);
        for (size_t cut = 0; cut <= in.len; cut++) { // every cut gives the same
            struct chunk_reader r = {0};
            size_t used, more = 0;
            enum chunk_result end;
            buf_clear(&body);
            end = feed(&r, slice_sub(in, 0, cut), &body, &used);
            if (end == CHUNK_MORE)
                end = feed(&r, slice_after(in, cut), &body, &more);
            used += more;
            if (end != cases[i].end || !slice_eq(buf_peek(&body), slice_str(cases[i].body)))
                fail_msg("%s, cut at %zu: result %d, body '%.*s'", cases[i].why, cut, (int)end,
                         SLICE_ARG(buf_peek(&body)));
            if (end == CHUNK_END)
                assert_true(slice_eq(slice_after(in, used), slice_str(cases[i].rest)));
            if (end == CHUNK_END || end == CHUNK_BAD) { // and it stays so
                assert_int_equal(feed(&r, SLICE("0\r\n\r\n"), &body, &used), end);
                assert_int_equal(used, 0);
            }
        }
    }
    buf_release(&body);
}

static enum chunk_result read_all(const struct buf *in)
{
    struct chunk_reader r = {0};
    struct buf body = {0};
    size_t used;
    enum chunk_result end = feed(&r, buf_peek(in), &body, &used);

    buf_release(&body);
    return end;
}

static void test_limits(void **state)
{
    struct buf in = {0};

    (void)state;
    for (size_t len = CHUNK_MAX_LINE_BYTES - 1; len <= CHUNK_MAX_LINE_BYTES + 1; len++) {
        buf_clear(&in);
        buf_append_str(&in, "0;");
        while (buf_len(&in) < len - 2)
            buf_append_byte(&in, 'x');
        buf_append_str(&in, "\r\n\r\n");
        assert_int_equal(read_all(&in), len <= CHUNK_MAX_LINE_BYTES ? CHUNK_END : CHUNK_BAD);
    }
    for (size_t len = 8000; len <= 8400; len += 400) { // of trailers
        buf_clear(&in);
        buf_append_str(&in, "0\r\n");
        while (buf_len(&in) < len)
            buf_append_str(&in, "a: b\r\n");
        buf_append_str(&in, "\r\n");
        assert_int_equal(read_all(&in), len <= CHUNK_MAX_TRAILER_BYTES ? CHUNK_END : CHUNK_BAD);
    }
    buf_clear(&in);
    for (int i = 0; i < 5000; i++) // lines are counted one by one, not added up
        buf_append_str(&in, "1;x\r\na\r\n");
    buf_append(&in, CHUNK_LAST);
    assert_int_equal(read_all(&in), CHUNK_END);
    buf_release(&in);
}

static void test_write(void **state)
{
    static const struct {
        size_t size;
        const char *text;
    } sizes[] = {
        {1,        "1\r\n"               },
        {26,       "1a\r\n"              },
        {256,      "100\r\n"             },
        {SIZE_MAX, "ffffffffffffffff\r\n"},
    };
    char out[CHUNK_SIZE_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_true(slice_eq(slice_of(out, chunk_write_size(out, sizes[i].size)),
                             slice_str(sizes[i].text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
