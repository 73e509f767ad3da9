/* relay_stream.c - streams pass in whole events, unchanged, while the listener hears them. */
#include "exchange/relay.h"
#include "exchange/scrub.h"
#include "exchange/stages.h"

/*
 * Events stand in `unread`, which is upstream's own buffer or, when one was cut by a
 * read, the gathered bytes.  Neighbours that need no edit leave in one write: `run`
 * is where the unwritten ones begin.
 */
struct passage {
    struct exchange *x;
    struct slice unread;
    const char *run;
};

static void write_run(struct passage *p, const char *up_to)
{
    if (up_to > p->run)
        relay_write(p->x, slice_of(p->run, (size_t)(up_to - p->run)));
    p->run = up_to;
}

/* The reply names the model as the client did. */
static void write_renamed(struct passage *p, struct slice model, const char *end)
{
    write_run(p, model.ptr);
    relay_write(p->x, p->x->reply_model);
    p->run = model.ptr + model.len;
    write_run(p, end);
}

/* An error may speak of the operator's account. */
static void write_scrubbed(struct exchange *x, struct slice text)
{
    struct buf clean = {0};

    scrub(text, x->attempt.credential->api_key, &clean);
    relay_write(x, buf_peek(&clean));
    buf_release(&clean);
}

static bool is_inside(struct slice part, struct slice whole)
{
    return part.len && part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void note_error(struct exchange *x)
{
    err_set(&x->err, ERR_UPSTREAM_FAILED, "the provider ended its answer with an error");
}

static void write_error(struct passage *p, struct slice raw, struct slice model)
{
    struct exchange *x = p->x;
    struct slice rest = raw;

    if (x->reply_model.len && is_inside(model, raw)) {
        write_scrubbed(x, slice_sub(raw, 0, (size_t)(model.ptr - raw.ptr)));
        relay_write(x, x->reply_model);
        rest = slice_after(raw, (size_t)(model.ptr + model.len - raw.ptr));
    }
    write_scrubbed(x, rest);
    p->run = raw.ptr + raw.len;
}

/* The stream's end is here. */
static bool record_end(struct exchange *x)
{
    x->relay.saw_end = true;
    x->outcome = x->err.code ? OUTCOME_UPSTREAM_CUT : OUTCOME_OK;
    return settle_record(x);
}

/* Passes one unit on; false: the rest must wait until the end is recorded. */
static bool pass(struct passage *p, struct slice raw, struct heard h)
{
    struct exchange *x = p->x;
    const char *end = raw.ptr + raw.len;

    if (h.is_error)
        note_error(x);
    if (h.is_terminal || h.is_error) {
        write_run(p, raw.ptr);
        if (!record_end(x))
            return false;
    }
    if (h.is_error) {
        write_error(p, raw, h.model);
    } else if (h.is_usage_only && x->relay.withhold_usage) {
        write_run(p, raw.ptr);
        p->run = end;
    } else if (x->reply_model.len && is_inside(h.model, raw)) {
        write_renamed(p, h.model, end);
    }
    return true;
}

void relay_keep(struct exchange *x, struct slice unread, bool gathered, size_t fresh_len)
{
    if (gathered) {
        buf_consume(&x->relay.gathered, buf_len(&x->relay.gathered) - unread.len);
    } else {
        if (unread.len)
            buf_append(&x->relay.gathered, unread);
        http_body_consume(&x->attempt.call.body, fresh_len);
    }
}

struct slice relay_unread(struct exchange *x, struct slice bytes, bool *gathered)
{
    *gathered = buf_len(&x->relay.gathered) > 0;
    if (!*gathered)
        return bytes;
    buf_append(&x->relay.gathered, bytes);
    http_body_consume(&x->attempt.call.body, bytes.len);
    return buf_peek(&x->relay.gathered);
}

static struct passage open_passage(struct exchange *x, struct slice bytes, bool *gathered)
{
    struct passage p = {.x = x, .unread = relay_unread(x, bytes, gathered)};

    p.run = p.unread.ptr;
    return p;
}

/* What has waited for its record, an error too. */
static void write_last(struct exchange *x, struct slice text)
{
    if (x->err.code)
        write_scrubbed(x, text);
    else
        relay_write(x, text);
}

enum verdict relay_close(struct exchange *x)
{
    if (x->relay.translation) // has written its own end; what is gathered is upstream's
        return relay_done(x);
    write_last(x, buf_peek(&x->relay.held));
    if (x->relay.mode == RELAY_ITEMS && !json_cut_closed(&x->relay.cut))
        relay_write(x, SLICE("]")); // the provider's error was its last word
    write_last(x, buf_peek(&x->relay.gathered));
    buf_clear(&x->relay.gathered);
    return relay_done(x);
}

/* The stream is over.  In order: the dialect's last event has passed, or a finish was heard. */
static enum verdict finish(struct exchange *x)
{
    if (x->relay.mode == RELAY_ITEMS && !json_cut_closed(&x->relay.cut) && !x->err.code)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's stream ended early");
    if (!x->relay.saw_end && !x->listener.finished && !x->listener.terminal)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's stream ended early");
    return record_end(x) ? relay_close(x) : STAGE_WAIT;
}

/* A last event without its empty line still counts for us; clients see its bytes as they came. */
static void hear_unfinished(struct exchange *x)
{
    struct buf *rest = &x->relay.gathered;
    size_t len = buf_len(rest);
    struct sse_event ev;

    if (!len)
        return;
    buf_append(rest, SLICE("\n\n"));
    sse_cutter_release(&x->relay.sse);
    x->relay.sse = (struct sse_cutter){0};
    if (sse_next(&x->relay.sse, buf_peek(rest), &ev) == SSE_EVENT && ev.has_data &&
        listener_hear(&x->listener, ev.name, ev.data).is_error)
        note_error(x);
    rest->end -= 2;
}

/* The stream's last event is here, and was not passed on. */
static bool awaits_record(const struct exchange *x)
{
    return x->relay.saw_end && !x->recorded && buf_len(&x->relay.gathered);
}

enum verdict relay_events(struct exchange *x, struct slice bytes)
{
    struct passage p;
    struct sse_event ev;
    enum sse_result r;
    bool gathered, go_on = true;

    if (!x->relay.started) {
        relay_start(x, x->attempt.call.status, -1);
    } else if (awaits_record(x)) {
        if (!record_end(x))
            return STAGE_WAIT;
    } else if (!bytes.len) {
        if (!x->relay.saw_end)
            hear_unfinished(x);
        return finish(x);
    }
    p = open_passage(x, bytes, &gathered);
    while (go_on && (r = sse_next(&x->relay.sse, p.unread, &ev)) == SSE_EVENT) {
        struct heard h = {0};
        if (ev.has_data)
            h = listener_hear(&x->listener, ev.name, ev.data);
        go_on = pass(&p, ev.raw, h);
        if (go_on)
            p.unread = slice_after(p.unread, ev.raw.len);
    }
    write_run(&p, p.unread.ptr);
    relay_keep(x, p.unread, gathered, bytes.len);
    if (!go_on)
        return STAGE_WAIT; // what is gathered is cut once more, once the record is safe
    if (r == SSE_TOO_LARGE)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider sent too large an event");
    return STAGE_AGAIN;
}

/*
 * Brackets and commas go with the element behind them, so that an error can still take
 * the place of the next one; they wait in `held`.
 */
enum verdict relay_items(struct exchange *x, struct slice bytes)
{
    struct passage p;
    struct slice item;
    enum json_cut_result r;
    size_t consumed = 0;
    bool gathered;

    if (!x->relay.started) {
        relay_start(x, x->attempt.call.status, -1);
    } else if (awaits_record(x)) {
        if (!record_end(x))
            return STAGE_WAIT;
    } else if (!bytes.len) {
        return finish(x);
    }
    p = open_passage(x, bytes, &gathered);
    for (;;) {
        struct json_cut before = x->relay.cut;
        struct heard h;

        r = json_cut_next(&x->relay.cut, p.unread, &consumed, &item);
        if (r != JSON_CUT_ELEMENT)
            break;
        h = listener_hear(&x->listener, (struct slice){0}, item);
        relay_write(x, buf_peek(&x->relay.held));
        buf_clear(&x->relay.held);
        if (!pass(&p, slice_sub(p.unread, 0, consumed), h)) {
            x->relay.cut = before;
            relay_keep(x, p.unread, gathered, bytes.len);
            return STAGE_WAIT; // it is cut once more, once the record is safe
        }
        x->relay.wrote_item = true;
        p.unread = slice_after(p.unread, consumed);
    }
    write_run(&p, p.unread.ptr);
    if (r == JSON_CUT_BROKEN)
        return relay_break(x, ERR_UPSTREAM_BROKEN, "the provider's array is not valid");
    buf_append(&x->relay.held, slice_sub(p.unread, 0, consumed));
    p.unread = slice_after(p.unread, consumed);
    x->relay.saw_end = x->relay.saw_end || r == JSON_CUT_CLOSED;
    relay_keep(x, p.unread, gathered, bytes.len);
    return STAGE_AGAIN;
}

/* ---- only listened to ---- */

static void hear(struct exchange *x, struct slice event, struct slice payload)
{
    struct heard h = listener_hear(&x->listener, event, payload);

    x->relay.saw_end = h.is_terminal || h.is_error;
    x->attempt.state = ATTEMPT_ANSWERED; // if it had not been: it is not looked at any more
}

bool relay_events_hear(struct exchange *x, struct slice bytes)
{
    bool gathered;
    struct slice unread = relay_unread(x, bytes, &gathered);
    struct sse_event ev;
    enum sse_result r = SSE_MORE;

    while (!x->relay.saw_end && (r = sse_next(&x->relay.sse, unread, &ev)) == SSE_EVENT) {
        if (ev.has_data)
            hear(x, ev.name, ev.data);
        unread = slice_after(unread, ev.raw.len);
    }
    relay_keep(x, unread, gathered, bytes.len);
    if (!bytes.len && !x->relay.saw_end && http_body_ended(&x->attempt.call.body))
        hear_unfinished(x);
    return r != SSE_TOO_LARGE;
}

bool relay_items_hear(struct exchange *x, struct slice bytes)
{
    bool gathered;
    struct slice unread = relay_unread(x, bytes, &gathered), item;
    enum json_cut_result r = JSON_CUT_ELEMENT;
    size_t consumed;

    while (!x->relay.saw_end && r == JSON_CUT_ELEMENT) {
        r = json_cut_next(&x->relay.cut, unread, &consumed, &item);
        if (r == JSON_CUT_ELEMENT)
            hear(x, (struct slice){0}, item);
        unread = slice_after(unread, consumed);
    }
    relay_keep(x, unread, gathered, bytes.len);
    x->relay.saw_end = x->relay.saw_end || r == JSON_CUT_CLOSED;
    return r != JSON_CUT_BROKEN;
}
