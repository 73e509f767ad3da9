/* account.h - what a user may still do and spend: exact, whatever worker asks. */
#ifndef POLICY_ACCOUNT_H
#define POLICY_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "policy/limits.h"

struct key;
struct provider;
struct snapshot;
struct policy_state;

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
    /* private */
    struct account *account;
    struct held *held; // in the arena
    const struct key *key;
    int64_t tokens, cost_nusd, day; // `day` as the account counts them, of the reservation
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
 * ERR_RATE_LIMIT and what was held stays.  Money was reserved for the dearest of all.
 */
enum err account_extend(struct reservation *r, const struct reserve_ask *ask, struct arena *a,
                        struct err_info *e);

/**
 * What really was used takes the place of what was held; whatever ran no longer does.  Money
 * goes to the period in which the exchange began.  Nothing happens where nothing is held.
 */
void account_settle(struct reservation *r, int64_t tokens, int64_t cost_nusd, int64_t now_ms,
                    int64_t now_unix_ms);

/** Nothing came of it: as if it had never been asked for. */
void account_release(struct reservation *r, int64_t now_ms);

#endif
