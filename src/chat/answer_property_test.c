/*
 * answer_property_test.c - what holds of every answer (mapping.md 9.2, 9.3, 9.5, 9.6 and 9.8), from
 * every upstream to every client, seen on pseudo-random ones, the same at every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chat/answer_test_kit.h"
#include "chat/talk_test_kit.h"

#define ANSWERS 300
#define USAGES  300

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

/* ---- what an upstream says: events through its own dialect's encoder ---- */

struct speech {
    const struct codec *codec;
    struct chat_request request;
    struct arena arena;
    struct buf stream, whole;
    void *encoders[2]; // of these
    uint32_t index;
};

static void speech_init(struct speech *s, enum dialect d)
{
    static const enum framing framings[] = {FRAMING_SSE, FRAMING_BODY};

    *s = (struct speech){.codec = codec_find(d)};
    arena_init(&s->arena, 0);
    chat_request_init(&s->request, &s->arena, d);
    s->request.include_usage = true;
    for (size_t i = 0; i < 2; i++) {
        struct codec_encode_options o = {.request = &s->request,
                                         .framing = framings[i],
                                         .id = SLICE("x"),
                                         .model = SLICE("m"),
                                         .now_unix = 1,
                                         .seal = seal(),
                                         .limit_bytes = 1 << 20};
        s->encoders[i] = calloc(1, s->codec->encoder_size);
        assert_non_null(s->encoders[i]);
        s->codec->encoder_init(s->encoders[i], &o);
    }
}

static void speech_release(struct speech *s)
{
    for (size_t i = 0; i < 2; i++) {
        s->codec->encoder_release(s->encoders[i]);
        free(s->encoders[i]);
    }
    buf_release(&s->stream);
    buf_release(&s->whole);
    arena_release(&s->arena);
}

static void say(struct speech *s, const struct chat_event *ev)
{
    assert_true(s->codec->encode(s->encoders[0], ev, &s->stream));
    assert_true(s->codec->encode(s->encoders[1], ev, &s->whole));
}

static void say_type(struct speech *s, enum chat_event_type type)
{
    struct chat_event ev = {.type = type};

    if (type == CHAT_START)
        ev.start.id = SLICE("id-1");
    say(s, &ev);
}

static void say_finish(struct speech *s, enum chat_finish reason)
{
    struct chat_event ev = {.type = CHAT_FINISH};

    ev.finish.reason = reason;
    say(s, &ev);
}

static void say_usage(struct speech *s, const struct chat_usage *usage)
{
    struct chat_event ev = {.type = CHAT_USAGE};

    ev.usage.usage = *usage;
    ev.usage.source = USAGE_UPSTREAM;
    say(s, &ev);
}

static void say_open(struct speech *s, enum chat_part_kind kind, const struct talk_item *call)
{
    struct chat_event ev = {.type = CHAT_OPEN, .index = s->index};

    ev.open.kind = kind;
    if (call) {
        ev.open.call_id = slice_str(call->id);
        ev.open.tool = slice_str(call->name);
    }
    say(s, &ev);
}

/* In up to three deltas, cut between characters. */
static void say_text(struct speech *s, struct talk *dice, struct slice text)
{
    while (text.len) {
        struct chat_event ev = {.type = CHAT_DELTA, .index = s->index};
        size_t len = 1 + talk_dice(dice, text.len);
        while (len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
            len++;
        ev.delta.text = text_plain(slice_sub(text, 0, len));
        text = slice_after(text, len);
        say(s, &ev);
    }
}

static void say_close(struct speech *s)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .index = s->index++};

    say(s, &ev);
}

static void say_secret(struct speech *s)
{
    static const enum chat_vendor vendors[] = {VENDOR_GEMINI, VENDOR_OPENAI, VENDOR_ANTHROPIC,
                                               VENDOR_GEMINI};
    struct chat_event ev = {.type = CHAT_CLOSE, .index = s->index++};

    ev.close.secret = SLICE("c2ln");
    ev.close.vendor = vendors[s->codec->dialect];
    say(s, &ev);
}

static struct chat_usage any_usage(struct talk *dice, enum dialect d)
{
    struct chat_usage u = {{0}};
    enum usage_kind written = d == DIALECT_ANTHROPIC ? USAGE_CACHE_WRITE_5M : USAGE_CACHE_WRITE_30M;

    u.tokens[USAGE_INPUT] = (int64_t)talk_dice(dice, 1000);
    u.tokens[USAGE_CACHE_READ] = (int64_t)talk_dice(dice, 1000);
    u.tokens[USAGE_OUTPUT] = 1 + (int64_t)talk_dice(dice, 1000);
    if (talk_dice(dice, 2))
        u.tokens[USAGE_REASONING] = (int64_t)talk_dice(dice, (size_t)u.tokens[USAGE_OUTPUT]);
    if (d != DIALECT_GEMINI && talk_dice(dice, 2))
        u.tokens[written] = (int64_t)talk_dice(dice, 1000);
    return u;
}

