/* account.c - what a user may still do and spend: exact, whatever worker asks. */
#include "policy/account.h"

#include <assert.h>
#include <sched.h>

#include "policy/account_inside.h"
#include "policy/pattern.h"

/* After so many tries whoever holds the lock is not running: it gets the processor. */
#define SPINS 200

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Looks before it tries, so that those who wait do not take the line away from who has it. */
void account_lock(struct account *account)
{
    unsigned spins = 0;

    while (atomic_exchange_explicit(&account->is_locked, true, memory_order_acquire)) {
        while (atomic_load_explicit(&account->is_locked, memory_order_relaxed)) {
            if (spins++ < SPINS)
                relax();
            else
                sched_yield();
        }
    }
}

void account_unlock(struct account *account)
{
    atomic_store_explicit(&account->is_locked, false, memory_order_release);
}

const struct allowance *account_allowance(const struct key *key, enum subject subject)
{
    return subject == SUBJECT_KEY ? &key->allowance : &key->user->allowance;
}

const int64_t *account_periods(struct account *account, int64_t now_unix_ms)
{
    int64_t day = period_index(PERIOD_DAY, now_unix_ms);

    for (int p = 0; day != account->day && p < PERIOD_COUNT; p++)
        account->periods[p] = period_index((enum quota_period)p, now_unix_ms);
    account->day = day;
    return account->periods;
}

struct limit_names account_names(struct slice asked, struct slice provider, struct slice model,
                                 struct arena *a)
{
    struct limit_names n = {.names = {asked}, .count = 1};

    if (provider.len) {
        size_t len = provider.len + 1 + model.len;
        char *full = arena_alloc_raw(a, len, 1);
        memcpy(full, provider.ptr, provider.len);
        full[provider.len] = '/';
        if (model.len)
            memcpy(full + provider.len + 1, model.ptr, model.len);
        n.names[n.count++] = slice_of(full, len);
        if (!slice_eq(model, asked))
            n.names[n.count++] = model;
    }
    return n;
}

const struct rate_limit *account_pick(const struct allowance *of, const struct limit_names *names)
{
    long best = pattern_set_best(of->patterns, names->names, names->count);

    return best < 0 ? NULL : &of->limits[best];
}

static bool holds(const struct held_meter *list, const struct rate_limit *l)
{
    for (; list; list = list->next) {
        if (list->limit->meter == l->meter)
            return true;
    }
    return false;
}

/* In front of the list: what the candidate falls under that is not in it yet. */
static struct held_meter *add_meters(struct held_meter *list, const struct reserve_ask *ask,
                                     int64_t tokens, struct arena *a)
{
    struct limit_names names;

    if (!ask->key->user->allowance.limit_count && !ask->key->allowance.limit_count)
        return list;
    names = account_names(ask->asked_model, ask->provider ? ask->provider->name : SLICE(""),
                          ask->model, a);
    for (int i = SUBJECT_COUNT; i-- > 0;) {
        const struct rate_limit *l =
            account_pick(account_allowance(ask->key, (enum subject)i), &names);
        struct held_meter *h;
        if (!l || holds(list, l))
            continue;
        h = arena_new(a, struct held_meter);
        *h = (struct held_meter){
            .next = list, .subject = (enum subject)i, .limit = l, .tokens = tokens};
        list = h;
    }
    return list;
}

/* What stands in the list before `end`. */
static void check_meters(const struct held_meter *list, const struct held_meter *end,
                         int64_t now_ms, struct refusal *why)
{
    for (const struct held_meter *h = list; h != end; h = h->next)
        meter_check(h, now_ms, why);
}

static void check_bad_rows(const struct key *key, struct refusal *why)
{
    for (int i = 0; i < SUBJECT_COUNT && !why->is_set; i++) {
        if (account_allowance(key, (enum subject)i)->bad_limit_id)
            *why = (struct refusal){
                .is_set = true,
                .kind = LIMIT_BAD_ROW,
                .subject = (enum subject)i,
                .wait_ms = WAIT_NEVER,
            };
    }
}

/* What has no price can be spent without end: nobody with a quota may, unless it is allowed. */
static void check_price(const struct reserve_ask *ask, struct refusal *why)
{
    if (ask->is_priced || ask->unpriced == UNPRICED_ALLOW)
        return;
    for (int i = 0; i < SUBJECT_COUNT && !why->is_set; i++) {
        if (ask->unpriced == UNPRICED_DENY ||
            account_allowance(ask->key, (enum subject)i)->quota_count)
            *why = (struct refusal){
                .is_set = true,
                .kind = LIMIT_UNPRICED,
                .subject = (enum subject)i,
                .wait_ms = WAIT_NEVER,
            };
    }
}

static int64_t positive(int64_t n)
{
    return n > 0 ? n : 0;
}

static enum err refuse(const struct refusal *why, const struct reserve_ask *ask, struct err_info *e)
{
    struct account *account = ask->key->user->account;

    atomic_fetch_add_explicit(&account->hits[why->kind], 1, memory_order_relaxed);
    return refusal_set(why, ask, e);
}

/* With the lock held: all that may be refused for, in the order of spec.md 5. */
static void check(const struct reservation *r, const struct reserve_ask *ask, struct refusal *why)
{
    check_price(ask, why);
    for (int i = 0; i < SUBJECT_COUNT && !why->is_set; i++)
        purse_check(account_allowance(r->key, (enum subject)i), (enum subject)i, r->cost_nusd, why);
    if (!why->is_set)
        check_bad_rows(r->key, why);
    if (!why->is_set)
        check_meters(r->held->meters, NULL, ask->now_ms, why);
}

