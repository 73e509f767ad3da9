/* relay.h - the ways of passing an answer on, one function for each. */
#ifndef EXCHANGE_RELAY_H
#define EXCHANGE_RELAY_H

#include "exchange/exchange.h"

/*
 * Each takes `bytes`, which is what http_body_peek() lends, and consumes what it is done
 * with; empty bytes mean that the answer has come to its end.  STAGE_AGAIN: give me more.
 */
enum verdict relay_whole(struct exchange *x, struct slice bytes);  // relay_body.c
enum verdict relay_flow(struct exchange *x, struct slice bytes);   // relay_body.c
enum verdict relay_events(struct exchange *x, struct slice bytes); // relay_stream.c
enum verdict relay_items(struct exchange *x, struct slice bytes);  // relay_stream.c

void relay_start(struct exchange *x, int status, int64_t length);
void relay_write(struct exchange *x, struct slice bytes);
enum verdict relay_done(struct exchange *x);
enum verdict relay_break(struct exchange *x, enum err code, const char *why);

#endif
