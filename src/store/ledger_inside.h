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

#define ROLLUP_TABLES 4

/* What one transaction has to add to the roll-ups, by minute and series. */
struct rollups {
    struct rollup_statement tables[ROLLUP_TABLES];
    sqlite3_stmt *prune;
    struct arena arena; // the transaction's
    struct table pending;
    struct pending *latest; // of them: most rows belong to the one before's
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

/* The numbers of a row, in the order of usage_row.figures. */
enum ledger_figure {
    FIGURE_STARTED,
    FIGURE_CONNECT_MS,
    FIGURE_FIRST_BYTE_MS,
    FIGURE_TOTAL_MS,
    FIGURE_REQUEST_BYTES,
    FIGURE_RESPONSE_BYTES,
    FIGURE_COST,
    FIGURE_KINDS, // USAGE_KIND_COUNT of them
    FIGURE_COUNT = FIGURE_KINDS + USAGE_KIND_COUNT
};

#define FIGURES_BYTES (2 + 21 * FIGURE_COUNT) // of the text, at most

/** Writes the text of the figures, not terminated, and answers its length. */
size_t ledger_figures(const struct usage_record *r, char out[FIGURES_BYTES]);

struct shape {
    int64_t id, series;
};

/* Combinations that rows have in common (migration_ledger.h), and those lately seen. */
struct shapes {
    sqlite3_stmt *find_series, *add_series, *find_shape, *add_shape;
    struct arena arena;
    struct table known; // ids and names as bytes -> struct shape
    struct buf key;
};

enum err shapes_open(struct shapes *s, sqlite3 *db, struct err_info *e);
void shapes_close(struct shapes *s);

/** That of the record; added when there is none. */
enum err shapes_find(struct shapes *s, sqlite3 *db, const struct usage_record *r, struct shape *out,
                     struct err_info *e);
void shapes_forget(struct shapes *s);

/* One statement adds so many rows: what a statement costs is then shared by them. */
#define ROWS_AT_ONCE 32

struct ledger_pending {
    struct usage_record record;
    struct shape shape;
};

struct ledger {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit;
    sqlite3_stmt *insert_many; // ROWS_AT_ONCE, none of which may be there
    sqlite3_stmt *insert_one;  // one, which may
    struct rollups rollups;
    struct shapes shapes;
    struct ledger_pending pending[ROWS_AT_ONCE];
    char figures[ROWS_AT_ONCE][FIGURES_BYTES]; // while they are inserted
    size_t pending_count;
    uint64_t added;
    int last_result;                         // SQLite's, of the last failure
    int64_t time_limit_ms, deadline_mono_ms; // of a question; 0: none
};

/** Around what a question reads; only with ERR_NONE is it to be ended. */
enum err ledger_query_begin(struct ledger *l, struct err_info *e);
void ledger_query_end(struct ledger *l);

/** Why a question's statement did not come to its end. */
enum err ledger_query_fail(struct ledger *l, struct err_info *e);

/** The names of the filter, in the order of enum ledger_group. */
void ledger_filter_names(const struct ledger_filter *f, struct slice out[LEDGER_GROUP_COUNT]);

enum err ledger_prepare(sqlite3 *db, struct buf *sql, sqlite3_stmt **out, struct err_info *e);

#endif
