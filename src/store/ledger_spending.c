/* ledger_spending.c - what was spent and what was going on, for quotas and limits after a start. */
#include <time.h>

#include "base/sum.h"
#include "store/db.h"
#include "store/ledger_inside.h"

/* The beginnings of the periods that a moment is in, and the ends of the longer ones. */
struct periods {
    int64_t day, week, week_end, month, month_end; // Unix milliseconds
};

static int64_t month_begin(int64_t unix_ms, int months_later)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    tm = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + months_later, .tm_mday = 1};
    return (int64_t)timegm(&tm) * 1000;
}

static struct periods periods_of(int64_t unix_ms)
{
    int64_t day = (unix_ms < 0 ? 0 : unix_ms) / MS_PER_DAY;
    int64_t week = day - (day + 3) % 7; // 1970-01-01 was a Thursday

    return (struct periods){
        .day = day * MS_PER_DAY,
        .week = week * MS_PER_DAY,
        .week_end = (week + 7) * MS_PER_DAY,
        .month = month_begin(day * MS_PER_DAY, 0),
        .month_end = month_begin(day * MS_PER_DAY, 1),
    };
}

/* One row a user, or a key: the sums of the day, the week, the month, and of all time. */
static void write_spending(struct buf *sql, const char *who)
{
    buf_printf(sql,
               "SELECT s.%s, add_up(iif(u.at = ?1, u.spent, 0)),"
               " add_up(iif(u.at >= ?2 AND u.at < ?3, u.spent, 0)),"
               " add_up(iif(u.at >= ?4 AND u.at < ?5, u.spent, 0)), add_up(u.ever) FROM"
               " (SELECT at, series, cost_nusd AS spent, 0 AS ever FROM usage_day"
               " WHERE at >= min(?2, ?4) AND at < max(?3, ?5) AND cost_nusd > 0"
               " UNION ALL SELECT -1, series, 0, cost_nusd FROM usage_total WHERE cost_nusd > 0) u"
               " JOIN usage_series s ON s.id = u.series WHERE s.%s != 0 GROUP BY s.%s",
               who, who, who);
}

static enum err read_spending(struct ledger *l, bool is_key, const struct periods *p,
                              ledger_spending_fn *each, void *ctx, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;
    int rc;

    write_spending(&sql, is_key ? "key_id" : "user_id");
    if (ledger_prepare(l->db, &sql, &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, p->day);
    sqlite3_bind_int64(st, 2, p->week);
    sqlite3_bind_int64(st, 3, p->week_end);
    sqlite3_bind_int64(st, 4, p->month);
    sqlite3_bind_int64(st, 5, p->month_end);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const struct ledger_spent spent = {
            .is_key = is_key,
            .id = sqlite3_column_int64(st, 0),
            .day_nusd = sqlite3_column_int64(st, 1),
            .week_nusd = sqlite3_column_int64(st, 2),
            .month_nusd = sqlite3_column_int64(st, 3),
            .total_nusd = sqlite3_column_int64(st, 4),
        };
        each(ctx, &spent);
    }
    if (rc != SQLITE_DONE)
        db_fail(l->db, "cannot read what was spent", e);
    sqlite3_finalize(st);
    return e->code;
}

enum err ledger_spending(struct ledger *l, int64_t now_unix_ms, ledger_spending_fn *each, void *ctx,
                         struct err_info *e)
{
    struct periods p = periods_of(now_unix_ms);

    if (read_spending(l, false, &p, each, ctx, e))
        return e->code;
    return read_spending(l, true, &p, each, ctx, e);
}

/* Before the columns of tokens. */
enum { TRAFFIC_COLUMNS = 8 };

static void write_traffic(struct buf *sql)
{
    buf_append_str(sql, "SELECT u.at, u.requests, s.user_id, s.key_id, s.provider_id, s.alias,"
                        " s.model, s.provider");
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        buf_printf(sql, ", u.%s", usage_kind_name((enum usage_kind)k));
    buf_append_str(sql, " FROM usage_minute u JOIN usage_series s ON s.id = u.series"
                        " WHERE u.at > ?1 ORDER BY u.at");
}

/* Reasoning is within the output, and uses of tools are no tokens. */
static int64_t tokens_of(sqlite3_stmt *st)
{
    int64_t sum = 0;

    for (int k = 0; k < USAGE_KIND_COUNT; k++) {
        if (k != USAGE_REASONING && k != USAGE_SERVER_TOOLS)
            sum = sum_capped(sum, sqlite3_column_int64(st, TRAFFIC_COLUMNS + k));
    }
    return sum;
}

enum err ledger_traffic(struct ledger *l, int64_t since_unix_ms, ledger_traffic_fn *each, void *ctx,
                        struct err_info *e)
{
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;
    int rc;

    write_traffic(&sql);
    if (ledger_prepare(l->db, &sql, &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, since_unix_ms - MS_PER_MINUTE);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const struct ledger_traffic t = {
            .minute_unix_ms = sqlite3_column_int64(st, 0),
            .requests = sqlite3_column_int64(st, 1),
            .user_id = sqlite3_column_int64(st, 2),
            .key_id = sqlite3_column_int64(st, 3),
            .provider_id = sqlite3_column_int64(st, 4),
            .alias = db_column(st, 5),
            .model = db_column(st, 6),
            .provider = db_column(st, 7),
            .tokens = tokens_of(st),
        };
        each(ctx, &t);
    }
    if (rc != SQLITE_DONE)
        db_fail(l->db, "cannot read what was going on", e);
    sqlite3_finalize(st);
    return e->code;
}
