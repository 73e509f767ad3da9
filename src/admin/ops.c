/* ops.c - what machines ask: alive, ready, which version, how much. */
#include "admin/ops.h"

#define JSON_TYPE SLICE("content-type: application/json\r\n")

static void send(struct http_request *r, int status, struct slice body)
{
    response_send(r, status, JSON_TYPE, body);
}

static bool is_loopback(struct slice peer)
{
    return slice_starts(peer, SLICE("127.")) || slice_eq(peer, SLICE("::1")) ||
           slice_starts(peer, SLICE("::ffff:127."));
}

static void answer_metrics(const struct ops *ops, struct http_request *r, const struct head *head)
{
    struct buf out = {0};

    if (!is_loopback(http_request_peer(r)) && !ops->is_admin(ops->ctx, head)) {
        send(r, 401,
             SLICE("{\"error\":\"metrics want an admin's key from anywhere but loopback\"}"));
        return;
    }
    ops->write_metrics(ops->ctx, &out);
    response_send(r, 200, SLICE("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                  buf_peek(&out));
    buf_release(&out);
}

static void answer_version(const struct ops *ops, struct http_request *r)
{
    struct buf out = {0};

    buf_printf(&out, "{\"name\":\"gproxy\",\"version\":\"%s\"}", ops->version);
    send(r, 200, buf_peek(&out));
    buf_release(&out);
}

bool ops_answer(const struct ops *ops, struct http_request *r, const struct head *head)
{
    bool health = slice_eq(head->path, SLICE("/healthz"));
    bool ready = slice_eq(head->path, SLICE("/readyz"));
    bool version = slice_eq(head->path, SLICE("/version"));
    bool metrics = slice_eq(head->path, SLICE("/metrics"));

    if (!health && !ready && !version && !metrics)
        return false;
    if (!slice_eq(head->method, SLICE("GET")) && !slice_eq(head->method, SLICE("HEAD")))
        response_send(r, 405, SLICE("content-type: application/json\r\nallow: GET, HEAD\r\n"),
                      SLICE("{\"error\":\"this path takes GET only\"}"));
    else if (health)
        send(r, 200, SLICE("{\"status\":\"ok\"}"));
    else if (ready && ops->is_ready(ops->ctx))
        send(r, 200, SLICE("{\"status\":\"ready\"}"));
    else if (ready)
        send(r, 503, SLICE("{\"status\":\"not ready\"}"));
    else if (version)
        answer_version(ops, r);
    else
        answer_metrics(ops, r, head);
    http_server_flush(http_request_server(r));
    return true;
}
