/* stream.h - one two-way run of bytes: TCP, or TLS over it. */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/slice.h"
#include "loop/tls.h"
#include "loop/worker.h"

/*
 *   listener, dial --> OPEN --stream_close--> CLOSING --on_closed--> gone
 *
 * A stream is on the heap and frees itself after on_closed.  Every callback is
 * called from the loop, never from inside a call of the owner, so that an owner
 * is not re-entered; on_closed is the last one and always comes.
 */
struct stream;

struct stream_handler {
    /*
     * Bytes are there: where to?  Answers room (at least 1 byte) and its size; NULL: stop reading.
     * on_read follows, or else on_eof or on_error; the room that none of them filled is the owner's.
     */
    char *(*on_room)(void *ctx, size_t *size);
    /* `len` bytes stand in the room that was given. */
    void (*on_read)(void *ctx, size_t len);
    /* The peer will send no more. */
    void (*on_eof)(void *ctx);
    /* Broken: reset, TLS alert.  Only stream_close() makes sense now. */
    void (*on_error)(void *ctx, enum err err, const char *why);
    /* Nothing is queued any more (only after something was). */
    void (*on_drained)(void *ctx);
    void (*on_closed)(void *ctx);
};

void stream_attach(struct stream *s, const struct stream_handler *handler, void *ctx);

/** Reading is off until started; both are cheap and may be repeated. */
void stream_read_start(struct stream *s);
void stream_read_stop(struct stream *s);

/**
 * Sends what the kernel takes at once and queues a copy of the rest.  The bytes are
 * free again on return.  Answers how many bytes are queued now.
 */
size_t stream_write(struct stream *s, const struct iovec *parts, int count);

/** A slice as writev() takes it. */
static inline struct iovec iovec_of(struct slice s)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len};
}

size_t stream_queued(const struct stream *s);

/** Whether the peer has sent something, or has ended, that was not read yet.  One system call. */
bool stream_has_unread(const struct stream *s);

/** Bytes ever written to the kernel (below TLS: ciphertext): for "slow client" checks. */
uint64_t stream_sent(const struct stream *s);

/** Says "no more from here" after the queue has gone (FIN, close_notify). */
void stream_shutdown(struct stream *s);

/** Ends both ways at once; what is queued is dropped.  `reset` sends RST. */
void stream_close(struct stream *s, bool reset);

/** The peer's address as text, for logs and per-address limits: "127.0.0.1". */
struct slice stream_peer(const struct stream *s);

struct worker *stream_worker(const struct stream *s);

/** Whether bytes are protected by TLS. */
bool stream_is_tls(const struct stream *s);

/** Whether the TLS handshake was a short one, on a session of an earlier connection. */
bool stream_tls_resumed(const struct stream *s);

/*
 * A listening socket on one worker.  With several workers each opens its own
 * (SO_REUSEPORT).  When the process has no descriptor left, a reserve one is used
 * to accept and close, so that the loop never spins (hardening.md T15).
 */
struct listener_socket;

/*
 * With TLS the handshake goes on by itself after this; on_room comes with the first plaintext,
 * and what is written before waits.  A deadline for the handshake is the owner's affair.
 */
typedef void listener_accept_fn(void *ctx, struct stream *s);

/** `port` 0 picks one; listener_port() tells.  `tls` NULL: plain. */
struct listener_socket *listener_open(struct worker *w, const char *host, unsigned port,
                                      struct tls_server *tls, listener_accept_fn *accept, void *ctx,
                                      struct err_info *e);
unsigned listener_port(const struct listener_socket *l);
void listener_close(struct listener_socket *l); // accepts no more; freed by the loop

#endif
