/* attempt.h - how an upstream request is made from an exchange. */
#ifndef EXCHANGE_ATTEMPT_H
#define EXCHANGE_ATTEMPT_H

#include "exchange/exchange.h"

/**
 * Turns to that candidate by that credential: in which dialect, and by which door; a body in
 * another dialect is written here, with what rules make of it.
 */
enum err attempt_prepare(struct exchange *x, const struct candidate *c,
                         const struct credential *credential);

/** One step of the call that is under way; STAGE_AGAIN: its state has changed. */
enum verdict attempt_step(struct exchange *x);

/** Calls the same one with what x->foreign_body is by now; the call before has been released. */
void attempt_repeat(struct exchange *x);

/** Says in the log why it failed. */
void attempt_log_failure(const struct exchange *x);

/**
 * Nobody else is asked.  STAGE_NEXT: upstream said why, and the client is to hear it
 * (RELAY_ERROR); STAGE_FAIL: x->err says it.
 */
enum verdict attempt_give_up(struct exchange *x);

/** What of the client's body is passed on to an upstream that speaks its dialect. */
enum err request_native_body(struct exchange *x, struct attempt *at);

/** Target, head and body pieces of at->call, from at->candidate, credential and route. */
enum err request_build(struct exchange *x, struct attempt *at);

/** Wipes the head, which holds the credential. */
void request_release(struct attempt *at);

#endif
