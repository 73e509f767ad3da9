/* period.c - the periods of quotas, in UTC. */
#include "policy/period.h"

#include "base/clock.h"

/* A hundred thousand years either way: all of the arithmetic below has room. */
#define FARTHEST_MS (INT64_C(36525000) * DAY_MS)

#define DAYS_OF_ERA    146097 // four hundred years
#define MONTHS_OF_YEAR 12

static const char *const names[PERIOD_COUNT] = {"total", "day", "week", "month"};

const char *period_name(enum quota_period p)
{
    return names[p];
}

bool period_parse(struct slice name, enum quota_period *out)
{
    for (int p = 0; p < PERIOD_COUNT; p++) {
        if (slice_eq(name, slice_str(names[p]))) {
            *out = (enum quota_period)p;
            return true;
        }
    }
    return false;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01 to months since the year 0, after Howard Hinnant, 2013. */
static int64_t month_of(int64_t day)
{
    int64_t days = day + 719468; // since 0000-03-01, so that a leap day comes last
    int64_t era = floor_div(days, DAYS_OF_ERA);
    int64_t of_era = days - era * DAYS_OF_ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; // 0: March

    return (era * 400 + year) * MONTHS_OF_YEAR + month + 2;
}

/* The first day of a month; the reverse of the above. */
static int64_t first_day_of(int64_t month)
{
    int64_t march = month - 2;
    int64_t years = floor_div(march, MONTHS_OF_YEAR);
    int64_t era = floor_div(years, 400);
    int64_t year = years - era * 400;
    int64_t of_year = (153 * (march - years * MONTHS_OF_YEAR) + 2) / 5;

    return era * DAYS_OF_ERA + 365 * year + year / 4 - year / 100 + of_year - 719468;
}

int64_t period_index(enum quota_period p, int64_t unix_ms)
{
    int64_t day;

    if (unix_ms > FARTHEST_MS)
        unix_ms = FARTHEST_MS;
    if (unix_ms < -FARTHEST_MS)
        unix_ms = -FARTHEST_MS;
    day = floor_div(unix_ms, DAY_MS);
    switch (p) {
    case PERIOD_DAY: return day;
    case PERIOD_WEEK: return floor_div(day + 3, 7); // 1970-01-01 was a Thursday
    case PERIOD_MONTH: return month_of(day);
    case PERIOD_TOTAL:
    case PERIOD_COUNT: break;
    }
    return 0;
}

int64_t period_start_unix_ms(enum quota_period p, int64_t index)
{
    switch (p) {
    case PERIOD_DAY: return index * DAY_MS;
    case PERIOD_WEEK: return (index * 7 - 3) * DAY_MS;
    case PERIOD_MONTH: return first_day_of(index) * DAY_MS;
    case PERIOD_TOTAL:
    case PERIOD_COUNT: break;
    }
    return 0;
}
