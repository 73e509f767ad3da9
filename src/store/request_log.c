/* request_log.c - entries on their way from the workers to the file. */
#include "store/request_log.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "crypto/keep.h"
#include "store/db.h"
#include "store/request_log_inside.h"
#include "store/wait.h"
#include "wire/redact.h"

#define GATHER_MS      100   // the more entries share a transaction, the less each costs
#define PAUSE_MS       10    // between two steps of forgetting
#define LOOK_MS        60000 // how often old entries are looked for
#define CLOSE_AFTER_MS 30000 // of idleness the file is closed
#define COMPLAIN_MS    60000 // at most one line of errors in that time
#define GROUP_ROWS     256
#define GROUP_BYTES    ((size_t)4 << 20)
#define ENTRY_BYTES    (sizeof(struct request_log_entry) + 512) // with its first memory

const struct request_log_limits request_log_defaults = {
    .memory_bytes = (size_t)64 << 20,
    .days = 30,
    .max_bytes = (int64_t)2 << 30,
};

struct request_log {
    /* any thread */
    _Atomic(struct request_log_entry *) added; // the newest first
    atomic_size_t memory;
    size_t memory_limit;
    atomic_int_fast64_t days, max_bytes;
    atomic_uint_fast64_t written, dropped, errors;
    atomic_int_fast64_t rows, bytes;
    atomic_int_fast64_t stop_at_ms; // monotonic; 0: not yet
    sem_t wake;
    /* those who wait */
    pthread_mutex_t lock;
    pthread_cond_t flushed;
    uint64_t flush_asked, flush_done;
    /* the thread's own */
    pthread_t thread;
    char *path;
    struct log_file file;
    int64_t looked_at_ms, worked_at_ms, complained_at_ms;
    bool has_more; // to forget
};

/* ---- entries ---- */

static bool charge(struct request_log *log, size_t bytes)
{
    size_t before = atomic_fetch_add_explicit(&log->memory, bytes, memory_order_relaxed);

    if (before + bytes <= log->memory_limit)
        return true;
    atomic_fetch_sub_explicit(&log->memory, bytes, memory_order_relaxed);
    return false;
}

struct request_log_entry *request_log_entry_new(struct request_log *log, const char *id)
{
    struct request_log_entry *entry;

    if (!charge(log, ENTRY_BYTES)) {
        atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
        return NULL;
    }
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        panic("out of memory: the request log");
    entry->log = log;
    entry->charged = ENTRY_BYTES;
    arena_init(&entry->arena, 0);
    snprintf(entry->row.id, sizeof(entry->row.id), "%s", id);
    return entry;
}

void request_log_entry_free(struct request_log_entry *entry)
{
    if (!entry)
        return;
    atomic_fetch_sub_explicit(&entry->log->memory, entry->charged, memory_order_relaxed);
    arena_release(&entry->arena);
    buf_release(&entry->bodies[REQUEST_LOG_REQUEST]);
    buf_release(&entry->bodies[REQUEST_LOG_RESPONSE]);
    buf_release(&entry->scratch);
    free(entry);
}

void request_log_own(struct request_log_entry *entry, struct secret secret)
{
    for (size_t i = 0; i < entry->own_count; i++) {
        if (slice_eq(secret_reveal(entry->own[i]), secret_reveal(secret)))
            return;
    }
    if (secret_reveal(secret).len && entry->own_count < ARRAY_LEN(entry->own))
        entry->own[entry->own_count++] = secret_dup(&entry->arena, secret);
}

/* What a head is made of has its limits already, so that its room is only counted. */
static struct slice keep(struct request_log_entry *entry)
{
    struct slice text = buf_peek(&entry->scratch);

    if (!text.len)
        return SLICE("");
    entry->charged += text.len;
    atomic_fetch_add_explicit(&entry->log->memory, text.len, memory_order_relaxed);
    return arena_dup(&entry->arena, text);
}

static struct redact_own own_of(const struct request_log_entry *entry)
{
    return (struct redact_own){entry->own, entry->own_count};
}

struct slice request_log_text(struct request_log_entry *entry, struct slice text)
{
    buf_clear(&entry->scratch);
    redact_text(text, own_of(entry), &entry->scratch);
    return keep(entry);
}

struct slice request_log_target(struct request_log_entry *entry, struct slice target)
{
    buf_clear(&entry->scratch);
    redact_target(target, own_of(entry), &entry->scratch);
    return keep(entry);
}

struct slice request_log_lines(struct request_log_entry *entry, struct slice lines)
{
    buf_clear(&entry->scratch);
    redact_lines(lines, own_of(entry), &entry->scratch);
    return keep(entry);
}

void request_log_body(struct request_log_entry *entry, enum request_log_body which,
                      struct slice bytes, size_t max_bytes)
{
    struct buf *body = &entry->bodies[which];
    int64_t *cut =
        which == REQUEST_LOG_REQUEST ? &entry->row.request_cut : &entry->row.response_cut;
    size_t room = max_bytes > buf_len(body) ? max_bytes - buf_len(body) : 0;
    struct slice kept = slice_sub(bytes, 0, room);

