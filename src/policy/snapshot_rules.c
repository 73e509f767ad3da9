/* snapshot_rules.c - rules out of their rows, in the lists of their scopes. */
#include "policy/builder.h"
#include "policy/rule.h"

/* The rules of one scope, while they are gathered. */
struct scope_rules {
    const struct rule_list **list; // where they go
    const struct rule **rules;
    size_t count, cap;
};

/* One of these for every scope that has rules, under the address of its list. */
struct scopes {
    struct table by_list;
    struct builder *builder;
};

static void keep(struct scopes *s, const struct rule_list **list, const struct rule *rule)
{
    struct arena *a = &s->builder->snapshot->arena;
    struct scope_rules *of = table_get(&s->by_list, slice_of((const char *)&list, sizeof(list)));

    if (!of) {
        of = arena_new(a, struct scope_rules);
        of->list = list;
        table_put(&s->by_list, slice_of((const char *)&of->list, sizeof(of->list)), of);
    }
    if (of->count == of->cap) {
        size_t cap = of->cap ? 2 * of->cap : 2;
        const struct rule **more = arena_array(a, const struct rule *, cap);
        if (of->count)
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            memcpy(more, of->rules, of->count * sizeof(*more));
        of->rules = more;
        of->cap = cap;
    }
    of->rules[of->count++] = rule;
}

/* Where a rule of that row goes; NULL when its provider or alias was not built. */
static const struct rule_list **list_of(struct builder *b, const struct rule_row *row)
{
    bool of_alias = row->alias_id != ROW_NULL_INT;
    enum row_type type = of_alias ? ROW_ALIAS : ROW_PROVIDER;
    int64_t id = of_alias ? row->alias_id : row->provider_id;
    void *found;

    if (id == ROW_NULL_INT)
        return &b->snapshot->rules;
    found = builder_find(b, type, id);
    if (!found)
        builder_skip(b, ROW_RULE, row->head.id, "there is no %s %lld", row_kind(type)->table,
                     (long long)id);
    if (!found || found == (void *)&b->off)
        return NULL;
    return of_alias ? &((struct alias *)found)->rules : &((struct provider *)found)->rules;
}

void build_rules(struct builder *b)
{
    const struct rule_row *rows = ROWS(b->rows, ROW_RULE, struct rule_row);
    struct scopes s = {.builder = b};
    const struct table_entry *entry;

    table_init(&s.by_list, b->seed);
    for (size_t i = 0; i < b->rows->counts[ROW_RULE]; i++) {
        const struct rule_list **list;
        struct err_info e = {0};
        const struct rule *rule;
        if (!builder_accepts(b, ROW_RULE, &rows[i].head) || !rows[i].enabled)
            continue;
        list = list_of(b, &rows[i]);
        if (!list)
            continue;
        if (rule_compile(&rows[i], &b->snapshot->arena, &rule, &e) == ERR_NONE)
            keep(&s, list, rule);
        else
            builder_complain(b, ROW_RULE, rows[i].head.id, &e);
    }
    for (size_t at = 0; (entry = table_next(&s.by_list, &at));) {
        struct scope_rules *of = entry->value;
        *of->list = rule_list_new(of->rules, of->count, b->seed, &b->snapshot->arena);
    }
    table_release(&s.by_list);
}
