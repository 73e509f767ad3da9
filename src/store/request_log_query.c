/* request_log_query.c - the request log, read: pages of exchanges, and all about one. */
#include <stdlib.h>

#include "base/panic.h"
#include "store/db_reader.h"
#include "store/request_log_inside.h"

#define BODY_LIMIT_BYTES ((size_t)80 << 20) // settings allow 64 MiB; marks make a little more

struct request_log_reader {
    struct db_reader reader;
};

enum err request_log_reader_open(const char *path, struct request_log_reader **out,
                                 struct err_info *e)
{
    struct request_log_reader *r = calloc(1, sizeof(*r));
    int64_t application = 0;

    if (!r)
        panic("out of memory: a reader of the request log");
    if (!db_reader_open(path, &r->reader, e) &&
        !db_query_int(r->reader.db, "PRAGMA application_id", 0, &application, e) &&
        application != LOG_FILE_APPLICATION)
        err_set(e, ERR_DAMAGED, "%s is no request log", path);
    if (e->code) {
        request_log_reader_close(r);
        return e->code;
    }
    *out = r;
    return ERR_NONE;
}

void request_log_reader_close(struct request_log_reader *r)
{
    if (!r)
        return;
    db_reader_close(&r->reader);
    free(r);
}

/* ---- rows ---- */

static void read_columns(sqlite3_stmt *st, struct request_log_row *row)
{
    struct slice id = db_column(st, 0);

    *row = (struct request_log_row){.id = ""};
    if (id.len == ID_BYTES)
        id_unpack((const unsigned char *)id.ptr, row->id);
    for (size_t i = 0; i < log_column_count; i++) {
        void *at = (char *)row + log_columns[i].offset;
        if (log_columns[i].is_text)
            *(struct slice *)at = db_column(st, (int)i + 1);
        else
            *(int64_t *)at = sqlite3_column_int64(st, (int)i + 1);
    }
}

/* ---- pages ---- */

enum parameter {
    PARAM_SINCE = 1,
    PARAM_UNTIL,
    PARAM_AFTER,
    PARAM_STATUS,
    PARAM_LIMIT,
    PARAM_NAMES,
};

struct name_filter {
    const char *column;
    struct slice value;
};

#define NAME_COUNT 4

static void names_of(const struct request_log_filter *f, struct name_filter out[NAME_COUNT])
{
    out[0] = (struct name_filter){"user", f->user};
    out[1] = (struct name_filter){"model", f->model};
    out[2] = (struct name_filter){"provider", f->provider};
    out[3] = (struct name_filter){"err", f->err};
}

static void write_query(struct buf *sql, const struct request_log_filter *f)
{
    struct name_filter names[NAME_COUNT];

    names_of(f, names);
    buf_append_str(sql, "SELECT exchange");
    log_columns_write(sql);
    buf_printf(sql, " FROM entry WHERE number = 0 AND exchange >= ?%d AND exchange < ?%d",
               PARAM_SINCE, PARAM_UNTIL);
    if (f->after)
        buf_printf(sql, " AND exchange %c ?%d", f->oldest_first ? '>' : '<', PARAM_AFTER);
    for (int i = 0; i < NAME_COUNT; i++) {
        if (names[i].value.ptr)
            buf_printf(sql, " AND %s = ?%d", names[i].column, PARAM_NAMES + i);
    }
    if (f->status)
        buf_printf(sql, " AND status / 100 = ?%d / 100", PARAM_STATUS);
    if (f->status >= 10)
        buf_printf(sql, " AND +status = ?%d", PARAM_STATUS); // the index is of classes
    buf_printf(sql, " ORDER BY exchange%s LIMIT ?%d", f->oldest_first ? "" : " DESC", PARAM_LIMIT);
}

static void bind_id(sqlite3_stmt *st, int at, const unsigned char id[ID_BYTES])
{
    db_bind_blob(st, at, slice_of((const char *)id, ID_BYTES));
}

