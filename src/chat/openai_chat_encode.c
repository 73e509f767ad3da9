/* openai_chat_encode.c - Chat Completions answers, written: chunks of a stream. */
#include <assert.h>
#include <stdlib.h>

#include "base/panic.h"
#include "chat/error.h"
#include "chat/openai_chat_encoder.h"
#include "chat/openai_shared.h"
#include "wire/sse.h"

/* State. */

static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 2;
    array = realloc(array, *cap * size);
    if (!array)
        panic("out of memory: an answer's parts");
    return array;
}

struct answer_choice *openai_chat_encoder_choice(struct openai_chat_encoder *x, uint32_t number)
{
    for (size_t i = 0; i < x->choice_count; i++) {
        if (x->choices[i].number == number)
            return &x->choices[i];
    }
    x->choices = grow(x->choices, x->choice_count, &x->choice_cap, sizeof(struct answer_choice));
    x->choices[x->choice_count] = (struct answer_choice){.number = number};
    return &x->choices[x->choice_count++];
}

struct answer_part *openai_chat_encoder_part_new(struct openai_chat_encoder *x,
                                                 const struct chat_event *ev)
{
    struct answer_part *part;

    assert(ev->index == x->part_count);
    x->parts = grow(x->parts, x->part_count, &x->part_cap, sizeof(struct answer_part));
    part = &x->parts[x->part_count++];
    *part = (struct answer_part){.kind = ev->open.kind, .custom = ev->open.custom};
    x->gathered += sizeof(struct answer_part);
    if (ev->open.kind == PART_CALL)
        part->number = openai_chat_encoder_choice(x, ev->choice)->calls++;
    else if (ev->open.kind == PART_REASONING)
        part->number = openai_chat_encoder_choice(x, ev->choice)->thoughts++;
    part->redacted = ev->open.reasoning == REASONING_REDACTED;
    return part;
}

void openai_chat_encoder_gather(struct openai_chat_encoder *x, struct buf *to,
                                struct chat_text text)
{
    size_t before = buf_len(to);

    text_append_escaped(to, text);
    x->gathered += buf_len(to) - before;
}

const char *openai_chat_encoder_finish_name(enum chat_finish reason)
{
    switch (reason) {
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_PAUSE: return "stop";
    case FINISH_TOOLS: return "tool_calls";
    case FINISH_LENGTH:
    case FINISH_CONTEXT: return "length";
    case FINISH_FILTER: return "content_filter";
    }
    return "stop";
}

void openai_chat_encoder_write_signature(struct json_writer *w, struct slice signature)
{
    if (!signature.len)
        return;
    json_key(w, SLICE("extra_content"));
    json_open_object(w);
    json_key(w, SLICE("google"));
    json_open_object(w);
    key_string(w, SLICE("thought_signature"), signature);
    json_close_object(w);
    json_close_object(w);
}

void openai_chat_encoder_write_citation(struct json_writer *w, const struct chat_event *ev)
{
    json_open_object(w);
    key_string(w, SLICE("type"), SLICE("url_citation"));
    json_key(w, SLICE("url_citation"));
    json_open_object(w);
    json_key(w, SLICE("start_index"));
    json_value_int(w, ev->cite.start < 0 ? 0 : ev->cite.start);
    json_key(w, SLICE("end_index"));
    json_value_int(w, ev->cite.end < 0 ? 0 : ev->cite.end);
    json_key(w, SLICE("title"));
    json_value_text(w, text_is_absent(ev->cite.title) ? text_plain(SLICE("")) : ev->cite.title);
    key_text(w, SLICE("url"), ev->cite.url);
    json_close_object(w);
    json_close_object(w);
}

/* Chunks. */

/* Up to the delta's first member: {"index":N,"delta":{ */
static struct json_writer open_chunk(struct openai_chat_encoder *x, uint32_t choice,
                                     struct buf *out)
{
    buf_append(out, buf_peek(&x->head));
    buf_append(out, SLICE("\"choices\":[{\"index\":"));
    buf_append_u64(out, choice);
    buf_append(out, SLICE(",\"delta\":{"));
    return (struct json_writer){.out = out};
}

