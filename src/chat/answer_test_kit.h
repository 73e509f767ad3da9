/* answer_test_kit.h - what holds of every answer on its way from any upstream to any client. */
#ifndef CHAT_ANSWER_TEST_KIT_H
#define CHAT_ANSWER_TEST_KIT_H

#include <assert.h>
#include <stdio.h>

#include "chat/fold_test_kit.h"
#include "chat/translate.h"

/*
 * The grammar holds, and the end is one and the truth; a stream folds to the whole answer and is
 * the same wherever its bytes are cut; one that breaks off never ends well.  What is wrong is
 * printed, and ends the process.
 */
struct exchange {
    enum dialect client, upstream;
    bool is_stream;
    struct chat_request request;
    struct fold heard; // what the client's encoder was told
    bool is_hostile;   // parts that break their dialect's order may be told in another order whole
};

static const struct chat_seal *seal(void)
{
    static struct key_hasher hasher;
    static const struct chat_seal s = {
        .hasher = &hasher, .tenant = {"1", 1}
    };
    static const unsigned char subkey[32] = {7};
    static bool ready;

    if (!ready)
        key_hasher_init(&hasher, subkey, sizeof(subkey));
    ready = true;
    return &s;
}

/* Tools as shape leaves them: renamed, wrapped, a custom one as a function, one for the format. */
__attribute__((unused)) static void change_tools(struct chat_request *r)
{
    struct chat_tool *tool = chat_tool_new(r, TOOL_FUNCTION);

    tool->name = SLICE("a.b");
    tool->sent_name = SLICE("f");
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("get_weather");
    tool->wrapped = true;
    tool = chat_tool_new(r, TOOL_CUSTOM);
    tool->name = SLICE("c");
    tool->as_function = true;
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("json_response");
    tool->is_format = true;
    chat_tool_new(r, TOOL_WEB_SEARCH); // with which Anthropic may pause
}

static void answer_fail(const struct exchange *x, const char *why, struct slice a, struct slice b)
{
    fprintf(stderr, "%s to %s: %s\n%.*s\n----\n%.*s\n", dialect_name(x->upstream),
            dialect_name(x->client), why, SLICE_ARG(a), SLICE_ARG(b));
    abort();
}

static void begin(struct translation *t, struct exchange *x, enum framing framing, struct buf *out)
{
    struct translation_options o = {
        .client = x->client,
        .upstream = x->upstream,
        .decode = {.now_unix = 1,    .id = SLICE("x"), .upstream_model = SLICE("m")},
        .encode = {.request = &x->request,
                   .framing = framing,
                   .id = SLICE("x"),
                   .model = SLICE("m"),
                   .now_unix = 1,
                   .seal = seal(),
                   .limit_bytes = 1 << 20},
        .tap = {fold_take, &x->heard               },
    };

    translation_init(t, &o);
    t->out = out;
}

/* Feeds the events that end within the first `len` bytes. */
static void feed(struct translation *t, struct slice text, size_t len)
{
    struct sse_cutter cutter = {0};
    struct slice unread = slice_sub(text, 0, len);
    struct sse_event ev;

    for (int round = 0; round < 2; round++) {
        while (sse_next(&cutter, unread, &ev) == SSE_EVENT) {
            if (ev.has_data)
                translation_feed(t, ev.name, ev.data);
            unread = slice_after(unread, ev.raw.len);
        }
        unread.len = text.len - (size_t)(unread.ptr - text.ptr); // and then the rest
    }
    sse_cutter_release(&cutter);
}

static void answer_check_json(const struct exchange *x, struct slice text)
{
    struct err_info e = {0};

    if (json_scan(text, NULL, 0, NULL, &e) != ERR_NONE)
        answer_fail(x, e.text, text, SLICE(""));
}

/* What asks an upstream that has paused to go on is JSON; nested too deep it may be, for us. */
static bool goes_on(const struct exchange *x, struct translation *t, struct buf *sent)
{
    struct buf next = {0};
    size_t nested = 0;

    if (!translation_is_paused(t))
        return false;
    translation_resume(t, buf_peek(sent), &next);
    for (size_t i = next.start; i < next.end; i++)
        nested += next.data[i] == '{' || next.data[i] == '[';
    if (nested < JSON_MAX_DEPTH)
        answer_check_json(x, buf_peek(&next));
    buf_release(sent);
    *sent = next;
    return true;
}

/*
 * The upstream's answer up to `len`, again where it pauses; false: it ended in an error.
 * x->heard is of this run.
 */
