/* cut.h - the elements of a top-level array, as they come. */
#ifndef JSON_CUT_H
#define JSON_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "json/extent.h"

/*
 * Gemini streams an answer without SSE as one array, an element at a time.  A
 * relay holds what came and is not used yet, and asks:
 *
 *     while (json_cut_next(&cut, buf_peek(&held), &len, &element) == JSON_CUT_ELEMENT) {
 *         ... element ...
 *         buf_consume(&held, len);
 *     }
 *     buf_consume(&held, len);
 *
 * `unread` starts where `consumed` of the call before ended, with the same bytes
 * as then and perhaps more behind them; no byte is looked at twice.  Elements are
 * found by strings and brackets and are not validated; commas and the array's own
 * brackets are.  Zeroed storage is at the start.
 */
enum json_cut_result {
    JSON_CUT_MORE,    // no whole element yet
    JSON_CUT_ELEMENT, // one that ends where `consumed` does
    JSON_CUT_CLOSED,  // the array has ended; the same at every later call
    JSON_CUT_BROKEN,  // no array, or not one as JSON has it; the same at every later call
};

struct json_cut {
    uint64_t offset; // of the first byte of the next `unread` in all that came
    /* private */
    enum { CUT_BEFORE, CUT_FIRST, CUT_AFTER, CUT_NEXT, CUT_IN, CUT_CLOSED, CUT_BROKEN } state;
    size_t scanned; // bytes of the next `unread` that have been looked at
    struct json_extent extent;
};

/** `consumed` is always set: what the caller is to forget before the next call. */
enum json_cut_result json_cut_next(struct json_cut *c, struct slice unread, size_t *consumed,
                                   struct slice *element);

/** Did the array end?  An answer that stops without it was cut short. */
static inline bool json_cut_closed(const struct json_cut *c)
{
    return c->state == CUT_CLOSED;
}

#endif
