/* sqlite_load.c - all rows out of SQLite, the bad ones left out. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "store/sqlite.h"

/* What reading a row has at hand. */
struct reader {
    struct store *s;
    struct arena *arena;
    const struct row_kind *kind;
    sqlite3_stmt *st;
};

struct report {
    store_report_fn *call;
    void *ctx;
};

/* Whether the column holds what the field can; null is seen to before. */
static bool type_fits(const struct field *f, int type)
{
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF:
    case FIELD_BOOL: return type == SQLITE_INTEGER;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_SECRET: return type == SQLITE_TEXT;
    case FIELD_BYTES: return type == SQLITE_BLOB;
    }
    return false;
}

static enum err open_secret(struct reader *r, const struct field *f, int64_t id,
                            struct slice sealed, struct secret *out, struct err_info *e)
{
    const struct seal_place place = {r->kind->table, f->name, id};

    if (!r->s->has_key)
        return err_set(e, ERR_IO, "%s: sealed, and there is no secret key", f->key);
    return seal_open(&r->s->key, place, sealed, r->arena, out, e);
}

/* A null leaves what row_set_defaults() has put there for an absent field. */
static enum err read_field(struct reader *r, const struct field *f, int column,
                           struct row_head *row, struct err_info *e)
{
    int type = sqlite3_column_type(r->st, column);
    void *value = (char *)row + f->offset;

    if (type == SQLITE_NULL)
        return ERR_NONE;
    if (!type_fits(f, type))
        return err_set(e, ERR_DAMAGED, "%s: not of the right type", f->key);
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: *(int64_t *)value = sqlite3_column_int64(r->st, column); break;
    case FIELD_BOOL: *(bool *)value = sqlite3_column_int64(r->st, column) != 0; break;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES: *(struct slice *)value = arena_dup(r->arena, db_column(r->st, column)); break;
    case FIELD_SECRET: return open_secret(r, f, row->id, db_column(r->st, column), value, e);
    }
    return ERR_NONE;
}

static enum err read_row(struct reader *r, enum row_type type, struct row_head *row,
                         struct err_info *e)
{
    row_set_defaults(r->kind, row);
    row->id = sqlite3_column_int64(r->st, 0);
    row->created_unix_ms = sqlite3_column_int64(r->st, 1);
    row->updated_unix_ms = sqlite3_column_int64(r->st, 2);
    for (size_t i = 0; i < r->kind->field_count; i++) {
        if (read_field(r, &r->kind->fields[i], (int)i + HEAD_COLUMNS, row, e))
            return e->code;
    }
    return row_validate(type, row, e);
}

static enum err read_rows(struct reader *r, enum row_type type, struct row_set *out, size_t room,
                          const struct report *report, struct err_info *e)
{
    size_t size = r->kind->size, count = 0;
    char *rows = arena_alloc_array(r->arena, room + 1, size, _Alignof(max_align_t));
    int rc;

    while ((rc = sqlite3_step(r->st)) == SQLITE_ROW) {
        struct err_info why = {.code = ERR_NONE};
        struct row_head *row = (void *)(rows + count * size);
        assert(count < room);
        if (!read_row(r, type, row, &why))
            count++;
        else if (report->call)
            report->call(report->ctx, type, row->id, err_info_text(&why));
    }
    out->rows[type] = rows;
    out->counts[type] = count;
    return rc == SQLITE_DONE ? ERR_NONE : db_fail(r->s->db, "the rows cannot be read", e);
}

void sqlite_write_select(struct buf *sql, const struct row_kind *kind)
{
    buf_append_str(sql, "SELECT id, created_at, updated_at");
    for (size_t i = 0; i < kind->field_count; i++)
        buf_printf(sql, ", %s", kind->fields[i].name);
    buf_printf(sql, " FROM %s", kind->table);
}

static enum err count_rows(struct reader *r, int64_t *out, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_printf(&sql, "SELECT count(*) FROM %s", r->kind->table);
    buf_append_byte(&sql, '\0');
    db_query_int(r->s->db, buf_peek(&sql).ptr, 0, out, e);
    buf_release(&sql);
    return e->code;
}

static enum err load_kind(struct reader *r, enum row_type type, struct row_set *out,
                          const struct report *report, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    int64_t room = 0;

    r->kind = row_kind(type);
    sqlite_write_select(&sql, r->kind);
    buf_append_str(&sql, " ORDER BY id");
    if (!count_rows(r, &room, e) && !sqlite_prepare(r->s, &sql, &r->st, e)) {
        read_rows(r, type, out, (size_t)room, report, e);
        sqlite3_finalize(r->st);
    }
    buf_release(&sql);
    return e->code;
}

enum err store_load(struct store *s, struct arena *arena, struct row_set *out,
                    store_report_fn *report, void *ctx, struct err_info *e)
{
    struct reader r = {.s = s, .arena = arena};
    const struct report to = {report, ctx};
    bool own = sqlite3_get_autocommit(s->db) != 0;
    int64_t version = 0, generation = -1;

    memset(out, 0, sizeof(*out));
    if (sqlite_data_version(s, &version, e) || (own && db_run(s->db, "BEGIN", e)))
        return e->code;
    sqlite_generation(s, &generation, e);
    for (size_t type = 0; type < ROW_TYPE_COUNT && !e->code; type++)
        load_kind(&r, (enum row_type)type, out, &to, e);
    if (own)
        db_run(s->db, "ROLLBACK", &(struct err_info){.code = ERR_NONE}); // nothing was written
    sqlite3_db_release_memory(s->db);
    if (e->code)
        return e->code;
    s->data_version = version;
    s->generation = generation;
    s->wrote = false;
    return ERR_NONE;
}
