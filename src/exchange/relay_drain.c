/* relay_drain.c - answers whose client has gone: heard to their end, for what they cost. */
#include "exchange/relay.h"

#include "exchange/stages.h"

/*
 * Nothing is written to anybody from here on.  The listener, and a translation for what it hears,
 * go on where they stood; when all is heard, or enough was waited for, the exchange ends as one
 * that its client has left.
 */

/* ---- beginning ---- */

/* Of what else is asked no figures are to be had, or it costs nothing. */
static bool has_figures(enum operation op)
{
    switch (op) {
    case OP_GENERATE:
    case OP_EMBED:
    case OP_IMAGE:
    case OP_COMPACT: return true;
    case OP_COUNT_TOKENS:
    case OP_LIST_MODELS:
    case OP_GET_MODEL:
    case OP_FILES:
    case OP_COUNT: break;
    }
    return false;
}

/* Upstream has said that it answers: a stream's first event may be still to come. */
static bool has_begun(const struct exchange *x)
{
    const struct attempt *at = &x->attempt;
    bool is_stream = at->is_sse || at->framing == FRAMING_ARRAY;

    if (x->local_status || x->relay.mode == RELAY_ERROR)
        return false;
    if (at->state == ATTEMPT_LOOKING)
        return is_stream && !at->err.code && at->call.status >= 200 && at->call.status <= 299;
    return at->state == ATTEMPT_ANSWERED;
}

bool relay_drain_begin(struct exchange *x)
{
    const struct drain_limits *limits = &x->snapshot->limits.drain_on_abort;
    struct http_request *r = x->request;

    if (!limits->ms || x->gw->is_stopping || !r || !r->gone)
        return false;
    if (x->err.code != ERR_CLIENT_GONE || x->outcome != OUTCOME_OK) // it had failed before
        return false;
    if (!has_figures(x->target.operation) || !has_begun(x))
        return false;
    x->request = NULL;
    response_abort(r);
    if (x->relay.mode == RELAY_UNDECIDED)
        relay_decide(x);
    if (x->relay.is_pausing && !x->relay.is_asked) // and is not asked to go on
        x->relay.saw_end = true;
    x->relay.is_draining = true;
    x->relay.drain_until_ms = x->gw->worker->now_ms + limits->ms;
    x->relay.drain_bytes = limits->max_bytes;
    return true;
}

/* ---- listening ---- */

static bool hear_whole(struct exchange *x, struct slice bytes)
{
    struct buf *gathered = &x->relay.gathered;

    if (bytes.len) {
        buf_append(gathered, bytes);
        http_body_consume(&x->attempt.call.body, bytes.len);
        if (buf_len(gathered) > (size_t)x->snapshot->limits.max_answer_buffer_bytes)
            x->relay.mode = RELAY_FLOW;
        return true;
    }
    settle_listen(x, x->target.dialect, x->target.operation, FRAMING_BODY);
    listener_hear(&x->listener, (struct slice){0}, buf_peek(gathered));
    return true;
}

static bool hear_flow(struct exchange *x, struct slice bytes)
{
    if (!x->relay.watch)
        relay_flow_listen(x);
    relay_flow_hear(x, buf_peek(&x->relay.gathered));
    buf_clear(&x->relay.gathered);
    relay_flow_hear(x, bytes);
    http_body_consume(&x->attempt.call.body, bytes.len);
    return true;
}

/* Empty bytes: what had been looked at is to be heard, or the answer has come to its end. */
static bool hear(struct exchange *x, struct slice bytes)
{
    switch (x->relay.mode) {
    case RELAY_EVENTS: return relay_events_hear(x, bytes);
    case RELAY_ITEMS: return relay_items_hear(x, bytes);
    case RELAY_WHOLE: return hear_whole(x, bytes);
    case RELAY_FLOW: return hear_flow(x, bytes);
    case RELAY_TRANSLATED: return relay_translated_hear(x, bytes);
    case RELAY_REWRITTEN: return relay_rewritten_hear(x, bytes);
    case RELAY_FILE:
    case RELAY_CONTENT:
    case RELAY_UNDECIDED:
    case RELAY_ERROR: break;
    }
    return false;
}

/* Upstream keeps its deadlines, as it would have for a client. */
static enum verdict wait(struct exchange *x)
{
    struct relay *r = &x->relay;
    int64_t now = x->gw->worker->now_ms;
    int64_t idle_ms = x->attempt.candidate->provider->timeouts.idle_ms;

    if (x->attempt.state == ATTEMPT_LOOKING)
        r->idle_at_ms = x->attempt.first_byte_at_ms;
    else if (!r->idle_at_ms)
        r->idle_at_ms = now + idle_ms;
    if (now >= r->idle_at_ms)
        return STAGE_FAIL;
    x->waiting_for = "the end of an answer whose client has gone";
    http_call_want(&x->attempt.call);
    exchange_wake_at(x, r->idle_at_ms < r->drain_until_ms ? r->idle_at_ms : r->drain_until_ms);
    return STAGE_WAIT;
}

enum verdict relay_drain(struct exchange *x)
{
    struct relay *r = &x->relay;
    struct http_body *body = &x->attempt.call.body;

    while (!r->saw_end) {
        struct slice bytes = http_body_peek(body);
        bool ended = http_body_ended(body);
        if (x->gw->worker->now_ms >= r->drain_until_ms)
            return STAGE_FAIL;
        if (!bytes.len && !ended && !r->primed)
            return http_body_broken(body) ? STAGE_FAIL : wait(x);
        r->primed = false;
        r->idle_at_ms = bytes.len ? 0 : r->idle_at_ms;
        r->drain_bytes -= (int64_t)bytes.len;
        if (!hear(x, bytes) || r->drain_bytes < 0)
            return STAGE_FAIL;
        r->saw_end = r->saw_end || ended;
    }
    /* One that has paused is not asked to go on: what it has used so far is all. */
    if (r->translation && translation_is_paused(r->translation) &&
        x->listener.source == USAGE_PARTIAL)
        x->listener.source = USAGE_UPSTREAM;
    return relay_take_rest(x) ? STAGE_FAIL : STAGE_WAIT;
}
