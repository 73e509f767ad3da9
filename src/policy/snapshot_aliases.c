/* snapshot_aliases.c - aliases and their targets, out of their rows. */
#include "policy/builder.h"
#include "policy/route.h"
#include "policy/state.h"

/* By tier; within one, in the order of their ids.  There are at most ROUTE_MAX_CANDIDATES. */
static void insert(struct alias *alias, struct alias_target target)
{
    size_t at = alias->target_count++;

    for (; at > 0 && alias->targets[at - 1].tier > target.tier; at--)
        alias->targets[at] = alias->targets[at - 1];
    alias->targets[at] = target;
}

static void build_target(struct builder *b, const struct alias_target_row *row)
{
    struct alias *alias = builder_find(b, ROW_ALIAS, row->alias_id);
    struct provider *p = builder_find(b, ROW_PROVIDER, row->provider_id);
    const struct model *m;

    if (!alias || !p) {
        builder_skip(b, ROW_ALIAS_TARGET, row->head.id, "there is no %s %lld",
                     alias ? "provider" : "alias",
                     (long long)(alias ? row->provider_id : row->alias_id));
        return;
    }
    if ((void *)alias == &b->off || p == &b->off || table_get(&p->disabled_models, row->model) ||
        !builder_accepts(b, ROW_ALIAS_TARGET, &row->head))
        return;
    m = table_get(&p->models, row->model);
    if (!m && p->declared_models_only) {
        builder_skip(b, ROW_ALIAS_TARGET, row->head.id,
                     "model: the provider declares no such model");
    } else if (alias->target_count == ROUTE_MAX_CANDIDATES) {
        builder_skip(b, ROW_ALIAS_TARGET, row->head.id, "an alias has at most %d targets",
                     ROUTE_MAX_CANDIDATES);
    } else {
        insert(alias, (struct alias_target){
                          .provider = p,
                          .model = m ? m->id : builder_dup(b, row->model),
                          .row = m,
                          .weight = row->weight,
                          .tier = row->tier,
                      });
    }
}

/* It is good: the row was accepted. */
static const struct price *price_of(struct builder *b, const struct alias_row *row)
{
    const struct price *price = NULL;
    struct err_info e = {0};

    if (row->price.ptr)
        price_parse(row->price, &b->snapshot->arena, &price, &e);
    return price;
}

static struct alias *alias_new(struct builder *b, const struct alias_row *row)
{
    struct alias *alias;

    if (!builder_accepts(b, ROW_ALIAS, &row->head) || !row->enabled)
        return NULL;
    if (table_get(&b->snapshot->aliases, row->name)) {
        builder_skip(b, ROW_ALIAS, row->head.id, "name: another alias has it");
        return NULL;
    }
    alias = arena_new(&b->snapshot->arena, struct alias);
    *alias = (struct alias){
        .name = builder_dup(b, row->name),
        .targets = arena_array(&b->snapshot->arena, struct alias_target, ROUTE_MAX_CANDIDATES),
        .weighted = slice_eq(row->strategy, SLICE("weighted")),
        .strict = row->strict,
        .price = price_of(b, row),
        .turn = policy_state_turn(b->state, ROW_ALIAS, row->head.id),
        .created_unix_ms = row->head.created_unix_ms,
    };
    return alias;
}

void build_aliases(struct builder *b)
{
    const struct alias_row *rows = ROWS(b->rows, ROW_ALIAS, struct alias_row);
    const struct alias_target_row *targets =
        ROWS(b->rows, ROW_ALIAS_TARGET, struct alias_target_row);

    for (size_t i = 0; i < b->rows->counts[ROW_ALIAS]; i++) {
        struct alias *alias = alias_new(b, &rows[i]);
        if (alias)
            table_put(&b->snapshot->aliases, alias->name, alias);
        builder_keep(b, ROW_ALIAS, &rows[i].head, alias ? (void *)alias : &b->off);
    }
    for (size_t i = 0; i < b->rows->counts[ROW_ALIAS_TARGET]; i++)
        build_target(b, &targets[i]);
}
