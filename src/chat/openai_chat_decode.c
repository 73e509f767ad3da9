/* openai_chat_decode.c - Chat Completions answers, read: chunks and whole bodies. */
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "chat/openai_chat_decoder.h"
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/scan.h"

struct slice openai_chat_decoder_str(struct openai_chat_decoder *d, size_t i, struct slice literal)
{
    struct slice inside = {0};

    if (json_string_plain(literal, &inside))
        return inside;
    buf_clear(&d->scratch[i]);
    if (!json_string_decode(literal, &d->scratch[i]))
        return (struct slice){0};
    return buf_peek(&d->scratch[i]);
}

void openai_chat_decoder_fail(struct openai_chat_decoder *d, enum err code, struct slice message,
                              const struct chat_sink *sink)
{
    struct chat_event ev = {
        .type = CHAT_ERROR, .error = {code, message}
    };

    if (d->ended)
        return;
    d->ended = true;
    chat_emit(sink, &ev);
}

/* What stands at the top of a payload. */
enum top {
    TOP_ID,
    TOP_MODEL,
    TOP_CREATED,
    TOP_CHOICES,
    TOP_USAGE,
    TOP_ERROR,
    TOP_OBJECT,
    TOP_TIER,
    TOP_X_GROQ,
    TOP_COUNT
};

static const struct json_want wants[TOP_COUNT] = {
    [TOP_ID] = {SLICE_INIT("id"),           false},
    [TOP_MODEL] = {SLICE_INIT("model"),        false},
    [TOP_CREATED] = {SLICE_INIT("created"),      false},
    [TOP_CHOICES] = {SLICE_INIT("choices"),      false},
    [TOP_USAGE] = {SLICE_INIT("usage"),        false},
    [TOP_ERROR] = {SLICE_INIT("error"),        false},
    [TOP_OBJECT] = {SLICE_INIT("object"),       false},
    [TOP_TIER] = {SLICE_INIT("service_tier"), false},
    [TOP_X_GROQ] = {SLICE_INIT("x_groq"),       false},
};

static void start(struct openai_chat_decoder *d, const struct slice *top,
                  const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_START};

    if (d->started)
        return;
    d->started = true;
    json_string_decode(top[TOP_ID], &d->id);
    ev.start.id = buf_peek(&d->id);
    ev.start.model = openai_chat_decoder_str(d, 0, top[TOP_MODEL]);
    if (!ev.start.model.len)
        ev.start.model = d->o.upstream_model;
    if (!json_int(top[TOP_CREATED], &ev.start.created_unix) || ev.start.created_unix <= 0)
        ev.start.created_unix = d->o.now_unix;
    chat_emit(sink, &ev);
}

/* Choices. */

/* `is_new`: it was not there before.  NULL for numbers beyond every n. */
static struct choice *choice_of(struct openai_chat_decoder *d, int64_t number, bool *is_new)
{
    struct choice *c;

    *is_new = false;
    for (size_t i = 0; i < d->choice_count; i++) {
        if (d->choices[i].number == number)
            return &d->choices[i];
    }
    if (number < 0 || number >= CHAT_MAX_CHOICES)
        return NULL;
    d->choices = realloc(d->choices, (d->choice_count + 1) * sizeof(struct choice));
    if (!d->choices)
        panic("out of memory: an answer's choices");
    c = &d->choices[d->choice_count++];
    *c = (struct choice){.number = (uint32_t)number, .detail = -1};
    *is_new = true;
    return c;
}

/* What vendors call the end (mapping.md, 3); what is not here is a stop. */
static const struct {
    struct slice name;
    enum chat_finish reason;
} reasons[] = {
    {SLICE_INIT("tool_calls"),     FINISH_TOOLS        },
    {SLICE_INIT("function_call"),  FINISH_TOOLS        },
    {SLICE_INIT("tool_use"),       FINISH_TOOLS        },
    {SLICE_INIT("length"),         FINISH_LENGTH       },
    {SLICE_INIT("max_tokens"),     FINISH_LENGTH       },
    {SLICE_INIT("model_length"),   FINISH_CONTEXT      },
    {SLICE_INIT("content_filter"), FINISH_FILTER       },
    {SLICE_INIT("sensitive"),      FINISH_FILTER       },
    {SLICE_INIT("stop_sequence"),  FINISH_STOP_SEQUENCE},
};

