/* price_version.c - prices as they were when something was charged by them. */
#include "store/price_version.h"

#include "store/sqlite.h"

enum err store_note_price(struct store *s, int64_t id, struct slice text, int64_t now_unix_ms,
                          struct err_info *e)
{
    sqlite3_stmt *st;

    if (db_prepare(
            s->db,
            "INSERT OR IGNORE INTO price_version (id, first_used_at, price) VALUES (?, ?, ?)", &st,
            e))
        return e->code;
    sqlite3_bind_int64(st, 1, id);
    sqlite3_bind_int64(st, 2, now_unix_ms);
    db_bind_text(st, 3, text);
    if (sqlite3_step(st) != SQLITE_DONE)
        db_fail(s->db, "the price cannot be noted", e);
    sqlite3_finalize(st);
    return e->code;
}

enum err store_find_price(struct store *s, int64_t id, struct arena *a, struct slice *text,
                          struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    *text = (struct slice){0};
    if (db_prepare(s->db, "SELECT price FROM price_version WHERE id = ?", &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, id);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *text = arena_dup(a, db_column(st, 0));
    else if (rc == SQLITE_DONE)
        err_set(e, ERR_NOT_FOUND, "there is no price %lld", (long long)id);
    else
        db_fail(s->db, "the price cannot be read", e);
    sqlite3_finalize(st);
    return e->code;
}
