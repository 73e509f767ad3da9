/* audit_write.c - what the store tells the audit log. */
#include "store/audit_write.h"

#include <stddef.h>

#include "base/array.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "policy/field.h"
#include "wire/redact.h"
#include "json/write.h"

#define DIGEST_DIGITS 8
#define MAX_DEPTH     3 // of rows that belong to rows: user, key, permission

/* ---- a row, as it may be shown ---- */

/* What reading one has at hand. */
struct look {
    struct store *s;
    struct arena *arena;
    enum row_type type;
    const struct row_kind *kind;
    sqlite3_stmt *st;
    struct row_head *row;
};

static struct slice digest_of(struct look *l, struct slice text)
{
    return arena_printf(l->arena, "\"sha256:%.*s\"", DIGEST_DIGITS, digest_hex(l->arena, text).ptr);
}

/* Of the secret itself, so that sealing it anew is no change; where it does not open, of the seal. */
static struct slice digest_of_secret(struct look *l, const struct field *f, struct slice sealed)
{
    const struct seal_place place = {l->kind->table, f->name, l->row->id};
    struct err_info ignored = {.code = ERR_NONE};
    struct secret clear;

    if (l->s->has_key && !seal_open(&l->s->key, place, sealed, l->arena, &clear, &ignored))
        return digest_of(l, secret_reveal(clear));
    return digest_of(l, sealed);
}

static struct slice text_at(struct look *l, int column)
{
    return sqlite3_column_type(l->st, column) == SQLITE_TEXT ? db_column(l->st, column)
                                                             : slice_of(NULL, 0);
}

/* The value of a rule that sets a header is as secret as the header. */
static bool is_secret_value(struct look *l, const struct field *f)
{
    if (l->type != ROW_RULE || strcmp(f->name, "value") != 0)
        return false;
    for (size_t i = 0; i < l->kind->field_count; i++) {
        if (!strcmp(l->kind->fields[i].name, "name"))
            return redact_is_secret_name(text_at(l, (int)i + HEAD_COLUMNS));
    }
    return false;
}

/* Keys and passwords stand in texts, too: in a proxy's URL, in a header that a rule sets. */
static struct slice redacted(struct look *l, struct slice text)
{
    struct buf clean = {.data = NULL};
    struct slice out;

    redact_text(text, (struct redact_own){NULL, 0}, &clean);
    out = arena_dup(l->arena, buf_len(&clean) ? buf_peek(&clean) : SLICE(""));
    buf_release(&clean);
    return out;
}

/* By way of the row's own struct, so that it looks as it does everywhere else. */
static struct slice plain_value(struct look *l, const struct field *f, int column)
{
    void *at = (char *)l->row + f->offset;
    struct buf json = {.data = NULL};
    struct slice out;

    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: *(int64_t *)at = sqlite3_column_int64(l->st, column); break;
    case FIELD_BOOL: *(bool *)at = sqlite3_column_int64(l->st, column) != 0; break;
    case FIELD_TEXT:
    case FIELD_JSON: *(struct slice *)at = redacted(l, db_column(l->st, column)); break;
    case FIELD_SECRET:
    case FIELD_BYTES: return slice_of(NULL, 0); // never in clear
    }
    field_write_json(f, l->row, &json);
    out = arena_dup(l->arena, buf_peek(&json));
    buf_release(&json);
    return out;
}

static struct slice value_of(struct look *l, const struct field *f, int column)
{
    struct slice bytes;

    if (sqlite3_column_type(l->st, column) == SQLITE_NULL)
        return slice_of(NULL, 0);
    if (f->type == FIELD_SECRET || f->type == FIELD_BYTES || (f->flags & FIELD_WRITE_ONLY) ||
        is_secret_value(l, f)) {
        bytes = db_column(l->st, column);
        return f->type == FIELD_SECRET ? digest_of_secret(l, f, bytes) : digest_of(l, bytes);
    }
    return plain_value(l, f, column);
}

static struct slice name_of(struct look *l)
{
    static const char *const names[] = {"name", "label", "model", "models", "period"};

    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        for (size_t i = 0; i < l->kind->field_count; i++) {
            struct slice text;
            if (strcmp(l->kind->fields[i].name, names[n]) != 0)
                continue;
            text = text_at(l, (int)i + HEAD_COLUMNS);
            if (text.len)
                return redacted(l, text);
        }
    }
    return SLICE("");
}

enum err audit_look(struct store *s, enum row_type type, int64_t id, struct arena *a,
                    struct audit_image *out, struct err_info *e)
{
    struct look l = {.s = s, .arena = a, .type = type, .kind = row_kind(type)};
    int rc;

    *out = (struct audit_image){.exists = false};
    if (sqlite_statement(s, type, STATEMENT_SELECT, &l.st, e))
        return e->code;
    l.row = arena_alloc(a, l.kind->size, _Alignof(max_align_t));
    l.row->id = id;
    sqlite3_bind_int64(l.st, 1, id);
    rc = sqlite3_step(l.st);
    if (rc == SQLITE_ROW) {
        out->exists = true;
        out->name = name_of(&l);
        for (size_t i = 0; i < l.kind->field_count; i++)
            out->values[i] = value_of(&l, &l.kind->fields[i], (int)i + HEAD_COLUMNS);
    } else if (rc != SQLITE_DONE) {
        db_fail(s->db, "the row cannot be read", e);
    }
    sqlite3_reset(l.st);
    return e->code;
}

/* ---- what goes with it ---- */

struct children {
    struct store *s;
    int64_t counts[ROW_TYPE_COUNT];
};

