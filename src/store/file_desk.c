/* file_desk.c - notes and questions about files, carried out where no worker waits for them. */
#include "store/file_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "store/sqlite.h"

#define COMPLAIN_MS 60000 // at most one line of errors in that time

struct file_desk {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct file_job *first, *last; // waiting
    size_t waiting;
    bool stop;
    /* the thread's own */
    pthread_t thread;
    char *dsn;
    struct store *store; // NULL: not open
    int64_t complained_at_ms;
};

/* ---- jobs ---- */

void file_job_init(struct file_job *job, enum file_job_kind kind)
{
    *job = (struct file_job){.kind = kind};
    arena_init(&job->arena, 0);
}

void file_job_release(struct file_job *job)
{
    arena_release(&job->arena);
}

/* The asker's memory may go before the job is done. */
static void keep_words(struct file_job *job)
{
    struct slice *const words[] = {&job->file.file, &job->file.about, &job->page.purpose,
                                   &job->page.after};
    struct slice *files = arena_array(&job->arena, struct slice, job->page.file_count + 1);
    int64_t *providers = arena_array(&job->arena, int64_t, job->page.provider_count + 1);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i]->len)
            *words[i] = arena_dup(&job->arena, *words[i]);
    }
    for (size_t i = 0; i < job->page.file_count; i++)
        files[i] = arena_dup(&job->arena, job->page.files[i]);
    job->page.files = files;
    if (job->page.provider_count)
        memcpy(providers, job->page.providers, job->page.provider_count * sizeof(*providers));
    job->page.providers = providers;
}

static void keep_file(void *ctx, const struct file_owner *f)
{
    struct file_job *job = ctx;
    struct file_owner *files = job->files;

    if (job->count == job->room) {
        job->room = job->room ? 2 * job->room : 16;
        job->files = arena_array(&job->arena, struct file_owner, job->room);
        if (job->count)
            memcpy(job->files, files, job->count * sizeof(*files));
    }
    job->files[job->count] = *f;
    job->files[job->count].file = arena_dup(&job->arena, f->file);
    job->files[job->count].about = arena_dup(&job->arena, f->about);
    job->count++;
}

/* ---- the thread ---- */

/* Another file may stand in the database's place by now: that one is asked. */
static enum err connect(struct file_desk *desk, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};

    if (desk->store && !store_has_moved(desk->store))
        return ERR_NONE;
    store_close(desk->store);
    desk->store = NULL;
    if (store_open(desk->dsn, STORE_MUST_EXIST, &desk->store, &why))
        return err_set(e, ERR_IO, "%s", err_info_text(&why)); // which says nothing about files
    return db_run(desk->store->db, "PRAGMA synchronous = FULL", e);
}

static void carry_out(struct file_desk *desk, struct file_job *job)
{
    if (clock_mono_ms() >= job->give_up_at_ms) {
        err_set(&job->err, ERR_OVERLOADED, "the database did not answer in time");
        return;
    }
    if (connect(desk, &job->err))
        return;
    switch (job->kind) {
    case FILE_JOB_ADD: file_owner_add(desk->store, &job->file, &job->err); break;
    case FILE_JOB_LIST:
        file_owner_list(desk->store, &job->page, keep_file, job, &job->more, &job->err);
        break;
    case FILE_JOB_DELETE:
        file_owner_delete(desk->store, job->file.provider_id, job->file.file, clock_unix_ms(),
                          &job->err);
        break;
    }
}

/* A connection that has failed is made anew, in case it is to blame. */
static void complain(struct file_desk *desk, const struct file_job *job)
{
    enum err code = job->err.code;
    int64_t now = clock_mono_ms();

    if (!code || code == ERR_NOT_FOUND || code == ERR_CONFLICT)
        return;
    store_close(desk->store);
    desk->store = NULL;
    if (desk->complained_at_ms && now - desk->complained_at_ms < COMPLAIN_MS)
        return;
    desk->complained_at_ms = now;
    log_event(LOG_ERROR, NULL, "files.failed", "err=%s why=\"%s\"", err_name(code),
              err_info_text(&job->err));
}

static void on_done(void *ctx)
{
    struct file_job *job = ctx;
    job->done(job);
}

/* NULL: the desk closes, and nothing is left to do. */
static struct file_job *take(struct file_desk *desk)
{
    struct file_job *job;

    pthread_mutex_lock(&desk->lock);
    while (!desk->first && !desk->stop)
        pthread_cond_wait(&desk->wake, &desk->lock);
    job = desk->first;
    if (job) {
        desk->first = job->next;
        desk->waiting--;
    }
    pthread_mutex_unlock(&desk->lock);
    return job;
}

static void *desk_main(void *ctx)
{
    struct file_desk *desk = ctx;
    struct file_job *job;

    while ((job = take(desk))) {
        carry_out(desk, job);
        complain(desk, job);
        worker_post(job->worker, on_done, job);
    }
    store_close(desk->store);
    return NULL;
}

/* ---- the desk ---- */

static void desk_free(struct file_desk *desk)
{
    pthread_cond_destroy(&desk->wake);
    pthread_mutex_destroy(&desk->lock);
    free(desk->dsn);
    free(desk);
}

enum err file_desk_open(const char *dsn, struct file_desk **out, struct err_info *e)
{
    struct file_desk *desk = calloc(1, sizeof(*desk));
    int failed;

    if (!desk || !(desk->dsn = strdup(dsn)))
        panic("out of memory: the files' owners");
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->wake, NULL);
    failed = pthread_create(&desk->thread, NULL, desk_main, desk);
    if (failed) {
        desk_free(desk);
        return err_set(e, ERR_IO, "a thread cannot be started: %s", strerror(failed));
    }
    *out = desk;
    return ERR_NONE;
}

void file_desk_close(struct file_desk *desk)
{
    if (!desk)
        return;
    pthread_mutex_lock(&desk->lock);
    desk->stop = true;
    pthread_cond_signal(&desk->wake);
    pthread_mutex_unlock(&desk->lock);
    pthread_join(desk->thread, NULL);
    desk_free(desk);
}

bool file_desk_ask(struct file_desk *desk, struct file_job *job)
{
    bool taken;

    keep_words(job);
    job->next = NULL;
    job->give_up_at_ms = clock_mono_ms() + FILE_DESK_WAIT_MS;
    pthread_mutex_lock(&desk->lock);
    taken = desk->waiting < FILE_DESK_MOST && !desk->stop;
    if (taken) {
        if (desk->first)
            desk->last->next = job;
        else
            desk->first = job;
        desk->last = job;
        desk->waiting++;
        pthread_cond_signal(&desk->wake);
    }
    pthread_mutex_unlock(&desk->lock);
    return taken;
}
