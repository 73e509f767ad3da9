/* limits.h - the settings that the data plane reads. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Milliseconds; see spec.md 8. */
struct timeouts {
    int64_t connect_ms;    // 10 s
    int64_t first_byte_ms; // 300 s
    int64_t idle_ms;       // 120 s between chunks
    int64_t request_ms;    // 600 s for a buffered answer, none for a stream
};

/* What happens to whoever has a quota and asks for what has no price (spec.md 6). */
enum unpriced { UNPRICED_DENY_UNDER_QUOTA, UNPRICED_ALLOW, UNPRICED_DENY };

/* What is charged for exchanges that were running when the process died (hardening.md P3). */
enum on_unknown { ON_UNKNOWN_RELEASE, ON_UNKNOWN_CHARGE_ESTIMATE };

/* What happens when the ledger cannot take more records (hardening.md P6). */
enum ledger_full { LEDGER_FULL_DENY, LEDGER_FULL_SERVE_UNACCOUNTED };

/* What happens to requests that speak of files which did not come through here. */
enum unknown_files { UNKNOWN_FILES_REFUSE, UNKNOWN_FILES_PASS };

/* How much of requests and answers is logged. */
enum log_detail { LOG_DETAIL_OFF, LOG_DETAIL_METADATA, LOG_DETAIL_BODIES };

struct request_log_settings {
    enum log_detail downstream, upstream;
    int64_t max_body_bytes;  // of each body, the rest is cut off
    int64_t days, max_bytes; // how long and how much is kept
};

/* How long an upstream is listened to whose client has gone (hardening.md P4). */
struct drain_limits {
    int64_t ms; // 0: it is cancelled at once
    int64_t max_bytes;
};

/* Each has its default; the table in limits.c has names, bounds and help. */
struct limits {
    int64_t max_body_bytes;              // 64 MiB
    int64_t max_inflight_body_bytes;     // 1 GiB
    int64_t response_ttl_ms;             // 0: Responses are not kept for upstreams without state
    int64_t max_translated_answer_bytes; // 32 MiB: of an answer that a translation gathers
    int64_t max_answer_buffer_bytes;     // 64 KiB: a buffered answer over it flows
    int64_t max_attempts;                // 6, for one exchange
    int64_t shutdown_timeout_ms;         // 30 s
    bool allow_private;                  // upstreams on loopback and private addresses
    struct slice cors_origins;           // "*" or a comma-separated list
    enum unpriced unpriced;
    enum on_unknown on_unknown;
    enum unknown_files unknown_files;
    enum ledger_full ledger_full;
    int64_t reserve_max_output; // tokens of output reserved at most where the client names no bound
    int64_t usage_days;         // usage rows are kept so long; 0: for ever; roll-ups stay
    int64_t audit_days;
    struct request_log_settings log;
    struct drain_limits drain_on_abort;
    struct timeouts timeouts; // of a provider that says nothing else
};

void limits_set_defaults(struct limits *l);

/**
 * Takes one setting: a name with dots and its value ("network.allow_private", true), or a
 * group and its object ("network", {"allow_private": true}).  Unknown names, wrong types and
 * values out of bounds are ERR_BAD_REQUEST and leave `l` as it was.  Text is copied into `a`.
 */
enum err limits_set(struct limits *l, struct slice name, struct slice json, struct arena *a,
                    struct err_info *e);

/** A provider's own timeouts, a JSON object of some of the fields, over what stands in `t`. */
enum err timeouts_read(struct timeouts *t, struct slice json, struct arena *a, struct err_info *e);

#endif
