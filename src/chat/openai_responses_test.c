/* openai_responses_test.c - Responses answers: read as events, and written from them. */
#include <stdlib.h>

#include "chat/openai_responses_inside.h"
#include "chat/openai_responses_test_kit.h"
#include "wire/sse.h"

#define CODEC (&codec_openai_responses)
#define NOW   1767225600

static struct key_hasher hasher;
static struct chat_seal seal = {
    &hasher, {"7", 1}
};

/* Hears events, holds them against the grammar and writes them down. */
struct heard {
    struct chat_grammar grammar;
    struct buf text;
    bool folded;         // the deltas of a part as one, pings left out
    struct buf parts[8]; // text of the parts that are open
    const char *wrong;   // what the grammar said first
    void *encoder;       // gets the events too, unless NULL
    struct buf *out;
    bool outgrown;
};

static void print_folded(struct heard *h, const struct chat_event *ev)
{
    struct chat_event whole = {.type = CHAT_DELTA, .index = ev->index};

    assert_true(ev->index < ARRAY_LEN(h->parts));
    if (ev->type == CHAT_DELTA) {
        text_append_escaped(&h->parts[ev->index], ev->delta.text);
        return;
    }
    if (ev->type == CHAT_CLOSE && buf_len(&h->parts[ev->index])) {
        whole.delta.text = (struct chat_text){buf_peek(&h->parts[ev->index]), true};
        chat_event_print(&h->text, &whole);
    }
    if (ev->type != CHAT_PING)
        chat_event_print(&h->text, ev);
}

static void hear(void *ctx, const struct chat_event *ev)
{
    struct heard *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    if (wrong && !h->wrong)
        h->wrong = wrong;
    if (h->folded)
        print_folded(h, ev);
    else
        chat_event_print(&h->text, ev);
    if (h->encoder && ev->type != CHAT_PING && !CODEC->encode(h->encoder, ev, h->out))
        h->outgrown = true;
}

static void heard_release(struct heard *h)
{
    buf_release(&h->text);
    for (size_t i = 0; i < ARRAY_LEN(h->parts); i++)
        buf_release(&h->parts[i]);
}

static const struct codec_decode_options decode_options = {
    .now_unix = NOW,
    .id = SLICE_INIT("x1"),
    .upstream_model = SLICE_INIT("upstream-model"),
};

static void *decoder_new(void)
{
    void *decoder = calloc(1, CODEC->decoder_size);

    CODEC->decoder_init(decoder, &decode_options);
    return decoder;
}

static void decoder_free(void *decoder)
{
    CODEC->decoder_release(decoder);
    free(decoder);
}

static void decode_body(struct slice body, struct heard *h)
{
    const struct chat_sink sink = {hear, h};
    void *decoder = decoder_new();

    CODEC->decode_whole(decoder, body, &sink);
    CODEC->decode_end(decoder, &sink);
    decoder_free(decoder);
}

/* The bytes in two pieces, cut anywhere. */
static void decode_stream(struct slice text, size_t cut, struct heard *h)
{
    const struct chat_sink sink = {hear, h};
    struct sse_cutter cutter = {0};
    struct buf unread = {0};
    void *decoder = decoder_new();

    for (int piece = 0; piece < 2; piece++) {
        struct sse_event event;

        buf_append(&unread, piece ? slice_after(text, cut) : slice_sub(text, 0, cut));
        while (sse_next(&cutter, buf_peek(&unread), &event) == SSE_EVENT) {
            if (event.has_data)
                CODEC->decode(decoder, event.name, event.data, &sink);
            buf_consume(&unread, event.raw.len);
        }
    }
    CODEC->decode_end(decoder, &sink);
    sse_cutter_release(&cutter);
    buf_release(&unread);
    decoder_free(decoder);
}

/* One payload a line. */
static void decode_payloads(const char *lines, struct heard *h)
{
    const struct chat_sink sink = {hear, h};
    struct slice rest = slice_str(lines);
    void *decoder = decoder_new();

    while (rest.len) {
        struct slice line = slice_cut(rest, '\n', &rest);
        CODEC->decode(decoder, slice_of(NULL, 0), line, &sink);
    }
    CODEC->decode_end(decoder, &sink);
    decoder_free(decoder);
}

