/* db_reader.h - a connection for questions alone, which may not take long. */
#ifndef STORE_DB_READER_H
#define STORE_DB_READER_H

#include <stdint.h>

#include "base/buf.h"
#include "store/db.h"

/*
 * Read-only, so that nothing it is asked can change or lock what others write.  A question is
 * given up after 2 s (hardening.md T30).
 */
struct db_reader {
    sqlite3 *db;
    int64_t deadline_ms;
};

/** ERR_NOT_FOUND: there is no such file.  `r` stays where it is until it is closed. */
enum err db_reader_open(const char *path, struct db_reader *r, struct err_info *e);
void db_reader_close(struct db_reader *r);

/** The text in `sql`, prepared; from now on there are 2 s. */
enum err db_reader_ask(struct db_reader *r, struct buf *sql, sqlite3_stmt **out,
                       struct err_info *e);

/** Why stepping failed: ERR_OVERLOADED when it took too long. */
enum err db_reader_fail(struct db_reader *r, struct err_info *e);

#endif
