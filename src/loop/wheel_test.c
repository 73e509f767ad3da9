/* wheel_test.c - timers fire in order, never early, hardly late, wherever their deadlines move. */
#include "loop/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"

#define START_MS 1234567

static int64_t now_ms;

struct alarm {
    struct timer timer;
    int64_t fired_ms, wanted_ms;
};

static void on_fire(void *alarm)
{
    struct alarm *a = alarm;

    assert_int_equal(a->timer.at_ms, 0);
    a->fired_ms = now_ms;
}

static void set(struct wheel *wheel, struct alarm *a, int64_t at_ms)
{
    a->wanted_ms = a->timer.at_ms = at_ms;
    if (list_is_empty(&a->timer.link) || at_ms < a->timer.filed_ms)
        wheel_file(wheel, &a->timer);
}

/* Goes from one wake to the next, as the worker does; answers how many it took. */
static int run_to(struct wheel *wheel, int64_t end_ms)
{
    int wakes = 0;

    for (int64_t next_ms; (next_ms = wheel_next_ms(wheel)) != 0 && next_ms <= end_ms; wakes++) {
        assert_true(next_ms > now_ms - WHEEL_TICK_MS);
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        wheel_advance(wheel, now_ms);
    }
    now_ms = end_ms > now_ms ? end_ms : now_ms;
    wheel_skip(wheel, now_ms);
    return wakes;
}

static void test_one_timer(void **state)
{
    static const struct {
        const char *why;
        int64_t after_ms;
        int wakes_max;
    } cases[] = {
        {"in the past",         -500,                 1 },
        {"now",                 0,                    1 },
        {"soon",                1,                    1 },
        {"a tick",              WHEEL_TICK_MS,        1 },
        {"the first circle",    480,                  1 },
        {"just beyond it",      512,                  2 },
        {"a second",            1000,                 2 },
        {"half a minute",       30000,                2 },
        {"an hour",             3600000,              4 },
        {"a day",               86400000,             4 },
        {"a month",             2592000000,           5 },
        {"beyond every circle", 400LL * 86400 * 1000, 12},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct wheel wheel;
        struct alarm a = {0};
        int wakes;

        now_ms = START_MS + (int64_t)i * 777;
        wheel_init(&wheel, now_ms);
        timer_init(&a.timer, on_fire, &a);
        set(&wheel, &a, now_ms + cases[i].after_ms);
        wakes = run_to(&wheel, (a.wanted_ms > now_ms ? a.wanted_ms : now_ms) + 100);
        if (!a.fired_ms || a.fired_ms < a.wanted_ms || wakes > cases[i].wakes_max)
            fail_msg("%s: fired %lld ms late after %d wakes", cases[i].why,
                     (long long)(a.fired_ms - a.wanted_ms), wakes);
        if (cases[i].after_ms > 0)
            assert_true(a.fired_ms - a.wanted_ms < WHEEL_TICK_MS);
        assert_int_equal(wheel_next_ms(&wheel), 0);
    }
}

static void test_moving_later_keeps_the_slot(void **state)
{
    static struct wheel wheel;
    struct alarm a = {0};
    int64_t filed_ms;

    (void)state;
    now_ms = START_MS;
    wheel_init(&wheel, now_ms);
    timer_init(&a.timer, on_fire, &a);
    set(&wheel, &a, now_ms + 100);
    filed_ms = a.timer.filed_ms;
    set(&wheel, &a, now_ms + 5000);
    assert_int_equal(a.timer.filed_ms, filed_ms);
    run_to(&wheel, START_MS + 4999);
    assert_int_equal(a.fired_ms, 0);
    run_to(&wheel, START_MS + 5010);
    assert_in_range(a.fired_ms, START_MS + 5000, START_MS + 5000 + WHEEL_TICK_MS);

    set(&wheel, &a, now_ms + 60000);
    set(&wheel, &a, now_ms + 20); // earlier: moves at once
    run_to(&wheel, a.wanted_ms + 10);
    assert_in_range(a.fired_ms, a.wanted_ms, a.wanted_ms + WHEEL_TICK_MS);
}

static struct alarm pair[2];

static void clear_other(void *ctx)
{
    (void)ctx;
    timer_clear(&pair[1].timer);
}

static void postpone_other(void *ctx)
{
    (void)ctx;
    pair[1].timer.at_ms = pair[1].wanted_ms = now_ms + 1000; // one store, as timer_set() does
}

static void test_firing_changes_another(void **state)
{
    static struct wheel wheel;

    (void)state;
    for (int postpone = 0; postpone < 2; postpone++) {
        now_ms = START_MS;
        wheel_init(&wheel, now_ms);
        pair[1].fired_ms = 0;
        timer_init(&pair[0].timer, postpone ? postpone_other : clear_other, NULL);
        timer_init(&pair[1].timer, on_fire, &pair[1]);
        set(&wheel, &pair[0], now_ms + 50);
        set(&wheel, &pair[1], now_ms + 50);
        run_to(&wheel, START_MS + 900);
        assert_int_equal(pair[1].fired_ms, 0);
        run_to(&wheel, START_MS + 2000);
        assert_int_equal(pair[1].fired_ms != 0, postpone);
    }
}

/* Many timers that move about, against the plain truth. */
static void test_at_random(void **state)
{
    static struct wheel wheel;
    static struct alarm alarms[300];
    struct random r;

    (void)state;
    random_seed(&r, (uint64_t[4]){1, 2, 3, 4});
    now_ms = START_MS;
    wheel_init(&wheel, now_ms);
    for (size_t i = 0; i < ARRAY_LEN(alarms); i++)
        timer_init(&alarms[i].timer, on_fire, &alarms[i]);
    for (int round = 0; round < 20000; round++) {
        struct alarm *a = &alarms[random_below(&r, ARRAY_LEN(alarms))];
        int64_t span_ms = (int64_t)1 << random_below(&r, 24);

        if (random_below(&r, 8) == 0) {
            timer_clear(&a->timer);
            a->wanted_ms = a->fired_ms = 0;
        } else {
            set(&wheel, a, now_ms + 1 + (int64_t)random_below(&r, (uint64_t)span_ms));
            a->fired_ms = 0;
        }
        run_to(&wheel, now_ms + (int64_t)random_below(&r, 100) * (int64_t)random_below(&r, 100));
        for (size_t i = 0; i < ARRAY_LEN(alarms); i++) {
            bool due = alarms[i].wanted_ms && alarms[i].wanted_ms + WHEEL_TICK_MS <= now_ms;
            if (alarms[i].fired_ms) {
                assert_true(alarms[i].fired_ms >= alarms[i].wanted_ms);
                assert_true(alarms[i].fired_ms < alarms[i].wanted_ms + WHEEL_TICK_MS);
            } else {
                assert_false(due);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_timer),
        cmocka_unit_test(test_moving_later_keeps_the_slot),
        cmocka_unit_test(test_firing_changes_another),
        cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
