/* remember.h - what a client's next turn may need: reasoning that it forgets, Responses' items. */
#ifndef EXCHANGE_REMEMBER_H
#define EXCHANGE_REMEMBER_H

#include "exchange/exchange.h"

/** Hears an answer that is being translated; at its end what was thought is stored. */
void remember_event(struct exchange *x, const struct chat_event *ev);

/** Puts back what the client's conversation has lost (mapping.md 2.9). */
void remember_fill(struct exchange *x, struct chat_request *request);

/**
 * Responses, where the operator keeps them (response_ttl_ms): a request that goes on with an
 * earlier one gets its items; `body` is then the expanded one.  ERR_BAD_REQUEST: it is not here.
 */
enum err remember_expand(struct exchange *x, struct slice *body, struct err_info *e);

/** Keeps the items of an answer that has come to its end; `tail` holds the final object. */
void remember_response(struct exchange *x, struct slice tail);

#endif
