/* ledger_query.c - rows, read back, and what questions to the ledger share. */
#include <sqlite3.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "store/ledger_inside.h"

/* In the order of enum ledger_group; the columns of usage_series. */
static const char *const group_names[LEDGER_GROUP_COUNT] = {
    "user", "key", "provider", "model", "alias", "outcome",
};

/* In the order of enum ledger_step. */
static const char *const step_names[] = {"", "minute", "hour", "day"};

const char *ledger_group_name(enum ledger_group g)
{
    return group_names[g];
}

bool ledger_group_parse(struct slice name, enum ledger_group *out)
{
    if (slice_eq(name, SLICE("status"))) // as people call it
        name = SLICE("outcome");
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (slice_eq(name, slice_str(group_names[g]))) {
            *out = (enum ledger_group)g;
            return true;
        }
    }
    return false;
}

const char *ledger_step_name(enum ledger_step step)
{
    return step_names[step];
}

bool ledger_step_parse(struct slice name, enum ledger_step *out)
{
    for (size_t i = LEDGER_BY_MINUTE; i < ARRAY_LEN(step_names); i++) {
        if (slice_eq(name, slice_str(step_names[i]))) {
            *out = (enum ledger_step)i;
            return true;
        }
    }
    return false;
}

/* ---- how long asking may take ---- */

/* SQLite asks it every so many of its steps; an answer other than 0 ends the statement. */
#define STEPS_BETWEEN 2000

static int is_late(void *ctx)
{
    const struct ledger *l = ctx;

    return clock_mono_ms() >= l->deadline_mono_ms;
}

void ledger_set_time_limit(struct ledger *l, int64_t ms)
{
    l->time_limit_ms = ms;
}

/* All that one question reads is of one moment. */
enum err ledger_query_begin(struct ledger *l, struct err_info *e)
{
    if (l->time_limit_ms) {
        l->deadline_mono_ms = clock_mono_ms() + l->time_limit_ms;
        sqlite3_progress_handler(l->db, STEPS_BETWEEN, is_late, l);
    }
    return db_run(l->db, "BEGIN", e);
}

void ledger_query_end(struct ledger *l)
{
    sqlite3_progress_handler(l->db, 0, NULL, NULL);
    db_run(l->db, "ROLLBACK", &(struct err_info){.code = ERR_NONE}); // nothing was written
}

enum err ledger_query_fail(struct ledger *l, struct err_info *e)
{
    if (sqlite3_errcode(l->db) == SQLITE_INTERRUPT)
        return err_set(e, ERR_OVERLOADED,
                       "reading usage took longer than %lld ms: ask for a shorter time",
                       (long long)l->time_limit_ms);
    return db_fail(l->db, "cannot read usage", e);
}

/* ---- rows ---- */

/* Parameters of the filter, the same numbers in every statement. */
enum parameter {
    PARAM_SINCE = 1,
    PARAM_UNTIL,
    PARAM_NAMES,
    PARAM_LIMIT = PARAM_NAMES + LEDGER_GROUP_COUNT,
    PARAM_FIRST_ID,
    PARAM_SURE_ID,
    PARAM_UNSURE_ID,
    PARAM_END_ID,
    PARAM_AFTER,
    PARAM_BEFORE,
    PARAM_USER_ID,
    PARAM_KEY_ID,
};

void ledger_filter_names(const struct ledger_filter *f, struct slice out[LEDGER_GROUP_COUNT])
{
    const struct slice names[LEDGER_GROUP_COUNT] = {
        f->user, f->key, f->provider, f->model, f->alias, f->outcome,
    };

    for (size_t i = 0; i < LEDGER_GROUP_COUNT; i++)
        out[i] = names[i];
}

