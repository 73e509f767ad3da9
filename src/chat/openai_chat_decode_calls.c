/* openai_chat_decode_calls.c - Chat Completions answers, read: tool calls in pieces. */
#include <stdlib.h>

#include "base/panic.h"
#include "chat/ids.h"
#include "chat/openai_chat_decoder.h"
#include "chat/peek.h"
#include "json/raw.h"

#define LEGACY_KEY ((int64_t)-2) // of a `function_call`, of which there is one

/* One piece; literals, absent ones empty. */
struct piece {
    int64_t key; // -1: none was given
    struct slice id, name, arguments, signature;
    bool custom;
};

/* {name, arguments} or {name, input} */
static void read_function(struct slice function, struct piece *piece)
{
    struct peek p = peek_into(function);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("name")))
            piece->name = value;
        else if (slice_eq(key, SLICE("arguments")) || slice_eq(key, SLICE("input")))
            piece->arguments = value;
    }
}

static struct piece piece_of(struct slice value)
{
    struct piece piece = {.key = -1};
    struct peek p = peek_into(value);
    struct slice key, member;

    while (peek_next(&p, &key, &member)) {
        if (slice_eq(key, SLICE("index"))) {
            if (!json_int(member, &piece.key) || piece.key < 0)
                piece.key = -1;
        } else if (slice_eq(key, SLICE("id"))) {
            piece.id = member;
        } else if (slice_eq(key, SLICE("function")) && json_is_object(member)) {
            read_function(member, &piece);
        } else if (slice_eq(key, SLICE("custom")) && json_is_object(member)) {
            piece.custom = true;
            read_function(member, &piece);
        } else if (slice_eq(key, SLICE("extra_content"))) {
            piece.signature =
                peek_get(peek_get(member, SLICE("google")), SLICE("thought_signature"));
        }
    }
    return piece;
}

static struct call *call_new(struct openai_chat_decoder *d, struct choice *c, int64_t key,
                             const struct chat_sink *sink)
{
    struct call *call;

    if (c->call_count == CHAT_MAX_CALLS) {
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN,
                                 SLICE("the answer has too many tool calls"), sink);
        return NULL;
    }
    if (c->call_count == c->call_cap) {
        c->call_cap = c->call_cap ? 2 * c->call_cap : 4;
        c->calls = realloc(c->calls, c->call_cap * sizeof(struct call));
        if (!c->calls)
            panic("out of memory: an answer's tool calls");
    }
    call = &c->calls[c->call_count++];
    *call = (struct call){.state = CALL_HELD, .key = key};
    return call;
}

static uint64_t hash_of(struct slice s)
{
    return s.len ? chat_id_hash(s, 1) : 0;
}

/* Hosts that give every call the index 0 tell them apart by ids, or by names alone. */
static bool is_another(const struct call *call, uint64_t id, uint64_t name)
{
    if (!name)
        return false; // a new id with every piece: a host's whim
    if (id && call->id_hash)
        return id != call->id_hash;
    return call->name_hash && name != call->name_hash;
}

/* Whose piece it is; NULL for a call that has not been seen. */
static struct call *call_of(struct choice *c, const struct piece *piece, uint64_t id, uint64_t name)
{
    for (size_t i = c->call_count; i-- > 0;) {
        struct call *call = &c->calls[i];

        if (piece->key != -1) {
            if (call->key == piece->key)
                return is_another(call, id, name) ? NULL : call;
        } else if (id ? call->id_hash == id : !name) {
            return call;
        }
    }
    return NULL;
}

static void open_call(struct openai_chat_decoder *d, struct choice *c, struct call *call,
                      struct slice id, struct slice name, bool custom, const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_OPEN, .choice = c->number};
    uint64_t number = (uint64_t)c->number << 32 | c->called++;
    struct slice seed = buf_len(&d->id) ? buf_peek(&d->id) : d->o.id;
    char made[CHAT_ID_BYTES];

    openai_chat_decoder_close_part(d, c, sink);
    call->state = CALL_OPEN;
    call->name_hash = hash_of(name);
    call->part = ev.index = d->next_part++;
    ev.open.kind = PART_CALL;
    ev.open.call_id = id.len ? id : chat_id_make(made, SLICE("call_"), 24, seed, number);
    ev.open.tool = name;
    ev.open.custom = custom;
    chat_emit(sink, &ev);
}

