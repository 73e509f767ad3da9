/* body_test.c - bodies as they come in: any cut, any end. */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

static struct worker *worker;

static int set_up(void **state)
{
    (void)state;
    worker = worker_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_free(worker);
    return 0;
}

enum end { END_NONE, END_ORDERLY, END_RESET, END_COUNT };

static const struct {
    const char *why, *head, *wire, *body, *behind;
    enum http_body_framing framing;
    bool bad; // at the end of `wire` it is known to be broken
} cases[] = {
    {"no length",           "POST / HTTP/1.1\r\nhost: a\r\n\r\n",                               "xyz",        "",      "xyz",       HTTP_BODY_NONE,        false},
    {"length 0",            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",          "xyz",        "",      "xyz",
     HTTP_BODY_NONE,                                                                                                                                       false},
    {"length 5",            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",          "hello",      "hello", "",
     HTTP_BODY_LENGTH,                                                                                                                                     false},
    {"length, then more",   "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",          "helloGET /",
     "hello",                                                                                                          "GET /",     HTTP_BODY_LENGTH,      false},
    {"chunked",             "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
     "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",                                                                  "hello", "",          HTTP_BODY_CHUNKED,     false},
    {"chunked, then more",  "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
     "5\r\nhello\r\n0\r\nt: v\r\n\r\n0\r\n\r\n",                                                              "hello", "0\r\n\r\n", HTTP_BODY_CHUNKED,     false},
    {"chunked, empty",      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
     "0\r\n\r\n",                                                                                             "",      "",          HTTP_BODY_CHUNKED,     false},
    {"bad size",            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
     "2\r\nhe\r\nx\r\n",                                                                                      "he",    NULL,        HTTP_BODY_CHUNKED,     true },
    {"no CRLF behind",      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
     "2\r\nhello",                                                                                            "he",    NULL,        HTTP_BODY_CHUNKED,     true },
    {"answer 5",            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",                     "hello",      "hello", "",
     HTTP_BODY_LENGTH,                                                                                                                                     false},
    {"answer 0",            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",                     "",           "",      "",          HTTP_BODY_NONE,        false},
    {"answer chunked",      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
     "5\r\nhello\r\n0\r\n\r\n",                                                                               "hello", "",          HTTP_BODY_CHUNKED,     false},
    {"until close",         "HTTP/1.1 200 OK\r\n\r\n",                                          "hello",      "hello", "",          HTTP_BODY_UNTIL_CLOSE, false},
    {"nothing until close", "HTTP/1.1 200 OK\r\n\r\n",                                          "",           "",      "",          HTTP_BODY_UNTIL_CLOSE, false},
    {"204",                 "HTTP/1.1 204 No Content\r\n\r\n",                                  "x",          "",      "x",         HTTP_BODY_NONE,        false},
    {"304",                 "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",           "x",          "",      "x",         HTTP_BODY_NONE,
     false                                                                                                                                                      },
    {"304, chunked",        "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",  "x",          "",
     "x",                                                                                                                           HTTP_BODY_NONE,        false},
    {"103",                 "HTTP/1.1 103 Early Hints\r\n\r\n",                                 "x",          "",      "x",         HTTP_BODY_NONE,        false},
};

static const struct {
    const char *head;
    enum http_body_framing framing;
} to_head[] = {
    {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",          HTTP_BODY_NONE},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", HTTP_BODY_NONE},
    {"HTTP/1.1 200 OK\r\n\r\n",                               HTTP_BODY_NONE},
};

static void begin(struct http_body *b, const char *head, const char *method, struct http_input *in)
{
    struct err_info e = {0};
    struct head h;

    if (head[0] == 'H') {
        assert_int_equal(head_parse_response(slice_str(head), &h, &e), ERR_NONE);
        http_body_init_response(b, &h, slice_str(method), in);
    } else {
        assert_int_equal(head_parse_request(slice_str(head), &h, &e), ERR_NONE);
        http_body_init_request(b, &h, in);
    }
}

static void feed(struct http_input *in, struct slice bytes)
{
    while (bytes.len) {
        size_t size;
        char *room = input_room(in, worker, &size);

        assert_non_null(room);
        size = bytes.len < size ? bytes.len : size;
        memcpy(room, bytes.ptr, size);
        input_grew(in, size);
        bytes = slice_after(bytes, size);
    }
}

/* Takes what is there, at most `most` bytes at a time. */
static void pull(struct http_body *b, size_t most, struct buf *out)
{
    struct slice bytes;

    while ((bytes = http_body_peek(b)).len) {
        struct slice again = http_body_peek(b);

        assert_true(again.ptr == bytes.ptr && again.len == bytes.len); // looking changes nothing
        assert_false(http_body_ended(b) || http_body_broken(b));       // not before it is consumed
        bytes = slice_sub(bytes, 0, most);
        buf_append(out, bytes);
        http_body_consume(b, bytes.len);
    }
}

/* Whether that much of the wire holds the whole message. */
static bool is_whole(size_t i, size_t len)
{
    return !cases[i].bad && cases[i].framing != HTTP_BODY_UNTIL_CLOSE &&
           len + strlen(cases[i].behind) >= strlen(cases[i].wire);
}

/* `len` bytes of the wire, in two parts, then that end. */
static void check(size_t i, size_t len, size_t cut, size_t most, enum end end)
{
    struct slice wire = slice_sub(slice_str(cases[i].wire), 0, len);
    bool close_ends = cases[i].framing == HTTP_BODY_UNTIL_CLOSE && end == END_ORDERLY;
    bool ended = is_whole(i, len) || close_ends;
    bool broken = !ended && (end != END_NONE || (cases[i].bad && len == strlen(cases[i].wire)));
    struct http_input in = {0};
    struct buf out = {0};
    struct http_body b;

    begin(&b, cases[i].head, "POST", &in);
    assert_int_equal(b.framing, cases[i].framing);
    feed(&in, slice_sub(wire, 0, cut));
    pull(&b, most, &out);
    feed(&in, slice_after(wire, cut));
    if (end != END_NONE)
        http_body_eof(&b, end == END_ORDERLY);
    pull(&b, most, &out);
    if (http_body_ended(&b) != ended ||
        (http_body_broken(&b) != broken && !(cases[i].bad && len < strlen(cases[i].wire))))
        fail_msg("%s: %zu bytes cut at %zu, end %d: ended %d broken %d", cases[i].why, len, cut,
                 (int)end, http_body_ended(&b), http_body_broken(&b));
    assert_true(slice_starts(slice_str(cases[i].body), buf_peek(&out)));
    assert_int_equal(b.received, buf_len(&out));
    if (ended) {
        assert_true(slice_eq(buf_peek(&out), close_ends ? wire : slice_str(cases[i].body)));
        assert_int_equal(http_body_left(&b), 0);
        if (cases[i].behind) // the next message's bytes are all there
            assert_true(slice_eq(input_peek(&in), slice_after(wire, strlen(cases[i].wire) -
                                                                        strlen(cases[i].behind))));
    }
    input_release(&in, worker);
    buf_release(&out);
}

static void test_any_cut_any_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t len = 0; len <= strlen(cases[i].wire); len++) {
            for (size_t cut = 0; cut <= len; cut++) {
                for (int end = END_NONE; end < END_COUNT; end++) {
                    check(i, len, cut, SIZE_MAX, (enum end)end);
                    check(i, len, cut, 1, (enum end)end);
                }
            }
        }
    }
}

