/* writer.h - the thread that moves usage records from the journals to the database. */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/journal_set.h"

/*
 * It looks for records on its own, some times a second, so that a worker never
 * has to wake it; takes up to some thousands into one transaction; and says so
 * to the journal once they are committed.  When the database cannot be written,
 * it tries again for ever, ever more slowly (to every two seconds), and moves
 * what waits from the rings into files meanwhile, up to the set's limits.  Then
 * the rings fill, journal_has_room() says no, and requests are refused.
 */

/*
 * A loss of power takes at most about the last second.  A commit is not synced: SQLite's
 * write-ahead log is, some 0.7 s after the first commit that was not, and with it all
 * that follow.  What is older by the time it is committed (the database was away, or the
 * writer is behind) is acknowledged only after a sync; while it waits in a ring, the ring
 * is synced, and spilled records are before they leave the ring.  So there is
 * about one sync a second while records come, by this thread, never by a worker.
 *
 * With journal_limits.durable all are treated so: nothing leaves a ring before it is
 * on the disk elsewhere.  After a failure the write-ahead log alone is not believed,
 * since the kernel takes for written what it could not write: a checkpoint must
 * bring its pages into the database first.
 */
struct writer;

struct writer_stats {
    uint64_t rows_written;  // by this process
    uint64_t lag_records;   // settled and not yet in the database
    int64_t lag_ms;         // how long the oldest of them has been waiting
    uint64_t db_errors;     // transactions that failed
    uint64_t spilled_bytes; // in files, waiting
    uint64_t damaged_bytes; // of a ring, that could not be read: 0 unless memory or disk fail
    bool database_is_away;  // the last transaction failed
};

/** The ledger is opened by the thread, as a connection of its own, and again when it fails. */
enum err writer_start(struct journal_set *set, const char *dsn, struct writer **out,
                      struct err_info *e);

/** Waits until all that was settled before the call is committed; false after `timeout_ms`. */
bool writer_flush(struct writer *w, int timeout_ms);

/**
 * Writes what is there and ends.  When the database cannot be written, what is left
 * stays in the journal for the next start.  The workers have ended.
 */
void writer_stop(struct writer *w);

/** From any thread. */
void writer_read_stats(const struct writer *w, struct writer_stats *out);

#endif
