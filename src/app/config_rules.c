/* config_rules.c - which rule in the database each rule of the configuration file is. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_run.h"
#include "base/buf.h"

/*
 * A rule has no name.  It is found again by all that it says, then by that without
 * its `order`; what has been changed takes the place of what is left within its scope,
 * one after another.
 */

static bool is_order(const struct field *f)
{
    return f->offset == offsetof(struct rule_row, ordinal);
}

static void write_field(const struct field *f, const void *row, struct buf *out)
{
    const char *at = (const char *)row + f->offset;
    struct slice text = {NULL, 0};

    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: buf_printf(out, "%lld", (long long)*(const int64_t *)(const void *)at); break;
    case FIELD_BOOL: buf_append_byte(out, *(const bool *)at ? '1' : '0'); break;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES:
    case FIELD_SECRET: text = *(const struct slice *)(const void *)at; break;
    }
    buf_printf(out, "/%zu%c", text.len, text.ptr ? '.' : '-');
    buf_append(out, text);
}

static struct slice said(struct arena *a, const void *row, bool with_order)
{
    const struct row_kind *k = row_kind(ROW_RULE);
    struct buf out = {.data = NULL};
    struct slice key;

    for (size_t i = 0; i < k->field_count; i++) {
        if (with_order || !is_order(&k->fields[i]))
            write_field(&k->fields[i], row, &out);
    }
    key = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return key;
}

static struct slice whole_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    (void)type;
    (void)wanted;
    return said(a, row, true);
}

static struct slice said_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    (void)type;
    (void)wanted;
    return said(a, row, false);
}

static struct slice scope_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    const struct rule_row *rule = row;

    (void)type;
    (void)wanted;
    return arena_printf(a, "%lld/%lld", (long long)rule->provider_id, (long long)rule->alias_id);
}

/* A rule and its place: in the file, or in the database. */
struct placed {
    size_t at;
    struct rule_row *row;
};

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Those that come one after another because of their ids alone are equal. */
static int by_order(const struct rule_row *a, const struct rule_row *b)
{
    int sign = compare(a->ordinal, b->ordinal);

    if (!sign)
        sign = compare(a->provider_id, b->provider_id);
    return sign ? sign : compare(a->alias_id, b->alias_id);
}

static int by_order_and_place(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    int sign = by_order(a->row, b->row);

    return sign ? sign : compare((int64_t)a->at, (int64_t)b->at);
}

/* Those of the database as they run, within a scope. */
static const size_t *order_old(struct run *x)
{
    size_t count = x->old.counts[ROW_RULE];
    struct placed *all = arena_array(x->arena, struct placed, count + 1);
    size_t *order = arena_array(x->arena, size_t, count + 1);

    for (size_t i = 0; i < count; i++)
        all[i] = (struct placed){i, (void *)run_old_at(x, ROW_RULE, i)};
    qsort(all, count, sizeof(*all), by_order_and_place);
    for (size_t i = 0; i < count; i++)
        order[i] = all[i].at;
    return order;
}

/* The row goes, and comes again with an id that is newer than all others. */
static void renew(struct run *x, struct rule_row *row)
{
    const struct row_head *old = run_old_of(x, ROW_RULE, row->head.id);
    size_t at = (size_t)((const struct rule_row *)(const void *)old -
                         (const struct rule_row *)x->old.rows[ROW_RULE]);

    x->kept[ROW_RULE][at] = false;
    x->replaced[at] = true;
    row->head = (struct row_head){0, 0, 0};
}

/*
 * Of rules of one scope that give the same `order` (or none) the older one runs first,
 * and that is to be the one that stands first in the file.  What is new in the middle
 * is younger than what follows it; so are those that changed places.  New ids are
 * higher than all others: only those before the first that is out of turn keep theirs.
 */
static void keep_order(struct run *x)
{
    struct placed *all;
    size_t count = 0;
    int64_t newest = 0;
    bool renewing = false;

    for (const struct config_row *r = x->c->rows[ROW_RULE]; r; r = r->next)
        count++;
    all = arena_array(x->arena, struct placed, count + 1);
    count = 0;
    for (const struct config_row *r = x->c->rows[ROW_RULE]; r; r = r->next, count++)
        all[count] = (struct placed){count, r->row};
    qsort(all, count, sizeof(*all), by_order_and_place);
    for (size_t i = 0; i < count; i++) {
        struct rule_row *row = all[i].row;
        bool first = !i || by_order(all[i - 1].row, row) != 0;
        renewing = !first && (renewing || row->head.id < newest);
        if (row->head.id && renewing)
            renew(x, row);
        renewing = renewing || !row->head.id;
        newest = row->head.id;
    }
}

void run_find_rules(struct run *x)
{
    const size_t *order = order_old(x);

    x->replaced = arena_array(x->arena, bool, x->old.counts[ROW_RULE] + 1);
    run_match(x, ROW_RULE, whole_key, order);
    run_match(x, ROW_RULE, said_key, order);
    run_match(x, ROW_RULE, scope_key, order);
    keep_order(x);
}
