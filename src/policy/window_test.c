/* window_test.c - no span ever holds more than was admitted, and nothing is kept too long. */
#include "policy/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"

#define MINUTE (60 * WINDOW_MINUTE_MS)
#define DAY    (60 * WINDOW_DAY_MS)

/* What happens at one time is asked for at another. */
static const struct {
    const char *why;
    int64_t width_ms, at_ms, asked_ms, sum;
} cases[] = {
    {"at once",                     WINDOW_MINUTE_MS, 5000,    5000,          1},
    {"within the bucket",           WINDOW_MINUTE_MS, 5000,    5999,          1},
    {"after 59.999 s",              WINDOW_MINUTE_MS, 5000,    64999,         1},
    {"after 60 s to the ms",        WINDOW_MINUTE_MS, 5000,    65000,         1},
    {"the oldest counts whole",     WINDOW_MINUTE_MS, 5000,    65999,         1},
    {"gone a bucket later",         WINDOW_MINUTE_MS, 5000,    66000,         0},
    {"at a bucket's end",           WINDOW_MINUTE_MS, 5999,    65999,         1},
    {"gone in time",                WINDOW_MINUTE_MS, 5999,    66000,         0},
    {"long after",                  WINDOW_MINUTE_MS, 5000,    INT64_MAX / 2, 0},
    {"an older time counts now",    WINDOW_MINUTE_MS, 5000,    0,             1},
    {"the clock's beginning",       WINDOW_MINUTE_MS, 0,       60999,         1},
    {"a day",                       WINDOW_DAY_MS,    1440000, 87839999,      1},
    {"gone after a day and 24 min", WINDOW_DAY_MS,    1440000, 89280000,      0},
};

static void test_span(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct window w;
        window_init(&w, cases[i].width_ms);
        window_add(&w, cases[i].at_ms, 1);
        if (window_sum(&w, cases[i].asked_ms) != cases[i].sum)
            fail_msg("%s", cases[i].why);
    }
}

/*
 * Whatever times requests come at, no span of the window's length has more of them than
 * the limit; and one that is refused finds room after the time it was told, no sooner.
 */
static void check_any_span(int64_t width_ms, int64_t step_ms, int64_t limit, uint64_t seed)
{
    enum { TIMES = 20000 };
    static int64_t admitted[TIMES];
    const int64_t span = 60 * width_ms;
    struct random dice;
    struct window w;
    size_t count = 0, first = 0;
    int64_t now = 0;

    random_seed(&dice, (uint64_t[4]){seed, 1, 2, 3});
    window_init(&w, width_ms);
    for (int i = 0; i < TIMES; i++) {
        int64_t wait;
        now += (int64_t)random_below(&dice, (uint64_t)step_ms);
        if (random_below(&dice, 200) == 0)
            now += (int64_t)random_below(&dice, 2 * (uint64_t)span);
        wait = window_wait_ms(&w, now, limit - 1);
        assert_true(wait >= 0 && wait <= span + width_ms);
        assert_int_equal(wait == 0, window_sum(&w, now) < limit);
        if (wait > 0) {
            struct window later = w;
            assert_true(window_sum(&later, now + wait - 1) >= limit);
            assert_true(window_sum(&later, now + wait) < limit);
            continue;
        }
        window_add(&w, now, 1);
        admitted[count++] = now;
        while (admitted[first] <= now - span)
            first++;
        assert_true((int64_t)(count - first) <= limit);
    }
    assert_true(count > 1000);
}

static void test_any_span(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        check_any_span(WINDOW_MINUTE_MS, 500, 60, seed);
        check_any_span(WINDOW_MINUTE_MS, 40, 1000, seed);
        check_any_span(WINDOW_MINUTE_MS, 5000, 3, seed);
        check_any_span(WINDOW_DAY_MS, 700000, 100, seed);
    }
}

