/*
 * policy.c - what admission costs: accounts, pattern sets, the snapshot they stand in.
 *
 * Built with the other programs of bench/ (meson option "bench"); runs by itself:
 *
 *     taskset -c 1 build-bench/bench/policy-bench
 *
 * Each figure is the best of several rounds.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "policy/account.h"
#include "policy/pattern.h"
#include "policy/route.h"

#define ROUNDS   60 // short ones: some are not disturbed
#define REQUESTS 10000
#define KEYS     100000
#define MANY     10000

struct world {
    struct arena a;
    struct row_set rows;
    struct policy_state *state;
    struct snapshot *s;
};

static void *add_rows(struct world *w, enum row_type type, size_t count)
{
    const struct row_kind *k = row_kind(type);
    char *rows = arena_alloc_array(&w->a, count, k->size, _Alignof(max_align_t));

    for (size_t i = 0; i < count; i++) {
        row_set_defaults(k, rows + i * k->size);
        ((struct row_head *)(void *)(rows + i * k->size))->id = (int64_t)i + 1;
    }
    w->rows.rows[type] = rows;
    w->rows.counts[type] = count;
    return rows;
}

static void add_users(struct world *w, size_t users, size_t keys)
{
    struct user_row *u = add_rows(w, ROW_USER, users);
    struct key_row *k = add_rows(w, ROW_KEY, keys);
    struct provider_row *p = add_rows(w, ROW_PROVIDER, 1);

    p->name = SLICE("openai");
    p->channel = SLICE("openai");
    for (size_t i = 0; i < users; i++)
        u[i].name = arena_printf(&w->a, "user-%zu", i);
    for (size_t i = 0; i < keys; i++) {
        k[i].user_id = 1 + (int64_t)(i % users);
        k[i].digest = arena_printf(&w->a, "%032zu", i);
        k[i].prefix = SLICE("gp-12345");
    }
}

/* `limits` rows of the first user, and three quotas; one row of each for its first key. */
static void add_policy(struct world *w, size_t limits)
{
    static const char *const periods[] = {"day", "month", "total"};
    struct rate_limit_row *l = add_rows(w, ROW_RATE_LIMIT, limits + 1);
    struct quota_row *q = add_rows(w, ROW_QUOTA, 4);

    for (size_t i = 0; i <= limits; i++) {
        l[i].models = i == 0        ? SLICE("*")
                      : i == limits ? SLICE("gpt-*")
                      : i % 2       ? arena_printf(&w->a, "model-%zu-*", i)
                                    : arena_printf(&w->a, "openai/model-%zu", i);
        *(i == limits ? &l[i].key_id : &l[i].user_id) = 1;
        l[i].rpm = l[i].rpd = 1000000000;
        l[i].tpm = l[i].tpd = 1000000000000;
        l[i].max_concurrent = 1000;
    }
    for (size_t i = 0; i < 4; i++) {
        *(i == 3 ? &q[i].key_id : &q[i].user_id) = 1;
        q[i].period = slice_str(periods[i % 3]);
        q[i].usd_nusd = 1000000000000000000;
    }
}

static void world_build(struct world *w)
{
    w->state = policy_state_new();
    w->s = snapshot_build(&w->rows, w->state, 1, 4711, NULL, NULL);
}

static void world_free(struct world *w)
{
    snapshot_unref(w->s);
    policy_state_free(w->state);
    arena_release(&w->a);
}

static struct reserve_ask ask_of(const struct world *w)
{
    return (struct reserve_ask){
        .key = snapshot_key(w->s, 1),
        .asked_model = SLICE("gpt-5-mini-2026-01-01"),
        .provider = table_get(&w->s->providers, SLICE("openai")),
        .model = SLICE("gpt-5-mini-2026-01-01"),
        .tokens = 1500,
        .cost_nusd = 2000000,
        .is_priced = true,
        .now_ms = 1000000,
        .now_unix_ms = 1795780000000,
    };
}

