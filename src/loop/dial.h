/* dial.h - opening a stream to a host: DNS, happy eyeballs, TCP, TLS. */
#ifndef LOOP_DIAL_H
#define LOOP_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "loop/stream.h"
#include "loop/worker.h"

struct dial_target {
    struct slice host; // name, IPv4, or IPv6 without brackets
    unsigned port;
    struct tls_client *tls; // NULL: plain
    bool allow_private;     // loopback and private addresses; link-local and metadata never
    int64_t deadline_at_ms; // of everything together
};

/*
 * DNS (c-ares, cached for its TTL, at most 60 s), then RFC 8305 attempts, then TLS.
 * The address that was checked is the one connected to.  `done` is called once,
 * from the loop: with a stream, or with NULL and the reason (ERR_UPSTREAM_DOWN,
 * _TLS, _TIMEOUT, ERR_FORBIDDEN for an address that is not allowed).
 */
typedef void dial_done_fn(void *ctx, struct stream *s, const struct err_info *e);

struct dial;

struct dial *dial_open(struct worker *w, const struct dial_target *target, dial_done_fn *done,
                       void *ctx);

/** `done` will not be called. */
void dial_cancel(struct dial *d);

/** Puts TLS over a plain stream (after a proxy's CONNECT); `done` as above.  Takes the stream over. */
struct dial *dial_start_tls(struct stream *s, struct slice host, struct tls_client *tls,
                            int64_t deadline_at_ms, dial_done_fn *done, void *ctx);

#endif
