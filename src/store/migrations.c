/* migrations.c - how the tables came to be what they are. */
#include "store/migrations.h"

#include "base/array.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/migration_ledger.h"
#include "store/migration_totals.h"

/*
 * Columns are named as the descriptors of policy/row.def name them; sqlite_test.c
 * holds the two to each other.  Ids are never used
 * again: usage records keep them after the row is gone.
 */
static const char *const control_plane[] = {
    "CREATE TABLE provider ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, label TEXT,"
    " enabled INTEGER NOT NULL, settings TEXT, routing TEXT, strategy TEXT, proxy TEXT,"
    " timeouts TEXT) STRICT",
    "CREATE TABLE credential ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE, label TEXT,"
    " enabled INTEGER NOT NULL, secret TEXT, weight INTEGER, rpm INTEGER, tpm INTEGER,"
    " max_concurrent INTEGER, proxy TEXT, UNIQUE (provider_id, label)) STRICT",
    "CREATE TABLE model ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
    " model TEXT NOT NULL, display_name TEXT, enabled INTEGER NOT NULL, price TEXT,"
    " context_window INTEGER, capabilities TEXT, UNIQUE (provider_id, model)) STRICT",
    "CREATE TABLE alias ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL,"
    " strategy TEXT) STRICT",
    "CREATE TABLE alias_target ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " alias_id INTEGER NOT NULL REFERENCES alias(id) ON DELETE CASCADE,"
    " provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
    " model TEXT NOT NULL, weight INTEGER, tier INTEGER,"
    " UNIQUE (alias_id, provider_id, model)) STRICT",
    "CREATE INDEX alias_target_provider ON alias_target (provider_id)",
    "CREATE TABLE user ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, password_hash TEXT,"
    " enabled INTEGER NOT NULL, admin INTEGER NOT NULL) STRICT",
    "CREATE TABLE key ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " user_id INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE, label TEXT,"
    " digest BLOB NOT NULL UNIQUE, prefix TEXT NOT NULL, enabled INTEGER NOT NULL,"
    " expires_at INTEGER, last_used_at INTEGER) STRICT",
    "CREATE INDEX key_user ON key (user_id)",
    "CREATE TABLE permission ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " user_id INTEGER REFERENCES user(id) ON DELETE CASCADE,"
    " key_id INTEGER REFERENCES key(id) ON DELETE CASCADE,"
    " provider_id INTEGER REFERENCES provider(id) ON DELETE CASCADE,"
    " models TEXT NOT NULL) STRICT",
    "CREATE INDEX permission_user ON permission (user_id)",
    "CREATE INDEX permission_key ON permission (key_id)",
    "CREATE INDEX permission_provider ON permission (provider_id)",
    "CREATE TABLE setting ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, value TEXT NOT NULL) STRICT",
    // One row, counted up with every change of a row above: what store_changed() looks at.
    "CREATE TABLE generation (number INTEGER NOT NULL) STRICT",
    "INSERT INTO generation (number) VALUES (0)",
    // At most one row: the fingerprint of the secret key that the rest belongs to.
    "CREATE TABLE owner (fingerprint TEXT NOT NULL) STRICT",
};

static const char *const strict_aliases[] = {
    "ALTER TABLE alias ADD COLUMN strict INTEGER NOT NULL DEFAULT 0",
};

/* What belongs to a user or to a key, which it narrows. */
#define SUBJECT_COLUMNS                                       \
    " user_id INTEGER REFERENCES user(id) ON DELETE CASCADE," \
    " key_id INTEGER REFERENCES key(id) ON DELETE CASCADE,"

static const char *const access_and_money[] = {
    "ALTER TABLE alias ADD COLUMN price TEXT",
    "CREATE TABLE price ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " provider_id INTEGER REFERENCES provider(id) ON DELETE CASCADE,"
    " models TEXT NOT NULL, price TEXT NOT NULL) STRICT",
    "CREATE INDEX price_provider ON price (provider_id)",
    "CREATE TABLE rate_limit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL," SUBJECT_COLUMNS
    " models TEXT NOT NULL, rpm INTEGER, rpd INTEGER, tpm INTEGER, tpd INTEGER,"
    " max_concurrent INTEGER, UNIQUE (user_id, models), UNIQUE (key_id, models)) STRICT",
    "CREATE TABLE quota ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL," SUBJECT_COLUMNS " usd_nusd INTEGER NOT NULL,"
    " period TEXT NOT NULL, adjustment_nusd INTEGER NOT NULL, adjusted_at INTEGER,"
    " UNIQUE (user_id, period), UNIQUE (key_id, period)) STRICT",
    "CREATE TABLE file_permission ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " user_id INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE,"
    " provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
    " UNIQUE (user_id, provider_id)) STRICT",
    "CREATE INDEX file_permission_provider ON file_permission (provider_id)",
    "CREATE TABLE rule ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " provider_id INTEGER REFERENCES provider(id) ON DELETE CASCADE,"
    " alias_id INTEGER REFERENCES alias(id) ON DELETE CASCADE,"
    " label TEXT, enabled INTEGER NOT NULL, phase TEXT NOT NULL, ordinal INTEGER NOT NULL,"
    " filter TEXT, action TEXT NOT NULL, path TEXT, value TEXT, pattern TEXT, replacement TEXT,"
    " name TEXT, place TEXT, target TEXT, position TEXT, nth INTEGER, ttl TEXT) STRICT",
    "CREATE INDEX rule_provider ON rule (provider_id)",
    "CREATE INDEX rule_alias ON rule (alias_id)",
    // Whose a file at an upstream is.  Rows stay when it is deleted: its id is never used again.
    "CREATE TABLE file_owner ("
    " provider_id INTEGER NOT NULL REFERENCES provider(id) ON DELETE CASCADE,"
    " file TEXT NOT NULL, user_id INTEGER NOT NULL, key_id INTEGER NOT NULL,"
    " credential_id INTEGER NOT NULL, created_at INTEGER NOT NULL, deleted_at INTEGER,"
    " about TEXT NOT NULL, PRIMARY KEY (provider_id, file)) STRICT, WITHOUT ROWID",
    "CREATE INDEX file_owner_user ON file_owner (user_id, created_at)",
    // One line for each change of a row above, written with it.
    "CREATE TABLE audit_log ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor_kind TEXT NOT NULL,"
    " actor TEXT NOT NULL, origin TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL,"
    " row_id INTEGER NOT NULL, name TEXT NOT NULL, before TEXT, after TEXT,"
    " note TEXT NOT NULL) STRICT",
    "CREATE INDEX audit_log_at ON audit_log (at)",
    // Prices as they were when something was charged by them; ids are digests of the text.
    ("CREATE TABLE price_version ("
     " id INTEGER PRIMARY KEY, first_used_at INTEGER NOT NULL, price TEXT NOT NULL) STRICT"),
};