static struct slice stream_text(struct arena *a, const struct json *fixture)
{
    return json_str(a, json_member(json_member(fixture, SLICE("stream")), SLICE("text")));
}

static struct slice response_body(const struct json *fixture)
{
    const struct json *body = json_member(json_member(fixture, SLICE("response")), SLICE("body"));

    return body ? body->source : slice_of(NULL, 0);
}

static void check_same(const char *why, const struct buf *got, struct slice want)
{
    if (!slice_eq(buf_peek(got), want))
        fail_msg("%s:\n%.*s\n%.*s", why, SLICE_ARG(buf_peek(got)), SLICE_ARG(want));
}

static void check_grammar(const char *why, const struct heard *h)
{
    if (h->wrong)
        fail_msg("%s: %s in\n%.*s", why, h->wrong, SLICE_ARG(buf_peek(&h->text)));
    assert_true(h->grammar.ended);
}

static void test_stream_is_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct heard stream = {.folded = true}, body = {.folded = true};
        struct json *v;
        struct slice text;
        struct arena a;

        arena_init(&a, 0);
        v = kit_fixture(&a, kit_fixtures[i]);
        text = stream_text(&a, v);
        if (text.len) {
            decode_stream(text, 0, &stream);
            check_grammar(kit_fixtures[i], &stream);
        }
        if (response_body(v).len) {
            decode_body(response_body(v), &body);
            check_grammar(kit_fixtures[i], &body);
        }
        if (text.len && response_body(v).len)
            check_same(kit_fixtures[i], &stream.text, buf_peek(&body.text));
        heard_release(&stream);
        heard_release(&body);
        arena_release(&a);
    }
}

static void test_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct heard whole = {0};
        struct slice text;
        struct arena a;

        arena_init(&a, 0);
        text = stream_text(&a, kit_fixture(&a, kit_fixtures[i]));
        decode_stream(text, 0, &whole);
        for (size_t cut = 1; cut < text.len; cut += 7) {
            struct heard cut_there = {0};

            decode_stream(text, cut, &cut_there);
            check_same(kit_fixtures[i], &cut_there.text, buf_peek(&whole.text));
            heard_release(&cut_there);
        }
        heard_release(&whole);
        arena_release(&a);
    }
}

/* Payloads, one a line, and the events they make. */
static const struct {
    const char *why, *payloads, *events;
} hears[] = {
#define HEARS(why, payloads, events) {why, payloads, events},
#include "chat/openai_responses_test.def"
};

static void test_hears(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hears); i++) {
        struct heard h = {0};

        decode_payloads(hears[i].payloads, &h);
        check_same(hears[i].why, &h.text, slice_str(hears[i].events));
        check_grammar(hears[i].why, &h);
        heard_release(&h);
    }
}

static const struct {
    const char *why, *body, *events;
} bodies[] = {
#define BODY(why, body, events) {why, body, events},
#include "chat/openai_responses_test.def"
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct heard h = {0};

        decode_body(slice_str(bodies[i].body), &h);
        check_same(bodies[i].why, &h.text, slice_str(bodies[i].events));
        check_grammar(bodies[i].why, &h);
        heard_release(&h);
    }
}

/* Writing. */

static void *encoder_new(const struct chat_request *r, enum framing framing, size_t limit)
{
    const struct codec_encode_options o = {.request = r,
                                           .framing = framing,
                                           .id = SLICE("x1"),
                                           .model = SLICE("test-model"),
                                           .now_unix = NOW,
                                           .seal = &seal,
                                           .limit_bytes = limit};
    void *encoder = calloc(1, CODEC->encoder_size);

    CODEC->encoder_init(encoder, &o);
    return encoder;
}

static void encoder_free(void *encoder)
{
    CODEC->encoder_release(encoder);
    free(encoder);
}

/* Ids that are made here are not those of the vendor: only that they are there counts. */
static void mask_ids(struct slice s, struct buf *out)
{
    static const struct slice prefixes[] = {SLICE_INIT("msg_"), SLICE_INIT("fc_"),
                                            SLICE_INIT("ctc_"), SLICE_INIT("ws_"),
                                            SLICE_INIT("ig_")};

    while (s.len) {
        size_t quote = slice_find(s, '"');
        struct slice rest = slice_after(s, quote == SIZE_MAX ? s.len : quote + 1);

        buf_append(out, slice_sub(s, 0, s.len - rest.len));
        s = rest;
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
            if (slice_starts(s, prefixes[i]))
                s = slice_after(s, slice_find(s, '"'));
        }
    }
}

