/* scan.h - is this text JSON, and where in it do a few top-level values stand. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "json/raw.h"

/*
 * The whole text is held against RFC 8259 and must be UTF-8, without a byte
 * order mark.  Beyond the grammar there are two limits, on nesting and on keys,
 * so that no text costs more than its length.  Nothing recurses, nothing is
 * allocated.  Accepted on purpose: any value at the top (not only an object),
 * numbers of any size, "\u0000", and escaped surrogates without their other half
 * (RFC 8259, 8.2, leaves that open; providers accept them).
 *
 * What is refused is ERR_BAD_REQUEST; the text names the byte, counted from 0,
 * and what was expected there.  It never quotes the body.
 */
#define JSON_MAX_DEPTH 128
#define JSON_MAX_KEYS  10000 // of one object

/* A top-level key that the caller asks for.  Keys are compared unescaped. */
struct json_want {
    struct slice key;
    bool no_duplicate; // to have it twice is refused; otherwise the last one counts
};

/* [start, end) of a value in the text, quotes and brackets included; `end` 0: it is absent. */
struct json_span {
    size_t start, end;
};

/** Fills `spans[count]`, one per want.  Where the top is no object, all are absent. */
enum err json_scan(struct slice text, const struct json_want *wants, size_t count,
                   struct json_span *spans, struct err_info *e);

/** The raw value; absent gives a NULL pointer. */
struct slice json_span_slice(struct slice text, struct json_span s);

/**
 * One key of an object, raw: the last one of that name.  An absent key is ERR_NONE and a
 * NULL pointer; so is a text that is no object.  What is not JSON is ERR_BAD_REQUEST and
 * absent, so that callers who know the text to be valid need not look at the result.
 */
enum err json_get(struct slice object, struct slice key, struct slice *value);

#endif
