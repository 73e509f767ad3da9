/* state.c - what outlives snapshots. */
#include "policy/state.h"

#include "base/arena.h"
#include "base/panic.h"
#include "base/table.h"
#include "policy/account_inside.h"

struct policy_state {
    struct arena arena;
    struct table turns;    // struct turn_key -> struct turn
    struct table accounts; // user id -> struct account
    struct table purses;   // key id -> struct purse
    struct table meters;   // struct meter_key -> struct meter
    atomic_uint_fast64_t hits[LIMIT_KIND_COUNT];
    struct catalogue *catalogue;
};

/* Both of one width, so that there is no padding to hash. */
struct turn_key {
    int64_t type, id;
};

struct turn {
    struct turn_key key;
    atomic_uint count;
};

/* Ids are ours: nobody else chooses them, and the tables need no seed. */
struct policy_state *policy_state_new(void)
{
    struct policy_state *state = calloc(1, sizeof(*state));

    if (!state)
        panic("out of memory: policy state");
    arena_init(&state->arena, 0);
    table_init(&state->turns, 0);
    table_init(&state->accounts, 0);
    table_init(&state->purses, 0);
    table_init(&state->meters, 0);
    return state;
}

void policy_state_free(struct policy_state *state)
{
    if (!state)
        return;
    table_release(&state->turns);
    table_release(&state->accounts);
    table_release(&state->purses);
    table_release(&state->meters);
    catalogue_unref(state->catalogue);
    arena_release(&state->arena);
    free(state);
}

void policy_state_use_catalogue(struct policy_state *state, struct catalogue *catalogue)
{
    struct catalogue *before = state->catalogue;

    state->catalogue = catalogue ? catalogue_ref(catalogue) : NULL;
    catalogue_unref(before);
}

struct catalogue *policy_state_catalogue(const struct policy_state *state)
{
    return state->catalogue ? catalogue_ref(state->catalogue) : NULL;
}

atomic_uint *policy_state_turn(struct policy_state *state, enum row_type type, int64_t id)
{
    struct turn_key key = {(int64_t)type, id};
    struct turn *turn = table_get(&state->turns, slice_of((const char *)&key, sizeof(key)));

    if (!turn) {
        turn = arena_new(&state->arena, struct turn);
        turn->key = key;
        table_put(&state->turns, slice_of((const char *)&turn->key, sizeof(turn->key)), turn);
    }
    return &turn->count;
}

static struct slice id_key(const int64_t *id)
{
    return slice_of((const char *)id, sizeof(*id));
}

struct account *policy_state_account(struct policy_state *state, int64_t user_id)
{
    struct account *account = table_get(&state->accounts, id_key(&user_id));

    if (!account) {
        account = arena_new(&state->arena, struct account);
        account->user_id = user_id;
        account->day = INT64_MIN; // no day yet
        account->purse.account = account;
        account->hits = state->hits;
        table_put(&state->accounts, id_key(&account->user_id), account);
    }
    return account;
}

struct purse *account_purse(struct account *account)
{
    return &account->purse;
}

/* A purse stays with the account whose lock it is under: a key that changes hands gets a copy. */
static struct purse *purse_copy(struct policy_state *state, const struct purse *from)
{
    struct purse *purse = arena_new(&state->arena, struct purse);

    purse->key_id = from->key_id;
    account_lock(from->account);
    for (int p = 0; p < PERIOD_COUNT; p++) {
        purse->periods[p] = from->periods[p];
        purse->periods[p].reserved_nusd = 0;
    }
    account_unlock(from->account);
    return purse;
}

struct purse *policy_state_purse(struct policy_state *state, struct account *account,
                                 int64_t key_id)
{
    struct purse *purse = table_get(&state->purses, id_key(&key_id));

    if (!purse) {
        purse = arena_new(&state->arena, struct purse);
        purse->key_id = key_id;
        table_put(&state->purses, id_key(&purse->key_id), purse);
    } else if (account && purse->account && purse->account != account) {
        purse = purse_copy(state, purse);
        table_put(&state->purses, id_key(&purse->key_id), purse);
    }
    if (account)
        purse->account = account;
    return purse;
}

/* A row that limits more than it did gets windows for that: they begin empty. */
static void meter_complete(struct policy_state *state, struct account *account, struct meter *m,
                           const int64_t figures[FIGURE_COUNT])
{
    for (int f = 0; f < WINDOW_FIGURES; f++) {
        struct window *w;
        if (figures[f] < 0 || m->windows[f])
            continue;
        w = arena_new(&state->arena, struct window);
        window_init(w, f == FIGURE_RPM || f == FIGURE_TPM ? WINDOW_MINUTE_MS : WINDOW_DAY_MS);
        account_lock(account);
        m->windows[f] = w;
        account_unlock(account);
    }
}

struct meter *policy_state_meter(struct policy_state *state, struct account *account,
                                 int64_t row_id, const int64_t figures[FIGURE_COUNT])
{
    struct meter_key key = {account->user_id, row_id};
    struct meter *m = table_get(&state->meters, slice_of((const char *)&key, sizeof(key)));

    if (!m) {
        m = arena_new(&state->arena, struct meter);
        m->key = key;
        table_put(&state->meters, slice_of((const char *)&m->key, sizeof(m->key)), m);
    }
    meter_complete(state, account, m, figures);
    return m;
}

uint64_t policy_state_limits_hit(const struct policy_state *state, enum limit_kind kind)
{
    return atomic_load_explicit(&state->hits[kind], memory_order_relaxed);
}
