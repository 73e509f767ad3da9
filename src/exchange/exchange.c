/* exchange.c - what drives the stages: waking, deadlines, clients that leave, the end. */
#include "exchange/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "chat/error.h"
#include "exchange/answer.h"
#include "exchange/files.h"
#include "exchange/relay.h"
#include "exchange/stages.h"

#define SPARE_EXCHANGES 64 // kept for the next requests, so that none is allocated

/* No more of a buffer or an arena is kept with them; nothing where uses after the end are looked for. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARE_BUFFER_BYTES ((size_t)0)
#endif
#endif
#ifndef SPARE_BUFFER_BYTES
#define SPARE_BUFFER_BYTES ((size_t)8 * 1024)
#endif

/* The bytes of an exchange's own arena are for names, edits and trees; bodies have their buffers. */
#define ARENA_LIMIT_BYTES ((size_t)64 << 20)

void exchange_wake(struct exchange *x)
{
    worker_wake(x->gw->worker, &x->task);
}

void exchange_wake_at(struct exchange *x, int64_t at_ms)
{
    if (x->deadline_at_ms && x->deadline_at_ms < at_ms && !x->recorded)
        at_ms = x->deadline_at_ms;
    timer_set(x->gw->worker, &x->timer, at_ms);
}

static void exchange_run(void *ctx);

static void on_timer(void *ctx)
{
    exchange_wake(ctx);
}

static struct exchange *exchange_take(struct gateway_worker *gw)
{
    struct exchange *x;

    if (gw->spare_count) {
        x = list_entry(gw->spare.next, struct exchange, link);
        list_remove(&x->link);
        gw->spare_count--;
        return x;
    }
    x = calloc(1, sizeof(*x));
    if (!x)
        panic("out of memory: an exchange");
    arena_init(&x->arena, ARENA_LIMIT_BYTES);
    return x;
}

/* Zeroes all but the memory that the next exchange will use again. */
static void exchange_reset(struct exchange *x)
{
    struct buf *const kept[] = {&x->body_buf, &x->foreign_body,   &x->attempt.head,
                                &x->local,    &x->relay.gathered, &x->relay.held};
    struct buf saved[ARRAY_LEN(kept)];
    struct arena arena = x->arena; // it has been reset

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (kept[i]->cap > SPARE_BUFFER_BYTES)
            buf_release(kept[i]);
        buf_clear(kept[i]);
        saved[i] = *kept[i];
    }
    memset(x, 0, sizeof(*x));
    x->arena = arena;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        *kept[i] = saved[i];
}

static void exchange_destroy(struct exchange *x)
{
    arena_release(&x->arena);
    buf_release(&x->body_buf);
    buf_release(&x->foreign_body);
    buf_release(&x->attempt.head);
    buf_release(&x->local);
    buf_release(&x->relay.gathered);
    buf_release(&x->relay.held);
    free(x);
}

/* Settled: lets go of everything.  Only the driver calls it. */
void exchange_free(struct exchange *x)
{
    struct gateway_worker *gw = x->gw;

    assert(!x->request);
    trail_end(x);
    files_release(x);
    timer_clear(&x->timer);
    journal_wait_cancel(&x->safety);
    task_cancel(&x->task);
    list_remove(&x->link);
    gw->exchange_count--;
    atomic_fetch_sub_explicit(&gw->stats.in_flight, 1, memory_order_relaxed);
    if (x->body_charged)
        atomic_fetch_sub_explicit(&gw->gateway->inflight_body_bytes, x->body_charged,
                                  memory_order_relaxed);
    sse_cutter_release(&x->relay.sse);
    if (x->relay.watch)
        json_watch_release(x->relay.watch);
    if (x->relay.translation)
        translation_release(x->relay.translation);
    chat_memory_release(&x->relay.memory);
    arena_reset(&x->arena, SPARE_BUFFER_BYTES);
    snapshot_unref(x->snapshot);
    if (gw->spare_count >= SPARE_EXCHANGES) {
        exchange_destroy(x);
        return;
    }
    exchange_reset(x);
    list_push_front(&gw->spare, &x->link);
    gw->spare_count++;
}

/* The client has seen a part: a stream ends with the dialect's error, a document is cut. */
static void break_off(struct exchange *x)
{
    struct http_request *r = x->request;
    struct buf event = {0};

    x->request = NULL;
    if (r->gone || x->framing == FRAMING_BODY) {
        response_abort(r);
        return;
    }
    relay_write_error(x, &event);
    response_write(r, buf_peek(&event));
    buf_release(&event);
    response_end(r);
}

/*
 * Something went wrong: settles, once the client was told if it can still be, which waits for
 * the record where that is being made safe.
 */
