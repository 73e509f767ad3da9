/* client.c - the side that talks to upstreams. */
#include "http/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/panic.h"
#include "base/table.h"

#define IDLE_TIMEOUT_MS 60000
#define MAX_IDLE        512 // of a worker: what a burst has opened does not hold descriptors for long
#define MAX_AGE_MS      (3600 * (int64_t)1000)
#define SWEEP_MS        1000
#define MAX_INTERIM     8                // 1xx answers before the real one
#define HTTP_1          SLICE("HTTP/1.") // how every answer begins

/* Idle connections that may stand in for each other, newest first. */
struct pool {
    struct list idle;
    struct slice key; // heap copy
};

/*
 *   dial --> BUSY --http_call_finish--> IDLE --http_call_start--> BUSY
 *   any --> CLOSING
 */
enum upstream_state { UPSTREAM_BUSY, UPSTREAM_IDLE, UPSTREAM_CLOSING };

struct upstream_conn {
    struct http_client *client;
    struct stream *stream;
    struct pool *pool;
    struct list link; // on the pool's idle list
    struct list all;  // on the client's list
    enum upstream_state state;
    struct http_input in;
    struct http_call *call; // NULL while idle
    struct task task;
    size_t scanned;
    unsigned interim;
    bool at_eof, reset, reusable;
    int64_t opened_at_ms, idle_since_ms;
};

struct http_client {
    struct worker *worker;
    struct table pools; // key -> struct pool
    struct list conns;
    size_t conn_count, idle_count;
    struct timer sweep;
    struct head head; // scratch
    bool draining;
};

static void call_dial(struct http_call *call);

static void conn_close(struct upstream_conn *c)
{
    if (c->state == UPSTREAM_CLOSING)
        return;
    c->client->idle_count -= c->state == UPSTREAM_IDLE;
    c->state = UPSTREAM_CLOSING;
    list_remove(&c->link);
    task_cancel(&c->task);
    stream_close(c->stream, false);
}

static void call_fail(struct http_call *call, enum err err, const char *why)
{
    if (call->state == CALL_FAILED)
        return;
    call->state = CALL_FAILED;
    call->err = err;
    snprintf(call->why, sizeof(call->why), "%s", why);
    if (call->conn) {
        call->conn->call = NULL;
        conn_close(call->conn);
        call->conn = NULL;
    }
    worker_wake(call->client->worker, call->wake);
}

/* The connection died under a call that has no byte of an answer yet. */
static void call_lost(struct http_call *call, const char *why)
{
    struct upstream_conn *c = call->conn;

    if (call->reused && !call->retried && !input_peek(&c->in).len && !c->interim) {
        call->retried = true;
        call->reused = false;
        c->call = NULL;
        call->conn = NULL;
        conn_close(c);
        call_dial(call);
        return;
    }
    call_fail(call, ERR_UPSTREAM_BROKEN, why);
}

/* ---- what comes in ---- */

static void take_head(struct upstream_conn *c, const struct head *head)
{
    struct http_call *call = c->call;

    call->status = head->status;
    http_body_init_response(&call->body, head, call->method, &c->in);
    if (c->at_eof)
        http_body_eof(&call->body, !c->reset);
    c->reusable = head->keep_alive && call->body.framing != HTTP_BODY_UNTIL_CLOSE;
    call->state = CALL_ANSWERED;
    if (call->on_head)
        call->on_head(call->ctx, head);
    worker_wake(c->client->worker, call->wake);
}

/* Looks for the head of an answer; 1xx are passed over. */
static void try_head(struct upstream_conn *c)
{
    struct http_client *client = c->client;
    struct http_call *call = c->call;

    for (;;) {
        struct slice bytes = input_peek(&c->in);
        size_t end = head_end(bytes, c->scanned);
        struct err_info e = {0};

        if (end == SIZE_MAX) {
            c->scanned = bytes.len;
            if (!slice_starts(HTTP_1, slice_sub(bytes, 0, HTTP_1.len)))
                call_fail(call, ERR_UPSTREAM_BROKEN, "the provider does not speak HTTP/1.1");
            else if (input_is_full(&c->in))
                call_fail(call, ERR_UPSTREAM_BROKEN, "the provider's answer has too large a head");
            else if (c->at_eof)
                call_lost(call, "the provider closed the connection without an answer");
            return;
        }
        c->scanned = 0;
        if (head_parse_response(slice_sub(bytes, 0, end), &client->head, &e) != ERR_NONE) {
            call_fail(call, ERR_UPSTREAM_BROKEN, err_info_text(&e));
            return;
        }
        input_consume(&c->in, end);
        if (client->head.status >= 200) {
            take_head(c, &client->head);
            return;
        }
        if (client->head.status == 101 || ++c->interim > MAX_INTERIM) {
            call_fail(call, ERR_UPSTREAM_BROKEN, "the provider's answer is not a final one");
            return;
        }
    }
}

