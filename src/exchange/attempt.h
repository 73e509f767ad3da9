/* attempt.h - how an upstream request is made from an exchange. */
#ifndef EXCHANGE_ATTEMPT_H
#define EXCHANGE_ATTEMPT_H

#include "exchange/exchange.h"

/** Target, head and body pieces of at->call, from at->candidate, credential and route. */
enum err request_build(struct exchange *x, struct attempt *at);

/** Wipes the head, which holds the credential. */
void request_release(struct attempt *at);

#endif
