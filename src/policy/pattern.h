/* pattern.h - many patterns of model names, made ready to be asked often. */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/*
 * A set of globs (wire/glob.h), fixed when it is made.  What a name is held against does
 * not grow with the set: patterns are found by the literal text that they begin with, so
 * that only those are tried which begin as the name does, and those that begin with a
 * wildcard.  A pattern that is not valid is in the set and matches nothing.
 *
 * Of two patterns the more specific one is: the one without any wildcard; else the one
 * with more literal text at its beginning; else the one with more literal text in all;
 * else the one that stands first.
 */
struct pattern_set;

/** Lives in `a`, and borrows the bytes of the patterns.  `seed` as for tables. */
const struct pattern_set *pattern_set_new(struct arena *a, const struct slice *patterns,
                                          size_t count, uint64_t seed);

/** Whether any pattern matches.  Of a NULL set: none. */
bool pattern_set_any(const struct pattern_set *set, struct slice name);

/** The index of the most specific pattern that matches one of the names; -1: none does. */
long pattern_set_best(const struct pattern_set *set, const struct slice *names, size_t count);

typedef void pattern_fn(void *ctx, size_t index);

/** Each pattern that matches, in order of index. */
void pattern_set_each(const struct pattern_set *set, struct slice name, pattern_fn *each,
                      void *ctx);

/** Whether that one pattern matches. */
bool pattern_set_matches(const struct pattern_set *set, size_t index, struct slice name);

#endif
