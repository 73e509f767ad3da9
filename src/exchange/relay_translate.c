/* relay_translate.c - answers that go on in another dialect, event by event or whole. */
#include "chat/error.h"
#include "chat/usage_read.h"
#include "exchange/foreign.h"
#include "exchange/relay.h"
#include "exchange/remember.h"
#include "exchange/scrub.h"
#include "exchange/stages.h"

#define PING_MS 15000 // of silence, then the client is shown that we live

/* ---- what is heard on the way ---- */

/* Anthropic's figures have its searches; those that failed among them cost nothing. */
static void hear_open(struct exchange *x, const struct chat_event *ev)
{
    struct listener *l = &x->listener;

    if (ev->open.kind == PART_IMAGE)
        x->relay.picture = ev->index + 1;
    if (ev->open.kind != PART_SEARCH || l->dialect == DIALECT_ANTHROPIC)
        return;
    l->searches++;
    if (l->dialect == DIALECT_GEMINI)
        l->searches = usage_gemini_searches(x->attempt.candidate->model, l->searches);
}

static void hear_delta(struct exchange *x, const struct chat_event *ev)
{
    if (ev->index + 1 != x->relay.picture)
        listener_hear_text(&x->listener, ev->delta.text.s, ev->delta.text.escaped);
}

/* The meter: usage, finish and how much was made. */
static void hear(void *ctx, const struct chat_event *ev)
{
    struct exchange *x = ctx;
    struct listener *l = &x->listener;

    remember_event(x, ev);
    switch (ev->type) {
    case CHAT_OPEN: hear_open(x, ev); break;
    case CHAT_DELTA: hear_delta(x, ev); break;
    case CHAT_USAGE:
        l->usage = ev->usage.usage;
        l->source = ev->usage.source;
        l->tier = ev->usage.served;
        break;
    case CHAT_FINISH: l->finished = true; break;
    case CHAT_END: l->terminal = true; break;
    case CHAT_ERROR: l->failed = true; break;
    case CHAT_START:
    case CHAT_CLOSE:
    case CHAT_CITE:
    case CHAT_PING: break;
    }
    if (l->usage.tokens[USAGE_SERVER_TOOLS] < l->searches)
        l->usage.tokens[USAGE_SERVER_TOOLS] = l->searches;
}

static void scrub_message(void *ctx, struct slice message, struct buf *out)
{
    const struct exchange *x = ctx;
    scrub(message, x->attempt.credential->api_key, out);
}

void relay_translation_start(struct exchange *x)
{
    const struct attempt *at = &x->attempt;
    struct slice id = slice_of(x->id, ID_TEXT_BYTES - 1);
    struct translation_options o = {
        .client = x->target.dialect,
        .upstream = at->dialect,
        .decode = {.now_unix = x->gw->worker->now_unix_ms / 1000,
                   .id = id,
                   .upstream_model = at->candidate->model},
        .encode = {.request = at->asked,
                   .framing = x->framing,
                   .id = id,
                   .model = x->asked_model,
                   .now_unix = x->gw->worker->now_unix_ms / 1000,
                   .seal = foreign_seal(x),
                   .limit_bytes = (size_t)x->snapshot->limits.max_translated_answer_bytes},
        .tap = {hear,                                      x},
        .scrub = scrub_message,
        .scrub_ctx = x,
    };

    x->relay.translation = arena_new(&x->arena, struct translation);
    translation_init(x->relay.translation, &o);
}

/* ---- what goes out ---- */

/* The head goes with the first bytes, so that what breaks before them is still an HTTP error. */
static void start(struct exchange *x, int64_t length)
{
    struct attempt *at = &x->attempt;

    if (x->relay.started)
        return;
    at->content_type =
        x->framing == FRAMING_SSE ? SLICE("text/event-stream") : SLICE("application/json");
    relay_start(x, 200, length);
}

static void write_held(struct exchange *x)
{
    relay_write(x, buf_peek(&x->relay.held));
    buf_clear(&x->relay.held);
    x->relay.wrote_item = true;
}

/* ERROR came: as an HTTP error where the client has seen nothing, else in-band, recorded first. */
static enum verdict end_broken(struct exchange *x)
{
    if (!x->err.code)
        x->err = x->relay.translation->error;
    /* What was made is paid for, also where nothing of it could be told yet: half a call, say. */
    x->outcome = x->relay.started || x->listener.output_bytes ? OUTCOME_UPSTREAM_CUT
                                                              : OUTCOME_UPSTREAM_ERROR;
    if (!x->relay.started)
        return STAGE_FAIL;
    if (!settle_record(x))
        return STAGE_WAIT;
    if (x->relay.translation->too_large)
        error_write_stream(x->target.dialect, x->framing, &x->err,
                           slice_of(x->id, ID_TEXT_BYTES - 1), !x->relay.wrote_item,
                           &x->relay.held);
    write_held(x);
    return relay_done(x);
}

bool relay_take_rest(struct exchange *x)
{
    struct http_body *body = &x->attempt.call.body;
    int64_t now = x->gw->worker->now_ms;
    struct slice rest;

    if (!x->relay.last_word_at_ms)
        x->relay.last_word_at_ms = now + RELAY_LAST_WORD_MS;
    while ((rest = http_body_peek(body)).len)
        http_body_consume(body, rest.len);
    if (http_body_ended(body) || http_body_broken(body) || now >= x->relay.last_word_at_ms) {
        x->relay.last_word_at_ms = 0;
        return true;
    }
    http_call_want(&x->attempt.call);
    exchange_wake_at(x, x->relay.last_word_at_ms);
    x->waiting_for = "upstream's last word";
    return false;
}