static void close_chunk(struct openai_chat_encoder *x, struct slice logprobs, const char *reason,
                        struct buf *out)
{
    if (logprobs.len) {
        buf_append(out, SLICE("},\"logprobs\":{\"content\":"));
        buf_append(out, logprobs);
        buf_append(out, SLICE(",\"refusal\":null},\"finish_reason\":"));
    } else {
        buf_append(out, SLICE("},\"logprobs\":null,\"finish_reason\":"));
    }
    if (reason) {
        buf_append_byte(out, '"');
        buf_append_str(out, reason);
        buf_append_byte(out, '"');
    } else {
        buf_append(out, SLICE("null"));
    }
    buf_append(out, x->usage_wanted ? SLICE("}],\"usage\":null}\n\n") : SLICE("}]}\n\n"));
}

static void write_text(struct openai_chat_encoder *x, uint32_t choice, struct slice key,
                       struct chat_text text, struct slice logprobs, struct buf *out)
{
    struct json_writer w = open_chunk(x, choice, out);

    key_text(&w, key, text);
    close_chunk(x, logprobs, NULL, out);
}

/* A choice begins with its role. */
static struct answer_choice *begin(struct openai_chat_encoder *x, uint32_t number, struct buf *out)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, number);

    if (!c->begun) {
        open_chunk(x, number, out);
        buf_append(out, SLICE("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"));
        close_chunk(x, (struct slice){0}, NULL, out);
    }
    c->begun = true;
    return c;
}

/* Every chunk begins with the same: what came with START. */
static void write_head(struct openai_chat_encoder *x)
{
    struct json_writer w = {.out = &x->head};

    buf_append(&x->head, SLICE("data: "));
    json_open_object(&w);
    key_string(&w, SLICE("id"), slice_of(x->id, x->id_len));
    key_string(&w, SLICE("object"), SLICE("chat.completion.chunk"));
    json_key(&w, SLICE("created"));
    json_value_int(&w, x->created_unix);
    key_string(&w, SLICE("model"), x->o.model);
    buf_append_byte(&x->head, ',');
}

/* `index` stands first in a call's pieces. */
static struct json_writer open_call(struct openai_chat_encoder *x, uint32_t choice, size_t number,
                                    struct buf *out)
{
    struct json_writer w = open_chunk(x, choice, out);

    json_key(&w, SLICE("tool_calls"));
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, SLICE("index"));
    json_value_int(&w, (int64_t)number);
    return w;
}

static void close_call(struct openai_chat_encoder *x, struct json_writer *w, struct buf *out)
{
    json_close_object(w);
    json_close_array(w);
    close_chunk(x, (struct slice){0}, NULL, out);
}

static void begin_call(struct openai_chat_encoder *x, const struct chat_event *ev, size_t number,
                       struct slice signature, struct buf *out)
{
    struct json_writer w = open_call(x, ev->choice, number, out);
    struct slice type = ev->open.custom ? SLICE("custom") : SLICE("function");

    key_string(&w, SLICE("id"), ev->open.call_id);
    key_string(&w, SLICE("type"), type);
    json_key(&w, type);
    json_open_object(&w);
    key_string(&w, SLICE("name"), ev->open.tool);
    key_string(&w, ev->open.custom ? SLICE("input") : SLICE("arguments"), SLICE(""));
    json_close_object(&w);
    openai_chat_encoder_write_signature(&w, signature);
    close_call(x, &w, out);
}

static void write_arguments(struct openai_chat_encoder *x, uint32_t choice,
                            const struct answer_part *part, struct chat_text text, struct buf *out)
{
    struct json_writer w = open_call(x, choice, part->number, out);

    json_key(&w, part->custom ? SLICE("custom") : SLICE("function"));
    json_open_object(&w);
    key_text(&w, part->custom ? SLICE("input") : SLICE("arguments"), text);
    json_close_object(&w);
    close_call(x, &w, out);
}

/* Events. */

static void take_open(struct openai_chat_encoder *x, const struct chat_event *ev, struct buf *out)
{
    struct answer_choice *c = begin(x, ev->choice, out);
    struct answer_part *part = openai_chat_encoder_part_new(x, ev);

    if (ev->open.kind == PART_CALL)
        begin_call(x, ev, part->number, buf_peek(&c->signature), out);
    else if (ev->open.kind == PART_REFUSAL)
        c->refused = true;
    if (ev->open.kind == PART_IMAGE)
        openai_chat_encoder_open_image(x, part, ev->open.mime);
    if (ev->open.kind != PART_REASONING)
        buf_clear(&c->signature);
}

