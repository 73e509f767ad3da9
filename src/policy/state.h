/* state.h - what outlives snapshots.  For those who build them. */
#ifndef POLICY_STATE_H
#define POLICY_STATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "policy/row.h"
#include "policy/snapshot.h"

/* All of these are made, empty, when they are asked for first, and live as long as `state`. */

/** The counter of that row. */
atomic_uint *policy_state_turn(struct policy_state *state, enum row_type type, int64_t id);

struct account *policy_state_account(struct policy_state *state, int64_t user_id);

/** What a user spent: part of the account. */
struct purse *account_purse(struct account *account);

/** What a key spent, under the lock of its user's account; NULL: whose it is shows later. */
struct purse *policy_state_purse(struct policy_state *state, struct account *account,
                                 int64_t key_id);

/** What a rate_limit row counted, with a window for each of the figures that has a limit. */
struct meter *policy_state_meter(struct policy_state *state, struct account *account,
                                 int64_t row_id, const int64_t figures[FIGURE_COUNT]);

/** A reference to the catalogue in use, or NULL. */
struct catalogue *policy_state_catalogue(const struct policy_state *state);

#endif
