/* outline.c - JSON for people to read. */
#include "app/outline.h"

#include "base/arena.h"
#include "base/control.h"
#include "json/tree.h"

static bool is_list(const struct json *v)
{
    return json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT);
}

static void indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_append_str(out, "  ");
}

/* A literal has most control characters as escapes already, and the others get theirs here. */
static void write_quoted(struct slice literal, struct buf *out)
{
    while (literal.len) {
        size_t control = control_len(literal);
        if (control)
            buf_printf(out, "\\u%04x", (unsigned char)literal.ptr[control - 1]);
        else
            buf_append_byte(out, literal.ptr[0]);
        literal = slice_after(literal, control ? control : 1);
    }
}

/* Text with line ends keeps its quotes: what is one value shall look like one. */
static void write_scalar(struct arena *a, const struct json *v, struct buf *out)
{
    struct slice text;

    if (!json_is(v, JSON_STRING)) {
        buf_append(out, v->source);
        return;
    }
    text = json_str(a, v);
    for (size_t i = 0; i < text.len; i++) {
        if (control_len(slice_after(text, i))) {
            write_quoted(v->source, out);
            return;
        }
    }
    buf_append(out, text);
}

static void write_line(struct arena *a, const struct json *v, unsigned depth, struct buf *out)
{
    bool is_item = v->parent && json_is(v->parent, JSON_ARRAY);

    indent(out, depth);
    if (is_item)
        buf_append_byte(out, '-');
    else
        buf_append(out, v->key);
    if (!is_item)
        buf_append_byte(out, ':');
    if (is_list(v) && !v->first)
        buf_append_str(out, json_is(v, JSON_ARRAY) ? " none" : " {}");
    if (!is_list(v)) {
        buf_append_byte(out, ' ');
        write_scalar(a, v, out);
    }
    buf_append_byte(out, '\n');
}

void outline_write(struct slice json, struct buf *out)
{
    struct err_info e = {0};
    struct json *top, *v;
    struct arena arena;
    unsigned depth = 0;

    arena_init(&arena, 0);
    if (json_parse(&arena, json, &top, &e) != ERR_NONE) {
        buf_append(out, json);
        arena_release(&arena);
        return;
    }
    for (v = top->first; v;) {
        write_line(&arena, v, depth, out);
        if (v->first) {
            v = v->first;
            depth++;
            continue;
        }
        while (v != top && !v->next) {
            v = v->parent;
            depth--;
        }
        v = v == top ? NULL : v->next;
    }
    arena_release(&arena);
}

void outline_print(struct slice json, bool as_json, FILE *out)
{
    struct buf text = {0};

    if (as_json)
        fprintf(out, "%.*s\n", SLICE_ARG(json));
    else
        outline_write(json, &text);
    fwrite(buf_peek(&text).ptr, 1, buf_len(&text), out);
    buf_release(&text);
}