/* `ids` is SQL that answers the ids of rows of `type` which go. */
// NOLINTNEXTLINE(misc-no-recursion): MAX_DEPTH deep at most
static enum err count_those_of(struct children *c, enum row_type type, struct slice ids, int depth,
                               struct err_info *e)
{
    for (size_t t = 0; t < ROW_TYPE_COUNT && depth < MAX_DEPTH; t++) {
        const struct row_kind *k = row_kind((enum row_type)t);
        for (size_t i = 0; i < k->field_count && !e->code; i++) {
            struct buf sql = {.data = NULL}, theirs = {.data = NULL};
            int64_t count = 0;
            if (k->fields[i].type != FIELD_REF || k->fields[i].ref != type)
                continue;
            buf_printf(&theirs, "SELECT id FROM %s WHERE %s IN (%.*s)", k->table, k->fields[i].name,
                       SLICE_ARG(ids));
            buf_printf(&sql, "SELECT count(*) FROM (%.*s)%c", SLICE_ARG(buf_peek(&theirs)), 0);
            db_query_int(c->s->db, buf_peek(&sql).ptr, 0, &count, e);
            c->counts[t] += count;
            if (count)
                count_those_of(c, (enum row_type)t, buf_peek(&theirs), depth + 1, e);
            buf_release(&sql);
            buf_release(&theirs);
        }
    }
    return e->code;
}

enum err audit_count_children(struct store *s, enum row_type type, int64_t id, struct arena *a,
                              struct slice *out, struct err_info *e)
{
    struct children c = {.s = s};
    struct buf words = {.data = NULL};

    *out = SLICE("");
    if (count_those_of(&c, type, arena_printf(a, "%lld", (long long)id), 0, e))
        return e->code;
    for (size_t t = 0; t < ROW_TYPE_COUNT; t++) {
        if (c.counts[t])
            buf_printf(&words, "%s %lld %s", buf_len(&words) ? "," : "with it went",
                       (long long)c.counts[t], row_kind((enum row_type)t)->table);
    }
    if (buf_len(&words))
        *out = arena_dup(a, buf_peek(&words));
    buf_release(&words);
    return ERR_NONE;
}

/* ---- the line ---- */

static bool value_eq(struct slice a, struct slice b)
{
    return !a.ptr == !b.ptr && slice_eq(a, b);
}

/* What `image` has that `other` has not; all of it, where there is no other. */
static bool write_object(const struct row_kind *k, const struct audit_image *image,
                         const struct audit_image *other, struct buf *out)
{
    struct json_writer w = {.out = out};
    bool any = false;

    json_open_object(&w);
    for (size_t i = 0; i < k->field_count; i++) {
        if (other->exists ? value_eq(image->values[i], other->values[i]) : !image->values[i].ptr)
            continue;
        any = true;
        json_key(&w, slice_str(k->fields[i].key));
        if (image->values[i].ptr)
            json_value_raw(&w, image->values[i]);
        else
            json_value_null(&w);
    }
    json_close_object(&w);
    return any;
}

/* What a line says, beside who and when. */
struct audit_line {
    const char *action, *kind;
    int64_t id;
    struct slice name, before, after, note;
};

static enum err run_insert(struct store *s, const struct audit_line *line, struct err_info *e)
{
    sqlite3_stmt *st;

    if (!s->audit &&
        db_prepare(s->db,
                   "INSERT INTO audit_log (at, actor_kind, actor, origin, action, kind, row_id,"
                   " name, before, after, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   &s->audit, e))
        return e->code;
    st = s->audit;
    sqlite3_bind_int64(st, 1, clock_unix_ms());
    db_bind_text(st, 2, slice_str(s->actor.kind));
    db_bind_text(st, 3, slice_str(s->actor.actor));
    db_bind_text(st, 4, slice_str(s->actor.origin));
    db_bind_text(st, 5, slice_str(line->action));
    db_bind_text(st, 6, slice_str(line->kind));
    sqlite3_bind_int64(st, 7, line->id);
    db_bind_text(st, 8, line->name);
    db_bind_text(st, 9, line->before);
    db_bind_text(st, 10, line->after);
    db_bind_text(st, 11, line->note);
    if (sqlite3_step(st) != SQLITE_DONE)
        db_fail(s->db, "the change cannot be noted in the audit log", e);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return e->code;
}

enum err audit_write(struct store *s, enum row_type type, int64_t id,
                     const struct audit_image *before, const struct audit_image *after,
                     struct slice more, struct err_info *e)
{
    const struct row_kind *k = row_kind(type);
    struct buf texts[2] = {{.data = NULL}, {.data = NULL}}, note = {.data = NULL};
    struct audit_line line = {
        .action = !before->exists ? "create"
                  : after->exists ? "update"
                                  : "delete",
        .kind = k->table,
        .id = id,
        .name = after->exists ? after->name : before->name,
        .note = SLICE(""),
    };
    bool changed = false;

    if (before->exists) {
        changed = write_object(k, before, after, &texts[0]);
        line.before = buf_peek(&texts[0]);
    }
    if (after->exists) {
        changed = write_object(k, after, before, &texts[1]) || changed;
        line.after = buf_peek(&texts[1]);
    }
    buf_printf(&note, "%s%s%.*s", s->actor.note, s->actor.note[0] && more.len ? "; " : "",
               SLICE_ARG(more));
    if (buf_len(&note))
        line.note = buf_peek(&note);
    if (changed || !before->exists || !after->exists || buf_len(&note))
        run_insert(s, &line, e);
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    buf_release(&note);
    return e->code;
}
