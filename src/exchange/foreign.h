/* foreign.h - requests that go upstream in another dialect than the client's. */
#ifndef EXCHANGE_FOREIGN_H
#define EXCHANGE_FOREIGN_H

#include "chat/envelope.h"
#include "exchange/exchange.h"
#include "policy/routing.h"

/**
 * What the candidate's provider does with the request: its routing table's cell, and beyond it
 * what the model demands (mapping.md 2.19: OpenAI's tools and some models want Responses).
 */
struct cell foreign_cell(const struct exchange *x, const struct candidate *c);

/** What is known of the candidate's model where upstream speaks that dialect; never NULL. */
const struct chat_model *foreign_model(const struct candidate *c, enum dialect upstream);

/** For envelopes of this exchange's user. */
const struct chat_seal *foreign_seal(struct exchange *x);

/** Where the attempt's request goes, for those who write it. */
struct chat_target foreign_target(const struct exchange *x, const struct attempt *at);

/** What the request had to leave out: for the answer's header, and the debug log. */
void foreign_note(struct exchange *x, const struct chat_request *r);

/** The client's body in the vocabulary, with what it goes on with. */
enum err foreign_read(struct exchange *x, struct chat_request *out, struct err_info *e);

/**
 * Reads the client's body and writes x->foreign_body for at->dialect; sets at->asked and
 * x->dropped.  ERR_BAD_REQUEST: this target cannot carry the request.
 */
enum err foreign_build(struct exchange *x, struct attempt *at);

/** Header lines of `forward` that mean something to every vendor. */
void foreign_write_fields(struct slice forward, struct buf *out);

/** Did upstream refuse the reasoning of the conversation so far (and nothing else)? */
bool foreign_reasoning_refused(const struct attempt *at, struct slice body);

#endif
