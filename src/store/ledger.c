/* ledger.c - usage rows in the database. */
#include "store/ledger.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "store/db.h"
#include "store/ledger_inside.h"

#define SERIES_REMEMBERED 65536 // then all are forgotten and found again
#define CACHE_KIB         "2048"

struct series {
    int64_t id;
};

/* Of the insert, without the token kinds, which come last. */
static const char *const row_columns[] = {
    "id",
    "series",
    "started_at",
    "credential_id",
    "operation",
    "dialect",
    "upstream_dialect",
    "usage_source",
    "err",
    "http_status",
    "upstream_status",
    "stream",
    "attempts",
    "connect_ms",
    "first_byte_ms",
    "total_ms",
    "request_bytes",
    "response_bytes",
    "cost_nusd",
    "priced",
    "asked_model",
    "client_request_id",
};

enum err ledger_prepare(sqlite3 *db, struct buf *sql, sqlite3_stmt **out, struct err_info *e)
{
    enum err err;

    buf_append_byte(sql, '\0');
    err = db_prepare(db, buf_peek(sql).ptr, out, e);
    buf_release(sql);
    return err;
}

static enum err prepare_insert(struct ledger *l, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "INSERT INTO usage (");
    for (size_t i = 0; i < ARRAY_LEN(row_columns); i++)
        buf_printf(&sql, "%s, ", row_columns[i]);
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        buf_printf(&sql, "%s%s", k ? ", " : "", usage_kind_name((enum usage_kind)k));
    buf_append_str(&sql, ") VALUES (?1");
    for (size_t i = 2; i <= ARRAY_LEN(row_columns) + USAGE_KIND_COUNT; i++)
        buf_printf(&sql, ", ?%zu", i);
    buf_append_str(&sql, ") ON CONFLICT (id) DO NOTHING");
    return ledger_prepare(l->db, &sql, &l->insert, e);
}

static enum err prepare(struct ledger *l, struct err_info *e)
{
    if (db_run(l->db, "PRAGMA cache_size = -" CACHE_KIB, e) ||
        db_prepare(l->db, "BEGIN IMMEDIATE", &l->begin, e) ||
        db_prepare(l->db, "COMMIT", &l->commit, e) ||
        db_prepare(l->db,
                   "SELECT id FROM usage_series WHERE user_id = ?1 AND key_id = ?2"
                   " AND provider_id = ?3 AND user = ?4 AND key = ?5 AND provider = ?6"
                   " AND model = ?7 AND alias = ?8 AND outcome = ?9",
                   &l->find_series, e) ||
        db_prepare(l->db,
                   "INSERT INTO usage_series (user_id, key_id, provider_id, user, key, provider,"
                   " model, alias, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   &l->add_series, e) ||
        prepare_insert(l, e))
        return e->code;
    return rollups_open(&l->rollups, l->db, e);
}

enum err ledger_open(const char *dsn, unsigned flags, struct ledger **out, struct err_info *e)
{
    struct ledger *l = calloc(1, sizeof(*l));

    if (!l)
        panic("out of memory: a ledger");
    arena_init(&l->series_arena, 0);
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
    sqlite3_finalize(l->begin);
    sqlite3_finalize(l->commit);
    sqlite3_finalize(l->insert);
    sqlite3_finalize(l->find_series);
    sqlite3_finalize(l->add_series);
    sqlite3_close(l->db);
    table_release(&l->series);
    arena_release(&l->series_arena);
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

static enum err fail(struct ledger *l, const char *doing, struct err_info *e)
{
    l->last_result = sqlite3_errcode(l->db) & 0xff; // the primary code
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
    int moved = 0;

