/* anthropic_decode.c - answers in Anthropic's Messages, streamed or whole, into events. */
#include "base/array.h"
#include "chat/anthropic_inside.h"
#include "chat/ids.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/scan.h"

/* Top-level keys of events and of whole answers. */
enum key {
    KEY_TYPE,
    KEY_ERROR,
    KEY_USAGE,
    KEY_INDEX,
    KEY_DELTA,
    KEY_BLOCK,
    KEY_MESSAGE,
    KEY_ID,
    KEY_MODEL,
    KEY_CONTENT,
    KEY_STOP_REASON,
    KEY_STOP_SEQUENCE,
    KEY_STOP_DETAILS,
    KEY_CONTAINER,
    KEY_COUNT
};

static const struct json_want wants[KEY_COUNT] = {
    {SLICE_INIT("type"),          false},
    {SLICE_INIT("error"),         false},
    {SLICE_INIT("usage"),         false},
    {SLICE_INIT("index"),         false},
    {SLICE_INIT("delta"),         false},
    {SLICE_INIT("content_block"), false},
    {SLICE_INIT("message"),       false},
    {SLICE_INIT("id"),            false},
    {SLICE_INIT("model"),         false},
    {SLICE_INIT("content"),       false},
    {SLICE_INIT("stop_reason"),   false},
    {SLICE_INIT("stop_sequence"), false},
    {SLICE_INIT("stop_details"),  false},
    {SLICE_INIT("container"),     false},
};

/* Raw values; NULL pointers where there is none. */
struct payload {
    struct slice of[KEY_COUNT];
};

struct finish {
    struct slice reason, sequence, details; // raw
};

void anthropic_decoder_init(void *decoder, const struct codec_decode_options *o)
{
    struct anthropic_decoder *d = decoder;

    d->o = *o;
}

void anthropic_decoder_release(void *decoder)
{
    struct anthropic_decoder *d = decoder;

    for (size_t i = 0; i < ARRAY_LEN(d->open); i++)
        buf_release(&d->open[i].held);
    for (size_t i = 0; i < ARRAY_LEN(d->scratch); i++)
        buf_release(&d->scratch[i]);
    anthropic_kept_release(&d->kept);
}

/* Nothing follows END or ERROR, wherever in a payload that came. */
void anthropic_emit(struct anthropic_decoder *d, const struct chat_event *ev,
                    const struct chat_sink *sink)
{
    if (d->ended)
        return;
    d->ended = ev->type == CHAT_END || ev->type == CHAT_ERROR;
    chat_emit(sink, ev);
}

static void fail(struct anthropic_decoder *d, enum err code, struct slice message,
                 const struct chat_sink *sink)
{
    anthropic_emit(d,
                   &(struct chat_event){
                       .type = CHAT_ERROR, .error = {.code = code, .message = message}
    },
                   sink);
}

void anthropic_fail(struct anthropic_decoder *d, struct slice message, const struct chat_sink *sink)
{
    fail(d, ERR_UPSTREAM_BROKEN, message, sink);
}

/* What a literal stands for: borrowed, or decoded into `scratch`.  Empty for other values. */
struct slice anthropic_string_of(struct slice literal, struct buf *scratch)
{
    struct slice inside = {0};

    if (json_string_plain(literal, &inside))
        return inside;
    buf_clear(scratch);
    json_string_decode(literal, scratch);
    return buf_peek(scratch);
}

/* What stands between the quotes: types and the like, which nobody escapes. */
struct slice anthropic_word_of(struct slice literal)
{
    struct slice inside = {0};

    json_string_plain(literal, &inside);
    return inside;
}

static void begin(struct anthropic_decoder *d, struct slice id, struct slice model,
                  const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_START};

    if (d->started)
        return;
    d->started = true;
    ev.start.id = anthropic_string_of(id, &d->scratch[0]);
    ev.start.model = anthropic_string_of(model, &d->scratch[1]);
    if (!ev.start.model.len)
        ev.start.model = d->o.upstream_model;
    anthropic_emit(d, &ev, sink);
}

static enum chat_tier tier_of(struct slice word)
{
    if (slice_eq(word, SLICE("standard")))
        return TIER_DEFAULT;
    if (slice_eq(word, SLICE("priority")))
        return TIER_PRIORITY;
    return slice_eq(word, SLICE("batch")) ? TIER_FLEX : TIER_UNSET;
}

static void hear_usage(struct anthropic_decoder *d, struct slice usage, enum usage_source source,
                       const struct chat_sink *sink)
{
    enum chat_tier tier = tier_of(anthropic_word_of(peek_get(usage, SLICE("service_tier"))));
    struct chat_event ev = {.type = CHAT_USAGE};

    if (tier)
        d->tier = tier;
    usage_read_anthropic_tier(usage, &d->served);
    if (!usage_read_anthropic(usage, &d->usage))
        return;
    ev.usage.usage = d->usage;
    ev.usage.source = source;
    ev.usage.tier = d->tier;
    ev.usage.served = d->served;
    anthropic_emit(d, &ev, sink);
}

