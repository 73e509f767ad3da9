/* anthropic_encode.c - events into answers in Anthropic's Messages, streamed or whole. */
#include <stdlib.h>

#include "base/panic.h"
#include "chat/anthropic_inside.h"
#include "chat/error.h"
#include "chat/ids.h"
#include "json/write.h"

/*
 * Blocks never overlap: of the parts that are open, the first one is live and streams; what
 * others say waits until it is their turn, in the order of OPEN.  A whole answer has no live
 * part: all wait for the end, since only that says what becomes of a call that was cut off.
 */
void anthropic_encoder_init(void *encoder, const struct codec_encode_options *o)
{
    struct anthropic_encoder *e = encoder;

    e->o = *o;
}

static void part_free(struct anthropic_part *p)
{
    if (!p)
        return;
    buf_release(&p->id);
    buf_release(&p->tool);
    buf_release(&p->text);
    buf_release(&p->secret);
    free(p);
}

void anthropic_encoder_release(void *encoder)
{
    struct anthropic_encoder *e = encoder;

    for (size_t i = 0; i < e->part_count; i++)
        part_free(e->parts[i]);
    free(e->parts);
    buf_release(&e->id);
    buf_release(&e->model);
    buf_release(&e->upstream_model);
    buf_release(&e->explanation_held);
    buf_release(&e->sequence_held);
    buf_release(&e->scratch);
}

static bool streams(const struct anthropic_encoder *e)
{
    return e->o.framing != FRAMING_BODY;
}

static size_t part_bytes(const struct anthropic_part *p)
{
    return sizeof(*p) + buf_len(&p->id) + buf_len(&p->tool) + buf_len(&p->text) +
           buf_len(&p->secret);
}

static void parts_grow(struct anthropic_encoder *e)
{
    struct anthropic_part **parts;
    size_t cap = e->part_cap ? 2 * e->part_cap : 8;

    if (e->part_count < e->part_cap)
        return;
    parts = realloc(e->parts, cap * sizeof(*parts));
    if (!parts)
        panic("out of memory: parts of an answer");
    e->parts = parts;
    e->part_cap = cap;
}

static void part_push(struct anthropic_encoder *e, struct anthropic_part *p)
{
    parts_grow(e);
    e->parts[e->part_count++] = p;
    e->gathered += sizeof(p) + (p ? part_bytes(p) : 0);
}

static struct anthropic_part *part_at(const struct anthropic_encoder *e, uint32_t index)
{
    return index < e->part_count ? e->parts[index] : NULL;
}

static void part_done(struct anthropic_encoder *e, size_t index)
{
    e->gathered -= part_bytes(e->parts[index]);
    part_free(e->parts[index]);
    e->parts[index] = NULL;
}

/* The part that streams; NULL when all are done. */
static struct anthropic_part *live(struct anthropic_encoder *e)
{
    while (e->first < e->part_count && !e->parts[e->first])
        e->first++;
    return streams(e) && e->first < e->part_count ? e->parts[e->first] : NULL;
}

/* Input tokens are known a little later than START, and the client wants them first. */
static void start(struct anthropic_encoder *e, struct buf *out)
{
    if (e->started || !e->begun || !streams(e))
        return;
    e->started = true;
    anthropic_frame_start(e, out);
}

static void part_start(struct anthropic_encoder *e, struct anthropic_part *p, struct buf *out)
{
    if (p->started)
        return;
    p->started = true;
    p->block = e->blocks++;
    anthropic_frame_block(p, out);
}

/* Free text as the JSON that says it: escaped once more where it goes into a string. */
static void write_custom(struct anthropic_encoder *e, struct anthropic_part *p,
                         struct chat_text text, struct buf *out)
{
    buf_clear(&e->scratch);
    if (!p->said)
        buf_append(&e->scratch, SLICE("{\"input\":\""));
    text_append_escaped(&e->scratch, text);
    anthropic_frame_input(p, text_plain(buf_peek(&e->scratch)), out);
}

/* An image stands there from its start; of its bytes nothing is said. */
static void part_say(struct anthropic_encoder *e, struct anthropic_part *p, struct chat_text text,
                     struct buf *out)
{
    if (text_is_empty(text) || p->kind == PART_IMAGE)
        return;
    part_start(e, p, out);
    if (p->kind != PART_CALL)
        anthropic_frame_text(p, text, out);
    else if (p->custom)
        write_custom(e, p, text, out);
    else
        anthropic_frame_input(p, text, out);
    p->said = true;
}

/* Some clients wait for a delta of every call: one without arguments has {}. */
static void finish_call(struct anthropic_encoder *e, struct anthropic_part *p, struct buf *out)
{
    if (p->custom && !p->said)
        write_custom(e, p, text_plain(SLICE("")), out);
    if (p->custom)
        anthropic_frame_input(p, text_plain(SLICE("\"}")), out);
    else if (!p->said)
        anthropic_frame_input(p, text_plain(SLICE("{}")), out);
}

/* Writes all that is left of a part.  What has said nothing, and has no secret, is no block. */
static void part_finish(struct anthropic_encoder *e, struct anthropic_part *p, struct buf *out)
{
    if (p->kind == PART_REASONING && buf_len(&p->secret)) {
        part_start(e, p, out);
        if (!p->alone)
            anthropic_frame_signature(p, out);
    }
    if (p->kind == PART_CALL)
        finish_call(e, p, out);
    if (p->started)
        anthropic_frame_stop(p, out);
}

