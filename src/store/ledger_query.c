/* ledger_query.c - totals and rows, read back. */
#include <sqlite3.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "store/ledger_inside.h"

/* In the order of enum ledger_group. */
static const struct {
    const char *name, *column;
} groups[LEDGER_GROUP_COUNT] = {
    {"user",     "s.user"                                        },
    {"key",      "s.key"                                         },
    {"provider", "s.provider"                                    },
    {"model",    "s.model"                                       },
    {"alias",    "s.alias"                                       },
    {"outcome",  "s.outcome"                                     },
    {"day",      "strftime('%Y-%m-%d', u.at / 1000, 'unixepoch')"},
};

const char *ledger_group_name(enum ledger_group g)
{
    return groups[g].name;
}

bool ledger_group_parse(struct slice name, enum ledger_group *out)
{
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (slice_eq(name, slice_str(groups[g].name))) {
            *out = (enum ledger_group)g;
            return true;
        }
    }
    return false;
}

/* Parameters of the filter, the same numbers in every statement. */
enum parameter {
    PARAM_SINCE = 1,
    PARAM_UNTIL,
    PARAM_NAMES,
    PARAM_LIMIT = PARAM_NAMES + LEDGER_BY_DAY,
    PARAM_FIRST_ID,
    PARAM_END_ID,
};

/* The filter's names, in the order of enum ledger_group. */
static void filter_names(const struct ledger_filter *f, struct slice out[LEDGER_BY_DAY])
{
    const struct slice names[LEDGER_BY_DAY] = {
        f->user, f->key, f->provider, f->model, f->alias, f->outcome,
    };

    for (size_t i = 0; i < LEDGER_BY_DAY; i++)
        out[i] = names[i];
}

static void write_where(struct buf *sql, const struct ledger_filter *f, const char *time_column)
{
    struct slice names[LEDGER_BY_DAY];

    filter_names(f, names);
    buf_append_str(sql, " WHERE TRUE");
    if (f->since_unix_ms)
        buf_printf(sql, " AND %s >= ?%d", time_column, PARAM_SINCE);
    if (f->until_unix_ms)
        buf_printf(sql, " AND %s < ?%d", time_column, PARAM_UNTIL);
    for (int i = 0; i < LEDGER_BY_DAY; i++) {
        if (names[i].ptr)
            buf_printf(sql, " AND %s = ?%d", groups[i].column, PARAM_NAMES + i);
    }
}

static void bind_filter(sqlite3_stmt *st, const struct ledger_filter *f)
{
    struct slice names[LEDGER_BY_DAY];

    filter_names(f, names);
    sqlite3_bind_int64(st, PARAM_SINCE, f->since_unix_ms);
    sqlite3_bind_int64(st, PARAM_UNTIL, f->until_unix_ms);
    for (int i = 0; i < LEDGER_BY_DAY; i++)
        db_bind_text(st, PARAM_NAMES + i, names[i]);
    sqlite3_bind_int64(st, PARAM_LIMIT, f->limit);
}

static bool is_grouped(const struct ledger_filter *f, size_t group)
{
    return f->groups >> group & 1u;
}

static int64_t down_to(int64_t unix_ms, int64_t span_ms)
{
    return unix_ms / span_ms * span_ms;
}

static int64_t up_to(int64_t unix_ms, int64_t span_ms)
{
    return (unix_ms + span_ms - 1) / span_ms * span_ms;
}

/* The roll-up that answers with the fewest rows; the bounds are widened to its spans. */
static const char *choose_rollup(struct ledger_filter *f, int64_t now_unix_ms)
{
    bool recent = f->since_unix_ms && f->since_unix_ms >= now_unix_ms - MS_PER_DAY;
    int64_t span = recent ? MS_PER_MINUTE : MS_PER_QUARTER;

    f->since_unix_ms = down_to(f->since_unix_ms, span);
    f->until_unix_ms = up_to(f->until_unix_ms, span);
    if (recent)
        return "usage_minute";
    if (f->since_unix_ms % MS_PER_DAY || f->until_unix_ms % MS_PER_DAY)
        return "usage_quarter";
    return "usage_day";
}