/* A thought, then text, then calls. */
static void say_answer(struct speech *s, struct talk *dice, bool with_secret)
{
    struct chat_usage usage = any_usage(dice, s->codec->dialect);
    struct talk said;
    bool called = false;

    talk_make(&said, talk_dice(dice, 1000000));
    said.count = 0;
    say_type(s, CHAT_START);
    if (talk_dice(dice, 2)) {
        say_open(s, PART_REASONING, NULL);
        say_text(s, dice, talk_text(dice));
        if (with_secret)
            say_secret(s);
        else
            say_close(s);
    }
    talk_assistant(&said);
    for (size_t i = 0; i < said.turns[0].count; i++) {
        const struct talk_item *item = &said.turns[0].items[i];
        bool is_call = item->kind == TALK_CALL;
        say_open(s, is_call ? PART_CALL : PART_TEXT, is_call ? item : NULL);
        say_text(s, dice, is_call ? slice_str(item->arguments) : item->text);
        say_close(s);
        called |= is_call;
    }
    say_finish(s, called ? FINISH_TOOLS : talk_dice(dice, 2) ? FINISH_LENGTH : FINISH_STOP);
    say_usage(s, &usage);
    say_type(s, CHAT_END);
}

/* ---- 9.2 and 9.3, and that nothing is lost ---- */

static void exchange_init(struct exchange *x, struct arena *a, enum dialect client, enum dialect up)
{
    *x = (struct exchange){.client = client, .upstream = up};
    arena_init(a, 0);
    chat_request_init(&x->request, a, client);
    x->request.include_usage = true;
}

/* What the upstream's own dialect says, and what the client hears: the same, joined by kind. */
static void expect_same(struct exchange *x, struct slice said)
{
    struct fold mine = {0}, theirs = {0};
    struct buf got = {0}, a = {0}, b = {0};

    assert_true(run(x, x->is_stream ? FRAMING_SSE : FRAMING_BODY, said, said.len, &got));
    fold_release(&x->heard);
    fold_answer(codec_find(x->upstream), said, x->is_stream, &theirs);
    fold_answer(codec_find(x->client), buf_peek(&got), x->is_stream, &mine);
    buf_clear(&mine.usage); // kinds that only one dialect tells apart: see test_usage
    buf_clear(&theirs.usage);
    fold_end(&theirs, true, &a);
    fold_end(&mine, true, &b);
    if (!slice_eq(buf_peek(&a), buf_peek(&b)))
        answer_fail(x, "the client hears something else", buf_peek(&a), buf_peek(&b));
    buf_release(&got);
    buf_release(&a);
    buf_release(&b);
}

static void test_answers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < ANSWERS; seed++) {
        for (size_t pair = 0; pair < 16; pair++) {
            struct talk dice = {.dice = seed};
            struct exchange x;
            struct speech s;
            struct arena a;
            exchange_init(&x, &a, dialects[pair % 4], dialects[pair / 4]);
            speech_init(&s, x.upstream);
            say_answer(&s, &dice, seed % 2);
            answer_check(&x, buf_peek(&s.whole), 0);
            if (seed % 2 == 0) // a secret is another for each dialect: see translate_golden_test.c
                expect_same(&x, buf_peek(&s.whole));
            x.is_stream = true;
            answer_check(&x, buf_peek(&s.stream), talk_dice(&dice, buf_len(&s.stream)));
            if (seed % 2 == 0)
                expect_same(&x, buf_peek(&s.stream));
            speech_release(&s);
            arena_release(&a);
        }
    }
}

/* ---- 9.5: read(write(u)) = u ---- */

static void take_usage(void *ctx, const struct chat_event *ev)
{
    if (ev->type == CHAT_USAGE)
        *(struct chat_usage *)ctx = ev->usage.usage;
}

static void expect_usage(const struct speech *s, bool is_stream, const struct chat_usage *want)
{
    struct codec_decode_options o = {.id = SLICE("x"), .upstream_model = SLICE("m")};
    struct chat_usage got = {{0}};
    struct chat_sink sink = {take_usage, &got};
    void *decoder = calloc(1, s->codec->decoder_size);
    struct slice text = buf_peek(&s->stream);
    struct sse_cutter cutter = {0};
    struct sse_event ev;

    s->codec->decoder_init(decoder, &o);
    if (!is_stream)
        s->codec->decode_whole(decoder, buf_peek(&s->whole), &sink);
    while (is_stream && sse_next(&cutter, text, &ev) == SSE_EVENT) {
        if (ev.has_data)
            s->codec->decode(decoder, ev.name, ev.data, &sink);
        text = slice_after(text, ev.raw.len);
    }
    for (size_t i = 0; i < USAGE_KIND_COUNT; i++) {
        if (got.tokens[i] != want->tokens[i])
            fail_msg("%s %s: %s is %lld, not %lld", dialect_name(s->codec->dialect),
                     is_stream ? "stream" : "whole", usage_kind_name((enum usage_kind)i),
                     (long long)got.tokens[i], (long long)want->tokens[i]);
    }
    sse_cutter_release(&cutter);
    s->codec->decoder_release(decoder);
    free(decoder);
}

