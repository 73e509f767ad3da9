/* explain.h - what would be done with a request, and why; nothing is sent. */
#ifndef EXCHANGE_EXPLAIN_H
#define EXCHANGE_EXPLAIN_H

#include <stdint.h>

#include "base/buf.h"
#include "exchange/gateway.h"
#include "policy/snapshot.h"
#include "wire/head.h"

struct explain_ask {
    const struct head *head; // as a client would send it, its key included
    struct slice body;
    int64_t key_id; // of the key to take in place of the head's; 0: the head's
};

/**
 * Appends one JSON object.  The request goes through the same stages as any other up to the
 * point where it would be sent: every candidate's request is made, none leaves, nothing is
 * reserved and nothing recorded.  Where a stage refuses, `error` says why and the object
 * holds what was found out by then.
 *
 * What is left of limits and quotas is what the snapshot's accounts know.
 */
void explain_request(struct gateway *g, struct snapshot *s, const struct explain_ask *ask,
                     struct buf *json);

#endif
