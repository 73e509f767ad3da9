/* zone.c - what the clocks on the walls of a place show, and when its days begin. */
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define DAY_S        86400
#define QUARTER_S    900
#define HEADER_BYTES 44
#define INFO_BYTES   6
#define NAME_MOST    64

/* RFC 9636, 3.2: further from UTC no offset may be. */
#define OFFSET_LEAST (-89999)
#define OFFSET_MOST  93599

/* Seconds.  Beyond it, some ten million years away, all is as it was there: no sum overflows. */
#define MOMENT_MOST ((int64_t)1 << 48)

/* ---- reading ---- */

static uint64_t read_big(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static int64_t time_at(const struct zone *z, size_t i)
{
    return (int64_t)read_big(z->times + i * 8, 8);
}

static int32_t info_offset(const struct zone *z, size_t info)
{
    return (int32_t)(uint32_t)read_big(z->infos + info * INFO_BYTES, 4);
}

/* What a header says of the block that follows it; RFC 9636, 3.1. */
struct counts {
    uint64_t ut, standard, leap, times, infos, chars;
};

static bool read_header(struct slice from, struct counts *out)
{
    const unsigned char *at = (const unsigned char *)from.ptr;

    if (from.len < HEADER_BYTES || !slice_starts(from, SLICE("TZif")) || at[4] < '2')
        return false;
    *out = (struct counts){read_big(at + 20, 4), read_big(at + 24, 4), read_big(at + 28, 4),
                           read_big(at + 32, 4), read_big(at + 36, 4), read_big(at + 40, 4)};
    return true;
}

/* Numbers of 32 bits by small ones: no overflow. */
static uint64_t block_bytes(const struct counts *c, uint64_t time_bytes)
{
    return c->times * (time_bytes + 1) + c->infos * INFO_BYTES + c->chars +
           c->leap * (time_bytes + 4) + c->standard + c->ut;
}

static bool check_tables(const struct zone *z)
{
    for (size_t i = 0; i < z->count; i++) {
        if (z->types[i] >= z->info_count || (i && time_at(z, i) <= time_at(z, i - 1)))
            return false;
    }
    for (size_t i = 0; i < z->info_count; i++) {
        if (info_offset(z, i) < OFFSET_LEAST || info_offset(z, i) > OFFSET_MOST)
            return false;
    }
    return z->info_count > 0;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; with nothing between, the last offset stays. */
static bool read_footer(struct zone *z, struct slice from)
{
    struct slice rest, text;

    if (!slice_starts(from, SLICE("\n")) || !memchr(from.ptr + 1, '\n', from.len - 1))
        return false;
    text = slice_cut(slice_after(from, 1), '\n', &rest);
    z->has_rule = text.len > 0;
    return !text.len || zone_rule_parse(&z->rule, text);
}

bool zone_parse(struct zone *out, struct slice tzif)
{
    struct zone z = {.times = NULL};
    const unsigned char *at;
    struct counts c;
    uint64_t bytes;

    if (!read_header(tzif, &c) || block_bytes(&c, 4) > tzif.len - HEADER_BYTES)
        return false;
    tzif = slice_after(tzif, HEADER_BYTES + (size_t)block_bytes(&c, 4)); // the 32-bit half
    if (!read_header(tzif, &c) || c.leap)
        return false;
    bytes = block_bytes(&c, 8);
    if (bytes > tzif.len - HEADER_BYTES)
        return false;
    at = (const unsigned char *)tzif.ptr + HEADER_BYTES;
    z.count = (size_t)c.times;
    z.info_count = (size_t)c.infos;
    z.times = at;
    z.types = z.times + z.count * 8;
    z.infos = z.types + z.count;
    if (!check_tables(&z) || !read_footer(&z, slice_after(tzif, HEADER_BYTES + (size_t)bytes)))
        return false;
    *out = z;
    return true;
}

bool zone_parse_rule(struct zone *z, struct slice text)
{
    *z = (struct zone){.times = NULL};
    return zone_rule_parse(&z->rule, text);
}

static bool read_two(struct slice s, size_t at, uint64_t most, uint64_t *out)
{
    return slice_to_u64(slice_sub(s, at, 2), out) && *out <= most;
}

bool zone_parse_fixed(struct zone *z, struct slice text)
{
    uint64_t hours, minutes;
    int sign = slice_starts(text, SLICE("-")) ? -1 : 1;

    *z = (struct zone){.times = NULL};
    if (slice_eq(text, SLICE("UTC")) || slice_eq(text, SLICE("Z")))
        return true;
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':' ||
        !read_two(text, 1, 18, &hours) || !read_two(text, 4, 59, &minutes))
        return false;
    z->rule.standard_s = sign * (int32_t)(hours * 3600 + minutes * 60);
    return z->rule.standard_s % QUARTER_S == 0 && hours * 60 + minutes <= 18 * 60;
}

bool zone_is_name(struct slice text)
{
    char before = '/';

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (before == '/' || !memchr("/_+-.", c, 5)))
            return false; // no part of it begins with a dot, and none is empty
        before = c;
    }
    return text.len && text.len <= NAME_MOST && before != '/';
}

