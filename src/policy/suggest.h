/* suggest.h - what somebody may have meant who asked for a model that is not there. */
#ifndef POLICY_SUGGEST_H
#define POLICY_SUGGEST_H

#include <stddef.h>

#include "policy/snapshot.h"

/**
 * Writes ": did you mean 'a', 'b' or 'c'?" with at most three close names that `key` may
 * send, within `scope` when it is given; an empty string when there is none.  The work is
 * bounded, whatever is asked for and however many models there are.
 */
void suggest_names(const struct snapshot *s, const struct key *key, const struct provider *scope,
                   struct slice asked, char *out, size_t size);

/**
 * How many letters must be changed, added or left out to make one of the other, case aside;
 * `most` + 1 when more than `most`.
 */
unsigned suggest_distance(struct slice a, struct slice b, unsigned most);

#endif
