/* retention.c - records and lines of the audit log that have been kept long enough. */
#include "store/retention.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "store/db.h"
#include "store/store.h"
#include "store/wait.h"

#define LOOK_MS  600000
#define PAUSE_MS 50

struct retention {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char *dsn;
    struct retention_days days;
    bool stopping, is_set;
};

/* ---- one step ---- */

static enum err run(sqlite3 *db, const char *sql, struct slice before, int64_t before_unix_ms,
                    int64_t limit, int64_t *removed, struct err_info *e)
{
    sqlite3_stmt *st;

    if (db_prepare(db, sql, &st, e))
        return e->code;
    if (before.ptr)
        db_bind_text(st, 1, before);
    else
        sqlite3_bind_int64(st, 1, before_unix_ms);
    sqlite3_bind_int64(st, 2, limit);
    if (sqlite3_step(st) != SQLITE_DONE)
        db_fail(db, "old rows cannot be deleted", e);
    else
        *removed += sqlite3_changes(db);
    sqlite3_finalize(st);
    return e->code;
}

/* Ids of records begin with the time at which the exchange began: see id_make(). */
static enum err forget_usage(sqlite3 *db, int64_t before_unix_ms, int64_t *removed,
                             struct err_info *e)
{
    uint64_t ms = before_unix_ms < 0 ? 0 : (uint64_t)before_unix_ms;
    char id[14]; // "019ab3c4-d5e6" and a NUL

    snprintf(id, sizeof(id), "%08x-%04x", (unsigned)(ms >> 16 & 0xffffffff),
             (unsigned)(ms & 0xffff));
    return run(db,
               "DELETE FROM usage_row WHERE id IN"
               " (SELECT id FROM usage_row WHERE id < ?1 ORDER BY id LIMIT ?2)",
               slice_str(id), 0, RETENTION_STEP_ROWS, removed, e);
}

static enum err forget_audit(sqlite3 *db, int64_t before_unix_ms, int64_t *removed,
                             struct err_info *e)
{
    return run(db,
               "DELETE FROM audit_log WHERE id IN"
               " (SELECT id FROM audit_log WHERE at < ?1 ORDER BY at LIMIT ?2)",
               slice_of(NULL, 0), before_unix_ms, RETENTION_STEP_ROWS - *removed, removed, e);
}

static enum err step(sqlite3 *db, struct retention_days days, int64_t now_unix_ms, int64_t *removed,
                     struct err_info *e)
{
    *removed = 0;
    if (days.usage && forget_usage(db, now_unix_ms - days.usage * DAY_MS, removed, e))
        return e->code;
    if (days.audit && *removed < RETENTION_STEP_ROWS)
        forget_audit(db, now_unix_ms - days.audit * DAY_MS, removed, e);
    return e->code;
}

enum err retention_step(const char *dsn, struct retention_days days, int64_t now_unix_ms,
                        int64_t *removed, struct err_info *e)
{
    sqlite3 *db;

    if (db_open(dsn, STORE_MUST_EXIST, &db, e))
        return e->code;
    step(db, days, now_unix_ms, removed, e);
    sqlite3_close(db);
    return e->code;
}

/* ---- the thread ---- */

static void sleep_locked(struct retention *r, int64_t ms)
{
    struct timespec until = wait_until(ms);

    pthread_cond_timedwait(&r->wake, &r->lock, &until);
}

/* Step by step; the lock is held but for the steps themselves. */
static void forget_locked(struct retention *r)
{
    struct err_info e = {.code = ERR_NONE};
    int64_t removed = RETENTION_STEP_ROWS, all = 0;

    while (removed == RETENTION_STEP_ROWS && !r->stopping && (r->days.usage || r->days.audit)) {
        struct retention_days days = r->days;
        pthread_mutex_unlock(&r->lock);
        if (retention_step(r->dsn, days, clock_unix_ms(), &removed, &e))
            removed = 0;
        pthread_mutex_lock(&r->lock);
        all += removed;
        if (removed == RETENTION_STEP_ROWS)
            sleep_locked(r, PAUSE_MS);
    }
    if (all)
        log_event(LOG_INFO, NULL, "retention.done", "rows=%lld", (long long)all);
    if (e.code)
        log_event(LOG_WARN, NULL, "retention.failed", "why=\"%s\"", err_info_text(&e));
}

static void *retention_main(void *arg)
{
    struct retention *r = arg;

    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        r->is_set = false;
        forget_locked(r);
        if (!r->stopping && !r->is_set)
            sleep_locked(r, LOOK_MS);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void retention_free(struct retention *r)
{
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r->dsn);
    free(r);
}

enum err retention_start(const char *dsn, struct retention **out, struct err_info *e)
{
    struct retention *r = calloc(1, sizeof(*r));
    int failed;

    if (!r || !(r->dsn = strdup(dsn)))
        panic("out of memory: retention");
    pthread_mutex_init(&r->lock, NULL);
    wait_init(&r->wake);
    failed = pthread_create(&r->thread, NULL, retention_main, r);
    if (failed) {
        retention_free(r);
        return err_set(e, ERR_IO, "cannot start retention: %s", strerror(failed));
    }
    *out = r;
    return ERR_NONE;
}

void retention_set(struct retention *r, struct retention_days days)
{
    pthread_mutex_lock(&r->lock);
    if (r->days.usage != days.usage || r->days.audit != days.audit) {
        r->days = days;
        r->is_set = true;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
}

void retention_stop(struct retention *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    retention_free(r);
}
