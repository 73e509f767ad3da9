/* journal_sync.c - mode `durable`: records are on the disk before their answers end. */
#include "store/journal_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/panic.h"
#include "store/journal_set_inside.h"
#include "store/wait.h"

#define RETRY_MS 100 // after a sync that failed

struct journal_sync {
    struct journal *journal;
    struct worker *worker;
    struct list waiting; // the worker's: of journal_wait, in the order of their records
    pthread_t thread;
    _Atomic uint64_t safe; // everything before it is on the disk
    _Atomic bool asked;    // somebody waits whom the running sync does not count in
    _Atomic bool posted;   // the worker is going to look
    _Atomic bool failing;  // the last sync did
    _Atomic uint64_t syncs, errors;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t wake;
    bool stopping;
};

/* ---- the worker's side ---- */

void journal_wait_init(struct journal_wait *w)
{
    *w = (struct journal_wait){.end = 0};
    list_init(&w->link);
}

void journal_wait_cancel(struct journal_wait *w)
{
    list_remove(&w->link);
}

/* The writer moves the tail once what it has taken out is safe elsewhere. */
bool journal_wait_is_over(const struct journal *j, const struct journal_wait *w)
{
    return !j->sync || w->end <= atomic_load_explicit(&j->sync->safe, memory_order_acquire) ||
           w->end <= journal_tail(j);
}