static void test_usage(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < USAGES; seed++) {
        for (size_t d = 0; d < ARRAY_LEN(dialects); d++) {
            struct talk dice = {.dice = seed};
            struct chat_usage u = any_usage(&dice, dialects[d]);
            struct speech s;
            speech_init(&s, dialects[d]);
            say_type(&s, CHAT_START);
            say_open(&s, PART_TEXT, NULL);
            say_text(&s, &dice, SLICE("x"));
            say_close(&s);
            say_finish(&s, FINISH_STOP);
            say_usage(&s, &u);
            say_type(&s, CHAT_END);
            expect_usage(&s, false, &u);
            expect_usage(&s, true, &u);
            speech_release(&s);
        }
    }
}

/* ---- 9.6: what is unknown says nothing ---- */

static const struct {
    enum dialect upstream;
    const char *event;
} unknown[] = {
    {DIALECT_OPENAI_CHAT,      "data: {\"object\":\"chat.hologram\",\"hologram\":\"LEAK\"}\n\n"                                                                                    },
    {DIALECT_OPENAI_CHAT,
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"hologram\":\"LEAK\"}}]}\n\n"                                                                                                   },
    {DIALECT_OPENAI_CHAT,
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.hologram\",\"hologram\":\"LEAK\"}]}}]}\n\n"                                         },
    {DIALECT_OPENAI_CHAT,
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"annotations\":[{\"type\":\"hologram\",\"hologram\":{\"text\":\"LEAK\"}}]}}]}\n\n"                                              },
    {DIALECT_OPENAI_CHAT,      "event: hologram\ndata: {\"LEAK\":\"LEAK\"}\n\n"                                                                                                    },
    {DIALECT_OPENAI_RESPONSES,
     "event: response.hologram.delta\ndata: {\"type\":\"response.hologram.delta\",\"output_index\":0,\"delta\":\"LEAK\"}\n\n"                                                      },
    {DIALECT_OPENAI_RESPONSES,
     "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":90,\"item\":{\"type\":\"hologram\",\"id\":\"h_1\",\"text\":\"LEAK\"}}\n\n"},
    {DIALECT_OPENAI_RESPONSES,
     "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":91,\"item\":{\"type\":\"hologram\",\"id\":\"h_2\",\"text\":\"LEAK\"}}\n\n"  },
    {DIALECT_OPENAI_RESPONSES, "data: {\"LEAK\":\"LEAK\"}\n\n"                                                                                                                     },
    {DIALECT_ANTHROPIC,        "event: hologram\ndata: {\"type\":\"hologram\",\"text\":\"LEAK\"}\n\n"                                                                              },
    {DIALECT_ANTHROPIC,
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":90,\"content_block\":{\"type\":\"hologram\",\"text\":\"LEAK\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":90,\"delta\":{\"type\":\"hologram_delta\",\"text\":\"LEAK\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":90,\"delta\":{\"type\":\"text_delta\",\"text\":\"LEAK\"}}\n\n"
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":90}\n\n"                                                                                         },
    {DIALECT_ANTHROPIC,
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"hologram_delta\",\"hologram\":\"LEAK\"}}\n\n"                          },
    {DIALECT_GEMINI,
     "data: {\"candidates\":[{\"index\":0,\"content\":{\"parts\":[{\"hologram\":{\"text\":\"LEAK\"}}]}}]}\n\n"                                                                     },
    {DIALECT_GEMINI,           "data: {\"candidates\":[{\"index\":0,\"hologram\":\"LEAK\"}]}\n\n"                                                                                  },
    {DIALECT_GEMINI,           "data: {\"hologram\":\"LEAK\"}\n\n"                                                                                                                 },
};

/* Where the `number`th event of an SSE stream ends; 0: it has fewer. */
static size_t event_end(struct slice text, size_t number)
{
    size_t end = 0;

    while (number--) {
        size_t at = slice_find_slice(slice_after(text, end), SLICE("\n\n"));
        if (at == SIZE_MAX)
            return 0;
        end += at + 2;
    }
    return end;
}

