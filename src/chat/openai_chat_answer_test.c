/* openai_chat_answer_test.c - Chat Completions answers: decoded, and encoded again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/codec.h"
#include "chat/openai_chat_test_kit.h"
#include "wire/sse.h"
#include "json/scan.h"

#define NOW 1767225600

/* Hears events: held against the grammar, printed, and handed to an encoder if there is one. */
struct hearing {
    struct chat_grammar grammar;
    struct buf printed; // PING aside
    void *encoder;      // may be NULL
    struct buf encoded;
    const char *why;
};

static void hear(void *ctx, const struct chat_event *ev)
{
    struct hearing *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    chat_event_print(&h->printed, ev);
    if (wrong)
        fail_msg("%s: %s:\n%.*s", h->why, wrong, SLICE_ARG(buf_peek(&h->printed)));
    if (h->encoder)
        codec_openai_chat.encode(h->encoder, ev, &h->encoded);
}

static void hearing_release(struct hearing *h)
{
    buf_release(&h->printed);
    buf_release(&h->encoded);
}

static void *decoder_new(void)
{
    struct codec_decode_options o = {
        .now_unix = NOW, .id = SLICE("exchange-1"), .upstream_model = SLICE("up")};
    void *decoder = calloc(1, codec_openai_chat.decoder_size);

    codec_openai_chat.decoder_init(decoder, &o);
    return decoder;
}

static void decoder_free(void *decoder)
{
    codec_openai_chat.decoder_release(decoder);
    free(decoder);
}

/* An SSE text in two pieces, as it may come from a socket. */
static void decode_cut(struct slice text, size_t cut, struct hearing *h)
{
    struct chat_sink sink = {hear, h};
    struct sse_cutter cutter = {0};
    struct sse_event ev;
    void *decoder = decoder_new();
    size_t at = 0;

    for (size_t end = cut;; end = text.len) {
        while (sse_next(&cutter, slice_sub(text, at, end - at), &ev) == SSE_EVENT) {
            if (ev.has_data)
                codec_openai_chat.decode(decoder, ev.name, ev.data, &sink);
            at += ev.raw.len;
        }
        if (end == text.len)
            break;
    }
    codec_openai_chat.decode_end(decoder, &sink);
    codec_openai_chat.decode_end(decoder, &sink); // of no effect
    sse_cutter_release(&cutter);
    decoder_free(decoder);
}

static void decode_whole(struct slice body, struct hearing *h)
{
    struct chat_sink sink = {hear, h};
    void *decoder = decoder_new();

    codec_openai_chat.decode_whole(decoder, body, &sink);
    codec_openai_chat.decode_end(decoder, &sink); // of no effect
    decoder_free(decoder);
}

/* Events with deltas of one part joined, so that answers in pieces compare with whole ones. */
static void join_deltas(struct slice printed, struct buf *out)
{
    struct slice rest = printed;
    bool open = false;

    while (rest.len) {
        struct slice line = slice_cut(rest, '\n', &rest);

        if (slice_starts(line, SLICE("DELTA "))) {
            size_t quote = slice_find(line, '"');
            if (!open)
                buf_append(out, slice_sub(line, 0, quote));
            buf_append(out, slice_sub(line, quote + 1, line.len - quote - 2));
            open = true;
            continue;
        }
        if (open)
            buf_append_byte(out, '\n');
        open = false;
        buf_append(out, line);
        buf_append_byte(out, '\n');
    }
}

static struct slice str_at(struct arena *a, const struct json *v, const char *x, const char *y)
{
    return json_str(a, json_member(json_member(v, slice_str(x)), slice_str(y)));
}

