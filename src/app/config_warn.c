/* config_warn.c - what is declared in the configuration file and will do nothing. */
#include <stddef.h>

#include "app/config_warning.h"
#include "app/prices_file.h"
#include "channel/channel.h"
#include "policy/provider_settings.h"
#include "wire/glob.h"

static struct slice joined(const struct warn *w, const struct config_row *model)
{
    const struct provider_row *provider = model->parent->row;

    return arena_printf(w->c->problems->arena, "%.*s/%.*s", SLICE_ARG(provider->name),
                        SLICE_ARG(((const struct model_row *)model->row)->model));
}

static void list_names(struct warn *w)
{
    for (struct config_row *r = w->c->rows[ROW_ALIAS]; r; r = r->next) {
        if (((const struct alias_row *)r->row)->enabled)
            table_put(&w->names, ((const struct alias_row *)r->row)->name, r);
    }
    for (struct config_row *r = w->c->rows[ROW_MODEL]; r; r = r->next) {
        if (!((const struct model_row *)r->row)->enabled)
            continue;
        table_put(&w->names, ((const struct model_row *)r->row)->model, r);
        table_put(&w->names, joined(w, r), r);
    }
}

/* Of a list that the file does not have, the rows are in the database. */
static bool has_list(const struct config_row *r, enum row_type type)
{
    return r->lists & (1U << type);
}

const struct config_row *warn_provider_of(const struct warn *w, struct slice name)
{
    return name.ptr ? table_get(&w->providers, name) : NULL;
}

bool warn_is_closed(const struct warn *w, const struct config_row *provider)
{
    const struct provider_row *row = provider->row;
    const struct channel *channel = channel_find(row->channel);
    struct provider_settings settings = {.declared_models_only = false};
    struct err_info e = {.code = ERR_NONE};

    return channel &&
           !provider_settings_read(row->settings, channel, w->c->problems->arena, &settings, &e) &&
           settings.declared_models_only;
}

static bool match_names(const struct warn *w, struct slice pattern, const struct config_row *at)
{
    const struct table_entry *entry;
    size_t next = 0;

    while ((entry = table_next(&w->names, &next))) {
        const struct config_row *model = entry->value;
        bool here = !at || model->type == ROW_ALIAS || model->parent == at;
        if (here && glob_match(pattern, entry->key))
            return true;
    }
    return false;
}

bool warn_matches(struct warn *w, struct slice pattern, const struct config_row *at)
{
    static char yes, no; // for their addresses
    void *known;
    struct slice key;

    if (!w->c->declared[ROW_PROVIDER] || !w->c->declared[ROW_MODEL])
        return true;
    key = arena_printf(w->c->problems->arena, "%p/%.*s", (const void *)at, SLICE_ARG(pattern));
    known = table_get(&w->matched, key);
    if (!known) {
        known = match_names(w, pattern, at) ? &yes : &no;
        table_put(&w->matched, key, known);
    }
    return known == &yes;
}

void warn_no_match(const struct warn *w, struct place at, struct slice pattern)
{
    problem_warn(w->c->problems, at,
                 "\"%.*s\" matches no alias and no model that is declared here%s",
                 SLICE_ARG(pattern), w->open ? "" : ": it can never match");
}

static void warn_permission(struct warn *w, const struct config_row *r)
{
    const struct permission_row *permission = r->row;
    const struct config_row *at = warn_provider_of(w, r->provider.name);

    if (at && !((const struct provider_row *)at->row)->enabled)
        problem_warn(w->c->problems, r->provider.place,
                     "this permission can never match: the provider \"%.*s\" is disabled",
                     SLICE_ARG(r->provider.name));
    else if (!warn_matches(w, permission->models, at))
        warn_no_match(w, r->node->place, permission->models);
}

/* The models of a provider by their ids: what is asked often. */
static const struct config_row *find_model(const struct warn *w, const struct config_row *provider,
                                           struct slice model)
{
    const struct config_row *r = table_get(
        &w->names, arena_printf(w->c->problems->arena, "%.*s/%.*s",
                                SLICE_ARG(((const struct provider_row *)provider->row)->name),
                                SLICE_ARG(model)));

