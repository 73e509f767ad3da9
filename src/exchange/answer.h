/* answer.h - what the gateway itself says to a client. */
#ifndef EXCHANGE_ANSWER_H
#define EXCHANGE_ANSWER_H

#include "base/buf.h"
#include "exchange/exchange.h"

/** The header lines that every answer of an exchange carries: ids, CORS. */
void answer_write_fields(const struct exchange *x, struct buf *out);

/** x->err in the client's dialect, as a whole answer; the client must not be committed. */
void answer_error(struct exchange *x);

/** A whole answer with a body of ours. */
void answer_send(struct exchange *x, int status, const char *content_type, struct slice body);

#endif
