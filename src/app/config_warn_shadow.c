/* config_warn_shadow.c - limits and prices that others always stand before. */
#include "app/config_warning.h"
#include "policy/pattern.h"
#include "wire/glob.h"

/* What a request of a declared name is known by: as the client says, and as it is resolved. */
struct asked {
    struct slice names[2];
};

struct asked_list {
    struct asked *all;
    size_t count;
};

static bool is_served(const struct config_row *provider)
{
    return provider && ((const struct provider_row *)provider->row)->enabled;
}

static struct slice joined(const struct warn *w, const struct config_row *provider,
                           struct slice model)
{
    return arena_printf(w->c->problems->arena, "%.*s/%.*s",
                        SLICE_ARG(((const struct provider_row *)provider->row)->name),
                        SLICE_ARG(model));
}

static void ask(struct asked_list *list, struct slice client, struct slice resolved)
{
    list->all[list->count++] = (struct asked){
        {client, resolved}
    };
}

static struct asked_list list_asked(const struct warn *w)
{
    struct asked_list list = {NULL, 0};
    const struct config_row *r;
    size_t room = 0;

    for (r = w->c->rows[ROW_MODEL]; r; r = r->next)
        room += 2;
    for (r = w->c->rows[ROW_ALIAS_TARGET]; r; r = r->next)
        room++;
    list.all = arena_array(w->c->problems->arena, struct asked, room + 1);
    for (r = w->c->rows[ROW_MODEL]; r; r = r->next) {
        const struct model_row *model = r->row;
        struct slice name = joined(w, r->parent, model->model);
        if (!model->enabled || !is_served(r->parent))
            continue;
        ask(&list, model->model, name);
        ask(&list, name, name);
    }
    for (r = w->c->rows[ROW_ALIAS_TARGET]; r; r = r->next) {
        const struct config_row *provider = warn_provider_of(w, r->provider.name);
        if (is_served(provider))
            ask(&list, ((const struct alias_row *)r->parent->row)->name,
                joined(w, provider, ((const struct alias_target_row *)r->row)->model));
    }
    return list;
}

/* Rows of one subject, which stand one after another. */
struct group {
    const struct config_row *first;
    size_t count;
};

/* The same patterns in the same order: what has been found of one holds for the other. */
static struct slice group_key(const struct warn *w, const struct group *g)
{
    struct buf out = {.data = NULL};
    const struct config_row *r = g->first;
    struct slice key;

    for (size_t i = 0; i < g->count; i++, r = r->next) {
        struct slice models = ((const struct rate_limit_row *)r->row)->models;
        buf_printf(&out, "%zu/", models.len);
        buf_append(&out, models);
    }
    key = arena_dup(w->c->problems->arena, buf_peek(&out));
    buf_release(&out);
    return key;
}

/* Of each row: whether it matches something, and wins nothing. */
static bool *find_losers(const struct warn *w, const struct group *g,
                         const struct asked_list *asked)
{
    struct arena *a = w->c->problems->arena;
    struct slice *patterns = arena_array(a, struct slice, g->count);
    bool *losers = arena_array(a, bool, g->count), *won = arena_array(a, bool, g->count);
    const struct config_row *r = g->first;
    const struct pattern_set *set;

    for (size_t i = 0; i < g->count; i++, r = r->next)
        patterns[i] = ((const struct rate_limit_row *)r->row)->models;
    set = pattern_set_new(a, patterns, g->count, 0);
    for (size_t n = 0; n < asked->count; n++) {
        long best = pattern_set_best(set, asked->all[n].names, 2);
        if (best >= 0)
            won[best] = true;
    }
    for (size_t i = 0; i < g->count; i++) {
        bool certain = !w->open || glob_is_literal(patterns[i]);
        for (size_t n = 0; n < asked->count && certain && !won[i] && !losers[i]; n++)
            losers[i] = glob_match(patterns[i], asked->all[n].names[0]) ||
                        glob_match(patterns[i], asked->all[n].names[1]);
    }
    return losers;
}

static void warn_group(const struct warn *w, const struct group *g, const struct asked_list *asked,
                       struct table *known)
{
    struct slice key = group_key(w, g);
    const bool *losers = table_get(known, key);
    const struct config_row *r = g->first;

