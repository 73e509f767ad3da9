/* local.h - answers that are made here: echo's, and counts of tokens. */
#ifndef EXCHANGE_LOCAL_H
#define EXCHANGE_LOCAL_H

#include "exchange/exchange.h"

/** Whether the candidate's answer is made here, and nobody is called. */
bool local_is_for(const struct exchange *x, const struct candidate *c);

/** Makes x->local. */
enum verdict local_answer(struct exchange *x, const struct candidate *c);

/**
 * Where upstream has no counter of tokens (or not for this model), they are counted here:
 * clients depend on a number.  True when the attempt failed for that, and x->local is made.
 */
bool local_counts_instead(struct exchange *x);

#endif
