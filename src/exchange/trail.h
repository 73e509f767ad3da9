/* trail.h - what the request log is told of an exchange and of its attempts. */
#ifndef EXCHANGE_TRAIL_H
#define EXCHANGE_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/server.h"
#include "store/request_log.h"

struct exchange;
struct head;

/*
 * Settings say for each side, the client's and the upstream's, how much is kept (policy/limits.h).
 * Where they say "off", each of these calls is one branch.  Heads and bodies are listened to where
 * they pass (http/server.h, http/body.h), so that what is kept is what was on the wire; of bodies
 * that are held anyway, a copy is made when they are done with.
 */
struct trail {
    struct request_log_entry *exchange; // NULL: nothing is logged
    struct request_log_entry *attempt;  // NULL: none runs, or it is not logged
    struct http_response_tap tap;
    int64_t attempt_began_at_ms, first_attempt_at_ms; // monotonic; 0: never
    unsigned attempts;                                // that were logged
};

/** Once.  `head` is NULL where it could not be read; `key` is the client's, or empty. */
void trail_begin(struct exchange *x, const struct head *head, struct slice key);

/** Before x->attempt's request is built. */
void trail_attempt_begin(struct exchange *x);

/** Its answer's head is here. */
void trail_attempt_head(struct exchange *x, const struct head *head);

/** While all that x->attempt's call points to still stands; again: nothing. */
void trail_attempt_end(struct exchange *x);

/** The exchange has settled. */
void trail_end(struct exchange *x);

#endif
