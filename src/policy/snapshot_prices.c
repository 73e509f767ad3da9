/* snapshot_prices.c - rows of prices, and what a model costs that has none of its own. */
#include "policy/builder.h"
#include "policy/pattern.h"
#include "wire/glob.h"

/* The most specific row of a list that is about the model; NULL: none is. */
static const struct price_rule *find_in(const struct price_rules *list, struct slice model)
{
    long at = pattern_set_best(list->patterns, &model, 1);

    return at < 0 ? NULL : &list->rules[at];
}

/* Rows of the provider before those of all. */
static const struct price_rule *find_rule(const struct snapshot *s, const struct provider *p,
                                          struct slice model)
{
    const struct price_rule *rule = find_in(&p->prices, model);

    return rule ? rule : find_in(&s->prices, model);
}

const struct catalogue_entry *snapshot_find_entry(const struct snapshot *s,
                                                  const struct provider *p, struct slice model)
{
    return s->catalogue && p->price_vendor.len
               ? catalogue_find(s->catalogue, p->price_vendor, model)
               : NULL;
}

const struct price *snapshot_find_price(const struct snapshot *s, const struct provider *p,
                                        struct slice model, const char **source)
{
    const struct price_rule *rule = find_rule(s, p, model);
    const struct catalogue_entry *entry = rule ? NULL : snapshot_find_entry(s, p, model);
    const struct price *price = rule ? rule->price : entry ? entry->price : NULL;

    *source = !price ? NULL : rule ? "prices" : "catalogue";
    return price;
}

/* ---- building ---- */

/* The list that a row belongs to; NULL when there is none, which is reported if odd. */
static struct price_rules *list_of(struct builder *b, const struct price_row *row)
{
    struct provider *p;

    if (row->provider_id == ROW_NULL_INT)
        return &b->snapshot->prices;
    p = builder_find(b, ROW_PROVIDER, row->provider_id);
    if (!p)
        builder_skip(b, ROW_PRICE, row->head.id, "there is no provider %lld",
                     (long long)row->provider_id);
    return p && p != &b->off ? &p->prices : NULL;
}

/*
 * A row whose price is bad keeps its place, without a price: what it is about is not charged
 * by a row or an entry that was not meant for it.
 */
static bool read_rule(struct builder *b, const struct price_row *row, struct price_rule *out)
{
    struct err_info e = {0};

    *out = (struct price_rule){.models = builder_dup(b, row->models)};
    if (row_validate(ROW_PRICE, row, &e) == ERR_NONE)
        price_parse(row->price, &b->snapshot->arena, &out->price, &e);
    if (e.code == ERR_NONE)
        return true;
    builder_complain(b, ROW_PRICE, row->head.id, &e);
    return row->models.len && !glob_validate(row->models, &(struct err_info){0});
}

static void seal(struct builder *b, struct price_rules *list)
{
    struct arena *a = &b->snapshot->arena;
    struct slice *patterns = arena_array(a, struct slice, list->count);

    for (size_t i = 0; i < list->count; i++)
        patterns[i] = list->rules[i].models;
    list->patterns = pattern_set_new(a, patterns, list->count, b->seed);
}

static void keep_rule(struct builder *b, const struct price_row *row, struct price_rules *list)
{
    if (!list->rules)
        list->rules = arena_array(&b->snapshot->arena, struct price_rule, list->room);
    if (read_rule(b, row, &list->rules[list->count]))
        list->count++;
}

/* Which list each row goes to, first: each is one array, as long as it may get. */
void build_prices(struct builder *b)
{
    const struct price_row *rows = ROWS(b->rows, ROW_PRICE, struct price_row);
    size_t count = b->rows->counts[ROW_PRICE];
    struct price_rules **lists;
    struct arena scratch;

    arena_init(&scratch, 0);
    lists = arena_array(&scratch, struct price_rules *, count);
    for (size_t i = 0; i < count; i++) {
        lists[i] = list_of(b, &rows[i]);
        if (lists[i])
            lists[i]->room++;
    }
    for (size_t i = 0; i < count; i++) {
        if (lists[i])
            keep_rule(b, &rows[i], lists[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (lists[i] && !lists[i]->patterns)
            seal(b, lists[i]);
    }
    arena_release(&scratch);
}

/* ---- all of them ---- */

struct each {
    snapshot_price_fn *call;
    void *ctx;
};

static void call(const struct each *each, const struct price *price)
{
    if (price)
        each->call(each->ctx, price);
}

static void call_entry(void *ctx, const struct catalogue_entry *entry)
{
    call(ctx, entry->price);
}

static void call_rules(const struct each *each, const struct price_rules *list)
{
    for (size_t i = 0; i < list->count; i++)
        call(each, list->rules[i].price);
}

static void each_of_provider(const struct snapshot *s, const struct provider *p, struct each *each)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&p->models, &at));)
        call(each, ((const struct model *)entry->value)->price);
    call_rules(each, &p->prices);
    if (s->catalogue && p->price_vendor.len)
        catalogue_each(s->catalogue, p->price_vendor, call_entry, each);
}

void snapshot_each_price(const struct snapshot *s, snapshot_price_fn *fn, void *ctx)
{
    struct each each = {fn, ctx};
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&s->aliases, &at));)
        call(&each, ((const struct alias *)entry->value)->price);
    for (size_t at = 0; (entry = table_next(&s->providers, &at));)
        each_of_provider(s, entry->value, &each);
    call_rules(&each, &s->prices);
}