    if (!losers) {
        bool *found = find_losers(w, g, asked);
        table_put(known, key, found);
        losers = found;
    }
    for (size_t i = 0; i < g->count; i++, r = r->next) {
        struct slice models = ((const struct rate_limit_row *)r->row)->models;
        if (losers[i])
            problem_warn(w->c->problems, r->node->place,
                         "\"%.*s\" does nothing: a more specific limit counts for all that it "
                         "matches here",
                         SLICE_ARG(models));
    }
}

static void warn_limits(const struct warn *w)
{
    struct asked_list asked = list_asked(w);
    const struct config_row *r = w->c->rows[ROW_RATE_LIMIT];
    struct table known;

    table_init(&known, 0);
    while (r) {
        struct group g = {r, 0};
        for (; r && r->parent == g.first->parent; r = r->next)
            g.count++;
        if (g.count > 1)
            warn_group(w, &g, &asked, &known);
    }
    table_release(&known);
}

/* How a price came to stand: the order of price look-up. */
static bool stands_before(const struct config_row *a, const struct config_row *b)
{
    struct slice p = ((const struct price_row *)a->row)->models;
    struct slice q = ((const struct price_row *)b->row)->models;

    if (!a->provider.name.ptr != !b->provider.name.ptr)
        return a->provider.name.ptr != NULL;
    if (glob_is_literal(p) != glob_is_literal(q))
        return glob_is_literal(p);
    if (glob_literal_prefix_len(p) != glob_literal_prefix_len(q))
        return glob_literal_prefix_len(p) > glob_literal_prefix_len(q);
    return glob_literal_len(p) > glob_literal_len(q); // else the first one stands
}

/* What became of one row of prices among the declared models. */
struct price_use {
    const struct config_row *row, *at; // `at`: its provider, NULL: any
    size_t matched, used;
};

static void count_model(struct price_use *all, size_t count, const struct config_row *m)
{
    const struct model_row *model = m->row;
    struct price_use *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if ((all[i].row->provider.name.ptr && all[i].at != m->parent) ||
            !glob_match(((const struct price_row *)all[i].row->row)->models, model->model))
            continue;
        all[i].matched++;
        if (!best || stands_before(all[i].row, best->row))
            best = &all[i];
    }
    if (best && !model->price.ptr)
        best->used++;
}

static void warn_price(const struct warn *w, const struct price_use *use)
{
    struct slice pattern = ((const struct price_row *)use->row->row)->models;
    bool open = use->at ? !warn_is_closed(w, use->at) : w->open; // to models without a row

    if (use->at && !is_served(use->at))
        problem_warn(w->c->problems, use->row->provider.place,
                     "this price does nothing: the provider \"%.*s\" is disabled",
                     SLICE_ARG(use->row->provider.name));
    else if (use->matched && !use->used && (glob_is_literal(pattern) || !open))
        problem_warn(w->c->problems, use->row->node->place,
                     "this price does nothing: every model that it matches has its own, or one "
                     "that is more specific");
    else if (!use->matched && !open && w->c->declared[ROW_MODEL])
        problem_warn(w->c->problems, use->row->node->place,
                     "this price does nothing: \"%.*s\" matches no model that is declared here",
                     SLICE_ARG(pattern));
}

static void warn_prices(const struct warn *w)
{
    const struct config_row *r;
    struct price_use *all;
    size_t count = 0;

    for (r = w->c->rows[ROW_PRICE]; r; r = r->next)
        count++;
    all = arena_array(w->c->problems->arena, struct price_use, count + 1);
    count = 0;
    for (r = w->c->rows[ROW_PRICE]; r; r = r->next)
        all[count++] = (struct price_use){r, warn_provider_of(w, r->provider.name), 0, 0};
    for (r = w->c->rows[ROW_MODEL]; r; r = r->next)
        count_model(all, count, r);
    for (size_t i = 0; i < count; i++)
        warn_price(w, &all[i]);
}

void warn_shadows(struct warn *w)
{
    warn_limits(w);
    warn_prices(w);
}