/* The stream says what the whole body says, wherever it is cut. */
static void test_fixtures_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct arena a;
        struct json *fixture, *body;
        struct slice stream;
        struct hearing first = {.why = kit_fixtures[i]};
        struct buf joined = {0}, whole_joined = {0};

        arena_init(&a, 0);
        fixture = kit_fixture(&a, kit_fixtures[i], "chat");
        stream = str_at(&a, fixture, "stream", "text");
        body = json_member(json_member(fixture, SLICE("response")), SLICE("body"));
        if (stream.len)
            decode_cut(stream, stream.len, &first);
        for (size_t cut = 0; cut < stream.len; cut++) {
            struct hearing again = {.why = kit_fixtures[i]};

            decode_cut(stream, cut, &again);
            if (!slice_eq(buf_peek(&first.printed), buf_peek(&again.printed)))
                fail_msg("%s cut at %zu:\n%.*s", kit_fixtures[i], cut,
                         SLICE_ARG(buf_peek(&again.printed)));
            hearing_release(&again);
        }
        if (body) {
            struct hearing whole = {.why = kit_fixtures[i]};

            decode_whole(body->source, &whole);
            join_deltas(buf_peek(&first.printed), &joined);
            join_deltas(buf_peek(&whole.printed), &whole_joined);
            if (stream.len && !slice_eq(buf_peek(&joined), buf_peek(&whole_joined)))
                fail_msg("%s:\n%.*s\n%.*s", kit_fixtures[i], SLICE_ARG(buf_peek(&joined)),
                         SLICE_ARG(buf_peek(&whole_joined)));
            hearing_release(&whole);
        }
        hearing_release(&first);
        buf_release(&joined);
        buf_release(&whole_joined);
        arena_release(&a);
    }
}

static void encoder_init(struct hearing *h, struct chat_request *r, struct arena *a,
                         enum framing framing, bool include_usage)
{
    struct codec_encode_options o = {.request = r,
                                     .framing = framing,
                                     .id = SLICE("exchange-1"),
                                     .model = SLICE("test-model"),
                                     .now_unix = NOW};

    chat_request_init(r, a, DIALECT_OPENAI_CHAT);
    r->include_usage = include_usage;
    h->encoder = calloc(1, codec_openai_chat.encoder_size);
    codec_openai_chat.encoder_init(h->encoder, &o);
}

static void encoder_free(struct hearing *h)
{
    codec_openai_chat.encoder_release(h->encoder);
    free(h->encoder);
    h->encoder = NULL;
}

/* What was decoded is encoded again: byte by byte the stream, and token by token the body. */
static void test_fixtures_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct arena a;
        struct json *fixture, *body;
        struct slice stream;
        struct chat_request r;

        arena_init(&a, 0);
        fixture = kit_fixture(&a, kit_fixtures[i], "chat");
        stream = str_at(&a, fixture, "stream", "text");
        body = json_member(json_member(fixture, SLICE("response")), SLICE("body"));
        if (stream.len) {
            struct hearing h = {.why = kit_fixtures[i]};

            encoder_init(&h, &r, &a, FRAMING_SSE, true);
            decode_cut(stream, stream.len, &h);
            if (slice_find_slice(stream, SLICE("\"error\"")) == SIZE_MAX &&
                !slice_eq(buf_peek(&h.encoded), stream))
                fail_msg("%s:\n%.*s", kit_fixtures[i], SLICE_ARG(buf_peek(&h.encoded)));
            encoder_free(&h);
            hearing_release(&h);
        }
        if (body && json_member(body, SLICE("choices"))) {
            struct hearing h = {.why = kit_fixtures[i]}, streamed = {.why = kit_fixtures[i]};
            struct buf compact = {0};

            encoder_init(&h, &r, &a, FRAMING_BODY, false);
            decode_whole(body->source, &h);
            encoder_free(&h);
            encoder_init(&streamed, &r, &a, FRAMING_BODY, false);
            decode_cut(stream, stream.len, &streamed);
            encoder_free(&streamed);
            kit_compact(body->source, &compact);
            if (!slice_eq(buf_peek(&h.encoded), buf_peek(&compact)))
                fail_msg("%s:\n%.*s", kit_fixtures[i], SLICE_ARG(buf_peek(&h.encoded)));
            if (!slice_eq(buf_peek(&streamed.encoded), buf_peek(&compact)))
                fail_msg("%s, gathered:\n%.*s", kit_fixtures[i],
                         SLICE_ARG(buf_peek(&streamed.encoded)));
            hearing_release(&h);
            hearing_release(&streamed);
            buf_release(&compact);
        }
        arena_release(&a);
    }
}

