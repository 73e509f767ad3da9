/* snapshot_prices.c - rows of prices, and what a model costs that has none of its own. */
#include <stdlib.h>

#include "policy/builder.h"
#include "wire/glob.h"

/* The provider's id and a model's, as they are hashed; ids over this have no row. */
#define KEY_BYTES (sizeof(int64_t) + GLOB_MAX_BYTES)

static struct slice rule_key(const struct provider *p, struct slice model, char out[KEY_BYTES])
{
    int64_t id = p ? p->id : 0;

    memcpy(out, &id, sizeof(id));
    memcpy(out + sizeof(id), model.ptr, model.len);
    return slice_of(out, sizeof(id) + model.len);
}

static const struct price_rule *find_literal(const struct snapshot *s, const struct provider *p,
                                             struct slice model)
{
    char key[KEY_BYTES];

    return model.len <= GLOB_MAX_BYTES ? table_get(&s->literal_prices, rule_key(p, model, key))
                                       : NULL;
}

static const struct price_rule *find_pattern(const struct snapshot *s, const struct provider *p,
                                             struct slice model)
{
    for (size_t i = 0; i < s->price_rule_count; i++) {
        const struct price_rule *rule = &s->price_rules[i];
        if (rule->provider == p && glob_match(rule->models, model))
            return rule;
    }
    return NULL;
}

/* Rows of the provider before those of all, and among either the most specific. */
static const struct price_rule *find_rule(const struct snapshot *s, const struct provider *p,
                                          struct slice model)
{
    const struct price_rule *rule = find_literal(s, p, model);

    if (!rule)
        rule = find_pattern(s, p, model);
    if (!rule)
        rule = find_literal(s, NULL, model);
    return rule ? rule : find_pattern(s, NULL, model);
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

/* The more specific first; of two that are alike the one made first. */
static int compare(const void *left, const void *right)
{
    const struct price_rule *a = left, *b = right;
    size_t a_len = glob_literal_prefix_len(a->models), b_len = glob_literal_prefix_len(b->models);

    if (a_len != b_len)
        return a_len > b_len ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

static void keep_literal(struct builder *b, const struct price_rule *rule)
{
    char key[KEY_BYTES];
    struct slice at = rule_key(rule->provider, rule->models, key);
    struct price_rule *kept;

    if (table_get(&b->snapshot->literal_prices, at)) {
        builder_skip(b, ROW_PRICE, rule->id, "models: another row says the same");
        return;
    }
    kept = arena_new(&b->snapshot->arena, struct price_rule);
    *kept = *rule;
    table_put(&b->snapshot->literal_prices, arena_dup(&b->snapshot->arena, at), kept);
}

/*
 * A row whose price is bad keeps its place, without a price: what it is about is not charged
 * by a row or an entry that was not meant for it.
 */
static bool read_rule(struct builder *b, const struct price_row *row, struct price_rule *out)
{
    struct provider *p = NULL;
    struct err_info e = {0};

    if (row->provider_id != ROW_NULL_INT) {
        p = builder_find(b, ROW_PROVIDER, row->provider_id);
        if (!p)
            builder_skip(b, ROW_PRICE, row->head.id, "there is no provider %lld",
                         (long long)row->provider_id);
        if (!p || p == &b->off)
            return false;
    }
    *out = (struct price_rule){.id = row->head.id, .provider = p};
    if (row_validate(ROW_PRICE, row, &e) == ERR_NONE)
        price_parse(row->price, &b->snapshot->arena, &out->price, &e);
    if (e.code)
        builder_complain(b, ROW_PRICE, row->head.id, &e);
    if (e.code && (!row->models.len || glob_validate(row->models, &(struct err_info){0})))
        return false;
    out->models = builder_dup(b, row->models);
    return true;
}

void build_prices(struct builder *b)
{
    const struct price_row *rows = ROWS(b->rows, ROW_PRICE, struct price_row);
    struct snapshot *s = b->snapshot;

    s->price_rules = arena_array(&s->arena, struct price_rule, b->rows->counts[ROW_PRICE]);
    for (size_t i = 0; i < b->rows->counts[ROW_PRICE]; i++) {
        struct price_rule rule;
        if (!read_rule(b, &rows[i], &rule))
            continue;
        if (glob_is_literal(rule.models))
            keep_literal(b, &rule);
        else
            s->price_rules[s->price_rule_count++] = rule;
    }
    if (s->price_rule_count)
        qsort(s->price_rules, s->price_rule_count, sizeof(struct price_rule), compare);
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

static void each_of_provider(const struct snapshot *s, const struct provider *p, struct each *each)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&p->models, &at));)
        call(each, ((const struct model *)entry->value)->price);
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
    for (size_t at = 0; (entry = table_next(&s->literal_prices, &at));)
        call(&each, ((const struct price_rule *)entry->value)->price);
    for (size_t i = 0; i < s->price_rule_count; i++)
        call(&each, s->price_rules[i].price);
}
