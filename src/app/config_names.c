/* config_names.c - names in the configuration file: twice, or of what is not there. */
#include <assert.h>
#include <stddef.h>

#include "app/config_row.h"
#include "base/array.h"
#include "base/table.h"

#define NAMES_MAX 1000 // looked at for a suggestion

/* Kinds of rows that others name. */
static const enum row_type referred[] = {ROW_PROVIDER, ROW_ALIAS};

struct names {
    struct config *c;
    struct table seen; // what makes a row the only one of its kind -> config_row
};

struct slice config_name(enum row_type type, const void *row)
{
    const struct field *f = row_field(row_kind(type), SLICE("name"));

    assert(f && f->type == FIELD_TEXT);
    return *(const struct slice *)(const void *)((const char *)row + f->offset);
}

/* Zero bytes keep the parts apart: none of them holds one. */
static struct slice join(struct arena *a, enum row_type type, const void *parent,
                         struct slice first, struct slice second)
{
    return arena_printf(a, "%d%c%p%c%.*s%c%.*s", (int)type, 0, parent, 0, SLICE_ARG(first), 0,
                        SLICE_ARG(second));
}

/* What only one row of the kind may have, within its parent; a NULL pointer: nothing. */
static struct slice identity(const struct config *c, const struct config_row *r, struct slice *name)
{
    const void *parent = r->parent;
    struct slice more = {NULL, 0};

    switch (r->type) {
    case ROW_PROVIDER:
    case ROW_ALIAS:
    case ROW_USER:
    case ROW_SETTING: *name = config_name(r->type, r->row); break;
    case ROW_MODEL: *name = ((const struct model_row *)r->row)->model; break;
    case ROW_CREDENTIAL: *name = ((const struct credential_row *)r->row)->label; break;
    case ROW_ALIAS_TARGET:
        *name = ((const struct alias_target_row *)r->row)->model;
        more = r->provider.name;
        break;
    case ROW_PERMISSION:
        *name = ((const struct permission_row *)r->row)->models;
        more = r->provider.name;
        break;
    case ROW_RATE_LIMIT: *name = ((const struct rate_limit_row *)r->row)->models; break;
    case ROW_QUOTA: *name = ((const struct quota_row *)r->row)->period; break;
    case ROW_FILE_PERMISSION: *name = r->provider.name; break;
    case ROW_PRICE:
        *name = ((const struct price_row *)r->row)->models;
        more = r->provider.name;
        break;
    case ROW_RULE: break;
    case ROW_KEY:
        *name = ((const struct key_row *)r->row)->label;
        if (!secret_reveal(r->key_text).ptr && !((const struct key_row *)r->row)->digest.ptr)
            return join(c->problems->arena, r->type, parent, *name, more); // found by its label
        return slice_of(NULL, 0);
    case ROW_TYPE_COUNT: break;
    }
    if (!name->ptr)
        return slice_of(NULL, 0);
    return join(c->problems->arena, r->type, parent, *name, more);
}

static void check_twice(struct names *x, struct config_row *r)
{
    struct slice name = {NULL, 0};
    struct slice id = identity(x->c, r, &name);
    const struct config_row *first = id.ptr ? table_get(&x->seen, id) : NULL;

    if (!id.ptr)
        return;
    if (!first)
        table_put(&x->seen, id, r);
    else if (r->type == ROW_KEY)
        problem_add(x->c->problems, r->node->place,
                    "keys without `key` are told apart by their labels: \"%.*s\" stands twice, "
                    "first in line %u",
                    SLICE_ARG(name), first->node->place.line);
    else
        problem_add(x->c->problems, r->node->place,
                    "the %s \"%.*s\" stands twice, first in line %u", row_kind(r->type)->table,
                    SLICE_ARG(name), first->node->place.line);
}

/* The same key for two users would be one key. */
static void check_key_twice(struct names *x, struct table *keys, struct config_row *r)
{
    struct slice text = secret_reveal(r->key_text);
    struct slice id = text.ptr ? text : ((const struct key_row *)r->row)->digest;
    const struct config_row *first = id.ptr ? table_put(keys, id, r) : NULL;

    if (first)
        problem_add(x->c->problems, r->node->place, "this key stands twice, first in line %u",
                    first->node->place.line);
}

static void check_ref(struct config *c, enum row_type type, const struct table *there,
                      const struct config_row *r)
{
    const struct config_ref *ref = config_ref(r, type);
    const char *known[NAMES_MAX], *near;
    const struct table_entry *entry;
    size_t count = 0, at = 0;

    if (!ref->name.ptr || table_get(there, ref->name))
        return;
    while (count < NAMES_MAX && (entry = table_next(there, &at)))
        known[count++] = arena_dup(c->problems->arena, entry->key).ptr;
    near = suggest(ref->name, known, count);
    problem_add(c->problems, ref->place, "there is no %s \"%.*s\"%s%s%s", row_kind(type)->table,
                SLICE_ARG(ref->name), near ? "; did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
}

/* Of references to rows of `to`, those whose names are not in the file. */
static void check_refs(struct config *c, enum row_type to)
{
    struct table there;

    table_init(&there, 0);
    for (struct config_row *r = c->rows[to]; r; r = r->next)
        table_put(&there, config_name(to, r->row), r);
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        for (const struct config_row *r = c->rows[type]; r; r = r->next)
            check_ref(c, to, &there, r);
    }
    table_release(&there);
}

void config_check_names(struct config *c, unsigned flags)
{
    struct names x = {.c = c};
    struct table keys; // text or digest -> config_row

    table_init(&keys, 0);
    table_init(&x.seen, 0);
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        for (struct config_row *r = c->rows[type]; r; r = r->next)
            check_twice(&x, r);
    }
    for (struct config_row *r = c->rows[ROW_KEY]; r; r = r->next)
        check_key_twice(&x, &keys, r);
    table_release(&x.seen);
    table_release(&keys);
    for (size_t i = 0; i < ARRAY_LEN(referred); i++) {
        if (!(flags & CONFIG_PARTIAL) && (c->declared[referred[i]] || c->mode == CONFIG_SEED))
            check_refs(c, referred[i]);
    }
}
