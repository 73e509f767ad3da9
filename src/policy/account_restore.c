/* account_restore.c - what was used and spent before the process began. */
#include "base/clock.h"
#include "base/sum.h"
#include "policy/account_inside.h"
#include "policy/state.h"

void account_restore_spent(struct policy_state *state, bool of_key, int64_t id,
                           enum quota_period period, int64_t period_start_unix_ms, int64_t nusd)
{
    struct purse *purse = of_key ? policy_state_purse(state, NULL, id)
                                 : account_purse(policy_state_account(state, id));
    int64_t index = period_index(period, period_start_unix_ms);
    struct purse_period *at = &purse->periods[period];

    if (purse->account)
        account_lock(purse->account);
    if (index > at->index)
        *at = (struct purse_period){.index = index};
    if (index == at->index && nusd > 0)
        at->spent_nusd = sum_capped(at->spent_nusd, nusd);
    if (purse->account)
        account_unlock(purse->account);
}

static void restore_meter(struct meter *m, const struct account_traffic *t, int64_t at_ms,
                          int64_t now_ms)
{
    for (int f = 0; f < WINDOW_FIGURES; f++) {
        int64_t amount = f == FIGURE_RPM || f == FIGURE_RPD ? t->requests : t->tokens;
        if (m->windows[f] && amount > 0)
            window_add_past(m->windows[f], at_ms, now_ms, amount);
    }
}

/* The monotonic time of a past minute's end, which may be before that clock began. */
static int64_t end_of_minute(int64_t at_unix_ms, int64_t now_ms, int64_t now_unix_ms)
{
    int64_t ago;

    if (__builtin_sub_overflow(now_unix_ms, at_unix_ms, &ago) || ago > INT64_MAX / 2)
        return INT64_MIN / 2;
    ago -= MINUTE_MS - 1;
    return ago > 0 ? now_ms - ago : now_ms;
}

void account_restore_traffic(const struct snapshot *s, const struct account_traffic *t,
                             int64_t now_ms, int64_t now_unix_ms)
{
    const struct user *user = snapshot_user(s, t->user_id);
    const struct key *key = snapshot_key(s, t->key_id);
    int64_t at_ms = end_of_minute(t->at_unix_ms, now_ms, now_unix_ms);
    const struct rate_limit *limits[SUBJECT_COUNT] = {NULL};
    struct limit_names names;
    struct arena scratch;

    if (!user)
        return;
    arena_init(&scratch, 0);
    names = account_names(t->alias.len ? t->alias : t->model, t->provider, t->model, &scratch);
    limits[SUBJECT_USER] = account_pick(&user->allowance, &names);
    if (key && key->user == user)
        limits[SUBJECT_KEY] = account_pick(&key->allowance, &names);
    account_lock(user->account);
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        if (limits[i])
            restore_meter(limits[i]->meter, t, at_ms, now_ms);
    }
    account_unlock(user->account);
    arena_release(&scratch);
}
