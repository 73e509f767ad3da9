/* writer_batch.c - from the rings into the database, or aside, and to the disk. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "store/writer_inside.h"

#define BATCH_ROWS     8192
#define PATIENCE_MS    100 // for another writer's lock; longer would keep the rings from spilling
#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS  2000
#define PIECE_BYTES    ((uint64_t)1 << 20) // spilled at once
#define SPILL_AFTER_MS 1000                // of a failing database, or a ring a quarter full
#define LATE_AFTER_MS  300                 // of not reaching the end of the rings
#define SAFE_AFTER_MS  700                 // with a nap before and behind it, about a second

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* --- a database that fails --- */

static void note_failure(struct writer *w, const struct err_info *why)
{
    int64_t now = clock_mono_ms();

    count(&w->stats.db_errors, 1);
    if (!w->failing_since_ms) {
        log_event(LOG_ERROR, NULL, "ledger.away", "err=\"%s\"", err_info_text(why));
        w->failing_since_ms = now;
        w->retry_ms = RETRY_LEAST_MS;
    } else {
        w->retry_ms = w->retry_ms * 2 < RETRY_MOST_MS ? w->retry_ms * 2 : RETRY_MOST_MS;
    }
    w->retry_at_ms = now + w->retry_ms;
    atomic_store(&w->stats.database_is_away, true);
}

static void note_success(struct writer *w)
{
    if (!w->failing_since_ms)
        return;
    log_event(LOG_INFO, NULL, "ledger.back", "away_ms=%lld",
              (long long)(clock_mono_ms() - w->failing_since_ms));
    w->failing_since_ms = w->retry_at_ms = 0;
    atomic_store(&w->stats.database_is_away, false);
}

static enum err sync_ledger(struct writer *w, struct err_info *e)
{
    if (ledger_sync(w->ledger, e)) {
        w->log_is_doubtful = true;
        return e->code;
    }
    if (w->log_is_doubtful && ledger_checkpoint(w->ledger, e))
        return e->code;
    w->log_is_doubtful = false;
    w->unsynced_since_ms = 0;
    return ERR_NONE;
}

void writer_drop_ledger(struct writer *w)
{
    if (w->ledger && w->unsynced_since_ms)
        sync_ledger(w, &(struct err_info){.code = ERR_NONE});
    ledger_close(w->ledger);
    w->ledger = NULL;
    w->unsynced_since_ms = 0;
}

/* --- one transaction --- */

static enum err open_ledger(struct writer *w, struct err_info *e)
{
    if (w->ledger)
        return ERR_NONE;
    if (ledger_open(w->dsn, STORE_MUST_EXIST, &w->ledger, e))
        return e->code;
    ledger_set_patience(w->ledger, PATIENCE_MS);
    return ERR_NONE;
}

/* Files first: what is in them is older than what the rings hold. */
static enum err add_spilled(struct writer *w, size_t *rows, struct err_info *e)
{
    struct usage_record record;

    while (*rows < BATCH_ROWS && spill_next(&w->spill, &record)) {
        ++*rows;
        if (ledger_add(w->ledger, &record, e))
            return e->code;
    }
    if (!*rows && !w->spill.is_reading && !spill_is_empty(&w->spill))
        return err_set(e, ERR_IO, "cannot read back the usage that was written aside");
    return ERR_NONE;
}

static enum err add_ring(struct writer *w, unsigned i, size_t most, size_t *rows,
                         struct err_info *e)
{
    const struct journal *j = ring_of(w, i);
    struct ring_reader r = {.file = &j->ring, .at = w->taken[i], .end = journal_head(j)};
    struct usage_record record;
    struct slice payload;

    while (*rows < most && ring_next(&r, &payload)) {
        ++*rows;
        w->taken_count[i]++;
        if (!record_decode(payload, &j->ring.words, &record))
            r.damaged_bytes += payload.len;
        else if (ledger_add(w->ledger, &record, e))
            return e->code;
    }
    w->taken[i] = r.at;
    w->is_more |= r.at < r.end;
    if (r.damaged_bytes) {
        count(&w->stats.damaged_bytes, r.damaged_bytes);
        log_event(LOG_ERROR, NULL, "journal.damaged", "worker=%u lost_bytes=%llu", i,
                  (unsigned long long)r.damaged_bytes);
    }
    return ERR_NONE;
}

static void start_over(struct writer *w)
{
    w->is_more = false;
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        w->taken[i] = journal_tail(ring_of(w, i));
        w->taken_count[i] = 0;
    }
    spill_rewind(&w->spill);
}

static void acknowledge_ring(struct writer *w, unsigned i, uint64_t position, uint64_t records)
{
    journal_ack(ring_of(w, i), position);
    atomic_fetch_add_explicit(&w->acked, records, memory_order_relaxed);
}

static void acknowledge(struct writer *w)
{
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        if (w->taken[i] != journal_tail(ring_of(w, i)))
            acknowledge_ring(w, i, w->taken[i], w->taken_count[i]);
    }
    spill_ack(&w->spill);
}

static enum err fill(struct writer *w, size_t *rows, struct err_info *e)
{
    unsigned workers = w->set->worker_count;

    if (!spill_is_empty(&w->spill))
        return add_spilled(w, rows, e);
    for (unsigned i = 0; i < workers; i++) { // each a fair share of what is left
        size_t most = *rows + (BATCH_ROWS - *rows) / (workers - i);
        if (add_ring(w, i, most, rows, e))
            return e->code;
    }
    return ERR_NONE;
}

