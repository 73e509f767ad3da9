/* test_kit.h - what the tests of this room share: a clock that can be moved, plain sockets as peers. */
#ifndef HTTP_TEST_KIT_H
#define HTTP_TEST_KIT_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/array.h"
#include "base/buf.h"
#include "loop/test_kit.h"

/*
 * Stands before libc's: what the loop, libuv and the tests read.  kit_pass() moves
 * the monotonic clock, so that a minute of patience takes a test no time.
 */
static int64_t kit_ahead_ms;

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int failed = (int)syscall(SYS_clock_gettime, id, ts);

    if (!failed && id != CLOCK_REALTIME) {
        ts->tv_sec += kit_ahead_ms / 1000;
        ts->tv_nsec += kit_ahead_ms % 1000 * 1000000;
        ts->tv_sec += ts->tv_nsec / 1000000000;
        ts->tv_nsec %= 1000000000;
    }
    return failed;
}

/** One turn of the loop that does not wait. */
static inline void kit_turn(struct worker *w)
{
    uv_run(&w->loop->uv, UV_RUN_NOWAIT);
}

static inline void kit_turns(struct worker *w, int count)
{
    for (int i = 0; i < count; i++)
        kit_turn(w);
}

/** That much time passes, and the loop sees it. */
static inline void kit_pass(struct worker *w, int64_t ms)
{
    kit_ahead_ms += ms;
    kit_turns(w, 5);
}

/* The far side of a connection: a socket without the loop. */
struct far {
    int fd; // -1: closed
    struct buf got;
    bool eof, reset;
    size_t sent; // of what far_push() is given
};

static inline void far_take(struct far *f, int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};

    assert_true(fd >= 0);
    *f = (struct far){.fd = fd};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static inline void far_connect(struct far *f, unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    far_take(f, fd);
}

/** All at once; small enough for the kernel to take. */
static inline void far_send(struct far *f, struct slice bytes)
{
    if (bytes.len)
        assert_int_equal(send(f->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/** As much of the rest of `bytes` as the kernel takes now. */
static inline void far_push(struct far *f, struct slice bytes)
{
    struct slice rest = slice_after(bytes, f->sent);
    ssize_t n = rest.len ? send(f->fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    if (n > 0)
        f->sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN)
        f->reset = true;
}

/** Reads what is there; answers all that has come so far. */
static inline struct slice far_read(struct far *f)
{
    ssize_t n;

    while (f->fd >= 0 && !f->eof && !f->reset) {
        n = recv(f->fd, buf_reserve(&f->got, 65536), 65536, MSG_DONTWAIT);
        if (n > 0)
            buf_grew(&f->got, (size_t)n);
        else if (n == 0)
            f->eof = true;
        else if (errno == EAGAIN || errno == EINTR)
            break;
        else
            f->reset = true;
    }
    return buf_peek(&f->got);
}

static inline bool far_is_over(struct far *f)
{
    far_read(f);
    return f->eof || f->reset;
}

static inline bool far_has(struct far *f, const char *text)
{
    return slice_find_slice(far_read(f), slice_str(text)) != SIZE_MAX;
}

/** "No more from here": FIN, reading goes on. */
static inline void far_shut(struct far *f)
{
    shutdown(f->fd, SHUT_WR);
}

static inline void far_close(struct far *f, bool reset)
{
    if (f->fd < 0)
        return;
    if (reset)
        setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    close(f->fd);
    f->fd = -1;
}

static inline void far_free(struct far *f)
{
    far_close(f, false);
    buf_release(&f->got);
}

/* A port that the far side listens on. */
static inline int far_listen(unsigned *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/** Takes the next connection, if one waits. */
static inline bool far_accept(struct far *f, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    far_take(f, fd);
    return true;
}

#endif
