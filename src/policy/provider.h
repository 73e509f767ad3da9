/* provider.h - whose turn among a provider's credentials it is. */
#ifndef POLICY_PROVIDER_H
#define POLICY_PROVIDER_H

#include "policy/snapshot.h"

#define PROVIDER_MAX_TURNS 1024

/**
 * Once all credentials are there: those of weight 0 go behind the others (`regular_count` of
 * them), and the order of turns is made, in `a`.  Turns are smooth: of weights 5, 1, 1 the
 * order is 0 0 1 0 2 0 0.  Shares are exact where they fit into PROVIDER_MAX_TURNS turns, and
 * close to it otherwise; nobody is left out.  When all weights are 0, they are equal.
 */
void provider_order_turns(struct provider *p, struct arena *a);

/**
 * The credential for the next try of a request: at first (`tried` is 0) the one whose turn it
 * is, which is noted in `first`; then those behind it, round to the one before it; at last those
 * of weight 0.  So each comes once, for `tried` below `credential_count`.
 */
const struct credential *provider_pick(const struct provider *p, size_t tried, unsigned *first);

#endif