/* Whatever the vendor calls it: where a client's tool was called, that is why it stopped. */
static enum chat_finish finish_of(const struct anthropic_decoder *d, struct slice word)
{
    static const struct {
        struct slice word;
        enum chat_finish finish;
    } reasons[] = {
        {SLICE_INIT("stop_sequence"),                 FINISH_STOP_SEQUENCE},
        {SLICE_INIT("max_tokens"),                    FINISH_LENGTH       },
        {SLICE_INIT("model_context_window_exceeded"), FINISH_CONTEXT      },
        {SLICE_INIT("refusal"),                       FINISH_FILTER       },
        {SLICE_INIT("pause_turn"),                    FINISH_PAUSE        },
    };
    enum chat_finish finish = FINISH_STOP; // end_turn, tool_use, and what is unknown

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (slice_eq(word, reasons[i].word))
            finish = reasons[i].finish;
    }
    if (d->called &&
        (finish == FINISH_STOP || finish == FINISH_STOP_SEQUENCE || finish == FINISH_PAUSE))
        return FINISH_TOOLS;
    return finish;
}

static void finish(struct anthropic_decoder *d, const struct finish *f,
                   const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_FINISH};

    if (d->finished)
        return;
    anthropic_blocks_close(d, sink);
    d->finished = true;
    ev.finish.reason = finish_of(d, anthropic_word_of(f->reason));
    if (ev.finish.reason == FINISH_FILTER)
        ev.finish.explanation = text_of_literal(peek_get(f->details, SLICE("explanation")));
    if (ev.finish.reason == FINISH_STOP_SEQUENCE)
        ev.finish.sequence = text_of_literal(f->sequence);
    if (ev.finish.reason == FINISH_PAUSE && d->o.resumable)
        ev.finish.resume = anthropic_kept_answer(&d->kept);
    ev.finish.characters = d->characters;
    anthropic_emit(d, &ev, sink);
}

static void end(struct anthropic_decoder *d, const struct chat_sink *sink)
{
    if (!d->finished && !d->parts) {
        anthropic_fail(d, SLICE("the answer ends without content and without a stop_reason"), sink);
        return;
    }
    finish(d, &(struct finish){0}, sink);
    anthropic_emit(d, &(struct chat_event){.type = CHAT_END}, sink);
}

static enum err error_of(struct slice type)
{
    static const struct {
        struct slice type;
        enum err code;
    } errors[] = {
        {SLICE_INIT("rate_limit_error"),      ERR_UPSTREAM_BUSY   },
        {SLICE_INIT("invalid_request_error"), ERR_UPSTREAM_REFUSED},
        {SLICE_INIT("request_too_large"),     ERR_UPSTREAM_REFUSED},
        {SLICE_INIT("not_found_error"),       ERR_UPSTREAM_REFUSED},
        {SLICE_INIT("authentication_error"),  ERR_UPSTREAM_KEY    },
        {SLICE_INIT("permission_error"),      ERR_UPSTREAM_KEY    },
        {SLICE_INIT("billing_error"),         ERR_UPSTREAM_BILLING},
        {SLICE_INIT("timeout_error"),         ERR_UPSTREAM_TIMEOUT},
        {SLICE_INIT("overloaded_error"),      ERR_UPSTREAM_FULL   },
    };

    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (slice_eq(type, errors[i].type))
            return errors[i].code;
    }
    return ERR_UPSTREAM_FAILED; // api_error, what is unknown
}

static void hear_error(struct anthropic_decoder *d, struct slice error,
                       const struct chat_sink *sink)
{
    struct slice message = json_is_string(error) ? error : peek_get(error, SLICE("message"));

    fail(d, error_of(anthropic_word_of(peek_get(error, SLICE("type")))),
         anthropic_string_of(message, &d->scratch[0]), sink);
}

static bool begins_object(struct slice text)
{
    size_t i = 0;

    while (i < text.len && (unsigned char)text.ptr[i] <= ' ')
        i++;
    return i < text.len && text.ptr[i] == '{';
}

/* False after an ERROR: the payload is no JSON object, or it is an error. */
static bool payload_read(struct anthropic_decoder *d, struct slice text, struct payload *out,
                         const struct chat_sink *sink)
{
    struct json_span spans[KEY_COUNT];
    struct err_info e = {0};
    bool is_error;

    if (json_scan(text, wants, KEY_COUNT, spans, &e) != ERR_NONE || !begins_object(text)) {
        anthropic_fail(d, SLICE("the answer is not made of JSON objects"), sink);
        return false;
    }
    for (size_t i = 0; i < KEY_COUNT; i++)
        out->of[i] = json_span_slice(text, spans[i]);
    is_error = json_is_object(out->of[KEY_ERROR]) || json_is_string(out->of[KEY_ERROR]) ||
               slice_eq(anthropic_word_of(out->of[KEY_TYPE]), SLICE("error"));
    if (is_error)
        hear_error(d, out->of[KEY_ERROR], sink);
    return !is_error;
}

