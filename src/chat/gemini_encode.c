/* gemini_encode.c - an answer's events as those of generateContent. */
#include "chat/gemini_encode.h"

#include "chat/error.h"
#include "chat/gemini_inside.h"
#include "wire/sse.h"
#include "json/scan.h"

#define PART_BYTES ((size_t)256) // what a part that is gathered costs beside its text

static bool is_stream(const struct gemini_encoder *e)
{
    return e->options.framing != FRAMING_BODY;
}

/* Chunks. */

void gemini_begin_chunk(struct gemini_encoder *e, struct buf *out)
{
    if (e->options.framing == FRAMING_ARRAY)
        buf_append(out, e->wrote ? SLICE(",\r\n") : SLICE("["));
    else if (e->options.framing == FRAMING_SSE)
        buf_append(out, SLICE("data: "));
    e->wrote = true;
}

void gemini_end_chunk(struct gemini_encoder *e, struct buf *out)
{
    if (e->options.framing == FRAMING_SSE)
        buf_append(out, SLICE("\r\n\r\n"));
}

static void begin_part(struct gemini_encoder *e, struct buf *out)
{
    gemini_begin_chunk(e, out);
    buf_append(out, SLICE("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["));
}

static void end_part(struct gemini_encoder *e, const struct gemini_out_choice *c,
                     struct slice logprobs, struct buf *out)
{
    buf_append(out, SLICE("]}"));
    if (logprobs.len) {
        buf_append(out, SLICE(",\"logprobsResult\":"));
        buf_append(out, logprobs);
    }
    buf_append(out, SLICE(",\"index\":"));
    buf_append_u64(out, c->number);
    buf_append(out, SLICE("}]"));
    buf_append(out, buf_peek(&e->tail));
    gemini_end_chunk(e, out);
}

static void write_delta(struct gemini_encoder *e, const struct gemini_out_choice *c, bool thought,
                        const struct chat_event *ev, struct buf *out)
{
    buf_clear(&e->scratch);
    if (ev->delta.logprobs.len)
        gemini_logprobs_from_chat(ev->delta.logprobs, &e->scratch);
    begin_part(e, out);
    buf_append(out, SLICE("{\"text\":\""));
    text_append_escaped(out, ev->delta.text);
    buf_append(out, thought ? SLICE("\",\"thought\":true}") : SLICE("\"}"));
    end_part(e, c, buf_peek(&e->scratch), out);
}

static void write_whole(struct gemini_encoder *e, struct gemini_out_choice *c,
                        const struct gemini_out_part *part, struct buf *out)
{
    begin_part(e, out);
    gemini_write_out_part(e, part, buf_peek(&c->secret), out);
    end_part(e, c, SLICE(""), out);
    buf_clear(&c->secret);
}

/* A secret that another one follows, before there was a call to carry it. */
static void flush_secret(struct gemini_encoder *e, struct gemini_out_choice *c, struct buf *out)
{
    static const struct gemini_out_part empty = {.kind = PART_TEXT};

    if (buf_len(&c->secret))
        write_whole(e, c, &empty, out);
}

/* Choices and parts. */

static bool spend(struct gemini_encoder *e, size_t bytes)
{
    e->gathered += bytes;
    return !e->options.limit_bytes || e->gathered <= e->options.limit_bytes;
}

static struct gemini_out_choice *choice_of(struct gemini_encoder *e, uint32_t number)
{
    struct gemini_out_choice *c;

    if (number >= GEMINI_OUT_CHOICES)
        return NULL;
    if (!e->choices[number]) {
        c = e->choices[number] = arena_new(&e->arena, struct gemini_out_choice);
        c->number = number;
        list_init(&c->parts);
    }
    return e->choices[number];
}

static struct gemini_out_part *part_new(struct gemini_encoder *e)
{
    struct gemini_out_part *part;

    if (list_is_empty(&e->spare))
        return arena_new(&e->arena, struct gemini_out_part);
    part = list_entry(e->spare.next, struct gemini_out_part, link);
    list_remove(&part->link);
    return part;
}

/* Its memory is for the next one. */
static void part_done(struct gemini_encoder *e, struct gemini_out_part *part)
{
    list_remove(&part->link);
    buf_clear(&part->text);
    buf_clear(&part->id);
    buf_clear(&part->tool);
    buf_clear(&part->secret);
    part->broken = false;
    list_push_back(&e->spare, &part->link);
}

/* The newest first: parts seldom interleave. */
static struct gemini_out_part *part_find(struct gemini_encoder *e, uint32_t index)
{
    for (struct list *at = e->open.prev; at != &e->open; at = at->prev) {
        struct gemini_out_part *part = list_entry(at, struct gemini_out_part, by_open);
        if (part->index == index)
            return part;
    }
    return NULL;
}

