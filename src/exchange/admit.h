/* admit.h - what an exchange may use is set aside before an upstream is called, and settled after. */
#ifndef EXCHANGE_ADMIT_H
#define EXCHANGE_ADMIT_H

#include "exchange/exchange.h"

/** What the exchange asks its limits and quotas for; candidates without a price it may have to lose. */
void admit_ask(struct exchange *x, struct reserve_ask *ask);

/** What the request is likely to use of the candidate, if it makes all the output that it may. */
void admit_foresee(const struct exchange *x, const struct candidate *c, struct chat_usage *out);

/**
 * The exchange turns to x->candidate, which may fall under limits that nothing was held for
 * yet.  ERR_RATE_LIMIT: this candidate may not be asked now; others may.
 */
enum err admit_candidate(struct exchange *x, struct err_info *e);

/**
 * What attempt_prepare() has made is what upstream bills, and it may ask for more than the
 * client's own words did: what was said before and is kept here, thinking beside the answer, a
 * rule's doing.  Fills in what that may take beside `spent`, which earlier rounds of the answer
 * have used (NULL: there were none); false: what is held already counts.
 */
bool admit_attempt_ask(const struct exchange *x, const struct attempt *at,
                       const struct chat_usage *spent, struct reserve_ask *ask);

/** Holds that as well.  ERR_QUOTA, ERR_RATE_LIMIT: it does not fit, and is not to be asked. */
enum err admit_attempt(struct exchange *x, const struct attempt *at, const struct chat_usage *spent,
                       struct err_info *e);

/** What was used takes the place of what was set aside; once, later calls do nothing. */
void admit_settle(struct exchange *x, const struct usage_record *r);

/** No upstream was asked: nothing was used, and nothing counts. */
void admit_release(struct exchange *x);

/** Header lines that say what is left of the caller's limits, in the words of its dialect. */
void admit_write_fields(const struct exchange *x, struct buf *out);

#endif
