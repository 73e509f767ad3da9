/* writer.c - the thread that moves usage records from the journals to the database. */
#include "store/writer.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "store/journal_set_inside.h"
#include "store/spill.h"
#include "store/store.h"

#define BATCH_ROWS     8192
#define PATIENCE_MS    100 // for another writer's lock; longer would keep the rings from spilling
#define NAP_LEAST_MS   50  // between looks, when there was something
#define NAP_MOST_MS    200 // when there was nothing for a while
#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS  2000
#define REST_AFTER_MS  5000                // of idleness memory is given back
#define PIECE_BYTES    ((uint64_t)1 << 20) // spilled at once
#define SPILL_AFTER_MS 1000                // of a failing database, or a ring a quarter full

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
    int retry_ms, nap_ms;
    int64_t last_work_ms, spilled_since_unix_ms;
    bool rested, spill_has_failed;
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

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static struct journal *ring_of(const struct writer *w, unsigned i)
{
    return journal_set_worker(w->set, i);
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

static void drop_ledger(struct writer *w)
{
    ledger_close(w->ledger);
    w->ledger = NULL;
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
    if (r.damaged_bytes) {
        count(&w->stats.damaged_bytes, r.damaged_bytes);
        log_event(LOG_ERROR, NULL, "journal.damaged", "worker=%u lost_bytes=%llu", i,
                  (unsigned long long)r.damaged_bytes);
    }
    return ERR_NONE;
}

static void start_over(struct writer *w)
{
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

static enum err transact(struct writer *w, size_t *rows, struct err_info *e)
{
    start_over(w);
    if (open_ledger(w, e) || ledger_begin(w->ledger, e) || fill(w, rows, e) ||
        ledger_commit(w->ledger, e))
        return e->code;
    count(&w->stats.rows_written, ledger_added(w->ledger));
    acknowledge(w);
    return ERR_NONE;
}

static bool has_work(const struct writer *w)
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
static size_t write_batch(struct writer *w)
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
    if (w->ledger && !ledger_may_recover(w->ledger))
        drop_ledger(w); // whatever is wrong with the connection, the next one may not have it
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
    acknowledge_ring(w, i, r.at, records);
    return true;
}

static bool ring_is_filling(const struct journal *j)
{
    return (journal_head(j) - journal_tail(j)) * 4 > j->ring.body_bytes;
}

static void spill_rings(struct writer *w)
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

/* --- the thread --- */

static int64_t oldest_in_ring(const struct journal *j)
{
    struct ring_reader r = {.file = &j->ring, .at = journal_tail(j), .end = journal_head(j)};
    struct usage_record record;
    struct slice payload;

    if (!ring_next(&r, &payload) || !record_decode(payload, &j->ring.words, &record))
        return 0;
    return record.started_unix_ms + (record.total_ms > 0 ? record.total_ms : 0);
}

/* Called when all that could be done has been done. */
static void publish(struct writer *w)
{
    int64_t oldest = 0;

    for (unsigned i = 0; i < w->set->worker_count; i++) {
        int64_t at = oldest_in_ring(ring_of(w, i));
        if (at && (!oldest || at < oldest))
            oldest = at;
    }
    if (!spill_is_empty(&w->spill))
        oldest = w->spilled_since_unix_ms;
    atomic_store_explicit(&w->stats.oldest_unix_ms, oldest, memory_order_relaxed);
    atomic_store_explicit(&w->stats.spilled_bytes, w->spill.bytes, memory_order_relaxed);
    atomic_store_explicit(&w->stats.spilled_rows, w->spill.rows, memory_order_relaxed);
}

static void rest(struct writer *w)
{
    if (w->rested || clock_mono_ms() - w->last_work_ms < REST_AFTER_MS)
        return;
    for (unsigned i = 0; i < w->set->worker_count; i++)
        journal_give_back(ring_of(w, i));
    if (w->ledger)
        ledger_rest(w->ledger);
    malloc_trim(0);
    w->rested = true;
}

/* One round; answers how long to sleep, in ms. */
static int look(struct writer *w)
{
    size_t rows = 0;

    if (!has_work(w)) {
        w->nap_ms = w->nap_ms * 2 < NAP_MOST_MS ? w->nap_ms * 2 : NAP_MOST_MS;
        rest(w);
        return w->nap_ms;
    }
    w->nap_ms = NAP_LEAST_MS;
    w->last_work_ms = clock_mono_ms();
    w->rested = false;
    if (w->last_work_ms >= w->retry_at_ms)
        rows = write_batch(w);
    if (w->failing_since_ms)
        spill_rings(w);
    return rows >= BATCH_ROWS / 2 || (rows && !spill_is_empty(&w->spill)) ? 0 : w->nap_ms;
}

static void sleep_locked(struct writer *w, int ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&w->wake, &w->lock, &until);
}