    return r && r->type == ROW_MODEL && r->parent == provider ? r : NULL;
}

static bool is_in_catalogue(const struct warn *w, const struct config_row *provider,
                            struct slice model)
{
    const struct provider_row *row = provider->row;
    const struct channel *channel = channel_find(row->channel);
    const struct catalogue_entry *found;
    struct provider_settings settings;
    struct err_info e = {.code = ERR_NONE};

    if (!channel ||
        provider_settings_read(row->settings, channel, w->c->problems->arena, &settings, &e))
        return false;
    found = catalogue_find(w->catalogue, settings.price_vendor, model);
    return found && found->price;
}

bool warn_is_priced(const struct warn *w, const struct config_row *provider, struct slice model)
{
    const struct config_row *row = find_model(w, provider, model);
    const struct channel *channel =
        channel_find(((const struct provider_row *)provider->row)->channel);

    if (channel && channel->answer)
        return true; // what we say ourselves costs nothing
    if (row && ((const struct model_row *)row->row)->price.ptr)
        return true;
    for (const struct config_row *r = w->c->rows[ROW_PRICE]; r; r = r->next) {
        if ((!r->provider.name.ptr || warn_provider_of(w, r->provider.name) == provider) &&
            glob_match(((const struct price_row *)r->row)->models, model))
            return true;
    }
    return is_in_catalogue(w, provider, model);
}

static void warn_target(const struct warn *w, const struct config_row *r)
{
    const struct alias_target_row *target = r->row;
    const struct config_row *provider = warn_provider_of(w, r->provider.name);
    bool priced;

    if (!provider)
        return;
    if (!((const struct provider_row *)provider->row)->enabled) {
        problem_warn(w->c->problems, r->provider.place, "the provider \"%.*s\" is disabled",
                     SLICE_ARG(r->provider.name));
        return;
    }
    if (find_model(w, provider, target->model) || !has_list(provider, ROW_MODEL))
        return;
    priced = ((const struct alias_row *)r->parent->row)->price.ptr ||
             warn_is_priced(w, provider, target->model);
    if (!priced || warn_is_closed(w, provider))
        problem_warn(w->c->problems, r->node->place,
                     "\"%.*s\" declares no model \"%.*s\": it %s%s%s", SLICE_ARG(r->provider.name),
                     SLICE_ARG(target->model), priced ? "" : "has no price",
                     priced || !warn_is_closed(w, provider) ? "" : " and ",
                     warn_is_closed(w, provider) ? "is refused" : "");
}

/* Whether it has some row of the kind within it. */
static bool has_child(const struct config_row *r, enum row_type type)
{
    return r->filled & (1U << type);
}

static void warn_user(const struct config *c, const struct config_row *r)
{
    struct slice name = ((const struct user_row *)r->row)->name;

    if (!has_child(r, ROW_KEY))
        problem_warn(c->problems, r->node->place, "the user \"%.*s\" has no key here",
                     SLICE_ARG(name));
    if (!has_child(r, ROW_PERMISSION))
        problem_warn(c->problems, r->node->place,
                     "the user \"%.*s\" has no permission here: without one nothing may be used",
                     SLICE_ARG(name));
}

static void warn_provider(const struct config *c, const struct config_row *r)
{
    const struct provider_row *provider = r->row;
    const struct channel *channel = channel_find(provider->channel);

    if (channel && channel->wants_secret && !has_child(r, ROW_CREDENTIAL))
        problem_warn(c->problems, r->node->place, "the provider \"%.*s\" has no credential here",
                     SLICE_ARG(provider->name));
}

static void warn_credential(const struct config *c, const struct config_row *r)
{
    const struct credential_row *credential = r->row;
    const struct channel *channel =
        channel_find(((const struct provider_row *)r->parent->row)->channel);

    if (channel && channel->wants_secret && !secret_reveal(credential->secret).ptr)
        problem_warn(c->problems, r->node->place,
                     "this credential has no secret here: it is of no use unless the database "
                     "has one");
}

