/* settle.c - accounting: the intent before, the record before the end, the log line after. */
#include "base/log.h"
#include "exchange/stages.h"

#define JOURNAL_RETRY_MS 50

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

static void fill_cost(const struct exchange *x, struct usage_record *r)
{
    const struct candidate *c = x->attempt.candidate;
    const struct price *price = c && c->row ? c->row->price : NULL;

    r->usage = x->listener.usage;
    r->source = x->listener.source;
    r->priced = price != NULL;
    if (price && r->outcome != OUTCOME_UPSTREAM_ERROR)
        r->cost_nusd = price_cost(price, &r->usage);
}

static void fill(const struct exchange *x, struct usage_record *r)
{
    int64_t now = x->gw->worker->now_ms;

    *r = (struct usage_record){
        .started_unix_ms = x->began_unix_ms,
        .operation = x->target.operation,
        .dialect = x->target.dialect,
        .upstream_dialect = x->target.dialect,
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

enum verdict stage_admit(struct exchange *x)
{
    struct usage_record intent;
    const struct candidate *c;

    if (x->local_status)
        return STAGE_NEXT;
    if (!journal_has_room(x->gw->journal))
        return exchange_fail(x, ERR_LEDGER_FULL,
                             "the usage ledger is full: its database has been away too long");
    c = &x->route->candidates[0];
    if (c->provider->channel->answer)
        return STAGE_NEXT; // nothing can be billed before its record is written
    fill(x, &intent);
    intent.outcome = OUTCOME_UNKNOWN;
    x->slot = journal_intent(x->gw->journal, &intent);
    if (x->slot == JOURNAL_NO_SLOT)
        return exchange_fail(x, ERR_LEDGER_FULL, "too many exchanges are in flight for the ledger");
    return STAGE_NEXT;
}

/* An answer that was cut has no final figures: what was seen counts. */
static void settle_usage(struct exchange *x)
{
    if (x->local_is_recorded || x->target.operation == OP_COUNT_TOKENS)
        return;
    if (x->outcome == OUTCOME_OK && x->listener.source == USAGE_UPSTREAM)
        return;
    if (x->attempt.state == ATTEMPT_ANSWERED)
        listener_estimate(&x->listener, (int64_t)x->body.len);
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

bool settle_record(struct exchange *x)
{
    struct usage_record r;

    if (x->recorded)
        return true;
    worker_update_now(x->gw->worker);
    settle_usage(x);
    fill(x, &r);
    if (!journal_settle(x->gw->journal, x->slot, &r)) {
        x->waiting_for = "room in the ledger";
        exchange_wake_at(x, x->gw->worker->now_ms + JOURNAL_RETRY_MS);
        return false;
    }
    x->slot = JOURNAL_NO_SLOT;
    x->recorded = true;
    count(x, &r);
    return true;
}

static void log_line(const struct exchange *x)
{
    const struct candidate *c = x->attempt.candidate;
    const int64_t *tokens = x->listener.usage.tokens;
    struct slice user = x->key ? x->key->user->name : (struct slice){0};
    struct slice provider = c ? c->provider->name : (struct slice){0};
    bool suffered = x->err.code && x->err.code != ERR_CLIENT_GONE &&
                    err_http_status(x->err.code) >= 500;
    enum log_level level = suffered ? LOG_WARN : LOG_INFO;

    if (!log_enabled(level))
        return;
    log_event(level, x->id, "exchange",
              "dialect=%s op=%s status=%d err=%s user=%.*s provider=%.*s model=\"%.*s\" stream=%d "
              "attempts=%u in=%lld out=%lld bytes_in=%zu bytes_out=%lld first_byte_ms=%lld "
              "total_ms=%lld why=\"%s\"",
              dialect_name(x->target.dialect), operation_name(x->target.operation), x->http_status,
              err_name(x->err.code), SLICE_ARG(user), SLICE_ARG(provider),
              SLICE_ARG(slice_sub(x->asked_model, 0, 128)), x->stream, x->attempts,
              (long long)tokens[USAGE_INPUT], (long long)tokens[USAGE_OUTPUT], x->body.len,
              (long long)x->relay.sent_bytes, (long long)since(x, x->first_byte_at_ms),
              (long long)(x->gw->worker->now_ms - x->began_at_ms),
              x->err.code ? err_info_text(&x->err) : "");
}

/*
 * Whatever happened: an exchange that reached an upstream has its record.  Where the
 * journal is full the slot stands and will say "unknown"; it is never lost silently.
 */
enum verdict stage_settle(struct exchange *x)
{
    struct stats *s = &x->gw->stats;

    if (!x->recorded && x->attempts && !settle_record(x))
        log_event(LOG_ERROR, x->id, "ledger.full", "outcome=%s", outcome_name(x->outcome));
    if (!x->recorded && x->slot != JOURNAL_NO_SLOT && !x->attempts)
        journal_cancel(x->gw->journal, x->slot);
    attempt_release(x);
    if (x->err.code)
        stats_add(&s->errors[x->err.code], 1);
    histogram_add(&s->duration, x->gw->worker->now_ms - x->began_at_ms);
    if (x->first_byte_at_ms)
        histogram_add(&s->first_byte, x->first_byte_at_ms - x->began_at_ms);
    log_line(x);
    return STAGE_NEXT;
}