static enum chat_finish reason_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (slice_eq(reasons[i].name, name))
            return reasons[i].reason;
    }
    return FINISH_STOP;
}

/* The first reason counts: some say "stop" once more behind "tool_calls". */
static void take_reason(struct openai_chat_decoder *d, struct choice *c, struct slice literal,
                        const struct chat_sink *sink)
{
    struct slice name = openai_chat_decoder_str(d, 0, literal);

    if (!name.len)
        return;
    if (slice_eq(name, SLICE("error")) || slice_eq(name, SLICE("insufficient_system_resource"))) {
        openai_chat_decoder_fail(d, ERR_UPSTREAM_FAILED, SLICE(""), sink);
        return;
    }
    if (!c->finished)
        c->reason = reason_of(name);
    c->finished = true;
    openai_chat_decoder_close_all(d, c, sink);
}

static void take_error(struct openai_chat_decoder *d, struct slice error,
                       const struct chat_sink *sink)
{
    enum err code;

    buf_clear(&d->scratch[0]);
    code = openai_error_read(error, &d->scratch[0]);
    openai_chat_decoder_fail(d, code, buf_peek(&d->scratch[0]), sink);
}

static void take_choice(struct openai_chat_decoder *d, struct slice value, int64_t at, bool whole,
                        const struct chat_sink *sink)
{
    struct slice key, member, delta = {0}, message = {0}, reason = {0}, logprobs = {0};
    struct slice error = {0};
    struct peek p = peek_into(value);
    struct choice *c;
    bool is_new;

    while (peek_next(&p, &key, &member)) {
        if (slice_eq(key, SLICE("index")))
            json_int(member, &at);
        else if (slice_eq(key, SLICE("delta")))
            delta = member;
        else if (slice_eq(key, SLICE("message")))
            message = member;
        else if (slice_eq(key, SLICE("finish_reason")))
            reason = member;
        else if (slice_eq(key, SLICE("logprobs")) && json_is_object(member))
            logprobs = peek_get(member, SLICE("content"));
        else if (slice_eq(key, SLICE("error")))
            error = member;
    }
    c = choice_of(d, at, &is_new);
    if (!c)
        return;
    if (!json_is_array(logprobs) || peek_is_empty(logprobs))
        logprobs = (struct slice){0};
    if (json_is_object(delta))
        openai_chat_decoder_take_delta(d, c, delta, logprobs, whole, sink);
    else if (json_is_object(message) && (whole || is_new)) // some answer whole within a stream
        openai_chat_decoder_take_delta(d, c, message, logprobs, true, sink);
    if (!d->ended && !openai_error_is_none(error))
        take_error(d, error, sink);
    if (!d->ended)
        take_reason(d, c, reason, sink);
}

static bool all_finished(const struct openai_chat_decoder *d)
{
    for (size_t i = 0; i < d->choice_count; i++) {
        if (!d->choices[i].finished)
            return false;
    }
    return d->choice_count > 0;
}

/* Figures on every chunk are running ones. */
static void take_usage(struct openai_chat_decoder *d, struct slice usage, bool whole,
                       const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_USAGE};

    if (!usage_read_openai(usage, &ev.usage.usage))
        return;
    ev.usage.source = whole || all_finished(d) ? USAGE_UPSTREAM : USAGE_PARTIAL;
    ev.usage.tier = d->tier;
    ev.usage.served = d->served;
    chat_emit(sink, &ev);
}

static struct slice usage_in(const struct slice *top)
{
    if (json_is_object(top[TOP_USAGE]))
        return top[TOP_USAGE];
    return peek_get(top[TOP_X_GROQ], SLICE("usage"));
}

