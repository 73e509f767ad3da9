/* rule_set.c - set, default, remove and append: what stands at a path. */
#include "base/buf.h"
#include "chat/peek.h"
#include "policy/rule_inside.h"
#include "json/raw.h"
#include "json/write.h"

struct step {
    struct rule_work *w;
    const struct rule *r;
    struct slice built[RULE_PATH_STEPS + 1]; // by the step that they begin with
};

static bool makes(const struct rule *r)
{
    return r->action != RULE_REMOVE;
}

static bool is_gone(struct slice value)
{
    return !value.ptr || json_is_null(value);
}

/*
 * What stands at `steps[at]` and below once it has been made out of nothing; a NULL pointer
 * when it cannot be: there are no items for [*], and arrays begin at 0.
 */
static struct slice build(struct step *s, size_t at)
{
    const struct rule_path *path = &s->r->path;
    struct buf text = {0};
    struct slice made = s->built[at];

    for (size_t i = at; i < path->count && !made.ptr; i++) {
        if (path->steps[i].kind == RULE_STEP_ALL)
            return made;
        if (path->steps[i].kind == RULE_STEP_ITEM && path->steps[i].item) {
            rule_say(s->w, "the array has no such item");
            return made;
        }
    }
    if (made.ptr)
        return made;
    for (size_t i = at; i < path->count; i++) {
        if (path->steps[i].kind == RULE_STEP_ITEM) {
            buf_append_byte(&text, '[');
        } else {
            buf_append_byte(&text, '{');
            json_write_string(&text, path->steps[i].key);
            buf_append_byte(&text, ':');
        }
    }
    if (s->r->action == RULE_APPEND)
        buf_append_byte(&text, '[');
    buf_append(&text, s->r->value);
    if (s->r->action == RULE_APPEND)
        buf_append_byte(&text, ']');
    for (size_t i = path->count; i-- > at;)
        buf_append_byte(&text, path->steps[i].kind == RULE_STEP_ITEM ? ']' : '}');
    s->built[at] = arena_dup(s->w->arena, buf_peek(&text));
    buf_release(&text);
    return s->built[at];
}

/* The last step leads to `value`, which is there. */
static void append_to(struct step *s, struct slice value)
{
    if (json_is_array(value))
        rule_push(s->w, value, peek_items(value), s->r->value);
    else
        rule_say(s->w, "there is something else than an array at the path");
}

static void at_member(struct step *s, struct slice object, struct slice value, struct slice key)
{
    switch (s->r->action) {
    case RULE_SET: rule_put(s->w, object, value, key, s->r->value); return;
    case RULE_DEFAULT:
        if (!value.ptr)
            rule_put(s->w, object, value, key, s->r->value);
        return;
    case RULE_REMOVE:
        if (value.ptr)
            rule_drop(s->w, value);
        return;
    case RULE_APPEND:
        if (is_gone(value))
            rule_put(s->w, object, value, key, build(s, s->r->path.count));
        else
            append_to(s, value);
        return;
    case RULE_REPLACE:
    case RULE_HEADER:
    case RULE_SYSTEM:
    case RULE_CACHE:
    case RULE_ACTION_COUNT: return;
    }
}

/* An item goes with the comma before it, or the first one with the comma after it. */
static void remove_item(struct step *s, struct slice array, size_t index)
{
    struct peek p = peek_into(array);
    struct slice key, value, before = {NULL, 0}, after;

    for (size_t i = 0; peek_next(&p, &key, &value); i++) {
        const char *from = value.ptr, *to = value.ptr + value.len;
        if (i != index) {
            before = value;
            continue;
        }
        if (before.ptr)
            from = before.ptr + before.len;
        else if (peek_next(&p, &key, &after))
            to = after.ptr;
        rule_bytes(s->w, slice_of(from, (size_t)(to - from)), SLICE(""));
        return;
    }
}

