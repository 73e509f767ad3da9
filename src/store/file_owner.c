/* file_owner.c - whose a file at an upstream is, and by which credential it can be reached. */
#include "store/file_owner.h"

#include <assert.h>

#include "store/sqlite.h"

enum err file_owner_add(struct store *s, const struct file_owner *f, struct err_info *e)
{
    sqlite3_stmt *st;

    if (db_prepare(s->db,
                   "INSERT INTO file_owner (provider_id, file, user_id, key_id, credential_id,"
                   " created_at, dialect, about) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (provider_id, file) DO UPDATE SET user_id = excluded.user_id,"
                   " key_id = excluded.key_id, credential_id = excluded.credential_id,"
                   " created_at = excluded.created_at, dialect = excluded.dialect,"
                   " about = excluded.about, deleted_at = NULL"
                   " WHERE file_owner.user_id = excluded.user_id"
                   " OR file_owner.deleted_at IS NOT NULL",
                   &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, f->provider_id);
    db_bind_text(st, 2, f->file);
    sqlite3_bind_int64(st, 3, f->user_id);
    sqlite3_bind_int64(st, 4, f->key_id);
    sqlite3_bind_int64(st, 5, f->credential_id);
    sqlite3_bind_int64(st, 6, f->created_unix_ms);
    db_bind_text(st, 7, slice_str(dialect_name(f->dialect)));
    db_bind_text(st, 8, f->about);
    if (sqlite3_step(st) != SQLITE_DONE)
        db_fail(s->db, "the file's owner cannot be noted", e);
    else if (!sqlite3_changes(s->db))
        err_set(e, ERR_CONFLICT, "a file of that id is somebody else's");
    sqlite3_finalize(st);
    return e->code;
}

/* ---- pages ---- */

#define FIRST_FILE ((size_t)7) // of the numbers that ids are bound to

/* When the file was put there that a page begins behind; deleted ones are good cursors too. */
static enum err find_cursor(struct store *s, const struct file_owner_page *page, int64_t *at,
                            struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    *at = 0;
    if (!page->after.len)
        return ERR_NONE;
    if (db_prepare(s->db,
                   "SELECT created_at FROM file_owner WHERE file = ? AND user_id = ? LIMIT 1", &st,
                   e))
        return e->code;
    db_bind_text(st, 1, page->after);
    sqlite3_bind_int64(st, 2, page->user_id);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *at = sqlite3_column_int64(st, 0);
    else if (rc == SQLITE_DONE)
        err_set(e, ERR_NOT_FOUND, "there is no file of that id");
    else
        db_fail(s->db, "files cannot be looked for", e);
    sqlite3_finalize(st);
    return e->code;
}

static void write_query(const struct file_owner_page *page, struct buf *sql)
{
    const char *order = page->oldest_first ? "ASC" : "DESC";

    buf_append_str(sql, "SELECT provider_id, file, user_id, key_id, credential_id, created_at,"
                        " about FROM file_owner WHERE user_id = ?1 AND dialect = ?2"
                        " AND deleted_at IS NULL AND provider_id IN (");
    for (size_t i = 0; i < page->provider_count; i++)
        buf_printf(sql, "%s%lld", i ? ", " : "", (long long)page->providers[i]);
    buf_append_str(sql, ")");
    for (size_t i = 0; i < page->file_count; i++)
        buf_printf(sql, "%s?%zu%s", i ? ", " : " AND file IN (", FIRST_FILE + i,
                   i + 1 < page->file_count ? "" : ")");
    if (page->purpose.len)
        buf_append_str(sql, " AND json_extract(about, '$.purpose') = ?3");
    if (page->after.len)
        buf_printf(sql, " AND (created_at, file) %s (?4, ?5)", page->oldest_first ? ">" : "<");
    buf_printf(sql, " ORDER BY created_at %s, file %s LIMIT ?6", order, order);
}

static void bind(sqlite3_stmt *st, const struct file_owner_page *page, int64_t cursor_at)
{
    sqlite3_bind_int64(st, 1, page->user_id);
    db_bind_text(st, 2, slice_str(dialect_name(page->dialect)));
    for (size_t i = 0; i < page->file_count; i++)
        db_bind_text(st, (int)(FIRST_FILE + i), page->files[i]);
    if (page->purpose.len)
        db_bind_text(st, 3, page->purpose);
    if (page->after.len) {
        sqlite3_bind_int64(st, 4, cursor_at);
        db_bind_text(st, 5, page->after);
    }
    sqlite3_bind_int64(st, 6, (int64_t)page->limit + 1); // one that says whether there is more
}

static struct file_owner row_of(sqlite3_stmt *st, enum dialect dialect)
{
    return (struct file_owner){
        .provider_id = sqlite3_column_int64(st, 0),
        .file = db_column(st, 1),
        .user_id = sqlite3_column_int64(st, 2),
        .key_id = sqlite3_column_int64(st, 3),
        .credential_id = sqlite3_column_int64(st, 4),
        .created_unix_ms = sqlite3_column_int64(st, 5),
        .dialect = dialect,
        .about = db_column(st, 6),
    };
}

enum err file_owner_list(struct store *s, const struct file_owner_page *page, file_owner_fn *each,
                         void *ctx, bool *more, struct err_info *e)
{
    struct buf sql = {0};
    sqlite3_stmt *st;
    int64_t cursor_at;
    size_t count = 0;
    int rc;

    assert(page->limit && page->limit <= FILE_OWNER_PAGE_MAX);
    *more = false;
    if (find_cursor(s, page, &cursor_at, e))
        return e->code;
    write_query(page, &sql);
    sqlite_prepare(s, &sql, &st, e);
    buf_release(&sql);
    if (e->code)
        return e->code;
    bind(st, page, cursor_at);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && !*more) {
        struct file_owner f = row_of(st, page->dialect);
        *more = ++count > page->limit;
        if (!*more)
            each(ctx, &f);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        db_fail(s->db, "files cannot be listed", e);
    sqlite3_finalize(st);
    return e->code;
}

enum err file_owner_delete(struct store *s, int64_t provider_id, struct slice file,
                           int64_t now_unix_ms, struct err_info *e)
{
    sqlite3_stmt *st;

    if (db_prepare(s->db,
                   "UPDATE file_owner SET deleted_at = ? WHERE provider_id = ? AND file = ?"
                   " AND deleted_at IS NULL",
                   &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, now_unix_ms);
    sqlite3_bind_int64(st, 2, provider_id);
    db_bind_text(st, 3, file);
    if (sqlite3_step(st) != SQLITE_DONE)
        db_fail(s->db, "the file cannot be noted as deleted", e);
    sqlite3_finalize(st);
    return e->code;
}
