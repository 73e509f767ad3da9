/* relay.c - the answer on its way to the client, its end only once it is recorded. */
#include "exchange/relay.h"

#include "base/log.h"
#include "chat/error.h"
#include "chat/error_read.h"
#include "exchange/answer.h"
#include "exchange/edit.h"
#include "exchange/rewrite.h"
#include "exchange/scrub.h"
#include "exchange/stages.h"
#include "wire/head.h"
#include "json/scan.h"

/* ---- beginning ---- */

void relay_start(struct exchange *x, int status, int64_t length)
{
    struct buf *fields = &x->gw->scratch;

    buf_clear(fields);
    answer_write_fields(x, fields);
    if (x->attempt.content_type.len)
        head_write_field(fields, SLICE("content-type"), x->attempt.content_type);
    buf_append(fields, x->attempt.fields);
    if (x->dropped.len)
        head_write_field(fields, SLICE("x-gproxy-dropped"), x->dropped);
    if (x->target.operation == OP_FILES) // somebody's bytes, on the console's own origin
        buf_append(fields, SLICE("x-content-type-options: nosniff\r\n"
                                 "content-security-policy: default-src 'none'; sandbox\r\n"));
    if (x->framing == FRAMING_SSE)
        buf_append(fields, SLICE("cache-control: no-cache\r\nx-accel-buffering: no\r\n"));
    response_start(x->request, status, buf_peek(fields), length);
    x->relay.started = true;
    x->committed = true;
    x->http_status = status;
}

void relay_write(struct exchange *x, struct slice bytes)
{
    response_write(x->request, bytes);
    x->relay.sent_bytes += (int64_t)bytes.len;
}

/* Everything is out and recorded. */
enum verdict relay_done(struct exchange *x)
{
    struct http_request *r = x->request;

    x->request = NULL;
    response_end(r);
    return STAGE_NEXT;
}

void relay_decide(struct exchange *x)
{
    const struct attempt *at = &x->attempt;

    if (!slice_eq(at->candidate->model, x->asked_model))
        x->reply_model = edit_string(&x->arena, x->asked_model);
    if (x->target.operation == OP_FILES) {
        x->relay.mode = x->target.act == FILE_CONTENT ? RELAY_CONTENT : RELAY_FILE;
        return;
    }
    if (at->is_foreign && rewrite_find(x->target.operation)) {
        x->relay.mode = RELAY_REWRITTEN;
        return;
    }
    if (at->is_foreign) {
        x->relay.mode = RELAY_TRANSLATED;
        relay_translation_start(x);
        return;
    }
    if (at->is_sse)
        x->relay.mode = RELAY_EVENTS;
    else if (x->framing == FRAMING_ARRAY)
        x->relay.mode = RELAY_ITEMS;
    else
        x->relay.mode = RELAY_WHOLE;
    if ((x->relay.mode == RELAY_EVENTS) != (x->framing == FRAMING_SSE)) {
        /* Upstream framed it otherwise than it was asked: listen to what is there. */
        x->framing = at->is_sse                     ? FRAMING_SSE
                     : x->relay.mode == RELAY_ITEMS ? FRAMING_ARRAY
                                                    : FRAMING_BODY;
        settle_listen(x, x->target.dialect, x->target.operation, x->framing);
    }
}

/* ---- ends ---- */

void relay_write_error(struct exchange *x, struct buf *out)
{
    struct translation *t = x->relay.translation;
    struct chat_event ev = {.type = CHAT_ERROR};

    if (!t || t->ended) {
        error_write_stream(x->target.dialect, x->framing, &x->err,
                           slice_of(x->id, ID_TEXT_BYTES - 1), !x->relay.wrote_item, out);
        return;
    }
    ev.error.code = x->err.code;
    ev.error.message = slice_str(err_info_text(&x->err));
    t->out = out;
    translation_inject(t, &ev);
}

/* The answer broke off or took too long: the dialect's error event, or a cut connection. */
enum verdict relay_break(struct exchange *x, enum err code, const char *why)
{
    struct buf event = {0};

    if (!x->err.code)
        err_set(&x->err, code, "%s", why);
    x->outcome = code == ERR_UPSTREAM_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_UPSTREAM_CUT;
    if (!x->relay.started)
        return STAGE_FAIL;
    if (!settle_record(x))
        return STAGE_WAIT;
    if (x->framing != FRAMING_BODY) {
        relay_write_error(x, &event);
        relay_write(x, buf_peek(&event));
        buf_release(&event);
        return relay_done(x);
    }
    response_abort(x->request);
    x->request = NULL;
    return STAGE_NEXT;
}