static bool run(struct exchange *x, enum framing framing, struct slice text, size_t cut,
                struct buf *out)
{
    struct translation t;
    struct buf sent = {0};
    bool good;

    buf_append_str(&sent, x->upstream == DIALECT_GEMINI ? "{}" : "{\"messages\":[]}");
    begin(&t, x, framing, out);
    do {
        if (x->is_stream) {
            feed(&t, text, cut);
            translation_end(&t);
        } else {
            translation_whole(&t, text);
        }
    } while (goes_on(x, &t, &sent));
    buf_release(&sent);
    assert(t.ended && x->heard.ended);
    if (x->heard.broken)
        answer_fail(x, x->heard.broken, text, buf_peek(out));
    good = t.error.code == ERR_NONE;
    assert(good == !x->heard.failed);
    translation_release(&t);
    return good;
}

static bool has(struct slice text, const char *what)
{
    return slice_find_slice(text, slice_str(what)) != SIZE_MAX;
}

static void check_frames(const struct exchange *x, struct slice text, bool good)
{
    const char *wrong = frames_check(x->client, text, good, x->heard.choices);

    if (wrong)
        answer_fail(x, wrong, text, SLICE(""));
}

static void check_fold(struct exchange *x, struct slice stream, struct slice whole)
{
    struct fold a = {0}, b = {0};
    struct buf of_stream = {0}, of_whole = {0};
    bool by_kind;

    fold_answer(codec_find(x->client), stream, true, &a);
    fold_answer(codec_find(x->client), whole, false, &b);
    by_kind = fold_moves(x->client, &a);
    fold_end(&a, by_kind, &of_stream);
    fold_end(&b, by_kind, &of_whole);
    if (!slice_eq(buf_peek(&of_stream), buf_peek(&of_whole)) ||
        slice_starts(buf_peek(&of_whole), SLICE("broken: ")))
        answer_fail(x, "stream and whole differ", buf_peek(&of_stream), buf_peek(&of_whole));
    buf_release(&of_stream);
    buf_release(&of_whole);
}

/* Upstream breaks off: no end, unless it had said how the answer ended. */
static void check_broken(struct exchange *x, struct slice text, size_t len)
{
    static const char *const ends[][4] = {
        {"finish_reason",        "[DONE]",        "error"      },
        {                "response.completed", "response.incomplete", "response.done",      "status"},
        {                "stop_reason",        "message_stop"               },
        { "finishReason",   "blockReason",                  "finish_reason", "continuationToken"},
    };
    struct slice part = slice_sub(text, 0, len);
    bool said = has(part, "\\");
    struct buf out = {0};

    for (size_t i = 0; i < ARRAY_LEN(ends[0]); i++)
        said |= ends[x->upstream][i] && has(part, ends[x->upstream][i]);
    if (run(x, FRAMING_SSE, part, part.len, &out) && !said)
        answer_fail(x, "a broken stream ends well", part, buf_peek(&out));
    check_frames(x, buf_peek(&out), !x->heard.failed);
    fold_release(&x->heard);
    buf_release(&out);
}

/* A stream of Chat has begun with its first choice when only others come: nobody sends that. */
static void answer_check(struct exchange *x, struct slice text, size_t cut)
{
    struct buf stream = {0}, again = {0}, whole = {0}, array = {0};
    bool good = run(x, FRAMING_SSE, text, text.len, &stream), comparable;

    check_frames(x, buf_peek(&stream), good);
    comparable = fold_calls_are_objects(&x->heard) && (x->heard.grammar.finished[0] & 1);
    fold_release(&x->heard);
    assert(run(x, FRAMING_BODY, text, text.len, &whole) == good);
    fold_release(&x->heard);
    if (good)
        answer_check_json(x, buf_peek(&whole));
    else
        assert(buf_len(&whole) == 0);
    if (good && comparable && !x->is_hostile)
        check_fold(x, buf_peek(&stream), buf_peek(&whole));
    if (x->client == DIALECT_GEMINI) {
        run(x, FRAMING_ARRAY, text, text.len, &array);
        fold_release(&x->heard);
        answer_check_json(x, buf_peek(&array));
    }
    if (x->is_stream) {
        assert(run(x, FRAMING_SSE, text, cut, &again) == good);
        fold_release(&x->heard);
        assert(slice_eq(buf_peek(&again), buf_peek(&stream)));
        check_broken(x, text, cut);
    }
    buf_release(&stream);
    buf_release(&again);
    buf_release(&whole);
    buf_release(&array);
}

#endif
