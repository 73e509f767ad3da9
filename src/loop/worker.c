/* worker.c - a thread with its event loop. */
#include "loop/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/panic.h"
#include "loop/dns.h"
#include "loop/loop.h"

#define TASKS_PER_TURN    1024
#define SPARE_BUFFERS_MAX 32
#define POSTS_KEPT        1024 // a longer queue gives its memory back

struct spare_buffer {
    struct spare_buffer *next;
};

void worker_update_now(struct worker *w)
{
    w->now_ms = clock_mono_ms();
    w->now_unix_ms = clock_unix_ms();
}

/* Tasks. */

void task_init(struct task *t, task_fn *run, void *ctx)
{
    list_init(&t->link);
    t->run = run;
    t->ctx = ctx;
}

void worker_wake(struct worker *w, struct task *t)
{
    if (list_is_empty(&t->link))
        list_push_back(&w->loop->ready, &t->link);
}

void task_cancel(struct task *t)
{
    list_remove(&t->link);
}

static void run_tasks(struct worker_loop *loop)
{
    for (int i = 0; i < TASKS_PER_TURN && !list_is_empty(&loop->ready); i++) {
        struct task *t = list_entry(loop->ready.next, struct task, link);
        list_remove(&t->link);
        t->run(t->ctx);
    }
}

/* Timers. */

static void on_alarm(uv_timer_t *alarm);

/* libuv's clock is the monotonic one too, read at another moment. */
static void set_alarm(struct worker_loop *loop, int64_t at_ms)
{
    int64_t wait_ms = at_ms - (int64_t)uv_now(&loop->uv);

    loop->alarm_at_ms = at_ms;
    uv_timer_start(&loop->alarm, on_alarm, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct worker *w = alarm->data;
    int64_t next_ms;

    worker_update_now(w);
    wheel_advance(&w->loop->wheel, w->now_ms);
    next_ms = wheel_next_ms(&w->loop->wheel);
    w->loop->alarm_at_ms = 0;
    if (next_ms && !w->loop->ended)
        set_alarm(w->loop, next_ms > w->now_ms ? next_ms : w->now_ms + 1);
}

void timer_init(struct timer *t, task_fn *fire, void *ctx)
{
    *t = (struct timer){.fire = fire, .ctx = ctx};
    list_init(&t->link);
}

void timer_set(struct worker *w, struct timer *t, int64_t at_ms)
{
    struct worker_loop *loop = w->loop;
    int64_t filed_ms;

    if (at_ms <= 0)
        at_ms = 1; // long ago; 0 says "not set"
    t->at_ms = at_ms;
    if (!list_is_empty(&t->link) && t->filed_ms <= at_ms)
        return;
    if (!loop->alarm_at_ms || loop->alarm_at_ms > w->now_ms)
        wheel_skip(&loop->wheel, w->now_ms); // it stood still while nothing was due
    filed_ms = wheel_file(&loop->wheel, t);
    if (!loop->ended && (!loop->alarm_at_ms || filed_ms < loop->alarm_at_ms))
        set_alarm(loop, filed_ms);
}

void timer_clear(struct timer *t)
{
    t->at_ms = 0;
    list_remove(&t->link);
}

/* Posts. */

void worker_post(struct worker *w, task_fn *run, void *ctx)
{
    struct worker_loop *loop = w->loop;
    struct post_queue *q = &loop->inbox;

    pthread_mutex_lock(&loop->lock);
    if (q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 16;
        struct post *posts = realloc(q->posts, cap * sizeof(*posts));
        if (!posts)
            panic("out of memory: %zu posts", cap);
        q->posts = posts;
        q->cap = cap;
    }
    q->posts[q->count++] = (struct post){run, ctx};
    if (!loop->ended)
        uv_async_send(&loop->mail); // under the lock: the handle cannot be closed meanwhile
    pthread_mutex_unlock(&loop->lock);
}

static void on_mail(uv_async_t *mail)
{
    struct worker *w = mail->data;
    struct worker_loop *loop = w->loop;
    struct post_queue q;

    loop_refresh_now(w);
    pthread_mutex_lock(&loop->lock);
    q = loop->inbox;
    loop->inbox = loop->work;
    pthread_mutex_unlock(&loop->lock);

    for (size_t i = 0; i < q.count; i++)
        q.posts[i].run(q.posts[i].ctx);
    q.count = 0;
    if (q.cap > POSTS_KEPT) {
        free(q.posts);
        q = (struct post_queue){0};
    }
    loop->work = q;
}

/* Buffers. */

char *worker_buffer_take(struct worker *w)
{
    struct spare_buffer *b = w->loop->spare;

    if (b) {
        w->loop->spare = b->next;
        w->loop->spare_count--;
        return (char *)b;
    }
    b = malloc(WORKER_BUFFER_BYTES);
    if (!b)
        panic("out of memory: a read buffer");
    return (char *)b;
}

void worker_buffer_give(struct worker *w, char *buffer)
{
    struct spare_buffer *b = (struct spare_buffer *)(void *)buffer;

    if (!b)
        return;
    if (w->loop->spare_count == SPARE_BUFFERS_MAX) {
        free(b);
        return;
    }
    b->next = w->loop->spare;
    w->loop->spare = b;
    w->loop->spare_count++;
}

char *loop_scratch(struct worker *w)
{
    if (!w->loop->scratch)
        w->loop->scratch = malloc(LOOP_SCRATCH_BYTES + LOOP_RECORD_BYTES);
    if (!w->loop->scratch)
        panic("out of memory: a scratch buffer");
    return w->loop->scratch;
}

char *loop_record(struct worker *w)
{
    return loop_scratch(w) + LOOP_SCRATCH_BYTES;
}

/* The loop. */

static void end_loop(struct worker_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->ended = true;
    uv_close((uv_handle_t *)&loop->mail, NULL);
    pthread_mutex_unlock(&loop->lock);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    dns_free(loop->dns);
    loop->dns = NULL;
}

static bool may_end(struct worker_loop *loop)
{
    bool posts;

    if (!loop->stopping || loop->open || !list_is_empty(&loop->ready))
        return false;
    pthread_mutex_lock(&loop->lock);
    posts = loop->inbox.count > 0;
    pthread_mutex_unlock(&loop->lock);
    return !posts;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct worker *w = prepare->data;
    struct worker_loop *loop = w->loop;

    run_tasks(loop);
    if (!list_is_empty(&loop->ready))
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_idle_stop(&loop->idle);
    loop->now_fresh = false;
    if (may_end(loop))
        end_loop(loop);
}

static void on_check(uv_check_t *check)
{
    struct worker *w = check->data;

    loop_refresh_now(w);
    run_tasks(w->loop);
}

static void open_handles(struct worker *w)
{
    struct worker_loop *loop = w->loop;

    if (uv_loop_init(&loop->uv) != 0 || uv_async_init(&loop->uv, &loop->mail, on_mail) != 0)
        panic("cannot make an event loop: too many open files?");
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->mail.data = loop->prepare.data = loop->check.data = loop->alarm.data = w;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
}

/* Writing to a peer that has gone is an error code here, not the end of the process. */
static void ignore_sigpipe(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        now = (struct sigaction){.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &now, NULL);
    }
}