/* The same bucket by bucket: the running sum is what the slots hold. */
static void test_sum(void **state)
{
    struct random dice;
    struct window w;
    int64_t now = 0;

    (void)state;
    random_seed(&dice, (uint64_t[4]){9, 9, 9, 9});
    window_init(&w, WINDOW_MINUTE_MS);
    for (int i = 0; i < 20000; i++) {
        int64_t sum = 0, bucket;
        now += (int64_t)random_below(&dice, 3000);
        bucket = window_add(&w, now, (int64_t)random_below(&dice, 100));
        if (random_below(&dice, 3) == 0)
            window_take_back(&w, bucket, now + (int64_t)random_below(&dice, 70000), 40);
        for (int s = 0; s < WINDOW_SLOTS; s++) {
            assert_true(w.slots[s] >= 0);
            sum += w.slots[s];
        }
        assert_int_equal(sum, w.sum);
    }
}

static void test_take_back(void **state)
{
    struct window w;
    int64_t bucket;

    (void)state;
    window_init(&w, WINDOW_MINUTE_MS);
    bucket = window_add(&w, 5000, 3);
    window_add(&w, 7000, 1);
    window_take_back(&w, bucket, 8000, 2);
    assert_int_equal(window_sum(&w, 8000), 2);
    window_take_back(&w, bucket, 8000, 9); // more than there is
    assert_int_equal(window_sum(&w, 8000), 1);
    window_add(&w, 66000, 5); // in the slot that the first bucket had
    window_take_back(&w, bucket, 66000, 5);
    assert_int_equal(window_sum(&w, 66000), 6);
    window_take_back(&w, INT64_MIN, 66000, 5);
    assert_int_equal(window_sum(&w, 66000), 6);
}

static void test_past(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, WINDOW_DAY_MS);
    window_add_past(&w, 1000 - DAY, 1000, 7); // before the clock began
    window_add_past(&w, 1000 - DAY - 2 * WINDOW_DAY_MS, 1000, 100);
    window_add_past(&w, INT64_MIN / 2, 1000, 100);
    window_add_past(&w, 9000, 1000, 2); // not yet: now
    assert_int_equal(window_sum(&w, 1000), 9);
    assert_int_equal(window_sum(&w, 1000 + WINDOW_DAY_MS), 2);
    assert_int_equal(window_sum(&w, DAY), 2);
    assert_int_equal(window_sum(&w, DAY + WINDOW_DAY_MS), 0);
}

static void test_waits(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, WINDOW_MINUTE_MS);
    assert_int_equal(window_wait_ms(&w, 500, 0), 0);
    assert_int_equal(window_free_ms(&w, 500), 0);
    window_add(&w, 500, 10);
    window_add(&w, 2500, 5);
    assert_int_equal(window_wait_ms(&w, 3000, 15), 0);
    assert_int_equal(window_wait_ms(&w, 3000, 14), MINUTE + 1000 - 3000);
    assert_int_equal(window_wait_ms(&w, 3000, 5), MINUTE + 1000 - 3000);
    assert_int_equal(window_wait_ms(&w, 3000, 4), MINUTE + 3000 - 3000);
    assert_int_equal(window_free_ms(&w, 3000), MINUTE);
    assert_true(window_free_ms(&w, 0) > 0); // a clock that lags
    assert_int_equal(window_free_ms(&w, MINUTE + 3000), 0);
}

static void test_huge(void **state)
{
    struct window w;

    (void)state;
    window_init(&w, WINDOW_MINUTE_MS);
    window_add(&w, 0, INT64_MAX);
    window_add(&w, 1000, INT64_MAX);
    assert_int_equal(window_sum(&w, 1000), INT64_MAX);
    assert_int_equal(window_wait_ms(&w, 1000, 0), MINUTE);
    assert_int_equal(window_sum(&w, MINUTE + 1000), 0);
    window_add(&w, MINUTE + 1000, 4);
    assert_int_equal(window_sum(&w, MINUTE + 1000), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span), cmocka_unit_test(test_any_span),
        cmocka_unit_test(test_sum),  cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_past), cmocka_unit_test(test_waits),
        cmocka_unit_test(test_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
