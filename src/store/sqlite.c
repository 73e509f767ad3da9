/* sqlite.c - the rows of the control plane in SQLite, by their descriptors. */
#include "store/sqlite.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/panic.h"
#include "store/audit_write.h"

enum err store_open(const char *dsn, unsigned flags, struct store **out, struct err_info *e)
{
    struct store *s;
    sqlite3 *db;

    if (db_open(dsn, flags, &db, e))
        return e->code;
    s = calloc(1, sizeof(*s));
    if (!s)
        panic("no memory for a store");
    s->db = db;
    s->generation = -1;
    *out = s;
    return ERR_NONE;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        for (size_t i = 0; i < STATEMENT_COUNT; i++)
            sqlite3_finalize(s->statements[type][i]);
    }
    sqlite3_finalize(s->bump);
    sqlite3_finalize(s->version);
    sqlite3_finalize(s->audit);
    sqlite3_close(s->db);
    seal_key_wipe(&s->key);
    free(s);
}

void store_use_key(struct store *s, const struct seal_key *key)
{
    s->key = *key;
    s->has_key = true;
}

void store_set_actor(struct store *s, const struct store_actor *actor)
{
    snprintf(s->actor.kind, sizeof(s->actor.kind), "%s", actor->kind);
    snprintf(s->actor.actor, sizeof(s->actor.actor), "%s", actor->actor);
    snprintf(s->actor.origin, sizeof(s->actor.origin), "%s", actor->origin);
    snprintf(s->actor.note, sizeof(s->actor.note), "%s", actor->note ? actor->note : "");
}

static void write_insert(struct buf *sql, const struct row_kind *kind)
{
    buf_printf(sql, "INSERT INTO %s (created_at, updated_at", kind->table);
    for (size_t i = 0; i < kind->field_count; i++)
        buf_printf(sql, ", %s", kind->fields[i].name);
    buf_append_str(sql, ") VALUES (?2, ?3");
    for (size_t i = 0; i < kind->field_count; i++)
        buf_printf(sql, ", ?%zu", i + HEAD_COLUMNS + 1);
    buf_append_str(sql, ")");
}

static void write_update(struct buf *sql, const struct row_kind *kind)
{
    buf_printf(sql, "UPDATE %s SET updated_at = ?3", kind->table);
    for (size_t i = 0; i < kind->field_count; i++)
        buf_printf(sql, ", %s = ?%zu", kind->fields[i].name, i + HEAD_COLUMNS + 1);
    buf_append_str(sql, " WHERE id = ?1");
}

enum err sqlite_prepare(struct store *s, struct buf *sql, sqlite3_stmt **out, struct err_info *e)
{
    buf_append_byte(sql, '\0');
    return db_prepare(s->db, buf_peek(sql).ptr, out, e);
}

enum err sqlite_statement(struct store *s, enum row_type type, enum statement which,
                          sqlite3_stmt **out, struct err_info *e)
{
    const struct row_kind *kind = row_kind(type);
    sqlite3_stmt **kept = &s->statements[type][which];
    struct buf sql = {.data = NULL};
    enum err err = ERR_NONE;

    if (!*kept) {
        switch (which) {
        case STATEMENT_INSERT: write_insert(&sql, kind); break;
        case STATEMENT_UPDATE: write_update(&sql, kind); break;
        case STATEMENT_DELETE: buf_printf(&sql, "DELETE FROM %s WHERE id = ?1", kind->table); break;
        case STATEMENT_SELECT:
            sqlite_write_select(&sql, kind);
            buf_append_str(&sql, " WHERE id = ?1");
            break;
        case STATEMENT_COUNT: break;
        }
        err = sqlite_prepare(s, &sql, kept, e);
        buf_release(&sql);
    }
    *out = *kept;
    return err;
}