/* Runs in a task after something came in or the stream ended. */
static void conn_run(void *ctx)
{
    struct upstream_conn *c = ctx;
    struct http_call *call = c->call;

    if (c->state == UPSTREAM_IDLE) {
        conn_close(c); // junk, or the end: it must not meet a request
        return;
    }
    if (!call)
        return;
    if (call->state == CALL_AWAITING) {
        try_head(c);
    } else if (call->state == CALL_ANSWERED) {
        if (c->at_eof)
            http_body_eof(&call->body, !c->reset);
        worker_wake(c->client->worker, call->wake);
    }
}

static char *on_room(void *ctx, size_t *size)
{
    struct upstream_conn *c = ctx;
    return input_room(&c->in, c->client->worker, size);
}

static void on_read(void *ctx, size_t len)
{
    struct upstream_conn *c = ctx;

    input_grew(&c->in, len);
    worker_wake(c->client->worker, &c->task);
}

static void on_eof(void *ctx)
{
    struct upstream_conn *c = ctx;

    c->at_eof = true;
    c->reusable = false;
    worker_wake(c->client->worker, &c->task);
}

static void on_error(void *ctx, enum err err, const char *why)
{
    struct upstream_conn *c = ctx;

    (void)err;
    (void)why;
    c->reset = true;
    on_eof(c);
}

/* A long request has gone out: nobody waits for that, the answer is what is awaited. */
static void on_drained(void *ctx)
{
    (void)ctx;
}

static void on_closed(void *ctx)
{
    struct upstream_conn *c = ctx;

    assert(c->state == UPSTREAM_CLOSING && !c->call);
    input_release(&c->in, c->client->worker);
    list_remove(&c->all);
    c->client->conn_count--;
    free(c);
}

