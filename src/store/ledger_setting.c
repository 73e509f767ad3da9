/* ledger_setting.c - the settings, for whoever has the ledger open and nothing else. */
#include "store/db.h"
#include "store/ledger_inside.h"

enum err ledger_settings(struct ledger *l, struct limits *out, struct arena *a, struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    limits_set_defaults(out);
    if (db_prepare(l->db, "SELECT name, value FROM setting ORDER BY id", &st, e))
        return e->code;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct err_info why = {.code = ERR_NONE}; // said where the snapshot is made
        limits_set(out, arena_dup(a, db_column(st, 0)), arena_dup(a, db_column(st, 1)), a, &why);
    }
    if (rc != SQLITE_DONE)
        db_fail(l->db, "cannot read the settings", e);
    sqlite3_finalize(st);
    return e->code;
}
