/* stream_inside.h - what a stream is made of.  Private to loop/. */
#ifndef LOOP_STREAM_INSIDE_H
#define LOOP_STREAM_INSIDE_H

#include "loop/address.h"
#include "loop/loop.h"
#include "loop/stream.h"

struct tls_layer;

/*
 * The lower half (these functions) moves bytes between the socket and whoever
 * stands above: the owner's handler, or the TLS layer, which then talks to the
 * handler.  A write that fails while the owner is reading is told after the
 * last byte that came in: a peer may answer early and close.
 */
struct stream {
    uv_tcp_t tcp; // libuv's until on_closed
    struct worker *worker;
    const struct stream_handler *handler; // NULL until stream_attach()
    void *ctx;
    struct tls_layer *tls; // NULL: plain
    struct buf sending;    // with libuv
    struct buf waiting;    // behind it
    uint64_t handed;       // bytes that libuv has taken, `sending` included
    struct task news;      // tells the owner what was noticed inside one of its calls
    union {
        uv_connect_t connect; // while dial.c has it
        uv_write_t write;
    } req;
    enum err broken_as;     // what a broken connection means: CLIENT_GONE or UPSTREAM_DOWN
    const char *broken_why; // sending has failed; the owner may not know yet
    struct {
        bool wants_read:1; // the owner
        bool reads:1;      // libuv
        bool skip:1;       // the last read filled its room: no second one in this turn
        bool sends:1;      // req.write is under way
        bool shut:1;       // no more from the owner
        bool ended:1;      // nothing more comes in
        bool failed:1;     // on_error was called
        bool closing:1;
    } is;
    char peer[ADDRESS_TEXT_BYTES];
};

/** A stream without a socket; libuv connects or adopts one. */
struct stream *stream_new(struct worker *w, enum err broken_as);
void stream_set_peer(struct stream *s, const struct address *a);

/** Sends below TLS. */
void stream_send(struct stream *s, const struct iovec *parts, int count);

/** Makes libuv read; it stops by itself when bytes come that nobody wants. */
void stream_pull(struct stream *s);

/** What was written before TLS was up has been sent or queued. */
void stream_early_sent(struct stream *s);

/** Tell the owner, from the loop only. */
void stream_fail(struct stream *s, enum err err, const char *why);
void stream_end(struct stream *s);

#endif