static void check_masked(const char *why, struct slice got, struct slice want)
{
    struct buf a = {0}, b = {0};

    mask_ids(got, &a);
    mask_ids(want, &b);
    if (!slice_eq(buf_peek(&a), buf_peek(&b)))
        fail_msg("%s:\n%.*s\n%.*s", why, SLICE_ARG(buf_peek(&a)), SLICE_ARG(buf_peek(&b)));
    buf_release(&a);
    buf_release(&b);
}

/* The fixtures repeat no prompt_cache_key, which the vendor does. */
static void read_fixture_request(struct arena *a, const struct json *fixture,
                                 struct chat_request *r)
{
    struct json *body = json_member(fixture, SLICE("request"));
    struct err_info e = {0};

    json_remove(body, SLICE("prompt_cache_key"));
    chat_request_init(r, a, DIALECT_OPENAI_RESPONSES);
    assert_int_equal(CODEC->read_request(body, &seal, r, &e), ERR_NONE);
}

static void encode_stream(const struct chat_request *r, struct slice text, enum framing framing,
                          struct buf *out)
{
    struct heard h = {.encoder = encoder_new(r, framing, 0), .out = out};

    decode_stream(text, 0, &h);
    encoder_free(h.encoder);
    heard_release(&h);
}

/* Events of the fixtures' streams make the same streams, and the same whole answers. */
static void test_fixtures_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct buf stream = {0}, body = {0};
        struct chat_request r;
        struct slice text;
        struct json *v;
        struct arena a;

        arena_init(&a, 0);
        v = kit_fixture(&a, kit_fixtures[i]);
        read_fixture_request(&a, v, &r);
        text = stream_text(&a, v);
        if (text.len) {
            struct json *whole = NULL, *want = NULL;
            struct buf masked = {0}, wanted = {0};

            encode_stream(&r, text, FRAMING_SSE, &stream);
            encode_stream(&r, text, FRAMING_BODY, &body);
            kit_compact(buf_peek(&stream), &masked);
            kit_compact(text, &wanted);
            check_masked(kit_fixtures[i], buf_peek(&masked), buf_peek(&wanted));
            assert_int_equal(buf_len(&body) > 0, response_body(v).len > 0);
            buf_clear(&masked);
            buf_clear(&wanted);
            mask_ids(buf_peek(&body), &masked);
            mask_ids(response_body(v), &wanted);
            if (buf_len(&body)) {
                whole = kit_parse(&a, buf_peek(&masked));
                want = kit_parse(&a, buf_peek(&wanted));
                if (!kit_same(&a, whole, want))
                    fail_msg("%s:\n%.*s", kit_fixtures[i], SLICE_ARG(buf_peek(&body)));
            }
            buf_release(&masked);
            buf_release(&wanted);
        }
        buf_release(&stream);
        buf_release(&body);
        arena_release(&a);
    }
}

/* Payloads through both halves: the frames that come out, told by their types. */
static void frame_names(struct slice stream, struct buf *out)
{
    while (stream.len) {
        struct slice line = slice_cut(stream, '\n', &stream);

        if (slice_starts(line, SLICE("event: response."))) {
            buf_append(out, slice_after(line, 16));
            buf_append_byte(out, ' ');
        }
    }
}

static struct slice after_last_data(struct slice stream)
{
    struct slice last = {0};

    while (stream.len) {
        struct slice line = slice_cut(stream, '\n', &stream);

        if (slice_starts(line, SLICE("data: ")))
            last = slice_after(line, 6);
    }
    return last;
}

static const struct {
    const char *why, *request, *payloads, *frames, *output;
} says[] = {
#define SAYS(why, request, payloads, frames, output) {why, request, payloads, frames, output},
#include "chat/openai_responses_test.def"
};