enum err account_reserve(struct reservation *r, const struct reserve_ask *ask, struct arena *a,
                         struct err_info *e)
{
    struct refusal why = {.is_set = false};
    struct held *held = arena_new(a, struct held);

    assert(!r->is_held);
    *r = (struct reservation){
        .tokens = ask->tokens > 0 ? ask->tokens : 1, // every request takes some
        .cost_nusd = ask->is_priced ? positive(ask->cost_nusd) : 0,
        .account = ask->key->user->account,
        .held = held,
        .key = ask->key,
    };
    held->meters = add_meters(NULL, ask, r->tokens, a);
    for (int i = 0; i < SUBJECT_COUNT; i++)
        held->purses[i] = account_allowance(ask->key, (enum subject)i)->purse;

    account_lock(r->account);
    for (int i = 0; i < SUBJECT_COUNT; i++)
        purse_roll(held->purses[i], account_periods(r->account, ask->now_unix_ms));
    check(r, ask, &why);
    r->is_held = !why.is_set;
    if (r->is_held) {
        for (int i = 0; i < SUBJECT_COUNT; i++)
            purse_hold(held->purses[i], r->cost_nusd, held->periods[i]);
        for (struct held_meter *h = held->meters; h; h = h->next)
            meter_hold(h, ask->now_ms);
    }
    r->status = meter_status(held->meters, ask->now_ms);
    account_unlock(r->account);
    return r->is_held ? ERR_NONE : refuse(&why, ask, e);
}

enum err account_extend(struct reservation *r, const struct reserve_ask *ask, struct arena *a,
                        struct err_info *e)
{
    struct refusal why = {.is_set = false};
    struct held_meter *before, *list;

    assert(r->is_held);
    before = r->held->meters;
    list = add_meters(before, ask, r->tokens, a);
    check_price(ask, &why);
    account_lock(r->account);
    if (!why.is_set)
        check_meters(list, before, ask->now_ms, &why);
    if (!why.is_set) {
        for (struct held_meter *h = list; h != before; h = h->next)
            meter_hold(h, ask->now_ms);
        r->held->meters = list;
    }
    r->status = meter_status(list, ask->now_ms);
    account_unlock(r->account);
    return why.is_set ? refuse(&why, ask, e) : ERR_NONE;
}

/* With the lock held: is there room for so much in place of what is held? */
static void check_raise(const struct reservation *r, const struct reserve_ask *ask, int64_t tokens,
                        int64_t cost_nusd, struct refusal *why)
{
    for (int i = 0; i < SUBJECT_COUNT && !why->is_set && cost_nusd > r->cost_nusd; i++) {
        purse_roll(r->held->purses[i], account_periods(r->account, ask->now_unix_ms));
        purse_check(account_allowance(r->key, (enum subject)i), (enum subject)i,
                    cost_nusd - r->cost_nusd, why);
    }
    if (why->is_set && __builtin_add_overflow(why->left_nusd, r->cost_nusd, &why->left_nusd))
        why->left_nusd = INT64_MAX; // with what it holds itself
    for (const struct held_meter *h = r->held->meters; h && !why->is_set; h = h->next)
        meter_check_raise(h, tokens, ask->now_ms, why);
}

enum err account_raise(struct reservation *r, const struct reserve_ask *ask, struct err_info *e)
{
    int64_t tokens = ask->tokens > r->tokens ? ask->tokens : r->tokens;
    int64_t cost = ask->cost_nusd > r->cost_nusd ? ask->cost_nusd : r->cost_nusd;
    struct refusal why = {.is_set = false};

    assert(r->is_held);
    if (tokens == r->tokens && cost == r->cost_nusd)
        return ERR_NONE;
    account_lock(r->account);
    check_raise(r, ask, tokens, cost, &why);
    if (!why.is_set) {
        for (int i = 0; i < SUBJECT_COUNT; i++)
            purse_raise(r->held->purses[i], r->held->periods[i], cost - r->cost_nusd);
        for (struct held_meter *h = r->held->meters; h; h = h->next)
            meter_raise(h, tokens);
        r->tokens = tokens;
        r->cost_nusd = cost;
    }
    r->status = meter_status(r->held->meters, ask->now_ms);
    account_unlock(r->account);
    return why.is_set ? refuse(&why, ask, e) : ERR_NONE;
}

void account_settle(struct reservation *r, int64_t tokens, int64_t cost_nusd, int64_t now_ms,
                    int64_t now_unix_ms)
{
    if (!r->is_held)
        return;
    r->is_held = false;
    account_lock(r->account);
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        purse_roll(r->held->purses[i], account_periods(r->account, now_unix_ms));
        purse_settle(r->held->purses[i], r->held->periods[i], r->cost_nusd, positive(cost_nusd));
    }
    for (const struct held_meter *h = r->held->meters; h; h = h->next)
        meter_settle(h, positive(tokens), now_ms);
    account_unlock(r->account);
}

void account_release(struct reservation *r, int64_t now_ms)
{
    if (!r->is_held)
        return;
    r->is_held = false;
    account_lock(r->account);
    for (int i = 0; i < SUBJECT_COUNT; i++)
        purse_settle(r->held->purses[i], r->held->periods[i], r->cost_nusd, 0);
    for (const struct held_meter *h = r->held->meters; h; h = h->next)
        meter_release(h, now_ms);
    account_unlock(r->account);
}

bool account_has_quota(const struct key *key)
{
    return key->allowance.quota_count || key->user->allowance.quota_count;
}

bool account_is_limited(const struct key *key)
{
    return account_has_quota(key) || key->allowance.limits_tokens ||
           key->user->allowance.limits_tokens;
}
