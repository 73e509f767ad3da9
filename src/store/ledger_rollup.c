/* ledger_rollup.c - what is added up from usage rows, in the rows' own transaction. */
#include <assert.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/sum.h"
#include "store/db.h"
#include "store/ledger_inside.h"

#define PRUNE_EVERY_MS (10 * MS_PER_MINUTE)

/* The key of `pending`; its bytes are compared, so it has no holes. */
struct span {
    int64_t at; // the minute's beginning
    int64_t series;
};

struct pending {
    struct span span;
    int64_t sums[ROLLUP_SUMS];
};

static const struct {
    const char *table;
    int64_t span_ms; // 0: all time, which begins at 0
} tables[ROLLUP_TABLES] = {
    {"usage_minute",  MS_PER_MINUTE },
    {"usage_quarter", MS_PER_QUARTER},
    {"usage_day",     MS_PER_DAY    },
    {"usage_total",   0             },
};

const char *rollup_column(unsigned sum)
{
    static const char *const after[] = {
        "cost_nusd",     "unpriced", "attempts",      "first_bytes",
        "first_byte_ms", "total_ms", "request_bytes", "response_bytes",
    };

    static_assert(SUM_COST + ARRAY_LEN(after) == ROLLUP_SUMS, "a name for every sum");
    if (sum == SUM_REQUESTS)
        return "requests";
    if (sum < SUM_COST)
        return usage_kind_name((enum usage_kind)(sum - SUM_KINDS));
    return after[sum - SUM_COST];
}

/* Nothing is negative.  SQLite would go on in floating point, which the column refuses. */
static void write_sum(struct buf *sql, unsigned sum)
{
    const char *column = rollup_column(sum);

    buf_printf(sql, "%s%s = CASE WHEN %s > %lld - ?%u THEN %lld ELSE %s + ?%u END", sum ? ", " : "",
               column, column, (long long)INT64_MAX, sum + 3, (long long)INT64_MAX, column,
               sum + 3);
}

static enum err prepare_upsert(struct rollup_statement *r, sqlite3 *db, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_printf(&sql, "INSERT INTO %s (at, series", r->table);
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        buf_printf(&sql, ", %s", rollup_column(i));
    buf_append_str(&sql, ") VALUES (?1, ?2");
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        buf_printf(&sql, ", ?%u", i + 3);
    buf_append_str(&sql, ") ON CONFLICT (at, series) DO UPDATE SET ");
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        write_sum(&sql, i);
    return ledger_prepare(db, &sql, &r->upsert, e);
}

enum err rollups_open(struct rollups *r, sqlite3 *db, struct err_info *e)
{
    arena_init(&r->arena, 0);
    for (size_t i = 0; i < ROLLUP_TABLES; i++) {
        r->tables[i] =
            (struct rollup_statement){.table = tables[i].table, .span_ms = tables[i].span_ms};
        if (prepare_upsert(&r->tables[i], db, e))
            return e->code;
    }
    return db_prepare(db, "DELETE FROM usage_minute WHERE at < ?1", &r->prune, e);
}

void rollups_close(struct rollups *r)
{
    for (size_t i = 0; i < ROLLUP_TABLES; i++)
        sqlite3_finalize(r->tables[i].upsert);
    sqlite3_finalize(r->prune);
    rollups_forget(r);
}

void rollups_forget(struct rollups *r)
{
    r->latest = NULL;
    table_release(&r->pending);
    arena_release(&r->arena);
}

static int64_t span_of(int64_t unix_ms, int64_t span_ms)
{
    int64_t rest = span_ms ? unix_ms % span_ms : unix_ms;

    return unix_ms - (rest < 0 ? rest + span_ms : rest);
}

static void plus(int64_t *sum, int64_t value)
{
    *sum = sum_capped(*sum, value);
}

static struct pending *find_pending(struct rollups *r, struct span span)
{
    struct pending *p = r->latest;

    if (p && p->span.at == span.at && p->span.series == span.series)
        return p;
    p = table_get(&r->pending, slice_of((const char *)&span, sizeof(span)));
    if (!p) {
        p = arena_new(&r->arena, struct pending);
        p->span = span;
        table_put(&r->pending, slice_of((const char *)&p->span, sizeof(p->span)), p);
    }
    r->latest = p;
    return p;
}

void rollups_add(struct rollups *r, int64_t series, const struct usage_record *record)
{
    int64_t at = span_of(record->started_unix_ms, MS_PER_MINUTE);
    int64_t *sums = find_pending(r, (struct span){at, series})->sums;

    sums[SUM_REQUESTS]++;
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        plus(&sums[SUM_KINDS + k], record->usage.tokens[k]);
    plus(&sums[SUM_COST], record->cost_nusd);
    sums[SUM_UNPRICED] += !record->priced;
    sums[SUM_ATTEMPTS] += record->attempts;
    sums[SUM_FIRST_BYTES] += record->first_byte_ms >= 0;
    plus(&sums[SUM_FIRST_BYTE_MS], record->first_byte_ms >= 0 ? record->first_byte_ms : 0);
    plus(&sums[SUM_TOTAL_MS], record->total_ms >= 0 ? record->total_ms : 0);
    plus(&sums[SUM_REQUEST_BYTES], record->request_bytes);
    plus(&sums[SUM_RESPONSE_BYTES], record->response_bytes);
}

static enum err step(sqlite3 *db, sqlite3_stmt *st, struct err_info *e)
{
    enum err err = ERR_NONE;

    if (sqlite3_step(st) != SQLITE_DONE)
        err = db_fail(db, "cannot add up usage", e);
    sqlite3_reset(st);
    return err;
}

static enum err upsert(const struct rollup_statement *table, const struct pending *p, sqlite3 *db,
                       struct err_info *e)
{
    sqlite3_bind_int64(table->upsert, 1, span_of(p->span.at, table->span_ms));
    sqlite3_bind_int64(table->upsert, 2, p->span.series);
    for (int i = 0; i < ROLLUP_SUMS; i++)
        sqlite3_bind_int64(table->upsert, i + 3, p->sums[i]);
    return step(db, table->upsert, e);
}

static enum err prune(struct rollups *r, sqlite3 *db, struct err_info *e)
{
    int64_t now = clock_unix_ms();

    if (now - r->pruned_unix_ms < PRUNE_EVERY_MS && now >= r->pruned_unix_ms)
        return ERR_NONE;
    r->pruned_unix_ms = now;
    sqlite3_bind_int64(r->prune, 1, now - MINUTES_KEPT_MS);
    return step(db, r->prune, e);
}

enum err rollups_write(struct rollups *r, sqlite3 *db, struct err_info *e)
{
    const struct table_entry *entry;
    size_t at = 0;

    while ((entry = table_next(&r->pending, &at))) {
        for (size_t i = 0; i < ROLLUP_TABLES; i++) {
            if (upsert(&r->tables[i], entry->value, db, e))
                return e->code;
        }
    }
    if (prune(r, db, e))
        return e->code;
    rollups_forget(r);
    return ERR_NONE;
}
