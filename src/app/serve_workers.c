/* serve_workers.c - the worker threads: made, started, drained. */
#include <stdlib.h>

#include "app/serve.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"

#define DRAIN_LOOK_MS 20
#define JOIN_LOOK_MS  5
#define CUT_GRACE_MS  1000 // for last bytes to leave, once everything was cut

/* ---- requests ---- */

static void on_request(void *ctx, struct http_request *r, const struct head *head)
{
    struct serve_worker *sw = ctx;

    if (!ops_answer(&sw->ops, r, head))
        exchange_begin(sw->gw, r, head);
}

static void on_refuse(void *ctx, struct http_request *r, const struct err_info *e)
{
    struct serve_worker *sw = ctx;

    exchange_refuse(sw->gw, r, e);
}

static bool is_ready(void *ctx)
{
    const struct serve_worker *sw = ctx;

    return atomic_load(&sw->serve->is_ready) && !journal_is_failing(sw->gw->journal) &&
           (journal_has_room(sw->gw->journal) ||
            sw->gw->snapshot->limits.ledger_full == LEDGER_FULL_SERVE_UNACCOUNTED);
}

static bool is_admin(void *ctx, const struct head *head)
{
    const struct serve_worker *sw = ctx;
    const struct key *key = gateway_key(sw->gw, head);

    return key && key->user->admin;
}

/* ---- making ---- */

static enum err worker_open(struct serve *s, unsigned index, struct snapshot *first,
                            struct err_info *e)
{
    struct serve_worker *sw = &s->workers[index];
    const struct options *o = &s->command->options;
    struct http_handler handler = {.on_request = on_request, .on_refuse = on_refuse, .ctx = sw};

    sw->serve = s;
    sw->worker = worker_new(index);
    sw->worker->owner = sw;
    sw->gw = gateway_worker_new(&s->gateway, sw->worker, journal_set_worker(s->journals, index),
                                snapshot_ref(first));
    sw->gw->server = http_server_new(sw->worker, &http_server_defaults, handler);
    sw->ops = (struct ops){
        .version = s->gateway.version,
        .is_ready = is_ready,
        .write_metrics = serve_write_metrics,
        .is_admin = is_admin,
        .ctx = sw,
    };
    sw->listener =
        listener_open(sw->worker, o->host, s->port, s->tls, http_server_accept, sw->gw->server, e);
    if (!sw->listener)
        return e->code;
    s->port = listener_port(sw->listener); // the same one for all, also when the first chose it
    if (o->ledger_mode == LEDGER_DURABLE)
        return journal_sync_start(s->journals, index, sw->worker, e);
    return ERR_NONE;
}

enum err serve_workers_open(struct serve *s, struct snapshot *first, struct err_info *e)
{
    s->workers = calloc(s->worker_count, sizeof(*s->workers));
    if (!s->workers)
        panic("out of memory: workers");
    for (unsigned i = 0; i < s->worker_count; i++) {
        if (worker_open(s, i, first, e) != ERR_NONE)
            return e->code;
    }
    return ERR_NONE;
}

static void *worker_main(void *ctx)
{
    struct serve_worker *sw = ctx;

    worker_run(sw->worker);
    return NULL;
}

enum err serve_workers_start(struct serve *s, struct err_info *e)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct serve_worker *sw = &s->workers[i];
        if (pthread_create(&sw->thread, NULL, worker_main, sw) != 0)
            return err_set(e, ERR_IO, "a thread cannot be started");
        sw->is_running = true;
    }
    return ERR_NONE;
}

/* ---- draining ---- */

/* Looks again and again until nothing is left, then lets the loop end. */
static void drain_look(void *ctx)
{
    struct serve_worker *sw = ctx;
    size_t left =
        sw->gw->exchange_count + sw->gw->errand_count + http_server_connections(sw->gw->server);

    if (!left)
        http_client_drain(sw->gw->client);
    if (!left && !http_client_connections(sw->gw->client)) {
        worker_stop(sw->worker);
        return;
    }
    timer_set(sw->worker, &sw->drain_timer, sw->worker->now_ms + DRAIN_LOOK_MS);
}

static void drain_begin(void *ctx)
{
    struct serve_worker *sw = ctx;

    listener_close(sw->listener);
    sw->listener = NULL;
    sw->is_draining = true;
    http_server_drain(sw->gw->server);
    gateway_worker_stop(sw->gw);
    timer_init(&sw->drain_timer, drain_look, sw);
    drain_look(sw);
}

static void cut(void *ctx)
{
    struct serve_worker *sw = ctx;
    gateway_worker_cut(sw->gw);
}

static void cut_connections(void *ctx)
{
    struct serve_worker *sw = ctx;
    http_server_cut(sw->gw->server);
}

static void post_all(struct serve *s, task_fn *run)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        if (s->workers[i].is_running)
            worker_post(s->workers[i].worker, run, &s->workers[i]);
    }
}

static bool join_ended(struct serve *s)
{
    bool all = true;

    for (unsigned i = 0; i < s->worker_count; i++) {
        struct serve_worker *sw = &s->workers[i];
        if (sw->is_running && pthread_tryjoin_np(sw->thread, NULL) == 0)
            sw->is_running = false;
        all = all && !sw->is_running;
    }
    return all;
}

/* pthread_timedjoin_np() goes by the wall clock, which may be set meanwhile. */
static bool join_until(struct serve *s, int64_t until_mono_ms)
{
    const struct timespec nap = {.tv_nsec = JOIN_LOOK_MS * 1000000L};

    while (!join_ended(s)) {
        if (clock_mono_ms() >= until_mono_ms)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

void serve_workers_stop(struct serve *s, int64_t timeout_ms)
{
    post_all(s, drain_begin);
    if (join_until(s, clock_mono_ms() + timeout_ms))
        return;
    log_event(LOG_WARN, NULL, "shutdown.cut", "after_ms=%lld", (long long)timeout_ms);
    post_all(s, cut);
    if (join_until(s, clock_mono_ms() + CUT_GRACE_MS))
        return;
    post_all(s, cut_connections);
    join_until(s, clock_mono_ms() + 10 * CUT_GRACE_MS);
}

void serve_workers_free(struct serve *s)
{
    for (unsigned i = 0; s->workers && i < s->worker_count; i++) {
        struct serve_worker *sw = &s->workers[i];
        if (sw->is_running) // would not end: its memory goes with the process
            continue;
        if (sw->gw)
            http_server_free(sw->gw->server);
        gateway_worker_free(sw->gw);
        if (sw->worker)
            worker_free(sw->worker);
    }
    free(s->workers);
}
