/* snapshot_providers.c - providers, their credentials and models, out of their rows. */
#include "policy/builder.h"
#include "policy/provider.h"
#include "policy/provider_settings.h"
#include "policy/state.h"

/* What a credential_row says, as far as it can be used; false: it was reported. */
static bool credential_init(struct builder *b, const struct credential_row *row,
                            const struct provider *provider, struct credential *out)
{
    struct err_info e = {0};

    if (!builder_accepts(b, ROW_CREDENTIAL, &row->head))
        return false;
    *out = (struct credential){
        .id = row->head.id,
        .label = builder_dup(b, row->label),
        .weight = row->weight,
        .proxy = builder_dup(b, row->proxy),
    };
    if (credential_secret_read(row->secret, provider->channel, &b->snapshot->arena, &out->api_key,
                               &e) == ERR_NONE)
        return true;
    builder_complain(b, ROW_CREDENTIAL, row->head.id, &e);
    return false;
}

/* The provider that a row belongs to; NULL when there is none to use, which is reported if odd. */
static struct provider *owner(struct builder *b, enum row_type type, const struct row_head *row,
                              int64_t provider_id)
{
    struct provider *p = builder_find(b, ROW_PROVIDER, provider_id);

    if (!p)
        builder_skip(b, type, row->id, "there is no provider %lld", (long long)provider_id);
    return p == &b->off ? NULL : p;
}

/* Room for all that are configured; the anonymous one where none is and none is needed. */
static void credentials_alloc(struct builder *b, struct provider *p)
{
    size_t configured = p->credential_count;

    p->credentials = arena_array(&b->snapshot->arena, struct credential, configured + 1);
    p->credential_count = 0;
    if (configured == 0 && !p->channel->wants_secret)
        p->credentials[p->credential_count++] = (struct credential){.weight = 100};
}

/* Upstream connections are shared by nobody else than this credential at this place. */
static void name_pools(struct builder *b, struct provider *p)
{
    for (size_t i = 0; i < p->credential_count; i++) {
        struct credential *c = &p->credentials[i];
        c->pool_key = arena_printf(&b->snapshot->arena, "%lld %lld %.*s://%.*s:%u %.*s %.*s %d",
                                   (long long)p->id, (long long)c->id, SLICE_ARG(p->base.scheme),
                                   SLICE_ARG(p->base.host), p->base.port,
                                   SLICE_ARG(c->proxy.len ? c->proxy : p->proxy),
                                   SLICE_ARG(p->ca_file), p->insecure_skip_verify);
    }
}

/* Counts first, so that each provider's credentials are one array. */
static void build_credentials(struct builder *b)
{
    const struct credential_row *rows = ROWS(b->rows, ROW_CREDENTIAL, struct credential_row);
    const struct table_entry *entry;

    for (size_t i = 0; i < b->rows->counts[ROW_CREDENTIAL]; i++) {
        struct provider *p = builder_find(b, ROW_PROVIDER, rows[i].provider_id);
        if (p)
            p->credential_count++;
    }
    for (size_t at = 0; (entry = table_next(&b->snapshot->providers, &at));)
        credentials_alloc(b, entry->value);
    for (size_t i = 0; i < b->rows->counts[ROW_CREDENTIAL]; i++) {
        struct provider *p = owner(b, ROW_CREDENTIAL, &rows[i].head, rows[i].provider_id);
        if (p && rows[i].enabled &&
            credential_init(b, &rows[i], p, &p->credentials[p->credential_count]))
            p->credential_count++;
    }
    for (size_t at = 0; (entry = table_next(&b->snapshot->providers, &at));) {
        name_pools(b, entry->value);
        provider_order_turns(entry->value, &b->snapshot->arena);
    }
}

/* Its own price, or else what is found for it; a bad one of its own is none. */
static void price_model(struct builder *b, const struct model_row *row, struct model *m)
{
    struct err_info e = {0};

    if (!row->price.ptr)
        m->price = snapshot_find_price(b->snapshot, m->provider, m->id, &m->price_source);
    else if (price_parse(row->price, &b->snapshot->arena, &m->price, &e) == ERR_NONE)
        m->price_source = "model";
    else
        builder_complain(b, ROW_MODEL, row->head.id, &e);
}

static int64_t context_window(struct builder *b, const struct model_row *row,
                              const struct provider *p)
{
    const struct catalogue_entry *entry;

    if (row->context_window != ROW_NULL_INT)
        return row->context_window;
    entry = snapshot_find_entry(b->snapshot, p, row->model);
    return entry ? entry->context_window : 0;
}

/* Puts the model behind those of other providers that have the same id. */
static void index_bare_id(struct snapshot *s, struct model *m)
{
    struct model *at = table_get(&s->models, m->id);

    if (!at) {
        table_put(&s->models, m->id, m);
        return;
    }
    while (at->same_id)
        at = at->same_id;
    at->same_id = m;
}

