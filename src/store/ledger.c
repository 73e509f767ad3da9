/* ledger.c - usage rows in the database. */
#include "store/ledger.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "store/db.h"
#include "store/ledger_inside.h"

#define CACHE_KIB "2048"

/* Columns of a row. */
enum { BIND_ID, BIND_SHAPE, BIND_FIGURES, BIND_CLIENT_REQUEST_ID, ROW_BINDS };

enum err ledger_prepare(sqlite3 *db, struct buf *sql, sqlite3_stmt **out, struct err_info *e)
{
    enum err err;

    buf_append_byte(sql, '\0');
    err = db_prepare(db, buf_peek(sql).ptr, out, e);
    buf_release(sql);
    return err;
}

static enum err prepare_insert(sqlite3 *db, const char *insert, size_t rows, sqlite3_stmt **out,
                               struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_printf(&sql, "%s INTO usage_row (id, shape, figures, client_request_id) VALUES", insert);
    for (size_t i = 0; i < rows; i++)
        buf_append_str(&sql, i ? ", (?, ?, ?, ?)" : " (?, ?, ?, ?)");
    return ledger_prepare(db, &sql, out, e);
}

/* OR FAIL: what stood before the row in the way stays inserted, and no journal is kept to undo it. */
static enum err prepare(struct ledger *l, struct err_info *e)
{
    if (db_run(l->db, "PRAGMA cache_size = -" CACHE_KIB, e) ||
        db_prepare(l->db, "BEGIN IMMEDIATE", &l->begin, e) ||
        db_prepare(l->db, "COMMIT", &l->commit, e) ||
        prepare_insert(l->db, "INSERT OR FAIL", ROWS_AT_ONCE, &l->insert_many, e) ||
        prepare_insert(l->db, "INSERT OR IGNORE", 1, &l->insert_one, e) ||
        shapes_open(&l->shapes, l->db, e))
        return e->code;
    return rollups_open(&l->rollups, l->db, e);
}

enum err ledger_open(const char *dsn, unsigned flags, struct ledger **out, struct err_info *e)
{
    struct ledger *l = calloc(1, sizeof(*l));

    if (!l)
        panic("out of memory: a ledger");
    if (db_open(dsn, flags, &l->db, e) || prepare(l, e)) {
        ledger_close(l);
        return e->code;
    }
    *out = l;
    return ERR_NONE;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    rollups_close(&l->rollups);
    shapes_close(&l->shapes);
    sqlite3_finalize(l->begin);
    sqlite3_finalize(l->commit);
    sqlite3_finalize(l->insert_many);
    sqlite3_finalize(l->insert_one);
    sqlite3_close(l->db);
    free(l);
}

void ledger_set_patience(struct ledger *l, int ms)
{
    sqlite3_busy_timeout(l->db, ms);
}

uint64_t ledger_added(const struct ledger *l)
{
    return l->added;
}

bool ledger_may_recover(const struct ledger *l)
{
    return l->last_result == SQLITE_BUSY || l->last_result == SQLITE_LOCKED ||
           l->last_result == SQLITE_FULL;
}

void ledger_rest(struct ledger *l)
{
    sqlite3_db_release_memory(l->db);
}

static void note_result(struct ledger *l)
{
    l->last_result = sqlite3_errcode(l->db) & 0xff; // the primary code
}

static enum err fail(struct ledger *l, const char *doing, struct err_info *e)
{
    note_result(l);
    return db_fail(l->db, doing, e);
}

/* Runs a bound statement that answers no rows. */
static enum err run(struct ledger *l, sqlite3_stmt *st, const char *doing, struct err_info *e)
{
    enum err err = ERR_NONE;

    if (sqlite3_step(st) != SQLITE_DONE)
        err = fail(l, doing, e);
    sqlite3_reset(st);
    return err;
}

/* A file deleted or replaced beneath us would take the rows and keep them from everybody. */
static enum err check_not_moved(struct ledger *l, struct err_info *e)
{
    if (!db_has_moved(l->db))
        return ERR_NONE;
    l->last_result = SQLITE_READONLY;
    return err_set(e, ERR_IO, "the database file has been moved or deleted");
}

enum err ledger_begin(struct ledger *l, struct err_info *e)
{
    l->added = 0;
    if (check_not_moved(l, e))
        return e->code;
    return run(l, l->begin, "cannot begin writing usage", e);
}