static enum err bind_secret(struct store *s, struct seal_place place, struct secret plain,
                            sqlite3_stmt *st, int at, struct err_info *e)
{
    struct buf sealed = {.data = NULL};

    if (!s->has_key)
        return err_set(e, ERR_IO, "%s %s cannot be sealed: no secret key", place.table,
                       place.column);
    seal(&s->key, place, plain, &sealed);
    sqlite3_bind_text64(st, at, buf_peek(&sealed).ptr, buf_len(&sealed), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    buf_release(&sealed);
    return ERR_NONE;
}

/* A secret's seal needs the row's id: one that has none yet is first stored without. */
static enum err bind_field(struct store *s, const struct row_kind *kind, const struct field *f,
                           const struct row_head *row, sqlite3_stmt *st, int at, struct err_info *e)
{
    const void *value = (const char *)row + f->offset;
    struct seal_place place;

    if (field_is_null(f, row) || (f->type == FIELD_SECRET && !row->id)) {
        sqlite3_bind_null(st, at);
        return ERR_NONE;
    }
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: sqlite3_bind_int64(st, at, *(const int64_t *)value); break;
    case FIELD_BOOL: sqlite3_bind_int(st, at, *(const bool *)value); break;
    case FIELD_TEXT:
    case FIELD_JSON: db_bind_text(st, at, *(const struct slice *)value); break;
    case FIELD_BYTES: db_bind_blob(st, at, *(const struct slice *)value); break;
    case FIELD_SECRET:
        place = (struct seal_place){kind->table, f->name, row->id};
        return bind_secret(s, place, *(const struct secret *)value, st, at, e);
    }
    return ERR_NONE;
}

/* What SQLite says about a broken constraint, in the words of the row. */
static enum err fail_write(struct store *s, const struct row_kind *kind, struct err_info *e)
{
    int rc = sqlite3_extended_errcode(s->db);
    struct slice said = slice_str(sqlite3_errmsg(s->db));
    size_t dot = slice_find_last(said, '.');
    struct slice column = dot == SIZE_MAX ? said : slice_after(said, dot + 1);

    if (rc == SQLITE_CONSTRAINT_UNIQUE)
        return err_set(e, ERR_CONFLICT, "there is already a %s with this %.*s", kind->table,
                       SLICE_ARG(column));
    if (rc == SQLITE_CONSTRAINT_NOTNULL)
        return err_set(e, ERR_BAD_REQUEST, "%s: %.*s must be given", kind->table,
                       SLICE_ARG(column));
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
        return err_set(e, ERR_CONFLICT, "%s: refers to a row that is not there", kind->table);
    return db_fail(s->db, "the row cannot be written", e);
}

static enum err run_write(struct store *s, enum row_type type, enum statement which,
                          const struct row_head *row, struct err_info *e)
{
    const struct row_kind *kind = row_kind(type);
    sqlite3_stmt *st;

    if (sqlite_statement(s, type, which, &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, row->id);
    sqlite3_bind_int64(st, 2, row->created_unix_ms);
    sqlite3_bind_int64(st, 3, row->updated_unix_ms);
    for (size_t i = 0; i < kind->field_count; i++) {
        if (bind_field(s, kind, &kind->fields[i], row, st, (int)i + HEAD_COLUMNS + 1, e))
            break;
    }
    if (!e->code && sqlite3_step(st) != SQLITE_DONE)
        fail_write(s, kind, e);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    if (!e->code && which == STATEMENT_UPDATE && !sqlite3_changes(s->db))
        return err_set(e, ERR_NOT_FOUND, "there is no %s with the id %lld", kind->table,
                       (long long)row->id);
    return e->code;
}

static bool has_secret(const struct row_kind *kind)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].type == FIELD_SECRET)
            return true;
    }
    return false;
}

static enum err add(struct store *s, enum row_type type, struct row_head *row, struct err_info *e)
{
    row->created_unix_ms = row->updated_unix_ms;
    if (run_write(s, type, STATEMENT_INSERT, row, e))
        return e->code;
    row->id = sqlite3_last_insert_rowid(s->db);
    if (has_secret(row_kind(type)))
        run_write(s, type, STATEMENT_UPDATE, row, e);
    return e->code;
}

