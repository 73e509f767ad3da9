/* relay_body.c - answers that are one document: small ones whole, large ones as they flow. */
#include "exchange/relay.h"

#include "chat/error.h"
#include "exchange/scrub.h"
#include "exchange/stages.h"

#define FIELD_BYTES ((size_t)64 * 1024) // of one value that is listened to in a flowing body

/* ---- small ones: gathered, edited, sent at once ---- */

/* An error inside HTTP 200: it is an error all the same. */
static enum verdict send_error(struct exchange *x, struct slice body)
{
    struct buf clean = {0};

    if (!x->err.code)
        err_set(&x->err, ERR_UPSTREAM_FAILED, "the provider answered 200 with an error in it");
    x->outcome = OUTCOME_UPSTREAM_ERROR;
    x->http_status = error_status(x->target.dialect, ERR_UPSTREAM_FAILED);
    x->relay.saw_end = true;
    if (!settle_record(x))
        return STAGE_WAIT;
    scrub(body, x->attempt.credential->api_key, &clean);
    relay_start(x, x->http_status, (int64_t)buf_len(&clean));
    relay_write(x, buf_peek(&clean));
    buf_release(&clean);
    return relay_done(x);
}

static enum verdict send_whole(struct exchange *x, struct slice body)
{
    struct heard h;
    bool rename;

    settle_listen(x, x->target.dialect, x->target.operation, FRAMING_BODY);
    h = listener_hear(&x->listener, (struct slice){0}, body);
    if (h.is_error)
        return send_error(x, body);
    if (h.is_broken)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's answer is not valid JSON");
    rename = x->reply_model.len && h.model.len;
    x->outcome = OUTCOME_OK;
    x->http_status = x->attempt.call.status;
    x->relay.sent_bytes =
        (int64_t)(rename ? body.len - h.model.len + x->reply_model.len : body.len);
    if (!settle_record(x))
        return STAGE_WAIT;
    relay_start(x, x->attempt.call.status, x->relay.sent_bytes);
    if (rename) {
        size_t at = (size_t)(h.model.ptr - body.ptr);
        response_write(x->request, slice_sub(body, 0, at));
        response_write(x->request, x->reply_model);
        response_write(x->request, slice_after(body, at + h.model.len));
    } else {
        response_write(x->request, body);
    }
    return relay_done(x);
}

enum verdict relay_whole(struct exchange *x, struct slice bytes)
{
    struct http_body *b = &x->attempt.call.body;
    struct buf *gathered = &x->relay.gathered;
    size_t limit = (size_t)x->snapshot->limits.max_answer_buffer_bytes;
    enum verdict v;

    if (bytes.len && b->ended && !buf_len(gathered)) { // all of it in one read: nothing is copied
        v = send_whole(x, bytes);
        if (v == STAGE_WAIT)
            buf_append(gathered, bytes);
        http_body_consume(b, bytes.len);
        return v;
    }
    if (!bytes.len)
        return send_whole(x, buf_peek(gathered));
    buf_append(gathered, bytes);
    http_body_consume(b, bytes.len);
    if (buf_len(gathered) > limit)
        x->relay.mode = RELAY_FLOW;
    return STAGE_AGAIN;
}

/* ---- large ones: they flow ---- */

/* The piece that is passing, while the watch looks at it. */
struct flow {
    struct exchange *x;
    struct slice piece;
    uint64_t start;   // of the piece in the body
    uint64_t written; // up to where the body has been passed on or replaced
};

/* The last piece is held until the record is written. */
static void flow_out(struct exchange *x, struct slice bytes)
{
    if (x->relay.saw_end)
        buf_append(&x->relay.held, bytes);
    else
        relay_write(x, bytes);
}

static void flow_up_to(struct flow *f, uint64_t end)
{
    if (f->written < f->start)
        f->written = f->start;
    if (end > f->written)
        flow_out(f->x,
                 slice_sub(f->piece, (size_t)(f->written - f->start), (size_t)(end - f->written)));
    if (end > f->written)
        f->written = end;
}

