/* restore.c - what the ledger knows of the past, for accounts that begin with the process. */
#include "app/restore.h"

#include "base/clock.h"
#include "policy/account.h"

struct restoring {
    struct policy_state *state;
    const struct snapshot *snapshot;
    int64_t now_ms, now_unix_ms;
};

static void on_spent(void *ctx, const struct ledger_spent *spent)
{
    struct restoring *r = ctx;
    const int64_t nusd[PERIOD_COUNT] = {
        [PERIOD_TOTAL] = spent->total_nusd,
        [PERIOD_DAY] = spent->day_nusd,
        [PERIOD_WEEK] = spent->week_nusd,
        [PERIOD_MONTH] = spent->month_nusd,
    };

    for (int i = 0; i < PERIOD_COUNT; i++) {
        enum quota_period period = (enum quota_period)i;
        int64_t start = period_start_unix_ms(period, period_index(period, r->now_unix_ms));
        account_restore_spent(r->state, spent->is_key, spent->id, period, start, nusd[i]);
    }
}

static void on_traffic(void *ctx, const struct ledger_traffic *t)
{
    struct restoring *r = ctx;
    struct account_traffic traffic = {
        .user_id = t->user_id,
        .key_id = t->key_id,
        .alias = t->alias,
        .model = t->model,
        .provider = t->provider,
        .at_unix_ms = t->minute_unix_ms,
        .requests = t->requests,
        .tokens = t->tokens,
    };

    account_restore_traffic(r->snapshot, &traffic, r->now_ms, r->now_unix_ms);
}

enum err restore_accounts(struct ledger *l, struct policy_state *state, const struct snapshot *s,
                          struct err_info *e)
{
    struct restoring r = {
        .state = state, .snapshot = s, .now_ms = clock_mono_ms(), .now_unix_ms = clock_unix_ms()};

    if (ledger_spending(l, r.now_unix_ms, on_spent, &r, e) != ERR_NONE)
        return e->code;
    return ledger_traffic(l, r.now_unix_ms - DAY_MS - MINUTE_MS, on_traffic, &r, e);
}
