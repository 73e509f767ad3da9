/* attempt.c - one try upstream after another, until one answers. */
#include "exchange/attempt.h"

#include "base/log.h"
#include "exchange/admit.h"
#include "exchange/foreign.h"
#include "exchange/local.h"
#include "exchange/rewrite.h"
#include "exchange/rules.h"
#include "exchange/stages.h"
#include "policy/provider.h"

#define ERROR_BODY_BYTES ((size_t)64 * 1024)  // of an upstream's error, the rest is not read
#define LOOK_BYTES       ((size_t)256 * 1024) // of a stream's first event

/* ---- the call ---- */

static void on_head(void *ctx, const struct head *head)
{
    struct exchange *x = ctx;
    struct attempt *at = &x->attempt;
    struct slice type = head_value(head, HEAD_CONTENT_TYPE);
    struct slice coding = head_value(head, HEAD_CONTENT_ENCODING);
    struct buf *fields = &x->gw->scratch;

    trail_attempt_head(x, head);
    buf_clear(fields);
    if (!x->relay.translation) // else the client has been answered, and this is how it goes on
        x->first_byte_at_ms = x->gw->worker->now_ms;
    at->is_sse = slice_starts_nocase(type, SLICE("text/event-stream"));
    at->is_json = slice_starts_nocase(type, SLICE("application/json"));
    if (coding.len && !slice_eq_nocase(coding, SLICE("identity")))
        err_set(&at->err, ERR_UPSTREAM_BROKEN, "the provider's answer is compressed, unasked");
    for (size_t i = 0; i < head->count; i++) {
        const struct head_field *f = &head->fields[i];
        switch ((int)f->known) {
        case HEAD_RETRY_AFTER:
        case HEAD_RETRY_AFTER_MS:
        case HEAD_X_SHOULD_RETRY:
        case HEAD_OPENAI_PROCESSING_MS:
        case HEAD_OPENAI_VERSION: head_write_field(fields, f->name, f->value); break;
        case HEAD_X_REQUEST_ID:
        case HEAD_REQUEST_ID:
            head_write_field(fields, SLICE("x-upstream-request-id"), f->value);
            break;
        case HEAD_CONTENT_DISPOSITION:
            if (x->target.act == FILE_CONTENT)
                head_write_field(fields, f->name, f->value);
            break;
        default: break;
        }
    }
    at->content_type = arena_dup(&x->arena, type);
    at->fields = arena_dup(&x->arena, buf_peek(fields));
}

static enum err start_call(struct exchange *x, struct attempt *at)
{
    const struct provider *p = at->candidate->provider;
    enum err err;

    trail_attempt_begin(x);
    err = request_build(x, at);
    if (err != ERR_NONE)
        return err;
    at->call.wake = &x->task;
    at->call.on_head = on_head;
    at->call.ctx = x;
    at->call.target = &at->target;
    at->call.connect_deadline_at_ms = x->gw->worker->now_ms + p->timeouts.connect_ms;
    at->began_at_ms = x->gw->worker->now_ms;
    at->first_byte_at_ms = at->began_at_ms + p->timeouts.first_byte_ms;
    if (!x->stream && x->target.act != FILE_CONTENT && p->timeouts.request_ms)
        x->deadline_at_ms = x->began_at_ms + p->timeouts.request_ms;
    at->state = ATTEMPT_CALLING;
    http_call_start(x->gw->client, &at->call);
    exchange_wake_at(x, at->first_byte_at_ms);
    x->waiting_for = "upstream";
    return ERR_NONE;
}

static void attempt_fail(struct exchange *x, enum err code, const char *why)
{
    err_set(&x->attempt.err, code, "%s", why);
    x->attempt.state = ATTEMPT_FAILED;
}

void attempt_release(struct exchange *x)
{
    struct attempt *at = &x->attempt;

    trail_attempt_end(x);
    if (at->call.state != CALL_IDLE)
        http_call_finish(&at->call);
    request_release(at);
}

enum err attempt_prepare(struct exchange *x, const struct candidate *c,
                         const struct credential *credential)
{
    const struct rewrite *rewrite = rewrite_find(x->target.operation);
    struct attempt *at = &x->attempt;
    struct cell cell = foreign_cell(x, c);

    *at = (struct attempt){.candidate = c, .credential = credential, .head = at->head};
    at->is_foreign = cell.kind == CELL_TRANSFORM;
    at->operation = at->is_foreign ? routing_operation(x->target.operation) : x->target.operation;
    at->dialect = cell.to;
    at->framing = x->framing;
    at->action = x->target.action;
    at->route = channel_route_find(c->provider->channel, at->operation, cell.to);
    if (!at->is_foreign)
        return request_native_body(x, at);
    at->framing = x->stream ? FRAMING_SSE : FRAMING_BODY;
    if ((rewrite ? rewrite->build(x, at) : foreign_build(x, at)) != ERR_NONE)
        return at->err.code;
    return rules_outbound_foreign(x, at);
}

