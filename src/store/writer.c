/* writer.c - the thread that moves usage records from the journals to the database. */
#include "store/writer.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/panic.h"
#include "store/wait.h"
#include "store/writer_inside.h"

#define NAP_MS         200  // between looks: the more rows share a transaction, the less each costs
#define HURRIED_NAP_MS 50   // when somebody waits
#define REST_AFTER_MS  5000 // of idleness memory is given back

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

    if (!writer_has_work(w)) {
        rest(w);
        return NAP_MS;
    }
    w->last_work_ms = clock_mono_ms();
    w->rested = false;
    if (w->last_work_ms >= w->retry_at_ms)
        rows = writer_write_batch(w);
    if (w->failing_since_ms)
        writer_spill_rings(w);
    return rows && (w->behind_since_ms || !spill_is_empty(&w->spill)) ? 0 : NAP_MS;
}

static void sleep_locked(struct writer *w, int ms)
{
    struct timespec until = wait_until(ms);

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
        nap_ms = w->failing_since_ms ? HURRIED_NAP_MS : 0;
    if (nap_ms)
        sleep_locked(w, nap_ms);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    bool stopping = false;

    pthread_mutex_lock(&w->lock);
    while (!stopping || (writer_has_work(w) && !w->failing_since_ms)) {
        uint64_t asked = w->flush_asked;
        int nap_ms;

        stopping = w->stopping;
        pthread_mutex_unlock(&w->lock);
        begin_flush(w, asked);
        if (stopping)
            w->retry_at_ms = 0; // one last try
        nap_ms = look(w);
        writer_make_safe(w);
        publish(w);
        pthread_mutex_lock(&w->lock);
        if (w->flush_done != asked && flush_is_done(w)) {
            w->flush_done = asked;
            pthread_cond_broadcast(&w->flushed);
        }
        pause_locked(w, nap_ms);
    }
    pthread_mutex_unlock(&w->lock);
    writer_drop_ledger(w);
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
    pthread_mutex_init(&w->lock, NULL);
    wait_init(&w->wake);
    wait_init(&w->flushed);
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
    struct timespec until = wait_until(timeout_ms);
    uint64_t mine;
    int rc = 0;
    bool done;

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
