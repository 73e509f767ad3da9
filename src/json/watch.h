/* watch.h - a few top-level values of a body that flows by in pieces. */
#ifndef JSON_WATCH_H
#define JSON_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "json/cut.h"
#include "json/extent.h"

/*
 * For bodies that are not held: it is told every byte once, in pieces of any
 * size, and reports what it finds of the keys it watches for.  Memory is bounded
 * by `limit_bytes`.  It follows strings and brackets but does not validate: of a
 * text that is not JSON the reports mean nothing, and of one that is no object
 * there are none.
 *
 * A key that occurs twice is reported twice.
 */
#define JSON_WATCH_KEY_BYTES \
    192 // of a key as it stands; a watched key of 32 bytes fits, however escaped

enum json_watch_event {
    JSON_WATCH_BEGINS,    // the value's first byte has come: `start`
    JSON_WATCH_VALUE,     // all of it: `start`, `end`, `value`
    JSON_WATCH_TOO_LARGE, // over the limit, no more of this one will be reported: `start`
};

struct json_watch_report {
    enum json_watch_event event;
    size_t key;          // index into `keys`
    uint64_t start, end; // of the value, counted from the first byte ever fed
    struct slice value;  // raw, until the callback returns
};

typedef void json_watch_fn(void *ctx, const struct json_watch_report *report);

struct json_watch {
    const struct slice *keys; // [key_count], borrowed; at most 32 bytes each
    size_t key_count;
    size_t limit_bytes; // of one value
    /* private */
    uint64_t at, start;
    size_t key; // whose value this is; key_count when nobody asked for it
    enum { WATCH_TOP, WATCH_KEY, WATCH_IN_KEY, WATCH_COLON, WATCH_IN_VALUE, WATCH_OVER } state;
    struct json_extent extent;
    struct buf capture;
    size_t literal_len; // of the key; beyond the room: too long to be one of ours
    char literal[JSON_WATCH_KEY_BYTES + 2];
};

void json_watch_init(struct json_watch *w, const struct slice *keys, size_t key_count,
                     size_t limit_bytes);
void json_watch_release(struct json_watch *w);

/** Reports in order of the bytes; `report` must not feed or release the watch. */
void json_watch_feed(struct json_watch *w, struct slice bytes, json_watch_fn *report, void *ctx);

#endif
