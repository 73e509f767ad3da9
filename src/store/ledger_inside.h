/* ledger_inside.h - what the ledger's files share. */
#ifndef STORE_LEDGER_INSIDE_H
#define STORE_LEDGER_INSIDE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/table.h"
#include "store/ledger.h"

#define MS_PER_MINUTE  60000LL
#define MS_PER_QUARTER (15 * MS_PER_MINUTE)
#define MS_PER_DAY     (1440 * MS_PER_MINUTE)

/* How long minutes are kept: a day, and an hour for clocks that disagree. */
#define MINUTES_KEPT_MS (25 * 60 * MS_PER_MINUTE)

/* Sums of one series in one span; in the order of the columns. */
enum rollup_sum {
    SUM_REQUESTS,
    SUM_KINDS, // USAGE_KIND_COUNT of them
    SUM_COST = SUM_KINDS + USAGE_KIND_COUNT,
    SUM_UNPRICED,
    SUM_ATTEMPTS,
    SUM_FIRST_BYTES,
    SUM_FIRST_BYTE_MS,
    SUM_TOTAL_MS,
    SUM_REQUEST_BYTES,
    SUM_RESPONSE_BYTES,
    ROLLUP_SUMS
};

struct rollup_statement {
    const char *table;
    int64_t span_ms;
    sqlite3_stmt *upsert;
};

#define ROLLUP_TABLES 3

/* What one transaction has to add to the roll-ups, by minute and series. */
struct rollups {
    struct rollup_statement tables[ROLLUP_TABLES];
    sqlite3_stmt *prune;
    struct arena arena; // the transaction's
    struct table pending;
    int64_t pruned_unix_ms;
};

enum err rollups_open(struct rollups *r, sqlite3 *db, struct err_info *e);
void rollups_close(struct rollups *r);

/** Counts a row that was added. */
void rollups_add(struct rollups *r, int64_t series, const struct usage_record *record);

/** Writes what was counted into the running transaction, and forgets it. */
enum err rollups_write(struct rollups *r, sqlite3 *db, struct err_info *e);
void rollups_forget(struct rollups *r);

/** The name of a sum's column. */
const char *rollup_column(unsigned sum);

struct ledger {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *insert, *find_series, *add_series;
    struct rollups rollups;
    struct arena series_arena;
    struct table series; // ids and names as bytes -> struct series
    uint64_t added;
    int last_result; // SQLite's, of the last failure
};

enum err ledger_prepare(sqlite3 *db, struct buf *sql, sqlite3_stmt **out, struct err_info *e);

#endif