static void at_item(struct step *s, struct slice array, struct slice item, size_t index)
{
    switch (s->r->action) {
    case RULE_SET: rule_bytes(s->w, item, s->r->value); return;
    case RULE_DEFAULT: return;
    case RULE_REMOVE: remove_item(s, array, index); return;
    case RULE_APPEND:
        if (json_is_null(item))
            rule_bytes(s->w, item, build(s, s->r->path.count));
        else
            append_to(s, item);
        return;
    case RULE_REPLACE:
    case RULE_HEADER:
    case RULE_SYSTEM:
    case RULE_CACHE:
    case RULE_ACTION_COUNT: return;
    }
}

static void walk(struct step *s, struct slice value, size_t at);

// NOLINTNEXTLINE(misc-no-recursion): as deep as the path is long, RULE_PATH_STEPS at most
static void walk_key(struct step *s, struct slice object, size_t at)
{
    struct slice key = s->r->path.steps[at].key;
    struct slice value = rule_member(s->w, object, key), made;

    if (at + 1 == s->r->path.count) {
        at_member(s, object, value, key);
    } else if (!is_gone(value)) {
        walk(s, value, at + 1);
    } else if (makes(s->r)) {
        made = build(s, at + 1);
        if (made.ptr)
            rule_put(s->w, object, value, key, made);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): see walk_key()
static void into_item(struct step *s, struct slice array, struct slice item, size_t index,
                      size_t at)
{
    struct slice made;

    if (at + 1 == s->r->path.count) {
        at_item(s, array, item, index);
    } else if (!json_is_null(item)) {
        walk(s, item, at + 1);
    } else if (makes(s->r)) {
        made = build(s, at + 1);
        if (made.ptr)
            rule_bytes(s->w, item, made);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): see walk_key()
static void walk_item(struct step *s, struct slice array, size_t at)
{
    size_t wanted = s->r->path.steps[at].item, count = 0;
    struct peek p = peek_into(array);
    struct slice key, value, made;

    while (peek_next(&p, &key, &value)) {
        if (count++ != wanted)
            continue;
        into_item(s, array, value, wanted, at);
        return;
    }
    if (!makes(s->r))
        return;
    if (count != wanted) {
        rule_say(s->w, "the array has no such item");
        return;
    }
    made = build(s, at + 1);
    if (made.ptr)
        rule_push(s->w, array, count, made);
}

// NOLINTNEXTLINE(misc-no-recursion): see walk_key()
static void walk_all(struct step *s, struct slice array, size_t at)
{
    struct peek p = peek_into(array);
    struct slice key, value;

    if (at + 1 == s->r->path.count && s->r->action == RULE_REMOVE) {
        rule_bytes(s->w, slice_sub(array, 1, array.len - 2), SLICE(""));
        return;
    }
    for (size_t i = 0; peek_next(&p, &key, &value) && !s->w->err; i++) {
        into_item(s, array, value, i, at);
    }
}

/* `value` is what the steps before `at` lead to. */
// NOLINTNEXTLINE(misc-no-recursion): see walk_key()
static void walk(struct step *s, struct slice value, size_t at)
{
    bool wants_object = s->r->path.steps[at].kind == RULE_STEP_KEY;

    if (wants_object ? !json_is_object(value) : !json_is_array(value)) {
        if (makes(s->r))
            rule_say(s->w, wants_object ? "the path leads through what is no object"
                                        : "the path leads through what is no array");
        return;
    }
    switch (s->r->path.steps[at].kind) {
    case RULE_STEP_KEY: walk_key(s, value, at); return;
    case RULE_STEP_ITEM: walk_item(s, value, at); return;
    case RULE_STEP_ALL: walk_all(s, value, at); return;
    }
}

void rule_work_path(struct rule_work *w, const struct rule *r)
{
    struct step s = {.w = w, .r = r};

    if (r->is_done) {
        rule_say(w, "gproxy asks for the usage by itself");
        return;
    }
    walk(&s, w->top, 0);
}
