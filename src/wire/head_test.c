/* head_test.c - heads that are read, and the many that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/head.h"

/* Bytes with NULs among them, for tables. */
#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    struct slice head;
    const char *facts; // as facts() writes them; NULL: refused
} good_requests[] = {
#define GOOD(bytes, facts) {BYTES(bytes), facts},
#include "wire/head_test.def"
};

/* Lines that spoil a request they are added to, each without its last CR LF. */
static const struct {
    struct slice line;
    enum err err;
} bad_lines[] = {
#define LINE(bytes, err) {BYTES(bytes), err},
#include "wire/head_test.def"
};

static const struct {
    struct slice head;
    enum err err;
} bad_requests[] = {
#define BAD(bytes, err) {BYTES(bytes), err},
#include "wire/head_test.def"
};

static const struct {
    struct slice head;
    const char *facts; // as facts() writes them; NULL: refused
} responses[] = {
#define ANSWER(bytes, facts) {BYTES(bytes), facts},
#include "wire/head_test.def"
};

static const char sample[] =
    "POST /v1/messages?beta=true HTTP/1.1\r\n"
    "Host: gateway.example:8787\r\n"
    "Content-Length: 42\r\n"
    "anthropic-version: 2023-06-01\r\n"
    "X-A-Name-Of-More-Than-Sixteen_Bytes: and a value of more than sixteen\r\n"
    "x-api-key: sk\tx\r\n"
    "\r\n";

/* What was read, as text. */
static struct slice facts(const struct head *h, struct buf *out)
{
    buf_clear(out);
    if (h->status)
        buf_printf(out, "%d '%.*s'", h->status, SLICE_ARG(h->reason));
    else
        buf_printf(out, "%.*s %.*s ?%.*s", SLICE_ARG(h->method), SLICE_ARG(h->path),
                   SLICE_ARG(h->query));
    buf_printf(out, " v%u len=%lld%s%s%s%s", h->minor_version, (long long)h->content_length,
               h->chunked ? " chunked" : "", h->keep_alive ? " keep" : "",
               h->expect_continue ? " expect" : "", h->upgrade ? " upgrade" : "");
    for (size_t i = 0; i < h->count; i++) {
        assert_int_equal(h->fields[i].known, head_name_find(h->fields[i].name));
        buf_printf(out, " [%.*s=%.*s]", SLICE_ARG(h->fields[i].name),
                   SLICE_ARG(h->fields[i].value));
    }
    buf_append_byte(out, '\0');
    return buf_peek(out);
}

static enum err parse_request(struct slice head, struct head *h)
{
    struct err_info e = {0};
    enum err err = head_parse_request(head, h, &e);

    assert_int_equal(err, e.code);
    return err;
}

static void test_good_requests(void **state)
{
    struct buf text = {0};
    struct head h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_requests); i++) {
        struct err_info e = {0};
        if (head_parse_request(good_requests[i].head, &h, &e))
            fail_msg("%s: %s", good_requests[i].facts, e.text);
        assert_string_equal(facts(&h, &text).ptr, good_requests[i].facts);
        assert_int_equal(head_end(good_requests[i].head, 0), good_requests[i].head.len);
    }
    buf_release(&text);
}

static void test_bad_requests(void **state)
{
    struct head h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_requests); i++) {
        struct err_info e = {0};
        if (head_parse_request(bad_requests[i].head, &h, &e) != bad_requests[i].err)
            fail_msg("case %zu: %.*s: %s", i, SLICE_ARG(bad_requests[i].head), err_name(e.code));
    }
}

/* Each bad line stands last, and first. */
static void test_bad_lines(void **state)
{
    static const struct {
        const char *before, *after;
    } frames[] = {
        {"POST / HTTP/1.1\r\nHost: h\r\n", "\r\n\r\n"           },
        {"POST / HTTP/1.1\r\n",            "\r\nHost: h\r\n\r\n"},
    };
    struct buf head = {0};
    struct head h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_lines) * 2; i++) {
        size_t at = i / 2, frame = i % 2;
        enum err err;
        buf_clear(&head);
        buf_append_str(&head, frames[frame].before);
        buf_append(&head, bad_lines[at].line);
        buf_append_str(&head, frames[frame].after);
        err = parse_request(buf_peek(&head), &h);
        if (err != bad_lines[at].err)
            fail_msg("line %zu in frame %zu: %.*s: %s", at, frame, SLICE_ARG(bad_lines[at].line),
                     err_name(err));
    }
    buf_release(&head);
}

