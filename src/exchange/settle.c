/* settle.c - accounting: the record before the end, the log line after. */
#include "exchange/settle.h"

#include "base/log.h"
#include "chat/estimate.h"
#include "exchange/admit.h"
#include "exchange/foreign.h"
#include "exchange/stages.h"
#include "wire/redact.h"

#define JOURNAL_RETRY_MS 50
#define SAFE_PATIENCE_MS 10000 // a disk that takes longer is told to the client

static int64_t since(const struct exchange *x, int64_t at_ms)
{
    return at_ms ? at_ms - x->began_at_ms : -1;
}

static void fill_names(const struct exchange *x, struct usage_record *r)
{
    const struct candidate *c = x->attempt.candidate;

    if (!c && x->route && x->route->count)
        c = &x->route->candidates[0];
    if (x->key) {
        r->user_id = x->key->user->id;
        r->user = x->key->user->name;
        r->key_id = x->key->id;
        r->key_label = x->key->label;
    }
    if (c) {
        r->provider_id = c->provider->id;
        r->provider = c->provider->name;
        r->model = c->model;
    }
    if (x->attempt.credential)
        r->credential_id = x->attempt.credential->id;
    if (x->route && x->route->alias)
        r->alias = x->route->alias->name;
    r->asked_model = x->asked_model;
    r->client_request_id = x->client_request_id;
}

bool settle_is_free(const struct exchange *x)
{
    return x->target.operation == OP_COUNT_TOKENS || x->target.operation == OP_FILES;
}

bool settle_is_unknown(const struct exchange *x)
{
    const struct attempt *at = &x->attempt;
    bool waits = at->state == ATTEMPT_CALLING || at->state == ATTEMPT_LOOKING ||
                 (at->state == ATTEMPT_FAILED && at->err.code == ERR_UPSTREAM_TIMEOUT);
    bool given_up = x->outcome == OUTCOME_CLIENT_ABORT || x->outcome == OUTCOME_TIMEOUT ||
                    x->outcome == OUTCOME_SHUTDOWN;

    return x->snapshot->limits.on_unknown == ON_UNKNOWN_CHARGE_ESTIMATE && given_up && waits &&
           at->call.connected_at_ms && at->call.status < 300 && x->listener.source == USAGE_NONE &&
           !settle_is_free(x);
}

/* An echo has no price of its own, but may be given one, to try prices with. */
static void fill_cost(const struct exchange *x, struct usage_record *r)
{
    const struct candidate *c = x->attempt.candidate;
    const struct price *price = c ? c->price : NULL;
    struct price_use use = {
        .usage = &r->usage, .tier = x->listener.tier, .at_unix_ms = x->began_unix_ms};

    r->usage = x->listener.usage;
    r->source = x->listener.source;
    r->tier = x->listener.tier;
    r->priced = price || settle_is_free(x) || (c && c->provider->channel->answer);
    if (!price || settle_is_free(x) || r->outcome == OUTCOME_UPSTREAM_ERROR)
        return;
    r->price_id = price_id(price);
    r->cost_nusd = price_cost(price, &use);
    if (settle_is_unknown(x)) {
        r->source = USAGE_ESTIMATED;
        r->cost_nusd = x->reservation.cost_nusd;
    }
}

static void fill(const struct exchange *x, struct usage_record *r)
{
    int64_t now = x->gw->worker->now_ms;

    *r = (struct usage_record){
        .started_unix_ms = x->began_unix_ms,
        .operation = x->target.operation,
        .dialect = x->target.dialect,
        .upstream_dialect = x->attempt.candidate ? x->attempt.dialect : x->target.dialect,
        .outcome = x->outcome,
        .http_status = x->http_status,
        .upstream_status = x->attempt.call.status,
        .stream = x->stream,
        .attempts = x->attempts,
        .err = x->err.code,
        .connect_ms = since(x, x->connected_at_ms),
        .first_byte_ms = since(x, x->first_byte_at_ms),
        .total_ms = now - x->began_at_ms,
        .request_bytes = (int64_t)x->body.len,
        .response_bytes = x->relay.sent_bytes,
    };
    memcpy(r->id, x->id, sizeof(r->id));
    fill_names(x, r);
    fill_cost(x, r);
}

