/* gemini_decode_part.c - one part of an answer as events. */
#include "chat/gemini_decode.h"
#include "chat/gemini_inside.h"
#include "chat/ids.h"
#include "chat/peek.h"
#include "json/raw.h"

#define ID_CHARACTERS 24

struct part {
    struct slice text, signature, call, inline_data;
    bool thought;
};

static struct part sort_out(struct slice object)
{
    struct peek p = peek_into(object);
    struct part found = {0};
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("text")))
            found.text = value;
        else if (slice_eq(key, SLICE("thought")))
            found.thought = json_is_true(value);
        else if (slice_eq(key, SLICE("thoughtSignature")))
            json_string_plain(value, &found.signature);
        else if (slice_eq(key, SLICE("functionCall")))
            found.call = value;
        else if (slice_eq(key, SLICE("inlineData")))
            found.inline_data = value;
    }
    return found;
}

/* Opens a part of that kind, unless it is what is open. */
static void want(struct gemini_decoder *d, struct gemini_choice *c, enum chat_part_kind kind)
{
    if (c->is_open && c->open == kind)
        return;
    gemini_close_part(d, c, SLICE(""));
    gemini_open_part(d, c, &(struct chat_event){.open = {.kind = kind}});
}

/* Reasoning of which there is nothing to be seen. */
static void emit_secret(struct gemini_decoder *d, struct gemini_choice *c, struct slice secret)
{
    if (!secret.len)
        return;
    gemini_close_part(d, c, SLICE(""));
    gemini_open_part(d, c,
                     &(struct chat_event){
                         .open = {.kind = PART_REASONING, .reasoning = REASONING_REDACTED}
    });
    gemini_close_part(d, c, secret);
}

/*
 * A signature proves the thoughts that stand open.  Without such a one, that of a call is a
 * reasoning of its own, as the call may not come back without; that of a text can be done
 * without, and goes only where the client's dialect has a place for it (mapping.md 6.15).
 */
static void take_signature(struct gemini_decoder *d, struct gemini_choice *c,
                           struct slice signature, bool needed)
{
    if (c->is_open && c->open == PART_REASONING)
        gemini_close_part(d, c, signature);
    else if (needed || d->options.text_secrets)
        emit_secret(d, c, signature);
}

static void take_thought(struct gemini_decoder *d, struct gemini_choice *c, const struct part *p)
{
    struct chat_text text = text_of_literal(p->text);

    if (!text_is_empty(text)) {
        want(d, c, PART_REASONING);
        gemini_part_delta(d, c, c->open_index, text, SLICE(""));
    }
    if (p->signature.len)
        take_signature(d, c, p->signature, false);
}

static void take_text(struct gemini_decoder *d, struct gemini_choice *c, const struct part *p,
                      struct slice *logprobs)
{
    struct chat_text text = text_of_literal(p->text);

    if (p->signature.len)
        take_signature(d, c, p->signature, false);
    if (text_is_empty(text))
        return;
    want(d, c, PART_TEXT);
    c->has_content = c->has_text = true;
    c->text_index = c->open_index;
    buf_clear(&d->scratch);
    if (logprobs->len)
        gemini_logprobs_to_chat(*logprobs, &d->scratch);
    *logprobs = slice_of(NULL, 0);
    gemini_part_delta(d, c, c->open_index, text, buf_peek(&d->scratch));
    gemini_offsets_add(&c->offsets, text);
}

void gemini_emit_call(struct gemini_decoder *d, struct gemini_choice *c, struct slice id,
                      struct slice tool, struct slice args)
{
    struct slice seed = buf_len(&d->id) ? buf_peek(&d->id) : d->options.id;
    uint64_t number =
        (uint64_t)d->options.round << 48 | (uint64_t)(c - d->choices) << 32 | c->calls++;
    char made[CHAT_ID_BYTES];

    gemini_close_part(d, c, SLICE(""));
    if (!id.len)
        id = chat_id_make(made, SLICE("call_"), ID_CHARACTERS, seed, number);
    c->has_content = true;
    gemini_open_part(d, c,
                     &(struct chat_event){
                         .open = {.kind = PART_CALL, .call_id = id, .tool = tool}
    });
    buf_clear(&d->scratch);
    if (json_is_object(args))
        gemini_compact(&d->scratch, args); // elsewhere they are text
    gemini_part_delta(d, c, c->open_index, text_plain(buf_peek(&d->scratch)), SLICE(""));
    gemini_close_part(d, c, SLICE(""));
}

/* Names and ids without escapes are taken as they stand. */
static struct slice plain(struct slice literal, struct buf *decoded)
{
    struct slice inside = {0};

    if (json_string_plain(literal, &inside) || !inside.ptr)
        return inside;
    buf_clear(decoded);
    json_string_decode(literal, decoded);
    return buf_peek(decoded);
}

static void take_call(struct gemini_decoder *d, struct gemini_choice *c, const struct part *p)
{
    struct peek members = peek_into(p->call);
    struct slice key, value, id = {0}, name = {0}, args = {0};
    struct buf decoded_id = {0}, decoded_name = {0};

    if (p->signature.len)
        take_signature(d, c, p->signature, true);
    if (gemini_take_partial(d, c, p->call))
        return;
    while (peek_next(&members, &key, &value)) {
        if (slice_eq(key, SLICE("id")))
            id = value;
        else if (slice_eq(key, SLICE("name")))
            name = value;
        else if (slice_eq(key, SLICE("args")))
            args = value;
    }
    id = plain(id, &decoded_id);
    name = plain(name, &decoded_name);
    if (name.len)
        gemini_emit_call(d, c, id, name, args);
    else
        gemini_decode_fail(d, ERR_UPSTREAM_BROKEN, SLICE("a function call without a name"));
    buf_release(&decoded_id);
    buf_release(&decoded_name);
}

/* Pictures; sound has no place in the vocabulary. */
static void take_inline(struct gemini_decoder *d, struct gemini_choice *c, const struct part *p)
{
    struct slice mime = {0};
    struct chat_text data = text_of_literal(peek_get(p->inline_data, SLICE("data")));

    json_string_plain(peek_get(p->inline_data, SLICE("mimeType")), &mime);
    if (p->thought || text_is_empty(data) || !slice_starts_nocase(mime, SLICE("image/")))
        return; // thoughts have sketches, which are not the answer
    if (p->signature.len)
        take_signature(d, c, p->signature, false);
    gemini_close_part(d, c, SLICE(""));
    c->has_content = true;
    gemini_open_part(d, c,
                     &(struct chat_event){
                         .open = {.kind = PART_IMAGE, .mime = mime}
    });
    gemini_part_delta(d, c, c->open_index, data, SLICE(""));
    gemini_close_part(d, c, SLICE(""));
}

void gemini_take_part(struct gemini_decoder *d, struct gemini_choice *c, struct slice part,
                      struct slice *logprobs)
{
    struct part p = sort_out(part);

    if (json_is_object(p.call))
        take_call(d, c, &p);
    else if (json_is_object(p.inline_data))
        take_inline(d, c, &p);
    else if (p.thought)
        take_thought(d, c, &p);
    else
        take_text(d, c, &p, logprobs); // or a trace of their own tools, which has none
}
