/* splice.h - small changes to a JSON text, without building it anew. */
#ifndef JSON_SPLICE_H
#define JSON_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "json/scan.h"

/*
 * A list of edits (offset, length, replacement) over a text that json_scan()
 * has accepted and that stays as it is.  Everything outside the edits comes out
 * byte for byte.  Offsets and spans always count in the original text, and the
 * calls may come in any order: what the list says at any time is valid JSON.
 *
 * Replacements are borrowed until the result has been used; `raw` is JSON.
 */
#define JSON_SPLICE_FEW 16

struct json_edit {
    size_t at, len;   // what goes
    struct slice by;  // what comes
    struct slice key; // of a member that was not in the text; else a NULL pointer
};

struct json_splice {
    struct slice text;
    size_t count; // of edits
    /* private */
    struct arena *arena;
    struct json_edit *many; // once there are more than a few
    size_t cap;
    struct json_edit few[JSON_SPLICE_FEW];
};

/** The arena holds what does not fit in here: more edits, the text of new members. */
void json_splice_init(struct json_splice *s, struct arena *arena, struct slice text);

/** The edits, in order of `at`. */
const struct json_edit *json_splice_edits(const struct json_splice *s);

/**
 * Puts `by` in the place of the `len` bytes at `at`.  Edits within these are forgotten;
 * an edit within bytes that are gone already is not made.  Edits at one place that take
 * nothing away come out in the order in which they were made.
 */
void json_splice_add(struct json_splice *s, size_t at, size_t len, struct slice by);

/*
 * Members.  `object` is the span of the object (for the top: the whole text, whitespace
 * may be around it), `value` that of the member's value as json_scan() gave it.
 */

/** Replaces the value, or makes a new last member where it is absent.  False for no object. */
bool json_splice_put(struct json_splice *s, struct json_span object, struct json_span value,
                     struct slice key, struct slice raw);

/** Takes out the member that has this value, and its comma. */
void json_splice_drop(struct json_splice *s, struct json_span value);

/*
 * The same for callers that have not looked the key up.  They read the object, and take
 * out all but the last of members with that name.
 */
bool json_splice_set(struct json_splice *s, struct json_span object, struct slice key,
                     struct slice raw);
bool json_splice_remove(struct json_splice *s, struct json_span object, struct slice key);

/** The whole text as a span. */
struct json_span json_splice_top(const struct json_splice *s);

/** Where a value that was found in the text by other means stands in it. */
struct json_span json_splice_span(const struct json_splice *s, struct slice value);

/** How long the result is. */
size_t json_splice_len(const struct json_splice *s);

void json_splice_to_buf(const struct json_splice *s, struct buf *out);

/** The result for writev(): how many were filled, never empty ones; -1 when `max` is too few. */
int json_splice_to_iovec(const struct json_splice *s, struct iovec *iov, int max);

/** Always enough for json_splice_to_iovec(). */
static inline size_t json_splice_iovec_count(const struct json_splice *s)
{
    return 2 * s->count + 1;
}

#endif
