/* db_reader.c - a connection for questions alone, which may not take long. */
#include "store/db_reader.h"

#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"

#define BUSY_TIMEOUT_MS 1000
#define LIMIT_MS        2000
#define STEPS           1000 // of SQLite's machine between two looks at the clock

static int is_late(void *reader)
{
    const struct db_reader *r = reader;
    return clock_mono_ms() >= r->deadline_ms;
}

enum err db_reader_open(const char *path, struct db_reader *r, struct err_info *e)
{
    static const char *const pragmas[] = {"PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF",
                                          "PRAGMA cache_size = -1024"};

    *r = (struct db_reader){.deadline_ms = INT64_MAX};
    if (access(path, F_OK))
        return err_set(e, ERR_NOT_FOUND, "there is no %s", path);
    if (sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL)) {
        err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(r->db));
        db_reader_close(r);
        return e->code;
    }
    sqlite3_busy_timeout(r->db, BUSY_TIMEOUT_MS);
    sqlite3_extended_result_codes(r->db, 1);
    for (size_t i = 0; i < ARRAY_LEN(pragmas) && !e->code; i++)
        db_run(r->db, pragmas[i], e);
    sqlite3_progress_handler(r->db, STEPS, is_late, r);
    if (e->code)
        db_reader_close(r);
    return e->code;
}

void db_reader_close(struct db_reader *r)
{
    sqlite3_close(r->db);
    r->db = NULL;
}

enum err db_reader_ask(struct db_reader *r, struct buf *sql, sqlite3_stmt **out, struct err_info *e)
{
    r->deadline_ms = clock_mono_ms() + LIMIT_MS;
    buf_append_byte(sql, '\0');
    return db_prepare(r->db, buf_peek(sql).ptr, out, e);
}

enum err db_reader_fail(struct db_reader *r, struct err_info *e)
{
    if (sqlite3_errcode(r->db) == SQLITE_INTERRUPT)
        return err_set(e, ERR_OVERLOADED,
                       "this took more than %d s and was given up: ask for less time",
                       LIMIT_MS / 1000);
    return db_fail(r->db, "the log cannot be read", e);
}
