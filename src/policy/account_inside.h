/* account_inside.h - what accounts are made of.  Private to account*.c and state.c. */
#ifndef POLICY_ACCOUNT_INSIDE_H
#define POLICY_ACCOUNT_INSIDE_H

#include <stdatomic.h>

#include "base/wide.h"
#include "policy/account.h"
#include "policy/window.h"

#define WINDOW_FIGURES (FIGURE_TPD + 1) // those before have windows, FIGURE_CONCURRENT has none

/* Both of one width, so that there is no padding to hash. */
struct meter_key {
    int64_t user_id, row_id;
};

/* What a rate_limit row counted. */
struct meter {
    struct meter_key key;
    struct window *windows[WINDOW_FIGURES]; // NULL: nothing ever limited that figure
    int64_t running;
    int128 held_tokens; // estimates of what runs; wide: no sum of int64_t passes it
};

struct purse_period {
    int64_t index; // period_index(): goes up, never down
    int64_t spent_nusd;
    int128 reserved_nusd;
};

/* What a user or a key spent; changed under its account's lock. */
struct purse {
    int64_t key_id; // 0: of a user
    struct account *account;
    struct purse_period periods[PERIOD_COUNT];
};

struct account {
    _Alignas(64) atomic_bool is_locked; // on a cache line that no other account is on
    int64_t user_id;
    struct purse purse;
    int64_t day; // of the last request, and the periods that it is in
    int64_t periods[PERIOD_COUNT];
    atomic_uint_fast64_t *hits; // [LIMIT_KIND_COUNT], of the policy_state
};

enum subject { SUBJECT_USER, SUBJECT_KEY, SUBJECT_COUNT };

/* What is held of one rate_limit row. */
struct held_meter {
    struct held_meter *next;
    enum subject subject;
    const struct rate_limit *limit;
    int64_t tokens;
    int64_t buckets[FIGURE_RPD + 1]; // where the request was counted
};

struct held {
    struct held_meter *meters;
    struct purse *purses[SUBJECT_COUNT];
    int64_t periods[SUBJECT_COUNT][PERIOD_COUNT]; // indices, of when money was reserved
};

/* What a request was refused for; texts are made of it when the lock is free again. */
#define WAIT_NEVER INT64_MAX // time does not help

struct refusal {
    bool is_set;
    enum limit_kind kind;
    enum subject subject;
    const struct rate_limit *limit;
    const struct quota *quota;
    int64_t wait_ms; // 0: not known
    int64_t left_nusd, ends_unix_ms;
};

void account_lock(struct account *account);
void account_unlock(struct account *account);

/** With the lock held: which periods that time is in (period_index()). */
const int64_t *account_periods(struct account *account, int64_t now_unix_ms);

const struct allowance *account_allowance(const struct key *key, enum subject subject);

/* The names that patterns of rate limits are held against. */
struct limit_names {
    struct slice names[3]; // [count]
    size_t count;
};

/**
 * What a row's pattern is held against: the name that was sent, and the model that it came to,
 * with the provider in front and without, so that no spelling gets around a limit.
 */
struct limit_names account_names(struct slice asked, struct slice provider, struct slice model,
                                 struct arena *a);

/** The row that counts; NULL: none matches. */
const struct rate_limit *account_pick(const struct allowance *of, const struct limit_names *names);

/* account_meter.c; all of it under the lock. */

int64_t meter_used(struct meter *m, enum limit_figure f, int64_t now_ms);

/** Leaves in `why` whatever takes longest to wait for; nothing where there is room. */
void meter_check(const struct held_meter *h, int64_t now_ms, struct refusal *why);

/** The same for as many tokens in place of those that are held; what else is counted is. */
void meter_check_raise(const struct held_meter *h, int64_t tokens, int64_t now_ms,
                       struct refusal *why);

void meter_hold(struct held_meter *h, int64_t now_ms);
void meter_raise(struct held_meter *h, int64_t tokens);
void meter_settle(const struct held_meter *h, int64_t tokens, int64_t now_ms);
void meter_release(const struct held_meter *h, int64_t now_ms);

/** The tightest of all in the list. */
struct rate_status meter_status(const struct held_meter *list, int64_t now_ms);

/* account_purse.c; all of it under the lock. */

/** Begins what periods have begun. */
void purse_roll(struct purse *p, const int64_t periods[PERIOD_COUNT]);

int64_t purse_left(const struct purse *p, const struct quota *q);
void purse_check(const struct allowance *of, enum subject subject, int64_t cost_nusd,
                 struct refusal *why);
void purse_hold(struct purse *p, int64_t cost_nusd, int64_t periods[PERIOD_COUNT]);

/** Holds so much more in those periods, but for the ones that are over. */
void purse_raise(struct purse *p, const int64_t periods[PERIOD_COUNT], int64_t more_nusd);

/** Takes back what was held, and counts what was spent, in the same periods. */
void purse_settle(struct purse *p, const int64_t periods[PERIOD_COUNT], int64_t held_nusd,
                  int64_t spent_nusd);

/* account_text.c */

enum err refusal_set(const struct refusal *why, const struct reserve_ask *ask, struct err_info *e);

#endif
