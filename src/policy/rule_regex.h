/* rule_regex.h - regular expressions over text that strangers send. */
#ifndef POLICY_RULE_REGEX_H
#define POLICY_RULE_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define RULE_PATTERN_BYTES     4096
#define RULE_REPLACEMENT_BYTES 65536
#define RULE_TEXT_BYTES        ((size_t)4 << 20) // a longer text is left alone

/*
 * PCRE2 in UTF mode, compiled for the machine where it can be.  The replacement knows $1,
 * ${1}, ${name} and $$.
 *
 * How long a pattern may work is counted, not timed, so that the same text always gives the
 * same: every item of the pattern that is tried anywhere is a step.  (PCRE2's own match limit
 * starts anew at every character, and its compiled code does not count loops over one
 * character: " +$" over a million spaces would be within it, and take minutes.)
 */
struct rule_regex;

/** ERR_BAD_REQUEST names `pattern` or `replacement`, and the character.  Lives in `a`. */
enum err rule_regex_compile(struct slice pattern, struct slice replacement, struct arena *a,
                            const struct rule_regex **out, struct err_info *e);

/* One run over the texts of one body. */
struct rule_matcher;
struct rule_matcher *rule_matcher_new(const struct rule_regex *r);
void rule_matcher_free(struct rule_matcher *m);

enum rule_match {
    RULE_MATCH_NONE,
    RULE_MATCH_SOME,  // `out` holds the new text
    RULE_MATCH_STEPS, // it took too many steps; the matcher is used up
    RULE_MATCH_LONG,  // the text, or what it would become, is longer than `limit`
    RULE_MATCH_ERROR, // out of memory, or a match that ends before it begins
};

/** `text` is UTF-8; `out` is cleared first.  What is no longer than RULE_TEXT_BYTES is looked at. */
enum rule_match rule_matcher_replace(struct rule_matcher *m, struct slice text, size_t limit,
                                     struct buf *out);

#endif