/* Shapes that fit are found once: a row is then looked at by its number alone. */
static void write_names(struct buf *sql, const struct ledger_filter *f)
{
    struct slice names[LEDGER_GROUP_COUNT];
    struct buf where = {.data = NULL};

    ledger_filter_names(f, names);
    for (int i = 0; i < LEDGER_GROUP_COUNT; i++) {
        if (names[i].ptr)
            buf_printf(&where, " AND fs.%s = ?%d", group_names[i], PARAM_NAMES + i);
    }
    if (f->user_id)
        buf_printf(&where, " AND fs.user_id = ?%d", PARAM_USER_ID);
    if (f->key_id)
        buf_printf(&where, " AND fs.key_id = ?%d", PARAM_KEY_ID);
    if (buf_len(&where)) {
        buf_append_str(sql, " AND r.shape IN (SELECT fh.id FROM usage_series fs"
                            " CROSS JOIN usage_shape fh ON fh.series = fs.id WHERE TRUE");
        buf_append(sql, buf_peek(&where));
        buf_append_byte(sql, ')');
    }
    buf_release(&where);
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

struct id_bounds {
    char first[ID_TIME_BYTES], sure[ID_TIME_BYTES], unsure[ID_TIME_BYTES], end[ID_TIME_BYTES];
};

static void id_time(int64_t unix_ms, char out[ID_TIME_BYTES])
{
    uint64_t ms = unix_ms < 0 ? 0 : (uint64_t)unix_ms;

    snprintf(out, ID_TIME_BYTES, "%08x-%04x", (unsigned)(ms >> 16 & 0xffffffff),
             (unsigned)(ms & 0xffff));
}

/* Only near a bound is the start itself looked at, which is within the figures' text. */
static void write_bounds(struct buf *sql, const struct ledger_filter *f)
{
    const char *started = "json_extract(r.figures, '$[0]')";

    if (f->since_unix_ms)
        buf_printf(sql, " AND r.id >= ?%d AND (r.id >= ?%d OR %s >= ?%d)", PARAM_FIRST_ID,
                   PARAM_SURE_ID, started, PARAM_SINCE);
    if (f->until_unix_ms)
        buf_printf(sql, " AND r.id < ?%d AND (r.id < ?%d OR %s < ?%d)", PARAM_END_ID,
                   PARAM_UNSURE_ID, started, PARAM_UNTIL);
    if (f->after.ptr)
        buf_printf(sql, " AND r.id > ?%d", PARAM_AFTER);
    if (f->before.ptr)
        buf_printf(sql, " AND r.id < ?%d", PARAM_BEFORE);
}

static void bind_rows(sqlite3_stmt *st, const struct ledger_filter *f, struct id_bounds *b)
{
    struct slice names[LEDGER_GROUP_COUNT];

    id_time(f->since_unix_ms - ID_MOMENT_MS, b->first);
    id_time(f->since_unix_ms + ID_MOMENT_MS, b->sure);
    id_time(f->until_unix_ms - ID_MOMENT_MS, b->unsure);
    id_time(f->until_unix_ms + ID_MOMENT_MS, b->end);
    ledger_filter_names(f, names);
    sqlite3_bind_int64(st, PARAM_SINCE, f->since_unix_ms);
    sqlite3_bind_int64(st, PARAM_UNTIL, f->until_unix_ms);
    for (int i = 0; i < LEDGER_GROUP_COUNT; i++)
        db_bind_text(st, PARAM_NAMES + i, names[i]);
    sqlite3_bind_int64(st, PARAM_LIMIT, f->limit);
    db_bind_text(st, PARAM_FIRST_ID, slice_str(b->first));
    db_bind_text(st, PARAM_SURE_ID, slice_str(b->sure));
    db_bind_text(st, PARAM_UNSURE_ID, slice_str(b->unsure));
    db_bind_text(st, PARAM_END_ID, slice_str(b->end));
    db_bind_text(st, PARAM_AFTER, f->after);
    db_bind_text(st, PARAM_BEFORE, f->before);
    sqlite3_bind_int64(st, PARAM_USER_ID, f->user_id);
    sqlite3_bind_int64(st, PARAM_KEY_ID, f->key_id);
}

/* After some row: those that follow it.  Else the newest, taken from the end and turned round. */
static void write_rows(struct buf *sql, const struct ledger_filter *f)
{
    bool turned = f->limit && !f->after.ptr;

    if (turned)
        buf_append_str(sql, "SELECT * FROM (");
    buf_append_str(sql, "SELECT ");
    for (size_t i = 0; i < ROW_COLUMNS; i++)
        buf_printf(sql, "%s%s", i ? ", " : "", row_columns[i]);
    buf_append_str(sql, " FROM usage_row r CROSS JOIN usage_shape h ON h.id = r.shape"
                        " CROSS JOIN usage_series s ON s.id = h.series WHERE TRUE");
    write_bounds(sql, f);
    write_names(sql, f);
    buf_append_str(sql, turned ? " ORDER BY r.id DESC" : " ORDER BY r.id");
    if (f->limit)
        buf_printf(sql, " LIMIT ?%d", PARAM_LIMIT);
    if (turned)
        buf_append_str(sql, ") ORDER BY 1");
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

static enum err walk_rows(struct ledger *l, const struct ledger_filter *filter, ledger_row_fn *each,
                          void *ctx, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    struct id_bounds bounds;
    struct ledger_row row;
    sqlite3_stmt *st;
    int rc;

    write_rows(&sql, filter);
    if (ledger_prepare(l->db, &sql, &st, e))
        return e->code;
    bind_rows(st, filter, &bounds);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        read_row(st, &row);
        if (!each(ctx, &row)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    if (rc != SQLITE_DONE)
        ledger_query_fail(l, e);
    sqlite3_finalize(st);
    return e->code;
}

enum err ledger_rows(struct ledger *l, const struct ledger_filter *filter, ledger_row_fn *each,
                     void *ctx, struct err_info *e)
{
    if (ledger_query_begin(l, e))
        return e->code;
    walk_rows(l, filter, each, ctx, e);
    ledger_query_end(l);
    return e->code;
}
