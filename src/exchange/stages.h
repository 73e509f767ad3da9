/* stages.h - the stages by name; the table that orders them is in stages.c. */
#ifndef EXCHANGE_STAGES_H
#define EXCHANGE_STAGES_H

#include "exchange/exchange.h"

enum verdict stage_receive(struct exchange *x);      // receive.c
enum verdict stage_authenticate(struct exchange *x); // receive.c
enum verdict stage_resolve(struct exchange *x);      // resolve.c
enum verdict stage_refer(struct exchange *x);        // refer.c
enum verdict stage_admit(struct exchange *x);        // admit.c
enum verdict stage_attempt(struct exchange *x);      // attempt.c
enum verdict stage_relay(struct exchange *x);        // relay.c
enum verdict stage_settle(struct exchange *x);       // settle.c

/** The model lists, in models.c: makes x->local. */
enum verdict models_answer(struct exchange *x);

/** STAGE_NEXT once x->body is whole; resolve.c. */
enum verdict resolve_gather(struct exchange *x);

/** Ends the attempt that runs, if any; its connection goes back or is closed. */
void attempt_release(struct exchange *x);

/**
 * Writes the record of how it ended, once; before the end of the answer is released to
 * the client.  False: the journal has no room, or the record is not safe there yet: try again
 * (exchange_wake_at has been set).
 */
bool settle_record(struct exchange *x);

/** The record is written, and the client's answer may not end before it is safe. */
bool settle_is_pending(const struct exchange *x);

/** Begins to listen to an answer, anew. */
void settle_listen(struct exchange *x, enum dialect d, enum operation op, enum framing framing);

/** Usage by what was seen, where the provider gave no final figures. */
void settle_estimate(struct exchange *x);

#endif