/* What is older than P2 allows to be lost is acknowledged only when it is on the disk. */
static bool is_late(const struct writer *w)
{
    return w->set->limits.durable || w->failing_since_ms || !spill_is_empty(&w->spill) ||
           (w->behind_since_ms && clock_mono_ms() - w->behind_since_ms >= LATE_AFTER_MS);
}

static enum err transact(struct writer *w, size_t *rows, struct err_info *e)
{
    start_over(w);
    if (open_ledger(w, e) || ledger_begin(w->ledger, e) || fill(w, rows, e) ||
        ledger_commit(w->ledger, e))
        return e->code;
    count(&w->stats.rows_written, ledger_added(w->ledger));
    if (!w->unsynced_since_ms)
        w->unsynced_since_ms = clock_mono_ms();
    if (is_late(w) && sync_ledger(w, e))
        return e->code;
    if (!w->is_more || !w->behind_since_ms)
        w->behind_since_ms = w->is_more ? clock_mono_ms() : 0;
    acknowledge(w);
    return ERR_NONE;
}

bool writer_has_work(const struct writer *w)
{
    if (!spill_is_empty(&w->spill))
        return true;
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        if (journal_head(ring_of(w, i)) != journal_tail(ring_of(w, i)))
            return true;
    }
    return false;
}

/* Answers how many rows went; 0 also when the database failed. */
size_t writer_write_batch(struct writer *w)
{
    struct err_info why = {.code = ERR_NONE};
    size_t rows = 0;

    if (!transact(w, &rows, &why)) {
        if (rows) // else nothing was tried
            note_success(w);
        return rows;
    }
    note_failure(w, &why);
    if (w->ledger)
        ledger_rollback(w->ledger);
    if (w->ledger && !ledger_may_recover(w->ledger)) {
        w->log_is_doubtful = true; // SQLite syncs it, too, now and then
        writer_drop_ledger(w);     // what is wrong with this connection, the next may not have
    }
    start_over(w);
    return 0;
}

/* --- spilling --- */

/* Moves one piece of the ring, which does not go over its end; false when there is no more. */
static bool spill_piece(struct writer *w, unsigned i, struct err_info *e)
{
    const struct journal *j = ring_of(w, i);
    uint64_t size = j->ring.body_bytes, tail = journal_tail(j), head = journal_head(j);
    uint64_t lap_end = (tail / size + 1) * size, records = 0;
    struct ring_reader r = {.file = &j->ring, .at = tail, .end = head < lap_end ? head : lap_end};
    struct slice payload;

    while (r.at - tail < PIECE_BYTES && ring_next(&r, &payload))
        records++;
    if (r.at == tail)
        return false;
    if (spill_append(&w->spill, slice_of(j->ring.body + tail % size, r.at - tail), records, e))
        return false;
    // Before the ring gives them up, so that no record is missing from the lag meanwhile.
    atomic_store_explicit(&w->stats.spilled_rows, w->spill.rows, memory_order_relaxed);
    // A disk that cannot is said, and no reason to fill the ring, unless nothing may be lost.
    if (spill_sync(&w->spill, e) && w->set->limits.durable) {
        spill_undo(&w->spill, r.at - tail, records);
        return false;
    }
    acknowledge_ring(w, i, r.at, records);
    return !e->code;
}

static bool ring_is_filling(const struct journal *j)
{
    return (journal_head(j) - journal_tail(j)) * 4 > j->ring.body_bytes;
}

void writer_spill_rings(struct writer *w)
{
    bool long_since = clock_mono_ms() - w->failing_since_ms >= SPILL_AFTER_MS;
    struct err_info why = {.code = ERR_NONE};

    if (spill_is_empty(&w->spill))
        w->spilled_since_unix_ms = clock_unix_ms() - (clock_mono_ms() - w->failing_since_ms);
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        if (!long_since && !ring_is_filling(ring_of(w, i)))
            continue;
        while (!why.code && spill_piece(w, i, &why))
            continue;
    }
    if (why.code && !w->spill_has_failed)
        log_event(LOG_ERROR, NULL, "ledger.spill", "err=\"%s\"", err_info_text(&why));
    w->spill_has_failed = why.code != ERR_NONE; // said once, not some times a second
}

/* --- power --- */

static enum err sync_rings(struct writer *w, struct err_info *e)
{
    w->rings_synced_ms = clock_mono_ms();
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        const struct journal *j = ring_of(w, i);
        if (journal_head(j) != journal_tail(j) && journal_file_sync(&j->ring, e))
            return e->code;
    }
    return ERR_NONE;
}

void writer_make_safe(struct writer *w)
{
    struct err_info why = {.code = ERR_NONE};
    int64_t now = clock_mono_ms();

    if (w->unsynced_since_ms && now - w->unsynced_since_ms >= SAFE_AFTER_MS)
        sync_ledger(w, &why);
    // Durable rings have syncs of their own, which must not miss an error that is told once.
    if (!w->set->limits.durable && is_late(w) && now - w->rings_synced_ms >= SAFE_AFTER_MS)
        sync_rings(w, &why);
    if (why.code && !w->sync_has_failed)
        log_event(LOG_ERROR, NULL, "ledger.sync", "err=\"%s\"", err_info_text(&why));
    w->sync_has_failed = why.code != ERR_NONE;
}
