/* journal_set.h - the journals of one data directory: replayed, made, handed to workers. */
#ifndef STORE_JOURNAL_SET_H
#define STORE_JOURNAL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/limits.h"
#include "store/journal.h"
#include "store/ledger.h"

struct journal_set;

/* 0 stands for the default, no limits at all for all defaults. */
struct journal_limits {
    enum on_unknown on_unknown; // what rows of exchanges cost that were running; nothing
    size_t ring_bytes;          // a worker: 32 MiB
    uint32_t slot_count;        // a worker: 16,384; rounded up to a multiple of 64
    uint64_t spill_bytes;       // in all, while the database is away: 1 GiB
    uint64_t spill_rows;        // 10 million
    bool durable; // a record leaves its ring only for where it is on the disk (journal_sync.h)
};

/* What an earlier process left behind. */
struct journal_report {
    uint64_t settled; // rows added from records that had not reached the database
    uint64_t unknown; // rows added for exchanges that were running
    uint64_t damaged_files;
    uint64_t damaged_bytes;
};

/**
 * Takes the directory <data_dir>/journal for this process, brings what an earlier
 * one left there into `into` (each record exactly once; running exchanges as
 * OUTCOME_UNKNOWN at no cost, or with ON_UNKNOWN_CHARGE_ESTIMATE at what was reserved
 * for them, USAGE_ESTIMATED) and makes `worker_count` journals with all their
 * room on disk.  With no workers it only replays.
 *
 * A damaged file loses nothing that can still be read: its good records are
 * replayed, the file is kept as NAME.TIME.damaged, logged and counted in `report`.
 * ERR_CONFLICT: another process has the directory, and with workers to come had it
 * for a second more; ERR_NEWER: written by a newer
 * version, and nothing has been touched; ERR_IO: no room, no rights, or `into`
 * fails; then nothing is lost and the next start replays again.
 */
enum err journal_set_open(const char *data_dir, unsigned worker_count,
                          const struct journal_limits *limits, struct ledger *into,
                          struct journal_report *report, struct journal_set **out,
                          struct err_info *e);

/** Worker threads and writer have ended.  What is in the journals stays for the next start. */
void journal_set_close(struct journal_set *set);

/** That worker's, for its thread alone. */
struct journal *journal_set_worker(struct journal_set *set, unsigned index);

/**
 * Waits until a running server has written to the database what was in its journal
 * when this was called.  True at once where there is no journal; false after the time.
 */
bool journal_set_await(const char *data_dir, int timeout_ms);

#endif
