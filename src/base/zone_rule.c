/* zone_rule.c - summer and winter time for ever: the TZ strings of POSIX. */
#include "base/zone_rule.h"

#include "base/zone.h"

#define DAY_S 86400

/* ---- dates: after Howard Hinnant, chrono-compatible low-level date algorithms, 2013 ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t civil_to_days(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil_date civil_from_days(int64_t days)
{
    int64_t since = days + 719468; // 0000-03-01
    int64_t era = floor_div(since, 146097), of_era = since - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int month = (int)((5 * of_year + 2) / 153);
    struct civil_date d = {
        .month = month < 10 ? month + 3 : month - 9,
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
    };

    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

/* ---- reading ---- */

struct text {
    struct slice rest;
    bool failed;
};

static bool take(struct text *t, char c)
{
    if (!t->rest.len || t->rest.ptr[0] != c)
        return false;
    t->rest = slice_after(t->rest, 1);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int take_number(struct text *t, int least, int most)
{
    int value = 0;
    size_t digits = 0;

    for (; t->rest.len && is_digit(t->rest.ptr[0]) && digits < 4; digits++) {
        value = value * 10 + (t->rest.ptr[0] - '0');
        t->rest = slice_after(t->rest, 1);
    }
    if (!digits || value < least || value > most)
        t->failed = true;
    return value;
}

/* [+-]hh[:mm[:ss]] */
static int32_t take_time(struct text *t, int most_hours)
{
    int sign = take(t, '-') ? -1 : 1;
    int32_t seconds;

    if (sign > 0)
        take(t, '+');
    seconds = take_number(t, 0, most_hours) * 3600;
    if (take(t, ':')) {
        seconds += take_number(t, 0, 59) * 60;
        if (take(t, ':'))
            seconds += take_number(t, 0, 59);
    }
    return sign * seconds;
}

/* An abbreviation, which nobody here asks for: letters, or anything plain in angle brackets. */
static void skip_name(struct text *t)
{
    bool quoted = take(t, '<');
    size_t len = 0;

    for (; len < t->rest.len; len++) {
        char c = t->rest.ptr[len];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(quoted && (is_digit(c) || c == '+' || c == '-')))
            break;
    }
    t->rest = slice_after(t->rest, len);
    if (len < 3 || (quoted && !take(t, '>')))
        t->failed = true;
}

static struct zone_date take_date(struct text *t)
{
    struct zone_date d = {.kind = ZONE_DATE_DAY, .time_s = 2 * 3600};

    if (!take(t, ','))
        t->failed = true;
    if (take(t, 'M')) {
        d.kind = ZONE_DATE_MONTH;
        d.month = take_number(t, 1, 12);
        t->failed |= !take(t, '.');
        d.week = take_number(t, 1, 5);
        t->failed |= !take(t, '.');
        d.weekday = take_number(t, 0, 6);
    } else if (take(t, 'J')) {
        d.kind = ZONE_DATE_JULIAN;
        d.day = take_number(t, 1, 365);
    } else {
        d.day = take_number(t, 0, 365);
    }
    if (take(t, '/'))
        d.time_s = take_time(t, 167);
    return d;
}

/* Distances in the text are west of UTC. */
bool zone_rule_parse(struct zone_rule *rule, struct slice text)
{
    struct text t = {.rest = text};
    struct zone_rule r = {.has_summer = false};

    skip_name(&t);
    r.standard_s = -take_time(&t, 24);
    if (t.rest.len && !t.failed) {
        r.has_summer = true;
        skip_name(&t);
        r.summer_s = r.standard_s + 3600;
        if (t.rest.len && t.rest.ptr[0] != ',')
            r.summer_s = -take_time(&t, 24);
        r.begin = take_date(&t);
        r.end = take_date(&t);
    }
    if (t.failed || t.rest.len)
        return false;
    *rule = r;
    return true;
}

/* ---- asking ---- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day since 1970 on which the date falls in a year. */
static int64_t day_of(const struct zone_date *d, int64_t year)
{
    int64_t first, day, next;

    switch (d->kind) {
    case ZONE_DATE_JULIAN:
        return civil_to_days(year, 1, 1) + d->day - 1 + (is_leap(year) && d->day >= 60);
    case ZONE_DATE_DAY: return civil_to_days(year, 1, 1) + d->day;
    case ZONE_DATE_MONTH: break;
    }
    first = civil_to_days(year, d->month, 1);
    next = d->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, d->month + 1, 1);
    day = first + ((d->weekday - (first + 4)) % 7 + 7) % 7; // 1970-01-01 was a Thursday
    day += (int64_t)(d->week - 1) * 7;
    return day < next ? day : day - 7;
}

struct change {
    int64_t at_s;
    int32_t offset_s; // from then on
};

/* Years enough on both sides: a change may be a week from its date, in another year. */
#define YEARS_AROUND 2
#define CHANGES      (2 * (2 * YEARS_AROUND + 1))

/* In the order of time; one that comes at the moment of another is behind it. */
static void insert(struct change *all, size_t count, struct change c)
{
    for (; count && all[count - 1].at_s > c.at_s; count--)
        all[count] = all[count - 1];
    all[count] = c;
}

static void changes_around(const struct zone_rule *r, int64_t year, struct change all[CHANGES])
{
    size_t count = 0;

    for (int64_t y = year - YEARS_AROUND; y <= year + YEARS_AROUND; y++) {
        int64_t begin = day_of(&r->begin, y) * DAY_S + r->begin.time_s - r->standard_s;
        int64_t end = day_of(&r->end, y) * DAY_S + r->end.time_s - r->summer_s;

        insert(all, count++, (struct change){end, r->standard_s});
        insert(all, count++, (struct change){begin, r->summer_s});
    }
}

struct zone_span zone_rule_span(const struct zone_rule *r, int64_t unix_s)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, r->standard_s};
    struct change all[CHANGES];

    if (!r->has_summer)
        return span;
    changes_around(r, civil_from_days(floor_div(unix_s + r->standard_s, DAY_S)).year, all);
    for (size_t i = 0; i < CHANGES; i++) {
        if (all[i].at_s > unix_s) {
            span.end_s = all[i].at_s;
            break;
        }
        span.begin_s = all[i].at_s;
        span.offset_s = all[i].offset_s;
    }
    return span;
}