static enum err bump(struct store *s, struct err_info *e)
{
    int rc;

    if (!s->bump && db_prepare(s->db, "UPDATE generation SET number = number + 1", &s->bump, e))
        return e->code;
    rc = sqlite3_step(s->bump);
    sqlite3_reset(s->bump);
    s->wrote = true;
    return rc == SQLITE_DONE ? ERR_NONE : db_fail(s->db, "the change cannot be noted", e);
}

/* Around one change: a transaction, or inside the caller's a part that can be undone. */
static enum err change_begin(struct store *s, bool *own, struct err_info *e)
{
    *own = sqlite3_get_autocommit(s->db) != 0;
    return db_run(s->db, *own ? "BEGIN IMMEDIATE" : "SAVEPOINT change", e);
}

static enum err change_end(struct store *s, bool own, struct err_info *e)
{
    struct err_info ignored = {.code = ERR_NONE};

    if (!e->code)
        db_run(s->db, own ? "COMMIT" : "RELEASE change", e);
    if (!e->code)
        return ERR_NONE;
    if (sqlite3_get_autocommit(s->db))
        return e->code; // SQLite has undone all of it already
    if (!own)
        db_run(s->db, "ROLLBACK TO change", &ignored);
    db_run(s->db, own ? "ROLLBACK" : "RELEASE change", &ignored);
    return e->code;
}

static enum err put_audited(struct store *s, enum row_type type, struct row_head *row,
                            struct arena *a, struct err_info *e)
{
    struct audit_image before = {.exists = false}, after;

    if (row->id && audit_look(s, type, row->id, a, &before, e))
        return e->code;
    if (row->id)
        run_write(s, type, STATEMENT_UPDATE, row, e);
    else
        add(s, type, row, e);
    if (e->code || audit_look(s, type, row->id, a, &after, e))
        return e->code;
    return audit_write(s, type, row->id, &before, &after, SLICE(""), e);
}

enum err store_put(struct store *s, enum row_type type, void *row, struct err_info *e)
{
    struct row_head *head = row, before = *head;
    struct arena arena;
    bool own;

    if (change_begin(s, &own, e))
        return e->code;
    arena_init(&arena, 0);
    head->updated_unix_ms = clock_unix_ms();
    if (!put_audited(s, type, head, &arena, e))
        bump(s, e);
    arena_release(&arena);
    if (change_end(s, own, e))
        *head = before;
    return e->code;
}

static enum err run_delete(struct store *s, enum row_type type, int64_t id, struct err_info *e)
{
    const struct row_kind *kind = row_kind(type);
    sqlite3_stmt *st;
    int rc;

    if (sqlite_statement(s, type, STATEMENT_DELETE, &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, id);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
    if (rc != SQLITE_DONE)
        return fail_write(s, kind, e);
    if (!sqlite3_changes(s->db))
        return err_set(e, ERR_NOT_FOUND, "there is no %s with the id %lld", kind->table,
                       (long long)id);
    return bump(s, e);
}

static enum err delete_audited(struct store *s, enum row_type type, int64_t id, struct arena *a,
                               struct err_info *e)
{
    struct audit_image before, after = {.exists = false};
    struct slice children;

    if (audit_look(s, type, id, a, &before, e) ||
        audit_count_children(s, type, id, a, &children, e) || run_delete(s, type, id, e))
        return e->code;
    return audit_write(s, type, id, &before, &after, children, e);
}

enum err store_delete(struct store *s, enum row_type type, int64_t id, struct err_info *e)
{
    struct arena arena;
    bool own;