static const struct stream_handler conn_handler = {
    .on_room = on_room,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* ---- calls ---- */

static struct pool *pool_of(struct http_client *client, struct slice key)
{
    struct pool *p = table_get(&client->pools, key);
    char *copy;

    if (p)
        return p;
    p = malloc(sizeof(*p) + key.len);
    if (!p)
        panic("out of memory: a pool");
    copy = (char *)(p + 1);
    memcpy(copy, key.ptr, key.len);
    p->key = slice_of(copy, key.len);
    list_init(&p->idle);
    table_put(&client->pools, p->key, p);
    return p;
}

static void call_send(struct http_call *call, struct upstream_conn *c)
{
    c->state = UPSTREAM_BUSY;
    c->call = call;
    c->scanned = 0;
    c->interim = 0;
    call->conn = c;
    call->state = CALL_AWAITING;
    stream_write(c->stream, call->parts, call->part_count);
    stream_read_start(c->stream);
}

static void on_dialed(void *ctx, struct stream *stream, const struct err_info *e)
{
    struct http_call *call = ctx;
    struct http_client *client = call->client;
    struct upstream_conn *c;

    call->conn = NULL;
    if (!stream) {
        /* An address that policy refuses is the operator's affair, not the client's. */
        call_fail(call, e->code == ERR_FORBIDDEN ? ERR_UPSTREAM_DOWN : e->code, err_info_text(e));
        return;
    }
    c = calloc(1, sizeof(*c));
    if (!c)
        panic("out of memory: an upstream connection");
    c->client = client;
    c->stream = stream;
    c->pool = pool_of(client, call->target->pool_key);
    c->opened_at_ms = client->worker->now_ms;
    list_init(&c->link);
    list_push_back(&client->conns, &c->all);
    if (client->conn_count++ == 0)
        timer_set(client->worker, &client->sweep, client->worker->now_ms + SWEEP_MS);
    task_init(&c->task, conn_run, c);
    stream_attach(stream, &conn_handler, c);
    call->connected_at_ms = client->worker->now_ms;
    call_send(call, c);
    worker_wake(client->worker, call->wake);
}

static void call_dial(struct http_call *call)
{
    call->state = CALL_CONNECTING;
    tunnel_open(&call->tunnel, call->client->worker, call->target, call->connect_deadline_at_ms,
                on_dialed, call);
}

/*
 * The newest idle connection that has said nothing, or NULL.  The kernel is asked as well: what
 * stands there unread would be taken for the answer to the next request (hardening.md T4).
 */
static struct upstream_conn *take_idle(struct http_client *client, struct slice key)
{
    struct pool *p = table_get(&client->pools, key);

    while (p && !list_is_empty(&p->idle)) {
        struct upstream_conn *c = list_entry(p->idle.next, struct upstream_conn, link);
        if (!c->at_eof && !c->in.buffer && !stream_has_unread(c->stream) &&
            client->worker->now_ms - c->opened_at_ms < MAX_AGE_MS) {
            list_remove(&c->link);
            client->idle_count--;
            return c;
        }
        conn_close(c);
    }
    return NULL;
}

void http_call_start(struct http_client *client, struct http_call *call)
{
    struct upstream_conn *c = take_idle(client, call->target->pool_key);

    call->client = client;
    call->conn = NULL;
    call->err = ERR_NONE;
    call->retried = false;
    call->reused = c != NULL;
    if (c) {
        call->connected_at_ms = client->worker->now_ms;
        call_send(call, c);
    } else {
        call->connected_at_ms = 0;
        call_dial(call);
    }
}

void http_call_want(struct http_call *call)
{
    struct upstream_conn *c = call->conn;

    if (!c)
        return;
    input_rest(&c->in, c->client->worker);
    if (!c->at_eof && !input_is_full(&c->in))
        stream_read_start(c->stream);
}

static bool is_reusable(const struct http_call *call, const struct upstream_conn *c)
{
    return call->state == CALL_ANSWERED && c->reusable && !c->client->draining &&
           c->client->idle_count < MAX_IDLE && http_body_ended(&call->body) &&
           !http_body_broken(&call->body) && !input_peek(&c->in).len && !stream_queued(c->stream);
}

void http_call_finish(struct http_call *call)
{
    struct upstream_conn *c = call->conn;

    if (call->state == CALL_CONNECTING)
        tunnel_cancel(&call->tunnel);
    if (c) {
        bool keep = is_reusable(call, c);
        c->call = NULL;
        call->conn = NULL;
        input_rest(&c->in, c->client->worker);
        if (keep) {
            c->state = UPSTREAM_IDLE;
            c->client->idle_count++;
            c->idle_since_ms = c->client->worker->now_ms;
            task_cancel(&c->task);
            list_push_front(&c->pool->idle, &c->link);
            stream_read_start(c->stream);
        } else {
            conn_close(c);
        }
    }
    call->state = CALL_IDLE;
}

/* ---- the client ---- */

static void sweep(void *ctx)
{
    struct http_client *client = ctx;
    int64_t now = client->worker->now_ms;

    list_for_each_safe(at, &client->conns) {
        struct upstream_conn *c = list_entry(at, struct upstream_conn, all);
        if (c->state != UPSTREAM_IDLE)
            continue;
        if (client->draining || now - c->idle_since_ms >= IDLE_TIMEOUT_MS)
            conn_close(c);
    }
    if (client->conn_count)
        timer_set(client->worker, &client->sweep, now + SWEEP_MS);
}

struct http_client *http_client_new(struct worker *w)
{
    struct http_client *c = calloc(1, sizeof(*c));

    if (!c)
        panic("out of memory: a client");
    c->worker = w;
    table_init(&c->pools, random_next(&w->random));
    list_init(&c->conns);
    timer_init(&c->sweep, sweep, c);
    return c;
}

void http_client_drain(struct http_client *client)
{
    client->draining = true;
    sweep(client);
}

size_t http_client_connections(const struct http_client *client)
{
    return client->conn_count;
}

void http_client_free(struct http_client *client)
{
    const struct table_entry *e;
    size_t at = 0;

    if (!client)
        return;
    assert(client->conn_count == 0);
    timer_clear(&client->sweep);
    while ((e = table_next(&client->pools, &at)))
        free(e->value);
    table_release(&client->pools);
    free(client);
}