static void write_totals(struct buf *sql, struct ledger_filter *f, int64_t now_unix_ms)
{
    const char *table = choose_rollup(f, now_unix_ms);
    bool first = true;

    buf_append_str(sql, "SELECT ");
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        buf_printf(sql, "%sadd_up(u.%s)", i ? ", " : "", rollup_column(i));
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++)
        buf_printf(sql, ", %s", is_grouped(f, g) ? groups[g].column : "NULL");
    buf_printf(sql, " FROM %s u JOIN usage_series s ON s.id = u.series", table);
    write_where(sql, f, "u.at");
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (!is_grouped(f, g))
            continue;
        buf_printf(sql, "%s%s", first ? " GROUP BY " : ", ", groups[g].column);
        first = false;
    }
    if (is_grouped(f, LEDGER_BY_DAY))
        buf_printf(sql, " ORDER BY %s", groups[LEDGER_BY_DAY].column);
    else if (!first)
        buf_printf(sql, " ORDER BY add_up(u.cost_nusd) DESC, add_up(u.requests) DESC");
}

static void read_total(sqlite3_stmt *st, struct ledger_total *t)
{
    int64_t sums[ROLLUP_SUMS];

    for (int i = 0; i < ROLLUP_SUMS; i++)
        sums[i] = sqlite3_column_int64(st, i);
    *t = (struct ledger_total){
        .requests = sums[SUM_REQUESTS],
        .cost_nusd = sums[SUM_COST],
        .unpriced = sums[SUM_UNPRICED],
        .attempts = sums[SUM_ATTEMPTS],
        .first_bytes = sums[SUM_FIRST_BYTES],
        .first_byte_ms = sums[SUM_FIRST_BYTE_MS],
        .total_ms = sums[SUM_TOTAL_MS],
        .request_bytes = sums[SUM_REQUEST_BYTES],
        .response_bytes = sums[SUM_RESPONSE_BYTES],
    };
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        t->usage.tokens[k] = sums[SUM_KINDS + k];
    for (int g = 0; g < LEDGER_GROUP_COUNT; g++)
        t->names[g] = db_column(st, ROLLUP_SUMS + g);
}

enum err ledger_totals(struct ledger *l, struct ledger_filter *filter, int64_t now_unix_ms,
                       ledger_total_fn *each, void *ctx, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    struct ledger_total total;
    sqlite3_stmt *st;
    int rc;

    write_totals(&sql, filter, now_unix_ms);
    if (ledger_prepare(l->db, &sql, &st, e))
        return e->code;
    bind_filter(st, filter);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        read_total(st, &total);
        if (total.requests && !each(ctx, &total)) { // without groups there is always a row
            rc = SQLITE_DONE;
            break;
        }
    }
    if (rc != SQLITE_DONE)
        db_fail(l->db, "cannot read usage", e);
    sqlite3_finalize(st);
    return e->code;
}

/* What a row is made of. */
enum row_column {
    COLUMN_ID,
    COLUMN_USER_ID,
    COLUMN_KEY_ID,
    COLUMN_PROVIDER_ID,
    COLUMN_CREDENTIAL_ID,
    COLUMN_USER,
    COLUMN_KEY,
    COLUMN_PROVIDER,
    COLUMN_MODEL,
    COLUMN_ALIAS,
    COLUMN_OUTCOME,
    COLUMN_OPERATION,
    COLUMN_DIALECT,
    COLUMN_UPSTREAM_DIALECT,
    COLUMN_SOURCE,
    COLUMN_ERR,
    COLUMN_HTTP_STATUS,
    COLUMN_UPSTREAM_STATUS,
    COLUMN_STREAM,
    COLUMN_ATTEMPTS,
    COLUMN_PRICED,
    COLUMN_PRICE_ID,
    COLUMN_TIER,
    COLUMN_FIGURES,
    COLUMN_ASKED_MODEL,
    COLUMN_CLIENT_REQUEST_ID,
    ROW_COLUMNS
};

