/* ledger_shape.c - what usage rows have in common, and the number it goes by. */
#include <assert.h>

#include "base/array.h"
#include "store/db.h"
#include "store/ledger_inside.h"

#define REMEMBERED 65536 // then all are forgotten and found again

static const char *const series_names[] = {
    "user_id", "key_id", "provider_id", "user", "key", "provider", "model", "alias", "outcome",
};

static const char *const shape_names[] = {
    "series",   "credential_id", "operation",       "dialect", "upstream_dialect", "usage_source",
    "err",      "http_status",   "upstream_status", "stream",  "attempts",         "priced",
    "price_id", "tier",          "asked_model",
};

static enum err prepare_find(sqlite3 *db, const char *table, const char *const *names, size_t count,
                             sqlite3_stmt **out, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_printf(&sql, "SELECT id FROM %s WHERE TRUE", table);
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, " AND %s = ?%zu", names[i], i + 1);
    return ledger_prepare(db, &sql, out, e);
}

static enum err prepare_add(sqlite3 *db, const char *table, const char *const *names, size_t count,
                            sqlite3_stmt **out, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_printf(&sql, "INSERT INTO %s (", table);
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, "%s%s", i ? ", " : "", names[i]);
    buf_append_str(&sql, ") VALUES (");
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, "%s?%zu", i ? ", " : "", i + 1);
    buf_append_str(&sql, ")");
    return ledger_prepare(db, &sql, out, e);
}

enum err shapes_open(struct shapes *s, sqlite3 *db, struct err_info *e)
{
    const size_t series = ARRAY_LEN(series_names), shape = ARRAY_LEN(shape_names);

    arena_init(&s->arena, 0);
    if (prepare_find(db, "usage_series", series_names, series, &s->find_series, e) ||
        prepare_add(db, "usage_series", series_names, series, &s->add_series, e) ||
        prepare_find(db, "usage_shape", shape_names, shape, &s->find_shape, e) ||
        prepare_add(db, "usage_shape", shape_names, shape, &s->add_shape, e))
        return e->code;
    return ERR_NONE;
}

void shapes_close(struct shapes *s)
{
    sqlite3_finalize(s->find_series);
    sqlite3_finalize(s->add_series);
    sqlite3_finalize(s->find_shape);
    sqlite3_finalize(s->add_shape);
    shapes_forget(s);
    buf_release(&s->key);
}

void shapes_forget(struct shapes *s)
{
    table_release(&s->known);
    arena_release(&s->arena);
}

/* Never null: a name that is not there is an empty one. */
static void bind_name(sqlite3_stmt *st, int at, struct slice s)
{
    db_bind_text(st, at, s.len ? s : SLICE(""));
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

static void bind_shape(sqlite3_stmt *st, const struct usage_record *r, int64_t series)
{
    int at = 1;

    sqlite3_bind_int64(st, at++, series);
    sqlite3_bind_int64(st, at++, r->credential_id);
    bind_name(st, at++, slice_str(operation_name(r->operation)));
    bind_name(st, at++, slice_str(dialect_name(r->dialect)));
    bind_name(st, at++, slice_str(dialect_name(r->upstream_dialect)));
    bind_name(st, at++, slice_str(usage_source_name(r->source)));
    bind_name(st, at++, slice_str(r->err ? err_name(r->err) : ""));
    sqlite3_bind_int64(st, at++, r->http_status);
    sqlite3_bind_int64(st, at++, r->upstream_status);
    sqlite3_bind_int64(st, at++, r->stream);
    sqlite3_bind_int64(st, at++, r->attempts);
    sqlite3_bind_int64(st, at++, r->priced);
    sqlite3_bind_int64(st, at++, r->price_id);
    bind_name(st, at++, slice_str(service_tier_name(r->tier)));
    bind_name(st, at++, r->asked_model);
}

/* The id found by one bound statement, or that of the row which the other adds. */
static enum err find_or_add(sqlite3 *db, sqlite3_stmt *find, sqlite3_stmt *add, int64_t *id,
                            struct err_info *e)
{
    int rc = sqlite3_step(find);

    if (rc == SQLITE_ROW)
        *id = sqlite3_column_int64(find, 0);
    else if (rc != SQLITE_DONE)
        db_fail(db, "cannot read usage", e);
    sqlite3_reset(find);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_ROW ? ERR_NONE : e->code;
    if (sqlite3_step(add) != SQLITE_DONE)
        db_fail(db, "cannot write usage", e);
    else
        *id = sqlite3_last_insert_rowid(db);
    sqlite3_reset(add);
    return e->code;
}

static enum err look_up(struct shapes *s, sqlite3 *db, const struct usage_record *r,
                        struct shape *out, struct err_info *e)
{
    bind_series(s->find_series, r);
    bind_series(s->add_series, r);
    if (find_or_add(db, s->find_series, s->add_series, &out->series, e))
        return e->code;
    bind_shape(s->find_shape, r, out->series);
    bind_shape(s->add_shape, r, out->series);
    return find_or_add(db, s->find_shape, s->add_shape, &out->id, e);
}

/* The numbers of the key; the names follow. */
struct key_numbers {
    int64_t user_id, key_id, provider_id, credential_id, price_id;
    int32_t http_status, upstream_status;
    uint32_t attempts;
    uint8_t operation, dialect, upstream_dialect, outcome;
    uint8_t source, err, stream, priced;
    uint32_t name_len[6];
    uint32_t tier;
};

static_assert(sizeof(struct key_numbers) == 88, "no holes: its bytes are compared");

/* The bytes that tell one shape from another. */
static struct slice key_of(struct buf *key, const struct usage_record *r)
{
    const struct slice names[] = {
        r->user, r->key_label, r->provider, r->model, r->alias, r->asked_model,
    };
    struct key_numbers n = {
        .user_id = r->user_id,
        .key_id = r->key_id,
        .provider_id = r->provider_id,
        .credential_id = r->credential_id,
        .http_status = r->http_status,
        .upstream_status = r->upstream_status,
        .attempts = r->attempts,
        .operation = (uint8_t)r->operation,
        .dialect = (uint8_t)r->dialect,
        .upstream_dialect = (uint8_t)r->upstream_dialect,
        .outcome = (uint8_t)r->outcome,
        .source = (uint8_t)r->source,
        .err = (uint8_t)r->err,
        .stream = r->stream,
        .priced = r->priced,
        .price_id = r->price_id,
        .tier = (uint32_t)r->tier,
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        n.name_len[i] = (uint32_t)names[i].len;
    buf_clear(key);
    buf_append(key, slice_of((const char *)&n, sizeof(n)));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        buf_append(key, names[i]);
    return buf_peek(key);
}

enum err shapes_find(struct shapes *s, sqlite3 *db, const struct usage_record *r, struct shape *out,
                     struct err_info *e)
{
    struct slice key = key_of(&s->key, r);
    struct shape *known = table_get(&s->known, key);

    if (known) {
        *out = *known;
        return ERR_NONE;
    }
    if (look_up(s, db, r, out, e))
        return e->code;
    if (s->known.live >= REMEMBERED)
        shapes_forget(s);
    known = arena_new(&s->arena, struct shape);
    *known = *out;
    table_put(&s->known, arena_dup(&s->arena, key), known);
    return ERR_NONE;
}
