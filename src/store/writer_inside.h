/* writer_inside.h - what the writer's files share. */
#ifndef STORE_WRITER_INSIDE_H
#define STORE_WRITER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/journal_record.h"
#include "store/journal_set_inside.h"
#include "store/spill.h"
#include "store/writer.h"

/* What other threads may read. */
struct shared_stats {
    _Atomic uint64_t rows_written, db_errors, spilled_bytes, spilled_rows, damaged_bytes;
    _Atomic int64_t oldest_unix_ms; // when the oldest record that waits began to; 0: none
    _Atomic bool database_is_away;
};

struct writer {
    struct journal_set *set;
    char *dsn;
    pthread_t thread;
    // the thread's own
    struct ledger *ledger; // NULL: to be opened
    struct spill spill;
    uint64_t *taken;                       // [workers], how far this transaction has read each ring
    uint64_t *taken_count;                 // [workers], and how many records that was
    int64_t failing_since_ms, retry_at_ms; // monotonic; 0: not failing
    int retry_ms;
    int64_t last_work_ms, spilled_since_unix_ms;
    int64_t unsynced_since_ms; // monotonic, of the oldest commit; 0: none
    int64_t rings_synced_ms;   // monotonic
    bool rested, spill_has_failed, sync_has_failed;
    bool log_is_doubtful;    // the database failed since its last checkpoint: a sync may have
    bool is_more;            // this transaction does not reach the end of the rings
    int64_t behind_since_ms; // monotonic, since none has; 0: not behind
    struct shared_stats stats;
    _Atomic uint64_t acked; // records of all rings that were acknowledged
    // between threads
    pthread_mutex_t lock;
    pthread_cond_t wake, flushed;
    bool stopping;
    uint64_t flush_asked, flush_done;
    // of the flush that the thread is working on
    uint64_t flush_current;
    uint64_t *flush_heads; // [workers], what was settled when it began
};

static inline struct journal *ring_of(const struct writer *w, unsigned i)
{
    return journal_set_worker(w->set, i);
}

/* writer_batch.c: what a round of the thread consists of. */

/** Whether there is anything that is not in the database. */
bool writer_has_work(const struct writer *w);

/** Writes what there is, up to a transaction's measure: how many rows; 0 also when that failed. */
size_t writer_write_batch(struct writer *w);

/** Moves what waits for a database that fails into files. */
void writer_spill_rings(struct writer *w);

/** Brings to the disk what would otherwise be lost with the power (writer.h), when it is due. */
void writer_make_safe(struct writer *w);

/** Closes the database. */
void writer_drop_ledger(struct writer *w);

#endif