/* What an upstream's status says to a client, where its body says nothing readable. */
static enum err err_of_status(int status, enum err otherwise)
{
    switch (status) {
    case 400:
    case 422: return ERR_BAD_REQUEST;
    case 404: return ERR_NOT_FOUND;
    case 408: return ERR_CLIENT_TIMEOUT;
    case 409: return ERR_CONFLICT;
    case 413: return ERR_TOO_LARGE;
    case 429: return ERR_RATE_LIMIT;
    default: return otherwise;
    }
}

static bool has_field(struct slice fields, struct slice name)
{
    while (fields.len) {
        struct slice line = slice_cut(fields, '\n', &fields);
        if (slice_starts_nocase(line, name))
            return true;
    }
    return false;
}

void relay_read_refusal(const struct exchange *x, struct err_info *e)
{
    const struct attempt *at = &x->attempt;
    struct slice body = at->first_error.len ? at->first_error : buf_peek(&x->relay.gathered);
    struct upstream_error said;
    struct buf clean = {0};

    error_read(at->dialect, at->first_error.len ? 200 : at->call.status, body, &said);
    scrub(slice_str(said.message), at->credential->api_key, &clean);
    err_set(e, said.kind, "%.*s", SLICE_ARG(buf_peek(&clean)));
    buf_release(&clean);
    e->retry_after_ms = said.retry_after_ms;
}

/* What it means is said anew, in its words. */
static int write_foreign_refusal(struct exchange *x, struct buf *out)
{
    struct attempt *at = &x->attempt;
    struct err_info e = {0};

    relay_read_refusal(x, &e);
    error_write_body(x->target.dialect, x->framing, &e, slice_of(x->id, ID_TEXT_BYTES - 1), out);
    at->content_type = SLICE("application/json");
    if (e.retry_after_ms && !has_field(at->fields, SLICE("retry-after:")))
        at->fields = arena_printf(&x->arena, "%.*sretry-after: %lld\r\n", SLICE_ARG(at->fields),
                                  (long long)((e.retry_after_ms + 999) / 1000));
    return error_status(x->target.dialect, e.code);
}

/*
 * The body of a refusal: upstream's own words without secrets, and its status; or ours in
 * their place, when it does not speak the dialect that it should.
 */
static int write_refusal(struct exchange *x, struct buf *out)
{
    struct attempt *at = &x->attempt;
    struct slice said = buf_peek(&x->relay.gathered);
    struct err_info e = {0};
    struct listener probe;
    struct heard h = {0};

    if (at->is_foreign)
        return write_foreign_refusal(x, out);
    listener_init(&probe, x->target.dialect, x->target.operation, FRAMING_BODY);
    if (said.len && x->framing == FRAMING_ARRAY)
        h.is_error = json_is_array(said);
    else if (said.len)
        h = listener_hear(&probe, (struct slice){0}, said);
    if (h.is_error && !h.is_broken) {
        scrub(said, at->credential->api_key, out);
        return at->call.status;
    }
    err_set(&e, err_of_status(at->call.status, at->err.code), "%s (HTTP %d from provider \"%.*s\")",
            err_text(at->err.code), at->call.status, SLICE_ARG(at->candidate->provider->name));
    error_write_body(x->target.dialect, x->framing, &e, slice_of(x->id, ID_TEXT_BYTES - 1), out);
    at->content_type = SLICE("application/json");
    return error_status(x->target.dialect, e.code);
}

enum verdict relay_error(struct exchange *x)
{
    struct buf body = {0};

    err_set(&x->err, x->attempt.err.code, "%s", err_text(x->attempt.err.code));
    if (x->outcome == OUTCOME_OK)
        x->outcome = OUTCOME_UPSTREAM_ERROR;
    x->http_status = write_refusal(x, &body);
    if (settle_record(x)) {
        relay_start(x, x->http_status, (int64_t)buf_len(&body));
        relay_write(x, buf_peek(&body));
    }
    buf_release(&body);
    return x->recorded ? relay_done(x) : STAGE_WAIT;
}

