/* text.c - text that is carried from one JSON document into another. */
#include "chat/text.h"

#include "json/raw.h"

struct chat_text text_of(const struct json *v)
{
    return json_is(v, JSON_STRING) ? text_of_literal(v->source) : (struct chat_text){0};
}

struct chat_text text_of_literal(struct slice literal)
{
    if (literal.len < 2 || literal.ptr[0] != '"')
        return (struct chat_text){0};
    return (struct chat_text){slice_sub(literal, 1, literal.len - 2), true};
}

static bool has_escapes(struct chat_text t)
{
    return t.escaped && slice_find(t.s, '\\') != SIZE_MAX;
}

struct slice text_str(struct arena *a, struct chat_text t)
{
    char *out;

    if (!has_escapes(t))
        return t.s;
    out = arena_alloc_raw(a, t.s.len, 1);
    return slice_of(out, json_string_decode_to(t.s, out));
}

void text_append_plain(struct buf *out, struct chat_text t)
{
    if (has_escapes(t))
        buf_grew(out, json_string_decode_to(t.s, buf_reserve(out, t.s.len)));
    else
        buf_append(out, t.s);
}

void text_append_escaped(struct buf *out, struct chat_text t)
{
    if (t.escaped)
        buf_append(out, t.s);
    else
        json_write_escaped(out, t.s);
}

bool text_eq(struct chat_text t, struct slice s)
{
    struct buf plain = {0};
    bool same;

    if (t.s.len < s.len)
        return false; // what is escaped is longer than what it stands for
    if (!has_escapes(t))
        return slice_eq(t.s, s);
    text_append_plain(&plain, t);
    same = slice_eq(buf_peek(&plain), s);
    buf_release(&plain);
    return same;
}

void json_value_text(struct json_writer *w, struct chat_text t)
{
    if (text_is_absent(t)) {
        json_value_null(w);
    } else if (!t.escaped) {
        json_value_string(w, t.s);
    } else {
        if (w->comma)
            buf_append_byte(w->out, ',');
        buf_append_byte(w->out, '"');
        buf_append(w->out, t.s);
        buf_append_byte(w->out, '"');
        w->comma = true;
    }
}

struct chat_text text_join(struct arena *arena, struct chat_text a, struct slice between,
                           struct chat_text b)
{
    struct buf joined = {0};
    struct slice kept;

    text_append_escaped(&joined, a);
    text_append_escaped(&joined, text_plain(between));
    text_append_escaped(&joined, b);
    kept = arena_dup(arena, buf_peek(&joined));
    buf_release(&joined);
    return (struct chat_text){kept, true};
}