static void take_top(struct openai_chat_decoder *d, const struct slice *top, bool whole,
                     const struct chat_sink *sink)
{
    struct peek p = peek_into(json_is_array(top[TOP_CHOICES]) ? top[TOP_CHOICES] : SLICE(""));
    struct slice usage = usage_in(top), key, value;
    bool any = false;
    int64_t at = 0;

    if (json_is_string(top[TOP_TIER]))
        d->tier = openai_tier_parse(openai_chat_decoder_str(d, 0, top[TOP_TIER]));
    usage_read_tier(top[TOP_TIER], &d->served);
    while (!d->ended && peek_next(&p, &key, &value)) {
        if (!json_is_object(value))
            continue;
        any = true;
        start(d, top, sink);
        take_choice(d, value, at++, whole, sink);
    }
    if (whole && !any)
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN, SLICE("the answer has no choices"), sink);
    if (d->ended || !json_is_object(usage))
        return;
    start(d, top, sink);
    take_usage(d, usage, whole, sink);
}

/* Calls that are there win over a reason that says nothing of them, and the other way round. */
static enum chat_finish finish_of(const struct choice *c)
{
    bool is_stop = c->reason == FINISH_STOP || c->reason == FINISH_TOOLS;

    if (!c->finished || is_stop)
        return c->called ? FINISH_TOOLS : FINISH_STOP;
    return c->reason;
}

static void finish(struct openai_chat_decoder *d, const struct chat_sink *sink)
{
    struct chat_event end = {.type = CHAT_END};

    if (!d->choice_count) {
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN, SLICE("the answer has no choices"), sink);
        return;
    }
    for (size_t i = 0; i < d->choice_count; i++) {
        struct choice *c = &d->choices[i];
        struct chat_event ev = {.type = CHAT_FINISH, .choice = c->number};

        if (!openai_chat_decoder_close_all(d, c, sink))
            return;
        ev.finish.reason = finish_of(c);
        chat_emit(sink, &ev);
    }
    d->ended = true;
    chat_emit(sink, &end);
}

static void take_payload(struct openai_chat_decoder *d, struct slice payload, bool whole,
                         const struct chat_sink *sink)
{
    struct json_span spans[TOP_COUNT];
    struct slice top[TOP_COUNT];
    struct err_info e = {0};

    if (json_scan(payload, wants, TOP_COUNT, spans, &e) != ERR_NONE) {
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN,
                                 SLICE("the answer holds something that is not JSON"), sink);
        return;
    }
    for (size_t i = 0; i < TOP_COUNT; i++)
        top[i] = json_span_slice(payload, spans[i]);
    if (!openai_error_is_none(top[TOP_ERROR]))
        take_error(d, top[TOP_ERROR], sink);
    else if (slice_eq(top[TOP_OBJECT], SLICE("\"error\"")))
        take_error(d, payload, sink);
    else
        take_top(d, top, whole, sink);
}

void openai_chat_decoder_init(void *decoder, const struct codec_decode_options *o)
{
    struct openai_chat_decoder *d = decoder;

    *d = (struct openai_chat_decoder){.o = *o};
}

void openai_chat_decode(void *decoder, struct slice name, struct slice payload,
                        const struct chat_sink *sink)
{
    struct openai_chat_decoder *d = decoder;

    if (d->ended)
        return;
    payload = slice_trim_lines(payload); // some put blanks around it
    if (!payload.len)
        return;
    if (slice_eq(payload, SLICE("[DONE]"))) {
        finish(d, sink);
        return;
    }
    take_payload(d, payload, false, sink);
    if (!d->ended && slice_eq(name, SLICE("error"))) // whatever is in it
        take_error(d, payload, sink);
}

void openai_chat_decode_whole(void *decoder, struct slice body, const struct chat_sink *sink)
{
    struct openai_chat_decoder *d = decoder;

    if (d->ended)
        return;
    take_payload(d, slice_trim_lines(body), true, sink);
    if (!d->ended)
        finish(d, sink);
}

void openai_chat_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct openai_chat_decoder *d = decoder;

    if (d->ended)
        return;
    if (all_finished(d))
        finish(d, sink);
    else
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN, SLICE("the provider's stream ended early"),
                                 sink);
}

void openai_chat_decoder_release(void *decoder)
{
    struct openai_chat_decoder *d = decoder;

    for (size_t i = 0; i < d->choice_count; i++)
        openai_chat_decoder_release_calls(&d->choices[i]);
    free(d->choices);
    buf_release(&d->id);
    for (size_t i = 0; i < ARRAY_LEN(d->scratch); i++)
        buf_release(&d->scratch[i]);
    *d = (struct openai_chat_decoder){.ended = true};
}
