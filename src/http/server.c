/* server.c - the side that clients connect to. */
#include "http/server.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/array.h"
#include "base/list.h"
#include "base/panic.h"
#include "wire/chunk.h"

#define CHECK_INTERVAL_MS 5000
#define LINGER_MS         2000
#define DRAIN_BODY_BYTES \
    ((uint64_t)64 * 1024) // an unread rest worth reading for the connection's sake
#define DIRECT_WRITE_BYTES ((size_t)8 * 1024) // larger pieces are not gathered first
#define GATHER_BYTES       ((size_t)64 * 1024)
#define DRAIN_LEAST_BYTES  1024
#define DATE_LINE_BYTES    40

const struct http_server_limits http_server_defaults = {
    .head_timeout_ms = 30 * 1000,
    .idle_timeout_ms = 75 * 1000,
    .body_grace_ms = 10 * 1000,
    .body_min_rate = 1024,
    .drain_timeout_ms = 60 * 1000,
    .max_queued_bytes = (size_t)256 * 1024,
};

/*
 *   HEAD --complete head--> BUSY --response_end--> HEAD         keep-alive
 *                            |                \--> SKIPPING --> HEAD   body not all read
 *                            |                 \-> LINGERING --> CLOSING
 *   any --gone, abort, timeout--> CLOSING
 *
 * LINGERING: the answer is out and FIN sent; what still comes is thrown away, so
 * that a reset does not destroy the answer on its way.
 */
enum conn_state { CONN_HEAD, CONN_BUSY, CONN_SKIPPING, CONN_LINGERING, CONN_CLOSING };

struct http_conn {
    struct http_server *server;
    struct stream *stream;
    enum conn_state state;
    bool at_eof, refused;
    struct http_input in;
    struct http_request request;
    struct task task;
    struct timer timer;
    struct list link;
    size_t scanned;         // bytes of an incomplete head already looked at
    int64_t since_ms;       // when this state began; BUSY: when the request did
    int64_t drain_since_ms; // the client has not taken DRAIN_LEAST_BYTES since; 0: nothing queued
    uint64_t drain_sent;    // stream_sent() then
};

struct http_server {
    struct worker *worker;
    struct http_server_limits limits;
    struct http_handler handler;
    struct list conns;
    size_t conn_count;
    bool draining;
    struct head head; // scratch: of the request that is being begun
    struct buf out;   // gathered in this turn, for out_conn
    struct http_conn *out_conn;
    char date_line[DATE_LINE_BYTES];
    int64_t date_unix_s;
};

static void conn_run(void *ctx);

static void conn_close(struct http_conn *c, bool reset)
{
    if (c->state == CONN_CLOSING)
        return;
    if (c->server->out_conn == c) {
        buf_clear(&c->server->out);
        c->server->out_conn = NULL;
    }
    c->state = CONN_CLOSING;
    timer_clear(&c->timer);
    task_cancel(&c->task);
    stream_close(c->stream, reset);
}

/* ---- writing ---- */

void http_server_flush(struct http_server *s)
{
    struct http_conn *c = s->out_conn;
    struct iovec part = iovec_of(buf_peek(&s->out));

    s->out_conn = NULL;
    if (c && part.iov_len)
        stream_write(c->stream, &part, 1);
    buf_clear(&s->out);
}

/* The gather buffer, with nothing of another connection in it. */
static struct buf *out_of(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (s->out_conn != c)
        http_server_flush(s);
    s->out_conn = c;
    return &s->out;
}

/* Sends what is gathered and then `bytes`, which are too many to copy. */
static void write_through(struct http_conn *c, struct slice bytes)
{
    struct buf *out = out_of(c);
    struct iovec parts[2] = {iovec_of(buf_peek(out)), iovec_of(bytes)};

    c->server->out_conn = NULL;
    if (parts[0].iov_len)
        stream_write(c->stream, parts, 2);
    else
        stream_write(c->stream, parts + 1, 1);
    buf_clear(out);
}

static struct slice date_line(struct http_server *s)
{
    int64_t now = s->worker->now_unix_ms / 1000;