/* What other servers send: payloads, one a line, and the events that are heard. */
static const struct {
    const char *why, *payloads, *events;
} streams[] = {
#include "chat/openai_chat_stream_test.def"
};

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct hearing h = {.why = streams[i].why};
        struct chat_sink sink = {hear, &h};
        struct slice rest = slice_str(streams[i].payloads);
        void *decoder = decoder_new();

        while (rest.len)
            codec_openai_chat.decode(decoder, SLICE(""), slice_cut(rest, '\n', &rest), &sink);
        codec_openai_chat.decode_end(decoder, &sink);
        if (!slice_eq(buf_peek(&h.printed), slice_str(streams[i].events)))
            fail_msg("%s:\n%.*s", streams[i].why, SLICE_ARG(buf_peek(&h.printed)));
        decoder_free(decoder);
        hearing_release(&h);
    }
}

static const struct {
    const char *why, *body, *events;
} bodies[] = {
#include "chat/openai_chat_body_test.def"
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct hearing h = {.why = bodies[i].why};

        decode_whole(slice_str(bodies[i].body), &h);
        if (!slice_eq(buf_peek(&h.printed), slice_str(bodies[i].events)))
            fail_msg("%s:\n%.*s", bodies[i].why, SLICE_ARG(buf_peek(&h.printed)));
        hearing_release(&h);
    }
}

/* Every truncation of a body ends in an error, and every broken byte in some end. */
static void test_broken_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct slice body = slice_str(bodies[i].body);

        for (size_t len = 0; len < body.len; len++) {
            struct hearing h = {.why = bodies[i].why};
            char *copy = malloc(body.len);

            memcpy(copy, body.ptr, body.len);
            decode_whole(slice_of(copy, len), &h);
            assert_true(slice_find_slice(buf_peek(&h.printed), SLICE("ERROR")) != SIZE_MAX);
            hearing_release(&h);

            h = (struct hearing){.why = bodies[i].why};
            copy[len] = (char)(copy[len] ^ 2);
            decode_whole(slice_of(copy, body.len), &h);
            assert_true(h.grammar.ended);
            hearing_release(&h);
            free(copy);
        }
    }
}

/* What is written for events that no fixture has. */
static const struct {
    const char *why, *payloads;
    bool include_usage;
    const char *stream, *body;
} encoded[] = {
#include "chat/openai_chat_encode_test.def"
};

/* Without what every chunk begins with. */
static void strip_heads(struct slice text, struct buf *out)
{
    static const char head[] = ",\"object\":\"chat.completion.chunk\",\"created\":1767225600,"
                               "\"model\":\"test-model\",";

    while (text.len) {
        size_t at = slice_find_slice(text, slice_str(head));

        if (at == SIZE_MAX) {
            buf_append(out, text);
            return;
        }
        buf_append(out, slice_sub(text, 0, at));
        buf_append_byte(out, ' ');
        text = slice_after(text, at + sizeof(head) - 1);
    }
}

static void test_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encoded); i++) {
        for (int whole = 0; whole < 2; whole++) {
            const char *want = whole ? encoded[i].body : encoded[i].stream;
            struct hearing h = {.why = encoded[i].why};
            struct chat_sink sink = {hear, &h};
            struct slice rest = slice_str(encoded[i].payloads);
            struct buf stripped = {0};
            struct chat_request r;
            struct err_info e = {0};
            struct arena a;
            void *decoder = decoder_new();

            arena_init(&a, 0);
            encoder_init(&h, &r, &a, whole ? FRAMING_BODY : FRAMING_SSE, encoded[i].include_usage);
            while (rest.len)
                codec_openai_chat.decode(decoder, SLICE(""), slice_cut(rest, '\n', &rest), &sink);
            codec_openai_chat.decode_end(decoder, &sink);
            strip_heads(buf_peek(&h.encoded), &stripped);
            if (!slice_eq(buf_peek(&stripped), slice_str(want)))
                fail_msg("%s:\n%.*s", encoded[i].why, SLICE_ARG(buf_peek(&stripped)));
            if (whole && buf_len(&h.encoded))
                assert_int_equal(json_scan(buf_peek(&h.encoded), NULL, 0, NULL, &e), ERR_NONE);
            buf_release(&stripped);
            decoder_free(decoder);
            encoder_free(&h);
            hearing_release(&h);
            arena_release(&a);
        }
    }
}

