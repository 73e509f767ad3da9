/* journal.h - crash-safe records of what exchanges used, one journal a worker. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/record.h"

/*
 * Two memory-mapped, preallocated files a worker (design.md 2).  The slot table
 * holds one intent per running exchange; the ring holds settled records until
 * the writer has put them into the database.  Writing is a memcpy and an atomic
 * store: no system call, no lock, no allocation.  Page cache outlives the
 * process, so what was written before a kill -9 is there at the next start; what
 * a loss of power may take is the writer's matter (writer.h), or nothing where
 * exchanges wait for the disk (journal_sync.h).
 *
 * A journal is written by one worker thread and read by the one writer thread.
 */
struct journal;

#define JOURNAL_NO_SLOT UINT32_MAX

/**
 * Writes the intent before the upstream is called; answers its slot, or
 * JOURNAL_NO_SLOT when the table is full (the caller refuses: ERR_LEDGER_FULL).
 * Of the record only what is known by then matters; the outcome is UNKNOWN.
 */
uint32_t journal_intent(struct journal *j, const struct usage_record *record);

/**
 * Writes the settled record and clears the slot, as one act for a reader after
 * a crash: never both, never neither.  Call it before the end of the answer is
 * released to the client.  False when the ring has no room: then the intent still
 * stands and the caller keeps the record and tries again (journal_has_room) or,
 * at the end, leaves the slot to say "unknown".
 * `slot` may be JOURNAL_NO_SLOT for an exchange that had no intent (echo).
 */
bool journal_settle(struct journal *j, uint32_t slot, const struct usage_record *record);

/** Nothing came of the intent and no record is due (refused before anything was sent). */
void journal_cancel(struct journal *j, uint32_t slot);

/** Whether a record of ordinary size would fit now. */
bool journal_has_room(const struct journal *j);

#endif