/* Only the first to ask since the thread began its last sync has to wake it. */
static void ask(struct journal_sync *s)
{
    if (atomic_exchange_explicit(&s->asked, true, memory_order_acq_rel))
        return;
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void journal_wait_begin(struct journal *j, struct journal_wait *w, struct task *wake)
{
    w->end = j->head;
    w->wake = wake;
    if (journal_wait_is_over(j, w))
        return;
    list_push_back(&j->sync->waiting, &w->link);
    ask(j->sync);
}

static void wake_waiting(void *ctx)
{
    struct journal_sync *s = ctx;

    atomic_store_explicit(&s->posted, false,
                          memory_order_release); // what comes from now on posts anew
    list_for_each_safe(at, &s->waiting) {
        struct journal_wait *w = list_entry(at, struct journal_wait, link);
        if (!journal_wait_is_over(s->journal, w))
            return;
        list_remove(&w->link);
        worker_wake(s->worker, w->wake);
    }
}

bool journal_is_failing(const struct journal *j)
{
    return j->sync && atomic_load_explicit(&j->sync->failing, memory_order_relaxed);
}

/* ---- the thread's ---- */

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* What a sync that failed has left behind is written once more: those records, and the header. */
static enum err touch(const struct journal *j, uint64_t from, uint64_t to, struct err_info *e)
{
    size_t size = j->ring.body_bytes;

    if (to - from > size)
        from = to - size;
    if (journal_file_touch(&j->ring, 0, 0, e))
        return e->code;
    while (from < to) {
        size_t at = (size_t)(from % size);
        size_t span = to - from < size - at ? (size_t)(to - from) : size - at;

        if (journal_file_touch(&j->ring, at, at + span, e))
            return e->code;
        from += span;
    }
    return ERR_NONE;
}

/* Whatever was settled by now is safe afterwards. */
static enum err sync_ring(struct journal_sync *s, struct err_info *e)
{
    const struct journal *j = s->journal;
    uint64_t safe = atomic_load_explicit(&s->safe, memory_order_relaxed), head = journal_head(j);
    bool again = atomic_load_explicit(&s->failing, memory_order_relaxed);

    if ((again && touch(j, safe, head, e)) || journal_file_sync(&j->ring, e))
        return e->code;
    atomic_store_explicit(&s->safe, head, memory_order_release);
    return ERR_NONE;
}

static bool try_sync(struct journal_sync *s)
{
    bool was_failing = atomic_load_explicit(&s->failing, memory_order_relaxed);
    struct err_info why = {.code = ERR_NONE};

    if (!sync_ring(s, &why)) {
        count(&s->syncs);
        if (was_failing)
            log_event(LOG_INFO, NULL, "ledger.synced", "worker=%u", s->worker->index);
        atomic_store_explicit(&s->failing, false, memory_order_relaxed);
        return true;
    }
    count(&s->errors);
    if (!was_failing) // said once, not some times a second
        log_event(LOG_ERROR, NULL, "ledger.sync", "worker=%u err=\"%s\"", s->worker->index,
                  err_info_text(&why));
    atomic_store_explicit(&s->failing, true, memory_order_relaxed);
    return false;
}

/* Sleeps until somebody asks, or for a while after a failure; false: it is to end. */
static bool await_work(struct journal_sync *s, bool failed)
{
    struct timespec until = wait_until(RETRY_MS);
    int timed_out = 0;
    bool go_on;

    pthread_mutex_lock(&s->lock);
    while (failed && !s->stopping && !timed_out)
        timed_out = pthread_cond_timedwait(&s->wake, &s->lock, &until);
    while (!failed && !s->stopping && !atomic_load_explicit(&s->asked, memory_order_acquire))
        pthread_cond_wait(&s->wake, &s->lock);
    go_on = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void *sync_main(void *ctx)
{
    struct journal_sync *s = ctx;
    bool failed = false;

    while (await_work(s, failed)) {
        atomic_exchange_explicit(&s->asked, false, memory_order_acq_rel);
        failed = !try_sync(s);
        // After a failure, too: the writer may have made some safe meanwhile.
        if (!atomic_exchange_explicit(&s->posted, true, memory_order_acq_rel))
            worker_post(s->worker, wake_waiting, s);
    }
    return NULL;
}

/* ---- the set's ---- */

/* The files' names and sizes, too. */
static enum err make_findable(const struct journal_set *set, const struct journal *j,
                              struct err_info *e)
{
    int data_dir = openat(set->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (!journal_file_sync(&j->ring, e) && (fsync(set->dir_fd) || data_dir < 0 || fsync(data_dir)))
        err_set(e, ERR_IO, "cannot bring the journal's directory to the disk: %s", strerror(errno));
    if (data_dir >= 0)
        close(data_dir);
    return e->code;
}

static void sync_free(struct journal_sync *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

enum err journal_sync_start(struct journal_set *set, unsigned index, struct worker *worker,
                            struct err_info *e)
{
    struct journal *j = journal_set_worker(set, index);
    struct journal_sync *s;
    int failed;

    if (make_findable(set, j, e))
        return e->code;
    s = calloc(1, sizeof(*s));
    if (!s)
        panic("out of memory: the journal's sync");
    s->journal = j;
    s->worker = worker;
    atomic_init(&s->safe, journal_head(j));
    list_init(&s->waiting);
    pthread_mutex_init(&s->lock, NULL);
    wait_init(&s->wake);
    failed = pthread_create(&s->thread, NULL, sync_main, s);
    if (failed) {
        sync_free(s);
        return err_set(e, ERR_IO, "a thread cannot be started: %s", strerror(failed));
    }
    j->sync = s;
    return ERR_NONE;
}

void journal_sync_stop(struct journal_set *set)
{
    for (unsigned i = 0; set && i < set->worker_count; i++) {
        struct journal *j = journal_set_worker(set, i);
        struct journal_sync *s = j->sync;

        if (!s)
            continue;
        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
        j->sync = NULL;
        sync_free(s);
    }
}

void journal_sync_read_stats(const struct journal_set *set, struct journal_sync_stats *out)
{
    *out = (struct journal_sync_stats){.syncs = 0};
    for (unsigned i = 0; i < set->worker_count; i++) {
        const struct journal_sync *s = set->journals[i].sync;

        if (!s)
            continue;
        out->syncs += atomic_load_explicit(&s->syncs, memory_order_relaxed);
        out->errors += atomic_load_explicit(&s->errors, memory_order_relaxed);
    }
}