static const char *const row_columns[ROW_COLUMNS] = {
    [COLUMN_ID] = "r.id",
    [COLUMN_USER_ID] = "s.user_id",
    [COLUMN_KEY_ID] = "s.key_id",
    [COLUMN_PROVIDER_ID] = "s.provider_id",
    [COLUMN_CREDENTIAL_ID] = "h.credential_id",
    [COLUMN_USER] = "s.user",
    [COLUMN_KEY] = "s.key",
    [COLUMN_PROVIDER] = "s.provider",
    [COLUMN_MODEL] = "s.model",
    [COLUMN_ALIAS] = "s.alias",
    [COLUMN_OUTCOME] = "s.outcome",
    [COLUMN_OPERATION] = "h.operation",
    [COLUMN_DIALECT] = "h.dialect",
    [COLUMN_UPSTREAM_DIALECT] = "h.upstream_dialect",
    [COLUMN_SOURCE] = "h.usage_source",
    [COLUMN_ERR] = "h.err",
    [COLUMN_HTTP_STATUS] = "h.http_status",
    [COLUMN_UPSTREAM_STATUS] = "h.upstream_status",
    [COLUMN_STREAM] = "h.stream",
    [COLUMN_ATTEMPTS] = "h.attempts",
    [COLUMN_PRICED] = "h.priced",
    [COLUMN_PRICE_ID] = "h.price_id",
    [COLUMN_TIER] = "h.tier",
    [COLUMN_FIGURES] = "r.figures",
    [COLUMN_ASKED_MODEL] = "h.asked_model",
    [COLUMN_CLIENT_REQUEST_ID] = "r.client_request_id",
};

/*
 * Ids begin with the time at which they were made (RFC 9562, 5.7), which is when
 * the exchange started but for a moment: bounds on them spare a walk over all rows.
 */
#define ID_MOMENT_MS  MS_PER_MINUTE
#define ID_TIME_BYTES 14 // "019ab3c4-d5e6" and a NUL

static void id_time(int64_t unix_ms, char out[ID_TIME_BYTES])
{
    uint64_t ms = unix_ms < 0 ? 0 : (uint64_t)unix_ms;

    snprintf(out, ID_TIME_BYTES, "%08x-%04x", (unsigned)(ms >> 16 & 0xffffffff),
             (unsigned)(ms & 0xffff));
}

static void write_id_bounds(struct buf *sql, const struct ledger_filter *f)
{
    if (f->since_unix_ms)
        buf_printf(sql, " AND r.id >= ?%d", PARAM_FIRST_ID);
    if (f->until_unix_ms)
        buf_printf(sql, " AND r.id < ?%d", PARAM_END_ID);
}

static void bind_id_bounds(sqlite3_stmt *st, const struct ledger_filter *f,
                           char first[ID_TIME_BYTES], char end[ID_TIME_BYTES])
{
    id_time(f->since_unix_ms - ID_MOMENT_MS, first);
    id_time(f->until_unix_ms + ID_MOMENT_MS, end);
    db_bind_text(st, PARAM_FIRST_ID, slice_str(first));
    db_bind_text(st, PARAM_END_ID, slice_str(end));
}

/* The newest ones are taken from the end of the key, then turned round. */
static void write_rows(struct buf *sql, const struct ledger_filter *f)
{
    if (f->limit)
        buf_append_str(sql, "SELECT * FROM (");
    buf_append_str(sql, "SELECT ");
    for (size_t i = 0; i < ROW_COLUMNS; i++)
        buf_printf(sql, "%s%s", i ? ", " : "", row_columns[i]);
    buf_append_str(sql, " FROM usage_row r CROSS JOIN usage_shape h ON h.id = r.shape"
                        " CROSS JOIN usage_series s ON s.id = h.series");
    write_where(sql, f, "json_extract(r.figures, '$[0]')");
    write_id_bounds(sql, f);
    buf_append_str(sql, f->limit ? " ORDER BY r.id DESC" : " ORDER BY r.id");
    if (f->limit)
        buf_printf(sql, " LIMIT ?%d) ORDER BY 1", PARAM_LIMIT);
}

/* What is not there is 0; a null is -1, which is what a time that never came is to a record. */
static int64_t read_figure(struct slice text)
{
    bool negative = slice_starts(text, SLICE("-"));
    uint64_t value = 0;

    if (slice_eq(text, SLICE("null")))
        return -1;
    slice_to_u64(slice_after(text, negative), &value);
    return negative ? -(int64_t)value : (int64_t)value;
}

