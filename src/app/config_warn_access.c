/* config_warn_access.c - limits and quotas that do nothing, or more than was meant. */
#include "app/config_warning.h"
#include "base/money.h"
#include "wire/glob.h"

static struct place place_of(const struct config_row *r, const char *key)
{
    const struct yaml_node *n = yaml_get(r->node, key);

    return n ? n->place : r->node->place;
}

/* What one row of a user is found by when its keys' are compared with it. */
static struct slice subject_key(const struct warn *w, const struct config_row *subject,
                                enum row_type type, struct slice what)
{
    return arena_printf(w->c->problems->arena, "%d/%p/%.*s", (int)type, (const void *)subject,
                        SLICE_ARG(what));
}

/* Rows of users, as table entries. */
static struct slice name_of(const struct config_row *r)
{
    return r->type == ROW_QUOTA ? ((const struct quota_row *)r->row)->period
                                : ((const struct rate_limit_row *)r->row)->models;
}

static void list_users_rows(const struct warn *w, enum row_type type, struct table *out)
{
    for (struct config_row *r = w->c->rows[type]; r; r = r->next) {
        if (r->parent->type == ROW_USER)
            table_put(out, subject_key(w, r->parent, type, name_of(r)), r);
    }
}

/* That of the user of a key that is for the same. */
static const struct config_row *users_row(const struct warn *w, const struct table *users,
                                          const struct config_row *r)
{
    if (r->parent->type != ROW_KEY)
        return NULL;
    return table_get(users, subject_key(w, r->parent->parent, r->type, name_of(r)));
}

static int64_t int_at(const void *row, const struct field *f)
{
    return *(const int64_t *)(const void *)((const char *)row + f->offset);
}

/*
 * A more specific row of the user's may be wider than the one of the same pattern, and
 * then the key's counts for something: only the user's one row is compared.
 */
static bool is_only_row(const struct config_row *r)
{
    const struct yaml_node *list = yaml_get(r->parent->node, row_kind(r->type)->list);

    return list && list->kind == YAML_LIST && list->count == 1;
}

static void warn_limit(struct warn *w, const struct table *users, const struct config_row *r)
{
    const struct row_kind *k = row_kind(ROW_RATE_LIMIT);
    const struct rate_limit_row *limit = r->row;
    const struct config_row *wider = users_row(w, users, r);

    if (!warn_matches(w, limit->models, NULL))
        warn_no_match(w, place_of(r, "models"), limit->models);
    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        if (f->type != FIELD_INT || field_is_null(f, limit))
            continue;
        if (!int_at(limit, f))
            problem_warn(w->c->problems, place_of(r, f->key), "%s: 0 refuses every request",
                         f->key);
        else if (wider && is_only_row(wider) && !field_is_null(f, wider->row) &&
                 int_at(limit, f) > int_at(wider->row, f))
            problem_warn(w->c->problems, place_of(r, f->key),
                         "%s: does nothing, as it is more than the user's own %lld", f->key,
                         (long long)int_at(wider->row, f));
    }
}

static void warn_quota(const struct warn *w, const struct table *users, const struct config_row *r)
{
    const struct quota_row *quota = r->row;
    const struct config_row *wider = users_row(w, users, r);
    int64_t most = wider ? ((const struct quota_row *)wider->row)->usd_nusd : INT64_MAX;
    char amount[MONEY_TEXT_BYTES];

    if (!quota->usd_nusd)
        problem_warn(w->c->problems, place_of(r, "usd"),
                     "usd: 0 refuses every request that costs something");
    else if (quota->usd_nusd > most)
        problem_warn(w->c->problems, place_of(r, "usd"),
                     "usd: does nothing, as it is more than the user's own %.*s",
                     SLICE_ARG(money_format_usd(most, amount)));
}

static const struct config_row *user_of(const struct config_row *r)
{
    return r->parent->type == ROW_USER ? r->parent : r->parent->parent;
}

/* A model that has no price, its names, and who is refused it. */
struct free_model {
    const struct config_row *provider;
    struct slice id, joined;
    const struct config_row *quota, *user; // of the first one
    size_t users;
};