/* What was settled before `asked` was read is what this flush waits for. */
static void begin_flush(struct writer *w, uint64_t asked)
{
    if (w->flush_current == asked)
        return;
    w->flush_current = asked;
    for (unsigned i = 0; i < w->set->worker_count; i++)
        w->flush_heads[i] = journal_head(ring_of(w, i));
}

static bool flush_is_done(const struct writer *w)
{
    for (unsigned i = 0; i < w->set->worker_count; i++) {
        if (journal_tail(ring_of(w, i)) < w->flush_heads[i])
            return false;
    }
    return spill_is_empty(&w->spill);
}

/* Sleeps as long as there is nothing better to do. */
static void pause_locked(struct writer *w, int nap_ms)
{
    bool somebody_waits = w->flush_asked != w->flush_done;

    if (w->stopping)
        return;
    if (somebody_waits)
        nap_ms = w->failing_since_ms ? NAP_LEAST_MS : 0;
    if (nap_ms)
        sleep_locked(w, nap_ms);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    bool stopping = false;

    pthread_mutex_lock(&w->lock);
    while (!stopping || (has_work(w) && !w->failing_since_ms)) {
        uint64_t asked = w->flush_asked;
        int nap_ms;

        stopping = w->stopping;
        pthread_mutex_unlock(&w->lock);
        begin_flush(w, asked);
        if (stopping)
            w->retry_at_ms = 0; // one last try
        nap_ms = look(w);
        publish(w);
        pthread_mutex_lock(&w->lock);
        if (w->flush_done != asked && flush_is_done(w)) {
            w->flush_done = asked;
            pthread_cond_broadcast(&w->flushed);
        }
        pause_locked(w, nap_ms);
    }
    pthread_mutex_unlock(&w->lock);
    drop_ledger(w);
    return NULL;
}

static void *must_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        panic("out of memory: the usage writer");
    return p;
}

static void writer_free(struct writer *w)
{
    spill_release(&w->spill);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->flushed);
    pthread_mutex_destroy(&w->lock);
    free(w->taken);
    free(w->taken_count);
    free(w->flush_heads);
    free(w->dsn);
    free(w);
}

static void init_waiting(struct writer *w)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_cond_init(&w->flushed, &attr);
    pthread_condattr_destroy(&attr);
}

enum err writer_start(struct journal_set *set, const char *dsn, struct writer **out,
                      struct err_info *e)
{
    struct writer *w = must_calloc(1, sizeof(*w));
    int failed;

    w->set = set;
    w->dsn = strdup(dsn);
    w->taken = must_calloc(set->worker_count, sizeof(*w->taken));
    w->taken_count = must_calloc(set->worker_count, sizeof(*w->taken_count));
    w->flush_heads = must_calloc(set->worker_count, sizeof(*w->flush_heads));
    w->nap_ms = NAP_LEAST_MS;
    spill_init(&w->spill, set->dir_fd, set->limits.spill_bytes, set->limits.spill_rows);
    init_waiting(w);
    failed = pthread_create(&w->thread, NULL, writer_main, w);
    if (failed) {
        writer_free(w);
        return err_set(e, ERR_IO, "cannot start the usage writer: %s", strerror(failed));
    }
    *out = w;
    return ERR_NONE;
}

bool writer_flush(struct writer *w, int timeout_ms)
{
    struct timespec until;
    uint64_t mine;
    int rc = 0;
    bool done;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    pthread_mutex_lock(&w->lock);
    mine = ++w->flush_asked;
    pthread_cond_signal(&w->wake);
    while (w->flush_done < mine && rc == 0)
        rc = pthread_cond_timedwait(&w->flushed, &w->lock, &until);
    done = w->flush_done >= mine;
    pthread_mutex_unlock(&w->lock);
    return done;
}

void writer_stop(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    writer_free(w);
}

void writer_read_stats(const struct writer *w, struct writer_stats *out)
{
    int64_t oldest = atomic_load_explicit(&w->stats.oldest_unix_ms, memory_order_relaxed);
    uint64_t settled = 0;

    for (unsigned i = 0; i < w->set->worker_count; i++)
        settled += atomic_load_explicit(&ring_of(w, i)->settled, memory_order_relaxed);
    *out = (struct writer_stats){
        .rows_written = atomic_load_explicit(&w->stats.rows_written, memory_order_relaxed),
        .db_errors = atomic_load_explicit(&w->stats.db_errors, memory_order_relaxed),
        .spilled_bytes = atomic_load_explicit(&w->stats.spilled_bytes, memory_order_relaxed),
        .damaged_bytes = atomic_load_explicit(&w->stats.damaged_bytes, memory_order_relaxed),
        .database_is_away = atomic_load_explicit(&w->stats.database_is_away, memory_order_relaxed),
    };
    out->lag_records = settled - atomic_load_explicit(&w->acked, memory_order_relaxed) +
                       atomic_load_explicit(&w->stats.spilled_rows, memory_order_relaxed);
    if (oldest && oldest < clock_unix_ms())
        out->lag_ms = clock_unix_ms() - oldest;
}
