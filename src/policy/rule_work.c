/* rule_work.c - the changes that one rule makes to one text. */
#include "chat/peek.h"
#include "policy/rule_inside.h"
#include "json/raw.h"

#define FEW 16

static struct json_span span_of(const struct rule_work *w, struct slice s)
{
    size_t start = s.ptr ? (size_t)(s.ptr - w->text.ptr) : 0;

    return (struct json_span){start, s.ptr ? start + s.len : 0};
}

void rule_say(struct rule_work *w, const char *why)
{
    if (!w->why)
        w->why = why;
}

static void add(struct rule_work *w, struct rule_change change)
{
    size_t cost = change.key.len + change.raw.len;

    if (w->is_over)
        return;
    if (cost > w->room) {
        w->is_over = true;
        w->count = 0;
        w->why = "the body would become too long";
        return;
    }
    w->room -= cost;
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : FEW;
        struct rule_change *more = arena_array(w->arena, struct rule_change, cap);
        if (w->count)
            memcpy(more, w->changes, w->count * sizeof(*more));
        w->changes = more;
        w->cap = cap;
    }
    change.turn = w->count;
    w->changes[w->count++] = change;
}

void rule_put(struct rule_work *w, struct slice object, struct slice value, struct slice key,
              struct slice raw)
{
    add(w, (struct rule_change){
               .kind = CHANGE_PUT,
               .object = span_of(w, object),
               .value = span_of(w, value),
               .key = key,
               .raw = raw,
           });
}

void rule_drop(struct rule_work *w, struct slice value)
{
    add(w, (struct rule_change){.kind = CHANGE_DROP, .value = span_of(w, value)});
}

void rule_bytes(struct rule_work *w, struct slice old, struct slice raw)
{
    add(w, (struct rule_change){.kind = CHANGE_BYTES, .value = span_of(w, old), .raw = raw});
}

void rule_push(struct rule_work *w, struct slice array, size_t count, struct slice raw)
{
    struct slice end = slice_sub(array, array.len - 1, 0);

    if (count)
        rule_bytes(w, end, SLICE(","));
    rule_bytes(w, end, raw);
}

void rule_push_front(struct rule_work *w, struct slice array, size_t count, struct slice raw)
{
    struct slice start = slice_sub(array, 1, 0);

    rule_bytes(w, start, raw);
    if (count)
        rule_bytes(w, start, SLICE(","));
}

bool rule_key_is(struct slice raw, struct slice name)
{
    if (!raw.ptr)
        return false;
    if (slice_eq(raw, name))
        return slice_find(raw, '\\') == SIZE_MAX;
    return slice_find(raw, '\\') != SIZE_MAX &&
           json_string_eq(slice_of(raw.ptr - 1, raw.len + 2), name);
}

struct slice rule_member(struct rule_work *w, struct slice object, struct slice key)
{
    struct slice found = {NULL, 0}, at, value;
    struct peek p = peek_into(object);

    if (!json_is_object(object))
        return found;
    while (peek_next(&p, &at, &value)) {
        if (!rule_key_is(at, key))
            continue;
        if (found.ptr && !w->err)
            w->err = err_set(w->e, ERR_BAD_REQUEST, "%.*s: stands twice in one object",
                             SLICE_ARG(slice_sub(key, 0, ERR_TEXT_BYTES / 2)));
        found = value;
    }
    return found;
}

bool rule_is_talk(const struct rule_work *w)
{
    return (w->operation == OP_GENERATE || w->operation == OP_COUNT_TOKENS ||
            w->operation == OP_COMPACT) &&
           w->dialect != DIALECT_OPENAI;
}