/* How many credentials of it may be tried. */
static size_t credentials_of(const struct exchange *x, const struct candidate *c)
{
    return x->pinned ? 1 : c->provider->credential_count;
}

static const struct credential *next_credential(struct exchange *x, const struct candidate *c)
{
    size_t tried = x->tried++;

    return x->pinned ? x->pinned : provider_pick(c->provider, tried, &x->first_credential);
}

/* The next candidate with a credential left, and within the caller's limits; NULL: none. */
static const struct candidate *next_candidate(struct exchange *x)
{
    for (; x->candidate < x->route->count; x->candidate++, x->tried = 0) {
        const struct candidate *c = &x->route->candidates[x->candidate];
        if (x->tried < credentials_of(x, c) && admit_candidate(x, &x->err) == ERR_NONE) {
            x->err = (struct err_info){0};
            return c;
        }
    }
    return NULL;
}

/* Begins the next attempt; false when there is nobody left to ask, and x->err may say why. */
static bool attempt_begin(struct exchange *x)
{
    struct attempt *at = &x->attempt;
    const struct candidate *c;

    if (x->attempts >= x->snapshot->limits.max_attempts)
        return false;
    c = next_candidate(x);
    if (!c)
        return false;
    if (attempt_prepare(x, c, next_credential(x, c)) != ERR_NONE ||
        admit_attempt(x, at, NULL, &at->err) != ERR_NONE) {
        at->state = ATTEMPT_FAILED; // nobody was asked
        return true;
    }
    x->attempts++;
    stats_add(&x->gw->stats.attempts, 1);
    settle_listen(x, at->dialect, at->operation, at->framing);
    if (start_call(x, at) != ERR_NONE)
        at->state = ATTEMPT_FAILED;
    return true;
}

void attempt_repeat(struct exchange *x)
{
    struct attempt *at = &x->attempt;

    at->target = (struct http_target){0};
    at->call = (struct http_call){0};
    at->err = (struct err_info){0};
    at->content_type = at->fields = at->first_error = (struct slice){0};
    buf_clear(&x->relay.gathered);
    x->relay.primed = false;
    x->attempts++;
    stats_add(&x->gw->stats.attempts, 1);
    if (start_call(x, at) != ERR_NONE)
        at->state = ATTEMPT_FAILED;
}

/* ---- looking at what came back ---- */

/* Reads an error's body; true once it is whole or long enough. */
static bool gather_error(struct exchange *x)
{
    struct http_body *b = &x->attempt.call.body;
    struct buf *body = &x->relay.gathered;
    struct slice bytes;

    while (buf_len(body) < ERROR_BODY_BYTES && (bytes = http_body_peek(b)).len) {
        buf_append(body, bytes);
        http_body_consume(b, bytes.len);
    }
    if (http_body_ended(b) || http_body_broken(b) || buf_len(body) >= ERROR_BODY_BYTES)
        return true;
    http_call_want(&x->attempt.call);
    return false;
}

enum look { LOOK_MORE, LOOK_GOOD, LOOK_ERROR, LOOK_EMPTY };

/*
 * Looks for the first event of a stream, comments and pings aside; no more is waited for.
 * Where `bytes` are upstream's own buffer, nothing is copied unless the event is cut.
 */
static enum look look_for_event(struct exchange *x, struct slice bytes)
{
    struct sse_cutter cutter = {0};
    enum look found = LOOK_MORE;
    struct sse_event ev;

    while (found == LOOK_MORE && sse_next(&cutter, bytes, &ev) == SSE_EVENT) {
        if (ev.has_data) {
            struct listener probe;
            listener_init(&probe, x->attempt.dialect, x->attempt.operation, x->attempt.framing);
            found = listener_hear(&probe, ev.name, ev.data).is_error ? LOOK_ERROR : LOOK_GOOD;
            if (found == LOOK_ERROR && x->attempt.is_foreign)
                x->attempt.first_error =
                    arena_dup(&x->arena, slice_sub(ev.data, 0, ERROR_BODY_BYTES));
        }
        bytes = slice_after(bytes, ev.raw.len);
    }
    sse_cutter_release(&cutter);
    return found;
}

/* The same for Gemini's array: its first element. */
static enum look look_for_item(struct exchange *x, struct slice bytes)
{
    struct json_cut cut = {0};
    struct listener probe;
    struct slice item;
    size_t consumed;

    switch (json_cut_next(&cut, bytes, &consumed, &item)) {
    case JSON_CUT_MORE: return LOOK_MORE;
    case JSON_CUT_CLOSED:
    case JSON_CUT_BROKEN: return LOOK_EMPTY;
    case JSON_CUT_ELEMENT: break;
    }
    listener_init(&probe, x->attempt.dialect, x->attempt.operation, x->attempt.framing);
    return listener_hear(&probe, (struct slice){0}, item).is_error ? LOOK_ERROR : LOOK_GOOD;
}