    if (*cut)
        return; // what follows a gap is of no use
    if (kept.len && !charge(entry->log, kept.len))
        kept.len = 0;
    else
        entry->charged += kept.len;
    buf_append(body, kept);
    *cut = kept.len < bytes.len;
}

void request_log_add(struct request_log_entry *entry)
{
    struct request_log *log = entry->log;
    struct request_log_entry *newest = atomic_load_explicit(&log->added, memory_order_relaxed);

    buf_release(&entry->scratch);
    do {
        entry->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&log->added, &newest, entry,
                                                    memory_order_release, memory_order_relaxed));
    if (!newest)
        sem_post(&log->wake);
}

/* ---- the thread ---- */

static void complain(struct request_log *log, const struct err_info *e)
{
    int64_t now = clock_mono_ms();

    atomic_fetch_add_explicit(&log->errors, 1, memory_order_relaxed);
    if (log->complained_at_ms && now - log->complained_at_ms < COMPLAIN_MS)
        return;
    log->complained_at_ms = now;
    log_event(LOG_ERROR, NULL, "request_log.failed", "err=%s why=\"%s\"", err_name(e->code),
              err_info_text(e));
}

/* One that is damaged makes room for a new one, others are opened again when they are needed. */
static void give_up(struct request_log *log, const struct err_info *e)
{
    complain(log, e);
    if (e->code == ERR_DAMAGED && log->file.db)
        log_file_set_aside(&log->file, err_info_text(e));
    else
        log_file_close(&log->file);
}

/* What was added, the oldest first. */
static struct request_log_entry *take_all(struct request_log *log)
{
    struct request_log_entry *newest =
        atomic_exchange_explicit(&log->added, NULL, memory_order_acquire);
    struct request_log_entry *oldest = NULL;