/* The live part says what it has; where it is done, the next one's turn has come. */
static void proceed(struct anthropic_encoder *e, struct buf *out)
{
    struct anthropic_part *p;

    while ((p = live(e))) {
        if (p->kind == PART_CALL || p->kind == PART_IMAGE)
            part_start(e, p, out);
        part_say(e, p, (struct chat_text){buf_peek(&p->text), true}, out);
        e->gathered -= buf_len(&p->text);
        buf_clear(&p->text);
        if (!p->closed)
            return;
        part_finish(e, p, out);
        part_done(e, e->first);
    }
}

static void hear_start(struct anthropic_encoder *e, const struct chat_event *ev)
{
    char id[CHAT_ID_BYTES];

    if (e->begun)
        return;
    e->begun = true;
    buf_append(&e->id, chat_id_keep_or_make(id, SLICE("msg_"), 24, ev->start.id, e->o.id));
    buf_append(&e->model, e->o.model.len ? e->o.model : ev->start.model);
    buf_append(&e->upstream_model, ev->start.model);
}

static void hear_open(struct anthropic_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct anthropic_part *p = NULL;

    if (ev->index != e->part_count)
        return;
    if (ev->choice == 0 && ev->open.kind != PART_SEARCH) {
        p = calloc(1, sizeof(*p));
        if (!p)
            panic("out of memory: a part of an answer");
        p->kind = ev->open.kind;
        p->custom = ev->open.custom;
        p->redacted = ev->open.reasoning == REASONING_REDACTED;
        buf_append(&p->id, ev->open.call_id);
        buf_append(&p->tool, ev->open.tool);
        e->refused |= p->kind == PART_REFUSAL;
    }
    part_push(e, p);
    proceed(e, out);
}

static void hear_delta(struct anthropic_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct anthropic_part *p = part_at(e, ev->index);
    size_t before;

    if (!p || p->closed || p->kind == PART_IMAGE)
        return;
    if (p == live(e)) {
        part_say(e, p, ev->delta.text, out);
        return;
    }
    before = buf_len(&p->text);
    text_append_escaped(&p->text, ev->delta.text);
    e->gathered += buf_len(&p->text) - before;
}

/*
 * Anthropic's secrets go as they are, the others' in an envelope.  Without text, only a
 * signature of Anthropic's own makes a thinking block: one that is not shown.
 */
static void take_secret(struct anthropic_encoder *e, struct anthropic_part *p,
                        const struct chat_event *ev)
{
    bool native = ev->close.vendor == VENDOR_ANTHROPIC;
    bool silent = !p->said && !buf_len(&p->text);
    struct chat_reasoning reasoning = {
        .kind = p->redacted ? REASONING_REDACTED : REASONING_SUMMARY,
        .secret = ev->close.secret,
        .vendor = ev->close.vendor,
        .id = ev->close.id,
        .model = buf_peek(&e->upstream_model),
    };

    if (!ev->close.secret.len || p->kind != PART_REASONING)
        return;
    p->alone = silent && (!native || p->redacted);
    if (native)
        buf_append(&p->secret, ev->close.secret);
    else if (e->o.seal)
        envelope_write(e->o.seal, &reasoning, &p->secret);
    e->gathered += buf_len(&p->secret);
}

static void hear_close(struct anthropic_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct anthropic_part *p = part_at(e, ev->index);

    if (!p || p->closed)
        return;
    take_secret(e, p, ev);
    p->closed = true;
    proceed(e, out);
}

static struct chat_text keep(struct buf *held, struct chat_text text)
{
    if (text_is_absent(text))
        return text;
    buf_clear(held);
    text_append_escaped(held, text);
    text = (struct chat_text){buf_peek(held), true};
    return text_is_absent(text) ? text_plain(SLICE("")) : text;
}

static void hear_finish(struct anthropic_encoder *e, const struct chat_event *ev)
{
    if (ev->choice != 0)
        return;
    e->finish = ev->finish.reason;
    e->explanation = keep(&e->explanation_held, ev->finish.explanation);
    e->sequence = keep(&e->sequence_held, ev->finish.sequence);
}

static void hear_end(struct anthropic_encoder *e, struct buf *out)
{
    e->ended = true;
    if (streams(e))
        anthropic_frame_end(e, out);
    else
        anthropic_write_document(e, out);
}

static void hear_error(struct anthropic_encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct err_info info = {0};

    e->ended = true;
    if (ev->error.message.len)
        err_set(&info, ev->error.code, "%.*s", SLICE_ARG(ev->error.message));
    else
        info.code = ev->error.code;
    if (streams(e))
        error_write_stream(DIALECT_ANTHROPIC, e->o.framing, &info, e->o.id, !e->started, out);
}

bool anthropic_encode(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct anthropic_encoder *e = encoder;

    if (e->ended)
        return true;
    if (ev->type != CHAT_START && ev->type != CHAT_USAGE && ev->type != CHAT_ERROR)
        start(e, out);
    switch (ev->type) {
    case CHAT_START: hear_start(e, ev); break;
    case CHAT_OPEN: hear_open(e, ev, out); break;
    case CHAT_DELTA: hear_delta(e, ev, out); break;
    case CHAT_CLOSE: hear_close(e, ev, out); break;
    case CHAT_CITE: break; // cannot be made up: the dialect's own hold what only its vendor has
    case CHAT_USAGE:
        e->usage = ev->usage.usage;
        e->tier = ev->usage.tier;
        break;
    case CHAT_PING:
        if (e->started)
            anthropic_frame_ping(out);
        break;
    case CHAT_FINISH: hear_finish(e, ev); break;
    case CHAT_END: hear_end(e, out); break;
    case CHAT_ERROR: hear_error(e, ev, out); break;
    }
    if (!e->o.limit_bytes || e->gathered <= e->o.limit_bytes)
        return true;
    e->ended = true;
    return false;
}