/* ---- asking ---- */

/* The number of changes that have come by then. */
static size_t changes_until(const struct zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (time_at(z, middle) <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct zone_span zone_span_at(const struct zone *z, int64_t unix_s)
{
    size_t passed;
    struct zone_span span;

    unix_s = earlier(later(unix_s, -MOMENT_MOST), MOMENT_MOST);
    passed = changes_until(z, unix_s);

    if (!z->infos)
        return zone_rule_span(&z->rule, unix_s);
    if (passed == z->count && z->has_rule) {
        span = zone_rule_span(&z->rule, unix_s);
        if (passed && span.begin_s < time_at(z, passed - 1))
            span.begin_s = time_at(z, passed - 1);
        return span;
    }
    return (struct zone_span){
        .begin_s = passed ? time_at(z, passed - 1) : INT64_MIN,
        .end_s = passed < z->count ? time_at(z, passed) : INT64_MAX,
        .offset_s = info_offset(z, passed ? z->types[passed - 1] : 0),
    };
}

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;

    return value - (rest < 0 ? rest + unit : rest);
}

/* The wall's midnight that has been, or the change of clocks that has brought the date. */
static int64_t day_begin(const struct zone *z, struct zone_span span, int64_t midnight)
{
    while (midnight - span.offset_s <= span.begin_s) {
        struct zone_span before = zone_span_at(z, span.begin_s - 1);

        if (floor_to(span.begin_s - 1 + before.offset_s, DAY_S) != midnight)
            return span.begin_s;
        span = before;
    }
    return midnight - span.offset_s;
}

/* The first moment of a later date; one that comes again after clocks went back is the same. */
static int64_t day_end(const struct zone *z, struct zone_span span, int64_t midnight)
{
    while (midnight + DAY_S - span.offset_s >= span.end_s) {
        struct zone_span after = zone_span_at(z, span.end_s);

        if (floor_to(span.end_s + after.offset_s, DAY_S) > midnight)
            return span.end_s;
        span = after;
    }
    return midnight + DAY_S - span.offset_s;
}

static int64_t seconds_of(int64_t unix_ms)
{
    return earlier(later(unix_ms / 1000 - (unix_ms % 1000 < 0), -MOMENT_MOST), MOMENT_MOST);
}

static struct zone_slot slot_of(int64_t begin_s, int64_t end_s)
{
    return (struct zone_slot){begin_s * 1000, end_s * 1000};
}

struct zone_slot zone_slot_at(const struct zone *z, enum zone_step step, int64_t unix_ms)
{
    int64_t unix_s = seconds_of(unix_ms);
    struct zone_span span = zone_span_at(z, unix_s);
    int64_t unit = step == ZONE_MINUTE ? 60 : 3600;
    int64_t begin = floor_to(unix_s + span.offset_s, unit) - span.offset_s, midnight;

    if (step != ZONE_DAY)
        return slot_of(later(begin, span.begin_s), earlier(begin + unit, span.end_s));
    midnight = floor_to(unix_s + span.offset_s, DAY_S);
    return slot_of(day_begin(z, span, midnight), day_end(z, span, midnight));
}

void zone_format(const struct zone *z, int64_t unix_ms, char out[ZONE_TEXT_BYTES])
{
    int64_t unix_s = seconds_of(unix_ms);
    int32_t offset = zone_span_at(z, unix_s).offset_s,
            minutes = (offset < 0 ? -offset : offset) / 60;
    int64_t local = unix_s + offset, day = floor_to(local, DAY_S);
    struct civil_date date = civil_from_days(day / DAY_S);
    int of_day = (int)(local - day);
    int len =
        snprintf(out, ZONE_TEXT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)date.year,
                 date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60);

    if (!offset)
        snprintf(out + len, ZONE_TEXT_BYTES - (size_t)len, "Z");
    else
        snprintf(out + len, ZONE_TEXT_BYTES - (size_t)len, "%c%02d:%02d", offset < 0 ? '-' : '+',
                 minutes / 60, minutes % 60);
}