static bool take_open(struct gemini_encoder *e, struct gemini_out_choice *c,
                      const struct chat_event *ev, struct buf *out)
{
    struct gemini_out_part *part;

    if (++e->open_count > GEMINI_OUT_OPEN || !spend(e, is_stream(e) ? 0 : PART_BYTES))
        return false;
    if (is_stream(e) && ev->open.kind == PART_REASONING)
        flush_secret(e, c, out);
    part = part_new(e);
    part->index = ev->index;
    part->kind = ev->open.kind;
    part->custom = ev->open.custom;
    part->reasoning = ev->open.reasoning;
    part->at_bytes = c->offsets.bytes;
    buf_append(&part->id, ev->open.call_id);
    buf_append(&part->tool, ev->open.kind == PART_IMAGE ? ev->open.mime : ev->open.tool);
    list_push_back(&c->parts, &part->link);
    list_push_back(&e->open, &part->by_open);
    c->has_parts = true;
    return true;
}

/* "[a,b]" as "a,b". */
static bool gather_logprobs(struct gemini_encoder *e, struct gemini_out_choice *c,
                            struct slice list)
{
    if (list.len < 3 || list.ptr[0] != '[')
        return true;
    if (buf_len(&c->logprobs))
        buf_append_byte(&c->logprobs, ',');
    buf_append(&c->logprobs, slice_sub(list, 1, list.len - 2));
    return spend(e, list.len);
}

static bool take_delta(struct gemini_encoder *e, struct gemini_out_choice *c,
                       const struct chat_event *ev, struct buf *out)
{
    struct gemini_out_part *part = part_find(e, ev->index);

    if (!part)
        return true;
    if (part->kind == PART_TEXT)
        gemini_offsets_add(&c->offsets, ev->delta.text);
    if (is_stream(e) &&
        (part->kind == PART_TEXT || part->kind == PART_REASONING || part->kind == PART_REFUSAL)) {
        write_delta(e, c, part->kind == PART_REASONING, ev, out);
        return true;
    }
    text_append_escaped(&part->text, ev->delta.text);
    return spend(e, ev->delta.text.s.len) &&
           (is_stream(e) || gather_logprobs(e, c, ev->delta.logprobs));
}

/* Google's own as it is, others' in an envelope. */
static void write_secret(struct gemini_encoder *e, const struct gemini_out_part *part,
                         const struct chat_event *ev, struct buf *out)
{
    struct chat_reasoning reasoning = {.kind = part->reasoning,

                                       .secret = ev->close.secret,
                                       .vendor = ev->close.vendor,
                                       .id = ev->close.id};

    buf_clear(out);
    if (ev->close.vendor == VENDOR_GEMINI)
        buf_append(out, ev->close.secret);
    else if (e->options.seal)
        envelope_write_base64(e->options.seal, &reasoning, out);
}

static bool is_object(struct gemini_encoder *e, const struct gemini_out_part *part)
{
    struct err_info ignored = {0};
    struct slice text;

    if (part->custom)
        return true; // goes into an object of its own
    buf_clear(&e->scratch);
    text_append_plain(&e->scratch, (struct chat_text){buf_peek(&part->text), true});
    text = buf_peek(&e->scratch);
    while (text.len && (unsigned char)text.ptr[0] <= ' ')
        text = slice_after(text, 1);
    return !text.len ||
           (json_is_object(text) && json_scan(text, NULL, 0, NULL, &ignored) == ERR_NONE);
}

static void take_search(struct gemini_out_choice *c, const struct gemini_out_part *part)
{
    if (buf_len(&c->searches))
        buf_append_byte(&c->searches, ',');
    buf_append_byte(&c->searches, '"');
    buf_append(&c->searches, buf_peek(&part->text));
    buf_append_byte(&c->searches, '"');
}

/* Arguments that are no object wait for the reason: if the answer was cut, so were they. */
static void take_close(struct gemini_encoder *e, struct gemini_out_choice *c,
                       const struct chat_event *ev, struct buf *out)
{
    struct gemini_out_part *part = part_find(e, ev->index);

    if (!part)
        return;
    list_remove(&part->by_open);
    e->open_count--;
    if (part->kind == PART_REASONING && ev->close.secret.len)
        write_secret(e, part, ev, is_stream(e) ? &c->secret : &part->secret);
    part->broken = part->kind == PART_CALL && !is_object(e, part);
    if (part->kind == PART_SEARCH)
        take_search(c, part);
    else if (!is_stream(e) || part->broken)
        return;
    else if (part->kind == PART_CALL || part->kind == PART_IMAGE)
        write_whole(e, c, part, out);
    part_done(e, part);
}

static bool take_cite(struct gemini_encoder *e, struct gemini_out_choice *c,
                      const struct chat_event *ev)
{
    const struct gemini_out_cite cite = {ev->cite.start, ev->cite.end};
    struct json_writer w = {.out = &c->chunks, .comma = buf_len(&c->chunks) > 0};

    if (text_is_empty(ev->cite.url) || buf_len(&c->cites) / sizeof(cite) >= GEMINI_OUT_CITES)
        return true; // their sources have addresses
    json_open_object(&w);
    json_key(&w, SLICE("web"));
    json_open_object(&w);
    json_key(&w, SLICE("uri"));
    json_value_text(&w, ev->cite.url);
    if (!text_is_empty(ev->cite.title)) {
        json_key(&w, SLICE("title"));
        json_value_text(&w, ev->cite.title);
    }
    json_close_object(&w);
    json_close_object(&w);
    buf_append(&c->cites, slice_of((const char *)&cite, sizeof(cite)));
    return spend(e, ev->cite.url.s.len + ev->cite.title.s.len);
}

