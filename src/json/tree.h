/* tree.h - a JSON text as a tree that remembers where each value stood. */
#ifndef JSON_TREE_H
#define JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * Nodes live in the arena; they borrow the text, which must live as long.
 * What the text may be, and its limits, are those of json_scan().  Nothing
 * recurses.  Of members with equal keys all are kept, in order; a look-up
 * answers the last.
 *
 * Reading functions accept NULL for "there is no such value", so that look-ups
 * can be chained:
 *
 *     json_to_int(json_member(json_member(body, SLICE("usage")), SLICE("input")), &n)
 *
 * A tree may be changed and written out again with json_write_tree(): what was
 * not changed comes out byte for byte.
 */
enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    struct slice source; // the raw value in its text; of a changed array or object: no longer true
    struct slice key;    // of a member, unescaped; elsewhere a NULL pointer
    struct json *first;  // of the members or items
    struct json *next;   // sibling
    struct json *parent;
    uint32_t count; // members or items
    uint8_t type;   // enum json_type
    bool changed;   // it, or something in it
};

/** ERR_BAD_REQUEST as for json_scan(); ERR_TOO_LARGE where the arena's limit ends it. */
enum err json_parse(struct arena *a, struct slice text, struct json **out, struct err_info *e);

static inline bool json_is(const struct json *v, enum json_type type)
{
    return v && v->type == type;
}

/** The first member or item; NULL where there is none. */
static inline struct json *json_first(const struct json *v)
{
    return v ? v->first : NULL;
}

/* Members or items in order.  `v` may be NULL or a scalar: nothing then. */
// NOLINTNEXTLINE(bugprone-macro-parentheses): `at` is the name that the loop declares
#define json_for_each(at, v) for (struct json *at = json_first(v); at; at = at->next)

struct json *json_member(const struct json *object, struct slice key);
struct json *json_item(const struct json *array, size_t i); // takes `i` steps

/**
 * The string, borrowed from the text or, where it holds escapes, decoded into the arena
 * at every call.  A NULL pointer when `v` is no string; "" has another.
 */
struct slice json_str(struct arena *a, const struct json *v);

/** Each is false, and `out` untouched, when `v` is of another kind. */
bool json_to_int(const struct json *v, int64_t *out); // as json_int()
bool json_to_double(const struct json *v, double *out);
bool json_to_bool(const struct json *v, bool *out);

/*
 * New nodes to put into a tree.  Each may be put into one place only.
 */
struct json *json_new_object(struct arena *a);
struct json *json_new_array(struct arena *a);
struct json *json_new_string(struct arena *a, struct slice s);
struct json *json_new_int(struct arena *a, int64_t value);
struct json *json_new_bool(struct arena *a, bool value);
struct json *json_new_null(struct arena *a);

/**
 * Gives the object one member of that name: in the place of the last that there was, or at
 * the end.  The key is borrowed.  `value` itself is then no longer to be used.
 */
void json_set(struct json *object, struct slice key, struct json *value);

/** Puts `value` in the place of `old`, which may be the top. */
void json_replace(struct json *old, struct json *value);

/** Takes all members of that name out; false when there was none. */
bool json_remove(struct json *object, struct slice key);

/** Takes `v` out of what it is in. */
void json_detach(struct json *v);

void json_append(struct json *array, struct json *value);

#endif
