/* db.h - what this room's files share about one SQLite connection. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Private to `store`.  Every statement is prepared; SQL text is a literal or made
 * of names that stand in our own tables.
 */

/** The path that a DSN names, or NULL. */
const char *db_path(const char *dsn, struct err_info *e);

/** Opens the file, sets the pragmas, runs the migrations; as store_open(). */
enum err db_open(const char *dsn, unsigned flags, sqlite3 **out, struct err_info *e);

/** Whether the file is no longer where it was opened. */
bool db_has_moved(sqlite3 *db);

/** Sets what SQLite last said about `db` as the reason: `doing` is "cannot write the row". */
enum err db_fail(sqlite3 *db, const char *doing, struct err_info *e);

enum err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct err_info *e);

/** Prepares, runs and drops one statement that answers no rows. */
enum err db_run(sqlite3 *db, const char *sql, struct err_info *e);

/** The first column of the first row as an integer; `absent` when there is no row or it is null. */
enum err db_query_int(sqlite3 *db, const char *sql, int64_t absent, int64_t *out,
                      struct err_info *e);

/** Borrowed until the statement moves on; NULL pointer for SQL's null. */
struct slice db_column(sqlite3_stmt *st, int column);

/** Adds add_up(), a sum() as sum_capped() adds; SQLite's result code. */
int db_add_functions(sqlite3 *db);

/** Binds without a copy: the bytes live until the statement has run.  A NULL pointer binds null. */
void db_bind_text(sqlite3_stmt *st, int at, struct slice s);
void db_bind_blob(sqlite3_stmt *st, int at, struct slice s);

#endif
