/* ledger.h - usage rows in the database, and what is added up from them. */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/zone.h"
#include "policy/limits.h"
#include "policy/record.h"

/*
 * One struct ledger is one connection of its own, used by one thread at a time.
 * Rows are added between begin and commit; roll-ups (minute, quarter of an hour, day,
 * all time; migration_ledger.h) follow in the same transaction and count only rows
 * that were really added, so that a record which comes twice adds nothing.  Sums stay
 * at the largest number there is; negative figures count as 0.
 */
struct ledger;

/** As store_open(); `flags` are its, too. */
enum err ledger_open(const char *dsn, unsigned flags, struct ledger **out, struct err_info *e);
void ledger_close(struct ledger *l);

/**
 * How long a question may take, for connections that others wait for; 0: as long as it takes.
 * What is asked for then fails with ERR_OVERLOADED.
 */
void ledger_set_time_limit(struct ledger *l, int64_t ms);
#define LEDGER_TIME_LIMIT_MS 2000

/** How long to wait for another connection that is writing; 5 s unless told otherwise. */
void ledger_set_patience(struct ledger *l, int ms);

/*
 * ERR_IO where the database cannot be written for now (locked, full, read-only,
 * away), ERR_DAMAGED when it is not whole; the transaction is then undone by
 * ledger_rollback() and may be tried again from its beginning.  Rows are written
 * some at a time: what a record's slices point to stays until commit or rollback.
 */
enum err ledger_begin(struct ledger *l, struct err_info *e);
enum err ledger_add(struct ledger *l, const struct usage_record *record, struct err_info *e);
enum err ledger_commit(struct ledger *l, struct err_info *e);
void ledger_rollback(struct ledger *l);

/**
 * Forces to the disk what was committed.  A commit alone outlives a crash of the process;
 * a loss of power may take it, and what follows it, until it was synced.
 */
enum err ledger_sync(struct ledger *l, struct err_info *e);

/**
 * The same, by another way: into the tables themselves.  After a ledger_sync() that failed the
 * kernel takes the log for written, and the next one has nothing to do.
 */
enum err ledger_checkpoint(struct ledger *l, struct err_info *e);

/**
 * The settings as they stand in the database, for what is needed before there is a
 * snapshot; texts stand in `a`.  Bad ones are passed over, as a snapshot does.
 */
enum err ledger_settings(struct ledger *l, struct limits *out, struct arena *a, struct err_info *e);

/** Rows added by the last transaction, those not counted that were there already. */
uint64_t ledger_added(const struct ledger *l);

/** Whether the last failure was that somebody else holds the lock or the disk is full. */
bool ledger_may_recover(const struct ledger *l);

/** Gives memory back that a busy time has taken. */
void ledger_rest(struct ledger *l);

/* What a user or a key has cost: in the UTC day, week (from Monday) and month, and ever. */
struct ledger_spent {
    bool is_key; // else a user
    int64_t id;
    int64_t day_nusd, week_nusd, month_nusd, total_nusd;
};

/* What one series did in one minute.  Slices live during the call. */
struct ledger_traffic {
    int64_t minute_unix_ms; // its beginning
    int64_t requests;
    int64_t tokens; // all kinds but reasoning, which is within the output, and uses of tools
    int64_t user_id, key_id, provider_id;
    struct slice alias, model, provider; // alias: empty where the client named the model
};

typedef void ledger_spending_fn(void *ctx, const struct ledger_spent *spent);
typedef void ledger_traffic_fn(void *ctx, const struct ledger_traffic *traffic);

/**
 * Users, then keys, that have ever cost something.  Exact as of the last commit: with what
 * the journal held replayed, that is all that was ever settled.  An exchange counts in the
 * period in which it started.
 */
enum err ledger_spending(struct ledger *l, int64_t now_unix_ms, ledger_spending_fn *each, void *ctx,
                         struct err_info *e);

/** Minutes since then, oldest first; they are kept for a day. */
enum err ledger_traffic(struct ledger *l, int64_t since_unix_ms, ledger_traffic_fn *each, void *ctx,
                        struct err_info *e);

/* What totals are grouped by; a set of bits. */
enum ledger_group {
    LEDGER_BY_USER,
    LEDGER_BY_KEY,
    LEDGER_BY_PROVIDER,
    LEDGER_BY_MODEL,
    LEDGER_BY_ALIAS,
    LEDGER_BY_OUTCOME,
    LEDGER_GROUP_COUNT
};

const char *ledger_group_name(enum ledger_group g); // "user"

/** "outcome" may be called "status", too. */
bool ledger_group_parse(struct slice name, enum ledger_group *out);

/* Steps of time that totals are cut into. */
enum ledger_step { LEDGER_WHOLE, LEDGER_BY_MINUTE, LEDGER_BY_HOUR, LEDGER_BY_DAY };

const char *ledger_step_name(enum ledger_step step); // "minute"; the whole: ""
bool ledger_step_parse(struct slice name, enum ledger_step *out);

/* Rows that are asked for at once by whoever serves them to others. */
#define LEDGER_PAGE_ROWS 1000

struct ledger_filter {
    int64_t since_unix_ms, until_unix_ms; // when the exchange started; 0: no bound
    struct slice user, key, provider, model, alias, outcome; // NULL: any
    int64_t user_id, key_id; // 0: any; a name may have been another's before, an id never was
    /* totals */
    unsigned groups; // bits of ledger_group
    enum ledger_step step;
    const struct zone *zone; // whose hours and days; NULL: UTC
    /* rows */
    int64_t limit;              // 0: all; else the newest so many, or the first ones of `after`
    struct slice after, before; // ids of rows, not included; NULL: no bound
};

struct ledger_total {
    struct slice names[LEDGER_GROUP_COUNT]; // of the groups asked for, the others NULL
    int64_t step_unix_ms, step_end_unix_ms; // the step, whole even where a bound cuts it
    int64_t requests, cost_nusd;
    int64_t unpriced; // requests without a price
    int64_t attempts;
    int64_t first_bytes, first_byte_ms; // how often there was one, and the sum of the waits
    int64_t total_ms, request_bytes, response_bytes;
    struct chat_usage usage;
};

/* Enumerations as the names they had when the row was written. */
struct ledger_row {
    struct usage_record record; // all but the enumerations
    struct slice operation, dialect, upstream_dialect, outcome, source, tier;
    struct slice err; // empty: none
};

/* Slices live during the call.  False ends the walk. */
typedef bool ledger_total_fn(void *ctx, const struct ledger_total *total);
typedef bool ledger_row_fn(void *ctx, const struct ledger_row *row);

/**
 * Totals from roll-ups: step after step (empty ones are not told), the dearest first in
 * each.  Bounds are widened to what roll-ups know: the minute within the last day, else
 * the quarter of an hour; they say so in `filter`.  ERR_BAD_REQUEST: minutes from earlier.
 *
 * They equal the sums over rows to the last unit.  All zones of our time are quarters of
 * an hour from UTC; where one was not, a quarter counts for the step in which it begins.
 */
enum err ledger_totals(struct ledger *l, struct ledger_filter *filter, int64_t now_unix_ms,
                       ledger_total_fn *each, void *ctx, struct err_info *e);

/** Rows, oldest first. */
enum err ledger_rows(struct ledger *l, const struct ledger_filter *filter, ledger_row_fn *each,
                     void *ctx, struct err_info *e);

#endif
