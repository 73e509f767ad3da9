/* period.h - the periods of quotas, in UTC. */
#ifndef POLICY_PERIOD_H
#define POLICY_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum quota_period { PERIOD_TOTAL, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_COUNT };

const char *period_name(enum quota_period p); // "total", "day", "week", "month"
bool period_parse(struct slice name, enum quota_period *out);

/**
 * Which day, week (from Monday) or month of the calendar it is, by a number that goes up by
 * one with each; 0 for PERIOD_TOTAL.  Times that no calendar has are those at its ends.
 */
int64_t period_index(enum quota_period p, int64_t unix_ms);

/** When the period of that number begins; 0 for PERIOD_TOTAL. */
int64_t period_start_unix_ms(enum quota_period p, int64_t index);

#endif
