/* glob.h - patterns for names of models. */
#ifndef WIRE_GLOB_H
#define WIRE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

#define GLOB_MAX_BYTES 512 // of a pattern

/*
 *   *        any characters, none too; '/' is nothing special
 *   ?        one character
 *   [a-z_]   one character of these; [!a-z] and [^a-z]: one that is none of these;
 *            ']' stands for itself when it comes first, '-' when first or last
 *   \x       x itself, in and out of brackets
 *
 * Case counts.  A character is one of UTF-8, or one byte that is not UTF-8.
 * Time is bounded by pattern times text.
 */

/** Says what is wrong: ERR_BAD_REQUEST. */
enum err glob_validate(struct slice pattern, struct err_info *e);

/** A pattern that is not valid matches nothing. */
bool glob_match(struct slice pattern, struct slice text);

/** No wildcard and no backslash: the pattern matches the same bytes and nothing else. */
bool glob_is_literal(struct slice pattern);

/** How many bytes of text are fixed before the first wildcard: the more, the more specific. */
size_t glob_literal_prefix_len(struct slice pattern);

/** How many bytes of text are fixed in all. */
size_t glob_literal_len(struct slice pattern);

#endif