/* The output that a stream ends with is what a whole answer says, and reads the same again. */
static void check_says(size_t i, struct arena *a, struct chat_request *r)
{
    struct buf stream = {0}, body = {0}, names = {0}, masked = {0};
    struct heard live = {.folded = true, .encoder = encoder_new(r, FRAMING_SSE, 0), .out = &stream};
    struct heard whole = {.encoder = encoder_new(r, FRAMING_BODY, 0), .out = &body};
    struct heard again = {.folded = true};
    struct json *last;

    decode_payloads(says[i].payloads, &live);
    decode_payloads(says[i].payloads, &whole);
    frame_names(buf_peek(&stream), &names);
    check_same(says[i].why, &names, slice_str(says[i].frames));
    last = json_member(kit_parse(a, after_last_data(buf_peek(&stream))), SLICE("response"));
    check_same(says[i].why, &body, last->source);
    mask_ids(json_member(last, SLICE("output"))->source, &masked);
    check_same(says[i].why, &masked, slice_str(says[i].output));
    decode_stream(buf_peek(&stream), 0, &again);
    check_grammar(says[i].why, &again);
    encoder_free(live.encoder);
    encoder_free(whole.encoder);
    heard_release(&live);
    heard_release(&whole);
    heard_release(&again);
    buf_release(&stream);
    buf_release(&body);
    buf_release(&names);
    buf_release(&masked);
}

static void test_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_RESPONSES);
        assert_int_equal(
            CODEC->read_request(kit_parse(&a, slice_str(says[i].request)), &seal, &r, &e),
            ERR_NONE);
        check_says(i, &a, &r);
        arena_release(&a);
    }
}

static void say(void *encoder, struct buf *out, const struct chat_event *ev)
{
    assert_true(CODEC->encode(encoder, ev, out));
}

static struct chat_event open_call(uint32_t index, const char *id, const char *tool)
{
    return (struct chat_event){
        .type = CHAT_OPEN,
        .index = index,
        .open = {.kind = PART_CALL, .call_id = slice_str(id), .tool = slice_str(tool)}
    };
}

static struct chat_event delta(uint32_t index, const char *plain)
{
    return (struct chat_event){
        .type = CHAT_DELTA, .index = index, .delta = {text_plain(slice_str(plain)), {NULL, 0}}
    };
}

static struct chat_event closing(uint32_t index)
{
    return (struct chat_event){.type = CHAT_CLOSE, .index = index};
}

/* Calls at the same time, the second cut off: what is whole is done, what is not never is. */
static void test_parallel_calls(void **state)
{
    const struct chat_event events[] = {
        {.type = CHAT_START },
        open_call(0, "c1", "f"),
        open_call(1, "c2", "g"),
        delta(1, "{\"b\":"),
        delta(0, "{\"a\":\"\\n\""),
        delta(0, "}"),
        closing(0),
        closing(1),
        {.type = CHAT_FINISH, .finish = {.reason = FINISH_LENGTH}},
        {.type = CHAT_END                  },
    };
    void *encoder = encoder_new(NULL, FRAMING_SSE, 0);
    struct buf out = {0}, names = {0}, masked = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        say(encoder, &out, &events[i]);
    frame_names(buf_peek(&out), &names);
    check_same("frames", &names,
               SLICE("created in_progress output_item.added output_item.added "
                     "function_call_arguments.delta function_call_arguments.delta "
                     "function_call_arguments.delta function_call_arguments.done output_item.done "
                     "output_item.done incomplete "));
    mask_ids(
        json_member(json_member(kit_parse(&a, after_last_data(buf_peek(&out))), SLICE("response")),
                    SLICE("output"))
            ->source,
        &masked);
    check_same("output", &masked,
               SLICE("[{\"type\":\"function_call\",\"id\":\"\",\"call_id\":\"c1\",\"name\":\"f\","
                     "\"arguments\":\"{\\\"a\\\":\\\"\\\\n\\\"}\",\"status\":\"completed\"},"
                     "{\"type\":\"function_call\",\"id\":\"\",\"call_id\":\"c2\",\"name\":\"g\","
                     "\"arguments\":\"{\\\"b\\\":\",\"status\":\"incomplete\"}]"));
    encoder_free(encoder);
    buf_release(&out);
    buf_release(&names);
    buf_release(&masked);
    arena_release(&a);
}

