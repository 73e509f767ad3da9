/* retention.h - records and lines of the audit log that have been kept long enough. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A thread that sleeps nearly always and then deletes in small steps, each a transaction of its
 * own with a pause behind it, so that nobody who writes waits for long.  Totals stay: what was
 * spent is spent.
 */
struct retention;

/* 0: for ever. */
struct retention_days {
    int64_t usage, audit;
};

enum err retention_start(const char *dsn, struct retention **out, struct err_info *e);

/** From now on; the thread looks at once. */
void retention_set(struct retention *r, struct retention_days days);

/** NULL: nothing. */
void retention_stop(struct retention *r);

/** At most so many rows go in one step. */
#define RETENTION_STEP_ROWS 1000

/** One step, on a connection that it opens; `removed` of less than a step's rows: that was all. */
enum err retention_step(const char *dsn, struct retention_days days, int64_t now_unix_ms,
                        int64_t *removed, struct err_info *e);

#endif
