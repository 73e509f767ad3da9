/* admit.c - what an exchange may use is set aside before an upstream is called, and settled after. */
#include "exchange/admit.h"

#include "base/clock.h"
#include "base/sum.h"
#include "chat/measure.h"
#include "exchange/foreign.h"
#include "exchange/local.h"
#include "exchange/settle.h"
#include "exchange/stages.h"

/* ---- how much it may become ---- */

static int64_t output_bound(const struct exchange *x, const struct chat_measure *m,
                            const struct candidate *c)
{
    enum operation op = x->target.operation;

    if (op != OP_GENERATE && op != OP_COMPACT && op != OP_IMAGE)
        return 0;
    return measure_output_bound(m, foreign_model(c, foreign_cell(x, c).to)->max_output,
                                x->snapshot->limits.reserve_max_output);
}

/* At the dearest that it may come to; what the ask has already stays, where it is more. */
static void bound(const struct exchange *x, const struct chat_measure *m, const struct candidate *c,
                  struct reserve_ask *ask)
{
    int64_t output = output_bound(x, m, c), cost = 0;
    int64_t tokens = sum_capped(measure_input_likely(m), output);

    if (c->price)
        cost = price_dearest(c->price, measure_input_bound(m), output);
    ask->tokens = tokens > ask->tokens ? tokens : ask->tokens;
    ask->cost_nusd = cost > ask->cost_nusd ? cost : ask->cost_nusd;
}

/* For the dearest of all that may come to be asked, so that failover needs no more money. */
static void bound_all(struct exchange *x, struct reserve_ask *ask)
{
    struct chat_measure m;

    if (settle_is_free(x))
        return;
    chat_measure(x->target.dialect, x->target.operation, x->body, &m);
    x->bounds_output = m.max_output >= 0;
    for (size_t i = 0; i < x->route->count; i++)
        bound(x, &m, &x->route->candidates[i], ask);
}

void admit_foresee(const struct exchange *x, const struct candidate *c, struct chat_usage *out)
{
    struct chat_measure m;

    chat_measure(x->target.dialect, x->target.operation, x->body, &m);
    *out = (struct chat_usage){
        .tokens = {
                   [USAGE_INPUT] = measure_input_likely(&m), [USAGE_OUTPUT] = output_bound(x, &m, c)}
    };
}

/* ---- what has no price ---- */

/* Anthropic's priority is paid for beforehand. */
static bool is_tier_priced(const struct exchange *x, const struct candidate *c)
{
    return price_has_tier(c->price, x->asked_tier) ||
           (x->asked_tier == SERVICE_PRIORITY && foreign_cell(x, c).to == DIALECT_ANTHROPIC);
}

static bool is_priced(const struct exchange *x, const struct candidate *c)
{
    if (c->price && !is_tier_priced(x, c))
        return false;
    return c->price || c->provider->channel->answer || settle_is_free(x);
}

static bool must_be_priced(const struct exchange *x)
{
    switch (x->snapshot->limits.unpriced) {
    case UNPRICED_DENY: return true;
    case UNPRICED_DENY_UNDER_QUOTA: return account_has_quota(x->key);
    case UNPRICED_ALLOW: break;
    }
    return false;
}

/* Of a route with prices, what has none is passed over; false: nothing has one. */
static bool keep_priced(struct exchange *x)
{
    struct route *r = x->route;
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++)
        kept += is_priced(x, &r->candidates[i]);
    if (kept == 0)
        return false;
    if (kept == r->count)
        return true;
    kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (is_priced(x, &r->candidates[i]))
            r->candidates[kept++] = r->candidates[i];
    }
    r->count = kept;
    return true;
}

/* ---- the stage ---- */

static struct reserve_ask ask_for(const struct exchange *x, const struct candidate *c)
{
    return (struct reserve_ask){
        .key = x->key,
        .asked_model = x->asked_model,
        .provider = c->provider,
        .model = c->model,
        .is_priced = true,
        .unpriced = x->snapshot->limits.unpriced,
        .now_ms = x->gw->worker->now_ms,
        .now_unix_ms = x->began_unix_ms,
    };
}

