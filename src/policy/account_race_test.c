/* account_race_test.c - many workers, one account: what is promised is never passed. */
#include <pthread.h>

#include "base/random.h"
#include "policy/account_test_kit.h"

#define THREADS 8
#define ROUNDS  60000
#define COST    1000000 // nUSD, of one request at most
#define ALLOWED 50      // requests that the quota has room for
#define RUNNING (5 + 3) // at one time, by the rows of the user

static const char rows[] =
    "'quota': [{'user': 1, 'usd': '0.05'}, {'key': 1, 'usd': '0.04', 'period': 'month'}],"
    "'rate_limit': [{'user': 1, 'max_concurrent': 5, 'tpm': 1000000000}, {'key': 1, 'rpd': 100000},"
    " {'user': 1, 'models': 'b/*', 'max_concurrent': 3}]";

/* Kept beside the account by the threads themselves, as the test's own truth. */
struct tally {
    struct world *w;
    pthread_barrier_t begin;
    atomic_llong spent, tokens, running, reserved, most_running, most_money;
    atomic_uint admitted, refused_quota, refused_rate;
};

struct thread {
    pthread_t id;
    struct tally *tally;
    uint64_t seed;
};

static void note_most(atomic_llong *most, long long n)
{
    long long before = atomic_load(most);

    while (n > before && !atomic_compare_exchange_weak(most, &before, n))
        ;
}

/* It may take as much again; answers how much more is held. */
static int64_t raise_hold(struct tally *t, struct reservation *r, const struct reserve_ask *ask)
{
    struct reserve_ask more = *ask;
    struct err_info e = {0};

    more.cost_nusd += COST;
    more.tokens *= 2;
    if (account_raise(r, &more, &e) != ERR_NONE) {
        atomic_fetch_add(e.code == ERR_QUOTA ? &t->refused_quota : &t->refused_rate, 1);
        return 0;
    }
    note_most(&t->most_money, atomic_fetch_add(&t->reserved, COST) + COST);
    return COST;
}

/* One request: refused, or given up, or settled for at most what was held. */
static void one_request(struct tally *t, struct random *dice, struct arena *a, int64_t now_ms)
{
    bool of_any = random_below(dice, 4); // model; else of those of provider b
    struct reserve_ask ask =
        world_ask(t->w, 1 + (int64_t)random_below(dice, 2), of_any ? "m" : "x@b/m");
    struct reservation r = {.is_held = false};
    struct err_info e = {0};
    int64_t cost = random_below(dice, 300) ? 0 : (int64_t)random_below(dice, COST + 1);
    int64_t held = COST;
    enum err err;

    ask.cost_nusd = COST;
    ask.tokens = 10;
    ask.now_ms = now_ms;
    err = account_reserve(&r, &ask, a, &e);
    if (err) {
        atomic_fetch_add(err == ERR_QUOTA ? &t->refused_quota : &t->refused_rate, 1);
        return;
    }
    /* Counted after it is held and before it is let go: never more than the account has. */
    note_most(&t->most_running, atomic_fetch_add(&t->running, 1) + 1);
    note_most(&t->most_money, atomic_fetch_add(&t->reserved, COST) + COST);
    if (random_below(dice, 3) == 0) {
        struct reserve_ask other = world_ask(t->w, ask.key->id, "x@b/m");
        other.now_ms = now_ms;
        account_extend(&r, &other, a, &(struct err_info){0});
    }
    if (random_below(dice, 4) == 0)
        held += raise_hold(t, &r, &ask);
    if (random_below(dice, 4) == 0)
        sched_yield();
    atomic_fetch_sub(&t->running, 1);
    if (random_below(dice, 2)) {
        atomic_fetch_sub(&t->reserved, held);
        account_release(&r, now_ms);
        account_release(&r, now_ms);
        return;
    }
    atomic_fetch_add(&t->spent, cost);
    atomic_fetch_add(&t->tokens, of_any ? 7 : 0);
    atomic_fetch_sub(&t->reserved, held - cost);
    atomic_fetch_add(&t->admitted, 1);
    account_settle(&r, 7, cost, now_ms, 0);
    account_settle(&r, 7, cost, now_ms, 0);
}

static void *run(void *arg)
{
    struct thread *thread = arg;
    struct random dice;

    random_seed(&dice, (uint64_t[4]){thread->seed, 1, 2, 3});
    pthread_barrier_wait(&thread->tally->begin);
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a;
        arena_init(&a, 0);
        one_request(thread->tally, &dice, &a, i / 100);
        arena_release(&a);
    }
    return NULL;
}

struct totals {
    int64_t spent[2], reserved[2]; // by quota id - 1
    int64_t running, tokens;
};

static void on_line(void *ctx, const struct account_line *line)
{
    struct totals *t = ctx;

    if (line->is_quota) {
        t->spent[line->row_id - 1] = line->spent_nusd;
        t->reserved[line->row_id - 1] = line->reserved_nusd;
    } else {
        t->running += line->figures[FIGURE_CONCURRENT].used;
        t->tokens += line->figures[FIGURE_TPM].used;
    }
}

/* Another thread builds snapshots meanwhile, of the same state: new windows, new purses. */
static void rebuild(struct world *w)
{
    struct world other = {.state = w->state};

    for (int i = 0; i < 50; i++)
        world_build(&other,
                    i % 2 ? rows : "'rate_limit': [{'user': 1, 'rpm': 5, 'rpd': 9, 'tpd': 9}]");
    snapshot_unref(other.s);
}

static void test_race(void **state)
{
    struct world w = world_new(rows);
    struct tally tally = {.w = &w};
    struct thread threads[THREADS];
    struct totals totals = {.running = 0};
    struct reserve_ask ask = world_ask(&w, 1, "x@b/m");

    (void)state;
    assert_int_equal(pthread_barrier_init(&tally.begin, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.tally = &tally, .seed = i};
        assert_int_equal(pthread_create(&threads[i].id, NULL, run, &threads[i]), 0);
    }
    rebuild(&w);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i].id, NULL);
    pthread_barrier_destroy(&tally.begin);
    account_explain(&ask, on_line, &totals);
    assert_int_equal(totals.spent[0], tally.spent); // whoever settled
    assert_true(totals.spent[0] <= (int64_t)ALLOWED * COST);
    assert_true(totals.spent[0] > (int64_t)(ALLOWED - 1) * COST); // to the last that fits
    assert_true(totals.spent[1] <= 40 * COST);
    assert_true(tally.most_money <= (int64_t)ALLOWED * COST);
    assert_true(tally.most_running <= RUNNING);
    assert_int_equal(totals.reserved[0], 0);
    assert_int_equal(totals.reserved[1], 0);
    assert_int_equal(totals.running, 0);
    assert_int_equal(totals.tokens, tally.tokens);
    assert_true(tally.refused_quota > 0);
    assert_true(tally.admitted >= 20 * ALLOWED);
    assert_int_equal(policy_state_limits_hit(w.state, LIMIT_QUOTA), tally.refused_quota);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