static enum look look_for_first(struct exchange *x, struct slice bytes)
{
    return x->attempt.is_sse ? look_for_event(x, bytes) : look_for_item(x, bytes);
}

static enum look look_at_stream(struct exchange *x)
{
    struct http_body *b = &x->attempt.call.body;
    struct buf *gathered = &x->relay.gathered;
    struct slice bytes = http_body_peek(b);
    enum look found;

    if (bytes.len && !buf_len(gathered)) {
        found = look_for_first(x, bytes);
        if (found != LOOK_MORE)
            return found;
    }
    /* One that came in pieces: they are put together, and the relay goes on from there. */
    for (; bytes.len && buf_len(gathered) < LOOK_BYTES; bytes = http_body_peek(b)) {
        buf_append(gathered, bytes);
        http_body_consume(b, bytes.len);
        x->relay.primed = true;
    }
    found = look_for_first(x, buf_peek(gathered));
    if (found != LOOK_MORE)
        return found;
    if (buf_len(gathered) >= LOOK_BYTES)
        return LOOK_GOOD; // too long to hold a stream back for
    return http_body_ended(b) || http_body_broken(b) ? LOOK_EMPTY : LOOK_MORE;
}

/* A document that does not say it is JSON may be JSON all the same. */
static enum look look_at_document(struct exchange *x)
{
    struct http_body *b = &x->attempt.call.body;
    struct slice bytes = http_body_peek(b);

    if (x->attempt.is_json)
        return LOOK_GOOD;
    if (!bytes.len)
        return http_body_ended(b) || http_body_broken(b) ? LOOK_EMPTY : LOOK_MORE;
    x->attempt.is_json = bytes.ptr[0] == '{' || bytes.ptr[0] == '[';
    return x->attempt.is_json ? LOOK_GOOD : LOOK_EMPTY;
}

static enum verdict look_at_success(struct exchange *x)
{
    struct attempt *at = &x->attempt;

    if (x->target.operation == OP_FILES) { // of any type: relay_file.c looks at what it must know
        at->state = ATTEMPT_ANSWERED;
        return STAGE_AGAIN;
    }
    switch (at->is_sse || at->framing == FRAMING_ARRAY ? look_at_stream(x) : look_at_document(x)) {
    case LOOK_MORE: http_call_want(&at->call); return STAGE_WAIT;
    case LOOK_GOOD: at->state = ATTEMPT_ANSWERED; break;
    case LOOK_ERROR:
        gather_error(x);
        attempt_fail(x, ERR_UPSTREAM_FAILED, "the provider answered with an error event");
        break;
    case LOOK_EMPTY:
        attempt_fail(x, ERR_UPSTREAM_BROKEN,
                     at->is_sse ? "the provider's stream ended before its first event"
                                : "the provider's answer is not the JSON that was asked for");
        break;
    }
    return STAGE_AGAIN;
}

static enum verdict look(struct exchange *x)
{
    struct attempt *at = &x->attempt;
    int status = at->call.status;

    if (at->err.code) {
        at->state = ATTEMPT_FAILED;
        return STAGE_AGAIN;
    }
    if (x->gw->worker->now_ms >= at->first_byte_at_ms) {
        attempt_fail(x, ERR_UPSTREAM_TIMEOUT, "the provider did not answer in time");
        return STAGE_AGAIN;
    }
    if (status >= 200 && status <= 299)
        return look_at_success(x);
    if (!gather_error(x))
        return STAGE_WAIT;
    attempt_fail(
        x, channel_verdict(at->candidate->provider->channel, status, buf_peek(&x->relay.gathered)),
        "");
    return STAGE_AGAIN;
}

/* ---- when it failed ---- */

void attempt_log_failure(const struct exchange *x)
{
    const struct attempt *at = &x->attempt;

    log_event(LOG_WARN, x->id, "attempt.failed",
              "provider=%.*s channel=%s credential=%lld http=%d err=%s why=\"%s\"",
              SLICE_ARG(at->candidate->provider->name), at->candidate->provider->channel->name,
              at->credential ? (long long)at->credential->id : 0LL, at->call.status,
              err_name(at->err.code), err_info_text(&at->err));
}

/* Notes the failure and says what may be tried instead. */
static enum failover attempt_end(struct exchange *x)
{
    struct attempt *at = &x->attempt;
    enum failover next = err_failover(at->err.code);

    attempt_log_failure(x);
    if (!at->call.target) // it was not asked: a body that it cannot carry, a limit of the caller's
        next = FAILOVER_TARGET;
    if (next == FAILOVER_TARGET) {
        x->candidate++;
        x->tried = 0;
    }
    return next;
}