/* More than may be gathered. */
static void test_limit(void **state)
{
    struct chat_event start = {.type = CHAT_START};
    struct chat_event open = {.type = CHAT_OPEN, .open = {.kind = PART_TEXT}};
    struct chat_event delta = {.type = CHAT_DELTA};
    struct codec_encode_options o = {.framing = FRAMING_BODY, .limit_bytes = 2000};
    void *encoder = calloc(1, codec_openai_chat.encoder_size);
    char text[1000];
    struct buf out = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    delta.delta.text = text_plain(slice_of(text, sizeof(text)));
    codec_openai_chat.encoder_init(encoder, &o);
    assert_true(codec_openai_chat.encode(encoder, &start, &out));
    assert_true(codec_openai_chat.encode(encoder, &open, &out));
    assert_true(codec_openai_chat.encode(encoder, &delta, &out));
    assert_false(codec_openai_chat.encode(encoder, &delta, &out));
    assert_int_equal(buf_len(&out), 0);
    codec_openai_chat.encoder_release(encoder);
    free(encoder);
}

/* A refusal that is known by its reason alone, and an answer that the vendor would go on with. */
static void test_finish(void **state)
{
    static const struct {
        enum chat_finish reason;
        const char *explanation, *stream, *body;
    } finishes[] = {
        {FINISH_FILTER,  "why", "\"delta\":{\"refusal\":\"why\"}",
         "\"content\":null,\"refusal\":\"why\"},\"logprobs\":null,"
         "\"finish_reason\":\"content_filter\""                                                  },
        {FINISH_PAUSE,   NULL,  "\"finish_reason\":\"stop\"",      "\"finish_reason\":\"stop\""  },
        {FINISH_CONTEXT, NULL,  "\"finish_reason\":\"length\"",    "\"finish_reason\":\"length\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++) {
        for (int whole = 0; whole < 2; whole++) {
            struct chat_event events[] = {
                {.type = CHAT_START}, {.type = CHAT_FINISH}, {.type = CHAT_END}};
            const char *want = whole ? finishes[i].body : finishes[i].stream;
            struct hearing h = {.why = want};
            struct chat_request r;
            struct arena a;

            arena_init(&a, 0);
            encoder_init(&h, &r, &a, whole ? FRAMING_BODY : FRAMING_SSE, true);
            events[1].finish.reason = finishes[i].reason;
            events[1].finish.explanation = text_plain(slice_str(finishes[i].explanation));
            for (size_t at = 0; at < ARRAY_LEN(events); at++)
                hear(&h, &events[at]);
            if (slice_find_slice(buf_peek(&h.encoded), slice_str(want)) == SIZE_MAX)
                fail_msg("%s:\n%.*s", want, SLICE_ARG(buf_peek(&h.encoded)));
            encoder_free(&h);
            hearing_release(&h);
            arena_release(&a);
        }
    }
}

static void test_ping(void **state)
{
    struct chat_event ping = {.type = CHAT_PING};
    struct codec_encode_options o = {.framing = FRAMING_SSE};
    void *encoder = calloc(1, codec_openai_chat.encoder_size);
    struct buf out = {0};

    (void)state;
    codec_openai_chat.encoder_init(encoder, &o);
    codec_openai_chat.encode(encoder, &ping, &out);
    assert_true(slice_starts(buf_peek(&out), SLICE(":")));
    codec_openai_chat.encoder_release(encoder);
    free(encoder);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_fixtures_decode), cmocka_unit_test(test_fixtures_encode),
        cmocka_unit_test(test_streams),         cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_broken_bodies),   cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_limit),           cmocka_unit_test(test_ping),
        cmocka_unit_test(test_finish),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
