/* audit.c - the audit log, read. */
#include "store/audit.h"

#include <stdlib.h>

#include "base/panic.h"
#include "store/db_reader.h"

struct audit_reader {
    struct db_reader reader;
};

enum err audit_reader_open(const char *dsn, struct audit_reader **out, struct err_info *e)
{
    struct audit_reader *r = calloc(1, sizeof(*r));
    const char *path = db_path(dsn, e);
    int64_t tables = 0;

    if (!r)
        panic("out of memory: a reader of the audit log");
    if (path && !db_reader_open(path, &r->reader, e) &&
        !db_query_int(r->reader.db, "SELECT count(*) FROM sqlite_master WHERE name = 'audit_log'",
                      0, &tables, e) &&
        !tables)
        err_set(e, ERR_NOT_FOUND, "%s has no audit log yet", path);
    if (e->code) {
        audit_reader_close(r);
        return e->code;
    }
    *out = r;
    return ERR_NONE;
}

void audit_reader_close(struct audit_reader *r)
{
    if (!r)
        return;
    db_reader_close(&r->reader);
    free(r);
}

enum parameter {
    PARAM_SINCE = 1,
    PARAM_UNTIL,
    PARAM_KIND,
    PARAM_ACTOR,
    PARAM_ROW,
    PARAM_AFTER,
    PARAM_LIMIT,
};

static void write_query(struct buf *sql, const struct audit_filter *f)
{
    buf_printf(
        sql,
        "SELECT id, at, actor_kind, actor, origin, action, kind, row_id, name, before, after,"
        " note FROM audit_log WHERE at >= ?%d AND at < ?%d",
        PARAM_SINCE, PARAM_UNTIL);
    if (f->kind.ptr)
        buf_printf(sql, " AND kind = ?%d", PARAM_KIND);
    if (f->actor.ptr)
        buf_printf(sql, " AND actor = ?%d", PARAM_ACTOR);
    if (f->row_id)
        buf_printf(sql, " AND row_id = ?%d", PARAM_ROW);
    if (f->after)
        buf_printf(sql, " AND (at, id) %c ((SELECT at FROM audit_log WHERE id = ?%d), ?%d)",
                   f->oldest_first ? '>' : '<', PARAM_AFTER, PARAM_AFTER);
    buf_printf(sql,
               f->oldest_first ? " ORDER BY at, id LIMIT ?%d"
                               : " ORDER BY at DESC, id DESC LIMIT ?%d",
               PARAM_LIMIT);
}

static struct audit_row read_row(sqlite3_stmt *st)
{
    return (struct audit_row){
        .id = sqlite3_column_int64(st, 0),
        .at_unix_ms = sqlite3_column_int64(st, 1),
        .actor_kind = db_column(st, 2),
        .actor = db_column(st, 3),
        .origin = db_column(st, 4),
        .action = db_column(st, 5),
        .kind = db_column(st, 6),
        .row_id = sqlite3_column_int64(st, 7),
        .name = db_column(st, 8),
        .before = db_column(st, 9),
        .after = db_column(st, 10),
        .note = db_column(st, 11),
    };
}

enum err audit_query(struct audit_reader *r, const struct audit_filter *filter, audit_row_fn *each,
                     void *ctx, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;
    int rc;

    if (filter->since_unix_ms < 0 || filter->until_unix_ms <= filter->since_unix_ms)
        return err_set(e, ERR_BAD_REQUEST, "a beginning and an end in time are required");
    if (filter->limit < 1 || filter->limit > AUDIT_MAX_ROWS)
        return err_set(e, ERR_BAD_REQUEST, "a page has 1 to %d lines", AUDIT_MAX_ROWS);
    write_query(&sql, filter);
    db_reader_ask(&r->reader, &sql, &st, e);
    buf_release(&sql);
    if (e->code)
        return e->code;
    sqlite3_bind_int64(st, PARAM_SINCE, filter->since_unix_ms);
    sqlite3_bind_int64(st, PARAM_UNTIL, filter->until_unix_ms);
    db_bind_text(st, PARAM_KIND, filter->kind);
    db_bind_text(st, PARAM_ACTOR, filter->actor);
    sqlite3_bind_int64(st, PARAM_ROW, filter->row_id);
    sqlite3_bind_int64(st, PARAM_AFTER, filter->after);
    sqlite3_bind_int64(st, PARAM_LIMIT, filter->limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct audit_row row = read_row(st);
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
