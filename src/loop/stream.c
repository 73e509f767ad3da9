/* stream.c - one two-way run of bytes over TCP; TLS is in tls_layer.c. */
#include "loop/stream.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/panic.h"
#include "loop/stream_inside.h"
#include "loop/tls_layer.h"

static_assert(sizeof(uv_buf_t) == sizeof(struct iovec), "libuv's buffers are iovecs here");
static_assert(offsetof(uv_buf_t, base) == offsetof(struct iovec, iov_base), "the same order");
static_assert(offsetof(uv_buf_t, len) == offsetof(struct iovec, iov_len), "the same order");

static void tell_owner(void *stream);

struct stream *stream_new(struct worker *w, enum err broken_as)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (!s)
        panic("out of memory: a stream");
    uv_tcp_init(&w->loop->uv, &s->tcp);
    s->tcp.data = s;
    s->worker = w;
    s->broken_as = broken_as;
    task_init(&s->news, tell_owner, s);
    w->loop->open++;
    return s;
}

void stream_set_peer(struct stream *s, const struct address *a)
{
    address_format(a, s->peer);
}

/* Telling the owner: only ever from the loop. */

/* Gives the memory back as well: most streams never queue. */
static void drop_queue(struct stream *s)
{
    buf_release(&s->waiting);
    if (!s->is.sends)
        buf_release(&s->sending);
}

void stream_fail(struct stream *s, enum err err, const char *why)
{
    if (s->is.failed || s->is.closing)
        return;
    s->is.failed = true;
    s->is.wants_read = false;
    drop_queue(s);
    if (s->handler)
        s->handler->on_error(s->ctx, err, why);
}

void stream_end(struct stream *s)
{
    if (s->is.ended || s->is.failed || s->is.closing)
        return;
    s->is.ended = true;
    if (s->broken_why)
        stream_fail(s, s->broken_as, s->broken_why);
    else if (s->handler)
        s->handler->on_eof(s->ctx);
}

static void tell_owner(void *stream)
{
    struct stream *s = stream;

    if (s->tls && s->is.wants_read && tls_holds(s))
        tls_resume(s);
    else if (s->broken_why && !s->is.reads)
        stream_fail(s, s->broken_as, s->broken_why);
    else if (s->is.wants_read)
        stream_pull(s);
}

/* Sending. */

static void send_waiting(struct stream *s);

/* Nothing is queued, so one call does what uv_shutdown() needs two turns for. */
static void send_fin(struct stream *s)
{
    uv_os_fd_t fd;

    if (!s->broken_why && uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0)
        shutdown(fd, SHUT_WR); // the read side tells what is wrong
}

/* The owner hears of it after what the peer had said before it went. */
static void sending_failed(struct stream *s, int status)
{
    s->broken_why = uv_strerror(status);
    drop_queue(s);
    if (!s->is.reads)
        worker_wake(s->worker, &s->news);
}

void stream_early_sent(struct stream *s)
{
    if (s->is.sends || s->is.failed || s->is.closing || s->broken_why)
        return;
    if (s->is.shut)
        send_fin(s);
    if (s->handler)
        s->handler->on_drained(s->ctx);
}

static void on_sent(uv_write_t *req, int status)
{
    struct stream *s = container_of(req, struct stream, req.write);

    loop_refresh_now(s->worker);
    s->is.sends = false;
    if (s->is.closing || s->is.failed || s->broken_why) {
        drop_queue(s);
        return;
    }
    if (status < 0) {
        sending_failed(s, status);
        return;
    }
    buf_clear(&s->sending);
    if (buf_len(&s->waiting)) {
        send_waiting(s);
        return;
    }
    drop_queue(s);
    if (s->is.shut)
        send_fin(s);
    if (s->handler)
        s->handler->on_drained(s->ctx);
}

/* Hands libuv what waits. */
static void send_waiting(struct stream *s)
{
    struct buf spare = s->sending;
    struct slice bytes;
    uv_buf_t b;

    s->sending = s->waiting;
    s->waiting = spare;
    bytes = buf_peek(&s->sending);
    b = (uv_buf_t){.base = s->sending.data + s->sending.start, .len = bytes.len};
    s->is.sends = true;
    s->handed += bytes.len;
    if (uv_write(&s->req.write, (uv_stream_t *)&s->tcp, &b, 1, on_sent) != 0) {
        s->is.sends = false;
        sending_failed(s, UV_EPIPE);
    }
}

void stream_send(struct stream *s, const struct iovec *parts, int count)
{
    size_t taken = 0;
    int i = 0;

    if (s->is.failed || s->is.closing || s->broken_why || count == 0)
        return;
    if (!s->is.sends) {
        int n = uv_try_write((uv_stream_t *)&s->tcp, (const uv_buf_t *)(const void *)parts,
                             (unsigned)count);
        if (n < 0 && n != UV_EAGAIN) {
            sending_failed(s, n);
            return;
        }
        taken = n > 0 ? (size_t)n : 0;
        s->handed += taken;
    }
    for (; i < count && taken >= parts[i].iov_len; i++)
        taken -= parts[i].iov_len;
    for (; i < count; i++, taken = 0)
        buf_append(&s->waiting,
                   slice_of((const char *)parts[i].iov_base + taken, parts[i].iov_len - taken));
    if (!s->is.sends && buf_len(&s->waiting))
        send_waiting(s);
}

