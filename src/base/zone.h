/* zone.h - what the clocks on the walls of a place show, and when its days begin. */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/zone_rule.h"

/*
 * A time zone as the tz database's compiled files have it (TZif, RFC 9636), or one that
 * is always the same distance from UTC.  It borrows the file's bytes.  All zeros is UTC.
 */
struct zone {
    /* private */
    const unsigned char *times; // [count][8], big-endian Unix seconds, ascending
    const unsigned char *types; // [count], which of the infos holds from then on
    const unsigned char *infos; // [info_count][6]: the offset, and what is not used here
    size_t count, info_count;
    bool has_rule;         // for what comes after the last of `times`
    struct zone_rule rule; // without times and infos: the whole zone
};

/** Reads a file of version 2 or later; false when it is not a whole one, or counts leap seconds. */
bool zone_parse(struct zone *z, struct slice tzif);

/** "UTC", "Z", or "+05:45": a distance in quarters of an hour, up to 18 hours; false otherwise. */
bool zone_parse_fixed(struct zone *z, struct slice text);

/** "CET-1CEST,M3.5.0,M10.5.0/3": a rule for all time, as $TZ may be one; false otherwise. */
bool zone_parse_rule(struct zone *z, struct slice text);

/** Whether it may be the name of a zone's file, "Europe/Berlin": nothing that leaves the directory. */
bool zone_is_name(struct slice text);

/* A time during which the distance from UTC stays the same: from `begin` to before `end`. */
struct zone_span {
    int64_t begin_s, end_s; // Unix seconds; INT64_MIN and INT64_MAX: without a bound
    int32_t offset_s;       // east of UTC
};

struct zone_span zone_span_at(const struct zone *z, int64_t unix_s);

/* Steps are cut where the wall's clock shows a full minute, hour or a new day. */
enum zone_step { ZONE_MINUTE, ZONE_HOUR, ZONE_DAY };

struct zone_slot {
    int64_t begin_unix_ms, end_unix_ms;
};

/**
 * The step that a moment is in.  A day has 23 or 25 hours where clocks change; an hour that
 * comes twice is two.  A day begins with the first moment of its date.
 */
struct zone_slot zone_slot_at(const struct zone *z, enum zone_step step, int64_t unix_ms);

/** RFC 3339 to the second: "2026-11-22T17:03:00+01:00", in UTC with "Z"; the date is the first ten. */
#define ZONE_TEXT_BYTES 40
void zone_format(const struct zone *z, int64_t unix_ms, char out[ZONE_TEXT_BYTES]);

#endif