static void refuse(struct exchange *x)
{
    x->failed = true;
    x->relay.is_draining = false;
    x->deadline_at_ms = 0; // has passed, or does not matter any more
    if (x->outcome == OUTCOME_OK)
        x->outcome = x->err.code == ERR_CLIENT_GONE        ? OUTCOME_CLIENT_ABORT
                     : x->err.code == ERR_UPSTREAM_TIMEOUT ? OUTCOME_TIMEOUT
                                                           : OUTCOME_UPSTREAM_ERROR;
    if (x->err.code == ERR_NONE)
        err_set(&x->err, ERR_INTERNAL, "stage %s failed without a reason", stage_name(x->stage));
    x->http_status = x->committed ? x->http_status : error_status(x->target.dialect, x->err.code);
    x->stage = stage_settle_index;
    if (x->attempts)
        settle_record(x); // before the end of the answer goes; when it fails, settling says so
}

static void tell_refusal(struct exchange *x)
{
    if (!x->committed && !x->request->gone)
        answer_error(x);
    else
        break_off(x);
}

/*
 * The record is written, so the answer was whole or has said how it ended, and only upstream's
 * own end was waited for: nothing can go wrong with it any more.
 */
static void close_off(struct exchange *x)
{
    struct http_request *r = x->request;

    if (r && r->gone) {
        x->request = NULL;
        response_abort(r);
    } else if (r) {
        relay_close(x);
    }
    x->stage = stage_settle_index;
}

/* What is the driver's affair: a client that left, a deadline that passed. */
static bool must_end(struct exchange *x)
{
    if (x->failed || x->stage == stage_settle_index)
        return false;
    if (x->recorded)
        return x->outcome == OUTCOME_SHUTDOWN || (x->request && x->request->gone);
    if (x->request && x->request->gone)
        err_set(&x->err, ERR_CLIENT_GONE, "the client went away while waiting for %s",
                x->waiting_for ? x->waiting_for : "nothing");
    else if (x->outcome == OUTCOME_SHUTDOWN)
        err_set(&x->err, ERR_OVERLOADED, "the gateway is shutting down");
    else if (x->relay.is_draining && x->gw->is_stopping)
        return true; // x->err says it already
    else if (x->deadline_at_ms && x->gw->worker->now_ms >= x->deadline_at_ms)
        err_set(&x->err, ERR_UPSTREAM_TIMEOUT, "the whole exchange took too long");
    else if (x->is_written && x->gw->worker->now_ms >= x->give_up_at_ms)
        err_set(&x->err, ERR_LEDGER_FULL, "the record of usage did not get to the disk");
    else
        return false;
    return true;
}

static void exchange_run(void *ctx)
{
    struct exchange *x = ctx;
    struct http_server *server = x->gw->server;
    enum verdict v;

    for (;;) {
        if (must_end(x)) {
            if (x->recorded)
                close_off(x);
            else if (x->is_written || !relay_drain_begin(x))
                refuse(x);
            continue;
        }
        if (settle_is_pending(x))
            break;
        if (x->failed && x->request)
            tell_refusal(x);
        v = x->relay.is_draining ? relay_drain(x) : stages_run(x, x->stage);
        if (v == STAGE_WAIT)
            break;
        if (v == STAGE_FAIL) {
            refuse(x);
        } else if (v == STAGE_NEXT) {
            if (x->stage == stage_settle_index) {
                exchange_free(x);
                break;
            }
            x->waiting_for = NULL;
            x->stage++;
        }
    }
    http_server_flush(server);
}

struct exchange *exchange_make(struct gateway_worker *gw)
{
    struct exchange *x = exchange_take(gw);

    x->gw = gw;
    x->snapshot = snapshot_ref(gw->snapshot);
    x->slot = JOURNAL_NO_SLOT;
    x->began_at_ms = gw->worker->now_ms;
    x->began_unix_ms = gw->worker->now_unix_ms;
    id_make(&gw->worker->random, x->began_unix_ms, x->id);
    task_init(&x->task, exchange_run, x);
    timer_init(&x->timer, on_timer, x);
    journal_wait_init(&x->safety);
    list_push_back(&gw->exchanges, &x->link);
    gw->exchange_count++;
    atomic_fetch_add_explicit(&gw->stats.in_flight, 1, memory_order_relaxed);
    return x;
}

static struct exchange *exchange_new(struct gateway_worker *gw, struct http_request *r)
{
    struct exchange *x = exchange_make(gw);

    x->request = r;
    r->wake = &x->task;
    return x;
}

void exchange_free_spares(struct gateway_worker *gw)
{
    list_for_each_safe(at, &gw->spare) {
        struct exchange *x = list_entry(at, struct exchange, link);
        list_remove(&x->link);
        exchange_destroy(x);
    }
    gw->spare_count = 0;
}

void exchange_begin(void *gateway_worker, struct http_request *r, const struct head *head)
{
    struct exchange *x = exchange_new(gateway_worker, r);

    /* The server calls from a task of its own, so stages may run here and read the head in place. */
    x->head = head;
    exchange_run(x);
}

void exchange_refuse(void *gateway_worker, struct http_request *r, const struct err_info *e)
{
    struct exchange *x = exchange_new(gateway_worker, r);

    x->target.dialect = DIALECT_OPENAI; // whose it was cannot be known
    trail_begin(x, NULL, slice_of(NULL, 0));
    x->err = *e;
    refuse(x);
    exchange_run(x);
}