static void take_delta(struct openai_chat_encoder *x, const struct chat_event *ev, struct buf *out)
{
    struct answer_part *part = &x->parts[ev->index];
    struct slice none = {0};

    part->said = true;
    switch (part->kind) {
    case PART_TEXT:
        write_text(x, ev->choice, SLICE("content"), ev->delta.text, ev->delta.logprobs, out);
        break;
    case PART_REASONING:
        write_text(x, ev->choice, SLICE("reasoning_content"), ev->delta.text, none, out);
        break;
    case PART_REFUSAL:
        write_text(x, ev->choice, SLICE("refusal"), ev->delta.text, none, out);
        break;
    case PART_CALL: write_arguments(x, ev->choice, part, ev->delta.text, out); break;
    case PART_IMAGE: openai_chat_encoder_gather(x, &part->gathered, ev->delta.text); break;
    case PART_SEARCH: break;
    }
}

void openai_chat_encoder_open_image(struct openai_chat_encoder *x, struct answer_part *part,
                                    struct slice mime)
{
    openai_chat_encoder_gather(x, &part->gathered, text_plain(mime));
    openai_chat_encoder_gather(x, &part->gathered, text_plain(SLICE(";base64,")));
}

static void write_image(struct openai_chat_encoder *x, const struct chat_event *ev,
                        const struct answer_part *part, struct buf *out)
{
    struct json_writer w = open_chunk(x, ev->choice, out);

    json_key(&w, SLICE("images"));
    json_open_array(&w);
    openai_chat_encoder_write_image(&w, buf_peek(&part->gathered));
    json_close_array(&w);
    close_chunk(x, (struct slice){0}, NULL, out);
}

/* The text has gone by reasoning_content already. */
static void write_secret(struct openai_chat_encoder *x, const struct chat_event *ev,
                         const struct answer_part *part, struct buf *out)
{
    struct json_writer w = open_chunk(x, ev->choice, out);
    struct chat_thought_detail detail = {
        .vendor = ev->close.vendor,
        .redacted = part->redacted && !part->said,
        .secret = ev->close.secret,
        .id = ev->close.id,
        .index = part->number,
    };

    json_key(&w, SLICE("reasoning_details"));
    json_open_array(&w);
    openai_chat_detail_write(&w, &detail);
    json_close_array(&w);
    close_chunk(x, (struct slice){0}, NULL, out);
}

static void take_close(struct openai_chat_encoder *x, const struct chat_event *ev, struct buf *out)
{
    struct answer_part *part = &x->parts[ev->index];

    switch (part->kind) {
    case PART_REASONING:
        openai_chat_encoder_keep_signature(x, ev);
        if (ev->close.secret.len)
            write_secret(x, ev, part, out);
        break;
    case PART_CALL:
        if (!part->said && !part->custom)
            write_arguments(x, ev->choice, part, text_plain(SLICE("{}")), out);
        break;
    case PART_IMAGE: write_image(x, ev, part, out); break;
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_SEARCH: break;
    }
    x->gathered -= buf_len(&part->gathered);
    buf_release(&part->gathered);
}

static void take_finish(struct openai_chat_encoder *x, const struct chat_event *ev, struct buf *out)
{
    struct answer_choice *c = begin(x, ev->choice, out);

    if (!text_is_empty(ev->finish.explanation) && !c->refused)
        write_text(x, ev->choice, SLICE("refusal"), ev->finish.explanation, (struct slice){0}, out);
    if (buf_len(&c->annotations)) {
        open_chunk(x, ev->choice, out);
        buf_append(out, SLICE("\"annotations\":["));
        buf_append(out, buf_peek(&c->annotations));
        buf_append_byte(out, ']');
        close_chunk(x, (struct slice){0}, NULL, out);
    }
    open_chunk(x, ev->choice, out);
    close_chunk(x, (struct slice){0}, openai_chat_encoder_finish_name(ev->finish.reason), out);
}