static enum err check(const struct request_log_filter *f, unsigned char after[ID_BYTES],
                      struct err_info *e)
{
    if (f->since_unix_ms < 0 || f->until_unix_ms <= f->since_unix_ms)
        return err_set(e, ERR_BAD_REQUEST, "a beginning and an end in time are required");
    if (f->limit < 1 || f->limit > REQUEST_LOG_MAX_ROWS)
        return err_set(e, ERR_BAD_REQUEST, "a page has 1 to %d entries", REQUEST_LOG_MAX_ROWS);
    if (f->status < 0 || (f->status >= 10 && f->status < 100) || f->status > 999)
        return err_set(e, ERR_BAD_REQUEST, "no HTTP status, and no class of them");
    if (f->after && !id_pack(slice_str(f->after), after))
        return err_set(e, ERR_BAD_REQUEST, "not the id of an exchange");
    return ERR_NONE;
}

enum err request_log_query(struct request_log_reader *r, const struct request_log_filter *filter,
                           request_log_row_fn *each, void *ctx, struct err_info *e)
{
    unsigned char since[ID_BYTES], until[ID_BYTES], after[ID_BYTES];
    struct name_filter names[NAME_COUNT];
    struct request_log_row row;
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;
    int rc;

    if (check(filter, after, e))
        return e->code;
    write_query(&sql, filter);
    db_reader_ask(&r->reader, &sql, &st, e);
    buf_release(&sql);
    if (e->code)
        return e->code;
    id_at(filter->since_unix_ms, since);
    id_at(filter->until_unix_ms, until);
    bind_id(st, PARAM_SINCE, since);
    bind_id(st, PARAM_UNTIL, until);
    if (filter->after)
        bind_id(st, PARAM_AFTER, after);
    names_of(filter, names);
    for (int i = 0; i < NAME_COUNT; i++)
        db_bind_text(st, PARAM_NAMES + i, names[i].value);
    sqlite3_bind_int64(st, PARAM_STATUS,
                       filter->status < 10 ? filter->status * 100 : filter->status);
    sqlite3_bind_int64(st, PARAM_LIMIT, filter->limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        read_columns(st, &row);
        if (!each(ctx, &row)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    if (rc != SQLITE_DONE)
        db_reader_fail(&r->reader, e);
    sqlite3_finalize(st);
    return e->code;
}

/* ---- one ---- */

static enum err unpack(sqlite3_stmt *st, int column, struct buf *into, struct slice *out,
                       struct err_info *e)
{
    struct slice packed = db_column(st, column);

    buf_clear(into);
    if (!packed.ptr)
        return ERR_NONE;
    if (zstd_unpack(packed, BODY_LIMIT_BYTES, into, e))
        return e->code;
    *out = buf_len(into) ? buf_peek(into) : SLICE("");
    return ERR_NONE;
}

static enum err read_all(struct request_log_reader *r, sqlite3_stmt *st, request_log_row_fn *each,
                         void *ctx, struct err_info *e)
{
    struct buf bodies[2] = {{.data = NULL}, {.data = NULL}};
    int request = (int)log_column_count + 1, rc = SQLITE_DONE;
    struct request_log_row row;
    bool found = false;

    while (!e->code && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        found = true;
        read_columns(st, &row);
        if (unpack(st, request, &bodies[0], &row.request, e) ||
            unpack(st, request + 1, &bodies[1], &row.response, e) || !each(ctx, &row))
            break;
    }
    if (!e->code && rc != SQLITE_DONE && rc != SQLITE_ROW)
        db_reader_fail(&r->reader, e);
    if (!e->code && !found)
        err_set(e, ERR_NOT_FOUND, "the log has no exchange of that id");
    buf_release(&bodies[0]);
    buf_release(&bodies[1]);
    return e->code;
}

enum err request_log_get(struct request_log_reader *r, const char *id, request_log_row_fn *each,
                         void *ctx, struct err_info *e)
{
    unsigned char packed[ID_BYTES];
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;

    if (!id_pack(slice_str(id), packed))
        return err_set(e, ERR_BAD_REQUEST, "\"%.40s\" is not the id of an exchange", id);
    buf_append_str(&sql, "SELECT exchange");
    log_columns_write(&sql);
    buf_append_str(&sql, ", request, response FROM entry WHERE exchange = ?1 ORDER BY number");
    db_reader_ask(&r->reader, &sql, &st, e);
    buf_release(&sql);
    if (e->code)
        return e->code;
    bind_id(st, 1, packed);
    read_all(r, st, each, ctx, e);
    sqlite3_finalize(st);
    return e->code;
}