/* A secret of another vendor's goes in an envelope that opens again. */
static void test_foreign_secret(void **state)
{
    const struct chat_event events[] = {
        {.type = CHAT_START                                    },
        {.type = CHAT_OPEN,                                      .open = {.kind = PART_REASONING}},
        {.type = CHAT_CLOSE,                                                      .close = {SLICE("c2ln"), VENDOR_ANTHROPIC, {NULL, 0}}},
        {.type = CHAT_FINISH},
        {.type = CHAT_END                                   },
    };
    void *encoder = encoder_new(NULL, FRAMING_BODY, 0);
    struct chat_reasoning opened = {0};
    struct buf out = {0};
    struct json *item;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        say(encoder, &out, &events[i]);
    item = json_first(json_member(kit_parse(&a, buf_peek(&out)), SLICE("output")));
    assert_int_equal(json_member(item, SLICE("summary"))->count, 0);
    assert_true(envelope_open(&seal, json_str(&a, json_member(item, SLICE("encrypted_content"))),
                              &a, &opened));
    assert_int_equal(opened.vendor, VENDOR_ANTHROPIC);
    assert_int_equal(opened.kind, REASONING_REDACTED);
    assert_true(slice_eq(opened.secret, SLICE("c2ln")));
    encoder_free(encoder);
    buf_release(&out);
    arena_release(&a);
}

static void test_outgrown(void **state)
{
    const struct chat_event start = {.type = CHAT_START},
                            open = {.type = CHAT_OPEN, .open = {.kind = PART_TEXT}},
                            more = delta(0, "0123456789012345678901234567890123456789");
    void *encoder = encoder_new(NULL, FRAMING_SSE, 4096);
    struct buf out = {0};
    int said = 0;

    (void)state;
    say(encoder, &out, &start);
    say(encoder, &out, &open);
    while (said < 200 && CODEC->encode(encoder, &more, &out))
        said++;
    assert_in_range(said, 10, 102);
    encoder_free(encoder);
    buf_release(&out);
}

/* Pings, choices beyond the first, errors before and after the start. */
static void test_the_rest(void **state)
{
    const struct chat_event start = {.type = CHAT_START}, ping = {.type = CHAT_PING};
    const struct chat_event second = {.type = CHAT_OPEN, .choice = 1, .open = {.kind = PART_TEXT}};
    struct chat_event other = delta(0, "x");
    const struct chat_event busy = {
        .type = CHAT_ERROR, .error = {ERR_UPSTREAM_BUSY, {NULL, 0}}
    };
    void *encoder = encoder_new(NULL, FRAMING_SSE, 0), *body = encoder_new(NULL, FRAMING_BODY, 0);
    struct buf out = {0};

    (void)state;
    other.choice = 1;
    say(encoder, &out, &ping);
    check_same("a ping", &out, SLICE(": keep-alive\n\n"));
    say(encoder, &out, &start);
    buf_clear(&out);
    say(encoder, &out, &second);
    say(encoder, &out, &other);
    assert_int_equal(buf_len(&out), 0);
    say(encoder, &out, &busy);
    assert_true(slice_find_slice(buf_peek(&out),
                                 SLICE("\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":"
                                       "\"the provider is limiting our requests\"}")) != SIZE_MAX);
    assert_true(slice_starts(buf_peek(&out),
                             SLICE("event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,"
                                   "\"code\":\"rate_limit_exceeded\"")));
    buf_clear(&out);
    say(encoder, &out, &ping);
    say(body, &out, &start);
    say(body, &out, &ping);
    say(body, &out, &busy);
    assert_int_equal(buf_len(&out), 0);
    encoder_free(encoder);
    encoder_free(body);
    buf_release(&out);
}

static void test_chars(void **state)
{
    static const struct {
        struct chat_text text;
        int64_t chars;
    } cases[] = {
        {{SLICE_INIT("a\\n\\u00e9\xC3\xA9"), true}, 4},
        {{SLICE_INIT("\\ud83d\\ude00"), true},      1},
        {{SLICE_INIT("\\ude00"), true},             0},
        {{SLICE_INIT("\xF0\x9F\x98\x80\\"), false}, 2},
        {{SLICE_INIT("\\"), true},                  1},
        {{SLICE_INIT("\\u00"), true},               1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(responses_chars(cases[i].text), cases[i].chars);
}

int main(void)
{
    const unsigned char subkey[32] = {1};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_is_body),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_hears),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_fixtures_come_back),
        cmocka_unit_test(test_says),
        cmocka_unit_test(test_parallel_calls),
        cmocka_unit_test(test_foreign_secret),
        cmocka_unit_test(test_outgrown),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_chars),
    };

    key_hasher_init(&hasher, subkey, sizeof(subkey));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
