/* settle.h - accounting: what an exchange's record says. */
#ifndef EXCHANGE_SETTLE_H
#define EXCHANGE_SETTLE_H

#include "exchange/exchange.h"

/** What is known of it before an upstream is called, and what was reserved. */
void settle_fill_intent(const struct exchange *x, struct usage_record *r);

/**
 * An upstream had the request and had not begun to answer when the client left, the time was
 * over or the process was to end: what that came to nobody will know, and what was reserved for
 * it is charged, where it is to be.
 */
bool settle_is_unknown(const struct exchange *x);

/** Counting tokens costs nothing, wherever it is done; nor do files. */
bool settle_is_free(const struct exchange *x);

#endif
