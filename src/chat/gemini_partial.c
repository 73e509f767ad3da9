/* gemini_partial.c - calls whose arguments come in pieces (Vertex, when it is asked for them). */
#include "chat/gemini_decode.h"
#include "chat/peek.h"
#include "json/raw.h"
#include "json/write.h"

struct piece {
    struct slice path, string, value; // value: what is no string, as JSON
    bool goes_on;
};

static struct piece sort_out(struct slice object)
{
    struct peek p = peek_into(object);
    struct piece found = {0};
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("jsonPath")))
            json_string_plain(value, &found.path);
        else if (slice_eq(key, SLICE("stringValue")))
            found.string = value;
        else if (slice_eq(key, SLICE("numberValue")) || slice_eq(key, SLICE("boolValue")))
            found.value = value;
        else if (slice_eq(key, SLICE("nullValue")))
            found.value = SLICE("null");
        else if (slice_eq(key, SLICE("willContinue")))
            found.goes_on = json_is_true(value);
    }
    return found;
}

static void end_string(struct gemini_partial *call)
{
    if (call->in_string)
        buf_append_byte(&call->args, '"');
    call->in_string = false;
}

/* "$.city" is a member; anything deeper is not put together. */
static bool open_member(struct gemini_partial *call, struct slice path)
{
    struct slice name = slice_after(path, 2);

    end_string(call);
    if (!slice_starts(path, SLICE("$.")) || !name.len || slice_find(name, '.') != SIZE_MAX ||
        slice_find(name, '[') != SIZE_MAX)
        return false;
    buf_append_byte(&call->args, buf_len(&call->args) ? ',' : '{');
    json_write_string(&call->args, name);
    buf_append_byte(&call->args, ':');
    return true;
}

static void take_piece(struct gemini_partial *call, struct slice object)
{
    struct piece piece = sort_out(object);
    struct chat_text text = text_of_literal(piece.string);
    bool same = call->in_string && slice_eq(piece.path, buf_peek(&call->path));

    if (buf_len(&call->args) + object.len > GEMINI_MAX_GATHERED ||
        (!same && !open_member(call, piece.path))) {
        call->broken = true;
        return;
    }
    if (!piece.string.len) {
        end_string(call);
        buf_append(&call->args, piece.value.len ? piece.value : SLICE("null"));
        return;
    }
    if (!same) {
        buf_append_byte(&call->args, '"');
        buf_clear(&call->path);
        buf_append(&call->path, piece.path);
    }
    call->in_string = true;
    text_append_escaped(&call->args, text);
    if (!piece.goes_on)
        end_string(call);
}

static void end_call(struct gemini_decoder *d, struct gemini_choice *c)
{
    struct gemini_partial *call = &c->partial;

    end_string(call);
    buf_append(&call->args, buf_len(&call->args) ? SLICE("}") : SLICE("{}"));
    if (call->broken || !buf_len(&call->tool))
        gemini_decode_fail(d, ERR_UPSTREAM_BROKEN,
                           SLICE("function call arguments in pieces that do not fit"));
    else
        gemini_emit_call(d, c, buf_peek(&call->id), buf_peek(&call->tool), buf_peek(&call->args));
    call->active = false;
}

static void begin_call(struct gemini_partial *call)
{
    buf_clear(&call->id);
    buf_clear(&call->tool);
    buf_clear(&call->args);
    call->active = true;
    call->in_string = call->broken = false;
}

bool gemini_take_partial(struct gemini_decoder *d, struct gemini_choice *c, struct slice call)
{
    struct slice goes_on = peek_get(call, SLICE("willContinue"));
    struct slice pieces = peek_get(call, SLICE("partialArgs")), key, piece;
    struct gemini_partial *partial = &c->partial;
    struct peek p = peek_into(pieces);

    if (!partial->active && !json_is_true(goes_on) && !json_is_array(pieces))
        return false;
    if (!partial->active) {
        begin_call(partial);
        json_string_decode(peek_get(call, SLICE("id")), &partial->id);
        json_string_decode(peek_get(call, SLICE("name")), &partial->tool);
    }
    while (!partial->broken && peek_next(&p, &key, &piece))
        take_piece(partial, piece);
    if (!json_is_true(goes_on))
        end_call(d, c);
    return true;
}