    if (change_begin(s, &own, e))
        return e->code;
    arena_init(&arena, 0);
    delete_audited(s, type, id, &arena, e);
    arena_release(&arena);
    return change_end(s, own, e);
}

enum err store_begin(struct store *s, struct err_info *e)
{
    return db_run(s->db, "BEGIN IMMEDIATE", e);
}

enum err store_commit(struct store *s, struct err_info *e)
{
    return db_run(s->db, "COMMIT", e);
}

void store_rollback(struct store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        db_run(s->db, "ROLLBACK", &(struct err_info){.code = ERR_NONE});
}

enum err sqlite_data_version(struct store *s, int64_t *out, struct err_info *e)
{
    if (!s->version && db_prepare(s->db, "PRAGMA data_version", &s->version, e))
        return e->code;
    if (sqlite3_step(s->version) == SQLITE_ROW)
        *out = sqlite3_column_int64(s->version, 0);
    else
        db_fail(s->db, "the database cannot be read", e);
    sqlite3_reset(s->version);
    return e->code;
}

enum err sqlite_generation(struct store *s, int64_t *out, struct err_info *e)
{
    return db_query_int(s->db, "SELECT number FROM generation", 0, out, e);
}

/* The usage writer commits all the time; only a change of ours moves the generation. */
bool store_changed(struct store *s)
{
    struct err_info e = {.code = ERR_NONE};
    int64_t version = 0, generation = 0;

    if (s->generation < 0 || sqlite_data_version(s, &version, &e))
        return true; // loading will say what is wrong
    if (version == s->data_version && !s->wrote)
        return false;
    if (sqlite_generation(s, &generation, &e))
        return true;
    if (generation != s->generation)
        return true;
    s->data_version = version;
    s->wrote = false;
    return false;
}

bool store_has_moved(struct store *s)
{
    return db_has_moved(s->db);
}

enum err store_is_empty(struct store *s, bool *empty, struct err_info *e)
{
    int64_t found = 0;

    for (size_t type = 0; type < ROW_TYPE_COUNT && !found && !e->code; type++) {
        struct buf sql = {.data = NULL};
        buf_printf(&sql, "SELECT EXISTS (SELECT 1 FROM %s)", row_kind((enum row_type)type)->table);
        buf_append_byte(&sql, '\0');
        db_query_int(s->db, buf_peek(&sql).ptr, 0, &found, e);
        buf_release(&sql);
    }
    *empty = !found;
    return e->code;
}

enum err store_owner(struct store *s, char *out, size_t size, struct err_info *e)
{
    sqlite3_stmt *st;
    struct slice text;
    int rc;

    if (db_prepare(s->db, "SELECT fingerprint FROM owner", &st, e))
        return e->code;
    rc = sqlite3_step(st);
    text = rc == SQLITE_ROW ? db_column(st, 0) : slice_of(NULL, 0);
    snprintf(out, size, "%.*s", SLICE_ARG(text));
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        db_fail(s->db, "the database cannot be read", e);
    sqlite3_finalize(st);
    return e->code;
}

enum err store_claim(struct store *s, const char *fingerprint, struct err_info *e)
{
    char owner[64] = "";
    sqlite3_stmt *st;

    if (store_owner(s, owner, sizeof(owner), e))
        return e->code;
    if (!owner[0]) {
        if (db_prepare(s->db,
                       "INSERT INTO owner (fingerprint) SELECT ?1"
                       " WHERE NOT EXISTS (SELECT 1 FROM owner)",
                       &st, e))
            return e->code;
        db_bind_text(st, 1, slice_str(fingerprint));
        if (sqlite3_step(st) != SQLITE_DONE)
            db_fail(s->db, "the secret key cannot be noted", e);
        sqlite3_finalize(st);
        if (e->code || store_owner(s, owner, sizeof(owner), e)) // another may have been faster
            return e->code;
    }
    if (strcmp(owner, fingerprint) != 0)
        return err_set(e, ERR_CONFLICT,
                       "the database belongs to another secret key (%s): its keys and sealed "
                       "secrets are of no use with this one (%s)",
                       owner, fingerprint);
    return ERR_NONE;
}