static bool another_is_left(const struct exchange *x)
{
    if (x->attempts >= x->snapshot->limits.max_attempts)
        return false;
    return x->candidate + 1 < x->route->count ||
           (x->candidate < x->route->count &&
            x->tried < credentials_of(x, &x->route->candidates[x->candidate]));
}

/* Nobody is left to ask.  What the last one said is sent by stage_relay, where it may be. */
enum verdict attempt_give_up(struct exchange *x)
{
    struct attempt *at = &x->attempt;
    bool may_be_told = at->err.code == ERR_UPSTREAM_REFUSED || at->err.code == ERR_UPSTREAM_BUSY ||
                       at->err.code == ERR_UPSTREAM_FAILED || at->err.code == ERR_UPSTREAM_FULL;

    if ((at->call.status >= 400 && may_be_told) || at->first_error.len) {
        x->relay.mode = RELAY_ERROR;
        return STAGE_NEXT;
    }
    if (at->call.status >= 300 && !at->err.text[0])
        err_set(&x->err, at->err.code, "%s (HTTP %d from provider \"%.*s\")",
                err_text(at->err.code), at->call.status, SLICE_ARG(at->candidate->provider->name));
    else
        x->err = at->err;
    return STAGE_FAIL;
}

/* Forgets the attempt, so that the next one may begin. */
static void attempt_again(struct exchange *x)
{
    attempt_release(x);
    buf_clear(&x->relay.gathered);
    x->relay.primed = false;
    x->attempt.state = ATTEMPT_NONE;
}

/*
 * A conversation may hold what another model, account or version thought; where upstream
 * refuses that, it is asked once more without (mapping.md 2.9).
 */
static bool retry_without_reasoning(struct exchange *x)
{
    if (x->drop_reasoning || x->attempts >= x->snapshot->limits.max_attempts ||
        !foreign_reasoning_refused(&x->attempt, buf_peek(&x->relay.gathered)))
        return false;
    log_event(LOG_INFO, x->id, "attempt.retried", "provider=%.*s why=\"reasoning was refused\"",
              SLICE_ARG(x->attempt.candidate->provider->name));
    x->drop_reasoning = true;
    x->tried--;
    attempt_again(x);
    return true;
}

static enum verdict after_failure(struct exchange *x)
{
    enum failover next;

    if (retry_without_reasoning(x))
        return STAGE_AGAIN;
    if (local_counts_instead(x)) {
        attempt_again(x);
        return STAGE_AGAIN;
    }
    next = attempt_end(x);
    if (next == FAILOVER_STOP || !another_is_left(x))
        return attempt_give_up(x);
    attempt_again(x);
    return STAGE_AGAIN;
}

enum verdict attempt_step(struct exchange *x)
{
    struct attempt *at = &x->attempt;

    switch (at->state) {
    case ATTEMPT_NONE:
    case ATTEMPT_ANSWERED:
    case ATTEMPT_FAILED: return STAGE_AGAIN;
    case ATTEMPT_LOOKING: return look(x);
    case ATTEMPT_CALLING: break;
    }
    if (at->call.connected_at_ms && !x->connected_at_ms) {
        x->connected_at_ms = at->call.connected_at_ms;
        if (!at->call.reused)
            stats_add(&x->gw->stats.connections_opened, 1);
    }
    if (at->call.state == CALL_FAILED)
        attempt_fail(x, at->call.err, at->call.why);
    else if (at->call.state == CALL_ANSWERED)
        at->state = ATTEMPT_LOOKING;
    else if (x->gw->worker->now_ms >= at->first_byte_at_ms)
        attempt_fail(x, ERR_UPSTREAM_TIMEOUT, "the provider did not answer in time");
    else
        return STAGE_WAIT;
    return STAGE_AGAIN;
}

enum verdict stage_attempt(struct exchange *x)
{
    struct attempt *at = &x->attempt;

    if (x->local_status)
        return STAGE_NEXT;
    if (at->state == ATTEMPT_NONE) {
        const struct candidate *c = &x->route->candidates[x->candidate];
        if (x->candidate < x->route->count && local_is_for(x, c))
            return admit_candidate(x, &x->err) == ERR_NONE ? local_answer(x, c) : STAGE_FAIL;
        if (!attempt_begin(x) && x->err.code)
            return STAGE_FAIL;
        if (at->state == ATTEMPT_NONE)
            return exchange_fail(x, ERR_NO_CANDIDATE, "provider \"%.*s\" has no enabled credential",
                                 SLICE_ARG(x->route->candidates[0].provider->name));
    }
    if (at->state == ATTEMPT_ANSWERED)
        return STAGE_NEXT;
    if (at->state == ATTEMPT_FAILED)
        return after_failure(x);
    return attempt_step(x);
}