/* Enabled ones of enabled providers. */
static size_t list_unpriced(const struct warn *w, struct free_model **out)
{
    struct arena *a = w->c->problems->arena;
    size_t count = 0;

    for (const struct config_row *r = w->c->rows[ROW_MODEL]; r; r = r->next)
        count++;
    *out = arena_array(a, struct free_model, count + 1);
    count = 0;
    for (const struct config_row *r = w->c->rows[ROW_MODEL]; r; r = r->next) {
        const struct model_row *model = r->row;
        const struct provider_row *provider = r->parent->row;
        if (!model->enabled || !provider->enabled || warn_is_priced(w, r->parent, model->model))
            continue;
        (*out)[count++] = (struct free_model){
            .provider = r->parent,
            .id = model->model,
            .joined =
                arena_printf(a, "%.*s/%.*s", SLICE_ARG(provider->name), SLICE_ARG(model->model)),
        };
    }
    return count;
}

/* The first of them that the permission is for, or NULL. */
static struct free_model *find_permitted(const struct warn *w, const struct config_row *r,
                                         struct free_model *all, size_t count)
{
    struct slice pattern = ((const struct permission_row *)r->row)->models;
    const struct config_row *at = warn_provider_of(w, r->provider.name);

    for (size_t i = 0; i < count; i++) {
        if ((!r->provider.name.ptr || at == all[i].provider) &&
            (glob_match(pattern, all[i].id) || glob_match(pattern, all[i].joined)))
            return &all[i];
    }
    return NULL;
}

/* Users who have a quota, by the address of their row -> the quota that is told of. */
static void list_quota_holders(const struct warn *w, struct table *out)
{
    for (struct config_row *r = w->c->rows[ROW_QUOTA]; r; r = r->next) {
        const struct config_row *user = user_of(r);
        struct slice key = subject_key(w, user, ROW_USER, SLICE(""));
        if (((const struct user_row *)user->row)->enabled && !table_get(out, key))
            table_put(out, key, r);
    }
}

static void tell_unpriced(const struct warn *w, const struct free_model *model)
{
    struct slice user = ((const struct user_row *)model->user->row)->name;
    const char *others = "";

    if (model->users > 1)
        others = arena_printf(w->c->problems->arena, " and %zu more", model->users - 1).ptr;
    problem_warn(w->c->problems, model->quota->node->place,
                 "under a quota \"%.*s\" is refused to \"%.*s\"%s: it has no price",
                 SLICE_ARG(model->joined), SLICE_ARG(user), others);
}

/* Under a quota what has no price is refused, which nobody sees who reads the permission. */
static void warn_unpriced(const struct warn *w)
{
    struct free_model *all = NULL;
    size_t count = w->limits.unpriced == UNPRICED_DENY_UNDER_QUOTA ? list_unpriced(w, &all) : 0;
    struct table holders;

    table_init(&holders, 0);
    if (count)
        list_quota_holders(w, &holders);
    for (struct config_row *r = w->c->rows[ROW_PERMISSION]; r && holders.live; r = r->next) {
        struct slice key = subject_key(w, r->parent, ROW_USER, SLICE(""));
        const struct config_row *quota = table_get(&holders, key);
        struct free_model *model = quota ? find_permitted(w, r, all, count) : NULL;
        if (!model)
            continue;
        if (!model->users++) {
            model->quota = quota;
            model->user = r->parent;
        }
        table_remove(&holders, key); // one model is enough
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i].users)
            tell_unpriced(w, &all[i]);
    }
    table_release(&holders);
}

void warn_access(struct warn *w)
{
    struct table users;

    table_init(&users, 0);
    list_users_rows(w, ROW_RATE_LIMIT, &users);
    list_users_rows(w, ROW_QUOTA, &users);
    for (const struct config_row *r = w->c->rows[ROW_RATE_LIMIT]; r; r = r->next)
        warn_limit(w, &users, r);
    for (const struct config_row *r = w->c->rows[ROW_QUOTA]; r; r = r->next)
        warn_quota(w, &users, r);
    table_release(&users);
    warn_unpriced(w);
}
