/* record.h - what is written down about one exchange: the usage row. */
#ifndef POLICY_RECORD_H
#define POLICY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/slice.h"
#include "chat/dialect.h"
#include "chat/usage.h"

enum outcome {
    OUTCOME_OK,             // the client has the whole answer
    OUTCOME_UPSTREAM_ERROR, // the upstream answered with an error, or none at all
    OUTCOME_UPSTREAM_CUT,   // the upstream's answer broke off after it had begun
    OUTCOME_CLIENT_ABORT,   // the client went away
    OUTCOME_TIMEOUT,        // a deadline of ours passed
    OUTCOME_SHUTDOWN,       // cut by our own shutdown
    OUTCOME_UNKNOWN,        // in flight when the process died
};

const char *outcome_name(enum outcome o); // "ok", "upstream_error", ...

/*
 * One finished exchange.  Names are copied into the record, so that a row says
 * what was true at the time whatever is renamed or deleted later.  Slices are
 * borrowed; the journal copies them.
 */
struct usage_record {
    char id[ID_TEXT_BYTES]; // the exchange's, a unique key of the ledger
    int64_t started_unix_ms;
    int64_t user_id, key_id, provider_id, credential_id; // 0: none
    enum operation operation;
    enum dialect dialect; // the client's
    enum dialect upstream_dialect;
    enum outcome outcome;
    enum usage_source source;
    int http_status;     // what the client got (or would have got)
    int upstream_status; // 0: no answer
    bool stream;
    unsigned attempts;
    enum err err;                                // ERR_NONE when all went well
    int64_t connect_ms, first_byte_ms, total_ms; // since the start; -1: never happened
    int64_t request_bytes, response_bytes;       // bodies, as on the wire with the client
    struct chat_usage usage;
    int64_t cost_nusd;      // of an intent: what was reserved for it
    int64_t price_id;       // by which price (policy/price.h); 0: none
    enum service_tier tier; // as upstream reported it
    bool priced;            // false: no price was known, cost_nusd is 0
    struct slice user, key_label, provider, model, alias; // model: the upstream's id
    struct slice asked_model;                             // the name the client sent
    struct slice client_request_id;
};

#endif