void admit_ask(struct exchange *x, struct reserve_ask *ask)
{
    bool priced = !must_be_priced(x) || keep_priced(x);

    *ask = ask_for(x, &x->route->candidates[0]);
    ask->is_priced = priced;
    if (!priced && x->asked_tier != SERVICE_STANDARD)
        ask->model = arena_printf(&x->arena, "%.*s (%s)", SLICE_ARG(ask->model),
                                  service_tier_name(x->asked_tier));
    if (account_is_limited(x->key) || x->snapshot->limits.on_unknown == ON_UNKNOWN_CHARGE_ESTIMATE)
        bound_all(x, ask);
}

/* All that must hold, or ERR_QUOTA, ERR_RATE_LIMIT. */
static enum err reserve(struct exchange *x)
{
    struct reserve_ask ask;

    admit_ask(x, &ask);
    x->reserved_nusd = ask.cost_nusd;
    x->is_metered = true;
    return account_reserve(&x->reservation, &ask, &x->arena, &x->err);
}

/* What a quota is held against must be written down. */
static bool may_go_unaccounted(const struct exchange *x)
{
    return x->snapshot->limits.ledger_full == LEDGER_FULL_SERVE_UNACCOUNTED &&
           !account_has_quota(x->key);
}

enum verdict stage_admit(struct exchange *x)
{
    struct usage_record intent;

    if (x->local_status)
        return STAGE_NEXT;
    x->may_go_unaccounted = may_go_unaccounted(x);
    if (!x->may_go_unaccounted && !journal_has_room(x->gw->journal))
        return exchange_fail(x, ERR_LEDGER_FULL,
                             "the usage ledger is full: its database has been away too long");
    if (journal_is_failing(x->gw->journal))
        return exchange_fail(x, ERR_LEDGER_FULL,
                             "the disk of the usage ledger fails: no record would be safe");
    if (reserve(x) != ERR_NONE)
        return STAGE_FAIL;
    if (local_is_for(x, &x->route->candidates[0]))
        return STAGE_NEXT; // nothing can be billed before its record is written
    settle_fill_intent(x, &intent);
    x->slot = journal_intent(x->gw->journal, &intent);
    if (x->slot != JOURNAL_NO_SLOT || x->may_go_unaccounted)
        return STAGE_NEXT;
    admit_release(x);
    return exchange_fail(x, ERR_LEDGER_FULL, "too many exchanges are in flight for the ledger");
}

enum err admit_candidate(struct exchange *x, struct err_info *e)
{
    struct reserve_ask ask;

    if (x->candidate == x->admitted)
        return ERR_NONE;
    ask = ask_for(x, &x->route->candidates[x->candidate]);
    if (account_extend(&x->reservation, &ask, &x->arena, e) != ERR_NONE)
        return e->code;
    x->admitted = x->candidate;
    return ERR_NONE;
}

/* ---- what is really sent ---- */

/* What limits of tokens count: all of them, reasoning being a part of the output. */
static int64_t tokens_of(const struct chat_usage *u)
{
    int64_t sum = 0;

    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        if (kind != USAGE_REASONING && kind != USAGE_SERVER_TOOLS && u->tokens[kind] > 0)
            sum = sum_capped(sum, u->tokens[kind]);
    }
    return sum;
}

static void measure_sent(const struct attempt *at, struct slice body, struct chat_measure *m)
{
    struct buf ruled = {0};

    if (!at->is_foreign && at->splice) {
        json_splice_to_buf(at->splice, &ruled);
        body = buf_peek(&ruled);
    }
    chat_measure(at->dialect, at->operation, body, m);
    buf_release(&ruled);
}

bool admit_attempt_ask(const struct exchange *x, const struct attempt *at,
                       const struct chat_usage *spent, struct reserve_ask *ask)
{
    struct slice body = at->is_foreign ? buf_peek(&x->foreign_body) : at->body;
    struct price_use use = {
        .usage = spent, .tier = x->listener.tier, .at_unix_ms = x->began_unix_ms};
    struct chat_measure m;

    if (!account_is_limited(x->key) || settle_is_free(x) ||
        (body.ptr == x->body.ptr && !at->splice))
        return false;
    measure_sent(at, body, &m);
    if (!x->bounds_output)
        m.max_output = -1; // such a bound is ours, or a rule's: the setting's counts
    *ask = ask_for(x, at->candidate);
    bound(x, &m, at->candidate, ask);
    if (spent)
        ask->tokens = sum_capped(ask->tokens, tokens_of(spent));
    if (spent && at->candidate->price)
        ask->cost_nusd = sum_capped(ask->cost_nusd, price_cost(at->candidate->price, &use));
    return true;
}