static void with_unknown(struct exchange *x, struct slice stream, size_t end, const char *event)
{
    struct buf text = {0}, got = {0}, want = {0};

    buf_append(&text, slice_sub(stream, 0, end));
    buf_append_str(&text, event);
    buf_append(&text, slice_after(stream, end));
    run(x, FRAMING_SSE, stream, stream.len, &want);
    fold_release(&x->heard);
    run(x, FRAMING_SSE, buf_peek(&text), buf_len(&text), &got);
    fold_release(&x->heard);
    if (!slice_eq(buf_peek(&got), buf_peek(&want)) || frames_have(buf_peek(&got), "LEAK"))
        answer_fail(x, event, buf_peek(&text), buf_peek(&got));
    answer_check(x, buf_peek(&text), end);
    buf_release(&text);
    buf_release(&got);
    buf_release(&want);
}

static void test_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        for (size_t c = 0; c < 4; c++) {
            struct talk dice = {.dice = i};
            struct exchange x;
            struct speech s;
            struct arena a;
            exchange_init(&x, &a, dialects[c], unknown[i].upstream);
            x.is_stream = true;
            speech_init(&s, x.upstream);
            say_answer(&s, &dice, true);
            for (size_t n = 1, end; (end = event_end(buf_peek(&s.stream), n)) != 0; n++) {
                if (end < buf_len(&s.stream)) // behind the end there is nobody
                    with_unknown(&x, buf_peek(&s.stream), end, unknown[i].event);
            }
            speech_release(&s);
            arena_release(&a);
        }
    }
}

/* ---- 9.8: an error in every phase ---- */

static const char *const errors[] = {
    "data: {\"error\":{\"message\":\"down\",\"type\":\"server_error\",\"code\":null}}\n\n",
    "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"down\",\"param\":null}\n\n",
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"down\"}}\n\n",
    "data: {\"error\":{\"code\":503,\"message\":\"down\",\"status\":\"UNAVAILABLE\"}}\n\n",
};

enum way { WAY_SAID, WAY_CUT, WAY_BROKEN, WAY_INJECTED, WAY_COUNT };

static void fail_way(struct exchange *x, struct slice said, enum way way)
{
    struct chat_event error = {.type = CHAT_ERROR};
    struct buf text = {0}, out = {0};
    struct translation t;
    const char *wrong;

    buf_append(&text, said);
    if (way == WAY_SAID)
        buf_append_str(&text, errors[x->upstream]);
    if (way == WAY_BROKEN)
        buf_append_str(&text, "data: {\"broken\n\n");
    error.error.code = ERR_UPSTREAM_BROKEN;
    begin(&t, x, FRAMING_SSE, &out);
    feed(&t, buf_peek(&text), buf_len(&text));
    if (way == WAY_INJECTED)
        translation_inject(&t, &error);
    translation_end(&t);
    assert_true(t.ended);
    wrong = t.error.code == ERR_NONE ? "it ends well"
                                     : frames_check(x->client, buf_peek(&out), false, 1);
    if (wrong || x->heard.broken || !buf_len(&out))
        answer_fail(x,
                    wrong             ? wrong
                    : x->heard.broken ? x->heard.broken
                                      : "nothing is said",
                    buf_peek(&text), buf_peek(&out));
    fold_release(&x->heard);
    translation_release(&t);
    buf_release(&text);
    buf_release(&out);
}

static void fail_phases(struct exchange *x)
{
    const struct talk_item call = {.id = "c1", .name = "f"};
    struct talk dice = {.dice = 1};
    struct speech s;

    speech_init(&s, x->upstream);
    for (int phase = 0; phase < 4; phase++) {
        for (enum way way = 0; way < WAY_COUNT; way++)
            fail_way(x, buf_peek(&s.stream), way);
        switch (phase) {
        case 0: say_type(&s, CHAT_START); break;
        case 1:
            say_open(&s, PART_TEXT, NULL);
            say_text(&s, &dice, SLICE("hello"));
            break;
        case 2:
            say_close(&s);
            say_open(&s, PART_CALL, &call);
            say_text(&s, &dice, SLICE("{\"a\":"));
            break;
        }
    }
    speech_release(&s);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t pair = 0; pair < 16; pair++) {
        struct exchange x;
        struct arena a;
        exchange_init(&x, &a, dialects[pair % 4], dialects[pair / 4]);
        x.is_stream = true;
        fail_phases(&x);
        arena_release(&a);
    }
}

/* ---- what fuzzing has found ---- */

static const struct {
    const char *why;
    enum dialect client, upstream;
    bool is_stream;
    const char *text;
} found[] = {
#include "chat/answer_property_test.def"
};

static void test_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(found); i++) {
        struct exchange x;
        struct arena a;
        exchange_init(&x, &a, found[i].client, found[i].upstream);
        x.is_stream = found[i].is_stream;
        answer_check(&x, slice_str(found[i].text), strlen(found[i].text) / 2);
        arena_release(&a);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers), cmocka_unit_test(test_usage),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