/* A price without an amount is a price all the same: what has it is free, under a quota too. */
static void warn_price(const struct config *c, const struct config_row *r, struct slice price)
{
    for (size_t i = 0; i < price.len; i++) {
        if (price.ptr[i] >= '0' && price.ptr[i] <= '9')
            return;
    }
    if (price.ptr)
        problem_warn(c->problems, r->node->place,
                     "price: names no amount, so that nothing is charged; say input: 0 if that is "
                     "what it should do");
}

static void warn_prices(const struct config *c)
{
    for (const struct config_row *r = c->rows[ROW_MODEL]; r; r = r->next)
        warn_price(c, r, ((const struct model_row *)r->row)->price);
    for (const struct config_row *r = c->rows[ROW_PRICE]; r; r = r->next)
        warn_price(c, r, ((const struct price_row *)r->row)->price);
    for (const struct config_row *r = c->rows[ROW_ALIAS]; r; r = r->next)
        warn_price(c, r, ((const struct alias_row *)r->row)->price);
}

static void warn_model(const struct warn *w, const struct config_row *r)
{
    const struct model_row *model = r->row;

    if (model->enabled && !warn_is_priced(w, r->parent, model->model))
        problem_warn(w->c->problems, r->node->place, "the model \"%.*s\" has no price: %s",
                     SLICE_ARG(model->model),
                     w->limits.unpriced == UNPRICED_DENY ? "it is refused"
                                                         : "what it costs cannot be counted");
}

/* Of the file that the `server` section names; where that is bad, of ours. */
static struct catalogue *read_prices(const struct config *c)
{
    const struct yaml_node *n = c->server ? yaml_get(c->server, "prices") : NULL;
    struct err_info e = {.code = ERR_NONE};
    struct catalogue *catalogue;

    if (!n || n->kind != YAML_SCALAR || yaml_is_null(n))
        return catalogue_builtin();
    if (prices_read(n->text.ptr, &catalogue, &e) == ERR_NONE)
        return catalogue;
    problem_add(c->problems, n->place, "prices: %s", err_info_text(&e));
    return catalogue_builtin();
}

static void read_all(struct warn *w)
{
    struct err_info e = {.code = ERR_NONE};

    limits_set_defaults(&w->limits);
    for (const struct config_row *r = w->c->rows[ROW_SETTING]; r; r = r->next) {
        const struct setting_row *setting = r->row;
        limits_set(&w->limits, setting->name, setting->value, w->c->problems->arena, &e);
    }
    for (struct config_row *r = w->c->rows[ROW_PROVIDER]; r; r = r->next) {
        table_put(&w->providers, ((const struct provider_row *)r->row)->name, r);
        if (((const struct provider_row *)r->row)->enabled && !warn_is_closed(w, r))
            w->open = true;
    }
    list_names(w);
}

void config_warn(const struct config *c)
{
    struct warn w = {.c = c, .catalogue = read_prices(c)};

    table_init(&w.names, 0);
    table_init(&w.providers, 0);
    table_init(&w.matched, 0);
    read_all(&w);
    for (const struct config_row *r = c->rows[ROW_PROVIDER]; r; r = r->next)
        warn_provider(c, r);
    for (const struct config_row *r = c->rows[ROW_CREDENTIAL]; r; r = r->next)
        warn_credential(c, r);
    for (const struct config_row *r = c->rows[ROW_MODEL]; r; r = r->next)
        warn_model(&w, r);
    warn_prices(c);
    for (const struct config_row *r = c->rows[ROW_ALIAS]; r; r = r->next) {
        if (!has_child(r, ROW_ALIAS_TARGET))
            problem_warn(c->problems, r->node->place, "the alias \"%.*s\" has no target",
                         SLICE_ARG(((const struct alias_row *)r->row)->name));
    }
    for (const struct config_row *r = c->rows[ROW_ALIAS_TARGET]; r; r = r->next)
        warn_target(&w, r);
    for (const struct config_row *r = c->rows[ROW_USER]; r; r = r->next)
        warn_user(c, r);
    for (const struct config_row *r = c->rows[ROW_PERMISSION]; r; r = r->next)
        warn_permission(&w, r);
    warn_access(&w);
    warn_shadows(&w);
    warn_rules(&w);
    table_release(&w.matched);
    table_release(&w.providers);
    catalogue_unref(w.catalogue);
    table_release(&w.names);
}
