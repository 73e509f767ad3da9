/* client.h - the side that talks to upstreams: pooled connections, one call after another. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/slice.h"
#include "http/body.h"
#include "http/tunnel.h"
#include "loop/dial.h"
#include "loop/worker.h"
#include "wire/head.h"

/* One a worker.  Connections are shared only among equal pool keys (design.md 4). */
struct http_client;

#define HTTP_CALL_MAX_PARTS 8
#define CALL_WHY_BYTES      128

struct http_proxy {
    struct slice scheme; // "http", "https", "socks5"
    struct slice host;
    unsigned port;
    struct slice authorization;  // "Basic ..." for HTTP proxies; empty: none
    struct slice user, password; // for SOCKS5, decoded; at most 255 bytes each
    struct tls_client *tls;      // for "https" proxies
};

/* Whom to call.  Slices live as long as the call. */
struct http_target {
    struct slice
        pool_key;      // origin, proxy, TLS identity and credential: whoever may share connections
    struct slice host; // name or address, no brackets
    unsigned port;
    struct tls_client *tls; // NULL: plain
    bool allow_private;
    const struct http_proxy *proxy; // NULL: direct.  An HTTP proxy is asked for a tunnel (CONNECT).
};

/*
 *   http_call_start--> CONNECTING --> AWAITING --complete head--> ANSWERED
 *   any --> FAILED (err, why)
 *
 * In ANSWERED the head has been copied out as far as the owner asked (`on_head`) and
 * `body` is pulled by http_body_peek().  Bodies that cannot be pulled on yet wake the
 * owner's task when more is there.  A reused connection that dies before the first byte
 * of an answer is replaced by a fresh one, once, unseen.
 */
enum http_call_state { CALL_IDLE, CALL_CONNECTING, CALL_AWAITING, CALL_ANSWERED, CALL_FAILED };

struct upstream_conn;

/* The head's slices live until it returns.  Informational answers (1xx) are not shown. */
typedef void http_call_head_fn(void *ctx, const struct head *head);

struct http_call {
    /* set by the owner before http_call_start() */
    struct task *wake;
    http_call_head_fn *on_head;
    void *ctx;
    const struct http_target *target;
    struct slice method;                     // "GET", "POST": framing of the answer depends on it
    struct iovec parts[HTTP_CALL_MAX_PARTS]; // the whole request; live until the call is over
    int part_count;
    int64_t connect_deadline_at_ms;
    /* to look at */
    enum http_call_state state;
    struct http_body body;
    int status;
    enum err err;
    char why[CALL_WHY_BYTES]; // NUL terminated
    int64_t connected_at_ms;  // 0: not yet; monotonic
    bool reused;              // an idle connection was used
    /* private */
    struct http_client *client;
    struct upstream_conn *conn;
    struct tunnel tunnel;
    bool retried;
};

struct http_client *http_client_new(struct worker *w);

/** Starts; CALL_IDLE to CONNECTING or, on an idle connection, AWAITING. */
void http_call_start(struct http_client *c, struct http_call *call);

/** Reads on after the owner has consumed body bytes; cheap, may be called any time. */
void http_call_want(struct http_call *call);

/**
 * Over, from any state.  The connection is kept for the next call if the answer's exact
 * end was consumed and nothing else stands in its buffer; otherwise it is closed.
 */
void http_call_finish(struct http_call *call);

/** Closes idle connections and keeps none from now on. */
void http_client_drain(struct http_client *c);
size_t http_client_connections(const struct http_client *c);

/** Only when no call runs and no connection is left. */
void http_client_free(struct http_client *c);

#endif