void settle_fill_intent(const struct exchange *x, struct usage_record *r)
{
    const struct candidate *c = &x->route->candidates[0];

    fill(x, r);
    r->outcome = OUTCOME_UNKNOWN;
    r->cost_nusd = x->reserved_nusd;
    r->priced = c->price != NULL;
    r->price_id = c->price ? price_id(c->price) : 0;
}

void settle_listen(struct exchange *x, enum dialect d, enum operation op, enum framing framing)
{
    listener_init(&x->listener, d, op, framing);
    x->listener.sample.arena = &x->arena;
}

static int64_t input_of(struct exchange *x)
{
    const struct chat_request *asked = x->attempt.asked;
    struct slice body = x->expanded_body.len ? x->expanded_body : x->body;
    struct slice model = x->attempt.candidate->model;

    if (asked && !list_is_empty(&asked->turns) && body.len <= ESTIMATE_WHOLE_BYTES)
        return estimate_request(asked, model);
    return estimate_input(x->target.dialect, x->target.operation, body, model, foreign_seal(x),
                          &x->arena);
}

void settle_estimate(struct exchange *x)
{
    struct listener *l = &x->listener;
    int64_t input = listener_wants_input(l) ? input_of(x) : 0;

    if (x->relay.mode == RELAY_FLOW)
        l->flowed_bytes = (int64_t)x->relay.flowed;
    listener_estimate(l, x->attempt.candidate->model, input);
}

/* An answer that was cut has no final figures: what was seen counts. */
static void settle_usage(struct exchange *x)
{
    if (x->local_is_recorded || settle_is_free(x))
        return;
    if (x->outcome == OUTCOME_OK && x->listener.source == USAGE_UPSTREAM)
        return;
    if (x->attempt.state == ATTEMPT_ANSWERED)
        settle_estimate(x);
}

static void count(struct exchange *x, const struct usage_record *r)
{
    struct stats *s = &x->gw->stats;

    stats_add(&s->outcomes[r->outcome], 1);
    for (size_t i = 0; i < USAGE_KIND_COUNT; i++) {
        if (r->usage.tokens[i])
            stats_add(&s->tokens[i], (uint64_t)r->usage.tokens[i]);
    }
    stats_add(&s->cost_nusd, (uint64_t)r->cost_nusd);
    if (!r->priced)
        stats_add(&s->unpriced, 1);
}

/* The operator would rather answer than know: all that is left of it is that it was. */
static bool go_unaccounted(struct exchange *x)
{
    if (!x->may_go_unaccounted)
        return false;
    if (x->slot != JOURNAL_NO_SLOT)
        journal_cancel(x->gw->journal, x->slot);
    stats_add(&x->gw->stats.unaccounted, 1);
    return true;
}

/* Once, if at all; false: the journal has no room. */
static bool write_record(struct exchange *x)
{
    struct usage_record r;
    bool is_there;

    if (x->is_written)
        return true;
    worker_update_now(x->gw->worker);
    settle_usage(x);
    fill(x, &r);
    is_there = journal_settle(x->gw->journal, x->slot, &r);
    if (!is_there && !go_unaccounted(x)) {
        x->waiting_for = "room in the ledger";
        exchange_wake_at(x, x->gw->worker->now_ms + JOURNAL_RETRY_MS);
        return false;
    }
    x->slot = JOURNAL_NO_SLOT;
    x->is_written = true;
    x->deadline_at_ms = 0; // the answer is here, or never will be
    admit_settle(x, &r);
    count(x, &r);
    if (is_there)
        journal_wait_begin(x->gw->journal, &x->safety, &x->task);
    x->give_up_at_ms = x->gw->worker->now_ms + SAFE_PATIENCE_MS;
    return true;
}