/* END came: the record, then the last bytes, then upstream's own end, so that it is used again. */
static enum verdict end_well(struct exchange *x)
{
    int64_t length = (int64_t)buf_len(&x->relay.held);

    x->outcome = OUTCOME_OK;
    if (!x->recorded) {
        remember_response(x, buf_peek(&x->relay.held));
        x->http_status = 200;
        x->relay.sent_bytes += length; // for the record
        settle_record(x);
        x->relay.sent_bytes -= length;
        if (!x->recorded)
            return STAGE_WAIT;
        start(x, x->framing == FRAMING_BODY ? length : -1);
        write_held(x);
    }
    return relay_take_rest(x) ? relay_done(x) : STAGE_WAIT;
}

static enum verdict go_on(struct exchange *x)
{
    const struct translation *t = x->relay.translation;

    if (t->ended) {
        x->relay.saw_end = true;
        return t->error.code ? end_broken(x) : end_well(x);
    }
    if (buf_len(&x->relay.held) && x->framing != FRAMING_BODY) {
        start(x, -1);
        write_held(x);
    }
    x->relay.is_pausing = translation_is_paused(t);
    return STAGE_AGAIN;
}

/* ---- what comes in ---- */

/* False: an event is too large. */
static bool feed_events(struct exchange *x, struct slice bytes)
{
    struct translation *t = x->relay.translation;
    struct slice unread;
    struct sse_event ev;
    enum sse_result r = SSE_MORE;
    bool gathered;

    unread = relay_unread(x, bytes, &gathered);
    while (!t->ended && (r = sse_next(&x->relay.sse, unread, &ev)) == SSE_EVENT) {
        if (ev.has_data)
            translation_feed(t, ev.name, ev.data);
        unread = slice_after(unread, ev.raw.len);
    }
    relay_keep(x, unread, gathered, bytes.len);
    return r != SSE_TOO_LARGE || t->ended;
}

/* A last event without its empty line counts: its data was all there. */
static void feed_unfinished(struct exchange *x)
{
    struct buf *rest = &x->relay.gathered;
    struct sse_event ev;

    if (!buf_len(rest))
        return;
    buf_append(rest, SLICE("\n\n"));
    sse_cutter_release(&x->relay.sse);
    x->relay.sse = (struct sse_cutter){0};
    if (sse_next(&x->relay.sse, buf_peek(rest), &ev) == SSE_EVENT && ev.has_data)
        translation_feed(x->relay.translation, ev.name, ev.data);
    buf_clear(rest);
}

static void feed_end(struct exchange *x)
{
    if (x->attempt.is_sse) {
        feed_unfinished(x);
        translation_end(x->relay.translation);
    } else {
        translation_whole(x->relay.translation, buf_peek(&x->relay.gathered));
    }
}

bool relay_gather_more(struct exchange *x, struct slice bytes)
{
    size_t limit = (size_t)x->snapshot->limits.max_translated_answer_bytes;

    if (buf_len(&x->relay.gathered) + bytes.len > limit)
        return false;
    buf_append(&x->relay.gathered, bytes);
    http_body_consume(&x->attempt.call.body, bytes.len);
    return true;
}

enum verdict relay_gather(struct exchange *x, struct slice bytes)
{
    if (relay_gather_more(x, bytes))
        return STAGE_AGAIN;
    return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's answer is too large to translate");
}

enum verdict relay_translated(struct exchange *x, struct slice bytes)
{
    struct translation *t = x->relay.translation;
    enum verdict v;

    t->out = &x->relay.held;
    if (x->relay.saw_end)
        return go_on(x);
    if (!x->attempt.is_sse && bytes.len)
        return relay_gather(x, bytes);
    if (x->attempt.is_sse && (bytes.len || buf_len(&x->relay.gathered))) {
        if (!feed_events(x, bytes))
            return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider sent too large an event");
        v = go_on(x);
        if (v != STAGE_AGAIN || t->ended || bytes.len)
            return v;
    }
    if (!http_body_ended(&x->attempt.call.body))
        return STAGE_AGAIN; // what had been looked at is fed
    feed_end(x);
    return go_on(x);
}

bool relay_translated_hear(struct exchange *x, struct slice bytes)
{
    struct translation *t = x->relay.translation;
    bool is_good = true, is_over;

    t->out = &x->relay.held; // which nobody reads
    if (x->attempt.is_sse)
        is_good = feed_events(x, bytes);
    else if (bytes.len)
        is_good = relay_gather_more(x, bytes);
    is_over = t->ended || translation_is_paused(t);
    if (is_good && !is_over && !bytes.len && http_body_ended(&x->attempt.call.body))
        feed_end(x);
    if (x->framing != FRAMING_BODY)
        buf_clear(&x->relay.held);
    if (t->started)
        x->attempt.state = ATTEMPT_ANSWERED; // if it had not been: it is not looked at any more
    x->relay.saw_end = t->ended || translation_is_paused(t);
    return is_good;
}

void relay_translation_ping(struct exchange *x)
{
    struct relay *r = &x->relay;
    struct chat_event ping = {.type = CHAT_PING};
    int64_t now = x->gw->worker->now_ms;

    if (!r->started || r->saw_end || x->framing == FRAMING_BODY)
        return;
    if (r->ping_at_ms && now >= r->ping_at_ms) {
        r->translation->out = &r->held;
        translation_inject(r->translation, &ping);
        if (buf_len(&r->held))
            write_held(x);
        r->ping_at_ms = 0;
    }
    if (!r->ping_at_ms)
        r->ping_at_ms = now + PING_MS;
    exchange_wake_at(x, r->ping_at_ms < r->idle_at_ms ? r->ping_at_ms : r->idle_at_ms);
}