static void take_finish(struct gemini_encoder *e, struct gemini_out_choice *c,
                        const struct chat_event *ev, struct buf *out)
{
    bool cut = ev->finish.reason == FINISH_LENGTH || ev->finish.reason == FINISH_CONTEXT;

    list_for_each_safe(at, &c->parts) {
        struct gemini_out_part *part = list_entry(at, struct gemini_out_part, link);

        if (part->broken && is_stream(e) && !cut)
            write_whole(e, c, part, out);
        if (part->broken && (is_stream(e) || cut))
            part_done(e, part);
    }
    c->finished = true;
    c->reason = ev->finish.reason;
    buf_clear(&c->explanation);
    text_append_escaped(&c->explanation, ev->finish.explanation);
}

/* The whole answer's events. */

static void take_start(struct gemini_encoder *e, const struct chat_event *ev)
{
    buf_append(&e->id, ev->start.id.len ? ev->start.id : e->options.id);
    buf_append(&e->model, e->options.model.len ? e->options.model : ev->start.model);
    gemini_write_tail(e, false, &e->tail);
}

static void take_usage(struct gemini_encoder *e, const struct chat_event *ev)
{
    e->usage = ev->usage.usage;
    e->has_usage = true;
    buf_clear(&e->tail);
    gemini_write_tail(e, false, &e->tail);
}

static void take_end(struct gemini_encoder *e, struct buf *out)
{
    gemini_begin_chunk(e, out);
    gemini_write_end(e, out);
    gemini_end_chunk(e, out);
    if (e->options.framing == FRAMING_ARRAY)
        buf_append_byte(out, ']');
    e->ended = true;
}

static void take_error(struct gemini_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct err_info info = {0};

    err_set(&info, ev->error.code, "%.*s", SLICE_ARG(ev->error.message));
    error_write_stream(DIALECT_GEMINI, e->options.framing, &info, e->options.id, !e->wrote, out);
    e->ended = true;
}

static bool take_part(struct gemini_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct gemini_out_choice *c = choice_of(e, ev->choice);

    if (!c)
        return true; // nobody asked for so many
    switch (ev->type) {
    case CHAT_OPEN: return take_open(e, c, ev, out);
    case CHAT_DELTA: return take_delta(e, c, ev, out);
    case CHAT_CLOSE: take_close(e, c, ev, out); return true;
    case CHAT_CITE: return take_cite(e, c, ev);
    case CHAT_FINISH: take_finish(e, c, ev, out); return true;
    case CHAT_START:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_END:
    case CHAT_ERROR: break;
    }
    return true;
}

bool gemini_encode(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct gemini_encoder *e = encoder;

    if (e->ended)
        return true;
    switch (ev->type) {
    case CHAT_START: take_start(e, ev); return true;
    case CHAT_USAGE: take_usage(e, ev); return true;
    case CHAT_PING:
        if (e->options.framing == FRAMING_SSE)
            buf_append(out, SLICE("\r\n\r\n")); // at a comment Google's SDKs up to 1.30 break
        return true;
    case CHAT_END: take_end(e, out); return true;
    case CHAT_ERROR: take_error(e, ev, out); return true;
    case CHAT_OPEN:
    case CHAT_DELTA:
    case CHAT_CLOSE:
    case CHAT_CITE:
    case CHAT_FINISH: break;
    }
    e->ended = !take_part(e, ev, out);
    return !e->ended;
}

void gemini_encoder_init(void *encoder, const struct codec_encode_options *o)
{
    struct gemini_encoder *e = encoder;

    e->options = *o;
    arena_init(&e->arena, 0);
    list_init(&e->open);
    list_init(&e->spare);
}

static void release_parts(struct list *parts)
{
    list_for_each(at, parts) {
        struct gemini_out_part *part = list_entry(at, struct gemini_out_part, link);

        buf_release(&part->text);
        buf_release(&part->id);
        buf_release(&part->tool);
        buf_release(&part->secret);
    }
}

static void release_choice(struct gemini_out_choice *c)
{
    release_parts(&c->parts);
    buf_release(&c->explanation);
    buf_release(&c->secret);
    buf_release(&c->logprobs);
    buf_release(&c->chunks);
    buf_release(&c->cites);
    buf_release(&c->searches);
    gemini_offsets_release(&c->offsets);
}

void gemini_encoder_release(void *encoder)
{
    struct gemini_encoder *e = encoder;

    for (size_t i = 0; i < GEMINI_OUT_CHOICES; i++) {
        if (e->choices[i])
            release_choice(e->choices[i]);
    }
    release_parts(&e->spare);
    buf_release(&e->id);
    buf_release(&e->model);
    buf_release(&e->scratch);
    buf_release(&e->tail);
    arena_release(&e->arena);
}
