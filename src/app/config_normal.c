/* config_normal.c - JSON of the database in the form in which the configuration file's comes. */
#include "app/config_run.h"
#include "base/buf.h"
#include "json/tree.h"
#include "json/write.h"

static void open_value(struct run *x, const struct json *v, struct buf *out)
{
    switch ((enum json_type)v->type) {
    case JSON_STRING: json_write_string(out, json_str(x->arena, v)); break;
    case JSON_ARRAY: buf_append_byte(out, '['); break;
    case JSON_OBJECT: buf_append_byte(out, '{'); break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER: buf_append(out, v->source); break;
    }
}

static void close_value(const struct json *v, struct buf *out)
{
    buf_append_byte(out, json_is(v, JSON_ARRAY) ? ']' : '}');
}

/* Without blanks, and with no more escapes than there must be: as yaml_write_json() writes. */
static void write_normal(struct run *x, const struct json *top, struct buf *out)
{
    for (const struct json *v = top; v;) {
        if (v->key.ptr && v != top) {
            json_write_string(out, v->key);
            buf_append_byte(out, ':');
        }
        open_value(x, v, out);
        if (v->first) {
            v = v->first;
            continue;
        }
        if (json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT))
            close_value(v, out);
        while (v != top && !v->next) {
            v = v->parent;
            close_value(v, out);
        }
        v = v == top ? NULL : v->next;
        if (v)
            buf_append_byte(out, ',');
    }
}

static struct slice normal(struct run *x, struct slice text)
{
    struct err_info ignored = {.code = ERR_NONE};
    struct buf out = {.data = NULL};
    struct json *top;
    struct slice made = text;

    if (json_parse(x->arena, text, &top, &ignored))
        return text; // rows are validated: never
    write_normal(x, top, &out);
    if (!slice_eq(buf_peek(&out), text))
        made = arena_dup(x->arena, buf_peek(&out));
    buf_release(&out);
    return made;
}

void run_normalise(struct run *x)
{
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct row_kind *k = row_kind((enum row_type)type);
        for (size_t f = 0; f < k->field_count; f++) {
            if (k->fields[f].type != FIELD_JSON)
                continue;
            for (size_t i = 0; i < x->old.counts[type]; i++) {
                char *row = (char *)run_old_at(x, (enum row_type)type, i);
                struct slice *text = (struct slice *)(void *)(row + k->fields[f].offset);
                if (text->ptr)
                    *text = normal(x, *text);
            }
        }
    }
}
