/* state.h - whose turn it is, across snapshots.  For those who build them. */
#ifndef POLICY_STATE_H
#define POLICY_STATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "policy/row.h"
#include "policy/snapshot.h"

/** The counter of that row, made at zero when it is asked for first; lives as long as `state`. */
atomic_uint *policy_state_turn(struct policy_state *state, enum row_type type, int64_t id);

#endif