static void test_answers_to_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(to_head); i++) {
        struct http_input in = {0};
        struct http_body b;

        begin(&b, to_head[i].head, "HEAD", &in);
        assert_int_equal(b.framing, to_head[i].framing);
        assert_true(http_body_ended(&b));
        assert_int_equal(http_body_left(&b), 0);
    }
}

/* What is still to come is known for a length only, and counts what was not made ready. */
static void test_left(void **state)
{
    struct http_input in = {0};
    struct http_body b;

    (void)state;
    begin(&b, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "GET", &in);
    assert_int_equal(http_body_left(&b), 1000000);
    feed(&in, SLICE("12345"));
    assert_int_equal(http_body_left(&b), 1000000);
    assert_int_equal(http_body_peek(&b).len, 5);
    assert_int_equal(http_body_left(&b), 999995);
    http_body_consume(&b, 5);
    assert_int_equal(http_body_left(&b), 999995);
    begin(&b, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "GET", &in);
    assert_int_equal(http_body_left(&b), -1);
    begin(&b, "HTTP/1.1 200 OK\r\n\r\n", "GET", &in);
    assert_int_equal(http_body_left(&b), -1);
    input_release(&in, worker);
}

/* A long body through one buffer: it goes round and round. */
static void test_long(void **state)
{
    static const char *const heads[] = {"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_input in = {0};
        struct http_body b;
        size_t sent = 0, got = 0;

        begin(&b, heads[i], "GET", &in);
        while (got < 1000000) {
            size_t size;
            char *room = input_room(&in, worker, &size);
            struct slice bytes;

            for (size_t k = 0; room && k < size && sent < 1000000; k++, sent++) {
                room[k] = (char)(sent % 251);
                input_grew(&in, 1);
            }
            bytes = slice_sub(http_body_peek(&b), 0, 4999);
            for (size_t k = 0; k < bytes.len; k++, got++)
                assert_int_equal((unsigned char)bytes.ptr[k], got % 251);
            http_body_consume(&b, bytes.len);
        }
        assert_int_equal(http_body_ended(&b), i == 0);
        http_body_eof(&b, true);
        assert_int_equal(http_body_peek(&b).len, 0);
        assert_true(http_body_ended(&b));
        input_release(&in, worker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_any_end),
        cmocka_unit_test(test_answers_to_head),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