/* A list holds what was put there in the words of who asks; an id is looked for at all providers. */
static const char *const files_by_dialect[] = {
    "ALTER TABLE file_owner ADD COLUMN dialect TEXT NOT NULL DEFAULT 'openai'",
    "CREATE INDEX file_owner_file ON file_owner (file)",
};

/*
 * In order; the number of a migration is its place here, from 1.  A new one is
 * added at the end.  What has been released is never edited.
 */
static const struct {
    const char *name;
    const char *const *statements;
    size_t count;
} migrations[] = {
    {"control plane",     control_plane,     ARRAY_LEN(control_plane)    },
    {"usage ledger",      migration_ledger,  ARRAY_LEN(migration_ledger) },
    {"strict aliases",    strict_aliases,    ARRAY_LEN(strict_aliases)   },
    {"access and money",  access_and_money,  ARRAY_LEN(access_and_money) },
    {"prices and totals", prices_and_totals, ARRAY_LEN(prices_and_totals)},
    {"files by dialect",  files_by_dialect,  ARRAY_LEN(files_by_dialect) },
};

int migrations_newest(void)
{
    return (int)ARRAY_LEN(migrations);
}

static enum err note(sqlite3 *db, int64_t number, const char *name, struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    if (db_prepare(db, "INSERT INTO schema_migration (number, name, applied_at) VALUES (?, ?, ?)",
                   &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, number);
    db_bind_text(st, 2, slice_str(name));
    sqlite3_bind_int64(st, 3, clock_unix_ms());
    rc = sqlite3_step(st);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? ERR_NONE : db_fail(db, "cannot note a migration", e);
}

/* How far the database is; the caller holds its write lock. */
static enum err applied(sqlite3 *db, int64_t *number, struct err_info *e)
{
    return db_query_int(db, "SELECT max(number) FROM schema_migration", 0, number, e);
}

static enum err refuse_newer(int64_t number, struct err_info *e)
{
    return err_set(e, ERR_NEWER,
                   "the database has seen migration %lld and this version of gproxy knows %d: use "
                   "the newer version, or a backup from before it ran",
                   (long long)number, migrations_newest());
}

/* Another process may have done it while we waited for the lock: then nothing. */
static enum err apply(sqlite3 *db, int64_t index, struct err_info *e)
{
    int64_t done;

    if (db_run(db, "BEGIN IMMEDIATE", e))
        return e->code;
    if (applied(db, &done, e))
        goto undo;
    if (done > migrations_newest()) {
        refuse_newer(done, e);
        goto undo;
    }
    for (size_t i = 0; done <= index && i < migrations[index].count; i++) {
        if (db_run(db, migrations[index].statements[i], e))
            goto undo;
    }
    if (done <= index && note(db, index + 1, migrations[index].name, e))
        goto undo;
    if (!db_run(db, "COMMIT", e))
        return ERR_NONE;
undo:
    db_run(db, "ROLLBACK", &(struct err_info){.code = ERR_NONE});
    return e->code;
}

/* A file that holds somebody else's tables is left as it is. */
static enum err check_ours(sqlite3 *db, struct err_info *e)
{
    int64_t tables, ours;

    if (db_query_int(db, "SELECT count(*) FROM sqlite_master WHERE type = 'table'", 0, &tables, e))
        return e->code;
    if (db_query_int(db, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migration'", 0,
                     &ours, e))
        return e->code;
    if (tables && !ours)
        return err_set(e, ERR_DAMAGED, "the database holds tables of another program");
    return ERR_NONE;
}

enum err migrations_run(sqlite3 *db, struct err_info *e)
{
    int64_t done;

    if (check_ours(db, e))
        return e->code;
    if (db_run(db,
               "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY,"
               " name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
               e))
        return e->code;
    if (applied(db, &done, e))
        return e->code;
    if (done > migrations_newest())
        return refuse_newer(done, e);
    for (int64_t i = done; i < migrations_newest(); i++) {
        if (apply(db, i, e))
            return e->code;
    }
    return ERR_NONE;
}