static void test_responses(void **state)
{
    struct buf text = {0};
    struct head h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct err_info e = {0};
        enum err err = head_parse_response(responses[i].head, &h, &e);
        if (!responses[i].facts) {
            if (err != ERR_UPSTREAM_BROKEN)
                fail_msg("%.*s: %s", SLICE_ARG(responses[i].head), err_name(err));
            continue;
        }
        if (err)
            fail_msg("%s: %s", responses[i].facts, e.text);
        assert_string_equal(facts(&h, &text).ptr, responses[i].facts);
    }
    buf_release(&text);
}

static void test_any_cut(void **state)
{
    struct slice whole = slice_str(sample);
    struct head h;

    (void)state;
    assert_int_equal(parse_request(whole, &h), ERR_NONE);
    for (size_t cut = 0; cut < whole.len; cut++) {
        assert_int_equal(head_end(slice_sub(whole, 0, cut), 0), SIZE_MAX);
        assert_int_equal(head_end(whole, cut), whole.len);
        assert_int_equal(parse_request(slice_sub(whole, 0, cut), &h), ERR_BAD_REQUEST);
    }
}

/* A control byte anywhere spoils the head; so does any change of it that is not a valid head. */
static void test_any_byte(void **state)
{
    struct slice whole = slice_str(sample);
    char bytes[sizeof(sample) + 1];
    struct head h;

    (void)state;
    for (size_t at = 0; at <= whole.len; at++) {
        memcpy(bytes, whole.ptr, at);
        memcpy(bytes + at + 1, whole.ptr + at, whole.len - at);
        for (int c = 0; c < 0x20; c++) {
            bytes[at] = (char)(c == '\t' ? 0x7f : c);
            assert_int_equal(parse_request(slice_of(bytes, whole.len + 1), &h), ERR_BAD_REQUEST);
        }
        if (at == whole.len)
            break;
        memcpy(bytes, whole.ptr, whole.len);
        for (int c = 0; c < 256; c++) {
            bytes[at] = (char)c;
            if (!parse_request(slice_of(bytes, whole.len), &h))
                assert_true(c >= 0x20 || c == '\t' || bytes[at] == whole.ptr[at]);
        }
    }
}

static const struct {
    const char *in;
    size_t end;
} ends[] = {
    {"",                               SIZE_MAX},
    {"\r\n\r\n",                       4       },
    {"\r\n",                           SIZE_MAX},
    {"a\r\n\r",                        SIZE_MAX},
    {"a\r\n\r\nb",                     5       },
    {"a\n\nb",                         3       },
    {"a\n\r\nb",                       4       },
    {"a\r\n\nb",                       4       },
    {"a\r\r\r\r",                      SIZE_MAX},
    {"a\n\r\n",                        4       },
    {"a\n\rb\n\n",                     6       },
    {"a\n\r\r\n\r\n",                  7       },
    {"0123456789abcde\r\n\r\nx\n\n",   19      },
    {"0123456789abc\r\n\r\nx",         17      },
    {"0123456789abcdef\n\r\n\n",       19      },
    {"0123456789abcdef0123456789\n\r", SIZE_MAX},
};

static void test_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct slice in = slice_str(ends[i].in);
        size_t found = SIZE_MAX, len = 0;
        assert_int_equal(head_end(in, 0), ends[i].end);
        for (size_t seen = 0; found == SIZE_MAX && len <= in.len; seen = len++) // byte by byte
            found = head_end(slice_sub(in, 0, len), seen);
        assert_int_equal(found, ends[i].end);
    }
    assert_int_equal(head_end(slice_of(NULL, 0), 0), SIZE_MAX);
    assert_int_equal(head_skip_blank(SLICE("\r\n\r\nGET")), 2);
    assert_int_equal(head_skip_blank(SLICE("\nGET")), 0);
    assert_int_equal(head_skip_blank(SLICE("\r")), 0);
}

static void test_field_count(void **state)
{
    struct buf head = {0};
    struct head h;

    (void)state;
    buf_append_str(&head, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 1; i < HEAD_MAX_FIELDS; i++)
        buf_append_str(&head, "x: y\r\n");
    head_write_end(&head);
    assert_int_equal(parse_request(buf_peek(&head), &h), ERR_NONE);
    assert_int_equal(h.count, HEAD_MAX_FIELDS);
    head.end -= 2;
    buf_append_str(&head, "x: y\r\n\r\n");
    assert_int_equal(parse_request(buf_peek(&head), &h), ERR_HEAD_TOO_LARGE);
    buf_release(&head);
}