    while (newest) {
        struct request_log_entry *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* Writes the entries up to `end` in one transaction. */
static bool write_group(struct request_log *log, struct request_log_entry *from,
                        const struct request_log_entry *end)
{
    struct err_info e = {.code = ERR_NONE};

    if (!log->file.db && log_file_open(&log->file, &e)) {
        complain(log, &e);
        return false;
    }
    db_run(log->file.db, "BEGIN IMMEDIATE", &e);
    for (; from != end && !e.code; from = from->next)
        log_file_insert(&log->file, from, &e);
    if (!e.code)
        db_run(log->file.db, "COMMIT", &e);
    if (e.code)
        give_up(log, &e);
    return !e.code;
}

static bool must_hurry(const struct request_log *log)
{
    int64_t at = atomic_load_explicit(&log->stop_at_ms, memory_order_acquire);
    return at && clock_mono_ms() >= at;
}

/* Group by group; entries of a group that cannot be written are lost, and counted. */
static void write_all(struct request_log *log)
{
    struct request_log_entry *first = take_all(log);

    if (first)
        log->worked_at_ms = clock_mono_ms();
    while (first) {
        struct request_log_entry *end = first, *next;
        size_t rows = 0, bytes = 0;
        bool good;

        for (; end && rows < GROUP_ROWS && bytes < GROUP_BYTES; end = end->next) {
            bytes += end->charged;
            rows++;
        }
        good = !must_hurry(log) && write_group(log, first, end);
        atomic_fetch_add_explicit(good ? &log->written : &log->dropped, rows, memory_order_relaxed);
        for (; first != end; first = next) {
            next = first->next;
            request_log_entry_free(first);
        }
    }
}

static void forget(struct request_log *log)
{
    int64_t now = clock_mono_ms();
    int64_t days = atomic_load_explicit(&log->days, memory_order_relaxed);
    struct err_info e = {.code = ERR_NONE};

    if (!log->file.db) {
        if ((log->looked_at_ms && now - log->looked_at_ms < LOOK_MS) || access(log->path, F_OK))
            return;
        if (log_file_open(&log->file, &e)) {
            complain(log, &e);
            log->looked_at_ms = now;
            return;
        }
    }
    log->looked_at_ms = now;
    if (log_file_forget(&log->file, clock_unix_ms() - days * DAY_MS,
                        atomic_load_explicit(&log->max_bytes, memory_order_relaxed), &log->has_more,
                        &e)) {
        log->has_more = false;
        give_up(log, &e);
        return;
    }
    atomic_store_explicit(&log->rows, log->file.rows, memory_order_relaxed);
    atomic_store_explicit(&log->bytes, log_file_bytes(&log->file), memory_order_relaxed);
    if (!log->has_more && now - log->worked_at_ms >= CLOSE_AFTER_MS) {
        log_file_close(&log->file);
        buf_release(&log->file.plain);
        buf_release(&log->file.packed[0]);
        buf_release(&log->file.packed[1]);
    }
}

static void sleep_up_to(struct request_log *log, int64_t ms)
{
    struct timespec until = wait_until(ms);

    sem_clockwait(&log->wake, CLOCK_MONOTONIC, &until);
}

/* Who waits for a flush is not made to wait for others to come. */
static uint64_t rest(struct request_log *log, bool *stopping)
{
    uint64_t asked, done;

    sleep_up_to(log, log->has_more ? PAUSE_MS : log->file.db ? CLOSE_AFTER_MS : LOOK_MS);
    for (int i = 0;; i++) {
        pthread_mutex_lock(&log->lock);
        asked = log->flush_asked;
        done = log->flush_done;
        pthread_mutex_unlock(&log->lock);
        *stopping = atomic_load_explicit(&log->stop_at_ms, memory_order_acquire) != 0;
        if (i || *stopping || asked != done ||
            !atomic_load_explicit(&log->added, memory_order_relaxed))
            return asked;
        sleep_up_to(log, GATHER_MS);
    }
}

static void *log_main(void *arg)
{
    struct request_log *log = arg;
    bool stopping = false;

    forget(log);
    while (!stopping) {
        uint64_t asked = rest(log, &stopping);
        write_all(log);
        if (!stopping)
            forget(log);
        pthread_mutex_lock(&log->lock);
        log->flush_done = asked;
        pthread_cond_broadcast(&log->flushed);
        pthread_mutex_unlock(&log->lock);
    }
    write_all(log);
    log_file_close(&log->file);
    return NULL;
}

/* ---- the whole ---- */

const char *request_log_path(const char *data_dir, struct arena *a)
{
    return arena_printf(a, "%s/requests.db", data_dir).ptr;
}

static void log_free(struct request_log *log)
{
    zstd_packer_free(log->file.packer);
    buf_release(&log->file.plain);
    buf_release(&log->file.packed[0]);
    buf_release(&log->file.packed[1]);
    sem_destroy(&log->wake);
    pthread_cond_destroy(&log->flushed);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
}

static void init_waiting(struct request_log *log)
{
    sem_init(&log->wake, 0, 0);
    pthread_mutex_init(&log->lock, NULL);
    wait_init(&log->flushed);
}

enum err request_log_open(const char *path, const struct request_log_limits *limits,
                          struct request_log **out, struct err_info *e)
{
    struct request_log *log = calloc(1, sizeof(*log));
    int failed;

    if (!log || !(log->path = strdup(path)))
        panic("out of memory: the request log");
    log->file.path = log->path;
    log->memory_limit = limits->memory_bytes;
    atomic_store(&log->days, limits->days);
    atomic_store(&log->max_bytes, limits->max_bytes);
    atomic_store(&log->rows, -1);
    atomic_store(&log->bytes, -1);
    init_waiting(log);
    failed = pthread_create(&log->thread, NULL, log_main, log);
    if (failed) {
        log_free(log);
        return err_set(e, ERR_IO, "cannot start the request log: %s", strerror(failed));
    }
    *out = log;
    return ERR_NONE;
}

void request_log_retain(struct request_log *log, int64_t days, int64_t max_bytes)
{
    atomic_store_explicit(&log->days, days, memory_order_relaxed);
    atomic_store_explicit(&log->max_bytes, max_bytes, memory_order_relaxed);
    sem_post(&log->wake);
}

bool request_log_flush(struct request_log *log, int timeout_ms)
{
    struct timespec until = wait_until(timeout_ms);
    uint64_t mine;
    int rc = 0;
    bool done;

    pthread_mutex_lock(&log->lock);
    mine = ++log->flush_asked;
    sem_post(&log->wake);
    while (log->flush_done < mine && rc == 0)
        rc = pthread_cond_timedwait(&log->flushed, &log->lock, &until);
    done = log->flush_done >= mine;
    pthread_mutex_unlock(&log->lock);
    return done;
}

void request_log_close(struct request_log *log, int timeout_ms)
{
    if (!log)
        return;
    atomic_store_explicit(&log->stop_at_ms, clock_mono_ms() + timeout_ms, memory_order_release);
    sem_post(&log->wake);
    pthread_join(log->thread, NULL);
    log_free(log);
}

void request_log_read_stats(const struct request_log *log, struct request_log_stats *out)
{
    *out = (struct request_log_stats){
        .written = atomic_load_explicit(&log->written, memory_order_relaxed),
        .dropped = atomic_load_explicit(&log->dropped, memory_order_relaxed),
        .errors = atomic_load_explicit(&log->errors, memory_order_relaxed),
        .rows = atomic_load_explicit(&log->rows, memory_order_relaxed),
        .bytes = atomic_load_explicit(&log->bytes, memory_order_relaxed),
        .memory_bytes = atomic_load_explicit(&log->memory, memory_order_relaxed),
    };
}