/* Nanoseconds for a reservation and its settlement. */
static int64_t time_requests(const struct world *w)
{
    struct reserve_ask ask = ask_of(w);
    struct arena a;
    int64_t before;

    arena_init(&a, 0);
    before = clock_mono_ns();
    for (int i = 0; i < REQUESTS; i++) {
        struct reservation r = {.is_held = false};
        struct err_info e = {0};
        ask.now_ms += i % 16 == 0;
        ask.now_unix_ms += i % 16 == 0;
        if (account_reserve(&r, &ask, &a, &e)) {
            fprintf(stderr, "refused: %s\n", e.text);
            exit(1);
        }
        account_settle(&r, 1200, 1000000, ask.now_ms, ask.now_unix_ms);
        arena_reset(&a, 65536);
    }
    before = (clock_mono_ns() - before) / REQUESTS;
    arena_release(&a);
    return before;
}

static void report_requests(const char *what, size_t limits, bool policy)
{
    struct world w = {.state = NULL};
    int64_t best = INT64_MAX;

    arena_init(&w.a, 0);
    add_users(&w, 1, 1);
    if (policy)
        add_policy(&w, limits);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t ns;
        world_build(&w);
        ns = time_requests(&w);
        best = ns < best ? ns : best;
        snapshot_unref(w.s);
        policy_state_free(w.state);
    }
    w.s = NULL;
    w.state = NULL;
    printf("reserve and settle, %-34s %6lld ns\n", what, (long long)best);
    world_free(&w);
}

static void *run(void *arg)
{
    return (void *)(intptr_t)time_requests(arg);
}

/* All of one user: each request of every thread goes through one lock. */
static void report_threads(int count)
{
    struct world w = {.state = NULL};
    pthread_t threads[8];
    int64_t most = 0;

    arena_init(&w.a, 0);
    add_users(&w, 1, 1);
    add_policy(&w, 4);
    world_build(&w);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, run, &w);
    for (int i = 0; i < count; i++) {
        void *ns;
        pthread_join(threads[i], &ns);
        most = (intptr_t)ns > most ? (intptr_t)ns : most;
    }
    printf("reserve and settle, %d threads on one user %12lld ns\n", count, (long long)most);
    world_free(&w);
}

static void report_patterns(size_t count)
{
    struct slice *patterns, name = SLICE("openai/gpt-5-mini-2026-01-01");
    const struct pattern_set *set;
    struct arena a;
    int64_t best_ns = INT64_MAX;
    long found = 0;

    arena_init(&a, 0);
    patterns = arena_array(&a, struct slice, count);
    for (size_t i = 0; i < count; i++)
        patterns[i] = i % 3 ? arena_printf(&a, "openai/m-%zu", i) : arena_printf(&a, "p-%zu-*", i);
    set = pattern_set_new(&a, patterns, count, 4711);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t before = clock_mono_ns(), ns;
        for (int i = 0; i < REQUESTS; i++)
            found += pattern_set_best(set, &name, 1);
        ns = (clock_mono_ns() - before) / REQUESTS;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    printf("one name among %5zu patterns %24lld ns%s\n", count, (long long)best_ns,
           found < 0 ? "" : "!");
    arena_release(&a);
}

static void report_load(void)
{
    int64_t best_ms = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        struct world w = {.state = NULL};
        int64_t before, ms;
        arena_init(&w.a, 0);
        add_users(&w, KEYS / 10, KEYS);
        add_policy(&w, MANY);
        before = clock_mono_ms();
        world_build(&w);
        ms = clock_mono_ms() - before;
        best_ms = ms < best_ms ? ms : best_ms;
        world_free(&w);
    }
    printf("snapshot of %d keys and %d rows %14lld ms\n", KEYS, MANY, (long long)best_ms);
}

int main(void)
{
    report_requests("no limits", 0, false);
    report_requests("1 limit, 3 quotas; the same of key", 1, true);
    report_requests("8 limits", 8, true);
    report_requests("10,000 limits", MANY, true);
    report_threads(2);
    report_threads(8);
    report_patterns(8);
    report_patterns(MANY);
    report_load();
    return 0;
}
