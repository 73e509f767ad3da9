/* tree.c - a JSON text as a tree that remembers where each value stood. */
#include "json/tree.h"

#include <assert.h>

#include "base/buf.h"
#include "json/raw.h"
#include "json/scan.h"
#include "json/walk.h"
#include "json/write.h"

#define FIRST_NODES 16 // taken from the arena at a time, doubled up to the next figure
#define LAST_NODES  512

struct builder {
    struct arena *arena;
    struct json *top;
    struct json *open;                     // the innermost array or object
    struct json *last[JSON_MAX_DEPTH + 1]; // last[depth]: newest child of what is open there
    struct slice key;                      // of the next value
    struct json *spare;                    // nodes not used yet
    size_t spare_count, batch;
};

static struct json *node_take(struct builder *b)
{
    if (b->spare_count == 0) {
        b->spare =
            arena_try_alloc_raw(b->arena, b->batch * sizeof(struct json), _Alignof(struct json));
        if (!b->spare)
            return NULL;
        b->spare_count = b->batch;
        if (b->batch < LAST_NODES)
            b->batch *= 2;
    }
    b->spare_count--;
    return b->spare++;
}

static enum json_type type_of(char c)
{
    switch (c) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't': return JSON_TRUE;
    case 'f': return JSON_FALSE;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

/* `depth` is that of what the value stands in. */
static struct json *value_add(struct builder *b, struct slice source, unsigned depth)
{
    struct json *v = node_take(b);

    if (!v)
        return NULL;
    *v = (struct json){.source = source,
                       .key = b->key,
                       .parent = b->open,
                       .type = (uint8_t)type_of(source.ptr[0])};
    b->key = slice_of(NULL, 0);
    if (!b->open)
        b->top = v;
    else if (b->open->count++ == 0)
        b->open->first = v;
    else
        b->last[depth]->next = v;
    b->last[depth] = v;
    return v;
}

static bool key_read(struct builder *b, struct slice literal)
{
    char *to;

    if (json_string_plain(literal, &b->key))
        return true;
    to = arena_try_alloc_raw(b->arena, b->key.len, 1);
    if (!to)
        return false;
    b->key = slice_of(to, json_string_decode_to(b->key, to));
    return true;
}

/* False where the arena's limit is reached. */
static bool token_add(struct builder *b, const struct json_walk *w, enum json_token token)
{
    struct slice source = slice_of(w->text.ptr + w->start, w->end - w->start);

    switch (token) {
    case JSON_TOKEN_KEY: return key_read(b, source);
    case JSON_TOKEN_SCALAR: return value_add(b, source, w->depth) != NULL;
    case JSON_TOKEN_OPEN: b->open = value_add(b, source, w->depth - 1); return b->open != NULL;
    case JSON_TOKEN_CLOSE:
        assert(b->open);
        b->open->source.len = (size_t)(source.ptr + source.len - b->open->source.ptr);
        b->open = b->open->parent;
        return true;
    case JSON_TOKEN_END:
    case JSON_TOKEN_FAIL: break;
    }
    return false;
}

enum err json_parse(struct arena *a, struct slice text, struct json **out, struct err_info *e)
{
    struct builder b;
    struct json_walk w;

    b.arena = a;
    b.top = b.open = NULL;
    b.key = slice_of(NULL, 0);
    b.spare = NULL;
    b.spare_count = 0;
    b.batch = FIRST_NODES;
    *out = NULL;
    json_walk_init(&w, text);
    for (;;) {
        enum json_token token = json_walk_next(&w);

        if (token == JSON_TOKEN_END)
            break;
        if (token == JSON_TOKEN_FAIL)
            return json_walk_error(&w, e);
        if (!token_add(&b, &w, token))
            return err_set(e, ERR_TOO_LARGE, "the JSON text has too many values");
    }
    *out = b.top;
    return ERR_NONE;
}

struct json *json_member(const struct json *object, struct slice key)
{
    struct json *found = NULL;

    if (!json_is(object, JSON_OBJECT))
        return NULL;
    json_for_each(at, object) {
        if (slice_eq(at->key, key))
            found = at;
    }
    return found;
}

struct json *json_item(const struct json *array, size_t i)
{
    if (!json_is(array, JSON_ARRAY) || i >= array->count)
        return NULL;
    json_for_each(at, array) {
        if (i-- == 0)
            return at;
    }
    return NULL;
}

struct slice json_str(struct arena *a, const struct json *v)
{
    struct slice inside;
    char *to;

