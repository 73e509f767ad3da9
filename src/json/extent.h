/* extent.h - where a value ends, for text that comes in pieces.  For watch.c and cut.c. */
#ifndef JSON_EXTENT_H
#define JSON_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Follows strings, escapes and brackets; of any kind, so that a text which is
 * not JSON ends somewhere else, but harmlessly.  Zeroed storage is before the
 * first byte of a value, whitespace skipped.
 */
struct json_extent {
    uint64_t depth;
    bool started, in_string, escaped;
    bool scalar; // a number, true, false or null: only what follows says that it has ended
};

/**
 * `bytes` go on where the last ones stopped.  True when the value ends within them;
 * `*len` says how many are its own.  The byte after is then the caller's to look at, and
 * the extent is zeroed for the next value.
 */
bool json_extent_feed(struct json_extent *x, struct slice bytes, size_t *len);

static inline bool json_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
