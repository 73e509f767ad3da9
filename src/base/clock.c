/* clock.c - what time it is. */
#include "base/clock.h"

#include <time.h>

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}

int64_t clock_unix_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static char *put_digits(char *at, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digits;
}

/* By hand: every log line and every record has one.  Days to a date after Howard Hinnant, 2013. */
void clock_format_unix_ms(int64_t unix_ms, char out[CLOCK_TEXT_BYTES])
{
    int64_t ms = ((unix_ms % 1000) + 1000) % 1000, seconds = (unix_ms - ms) / 1000;
    int64_t of_day = ((seconds % 86400) + 86400) % 86400;
    int64_t days = (seconds - of_day) / 86400 + 719468; // since 0000-03-01
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    unsigned day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
    char *at = out;

    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    at = put_digits(at, (unsigned)(year % 10000), 4);
    *at++ = '-';
    at = put_digits(at, (unsigned)month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, (unsigned)(of_day / 3600), 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)(of_day / 60 % 60), 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)(of_day % 60), 2);
    *at++ = '.';
    at = put_digits(at, (unsigned)ms, 3);
    *at++ = 'Z';
    *at = '\0';
}

/* Reads exactly `digits` digits at `*at`, and the byte `then` after them unless it is 0. */
static bool read_number(struct slice s, size_t *at, size_t digits, char then, int *out)
{
    uint64_t value;

    if (s.len - *at < digits + (then ? 1 : 0) || !slice_to_u64(slice_sub(s, *at, digits), &value))
        return false;
    *at += digits;
    if (then && s.ptr[(*at)++] != then)
        return false;
    *out = (int)value;
    return true;
}

static bool read_offset(struct slice s, size_t *at, int64_t *seconds)
{
    int hours, minutes, sign;

    if (*at >= s.len)
        return false;
    *seconds = 0;
    sign = s.ptr[*at] == '-' ? -1 : 1;
    switch (s.ptr[(*at)++]) {
    case 'Z':
    case 'z': return true;
    case '+':
    case '-': break;
    default: return false;
    }
    if (!read_number(s, at, 2, ':', &hours) || !read_number(s, at, 2, 0, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse(struct slice text, int64_t *unix_ms)
{
    struct tm tm = {0};
    int64_t offset, ms = 0;
    size_t at = 0;
    int month_day, seconds;

    if (!read_number(text, &at, 4, '-', &tm.tm_year) ||
        !read_number(text, &at, 2, '-', &tm.tm_mon) || !read_number(text, &at, 2, 0, &tm.tm_mday) ||
        at >= text.len || (text.ptr[at] != 'T' && text.ptr[at] != 't' && text.ptr[at] != ' '))
        return false;
    at++;
    if (!read_number(text, &at, 2, ':', &tm.tm_hour) ||
        !read_number(text, &at, 2, ':', &tm.tm_min) || !read_number(text, &at, 2, 0, &seconds))
        return false;
    if (at < text.len && text.ptr[at] == '.') {
        int64_t unit = 100;
        size_t first = ++at;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, unit /= 10)
            ms += unit * (text.ptr[at] - '0');
        if (at == first)
            return false;
    }
    if (!read_offset(text, &at, &offset) || at != text.len || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || seconds > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    month_day = tm.tm_mday;
    *unix_ms = ((int64_t)timegm(&tm) + seconds - offset) * 1000 + ms; // 23:59:60 is 00:00:00
    return tm.tm_mday == month_day; // timegm() moves February 30th to March
}