/*
 * For the case that nobody learns how it ends.  One of the two intents stands at any time; of
 * two with one id the ledger takes one.
 */
static void note_raise(struct exchange *x)
{
    struct usage_record intent;
    uint32_t slot;

    x->reserved_nusd = x->reservation.cost_nusd;
    settle_fill_intent(x, &intent);
    slot = journal_intent(x->gw->journal, &intent);
    if (slot == JOURNAL_NO_SLOT)
        return;
    journal_cancel(x->gw->journal, x->slot);
    x->slot = slot;
}

enum err admit_attempt(struct exchange *x, const struct attempt *at, const struct chat_usage *spent,
                       struct err_info *e)
{
    struct reserve_ask ask;

    if (!admit_attempt_ask(x, at, spent, &ask))
        return ERR_NONE;
    if (account_raise(&x->reservation, &ask, e) != ERR_NONE)
        return e->code;
    if (x->reservation.cost_nusd > x->reserved_nusd)
        note_raise(x);
    return ERR_NONE;
}

/* ---- afterwards ---- */

void admit_settle(struct exchange *x, const struct usage_record *r)
{
    int64_t tokens = settle_is_free(x) ? 0 : tokens_of(&r->usage);

    if (settle_is_unknown(x))
        tokens = x->reservation.tokens;

    account_settle(&x->reservation, tokens, r->cost_nusd, x->gw->worker->now_ms,
                   x->gw->worker->now_unix_ms);
}

void admit_release(struct exchange *x)
{
    account_release(&x->reservation, x->gw->worker->now_ms);
}

/* ---- what the client hears of it ---- */

/* Without printf(): these go with every answer of whoever has limits. */
static void write_number(struct buf *out, struct slice name, int64_t n)
{
    buf_append(out, name);
    buf_append_i64(out, n);
    buf_append(out, SLICE("\r\n"));
}

static void write_part(struct buf *out, int64_t n, char unit)
{
    buf_append_i64(out, n);
    buf_append_byte(out, unit);
}

/* OpenAI's way: "6m0s". */
static void write_span(struct buf *out, struct slice name, int64_t ms)
{
    int64_t s = (ms + 999) / 1000;

    buf_append(out, name);
    if (s >= 3600)
        write_part(out, s / 3600, 'h');
    if (s >= 60)
        write_part(out, s / 60 % 60, 'm');
    write_part(out, s % 60, 's');
    buf_append(out, SLICE("\r\n"));
}

static void write_time(struct buf *out, struct slice name, int64_t unix_ms)
{
    char text[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(unix_ms, text);
    buf_append(out, name);
    buf_append_str(out, text);
    buf_append(out, SLICE("\r\n"));
}

void admit_write_fields(const struct exchange *x, struct buf *out)
{
    const struct rate_status *s = &x->reservation.status;
    bool anthropic = x->target.dialect == DIALECT_ANTHROPIC;
    int64_t now = x->gw->worker->now_unix_ms;

    if (!x->is_metered)
        return;
    if (s->limit_requests >= 0) {
        write_number(out, SLICE("x-ratelimit-limit-requests: "), s->limit_requests);
        write_number(out, SLICE("x-ratelimit-remaining-requests: "), s->left_requests);
        write_span(out, SLICE("x-ratelimit-reset-requests: "), s->reset_requests_ms);
    }
    if (s->limit_tokens >= 0) {
        write_number(out, SLICE("x-ratelimit-limit-tokens: "), s->limit_tokens);
        write_number(out, SLICE("x-ratelimit-remaining-tokens: "), s->left_tokens);
        write_span(out, SLICE("x-ratelimit-reset-tokens: "), s->reset_tokens_ms);
    }
    if (anthropic && s->limit_requests >= 0) {
        write_number(out, SLICE("anthropic-ratelimit-requests-limit: "), s->limit_requests);
        write_number(out, SLICE("anthropic-ratelimit-requests-remaining: "), s->left_requests);
        write_time(out, SLICE("anthropic-ratelimit-requests-reset: "), now + s->reset_requests_ms);
    }
    if (anthropic && s->limit_tokens >= 0) {
        write_number(out, SLICE("anthropic-ratelimit-tokens-limit: "), s->limit_tokens);
        write_number(out, SLICE("anthropic-ratelimit-tokens-remaining: "), s->left_tokens);
        write_time(out, SLICE("anthropic-ratelimit-tokens-reset: "), now + s->reset_tokens_ms);
    }
}