/* All but its price is as it should be: without it, the model would be charged by another one. */
static bool is_good_model(struct builder *b, const struct model_row *row)
{
    struct model_row unpriced = *row;

    unpriced.price = (struct slice){0};
    return builder_accepts(b, ROW_MODEL, &unpriced.head);
}

static void build_model(struct builder *b, const struct model_row *row)
{
    struct provider *p = owner(b, ROW_MODEL, &row->head, row->provider_id);
    struct model *m;

    if (!p || !is_good_model(b, row))
        return;
    if (table_get(&p->models, row->model) || table_get(&p->disabled_models, row->model)) {
        builder_skip(b, ROW_MODEL, row->head.id, "id: the provider has this model twice");
        return;
    }
    m = arena_new(&b->snapshot->arena, struct model);
    *m = (struct model){
        .id = builder_dup(b, row->model),
        .display_name = builder_dup(b, row->display_name),
        .provider = p,
        .created_unix_ms = row->head.created_unix_ms,
        .context_window = context_window(b, row, p),
    };
    price_model(b, row, m);
    for (int d = 0; d < DIALECT_COUNT; d++)
        m->gates[d] = chat_model_find((enum dialect)d, m->id);
    if (!row->enabled) {
        table_put(&p->disabled_models, m->id, m);
        return;
    }
    table_put(&p->models, m->id, m);
    index_bare_id(b->snapshot, m);
}

/* What `settings`, `routing` and `timeouts` say, over the defaults. */
static enum err provider_configure(struct builder *b, const struct provider_row *row,
                                   struct provider *p, struct err_info *e)
{
    struct arena *a = &b->snapshot->arena;
    struct provider_settings settings;
    struct routing_rules rules;

    if (provider_settings_read(row->settings, p->channel, a, &settings, e))
        return e->code;
    p->base = settings.base;
    p->declared_models_only = settings.declared_models_only;
    p->organization = settings.organization;
    p->project = settings.project;
    p->insecure_skip_verify = settings.insecure_skip_verify;
    p->ca_file = settings.ca_file;
    p->strict_translation = settings.strict_translation;
    p->auto_cache = settings.auto_cache;
    p->magic_strings = settings.magic_strings;
    p->price_vendor = settings.price_vendor;
    if (settings.prices.ptr && p->price_vendor.len && b->snapshot->catalogue &&
        !catalogue_has_vendor(b->snapshot->catalogue, p->price_vendor))
        builder_skip(b, ROW_PROVIDER, row->head.id,
                     "settings.prices: the catalogue has no prices of '%.*s'",
                     SLICE_ARG(slice_sub(p->price_vendor, 0, 64)));
    rules = (struct routing_rules){p->channel, settings.only_dialect, settings.prefer_chat};
    if (routing_read(row->routing, &rules, &p->routing, e))
        return e->code;
    p->timeouts = b->snapshot->limits.timeouts;
    return row->timeouts.ptr ? timeouts_read(&p->timeouts, row->timeouts, a, e) : ERR_NONE;
}

/* NULL when the row is disabled or bad. */
static struct provider *provider_new(struct builder *b, const struct provider_row *row)
{
    struct err_info e = {0};
    struct provider *p;

    if (!builder_accepts(b, ROW_PROVIDER, &row->head) || !row->enabled)
        return NULL;
    if (table_get(&b->snapshot->providers, row->name)) {
        builder_skip(b, ROW_PROVIDER, row->head.id, "name: another provider has it");
        return NULL;
    }
    p = arena_new(&b->snapshot->arena, struct provider);
    p->id = row->head.id;
    p->name = builder_dup(b, row->name);
    p->channel = channel_find(row->channel);
    p->proxy = builder_dup(b, row->proxy);
    p->created_unix_ms = row->head.created_unix_ms;
    p->next_credential = policy_state_turn(b->state, ROW_PROVIDER, p->id);
    table_init(&p->models, b->seed);
    table_init(&p->disabled_models, b->seed);
    if (provider_configure(b, row, p, &e) == ERR_NONE)
        return p;
    builder_complain(b, ROW_PROVIDER, row->head.id, &e);
    return NULL;
}

void build_providers(struct builder *b)
{
    const struct provider_row *rows = ROWS(b->rows, ROW_PROVIDER, struct provider_row);
    const struct model_row *models = ROWS(b->rows, ROW_MODEL, struct model_row);

    for (size_t i = 0; i < b->rows->counts[ROW_PROVIDER]; i++) {
        struct provider *p = provider_new(b, &rows[i]);
        if (p)
            table_put(&b->snapshot->providers, p->name, p);
        builder_keep(b, ROW_PROVIDER, &rows[i].head, p ? p : &b->off);
    }
    build_credentials(b);
    build_prices(b);
    for (size_t i = 0; i < b->rows->counts[ROW_MODEL]; i++)
        build_model(b, &models[i]);
}