bool settle_record(struct exchange *x)
{
    if (x->recorded)
        return true;
    if (x->is_written)
        settle_usage(x); // the answer may have been heard anew meanwhile
    else if (!write_record(x))
        return false;
    x->recorded = journal_wait_is_over(x->gw->journal, &x->safety);
    if (!x->recorded) {
        x->waiting_for = "its record to be on the disk";
        exchange_wake_at(x, x->give_up_at_ms);
    }
    return x->recorded;
}

bool settle_is_pending(const struct exchange *x)
{
    return x->is_written && !x->recorded && x->request && !x->request->gone && !x->gw->is_cut &&
           x->gw->worker->now_ms < x->give_up_at_ms &&
           !journal_wait_is_over(x->gw->journal, &x->safety);
}

/* A name in a request may be anything, a key that was put in the wrong place too. */
static void put_redacted(const struct exchange *x, struct log_line *l, const char *name,
                         struct slice text)
{
    struct buf *clean = &x->gw->scratch;

    buf_clear(clean);
    redact_text(text, (struct redact_own){NULL, 0}, clean);
    log_line_text(l, name, buf_peek(clean));
}

static void write_log_line(const struct exchange *x)
{
    const struct candidate *c = x->attempt.candidate;
    const int64_t *tokens = x->listener.usage.tokens;
    bool suffered =
        x->err.code && x->err.code != ERR_CLIENT_GONE && err_http_status(x->err.code) >= 500;
    struct log_line l;

    if (!log_line_begin(&l, suffered ? LOG_WARN : LOG_INFO, x->id, "exchange"))
        return;
    log_line_text(&l, "dialect", slice_str(dialect_name(x->target.dialect)));
    log_line_text(&l, "op", slice_str(operation_name(x->target.operation)));
    log_line_int(&l, "status", x->http_status);
    if (x->err.code) {
        log_line_text(&l, "err", slice_str(err_name(x->err.code)));
        put_redacted(x, &l, "why", slice_str(err_info_text(&x->err)));
    }
    if (x->key)
        log_line_text(&l, "user", x->key->user->name);
    if (c)
        log_line_text(&l, "provider", c->provider->name);
    if (x->asked_model.len)
        put_redacted(x, &l, "model", slice_sub(x->asked_model, 0, 128));
    log_line_int(&l, "stream", x->stream);
    log_line_int(&l, "attempts", x->attempts);
    log_line_int(&l, "in", tokens[USAGE_INPUT]);
    log_line_int(&l, "out", tokens[USAGE_OUTPUT]);
    log_line_int(&l, "bytes_in", (int64_t)x->body.len);
    log_line_int(&l, "bytes_out", x->relay.sent_bytes);
    log_line_int(&l, "first_byte_ms", since(x, x->first_byte_at_ms));
    log_line_int(&l, "total_ms", x->gw->worker->now_ms - x->began_at_ms);
    log_line_end(&l);
}

/*
 * Whatever happened: an exchange that reached an upstream has its record.  Where the journal
 * is full it stays until there is room, although its client was told and is gone, and holds
 * nobody's limits meanwhile; at the end of the process the slot stands and will say "unknown".
 * It is never lost silently.
 */
enum verdict stage_settle(struct exchange *x)
{
    struct stats *s = &x->gw->stats;
    struct usage_record r;

    attempt_release(x);
    if (x->attempts && !write_record(x)) {
        fill(x, &r);
        admit_settle(x, &r);
        if (!x->gw->is_cut)
            return STAGE_WAIT;
        log_event(LOG_ERROR, x->id, "ledger.full", "outcome=%s", outcome_name(x->outcome));
    }
    admit_release(x); // of what no upstream was asked for
    if (!x->is_written && x->slot != JOURNAL_NO_SLOT && !x->attempts)
        journal_cancel(x->gw->journal, x->slot);
    if (x->err.code)
        stats_add(&s->errors[x->err.code], 1);
    histogram_add(&s->duration, x->gw->worker->now_ms - x->began_at_ms);
    if (x->first_byte_at_ms)
        histogram_add(&s->first_byte, x->first_byte_at_ms - x->began_at_ms);
    write_log_line(x);
    return STAGE_NEXT;
}
