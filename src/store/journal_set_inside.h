/* journal_set_inside.h - what the writer and the replay see of a set of journals. */
#ifndef STORE_JOURNAL_SET_INSIDE_H
#define STORE_JOURNAL_SET_INSIDE_H

#include "store/journal_ring.h"
#include "store/journal_set.h"

struct journal_set {
    int dir_fd, lock_fd;
    unsigned worker_count;
    struct journal_limits limits;
    struct journal *journals; // [worker_count]
};

#define JOURNAL_RING_NAME  "worker-%u.ring"
#define JOURNAL_SLOTS_NAME "worker-%u.slots"

/**
 * The first half of journal_set_open(): afterwards the directory holds only files
 * that are empty and fit, those of this set's workers.
 */
enum err journal_replay(const struct journal_set *set, struct ledger *into,
                        struct journal_report *report, struct err_info *e);

#endif
