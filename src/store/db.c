/* db.c - one SQLite connection: opening it, and small words about statements. */
#include "store/db.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "store/migrations.h"
#include "store/store.h"

#define BUSY_TIMEOUT_MS 5000

static enum err code_of(int rc)
{
    switch (rc & 0xff) { // the primary code of an extended one
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_DAMAGED;
    case SQLITE_CONSTRAINT: return ERR_CONFLICT;
    default: return ERR_IO;
    }
}

enum err db_fail(sqlite3 *db, const char *doing, struct err_info *e)
{
    return err_set(e, code_of(sqlite3_extended_errcode(db)), "%s: %s", doing, sqlite3_errmsg(db));
}

enum err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err_info *e)
{
    if (sqlite3_prepare_v2(db, sql, -1, out, NULL) != SQLITE_OK)
        return db_fail(db, "the database does not take a statement", e);
    return ERR_NONE;
}

enum err db_run(sqlite3 *db, const char *sql, struct err_info *e)
{
    return db_query_int(db, sql, 0, &(int64_t){0}, e);
}

enum err db_query_int(sqlite3 *db, const char *sql, int64_t absent, int64_t *out,
                      struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    *out = absent;
    if (db_prepare(db, sql, &st, e))
        return e->code;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(st, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        db_fail(db, "the database cannot be used", e);
    sqlite3_finalize(st);
    return e->code;
}

struct slice db_column(sqlite3_stmt *st, int column)
{
    const void *bytes;
    size_t len;

    if (sqlite3_column_type(st, column) == SQLITE_NULL)
        return slice_of(NULL, 0);
    bytes = sqlite3_column_blob(st, column);
    len = (size_t)sqlite3_column_bytes(st, column);
    return slice_of(bytes ? bytes : "", len); // an empty blob is NULL to SQLite
}

void db_bind_text(sqlite3_stmt *st, int at, struct slice s)
{
    if (s.ptr)
        sqlite3_bind_text64(st, at, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(st, at);
}

void db_bind_blob(sqlite3_stmt *st, int at, struct slice s)
{
    if (s.ptr)
        sqlite3_bind_blob64(st, at, s.ptr, s.len, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, at);
}

bool db_has_moved(sqlite3 *db)
{
    int moved = 0;

    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved;
}

const char *db_path(const char *dsn, struct err_info *e)
{
    struct slice s = slice_str(dsn), prefix = SLICE("sqlite://");

    if (slice_starts(s, prefix) && s.len > prefix.len)
        return dsn + prefix.len;
    if (slice_starts(s, SLICE("postgres://")) || slice_starts(s, SLICE("postgresql://")))
        err_set(e, ERR_UNSUPPORTED, "PostgreSQL is not supported by this version");
    else
        err_set(e, ERR_BAD_REQUEST, "a DSN looks like sqlite://PATH");
    return NULL;
}

/*
 * SQLite would make the file with the mode of the umask; its helpers take the file's.
 * The file is never opened here: closing it would drop the locks that other connections
 * of this process have on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
 */
static enum err make_file(const char *path, unsigned flags, struct err_info *e)
{
    struct stat st;

    if ((flags & STORE_MUST_EXIST) && stat(path, &st))
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       errno == ENOENT ? "there is no database at %s" : "cannot open %s", path);
    if ((flags & STORE_MUST_EXIST) && !st.st_size) // one that is being copied there, perhaps
        return err_set(e, ERR_NOT_FOUND, "the database %s is empty", path);
    if (!(flags & STORE_MUST_EXIST) && mknod(path, S_IFREG | 0600, 0) && errno != EEXIST)
        return err_set(e, ERR_IO, "cannot make the database %s: %s", path, strerror(errno));
    if (access(path, W_OK)) // SQLite would open it all the same, and make helpers as read-only
        return err_set(e, ERR_IO, "the database %s cannot be written: %s", path, strerror(errno));
    return ERR_NONE;
}

/* The page cache is small on purpose: rows live in the snapshot, and idle memory is a budget. */
static enum err set_up(sqlite3 *db, struct err_info *e)
{
    static const char *const pragmas[] = {
        "PRAGMA cache_size = -256", // KiB
        "PRAGMA page_size = 8192",  // of a new file: usage rows fill pages one after another
        "PRAGMA journal_mode = WAL",  "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON",   "PRAGMA trusted_schema = OFF",
        "PRAGMA temp_store = MEMORY", "PRAGMA journal_size_limit = 16777216",
    };

    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (db_add_functions(db) != SQLITE_OK)
        return db_fail(db, "cannot add a function", e);
    for (size_t i = 0; i < ARRAY_LEN(pragmas); i++) {
        if (db_run(db, pragmas[i], e))
            return e->code;
    }
    if (sqlite3_db_readonly(db, "main"))
        return err_set(e, ERR_IO, "the database cannot be written");
    return migrations_run(db, e);
}

enum err db_open(const char *dsn, unsigned flags, sqlite3 **out, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};
    const char *path = db_path(dsn, e);
    sqlite3 *db = NULL;

    if (!path || make_file(path, flags, e))
        return e->code;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        err_set(&why, ERR_IO, "%s", sqlite3_errmsg(db));
    else
        set_up(db, &why);
    if (!why.code) {
        *out = db;
        return ERR_NONE;
    }
    sqlite3_close(db);
    return err_set(e, why.code, "%s: %s", path, err_info_text(&why));
}