    if (!json_is(v, JSON_STRING))
        return slice_of(NULL, 0);
    if (json_string_plain(v->source, &inside))
        return inside;
    to = arena_alloc_raw(a, inside.len, 1); // no longer than the text, which had its own limit
    return slice_of(to, json_string_decode_to(inside, to));
}

bool json_to_int(const struct json *v, int64_t *out)
{
    return json_is(v, JSON_NUMBER) && json_int(v->source, out);
}

bool json_to_double(const struct json *v, double *out)
{
    return json_is(v, JSON_NUMBER) && json_double(v->source, out);
}

bool json_to_bool(const struct json *v, bool *out)
{
    if (!json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
        return false;
    *out = v->type == JSON_TRUE;
    return true;
}

static struct json *node_new(struct arena *a, enum json_type type, struct slice source)
{
    struct json *v = arena_new(a, struct json);

    v->type = (uint8_t)type;
    v->source = source;
    return v;
}

struct json *json_new_object(struct arena *a)
{
    return node_new(a, JSON_OBJECT, SLICE("{}"));
}

struct json *json_new_array(struct arena *a)
{
    return node_new(a, JSON_ARRAY, SLICE("[]"));
}

struct json *json_new_string(struct arena *a, struct slice s)
{
    struct buf literal = {0};
    struct json *v;

    json_write_string(&literal, s);
    v = node_new(a, JSON_STRING, arena_dup(a, buf_peek(&literal)));
    buf_release(&literal);
    return v;
}

struct json *json_new_int(struct arena *a, int64_t value)
{
    return node_new(a, JSON_NUMBER, arena_printf(a, "%lld", (long long)value));
}

struct json *json_new_bool(struct arena *a, bool value)
{
    return value ? node_new(a, JSON_TRUE, SLICE("true")) : node_new(a, JSON_FALSE, SLICE("false"));
}

struct json *json_new_null(struct arena *a)
{
    return node_new(a, JSON_NULL, SLICE("null"));
}

/* A node that is changed has changed parents, so the first such one ends the way up. */
static void mark_changed(struct json *v)
{
    for (; v && !v->changed; v = v->parent)
        v->changed = true;
}

void json_replace(struct json *old, struct json *value)
{
    assert(!value->parent);
    old->source = value->source;
    old->first = value->first;
    old->count = value->count;
    old->type = value->type;
    old->changed = value->changed;
    json_for_each(at, old)
        at->parent = old;
    mark_changed(old->parent);
}

static void child_append(struct json *v, struct json *child)
{
    struct json **link = &v->first;

    assert(!child->parent && !child->next);
    while (*link)
        link = &(*link)->next;
    *link = child;
    child->parent = v;
    v->count++;
    mark_changed(v);
}

void json_append(struct json *array, struct json *value)
{
    assert(array->type == JSON_ARRAY);
    child_append(array, value);
}

void json_detach(struct json *v)
{
    struct json **link = &v->parent->first;

    while (*link != v)
        link = &(*link)->next;
    *link = v->next;
    v->parent->count--;
    mark_changed(v->parent);
    v->parent = v->next = NULL;
    v->key = slice_of(NULL, 0);
}

/* All of that name but `keep`, which may be NULL. */
static bool remove_all_but(struct json *object, struct slice key, const struct json *keep)
{
    bool found = false;

    for (struct json *at = json_first(object), *next; at; at = next) {
        next = at->next;
        if (at != keep && slice_eq(at->key, key)) {
            json_detach(at);
            found = true;
        }
    }
    return found;
}

bool json_remove(struct json *object, struct slice key)
{
    return json_is(object, JSON_OBJECT) && remove_all_but(object, key, NULL);
}

void json_set(struct json *object, struct slice key, struct json *value)
{
    struct json *old = json_member(object, key);

    assert(object->type == JSON_OBJECT);
    if (old) {
        json_replace(old, value);
        remove_all_but(object, key, old);
    } else {
        value->key = key.ptr ? key : SLICE("");
        child_append(object, value);
    }
}
