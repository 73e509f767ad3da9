/* attempt.h - how an upstream request is made from an exchange. */
#ifndef EXCHANGE_ATTEMPT_H
#define EXCHANGE_ATTEMPT_H

#include "exchange/exchange.h"

/** The provider's own way to do (op, dialect), or NULL: it does not speak that. */
const struct channel_route *provider_route(const struct provider *p, enum operation op,
                                           enum dialect d);

/** Target, head and body pieces of at->call, from at->candidate, credential and route. */
enum err request_build(struct exchange *x, struct attempt *at);

/** Wipes the head, which holds the credential. */
void request_release(struct attempt *at);

#endif