static void test_lookup(void **state)
{
    struct head h;

    (void)state;
    assert_int_equal(
        parse_request(SLICE("GET / HTTP/1.1\r\nHost: a\r\nCookie: 1\r\nConnection: X-B, te\r\n"
                            "x-a: 2\r\nX-b: 3\r\ncookie: 4\r\nConnection: x-c\r\nX-C: 5\r\n\r\n"),
                      &h),
        ERR_NONE);
    assert_true(slice_eq(head_value(&h, HEAD_COOKIE), SLICE("1")));
    assert_null(head_value(&h, HEAD_ACCEPT).ptr);
    assert_null(head_get(&h, HEAD_ACCEPT));
    assert_true(slice_eq(head_value_other(&h, SLICE("x-B")), SLICE("3")));
    assert_null(head_value_other(&h, SLICE("x")).ptr);
    for (size_t i = 0; i < h.count; i++) {
        struct slice name = h.fields[i].name;
        bool is_hop = slice_eq(name, SLICE("Connection")) || slice_eq(name, SLICE("X-b")) ||
                      slice_eq(name, SLICE("X-C"));
        assert_int_equal(head_field_is_hop(&h, &h.fields[i]), is_hop);
    }
}

static const struct {
    const char *head;
    bool answers_head;
    enum head_body body;
} bodies[] = {
    {"HTTP/1.1 200 OK\r\n\r\n",                               false, HEAD_BODY_UNTIL_CLOSE},
    {"HTTP/1.1 200 OK\r\n\r\n",                               true,  HEAD_BODY_NONE       },
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",          false, HEAD_BODY_LENGTH     },
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, HEAD_BODY_CHUNKED    },
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true,  HEAD_BODY_NONE       },
    {"HTTP/1.1 100 C\r\n\r\n",                                false, HEAD_BODY_NONE       },
    {"HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n",           false, HEAD_BODY_NONE       },
    {"HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n",           false, HEAD_BODY_NONE       },
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",                     false, HEAD_BODY_NONE       },
    {"GET / HTTP/1.0\r\nContent-Length: 1\r\n\r\n",           false, HEAD_BODY_LENGTH     },
};

static void test_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct slice in = slice_str(bodies[i].head);
        struct err_info e = {0};
        struct head h;
        if (slice_starts(in, SLICE("HTTP"))) {
            assert_int_equal(head_parse_response(in, &h, &e), ERR_NONE);
            assert_int_equal(head_response_body(&h, bodies[i].answers_head), bodies[i].body);
        } else {
            assert_int_equal(head_parse_request(in, &h, &e), ERR_NONE);
            assert_int_equal(head_request_body(&h), bodies[i].body);
        }
    }
}

static const struct {
    struct slice name, value;
    bool ok;
} fields[] = {
    {BYTES("a"),     BYTES("b"),                    true },
    {BYTES("a"),     BYTES(""),                     true },
    {BYTES("a"),     BYTES("\t\x80 x"),             true },
    {BYTES("a"),     BYTES("b\r\nc: d"),            false},
    {BYTES("a"),     BYTES("b\nc: d"),              false},
    {BYTES("a"),     BYTES("b\r"),                  false},
    {BYTES("a"),     BYTES("b\0"),                  false},
    {BYTES("a"),     BYTES("0123456789abcdef\x1b"), false},
    {BYTES(""),      BYTES("b"),                    false},
    {BYTES("a b"),   BYTES("b"),                    false},
    {BYTES("a:"),    BYTES("b"),                    false},
    {BYTES("a\r\n"), BYTES("b"),                    false},
};

static void test_write(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        buf_clear(&out);
        assert_int_equal(head_write_field(&out, fields[i].name, fields[i].value), fields[i].ok);
        assert_int_equal(buf_len(&out),
                         fields[i].ok ? fields[i].name.len + fields[i].value.len + 4 : 0);
    }
    buf_clear(&out);
    head_write_status(&out, 200);
    assert_true(head_write_known(&out, HEAD_CONTENT_TYPE, SLICE("text/plain")));
    head_write_status(&out, 599);
    assert_true(head_write_request(&out, SLICE("POST"), SLICE("/a?b")));
    assert_false(head_write_request(&out, SLICE("POST"), SLICE("/a b")));
    assert_false(head_write_request(&out, SLICE("PO ST"), SLICE("/")));
    assert_false(head_write_request(&out, SLICE("GET"), SLICE("")));
    head_write_end(&out);
    assert_true(slice_eq(buf_peek(&out), SLICE("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
                                               "HTTP/1.1 599 \r\nPOST /a?b HTTP/1.1\r\n\r\n")));
    assert_true(slice_eq(head_reason(429), SLICE("Too Many Requests")));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_requests), cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_bad_lines),     cmocka_unit_test(test_responses),
        cmocka_unit_test(test_any_cut),       cmocka_unit_test(test_any_byte),
        cmocka_unit_test(test_end),           cmocka_unit_test(test_field_count),
        cmocka_unit_test(test_lookup),        cmocka_unit_test(test_body),
        cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
