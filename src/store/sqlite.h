/* sqlite.h - the store's connection, as the files of this room see it. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/seal.h"
#include "store/db.h"
#include "store/store.h"

enum statement {
    STATEMENT_INSERT,
    STATEMENT_UPDATE,
    STATEMENT_DELETE,
    STATEMENT_SELECT, // by id
    STATEMENT_COUNT,
};

/* A copy of struct store_actor. */
struct actor {
    char kind[16], actor[256], origin[128], note[512];
};

struct store {
    sqlite3 *db;
    struct seal_key key;
    bool has_key;
    bool wrote;           // since the last load
    int64_t data_version; // SQLite's: other connections have committed when it differs
    int64_t generation;   // ours, as of the last load; -1: none yet
    sqlite3_stmt *statements[ROW_TYPE_COUNT][STATEMENT_COUNT]; // prepared when first needed
    sqlite3_stmt *bump, *version, *audit;
    struct actor actor;
};

/* Columns of every table, before those of its fields: id, created_at, updated_at. */
#define HEAD_COLUMNS 3

/** Prepares the text in `sql`. */
enum err sqlite_prepare(struct store *s, struct buf *sql, sqlite3_stmt **out, struct err_info *e);

/** A statement of `type`, ready to be bound; kept. */
enum err sqlite_statement(struct store *s, enum row_type type, enum statement which,
                          sqlite3_stmt **out, struct err_info *e);

/** "SELECT id, created_at, updated_at, fields... FROM table" */
void sqlite_write_select(struct buf *sql, const struct row_kind *kind);

/** SQLite's count of what other connections committed. */
enum err sqlite_data_version(struct store *s, int64_t *out, struct err_info *e);

/** Our count of changes to rows. */
enum err sqlite_generation(struct store *s, int64_t *out, struct err_info *e);

#endif