static void take_end(struct openai_chat_encoder *x, struct buf *out)
{
    struct json_writer w = {.out = out};

    if (x->usage_wanted && x->has_usage) {
        buf_append(out, buf_peek(&x->head));
        if (x->tier != TIER_UNSET) // upstream says it last
            buf_printf(out, "\"service_tier\":\"%s\",", openai_tier_name(x->tier));
        buf_append(out, SLICE("\"choices\":[],\"usage\":"));
        openai_chat_usage_write(&w, &x->usage);
        buf_append(out, SLICE("}\n\n"));
    }
    buf_append(out, SLICE("data: [DONE]\n\n"));
}

static void take_error(const struct chat_event *ev, struct buf *out)
{
    struct err_info e = {0};

    if (ev->error.message.len)
        err_set(&e, ev->error.code, "%.*s", SLICE_ARG(ev->error.message));
    else
        e.code = ev->error.code;
    error_write_stream(DIALECT_OPENAI_CHAT, FRAMING_SSE, &e, SLICE(""), false, out);
}

static void encode_stream(struct openai_chat_encoder *x, const struct chat_event *ev,
                          struct buf *out)
{
    switch (ev->type) {
    case CHAT_START:
        write_head(x);
        begin(x, 0, out);
        break;
    case CHAT_OPEN: take_open(x, ev, out); break;
    case CHAT_DELTA: take_delta(x, ev, out); break;
    case CHAT_CLOSE: take_close(x, ev, out); break;
    case CHAT_CITE: openai_chat_encoder_take_citation(x, ev); break;
    case CHAT_USAGE: break;
    case CHAT_PING: sse_write_keep_alive(out); break;
    case CHAT_FINISH: take_finish(x, ev, out); break;
    case CHAT_END: take_end(x, out); break;
    case CHAT_ERROR: take_error(ev, out); break;
    }
}

/* What both ways of writing keep. */

void openai_chat_encoder_keep_signature(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);

    buf_clear(&c->signature);
    if (ev->close.vendor == VENDOR_GEMINI)
        buf_append(&c->signature, ev->close.secret);
}

void openai_chat_encoder_take_citation(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);
    struct json_writer w = {.out = &c->annotations, .comma = buf_len(&c->annotations) != 0};
    size_t before = buf_len(&c->annotations);

    if (text_is_empty(ev->cite.url))
        return;
    openai_chat_encoder_write_citation(&w, ev);
    x->gathered += buf_len(&c->annotations) - before;
}

void openai_chat_encoder_write_image(struct json_writer *w, struct slice gathered)
{
    json_open_object(w);
    key_string(w, SLICE("type"), SLICE("image_url"));
    json_key(w, SLICE("image_url"));
    json_open_object(w);
    json_key(w, SLICE("url"));
    buf_append(w->out, SLICE("\"data:"));
    buf_append(w->out, gathered);
    buf_append_byte(w->out, '"');
    json_close_object(w);
    json_close_object(w);
}

static void keep_start(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct slice id = chat_id_keep_or_make(x->id, SLICE("chatcmpl-"), 29, ev->start.id, x->o.id);

    x->id_len = id.len;
    x->created_unix = ev->start.created_unix ? ev->start.created_unix : x->o.now_unix;
}

void openai_chat_encoder_init(void *encoder, const struct codec_encode_options *o)
{
    struct openai_chat_encoder *x = encoder;

    *x = (struct openai_chat_encoder){.o = *o};
    x->usage_wanted = o->request && o->request->include_usage;
}

bool openai_chat_encode(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct openai_chat_encoder *x = encoder;

    if (ev->type == CHAT_START)
        keep_start(x, ev);
    if (ev->type == CHAT_USAGE) {
        x->usage = ev->usage.usage;
        x->has_usage = true;
        x->tier = ev->usage.tier;
    }
    if (x->o.framing == FRAMING_BODY)
        openai_chat_encode_whole(x, ev, out);
    else
        encode_stream(x, ev, out);
    return !x->o.limit_bytes || x->gathered <= x->o.limit_bytes;
}

void openai_chat_encoder_release(void *encoder)
{
    struct openai_chat_encoder *x = encoder;

    for (size_t i = 0; i < x->part_count; i++)
        buf_release(&x->parts[i].gathered);
    for (size_t i = 0; i < x->choice_count; i++)
        openai_chat_encoder_choice_release(&x->choices[i]);
    free(x->parts);
    free(x->choices);
    buf_release(&x->head);
    *x = (struct openai_chat_encoder){0};
}
