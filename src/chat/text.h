/* text.h - text that is carried from one JSON document into another. */
#ifndef CHAT_TEXT_H
#define CHAT_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "json/tree.h"
#include "json/write.h"

/*
 * Most text that a translation meets goes from one JSON string into another and is looked
 * at by nobody.  So it stays as it was written: `escaped` text is what stood between the
 * quotes of a valid JSON string, and is copied as it is; other text is UTF-8 and is escaped
 * when it is written.  A NULL pointer means "absent"; "" has another.
 *
 * Pieces of escaped text may be joined byte by byte: half a surrogate pair at the end of a
 * delta is made whole by the next one.
 */
struct chat_text {
    struct slice s;
    bool escaped;
};

static inline struct chat_text text_plain(struct slice utf8)
{
    return (struct chat_text){utf8, false};
}

static inline bool text_is_absent(struct chat_text t)
{
    return !t.s.ptr;
}

static inline bool text_is_empty(struct chat_text t)
{
    return !t.s.len;
}

/** Of a string node; absent for NULL and for nodes of other kinds. */
struct chat_text text_of(const struct json *v);

/** Of a raw string literal, quotes included, that was found to be valid; absent for others. */
struct chat_text text_of_literal(struct slice literal);

/** As UTF-8: borrowed where there is nothing to unescape, else decoded into the arena. */
struct slice text_str(struct arena *a, struct chat_text t);

/** Appends UTF-8.  One piece only: what is escaped across pieces must be joined first. */
void text_append_plain(struct buf *out, struct chat_text t);

/** Appends what may stand between the quotes of a JSON string. */
void text_append_escaped(struct buf *out, struct chat_text t);

/** Is it this, unescaped? */
bool text_eq(struct chat_text t, struct slice s);

/** A JSON string value; null when absent. */
void json_value_text(struct json_writer *w, struct chat_text t);

/** `a` + `between` + `b`, escaped, in the arena. */
struct chat_text text_join(struct arena *arena, struct chat_text a, struct slice between,
                           struct chat_text b);

#endif