static enum verdict relay_local(struct exchange *x)
{
    if (x->local_is_recorded) {
        x->outcome = OUTCOME_OK;
        x->http_status = x->local_status;
        x->relay.sent_bytes = (int64_t)buf_len(&x->local);
        if (!settle_record(x))
            return STAGE_WAIT;
    }
    answer_send(x, x->local_status, x->local_type, buf_peek(&x->local));
    return STAGE_NEXT;
}

/* ---- the loop ---- */

/* The client has its last event: upstream's own end is worth a moment, no more. */
static enum verdict wait_for_end(struct exchange *x)
{
    int64_t now = x->gw->worker->now_ms;

    if (!x->relay.last_word_at_ms)
        x->relay.last_word_at_ms = now + RELAY_LAST_WORD_MS;
    if (now >= x->relay.last_word_at_ms)
        return relay_close(x);
    x->waiting_for = "upstream's last word";
    http_call_want(&x->attempt.call);
    exchange_wake_at(x, x->relay.last_word_at_ms);
    return STAGE_WAIT;
}

/* More is wanted from upstream, or room at the client's. */
static enum verdict wait(struct exchange *x, bool for_room)
{
    int64_t idle_ms = x->attempt.candidate->provider->timeouts.idle_ms;

    if (for_room) {
        x->waiting_for = "client to read";
        return STAGE_WAIT;
    }
    if (x->recorded)
        return wait_for_end(x);
    x->waiting_for = "upstream's answer";
    http_call_want(&x->attempt.call);
    if (!x->relay.idle_at_ms)
        x->relay.idle_at_ms = x->gw->worker->now_ms + idle_ms;
    else if (x->gw->worker->now_ms >= x->relay.idle_at_ms)
        return relay_break(x, ERR_UPSTREAM_TIMEOUT,
                           "the provider stopped in the middle of its answer");
    exchange_wake_at(x, x->relay.idle_at_ms);
    if (x->relay.translation)
        relay_translation_ping(x);
    return STAGE_WAIT;
}

static enum verdict feed(struct exchange *x, struct slice bytes)
{
    switch (x->relay.mode) {
    case RELAY_EVENTS: return relay_events(x, bytes);
    case RELAY_ITEMS: return relay_items(x, bytes);
    case RELAY_WHOLE: return relay_whole(x, bytes);
    case RELAY_FLOW: return relay_flow(x, bytes);
    case RELAY_TRANSLATED: return relay_translated(x, bytes);
    case RELAY_REWRITTEN: return relay_rewritten(x, bytes);
    case RELAY_FILE: return relay_file(x, bytes);
    case RELAY_CONTENT: return relay_content(x, bytes);
    case RELAY_UNDECIDED:
    case RELAY_ERROR: break;
    }
    return STAGE_FAIL;
}

/* Moves the answer along as far as both sides allow right now. */
enum verdict stage_relay(struct exchange *x)
{
    struct http_body *body = &x->attempt.call.body;
    enum verdict v = STAGE_AGAIN;

    if (x->local_status)
        return relay_local(x);
    if (x->relay.is_undoing)
        return relay_file_undo(x);
    if (x->relay.mode == RELAY_ERROR)
        return x->target.act == FILE_DELETE ? relay_file_gone(x) : relay_error(x);
    if (x->relay.mode == RELAY_UNDECIDED)
        relay_decide(x);
    while (v == STAGE_AGAIN) {
        struct slice bytes = {0};
        if (x->relay.is_pausing) {
            v = relay_resume(x);
            continue;
        }
        if (x->relay.saw_end && x->relay.translation)
            return relay_translated(x, bytes);
        if (x->relay.started && !response_has_room(x->request))
            return wait(x, true);
        if (x->err.code && !x->relay.saw_end) // a break that waits for room in the journal
            return relay_break(x, x->err.code, "");
        bytes = http_body_peek(body);
        if (x->relay.primed)
            x->relay.primed = false; // there is something to pass on already
        else if (x->relay.saw_end && !x->recorded)
            bytes.len = 0; // the end is here and waits for room in the journal
        else if (bytes.len)
            x->relay.idle_at_ms = x->relay.ping_at_ms = 0;
        else if (http_body_broken(body) && x->recorded)
            return relay_close(x);
        else if (http_body_broken(body))
            return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's answer broke off");
        else if (!http_body_ended(body))
            return wait(x, false);
        v = feed(x, bytes);
    }
    return v;
}
