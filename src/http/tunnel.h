/* tunnel.h - a stream to a target, through its proxy where it has one. */
#ifndef HTTP_TUNNEL_H
#define HTTP_TUNNEL_H

#include "base/buf.h"
#include "loop/dial.h"
#include "loop/stream.h"
#include "loop/worker.h"

struct http_target;

/*
 *   direct:  DIALING --> done
 *   proxied: DIALING (the proxy) --> ASKING (CONNECT or SOCKS5) --> SECURING (TLS to the target) --> done
 *
 * Embedded in a call.  `done` comes once, from the loop, unless cancelled.
 */
enum tunnel_state { TUNNEL_IDLE, TUNNEL_DIALING, TUNNEL_ASKING, TUNNEL_SECURING };

struct tunnel {
    enum tunnel_state state;
    struct worker *worker;
    const struct http_target *target;
    int64_t deadline_at_ms;
    dial_done_fn *done;
    void *ctx;
    struct dial *dial;
    struct timer timer;       // the deadline while the proxy is being asked
    struct tunnel_talk *talk; // with a proxy: on the heap, outlives a cancel
};

void tunnel_open(struct tunnel *t, struct worker *w, const struct http_target *target,
                 int64_t deadline_at_ms, dial_done_fn *done, void *ctx);

/** `done` will not be called. */
void tunnel_cancel(struct tunnel *t);

#endif
