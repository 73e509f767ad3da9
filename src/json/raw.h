/* raw.h - single JSON values as they stand in a text. */
#ifndef JSON_RAW_H
#define JSON_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/*
 * A raw value is a piece of a text that json_scan() or json_parse() has
 * accepted, without whitespace around it.  Absent values, with a NULL pointer,
 * are of no kind and read as nothing.  No function here reads beyond its slice,
 * whatever is in it.
 */
bool json_is_string(struct slice value);
bool json_is_number(struct slice value);
bool json_is_object(struct slice value);
bool json_is_array(struct slice value);
bool json_is_true(struct slice value);
bool json_is_false(struct slice value);
bool json_is_null(struct slice value);

/**
 * What stands between the quotes, borrowed, is the string itself; false when it holds escapes
 * (`inside` is set all the same) and when it is no string (`inside` is not).
 */
bool json_string_plain(struct slice literal, struct slice *inside);

/**
 * Appends the string that the literal (with its quotes) stands for, as UTF-8; half a
 * surrogate pair becomes U+FFFD.  False, and nothing is appended, when it is no string.
 */
bool json_string_decode(struct slice literal, struct buf *out);

/** As above, into `out`, which has room for as many bytes as `inside`; the quotes are off. */
size_t json_string_decode_to(struct slice inside, char *out);

/** Is `s` what the string literal stands for? */
bool json_string_eq(struct slice literal, struct slice s);

/**
 * A whole number, however it is written: 12, 12.0 and 1.2e1 are all 12.  Beyond the
 * range of int64_t it is the nearest bound.  False for 12.5 and for what is no number.
 */
bool json_int(struct slice literal, int64_t *out);

/** The nearest double; an overflow is infinite.  False for what is no number. */
bool json_double(struct slice literal, double *out);

#endif
