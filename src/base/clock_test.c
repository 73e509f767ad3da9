/* clock_test.c - dates to text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/random.h"

#define YEAR_0_MS    (-62167219200000LL) // 0000-01-01T00:00:00Z
#define YEAR_9999_MS 253402300799999LL   // its last millisecond

/* What libc says, and back again. */
static void check(int64_t unix_ms)
{
    int64_t ms = (unix_ms % 1000 + 1000) % 1000, again = 0;
    time_t seconds = (time_t)((unix_ms - ms) / 1000);
    char expected[64], text[CLOCK_TEXT_BYTES + 1];
    struct tm tm;

    memset(text, '#', sizeof(text));
    gmtime_r(&seconds, &tm);
    snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    clock_format_unix_ms(unix_ms, text);
    assert_int_equal(text[CLOCK_TEXT_BYTES], '#');
    assert_string_equal(text, expected);
    if (!clock_parse(slice_str(text), &again) || again != unix_ms)
        fail_msg("%s is read as %lld", text, (long long)again);
}

static void test_against_libc(void **state)
{
    const uint64_t seed[4] = {5, 6, 7, 8};
    struct random r;

    (void)state;
    random_seed(&r, seed);
    for (int64_t day = -719528; day <= 2932896; day += 1 + (day < -40000 || day > 60000 ? 6 : 0)) {
        check(day * 86400000); // its first and its last millisecond
        check(day * 86400000 + 86399999);
    }
    for (int i = 0; i < 200000; i++)
        check(YEAR_0_MS + (int64_t)random_below(&r, (uint64_t)(YEAR_9999_MS - YEAR_0_MS)));
    check(YEAR_0_MS);
    check(YEAR_9999_MS);
    check(-1);
    check(0);
}

static void test_parse(void **state)
{
    static const struct {
        const char *in;
        int64_t out;
    } cases[] = {
        {"1970-01-01T00:00:00Z",              0            },
        {"1970-01-01t00:00:00z",              0            },
        {"1970-01-01 00:00:00Z",              0            },
        {"1970-01-01T00:00:00.1Z",            100          },
        {"1970-01-01T00:00:00.12Z",           120          },
        {"1970-01-01T00:00:00.123Z",          123          },
        {"1970-01-01T00:00:00.123999999999Z", 123          },
        {"1970-01-01T01:00:00+01:00",         0            },
        {"1969-12-31T23:00:00-01:00",         0            },
        {"1970-01-01T00:00:00+00:00",         0            },
        {"1970-01-01T00:00:00-00:00",         0            },
        {"1970-01-01T05:45:00.5+05:45",       500          },
        {"1970-01-01T00:00:00+23:59",         -86340000    },
        {"1970-01-01T00:00:00-23:59",         86340000     },
        {"1969-12-31T23:59:59.999Z",          -1           },
        {"2024-02-29T12:00:00Z",              1709208000000},
        {"2000-02-29T00:00:00Z",              951782400000 },
        {"2026-11-22T16:03:00.000Z",          1795363380000},
        {"2016-12-31T23:59:60Z",              1483228800000}, // a leap second
        {"2016-12-31T18:59:60.5-05:00",       1483228800500},
        {"2017-06-15T12:34:60Z",              1497530100000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t out = INT64_MIN;
        if (!clock_parse(slice_str(cases[i].in), &out) || out != cases[i].out)
            fail_msg("%s: %lld", cases[i].in, (long long)out);
    }
}

static void test_refusals(void **state)
{
    static const char *const cases[] = {
        "2026-02-30T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00X",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z",
        "2026-01-01_00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00Z",
        "26-01-01T00:00:00Z",
        "02026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
        "2026-01-1T00:00:00Z",
        "2026/01/01T00:00:00Z",
        "2026-01-01T0:00:00Z",
        "-026-01-01T00:00:00Z",
        "+026-01-01T00:00:00Z",
        "2026-01-01T00:00:-1Z",
        "",
        "now",
        "1700000000",
        "2026-01-01T00:00:00.5",
        "2026-01-01T00:00:00Z+01:00",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t out;
        if (clock_parse(slice_str(cases[i]), &out))
            fail_msg("%s is accepted", cases[i]);
    }
}

/* No beginning of a date is one, and nothing behind the end is looked at. */
static void test_every_cut(void **state)
{
    static const char text[] = "2026-11-22T16:03:00.123+05:30";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len + 1);
        int64_t out;

        memcpy(copy, text, len);
        assert_int_equal(clock_parse(slice_of(copy, len), &out), len == sizeof(text) - 1);
        free(copy);
    }
}

static void test_now(void **state)
{
    int64_t mono_ns = clock_mono_ns(), mono_ms = clock_mono_ms(), unix_ms = clock_unix_ms();

    (void)state;
    assert_true(mono_ns > 0 && mono_ms >= mono_ns / 1000000);
    assert_true(clock_mono_ns() >= mono_ns);
    assert_in_range(unix_ms / 1000, (int64_t)time(NULL) - 2, (int64_t)time(NULL) + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_libc), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