void ledger_rollback(struct ledger *l)
{
    l->pending_count = 0;
    rollups_forget(&l->rollups);
    shapes_forget(&l->shapes); // those added are gone again
    if (!sqlite3_get_autocommit(l->db))
        db_run(l->db, "ROLLBACK", &(struct err_info){.code = ERR_NONE});
}

/* A row of the statement, `first` being the number of its first parameter. */
static void bind_row(struct ledger *l, sqlite3_stmt *st, int first, size_t row)
{
    const struct usage_record *r = &l->pending[row].record;
    struct slice client = r->client_request_id;
    size_t len = ledger_figures(r, l->figures[row]);

    db_bind_text(st, first + BIND_ID, slice_of(r->id, ID_TEXT_BYTES - 1));
    sqlite3_bind_int64(st, first + BIND_SHAPE, l->pending[row].shape.id);
    db_bind_text(st, first + BIND_FIGURES, slice_of(l->figures[row], len));
    db_bind_text(st, first + BIND_CLIENT_REQUEST_ID, client.len ? client : SLICE(""));
}

static void count_row(struct ledger *l, size_t row)
{
    rollups_add(&l->rollups, l->pending[row].shape.series, &l->pending[row].record);
    l->added++;
}

/* Answers how many were inserted: all, or those before one that was there already. */
static enum err insert_many(struct ledger *l, size_t *inserted, struct err_info *e)
{
    int rc;

    for (size_t i = 0; i < ROWS_AT_ONCE; i++)
        bind_row(l, l->insert_many, 1 + (int)i * ROW_BINDS, i);
    rc = sqlite3_step(l->insert_many);
    if (rc != SQLITE_DONE && rc != SQLITE_CONSTRAINT_PRIMARYKEY)
        fail(l, "cannot write usage", e);
    *inserted = (size_t)sqlite3_changes(l->db);
    sqlite3_reset(l->insert_many);
    if (e->code)
        return e->code;
    for (size_t i = 0; i < *inserted; i++)
        count_row(l, i);
    return ERR_NONE;
}

/* In their order: where an id comes twice, the first row stays. */
static enum err flush(struct ledger *l, struct err_info *e)
{
    size_t done = 0;

    if (l->pending_count == ROWS_AT_ONCE && insert_many(l, &done, e))
        return e->code;
    for (; done < l->pending_count; done++) {
        bind_row(l, l->insert_one, 1, done);
        if (run(l, l->insert_one, "cannot write usage", e))
            return e->code;
        if (sqlite3_changes(l->db))
            count_row(l, done);
    }
    l->pending_count = 0;
    return ERR_NONE;
}

/* What adds up is never negative, whoever wrote the record. */
static void clamp(struct usage_record *r)
{
    int64_t *const figures[] = {&r->request_bytes, &r->response_bytes, &r->cost_nusd};

    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        *figures[i] = *figures[i] < 0 ? 0 : *figures[i];
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        r->usage.tokens[k] = r->usage.tokens[k] < 0 ? 0 : r->usage.tokens[k];
}

enum err ledger_add(struct ledger *l, const struct usage_record *r, struct err_info *e)
{
    struct ledger_pending *p = &l->pending[l->pending_count];

    if (shapes_find(&l->shapes, l->db, r, &p->shape, e)) {
        note_result(l);
        return e->code;
    }
    p->record = *r;
    clamp(&p->record);
    l->pending_count++;
    return l->pending_count == ROWS_AT_ONCE ? flush(l, e) : ERR_NONE;
}

enum err ledger_commit(struct ledger *l, struct err_info *e)
{
    if (flush(l, e))
        return e->code;
    if (rollups_write(&l->rollups, l->db, e)) {
        note_result(l);
        return e->code;
    }
    return run(l, l->commit, "cannot commit usage", e);
}

/* Commits are appended to the write-ahead log, so that what syncs it makes them all safe. */
enum err ledger_sync(struct ledger *l, struct err_info *e)
{
    sqlite3_file *wal = NULL;

    sqlite3_file_control(l->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (!wal || !wal->pMethods || !wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL))
        return ERR_NONE;
    l->last_result = SQLITE_IOERR;
    return err_set(e, ERR_IO, "cannot bring usage to the disk");
}

enum err ledger_checkpoint(struct ledger *l, struct err_info *e)
{
    int rc = sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);

    if (rc == SQLITE_OK)
        return ERR_NONE;
    l->last_result = rc & 0xff;
    return err_set(e, ERR_IO, "cannot bring usage to the disk: %s", sqlite3_errstr(rc));
}
