/* config_warn.c - what is declared in the configuration file and will do nothing. */
#include <stddef.h>

#include "app/config.h"
#include "base/table.h"
#include "channel/channel.h"
#include "policy/provider_settings.h"
#include "wire/glob.h"

struct warn {
    const struct config *c;
    struct table names; // what clients may send: aliases, models, provider/model
    bool open;          // some enabled provider takes models that are not declared
};

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

static const struct config_row *find_provider(const struct config *c, struct slice name)
{
    for (const struct config_row *r = c->rows[ROW_PROVIDER]; r; r = r->next) {
        if (slice_eq(((const struct provider_row *)r->row)->name, name))
            return r;
    }
    return NULL;
}

/* Whether a pattern can only ever match names that are declared, and matches none of them. */
static void warn_permission(const struct warn *w, const struct config_row *r)
{
    const struct permission_row *permission = r->row;
    const struct config_row *at = find_provider(w->c, r->provider.name);
    const struct table_entry *entry;
    size_t next = 0;

    if (at && !((const struct provider_row *)at->row)->enabled) {
        problem_warn(w->c->problems, r->provider.place,
                     "this permission can never match: the provider \"%.*s\" is disabled",
                     SLICE_ARG(r->provider.name));
        return;
    }
    while ((entry = table_next(&w->names, &next))) {
        const struct config_row *model = entry->value;
        bool here = !at || model->type == ROW_ALIAS || model->parent == at;
        if (here && glob_match(permission->models, entry->key))
            return;
    }
    if (w->c->declared[ROW_PROVIDER] && w->c->declared[ROW_MODEL])
        problem_warn(w->c->problems, r->node->place,
                     "\"%.*s\" matches no alias and no model that is declared here%s",
                     SLICE_ARG(permission->models), w->open ? "" : ": it can never match");
}

static bool is_declared_only(const struct config_row *r, struct arena *a)
{
    const struct provider_row *provider = r->row;
    const struct channel *channel = channel_find(provider->channel);
    struct provider_settings settings = {.declared_models_only = false};
    struct err_info e = {.code = ERR_NONE};

    return channel && !provider_settings_read(provider->settings, channel, a, &settings, &e) &&
           settings.declared_models_only;
}

static void warn_target(const struct warn *w, const struct config_row *r)
{
    const struct alias_target_row *target = r->row;
    const struct config_row *provider = find_provider(w->c, r->provider.name);
    struct slice name = arena_printf(w->c->problems->arena, "%.*s/%.*s", SLICE_ARG(r->provider.name),
                                     SLICE_ARG(target->model));

    if (!provider)
        return;
    if (!((const struct provider_row *)provider->row)->enabled)
        problem_warn(w->c->problems, r->provider.place, "the provider \"%.*s\" is disabled",
                     SLICE_ARG(r->provider.name));
    else if (!table_get(&w->names, name) && has_list(provider, ROW_MODEL))
        problem_warn(w->c->problems, r->node->place,
                     "\"%.*s\" declares no model \"%.*s\": it has no price%s",
                     SLICE_ARG(r->provider.name), SLICE_ARG(target->model),
                     is_declared_only(provider, w->c->problems->arena) ? " and is refused" : "");
}

static bool has_child(const struct config *c, const struct config_row *parent, enum row_type type)
{
    for (const struct config_row *r = c->rows[type]; r; r = r->next) {
        if (r->parent == parent)
            return true;
    }
    return false;
}

static void warn_user(const struct config *c, const struct config_row *r)
{
    struct slice name = ((const struct user_row *)r->row)->name;

    if (!has_child(c, r, ROW_KEY))
        problem_warn(c->problems, r->node->place, "the user \"%.*s\" has no key here",
                     SLICE_ARG(name));
    if (!has_child(c, r, ROW_PERMISSION))
        problem_warn(c->problems, r->node->place,
                     "the user \"%.*s\" has no permission here: without one nothing may be used",
                     SLICE_ARG(name));
}

static void warn_provider(const struct config *c, const struct config_row *r)
{
    const struct provider_row *provider = r->row;
    const struct channel *channel = channel_find(provider->channel);

    if (channel && channel->wants_secret && !has_child(c, r, ROW_CREDENTIAL))
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

static void warn_model(const struct config *c, const struct config_row *r)
{
    const struct model_row *model = r->row;

    if (!model->price.ptr)
        problem_warn(c->problems, r->node->place,
                     "the model \"%.*s\" has no price: what it costs cannot be counted",
                     SLICE_ARG(model->model));
}

void config_warn(const struct config *c)
{
    struct warn w = {.c = c};

    table_init(&w.names, 0);
    list_names(&w);
    for (const struct config_row *r = c->rows[ROW_PROVIDER]; r; r = r->next) {
        warn_provider(c, r);
        if (((const struct provider_row *)r->row)->enabled &&
            !is_declared_only(r, c->problems->arena))
            w.open = true;
    }
    for (const struct config_row *r = c->rows[ROW_CREDENTIAL]; r; r = r->next)
        warn_credential(c, r);
    for (const struct config_row *r = c->rows[ROW_MODEL]; r; r = r->next)
        warn_model(c, r);
    for (const struct config_row *r = c->rows[ROW_ALIAS]; r; r = r->next) {
        if (!has_child(c, r, ROW_ALIAS_TARGET))
            problem_warn(c->problems, r->node->place, "the alias \"%.*s\" has no target",
                         SLICE_ARG(((const struct alias_row *)r->row)->name));
    }
    for (const struct config_row *r = c->rows[ROW_ALIAS_TARGET]; r; r = r->next)
        warn_target(&w, r);
    for (const struct config_row *r = c->rows[ROW_USER]; r; r = r->next)
        warn_user(c, r);
    for (const struct config_row *r = c->rows[ROW_PERMISSION]; r; r = r->next)
        warn_permission(&w, r);
    table_release(&w.names);
}
