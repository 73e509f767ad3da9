/* ops.h - what machines ask: alive, ready, which version, how much. */
#ifndef ADMIN_OPS_H
#define ADMIN_OPS_H

#include <stdbool.h>

#include "base/buf.h"
#include "http/server.h"
#include "wire/head.h"

/* What `app` knows and this room does not. */
struct ops {
    const char *version;
    bool (*is_ready)(void *ctx);
    void (*write_metrics)(void *ctx, struct buf *out);
    bool (*is_admin)(void *ctx, const struct head *head); // does the request carry an admin's key?
    void *ctx;
};

/**
 * Answers GET /healthz, /readyz, /version and /metrics (spec.md 3, 11); false: the path is
 * another one and nothing was done.  /metrics is for loopback, and for admins from elsewhere.
 */
bool ops_answer(const struct ops *ops, struct http_request *r, const struct head *head);

#endif
