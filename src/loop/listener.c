/* listener.c - accepting connections, without ever spinning. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/panic.h"
#include "loop/stream.h"
#include "loop/stream_inside.h"
#include "loop/tls_layer.h"

#define BACKLOG          4096
#define ACCEPTS_PER_TURN 64
#define PAUSE_MS         100
#define REPORT_EVERY_MS  1000

/*
 * libuv's own accepting spins when its reserve descriptor was lost to another
 * thread, so the socket is only polled by libuv and the rest is here.
 */
struct listener_socket {
    uv_poll_t poll;
    struct worker *worker;
    struct tls_server *tls;
    listener_accept_fn *accept;
    void *ctx;
    int fd, reserve_fd; // reserve_fd -1: lost
    unsigned port;
    bool closing;
    struct timer pause; // set while nothing is accepted, for want of descriptors
    unsigned turned_away;
    int64_t reported_at_ms;
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void hand_over(struct listener_socket *l, int fd, const struct address *peer)
{
    struct stream *s = stream_new(l->worker, ERR_CLIENT_GONE);

    if (uv_tcp_open(&s->tcp, fd) != 0) {
        close(fd);
        stream_close(s, false);
        return;
    }
    stream_set_peer(s, peer);
    if (l->tls)
        tls_start_server(s, l->tls);
    l->accept(l->ctx, s);
}

static int accept_one(int fd, struct address *peer)
{
    socklen_t size = sizeof(*peer);

    return accept4(fd, &peer->any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void on_event(uv_poll_t *poll, int status, int events);

static void start_polling(void *listener)
{
    struct listener_socket *l = listener;

    if (l->reserve_fd < 0)
        l->reserve_fd = open_reserve();
    uv_poll_start(&l->poll, UV_READABLE, on_event);
}

static void pause_polling(struct listener_socket *l)
{
    uv_poll_stop(&l->poll);
    timer_set(l->worker, &l->pause, l->worker->now_ms + PAUSE_MS);
}

/*
 * No descriptor is left: the reserve one serves to tell the next peer so, by
 * closing its connection.  False when not even that can be done.
 */
static bool turn_away_one(struct listener_socket *l)
{
    struct address peer;
    int fd;

    if (l->reserve_fd < 0)
        return false;
    close(l->reserve_fd);
    fd = accept_one(l->fd, &peer);
    if (fd >= 0)
        close(fd);
    l->reserve_fd = open_reserve();
    return fd >= 0;
}

static bool is_about_one_peer(int err)
{
    return err == EINTR || err == ECONNABORTED || err == EPROTO || err == EPERM;
}

static void report(struct listener_socket *l)
{
    if (!l->turned_away || l->worker->now_ms - l->reported_at_ms < REPORT_EVERY_MS)
        return;
    log_event(LOG_ERROR, NULL, "listener.no_descriptors", "turned_away=%u", l->turned_away);
    l->reported_at_ms = l->worker->now_ms;
    l->turned_away = 0;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct listener_socket *l = poll->data;

    (void)status;
    (void)events;
    loop_refresh_now(l->worker);
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->closing; i++) {
        struct address peer;
        int fd = accept_one(l->fd, &peer);

        if (fd >= 0) {
            hand_over(l, fd, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (!is_about_one_peer(errno)) {
            bool full = errno == EMFILE || errno == ENFILE;
            if (!full || !turn_away_one(l)) {
                pause_polling(l);
                break;
            }
            l->turned_away++;
        }
    }
    report(l);
}

static int open_socket(const struct address *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // accepted sockets inherit it
    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &a->any, address_size(a)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    on = errno;
    close(fd);
    errno = on;
    return -1;
}

static unsigned port_of(int fd)
{
    struct address a = {0};
    socklen_t size = sizeof(a);

    if (getsockname(fd, &a.any, &size) != 0)
        return 0;
    return address_port(&a);
}

struct listener_socket *listener_open(struct worker *w, const char *host, unsigned port,
                                      struct tls_server *tls, listener_accept_fn *accept, void *ctx,
                                      struct err_info *e)
{
    struct slice name =
        slice_eq(slice_str(host), SLICE("localhost")) ? SLICE("127.0.0.1") : slice_str(host);
    struct listener_socket *l;
    struct address a;
    int fd;

    if (port > 65535 || !address_parse(name, port, &a)) {
        err_set(e, ERR_IO, "cannot listen on %s port %u: not an IP address and port", host, port);
        return NULL;
    }
    fd = open_socket(&a);
    if (fd < 0) {
        err_set(e, ERR_IO, "cannot listen on %s port %u: %s", host, port, uv_strerror(-errno));
        return NULL;
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        panic("out of memory: a listener");
    *l = (struct listener_socket){.worker = w, .tls = tls, .accept = accept, .ctx = ctx, .fd = fd};
    l->port = port_of(fd);
    l->reserve_fd = open_reserve();
    timer_init(&l->pause, start_polling, l);
    if (uv_poll_init(&w->loop->uv, &l->poll, fd) != 0)
        panic("the loop does not take a listening socket");
    l->poll.data = l;
    w->loop->open++;
    start_polling(l);
    return l;
}

unsigned listener_port(const struct listener_socket *l)
{
    return l->port;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener_socket *l = handle->data;

    l->worker->loop->open--;
    free(l);
}

void listener_close(struct listener_socket *l)
{
    if (l->closing)
        return;
    l->closing = true;
    timer_clear(&l->pause);
    uv_close((uv_handle_t *)&l->poll, on_closed); // takes the descriptor out of the poll at once
    close(l->fd);
    if (l->reserve_fd >= 0)
        close(l->reserve_fd);
}
