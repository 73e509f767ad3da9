/* period_test.c - days, weeks and months begin when the calendar says. */
#include "policy/period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"

/* When it is, and when its day, week and month began. */
static const struct {
    const char *now, *day, *week, *month;
} cases[] = {
    {"1970-01-01T00:00:00Z",     "1970-01-01", "1969-12-29", "1970-01-01"},
    {"1970-01-04T23:59:59.999Z", "1970-01-04", "1969-12-29", "1970-01-01"},
    {"1970-01-05T00:00:00Z",     "1970-01-05", "1970-01-05", "1970-01-01"},
    {"2000-02-29T12:00:00Z",     "2000-02-29", "2000-02-28", "2000-02-01"},
    {"2024-02-29T23:59:59.999Z", "2024-02-29", "2024-02-26", "2024-02-01"},
    {"2024-03-01T00:00:00Z",     "2024-03-01", "2024-02-26", "2024-03-01"},
    {"2025-02-28T23:59:59.999Z", "2025-02-28", "2025-02-24", "2025-02-01"},
    {"2025-03-01T00:00:00Z",     "2025-03-01", "2025-02-24", "2025-03-01"},
    {"2026-11-29T23:59:59.999Z", "2026-11-29", "2026-11-23", "2026-11-01"}, // a Sunday
    {"2026-11-30T00:00:00Z",     "2026-11-30", "2026-11-30", "2026-11-01"},
    {"2026-12-31T23:59:59.999Z", "2026-12-31", "2026-12-28", "2026-12-01"},
    {"2027-01-01T00:00:00Z",     "2027-01-01", "2026-12-28", "2027-01-01"},
    {"2100-02-28T23:59:59.999Z", "2100-02-28", "2100-02-22", "2100-02-01"}, // no leap year
    {"2100-03-01T00:00:00Z",     "2100-03-01", "2100-03-01", "2100-03-01"},
    {"1969-12-31T23:59:59.999Z", "1969-12-31", "1969-12-29", "1969-12-01"},
};

static void check_start(enum quota_period p, int64_t now, const char *expected)
{
    char text[CLOCK_TEXT_BYTES];
    int64_t index = period_index(p, now);

    clock_format_unix_ms(period_start_unix_ms(p, index), text);
    if (!slice_starts(slice_str(text), slice_str(expected)) ||
        !slice_eq(slice_after(slice_str(text), 10), SLICE("T00:00:00.000Z")))
        fail_msg("%s: %s, not %s", period_name(p), text, expected);
}

static void test_starts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t now;
        assert_true(clock_parse(slice_str(cases[i].now), &now));
        check_start(PERIOD_DAY, now, cases[i].day);
        check_start(PERIOD_WEEK, now, cases[i].week);
        check_start(PERIOD_MONTH, now, cases[i].month);
        assert_int_equal(period_index(PERIOD_TOTAL, now), 0);
        assert_int_equal(period_start_unix_ms(PERIOD_TOTAL, 0), 0);
    }
}

/* Each period begins where the one before it ends, over four hundred years of days. */
static void test_no_gap(void **state)
{
    const int64_t day_ms = 86400000, from = -100 * 365 * day_ms, to = 330 * 365 * day_ms;

    (void)state;
    for (int p = PERIOD_DAY; p < PERIOD_COUNT; p++) {
        enum quota_period period = (enum quota_period)p;
        int64_t before = period_index(period, from - 1);
        for (int64_t at = from; at < to; at += day_ms) {
            int64_t index = period_index(period, at);
            assert_true(index == before || index == before + 1);
            if (index != before)
                assert_int_equal(period_start_unix_ms(period, index), at);
            assert_true(period_start_unix_ms(period, index) <= at);
            assert_true(period_start_unix_ms(period, index + 1) > at);
            assert_int_equal(period_index(period, at + day_ms - 1), index);
            before = index;
        }
    }
}

static void test_far(void **state)
{
    (void)state;
    for (int p = 0; p < PERIOD_COUNT; p++) {
        enum quota_period period = (enum quota_period)p;
        int64_t last = period_index(period, INT64_MAX), first = period_index(period, INT64_MIN);
        assert_true(first <= period_index(period, 0) && period_index(period, 0) <= last);
        assert_true(period_start_unix_ms(period, first) <= period_start_unix_ms(period, last + 1));
    }
}

static void test_names(void **state)
{
    enum quota_period p;

    (void)state;
    for (int i = 0; i < PERIOD_COUNT; i++) {
        assert_true(period_parse(slice_str(period_name((enum quota_period)i)), &p));
        assert_int_equal(p, i);
    }
    assert_false(period_parse(SLICE("year"), &p));
    assert_false(period_parse(SLICE(""), &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_no_gap),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
