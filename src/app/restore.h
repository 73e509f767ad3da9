/* restore.h - what the ledger knows of the past, for accounts that begin with the process. */
#ifndef APP_RESTORE_H
#define APP_RESTORE_H

#include "base/err.h"
#include "policy/snapshot.h"
#include "store/ledger.h"

/**
 * What every user and key has spent in the periods of now, and what went on in the last day.
 * After the journal was replayed, and before the first request; `s` was built with `state`.
 */
enum err restore_accounts(struct ledger *l, struct policy_state *state, const struct snapshot *s,
                          struct err_info *e);

#endif