    if (now != s->date_unix_s) {
        time_t t = (time_t)now;
        struct tm tm;
        gmtime_r(&t, &tm);
        s->date_unix_s = now;
        strftime(s->date_line, sizeof(s->date_line), "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    }
    return slice_str(s->date_line);
}

void response_start(struct http_request *r, int status, struct slice fields, int64_t length)
{
    struct http_conn *c = r->conn;
    struct buf *out;

    assert(!r->started);
    r->started = true;
    if (r->gone)
        return;
    if (r->tap)
        r->tap->on_start(r->tap->ctx, status, fields);
    if (length < 0 && r->minor_version == 0)
        r->keep_alive = false;
    r->chunked = length < 0 && r->minor_version > 0 && status != 204 && status != 304;
    r->length_left = length;
    if (c->server->draining || !r->body.ended)
        r->keep_alive = r->keep_alive && !c->server->draining && http_body_left(&r->body) >= 0 &&
                        (uint64_t)http_body_left(&r->body) <= DRAIN_BODY_BYTES;
    out = out_of(c);
    head_write_status(out, status);
    buf_append(out, date_line(c->server));
    buf_append(out, fields);
    if (r->chunked) {
        buf_append(out, SLICE("transfer-encoding: chunked\r\n"));
    } else if (length >= 0 && status != 204 && status != 304) {
        buf_append(out, SLICE("content-length: "));
        buf_append_i64(out, length);
        buf_append(out, SLICE("\r\n"));
    }
    if (!r->keep_alive)
        buf_append(out, SLICE("connection: close\r\n"));
    else if (r->minor_version == 0)
        buf_append(out, SLICE("connection: keep-alive\r\n"));
    buf_append(out, SLICE("\r\n"));
}

bool response_has_room(const struct http_request *r)
{
    const struct http_conn *c = r->conn;
    size_t gathered = c->server->out_conn == c ? buf_len(&c->server->out) : 0;

    return r->gone || stream_queued(c->stream) + gathered < c->server->limits.max_queued_bytes;
}

void response_write(struct http_request *r, struct slice bytes)
{
    struct http_conn *c = r->conn;
    struct buf *out;

    assert(r->started);
    if (!bytes.len || r->gone)
        return;
    if (r->length_left >= 0) {
        assert((uint64_t)r->length_left >= bytes.len);
        r->length_left -= (int64_t)bytes.len;
    }
    if (r->is_head)
        return;
    if (r->tap)
        r->tap->on_bytes(r->tap->ctx, bytes);
    out = out_of(c);
    if (r->chunked) {
        char size[CHUNK_SIZE_BYTES];
        buf_append(out, slice_of(size, chunk_write_size(size, bytes.len)));
    }
    if (bytes.len >= DIRECT_WRITE_BYTES)
        write_through(c, bytes);
    else
        buf_append(out, bytes);
    if (r->chunked)
        buf_append(out_of(c), SLICE("\r\n"));
    if (buf_len(out) > GATHER_BYTES)
        http_server_flush(c->server);
}

/* ---- the end of a request ---- */

static void enter(struct http_conn *c, enum conn_state state, int64_t timeout_ms)
{
    c->state = state;
    c->since_ms = c->server->worker->now_ms;
    c->drain_since_ms = 0;
    timer_set(c->server->worker, &c->timer, c->since_ms + timeout_ms);
}

static void finish(struct http_conn *c)
{
    struct http_request *r = &c->request;

    r->wake = NULL;
    if (r->gone || c->state != CONN_BUSY) {
        conn_close(c, false);
        return;
    }
    http_server_flush(c->server);
    if (!r->keep_alive || c->refused || http_body_broken(&r->body)) {
        stream_shutdown(c->stream);
        enter(c, CONN_LINGERING,
              stream_queued(c->stream) ? c->server->limits.drain_timeout_ms : LINGER_MS);
    } else if (!http_body_ended(&r->body)) {
        enter(c, CONN_SKIPPING, c->server->limits.body_grace_ms);
    } else {
        enter(c, CONN_HEAD, c->server->limits.idle_timeout_ms);
    }
    worker_wake(c->server->worker, &c->task);
}

void response_end(struct http_request *r)
{
    assert(r->started);
    if (r->length_left > 0 && !r->gone && !r->is_head) {
        response_abort(r);
        return;
    }
    if (r->chunked && !r->gone && !r->is_head)
        buf_append(out_of(r->conn), SLICE("0\r\n\r\n"));
    finish(r->conn);
}

void response_abort(struct http_request *r)
{
    struct http_conn *c = r->conn;

    r->wake = NULL;
    if (!r->gone)
        http_server_flush(c->server);
    /* Without FIN in order, so that a close-delimited answer is not taken for whole. */
    conn_close(c, !r->gone);
}

void response_send(struct http_request *r, int status, struct slice fields, struct slice body)
{
    response_start(r, status, fields, (int64_t)body.len);
    response_write(r, body);
    response_end(r);
}

/* ---- reading ---- */

static char *on_room(void *ctx, size_t *size)
{
    struct http_conn *c = ctx;
    return input_room(&c->in, c->server->worker, size);
}

static void on_read(void *ctx, size_t len)
{
    struct http_conn *c = ctx;

    input_grew(&c->in, len);
    if (c->state == CONN_LINGERING)
        input_release(&c->in, c->server->worker);
    else
        worker_wake(c->server->worker, &c->task);
}

static void client_gone(struct http_conn *c, bool orderly)
{
    c->at_eof = true;
    if (c->state == CONN_CLOSING)
        return;
    if (c->state != CONN_BUSY) {
        if (c->state != CONN_HEAD || !orderly || !c->in.buffer)
            conn_close(c, false);
        else
            worker_wake(c->server->worker, &c->task); // a head may still stand complete
        return;
    }
    http_body_eof(&c->request.body, orderly);
    c->request.gone = true;
    if (c->server->out_conn == c) {
        buf_clear(&c->server->out);
        c->server->out_conn = NULL;
    }
    if (c->request.wake)
        worker_wake(c->server->worker, c->request.wake);
}

static void on_eof(void *ctx)
{
    client_gone(ctx, true);
}

static void on_error(void *ctx, enum err err, const char *why)
{
    (void)err;
    (void)why;
    client_gone(ctx, false);
}

static void on_drained(void *ctx)
{
    struct http_conn *c = ctx;

    if (c->state == CONN_BUSY && c->request.wake)
        worker_wake(c->server->worker, c->request.wake);
    if (c->state == CONN_LINGERING)
        timer_set(c->server->worker, &c->timer, c->server->worker->now_ms + LINGER_MS);
}

static void on_closed(void *ctx)
{
    struct http_conn *c = ctx;

    assert(c->state == CONN_CLOSING);
    input_release(&c->in, c->server->worker);
    list_remove(&c->link);
    c->server->conn_count--;
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

/* ---- the life of a connection ---- */

static void begin(struct http_conn *c, const struct head *head)
{
    struct http_server *s = c->server;
    struct http_request *r = &c->request;

    *r = (struct http_request){
        .conn = c,
        .worker = s->worker,
        .minor_version = head->minor_version,
        .keep_alive = head->keep_alive,
        .is_head = slice_eq(head->method, SLICE("HEAD")),
        .wants_continue = head->expect_continue,
    };
    http_body_init_request(&r->body, head, &c->in);
    if (c->at_eof)
        http_body_eof(&r->body, true);
    enter(c, CONN_BUSY, CHECK_INTERVAL_MS);
    s->handler.on_request(s->handler.ctx, r, head);
}

static void refuse(struct http_conn *c, const struct err_info *e)
{
    struct http_server *s = c->server;

    c->refused = true;
    c->request = (struct http_request){.conn = c, .worker = s->worker, .minor_version = 1};
    c->request.body.ended = true;
    enter(c, CONN_BUSY, CHECK_INTERVAL_MS);
    s->handler.on_refuse(s->handler.ctx, &c->request, e);
}

/* Looks for a head in what was read; true when a request was begun. */
static bool try_head(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct err_info e = {0};
    struct slice bytes;
    size_t end;

    input_consume(&c->in, c->scanned ? 0 : head_skip_blank(input_peek(&c->in)));
    bytes = input_peek(&c->in);
    end = head_end(bytes, c->scanned);
    if (end == SIZE_MAX) {
        if (input_is_full(&c->in)) {
            err_set(&e, ERR_HEAD_TOO_LARGE, "the request head is over %zu bytes",
                    WORKER_BUFFER_BYTES);
            refuse(c, &e);
            return true;
        }
        if (head_is_hopeless(bytes, c->scanned)) {
            err_set(&e, ERR_BAD_REQUEST, "this is not an HTTP/1.1 request");
            refuse(c, &e);
            return true;
        }
        if (bytes.len && !c->scanned)
            enter(c, CONN_HEAD, s->limits.head_timeout_ms);
        c->scanned = slice_eq(bytes, SLICE("\r")) ? 0 : bytes.len; // half an empty line to skip
        return false;
    }
    c->scanned = 0;
    if (head_parse_request(slice_sub(bytes, 0, end), &s->head, &e) != ERR_NONE) {
        refuse(c, &e);
        return true;
    }
    input_consume(&c->in, end);
    begin(c, &s->head);
    return true;
}

static void skip_body(struct http_conn *c)
{
    struct http_body *b = &c->request.body;
    struct slice bytes;

    while ((bytes = http_body_peek(b)).len)
        http_body_consume(b, bytes.len);
    if (http_body_broken(b))
        conn_close(c, false);
    else if (http_body_ended(b))
        enter(c, CONN_HEAD, c->server->limits.idle_timeout_ms);
}

static void conn_run(void *ctx)
{
    struct http_conn *c = ctx;

    if (c->state == CONN_BUSY) {
        if (c->request.wake)
            worker_wake(c->server->worker, c->request.wake);
        return;
    }
    if (c->state == CONN_SKIPPING)
        skip_body(c);
    if (c->state == CONN_HEAD) {
        bool begun = c->in.buffer && try_head(c);
        if (!begun && (c->at_eof || (c->server->draining && !c->scanned)))
            conn_close(c, false);
    }
    if (c->state == CONN_CLOSING)
        return;
    if (c->state == CONN_LINGERING)
        input_release(&c->in, c->server->worker); // a full one would stop the reading
    input_rest(&c->in, c->server->worker);
    stream_read_start(c->stream);
}

void http_request_want_body(struct http_request *r)
{
    struct http_conn *c = r->conn;

    if (r->wants_continue && !r->started && !r->gone && !http_body_ended(&r->body)) {
        r->wants_continue = false;
        if (!input_peek(&c->in).len) {
            buf_append(out_of(c), SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
            http_server_flush(c->server);
        }
    }
    input_rest(&c->in, c->server->worker);
    stream_read_start(c->stream);
}

/* ---- time ---- */

/* Whether the client still takes what is queued for it. */
static bool client_takes(struct http_conn *c, int64_t now)
{
    uint64_t sent = stream_sent(c->stream);

    if (!stream_queued(c->stream)) {
        c->drain_since_ms = 0;
    } else if (!c->drain_since_ms || sent - c->drain_sent >= DRAIN_LEAST_BYTES) {
        c->drain_since_ms = now;
        c->drain_sent = sent;
    }
    return !c->drain_since_ms || now - c->drain_since_ms < c->server->limits.drain_timeout_ms;
}

static bool client_sends(const struct http_conn *c, int64_t now)
{
    const struct http_body *b = &c->request.body;
    const struct http_server_limits *l = &c->server->limits;
    int64_t age = now - c->since_ms;

    if (b->ended || c->request.started || age < l->body_grace_ms || input_is_full(&c->in))
        return true;
    return (int64_t)b->received >= (age - l->body_grace_ms) / 1000 * l->body_min_rate;
}

static void on_timer(void *ctx)
{
    struct http_conn *c = ctx;
    struct http_server *s = c->server;
    int64_t now = s->worker->now_ms;
    struct err_info e = {0};

    switch (c->state) {
    case CONN_HEAD:
        if (!c->scanned) {
            conn_close(c, false);
        } else {
            err_set(&e, ERR_CLIENT_TIMEOUT, "the request head did not arrive in time");
            refuse(c, &e);
        }
        return;
    case CONN_BUSY:
        if (!client_takes(c, now) || !client_sends(c, now)) {
            client_gone(c, false);
            return;
        }
        timer_set(s->worker, &c->timer, now + CHECK_INTERVAL_MS);
        return;
    case CONN_SKIPPING:
    case CONN_LINGERING: conn_close(c, false); return;
    case CONN_CLOSING: return;
    }
}

/* ---- the server ---- */

struct http_server *http_server_new(struct worker *w, const struct http_server_limits *limits,
                                    struct http_handler handler)
{
    struct http_server *s = calloc(1, sizeof(*s));

    if (!s)
        panic("out of memory: a server");
    s->worker = w;
    s->limits = *limits;
    s->handler = handler;
    list_init(&s->conns);
    return s;
}

void http_server_accept(void *server, struct stream *stream)
{
    struct http_server *s = server;
    struct http_conn *c = calloc(1, sizeof(*c));

    if (!c)
        panic("out of memory: a connection");
    c->server = s;
    c->stream = stream;
    task_init(&c->task, conn_run, c);
    timer_init(&c->timer, on_timer, c);
    list_push_back(&s->conns, &c->link);
    s->conn_count++;
    stream_attach(stream, &conn_handler, c);
    if (s->draining || (s->limits.max_connections && s->conn_count > s->limits.max_connections)) {
        conn_close(c, true);
        return;
    }
    enter(c, CONN_HEAD, s->limits.idle_timeout_ms);
    stream_read_start(stream);
}

void http_server_drain(struct http_server *s)
{
    s->draining = true;
    list_for_each_safe(at, &s->conns) {
        struct http_conn *c = list_entry(at, struct http_conn, link);
        if (c->state == CONN_HEAD && !c->in.buffer)
            conn_close(c, false);
    }
}

void http_server_cut(struct http_server *s)
{
    list_for_each(at, &s->conns) {
        struct http_conn *c = list_entry(at, struct http_conn, link);
        if (c->state != CONN_BUSY)
            conn_close(c, false);
    }
}

size_t http_server_connections(const struct http_server *s)
{
    return s->conn_count;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    assert(s->conn_count == 0);
    buf_release(&s->out);
    free(s);
}

struct http_server *http_request_server(const struct http_request *r)
{
    return r->conn->server;
}

struct slice http_request_peer(const struct http_request *r)
{
    return stream_peer(r->conn->stream);
}
