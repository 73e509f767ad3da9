/* journal_sync.h - mode `durable`: records are on the disk before their answers end. */
#ifndef STORE_JOURNAL_SYNC_H
#define STORE_JOURNAL_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/worker.h"
#include "store/journal_set.h"

/*
 * A ring that is to be durable has a thread, which syncs it whenever somebody waits: one
 * sync for all records that were settled when it began, so that the busier it is the less each
 * costs.  Workers never sync.  A ring without a thread is in mode `fast`, and nobody waits.
 *
 * A record is safe once its ring was synced with it, or once it has left the ring: with
 * journal_limits.durable the writer takes it out only after what it was moved to was synced.
 *
 * After a sync that fails the kernel takes what it could not write for clean: it is made dirty
 * again before the next try, some times a second, for ever.  Meanwhile journal_is_failing().
 */
struct journal_sync;

/** Starts that ring's thread, for the worker who settles there.  The ring can be found after a loss of power. */
enum err journal_sync_start(struct journal_set *set, unsigned index, struct worker *worker,
                            struct err_info *e);

/** Ends all threads.  Workers have ended, and are still there. */
void journal_sync_stop(struct journal_set *set);

/* Somebody who waits for a record to be safe.  The worker's thread alone touches it. */
struct journal_wait {
    struct list link;
    uint64_t end; // of the record, in the ring
    struct task *wake;
};

void journal_wait_init(struct journal_wait *w);

/** For the record that was settled last: `wake` is woken once it is safe, unless it is already. */
void journal_wait_begin(struct journal *j, struct journal_wait *w, struct task *wake);

/** Wakes nobody any more; may be called at any time. */
void journal_wait_cancel(struct journal_wait *w);

/** Whether the record is safe; in mode `fast` it always is. */
bool journal_wait_is_over(const struct journal *j, const struct journal_wait *w);

/** The last sync of the ring failed, so that new requests had better be refused. */
bool journal_is_failing(const struct journal *j);

struct journal_sync_stats {
    uint64_t syncs;  // that went well, of all rings
    uint64_t errors; // that failed
};

/** From any thread, between start and stop. */
void journal_sync_read_stats(const struct journal_set *set, struct journal_sync_stats *out);

#endif
