/* zone_rule.h - summer and winter time for ever: the TZ strings of POSIX. */
#ifndef BASE_ZONE_RULE_H
#define BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum zone_date_kind {
    ZONE_DATE_MONTH,  // Mm.w.d: that weekday of a month
    ZONE_DATE_JULIAN, // Jn: a day from 1, February 29th never counted
    ZONE_DATE_DAY,    // n: a day from 0
};

/* A moment of every year. */
struct zone_date {
    enum zone_date_kind kind;
    int month, week, weekday; // week 5: the last; weekday 0: Sunday
    int day;
    int32_t time_s; // after midnight of the wall's clock; may be of other days, -167 to 167 hours
};

/* All zeros is UTC. */
struct zone_rule {
    int32_t standard_s, summer_s; // east of UTC
    bool has_summer;
    struct zone_date begin, end; // of summer time
};

/** Reads "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX, 8.3, and RFC 9636, 3.3.2); false when it is not. */
bool zone_rule_parse(struct zone_rule *rule, struct slice text);

struct zone_span;

/** The span that a moment is in by the rule alone (zone.h). */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t unix_s);

struct civil_date {
    int64_t year;
    int month, day; // from 1
};

/** Days since 1970-01-01 and back, in the proleptic Gregorian calendar. */
int64_t civil_to_days(int64_t year, int month, int day);
struct civil_date civil_from_days(int64_t days);

#endif
