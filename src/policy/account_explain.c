/* account_explain.c - every limit and quota of a request, and what is left of each. */
#include "policy/account_inside.h"
#include "policy/pattern.h"

struct explanation {
    const struct reserve_ask *ask;
    const struct limit_names *names;
    account_line_fn *each;
    void *ctx;
};

static struct account_line line_of(const struct key *key, enum subject subject)
{
    return (struct account_line){
        .of_key = subject == SUBJECT_KEY,
        .subject = subject == SUBJECT_KEY ? key->label : key->user->name,
    };
}

static bool matches(const struct allowance *of, size_t i, const struct limit_names *names)
{
    for (size_t n = 0; n < names->count; n++) {
        if (pattern_set_matches(of->patterns, i, names->names[n]))
            return true;
    }
    return false;
}

static void explain_limit(const struct explanation *x, enum subject subject,
                          const struct rate_limit *l, bool counts)
{
    struct account *account = x->ask->key->user->account;
    struct account_line line = line_of(x->ask->key, subject);

    line.row_id = l->id;
    line.models = l->models;
    line.counts = counts;
    account_lock(account);
    for (int f = 0; f < FIGURE_COUNT; f++) {
        int64_t limit = l->figures[f], used;
        line.figures[f].limit = limit;
        if (limit < 0)
            continue;
        used = meter_used(l->meter, (enum limit_figure)f, x->ask->now_ms);
        line.figures[f].used = used;
        line.figures[f].left = used < limit ? limit - used : 0;
    }
    account_unlock(account);
    x->each(x->ctx, &line);
}

static void explain_quota(const struct explanation *x, enum subject subject,
                          const struct allowance *of, const struct quota *q)
{
    struct account *account = x->ask->key->user->account;
    struct account_line line = line_of(x->ask->key, subject);
    struct purse_period period;

    account_lock(account);
    purse_roll(of->purse, account_periods(account, x->ask->now_unix_ms));
    period = of->purse->periods[q->period];
    line.left_nusd = purse_left(of->purse, q);
    account_unlock(account);

    line.is_quota = true;
    line.row_id = q->id;
    line.is_bad = q->is_bad;
    line.period = q->period;
    line.usd_nusd = q->usd_nusd;
    line.spent_nusd = period.spent_nusd;
    line.reserved_nusd =
        period.reserved_nusd > INT64_MAX ? INT64_MAX : (int64_t)period.reserved_nusd;
    line.adjustment_nusd = q->adjusted_index == period.index ? q->adjustment_nusd : 0;
    line.starts_unix_ms = period_start_unix_ms(q->period, period.index);
    line.ends_unix_ms = period_start_unix_ms(q->period, period.index + 1);
    x->each(x->ctx, &line);
}

static void explain_subject(const struct explanation *x, enum subject subject)
{
    const struct allowance *of = account_allowance(x->ask->key, subject);
    const struct rate_limit *best = account_pick(of, x->names);
    struct account_line bad = line_of(x->ask->key, subject);

    for (size_t i = 0; i < of->quota_count; i++)
        explain_quota(x, subject, of, &of->quotas[i]);
    if (of->bad_limit_id) {
        bad.row_id = of->bad_limit_id;
        bad.is_bad = true;
        x->each(x->ctx, &bad);
    }
    for (size_t i = 0; i < of->limit_count; i++) {
        if (matches(of, i, x->names))
            explain_limit(x, subject, &of->limits[i], &of->limits[i] == best);
    }
}

void account_explain(const struct reserve_ask *ask, account_line_fn *each, void *ctx)
{
    struct arena scratch;
    struct limit_names names;
    struct explanation x = {.ask = ask, .names = &names, .each = each, .ctx = ctx};

    arena_init(&scratch, 0);
    names = account_names(ask->asked_model, ask->provider ? ask->provider->name : SLICE(""),
                          ask->model, &scratch);
    for (int i = 0; i < SUBJECT_COUNT; i++)
        explain_subject(&x, (enum subject)i);
    arena_release(&scratch);
}