struct worker *worker_new(unsigned index)
{
    struct worker *w = calloc(1, sizeof(*w));
    uint64_t seed[4];

    if (w)
        w->loop = calloc(1, sizeof(*w->loop));
    if (!w || !w->loop)
        panic("out of memory: a worker");
    if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        panic("the kernel gives no random numbers");
    ignore_sigpipe();
    w->index = index;
    random_seed(&w->random, seed);
    worker_update_now(w);
    list_init(&w->loop->ready);
    wheel_init(&w->loop->wheel, w->now_ms);
    pthread_mutex_init(&w->loop->lock, NULL);
    open_handles(w);
    return w;
}

void worker_run(struct worker *w)
{
    uv_update_time(&w->loop->uv);
    worker_update_now(w);
    uv_run(&w->loop->uv, UV_RUN_DEFAULT);
}

void worker_stop(struct worker *w)
{
    w->loop->stopping = true;
}

void worker_free(struct worker *w)
{
    struct worker_loop *loop;
    int err;

    if (!w)
        return;
    loop = w->loop;
    if (!loop->ended) {
        end_loop(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    err = uv_loop_close(&loop->uv);
    assert(err == 0);
    (void)err;
    while (loop->spare) {
        struct spare_buffer *b = loop->spare;
        loop->spare = b->next;
        free(b);
    }
    free(loop->inbox.posts);
    free(loop->work.posts);
    buf_release(&loop->ciphertext);
    free(loop->scratch);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
    free(w);
}
