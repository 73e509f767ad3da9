/* clock.h - what time it is. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Only the live half reads clocks; the pure half takes `now` as an argument.
 * Spans and deadlines use the monotonic clock, expiry and records the wall clock.
 */
int64_t clock_mono_ns(void);
int64_t clock_mono_ms(void);
int64_t clock_unix_ms(void);

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)

/** RFC 3339 in UTC with milliseconds, "2026-11-22T16:03:00.000Z": 24 bytes and a NUL. */
#define CLOCK_TEXT_BYTES 25
void clock_format_unix_ms(int64_t unix_ms, char out[CLOCK_TEXT_BYTES]);

/** Reads RFC 3339 ("Z" or an offset, fraction optional); false when it is not. */
bool clock_parse(struct slice text, int64_t *unix_ms);

#endif