static void say_arguments(const struct choice *c, const struct call *call, struct chat_text text,
                          const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_DELTA, .choice = c->number, .index = call->part};

    if (text_is_empty(text))
        return;
    ev.delta.text = text;
    chat_emit(sink, &ev);
}

/* Until the name is known nobody can be told of the call. */
static void hold(struct openai_chat_decoder *d, struct call *call, struct slice id,
                 struct chat_text arguments, const struct chat_sink *sink)
{
    if (d->held_bytes + id.len + arguments.s.len > CHAT_MAX_HELD) {
        openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN, SLICE("a tool call has no name"), sink);
        return;
    }
    d->held_bytes += id.len + arguments.s.len;
    if (!call->held) {
        call->held = calloc(1, sizeof(*call->held));
        if (!call->held)
            panic("out of memory: a tool call");
    }
    if (!buf_len(&call->held->id))
        buf_append(&call->held->id, id);
    text_append_escaped(&call->held->arguments, arguments);
}

static void release_held(struct call *call)
{
    if (!call->held)
        return;
    buf_release(&call->held->id);
    buf_release(&call->held->arguments);
    free(call->held);
    call->held = NULL;
}

/* An object in place of its text is taken as it was written. */
static struct chat_text arguments_of(const struct piece *piece)
{
    if (json_is_object(piece->arguments))
        return text_plain(piece->arguments);
    return text_of_literal(piece->arguments);
}

static void take_piece(struct openai_chat_decoder *d, struct choice *c, const struct piece *piece,
                       bool whole, const struct chat_sink *sink)
{
    struct slice id = openai_chat_decoder_str(d, 0, piece->id),
                 name = openai_chat_decoder_str(d, 1, piece->name);
    struct call *call = whole ? NULL : call_of(c, piece, hash_of(id), hash_of(name));
    struct chat_text arguments = arguments_of(piece);
    struct decoder_secret signature = {.vendor = VENDOR_GEMINI};

    if (!call && !(call = call_new(d, c, piece->key, sink)))
        return;
    if (!call->id_hash)
        call->id_hash = hash_of(id);
    if (call->state == CALL_HELD) {
        signature.secret = openai_chat_decoder_str(d, 2, piece->signature);
        openai_chat_decoder_take_secret(d, c, &signature, sink);
        if (!name.len) {
            hold(d, call, id, arguments, sink);
            return;
        }
        if (call->held && buf_len(&call->held->id))
            id = buf_peek(&call->held->id);
        open_call(d, c, call, id, name, piece->custom, sink);
        if (call->held)
            say_arguments(c, call, (struct chat_text){buf_peek(&call->held->arguments), true},
                          sink);
        release_held(call);
    }
    if (call->state == CALL_OPEN)
        say_arguments(c, call, arguments, sink);
}

void openai_chat_decoder_take_calls(struct openai_chat_decoder *d, struct choice *c,
                                    struct slice calls, bool whole, const struct chat_sink *sink)
{
    struct peek p = peek_into(calls);
    struct slice key, value;

    while (!d->ended && peek_next(&p, &key, &value)) {
        struct piece piece = piece_of(value);

        if (json_is_object(value))
            take_piece(d, c, &piece, whole, sink);
    }
}

void openai_chat_decoder_take_function(struct openai_chat_decoder *d, struct choice *c,
                                       struct slice function, const struct chat_sink *sink)
{
    struct piece piece = {.key = LEGACY_KEY};

    read_function(function, &piece);
    take_piece(d, c, &piece, false, sink);
}

bool openai_chat_decoder_close_calls(struct openai_chat_decoder *d, struct choice *c,
                                     const struct chat_sink *sink)
{
    for (size_t i = 0; i < c->call_count && !d->ended; i++) {
        struct call *call = &c->calls[i];
        struct chat_event ev = {.type = CHAT_CLOSE, .choice = c->number, .index = call->part};

        if (call->state == CALL_HELD && call->held && buf_len(&call->held->arguments))
            openai_chat_decoder_fail(d, ERR_UPSTREAM_BROKEN, SLICE("a tool call has no name"),
                                     sink);
        else if (call->state == CALL_OPEN)
            chat_emit(sink, &ev);
        call->state = CALL_CLOSED;
    }
    return !d->ended;
}

void openai_chat_decoder_release_calls(struct choice *c)
{
    for (size_t i = 0; i < c->call_count; i++)
        release_held(&c->calls[i]);
    free(c->calls);
}