/* Numbers are cumulative and replace what was said; a stop_reason comes once. */
static void hear_message_delta(struct anthropic_decoder *d, const struct payload *p,
                               const struct chat_sink *sink)
{
    struct slice delta = p->of[KEY_DELTA];
    struct finish f = {
        .reason = peek_get(delta, SLICE("stop_reason")),
        .sequence = peek_get(delta, SLICE("stop_sequence")),
        .details = peek_get(delta, SLICE("stop_details")),
    };
    bool is_last = d->finished || json_is_string(f.reason);

    if (d->o.resumable)
        anthropic_keep_container(&d->kept, peek_get(delta, SLICE("container")));
    hear_usage(d, p->of[KEY_USAGE], is_last ? USAGE_UPSTREAM : USAGE_PARTIAL, sink);
    if (is_last)
        finish(d, &f, sink);
}

/* Of an answer that may have to go back as it came. */
static void keep(struct anthropic_kept *k, int64_t upstream, struct slice type,
                 const struct payload *p)
{
    if (slice_eq(type, SLICE("content_block_delta")))
        anthropic_keep_delta(k, upstream, p->of[KEY_DELTA]);
    else if (slice_eq(type, SLICE("content_block_start")))
        anthropic_keep_open(k, upstream, p->of[KEY_BLOCK]);
    else
        anthropic_keep_stop(k);
}

static void hear_block(struct anthropic_decoder *d, struct slice type, const struct payload *p,
                       const struct chat_sink *sink)
{
    int64_t upstream = 0;

    json_int(p->of[KEY_INDEX], &upstream);
    if (d->o.resumable)
        keep(&d->kept, upstream, type, p);
    if (slice_eq(type, SLICE("content_block_delta"))) {
        anthropic_block_delta(d, upstream, p->of[KEY_DELTA], sink);
    } else if (slice_eq(type, SLICE("content_block_start"))) {
        anthropic_block_open(d, upstream, p->of[KEY_BLOCK], sink);
    } else {
        anthropic_block_stop(d, upstream, sink);
    }
}

static void hear_start(struct anthropic_decoder *d, struct slice message,
                       const struct chat_sink *sink)
{
    if (d->o.resumable)
        anthropic_keep_container(&d->kept, peek_get(message, SLICE("container")));
    begin(d, peek_get(message, SLICE("id")), peek_get(message, SLICE("model")), sink);
    hear_usage(d, peek_get(message, SLICE("usage")), USAGE_PARTIAL, sink);
}

void anthropic_decode(void *decoder, struct slice name, struct slice text,
                      const struct chat_sink *sink)
{
    struct slice none = {0}, type;
    struct anthropic_decoder *d = decoder;
    struct payload p;

    if (d->ended || !text.len || slice_eq(text, SLICE("[DONE]")) ||
        !payload_read(d, text, &p, sink))
        return;
    type = anthropic_word_of(p.of[KEY_TYPE]);
    if (!type.len)
        type = name;
    if (slice_eq(type, SLICE("ping"))) {
        if (d->started)
            anthropic_emit(d, &(struct chat_event){.type = CHAT_PING}, sink);
    } else if (slice_eq(type, SLICE("message_start"))) {
        hear_start(d, p.of[KEY_MESSAGE], sink);
    } else if (slice_starts(type, SLICE("content_block_"))) {
        begin(d, none, none, sink);
        if (!d->finished)
            hear_block(d, type, &p, sink);
    } else if (slice_eq(type, SLICE("message_delta"))) {
        begin(d, none, none, sink);
        hear_message_delta(d, &p, sink);
    } else if (slice_eq(type, SLICE("message_stop"))) {
        begin(d, none, none, sink);
        end(d, sink);
    }
}

void anthropic_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct anthropic_decoder *d = decoder;

    if (d->ended)
        return;
    if (d->finished)
        end(d, sink);
    else
        anthropic_fail(d, SLICE("the stream ended early"), sink);
}

void anthropic_decode_whole(void *decoder, struct slice body, const struct chat_sink *sink)
{
    struct anthropic_decoder *d = decoder;
    struct slice key, block;
    struct payload p;
    struct peek blocks;

    if (d->ended || !payload_read(d, body, &p, sink))
        return;
    if (!json_is_array(p.of[KEY_CONTENT])) {
        anthropic_fail(d, SLICE("the answer has no content"), sink);
        return;
    }
    begin(d, p.of[KEY_ID], p.of[KEY_MODEL], sink);
    hear_usage(d, p.of[KEY_USAGE], USAGE_UPSTREAM, sink);
    blocks = peek_into(p.of[KEY_CONTENT]);
    if (d->o.resumable)
        anthropic_keep_container(&d->kept, p.of[KEY_CONTAINER]);
    while (!d->ended && peek_next(&blocks, &key, &block)) {
        if (d->o.resumable)
            anthropic_keep_block(&d->kept, block);
        anthropic_block_open(d, 0, block, sink);
        anthropic_blocks_close(d, sink);
    }
    if (json_is_string(p.of[KEY_STOP_REASON]))
        finish(d,
               &(struct finish){p.of[KEY_STOP_REASON], p.of[KEY_STOP_SEQUENCE],
                                p.of[KEY_STOP_DETAILS]},
               sink);
    end(d, sink);
}
