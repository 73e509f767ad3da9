/* catch_up.h - usage that is only in the journal yet. */
#ifndef APP_CATCH_UP_H
#define APP_CATCH_UP_H

#include "app/commands.h"
#include "store/ledger.h"

/**
 * Before the ledger is asked.  A running server is given time to write what its journal holds;
 * one that has died has left it, and it is replayed as its next start would.  What stays unseen is
 * told on x->err.
 */
void catch_up(const struct command_context *x, struct ledger *l);

#endif