static bool is_model_key(const struct exchange *x, size_t key)
{
    struct slice name = x->relay.watch->keys[key];
    return slice_eq(name, SLICE("model")) || slice_eq(name, SLICE("modelVersion"));
}

static void on_value(void *ctx, const struct json_watch_report *report)
{
    struct flow *f = ctx;
    struct exchange *x = f->x;
    bool rename = x->reply_model.len && is_model_key(x, report->key);

    switch (report->event) {
    case JSON_WATCH_BEGINS:
        if (rename) {
            flow_up_to(f, report->start);
            x->relay.replacing = true;
        }
        break;
    case JSON_WATCH_VALUE:
        listener_hear_field(&x->listener, report->key, report->value);
        if (rename) {
            flow_out(x, x->reply_model);
            f->written = report->end;
            x->relay.replacing = false;
        }
        break;
    case JSON_WATCH_TOO_LARGE: break;
    }
}

static void flow_piece(struct exchange *x, struct slice piece)
{
    struct flow f = {.x = x, .piece = piece, .start = x->relay.flowed};

    x->relay.flowed += piece.len;
    json_watch_feed(x->relay.watch, piece, on_value, &f);
    if (!x->relay.replacing)
        flow_up_to(&f, x->relay.flowed);
}

static enum verdict flow_end(struct exchange *x)
{
    x->relay.saw_end = true;
    if (x->listener.failed && !x->err.code)
        err_set(&x->err, ERR_UPSTREAM_FAILED, "the provider answered 200 with an error in it");
    x->outcome = x->err.code ? OUTCOME_UPSTREAM_ERROR : OUTCOME_OK;
    if (!settle_record(x))
        return STAGE_WAIT;
    relay_write(x, buf_peek(&x->relay.held));
    return relay_done(x);
}

void relay_flow_listen(struct exchange *x)
{
    size_t count;
    const struct slice *keys = listener_fields(x->target.dialect, x->target.operation, &count);

    settle_listen(x, x->target.dialect, x->target.operation, FRAMING_BODY);
    x->relay.watch = arena_new(&x->arena, struct json_watch);
    json_watch_init(x->relay.watch, keys, count, FIELD_BYTES);
    listener_hear_start(&x->listener, buf_peek(&x->relay.gathered));
}

/* Begins a flow: with its length where it is known and stays. */
static void flow_start(struct exchange *x)
{
    struct http_body *b = &x->attempt.call.body;
    int64_t left = http_body_left(b), ready = (int64_t)b->ready;
    int64_t gathered = (int64_t)buf_len(&x->relay.gathered);

    relay_flow_listen(x);
    relay_start(x, x->attempt.call.status,
                left < 0 || x->reply_model.len ? -1 : gathered + ready + left);
    x->relay.saw_end = gathered && http_body_ended(b);
    if (gathered)
        flow_piece(x, buf_peek(&x->relay.gathered));
    buf_clear(&x->relay.gathered);
}

enum verdict relay_flow(struct exchange *x, struct slice bytes)
{
    struct http_body *b = &x->attempt.call.body;

    if (!x->relay.started)
        flow_start(x);
    if (!bytes.len)
        return flow_end(x);
    x->relay.saw_end = b->ended; // these are the last ones
    flow_piece(x, bytes);
    http_body_consume(b, bytes.len);
    return x->relay.saw_end ? flow_end(x) : STAGE_AGAIN;
}

/* ---- only listened to ---- */

static void on_heard(void *ctx, const struct json_watch_report *report)
{
    struct exchange *x = ctx;

    if (report->event == JSON_WATCH_VALUE)
        listener_hear_field(&x->listener, report->key, report->value);
}

void relay_flow_hear(struct exchange *x, struct slice piece)
{
    x->relay.flowed += piece.len;
    json_watch_feed(x->relay.watch, piece, on_heard, x);
}