/* Receiving. */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct stream *s = handle->data;
    size_t size = 0;

    (void)suggested;
    loop_refresh_now(s->worker);
    *room = uv_buf_init(NULL, 0);
    if (s->is.skip || s->is.failed || s->is.closing)
        return;
    if (s->tls) {
        if (tls_room(s, &room->base, &size))
            room->len = size;
        return;
    }
    if (!s->is.wants_read || !s->handler)
        return;
    room->base = s->handler->on_room(s->ctx, &size);
    if (room->base)
        room->len = size;
    else
        stream_read_stop(s);
}

static void stop_pulling(struct stream *s)
{
    s->is.reads = false;
    uv_read_stop((uv_stream_t *)&s->tcp);
    if (s->broken_why)
        worker_wake(s->worker, &s->news);
}

static void on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *room)
{
    struct stream *s = handle->data;

    if (s->is.closing)
        return;
    if (s->is.failed) {
        stop_pulling(s);
    } else if (len > 0) {
        s->is.skip = (size_t)len == room->len; // libuv would read again: the owner acts first
        if (s->tls)
            tls_feed(s, slice_of(room->base, (size_t)len));
        else
            s->handler->on_read(s->ctx, (size_t)len);
    } else if (len == UV_ENOBUFS) {
        if (!s->is.skip)
            stop_pulling(s); // nobody wants bytes: stopping is this late to make it cheap
        s->is.skip = false;
    } else if (len == UV_EOF) {
        stop_pulling(s);
        if (s->tls)
            tls_end_of_tcp(s);
        else
            stream_end(s);
    } else if (len < 0) {
        stop_pulling(s);
        stream_fail(s, s->broken_as, s->broken_why ? s->broken_why : uv_strerror((int)len));
    }
}

void stream_pull(struct stream *s)
{
    if (s->is.reads || s->is.ended || s->is.failed || s->is.closing)
        return;
    s->is.reads = uv_read_start((uv_stream_t *)&s->tcp, on_room, on_read) == 0;
}

/* The owner's side. */

void stream_attach(struct stream *s, const struct stream_handler *handler, void *ctx)
{
    s->handler = handler;
    s->ctx = ctx;
}

void stream_read_start(struct stream *s)
{
    if (s->is.wants_read || s->is.ended || s->is.failed || s->is.closing)
        return;
    s->is.wants_read = true;
    if (s->tls && tls_holds(s))
        worker_wake(s->worker, &s->news);
    else
        stream_pull(s);
}

void stream_read_stop(struct stream *s)
{
    s->is.wants_read = false;
    if (s->broken_why && !s->is.reads)
        worker_wake(s->worker, &s->news);
}

size_t stream_write(struct stream *s, const struct iovec *parts, int count)
{
    assert(!s->is.shut);
    if (s->is.failed || s->is.closing || s->broken_why)
        return 0;
    if (s->tls)
        tls_write(s, parts, count);
    else
        stream_send(s, parts, count);
    return stream_queued(s);
}

bool stream_has_unread(const struct stream *s)
{
    uv_os_fd_t fd;
    ssize_t len;
    char byte;

    if (uv_fileno((const uv_handle_t *)&s->tcp, &fd) != 0)
        return true;
    len = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return len >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

size_t stream_queued(const struct stream *s)
{
    size_t queued = buf_len(&s->waiting) + (s->tls ? tls_queued(s) : 0);

    return s->is.sends ? queued + s->tcp.write_queue_size : queued;
}

uint64_t stream_sent(const struct stream *s)
{
    return s->handed - s->tcp.write_queue_size;
}

void stream_shutdown(struct stream *s)
{
    if (s->is.shut || s->is.failed || s->is.closing)
        return;
    s->is.shut = true;
    if (s->tls && !tls_close_notify(s))
        return;
    if (!stream_queued(s))
        send_fin(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct stream *s = handle->data;

    loop_refresh_now(s->worker);
    if (s->handler)
        s->handler->on_closed(s->ctx);
    s->worker->loop->open--;
    task_cancel(&s->news);
    buf_release(&s->waiting);
    buf_release(&s->sending);
    tls_layer_free(s->tls);
    free(s);
}

void stream_close(struct stream *s, bool reset)
{
    uv_os_fd_t fd;

    if (s->is.closing)
        return;
    if (s->tls && !reset && !s->is.shut && !s->is.failed && !s->is.sends)
        tls_close_notify(s);
    s->is.closing = true;
    s->is.wants_read = false;
    task_cancel(&s->news);
    if (reset && uv_fileno((uv_handle_t *)&s->tcp, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

struct slice stream_peer(const struct stream *s)
{
    return slice_str(s->peer);
}

struct worker *stream_worker(const struct stream *s)
{
    return s->worker;
}

bool stream_is_tls(const struct stream *s)
{
    return s->tls != NULL;
}

bool stream_tls_resumed(const struct stream *s)
{
    return s->tls && tls_resumed(s);
}
