/* account_purse.c - what was spent in each period, and what a quota leaves. */
#include "policy/account_inside.h"

static int64_t clamp(int128 n)
{
    return n > INT64_MAX ? INT64_MAX : n < INT64_MIN ? INT64_MIN : (int64_t)n;
}

void purse_roll(struct purse *p, const int64_t periods[PERIOD_COUNT])
{
    for (int i = 0; i < PERIOD_COUNT; i++) {
        if (periods[i] > p->periods[i].index)
            p->periods[i] = (struct purse_period){.index = periods[i]};
    }
}

int64_t purse_left(const struct purse *p, const struct quota *q)
{
    const struct purse_period *now = &p->periods[q->period];
    int128 left = (int128)q->usd_nusd - now->spent_nusd - now->reserved_nusd;

    if (q->adjusted_index == now->index)
        left -= q->adjustment_nusd;
    return clamp(left);
}

void purse_check(const struct allowance *of, enum subject subject, int64_t cost_nusd,
                 struct refusal *why)
{
    for (size_t i = 0; i < of->quota_count && !why->is_set; i++) {
        const struct quota *q = &of->quotas[i];
        int64_t left = purse_left(of->purse, q), next = of->purse->periods[q->period].index + 1;
        if (cost_nusd > left)
            *why = (struct refusal){
                .is_set = true,
                .kind = LIMIT_QUOTA,
                .subject = subject,
                .quota = q,
                .left_nusd = left,
                .ends_unix_ms = period_start_unix_ms(q->period, next),
            };
    }
}

void purse_hold(struct purse *p, int64_t cost_nusd, int64_t periods[PERIOD_COUNT])
{
    for (int i = 0; i < PERIOD_COUNT; i++) {
        p->periods[i].reserved_nusd += cost_nusd;
        periods[i] = p->periods[i].index;
    }
}

void purse_raise(struct purse *p, const int64_t periods[PERIOD_COUNT], int64_t more_nusd)
{
    for (int i = 0; i < PERIOD_COUNT; i++) {
        if (p->periods[i].index == periods[i])
            p->periods[i].reserved_nusd += more_nusd;
    }
}

void purse_settle(struct purse *p, const int64_t periods[PERIOD_COUNT], int64_t held_nusd,
                  int64_t spent_nusd)
{
    for (int i = 0; i < PERIOD_COUNT; i++) {
        struct purse_period *at = &p->periods[i];
        if (at->index != periods[i])
            continue; // that period is over, and what was held in it with it
        at->reserved_nusd -= held_nusd;
        at->spent_nusd = clamp((int128)at->spent_nusd + spent_nusd);
    }
}