static void read_figures(struct slice text, int64_t out[FIGURE_COUNT])
{
    struct slice rest = text.len > 2 ? slice_sub(text, 1, text.len - 2) : SLICE(""); // [...]

    for (size_t i = 0; i < FIGURE_COUNT; i++)
        out[i] = read_figure(slice_cut(rest, ',', &rest));
}

static void read_names(sqlite3_stmt *st, struct ledger_row *row)
{
    struct usage_record *r = &row->record;
    struct slice id = slice_sub(db_column(st, COLUMN_ID), 0, sizeof(r->id) - 1);

    memcpy(r->id, id.ptr, id.len);
    r->user = db_column(st, COLUMN_USER);
    r->key_label = db_column(st, COLUMN_KEY);
    r->provider = db_column(st, COLUMN_PROVIDER);
    r->model = db_column(st, COLUMN_MODEL);
    r->alias = db_column(st, COLUMN_ALIAS);
    r->asked_model = db_column(st, COLUMN_ASKED_MODEL);
    r->client_request_id = db_column(st, COLUMN_CLIENT_REQUEST_ID);
    row->operation = db_column(st, COLUMN_OPERATION);
    row->dialect = db_column(st, COLUMN_DIALECT);
    row->upstream_dialect = db_column(st, COLUMN_UPSTREAM_DIALECT);
    row->outcome = db_column(st, COLUMN_OUTCOME);
    row->source = db_column(st, COLUMN_SOURCE);
    row->tier = db_column(st, COLUMN_TIER);
    row->err = db_column(st, COLUMN_ERR);
}

static void read_row(sqlite3_stmt *st, struct ledger_row *row)
{
    int64_t figures[FIGURE_COUNT];

    read_figures(db_column(st, COLUMN_FIGURES), figures);
    *row = (struct ledger_row){
        .record =
            {
                     .started_unix_ms = figures[FIGURE_STARTED],
                     .user_id = sqlite3_column_int64(st, COLUMN_USER_ID),
                     .key_id = sqlite3_column_int64(st, COLUMN_KEY_ID),
                     .provider_id = sqlite3_column_int64(st, COLUMN_PROVIDER_ID),
                     .credential_id = sqlite3_column_int64(st, COLUMN_CREDENTIAL_ID),
                     .http_status = sqlite3_column_int(st, COLUMN_HTTP_STATUS),
                     .upstream_status = sqlite3_column_int(st, COLUMN_UPSTREAM_STATUS),
                     .stream = sqlite3_column_int(st, COLUMN_STREAM),
                     .attempts = (unsigned)sqlite3_column_int(st, COLUMN_ATTEMPTS),
                     .connect_ms = figures[FIGURE_CONNECT_MS],
                     .first_byte_ms = figures[FIGURE_FIRST_BYTE_MS],
                     .total_ms = figures[FIGURE_TOTAL_MS],
                     .request_bytes = figures[FIGURE_REQUEST_BYTES],
                     .response_bytes = figures[FIGURE_RESPONSE_BYTES],
                     .cost_nusd = figures[FIGURE_COST],
                     .priced = sqlite3_column_int(st, COLUMN_PRICED),
                     .price_id = sqlite3_column_int64(st, COLUMN_PRICE_ID),
                     },
    };
    for (int k = 0; k < USAGE_KIND_COUNT; k++)
        row->record.usage.tokens[k] = figures[FIGURE_KINDS + k];
    read_names(st, row);
}

enum err ledger_rows(struct ledger *l, const struct ledger_filter *filter, ledger_row_fn *each,
                     void *ctx, struct err_info *e)
{
    char first[ID_TIME_BYTES], end[ID_TIME_BYTES];
    struct buf sql = {.data = NULL};
    struct ledger_row row;
    sqlite3_stmt *st;
    int rc;

    write_rows(&sql, filter);
    if (ledger_prepare(l->db, &sql, &st, e))
        return e->code;
    bind_filter(st, filter);
    bind_id_bounds(st, filter, first, end);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        read_row(st, &row);
        if (!each(ctx, &row)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    if (rc != SQLITE_DONE)
        db_fail(l->db, "cannot read usage", e);
    sqlite3_finalize(st);
    return e->code;
}
