/* account.h - what a user may still do and spend: exact, whatever worker asks. */
#ifndef POLICY_ACCOUNT_H
#define POLICY_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "policy/limits.h"
#include "policy/snapshot.h"

/*
 * One account a user, with all that its keys may do: the windows of rate limits, what
 * runs, what was spent and what is reserved.  Everything in it stands under one short
 * spinlock, so that a reservation against several limits and quotas is one act: all or
 * nothing (design.md 2).  Nothing here blocks, allocates from the heap or reads a clock.
 *
 * Accounts are found through the snapshot and outlive it (policy_state): a changed row
 * keeps its window, and what was spent is spent, whatever quota there is today.
 */
struct account;

/* What an exchange asks for before an upstream is called. */
struct reserve_ask {
    const struct key *key;
    struct slice asked_model;        // as the client sent it
    const struct provider *provider; // of the candidate that comes next,
    struct slice model;              // and the upstream's id there
    int64_t tokens;                  // estimated, for limits of tokens
    int64_t cost_nusd;               // at most, for quotas
    bool is_priced;                  // false: no price is known, cost_nusd is 0
    enum unpriced unpriced;          // what then
    int64_t now_ms, now_unix_ms;     // monotonic, wall
};

/* What is left of the tightest limits, for x-ratelimit-* headers; limits of -1: there is none. */
struct rate_status {
    int64_t limit_requests, left_requests, reset_requests_ms; // until all are free again
    int64_t limit_tokens, left_tokens, reset_tokens_ms;
};

struct held;

/* What one exchange holds.  All zero: nothing. */
struct reservation {
    struct rate_status status; // as of the last call
    int64_t tokens, cost_nusd; // what is held
    /* private */
    struct account *account;
    struct held *held; // in the arena
    const struct key *key;
    bool is_held;
};

/**
 * Holds all that the request falls under, or nothing: ERR_QUOTA or ERR_RATE_LIMIT, which
 * say which limit it was and what to do, with e->retry_after_ms where time helps.  `status`
 * is filled in either way.  A request that is refused is not counted.
 */
enum err account_reserve(struct reservation *r, const struct reserve_ask *ask, struct arena *a,
                         struct err_info *e);

/**
 * The exchange goes on to another candidate: holds what that one falls under as well, or
 * ERR_RATE_LIMIT (ERR_QUOTA where it has no price and would need one) and what was held
 * stays.  Money was reserved for the dearest of all.
 */
enum err account_extend(struct reservation *r, const struct reserve_ask *ask, struct arena *a,
                        struct err_info *e);

/**
 * It turns out that the request may take more than was thought: holds at least ask's tokens
 * and cost, or says ERR_QUOTA or ERR_RATE_LIMIT, and what was held stays.
 */
enum err account_raise(struct reservation *r, const struct reserve_ask *ask, struct err_info *e);

/**
 * What really was used takes the place of what was held; whatever ran no longer does.  Money
 * goes to the period in which it was reserved.  Nothing happens where nothing is held.
 */
void account_settle(struct reservation *r, int64_t tokens, int64_t cost_nusd, int64_t now_ms,
                    int64_t now_unix_ms);

/** Nothing came of it: as if it had never been asked for. */
void account_release(struct reservation *r, int64_t now_ms);

/** Whether how much a request uses matters to anyone: there is a quota, or a limit of tokens. */
bool account_is_limited(const struct key *key);
bool account_has_quota(const struct key *key);

/* Why requests were refused, for metrics. */
enum limit_kind {
    LIMIT_RPM, // those of enum limit_figure first, in its order
    LIMIT_RPD,
    LIMIT_TPM,
    LIMIT_TPD,
    LIMIT_CONCURRENT,
    LIMIT_QUOTA,
    LIMIT_UNPRICED, // there is no price, and there has to be one
    LIMIT_BAD_ROW,  // a rate_limit row that is not valid
    LIMIT_KIND_COUNT,
};

const char *limit_kind_name(enum limit_kind kind); // "rpm", ..., "bad_row"

/** How many requests were refused for that reason since the start; from any thread. */
uint64_t policy_state_limits_hit(const struct policy_state *state, enum limit_kind kind);

/* One rate_limit or quota row that a request falls under. */
struct account_line {
    bool of_key;          // of the key, else of the user,
    struct slice subject; // whose label or name this is
    int64_t row_id;
    bool is_bad; // the row is not valid, and all is refused; nothing else is said of it

    bool is_quota;
    /* of a rate limit */
    struct slice models;
    bool counts; // it is the most specific of the subject: the others do not count
    struct {
        int64_t limit, used, left; // limit of -1: none
    } figures[FIGURE_COUNT];       // by enum limit_figure
    /* of a quota */
    enum quota_period period;
    int64_t usd_nusd, spent_nusd, reserved_nusd, adjustment_nusd, left_nusd;
    int64_t starts_unix_ms, ends_unix_ms; // 0 for PERIOD_TOTAL
};

typedef void account_line_fn(void *ctx, const struct account_line *line);

/** Each row that the request would fall under; changes nothing. */
void account_explain(const struct reserve_ask *ask, account_line_fn *each, void *ctx);

/**
 * When the process begins, before traffic: adds what the ledger says was spent in the period
 * that began then.  Of several periods of a kind the latest stays.  Before or after the
 * snapshot is built.
 */
void account_restore_spent(struct policy_state *state, bool of_key, int64_t id,
                           enum quota_period period, int64_t period_start_unix_ms, int64_t nusd);

/* What one key did with one model within one minute. */
struct account_traffic {
    int64_t user_id, key_id;
    struct slice alias; // empty: the client named the model
    struct slice model, provider;
    int64_t at_unix_ms; // when the minute began
    int64_t requests, tokens;
};

/**
 * When the process begins, after the snapshot: counts past traffic on the windows of the
 * rows that it falls under today, as of the minute's end, so that rather too much counts
 * than too little.  Users and keys that are gone are passed over.
 */
void account_restore_traffic(const struct snapshot *s, const struct account_traffic *t,
                             int64_t now_ms, int64_t now_unix_ms);

#endif
