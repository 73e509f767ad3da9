/* db_sum.c - an SQL function for sums that stay at the largest number rather than fail. */
#include <stdint.h>

#include "base/sum.h"
#include "store/db.h"

/*
 * SQLite's own sum() of integers ends the statement where it overflows.  One figure out
 * of all bounds, which any upstream can send, would then keep everybody from reading totals.
 */
static void add_up_step(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    int64_t *sum = sqlite3_aggregate_context(ctx, sizeof(*sum));

    (void)count;
    if (!sum)
        sqlite3_result_error_nomem(ctx);
    else
        *sum = sum_capped(*sum, sqlite3_value_int64(values[0]));
}

static void add_up_end(sqlite3_context *ctx)
{
    const int64_t *sum = sqlite3_aggregate_context(ctx, 0);

    sqlite3_result_int64(ctx, sum ? *sum : 0);
}

int db_add_functions(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "add_up", 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                      NULL, add_up_step, add_up_end, NULL);
}