    sqlite3_file_control(l->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!moved)
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

static void forget_series(struct ledger *l)
{
    table_release(&l->series);
    arena_release(&l->series_arena);
}

void ledger_rollback(struct ledger *l)
{
    rollups_forget(&l->rollups);
    forget_series(l); // those added are gone again
    if (!sqlite3_get_autocommit(l->db))
        db_run(l->db, "ROLLBACK", &(struct err_info){.code = ERR_NONE});
}

enum err ledger_commit(struct ledger *l, struct err_info *e)
{
    if (rollups_write(&l->rollups, l->db, e)) {
        l->last_result = sqlite3_errcode(l->db) & 0xff; // the primary code
        return e->code;
    }
    return run(l, l->commit, "cannot commit usage", e);
}

/* Never null: a name that is not there is an empty one. */
static void bind_name(sqlite3_stmt *st, int at, struct slice s)
{
    sqlite3_bind_text64(st, at, s.len ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_series(sqlite3_stmt *st, const struct usage_record *r)
{
    const struct slice names[] = {
        r->user, r->key_label, r->provider, r->model, r->alias, slice_str(outcome_name(r->outcome)),
    };

    sqlite3_bind_int64(st, 1, r->user_id);
    sqlite3_bind_int64(st, 2, r->key_id);
    sqlite3_bind_int64(st, 3, r->provider_id);
    for (int i = 0; i < (int)ARRAY_LEN(names); i++)
        bind_name(st, 4 + i, names[i]);
}

static enum err look_up_series(struct ledger *l, const struct usage_record *r, int64_t *id,
                               struct err_info *e)
{
    int rc;

    bind_series(l->find_series, r);
    rc = sqlite3_step(l->find_series);
    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(l->find_series, 0);
    else if (rc != SQLITE_DONE)
        fail(l, "cannot read usage", e);
    sqlite3_reset(l->find_series);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_ROW ? ERR_NONE : e->code;

    bind_series(l->add_series, r);
    if (run(l, l->add_series, "cannot write usage", e))
        return e->code;
    *id = sqlite3_last_insert_rowid(l->db);
    return ERR_NONE;
}

/* The bytes that tell one series from another, in the transaction's arena. */
static struct slice series_key(struct arena *a, const struct usage_record *r)
{
    const struct slice names[] = {r->user, r->key_label, r->provider, r->model, r->alias};
    int64_t numbers[4 + ARRAY_LEN(names)] = {r->user_id, r->key_id, r->provider_id, r->outcome};
    size_t len = sizeof(numbers);
    char *key, *out;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        numbers[4 + i] = (int64_t)names[i].len;
        len += names[i].len;
    }
    key = arena_alloc_raw(a, len, 1);
    memcpy(key, numbers, sizeof(numbers));
    out = key + sizeof(numbers);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].len)
            memcpy(out, names[i].ptr, names[i].len);
        out += names[i].len;
    }
    return slice_of(key, len);
}

static enum err find_series(struct ledger *l, const struct usage_record *r, int64_t *id,
                            struct err_info *e)
{
    struct arena *a = &l->series_arena;
    struct series *known;
    struct slice key;

    if (l->series.live >= SERIES_REMEMBERED)
        forget_series(l);
    key = series_key(&l->rollups.arena, r);
    known = table_get(&l->series, key);
    if (known) {
        *id = known->id;
        return ERR_NONE;
    }
    if (look_up_series(l, r, id, e))
        return e->code;
    known = arena_new(a, struct series);
    known->id = *id;
    table_put(&l->series, arena_dup(a, key), known);
    return ERR_NONE;
}

static void bind_ms(sqlite3_stmt *st, int at, int64_t ms)
{
    if (ms >= 0)
        sqlite3_bind_int64(st, at, ms);
    else
        sqlite3_bind_null(st, at);
}

/* In the order of row_columns, then the kinds. */
static void bind_row(sqlite3_stmt *st, const struct usage_record *r, int64_t series)
{
    int at = 1;

    bind_name(st, at++, slice_str(r->id));
    sqlite3_bind_int64(st, at++, series);
    sqlite3_bind_int64(st, at++, r->started_unix_ms);
    sqlite3_bind_int64(st, at++, r->credential_id);
    bind_name(st, at++, slice_str(operation_name(r->operation)));
    bind_name(st, at++, slice_str(dialect_name(r->dialect)));
    bind_name(st, at++, slice_str(dialect_name(r->upstream_dialect)));
    bind_name(st, at++, slice_str(usage_source_name(r->source)));
    db_bind_text(st, at++, slice_str(r->err ? err_name(r->err) : NULL));
    sqlite3_bind_int64(st, at++, r->http_status);
    sqlite3_bind_int64(st, at++, r->upstream_status);
    sqlite3_bind_int64(st, at++, r->stream);
    sqlite3_bind_int64(st, at++, r->attempts);
    bind_ms(st, at++, r->connect_ms);
    bind_ms(st, at++, r->first_byte_ms);
    bind_ms(st, at++, r->total_ms);
    sqlite3_bind_int64(st, at++, r->request_bytes);
    sqlite3_bind_int64(st, at++, r->response_bytes);
    sqlite3_bind_int64(st, at++, r->cost_nusd);
    sqlite3_bind_int64(st, at++, r->priced);
    bind_name(st, at++, r->asked_model);
    bind_name(st, at++, r->client_request_id);
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        sqlite3_bind_int64(st, at++, r->usage.tokens[k]);
}

enum err ledger_add(struct ledger *l, const struct usage_record *r, struct err_info *e)
{
    int64_t series = 0;

    if (find_series(l, r, &series, e))
        return e->code;
    bind_row(l->insert, r, series);
    if (run(l, l->insert, "cannot write usage", e))
        return e->code;
    if (sqlite3_changes(l->db) == 0)
        return ERR_NONE; // it was there already
    rollups_add(&l->rollups, series, r);
    l->added++;
    return ERR_NONE;
}
