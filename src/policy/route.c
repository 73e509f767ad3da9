/* route.c - from a key and a model name to what may answer. */
#include "policy/route.h"

#include "crypto/random.h"
#include "policy/permission.h"
#include "policy/suggest.h"

/* Names in error texts are cut to this. */
#define SHOWN_BYTES 100

/* A provider's name, a slash and a model's id; longer ones are not listed. */
#define FULL_NAME_BYTES 512

/* No "provider/" stood in front of the name. */
#define NO_BARE ((struct slice){0})

/* Stands in where no key has the digest, so that the same work is done. */
static const struct user nobody;
static const struct key no_key = {.user = &nobody};

const struct key *route_authenticate(const struct snapshot *s,
                                     const unsigned char digest[KEY_DIGEST_BYTES],
                                     int64_t now_unix_ms)
{
    const struct key *found = table_get(&s->keys, slice_of((const char *)digest, KEY_DIGEST_BYTES));
    const struct key *k = found ? found : &no_key;
    bool same = crypto_equal(k->digest, digest, KEY_DIGEST_BYTES);
    bool fresh = (k->expires_unix_ms == 0) | (k->expires_unix_ms > now_unix_ms);

    return ((found != NULL) & same & k->enabled & k->user->enabled & fresh) ? k : NULL;
}

const struct provider *route_provider(const struct snapshot *s, struct slice name)
{
    return table_get(&s->providers, name);
}

/* The permissions of a user or of a key. */
struct permission_list {
    const struct permission *list;
    size_t count;
    const struct permission_set *set; // NULL: the list is short
};

static struct permission_list list_of_user(const struct user *u)
{
    return (struct permission_list){u->permissions, u->permission_count, u->permission_set};
}

static struct permission_list list_of_key(const struct key *k)
{
    return (struct permission_list){k->permissions, k->permission_count, k->permission_set};
}

static bool any_admits(struct permission_list l, const struct provider *provider, struct slice name,
                       struct slice bare)
{
    if (l.set)
        return permission_set_admits(l.set, provider, name, bare);
    for (size_t i = 0; i < l.count; i++) {
        if (permission_admits(&l.list[i], provider, name, bare))
            return true;
    }
    return false;
}

/* `bare` as for permission_admits(); `provider` is not NULL. */
static bool permits(const struct key *key, const struct provider *provider, struct slice name,
                    struct slice bare)
{
    return any_admits(list_of_user(key->user), provider, name, bare) &&
           (key->permission_count == 0 || any_admits(list_of_key(key), provider, name, bare));
}

/* Each row that names a provider strips that provider's name. */
static bool admits_anywhere(struct permission_list l, struct slice name)
{
    if (l.set)
        return permission_set_admits_anywhere(l.set, name);
    for (size_t i = 0; i < l.count; i++) {
        const struct provider *p = l.list[i].provider;
        if (permission_admits(&l.list[i], p, name, p ? permission_strip(p, name) : NO_BARE))
            return true;
    }
    return false;
}

bool route_permits(const struct key *key, const struct provider *provider, struct slice name)
{
    if (provider)
        return permits(key, provider, name, permission_strip(provider, name));
    return admits_anywhere(list_of_user(key->user), name) &&
           (key->permission_count == 0 || admits_anywhere(list_of_key(key), name));
}

static void each_of(struct permission_list l, bool of_key, const struct provider *provider,
                    struct slice name, route_permission_fn *each, void *ctx)
{
    for (size_t i = 0; i < l.count; i++) {
        const struct permission *p = &l.list[i];
        const struct provider *at = provider ? provider : p->provider;
        struct slice bare = at ? permission_strip(at, name) : NO_BARE;
        each(ctx, &(struct route_permission){
                      .of_key = of_key,
                      .provider = p->provider ? p->provider->name : NO_BARE,
                      .models = p->pattern,
                      .matches = permission_admits(p, at, name, bare),
                  });
    }
}

void route_each_permission(const struct key *key, const struct provider *provider,
                           struct slice name, route_permission_fn *each, void *ctx)
{
    each_of(list_of_user(key->user), false, provider, name, each, ctx);
    each_of(list_of_key(key), true, provider, name, each, ctx);
}

bool route_permits_files(const struct key *key, const struct provider *provider)
{
    const struct user *u = key->user;
    size_t low = 0, high = u->file_provider_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->file_providers[middle] == provider)
            return true;
        if ((uintptr_t)u->file_providers[middle] < (uintptr_t)provider)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/*
 * What is looked for, and by which name.  Where rules have put another name in the place of the
 * one that the client sent, it is still that one which permissions speak of.
 */
struct wanted {
    const struct snapshot *snapshot;
    const struct key *key;
    struct slice asked; // as the client sent it
    struct slice name;  // what it is called by now
    bool renamed;
};

/* `bare` as for permission_admits(), of `name`. */
static bool is_permitted(const struct wanted *w, const struct provider *provider, struct slice bare)
{
    if (w->renamed)
        return permits(w->key, provider, w->asked, permission_strip(provider, w->asked));
    return permits(w->key, provider, w->name, bare);
}

/* A name as it may stand in an error text: cut between characters. */
static struct slice shown(struct slice name)
{
    size_t len = name.len;

    if (len > SHOWN_BYTES) {
        len = SHOWN_BYTES;
        while (len && ((unsigned char)name.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    return slice_sub(name, 0, len);
}

static enum err forbid(const struct wanted *w, struct err_info *e)
{
    return err_set(e, ERR_FORBIDDEN, "this key may not use the model '%.*s'",
                   SLICE_ARG(shown(w->asked)));
}

static void add(struct route *out, const struct provider *p, struct slice model,
                const struct model *row)
{
    out->candidates[out->count++] = (struct candidate){.provider = p, .model = model, .row = row};
}

/* Where in targets[from .. to), all of one tier, this request begins. */
static size_t weighted_start(const struct alias *alias, size_t from, size_t to, unsigned turn)
{
    uint64_t total = 0, at;

    for (size_t i = from; i < to; i++)
        total += (uint64_t)alias->targets[i].weight;
    if (total == 0)
        return from;
    /* Steps by a number without small factors in common with `total`, so that turns interleave. */
    at = (uint64_t)turn * 2654435761u % total;
    for (size_t i = from; i < to; i++) {
        if (at < (uint64_t)alias->targets[i].weight)
            return i;
        at -= (uint64_t)alias->targets[i].weight;
    }
    return from;
}

/* Adds those of targets[from .. to), one tier, that the key may use, from `start` on and round. */
static void add_tier(const struct alias *alias, size_t from, size_t to, size_t start,
                     const struct wanted *w, struct route *out)
{
    for (size_t i = 0; i < to - from; i++) {
        const struct alias_target *t = &alias->targets[from + (start - from + i) % (to - from)];
        if (is_permitted(w, t->provider, NO_BARE))
            add(out, t->provider, t->model, t->row);
    }
}

static enum err take_alias(const struct alias *alias, const struct wanted *w, struct route *out,
                           struct err_info *e)
{
    unsigned turn = 0;

    if (alias->target_count == 0)
        return err_set(e, ERR_NO_CANDIDATE, "the alias '%.*s' has no enabled target",
                       SLICE_ARG(shown(w->name)));
    if (alias->weighted)
        turn = atomic_fetch_add_explicit(alias->turn, 1, memory_order_relaxed);
    for (size_t from = 0, to; from < alias->target_count; from = to) {
        for (to = from + 1; to < alias->target_count; to++) {
            if (alias->targets[to].tier != alias->targets[from].tier)
                break;
        }
        add_tier(alias, from, to, alias->weighted ? weighted_start(alias, from, to, turn) : from, w,
                 out);
    }
    out->alias = alias;
    return out->count ? ERR_NONE : forbid(w, e);
}

/*
 * The one provider's model of those with the same id that the key may use by that id; `other`
 * is a second one, if there is one.
 */
static const struct model *usable_bare(const struct model *first, const struct wanted *w,
                                       const struct model **other)
{
    const struct model *found = NULL;

    *other = NULL;
    for (const struct model *m = first; m && !*other; m = m->same_id) {
        if (!is_permitted(w, m->provider, NO_BARE))
            continue;
        if (found)
            *other = m;
        else
            found = m;
    }
    return found;
}

static enum err take_bare(const struct model *first, const struct wanted *w, struct route *out,
                          struct err_info *e)
{
    const struct model *other, *m = usable_bare(first, w, &other);

    if (!m)
        return forbid(w, e);
    if (other)
        return err_set(e, ERR_BAD_REQUEST,
                       "model: two providers have '%.*s': say '%.*s/' or '%.*s/' in front of it",
                       SLICE_ARG(shown(w->name)), SLICE_ARG(m->provider->name),
                       SLICE_ARG(other->provider->name));
    add(out, m->provider, m->id, m);
    return ERR_NONE;
}

static enum err not_found(const struct wanted *w, const struct provider *scope, struct err_info *e)
{
    char close[ERR_TEXT_BYTES - SHOWN_BYTES - 32];

    suggest_names(w->snapshot, w->key, scope, w->name, close, sizeof(close));
    return err_set(e, ERR_MODEL_NOT_FOUND, "there is no model '%.*s'%s", SLICE_ARG(shown(w->name)),
                   close);
}

/* A provider that was named and the id that it is to be asked for: a row is not needed. */
static bool take_named(const struct provider *p, struct slice id, struct route *out)
{
    const struct model *m = table_get(&p->models, id);

    if (id.len == 0 || (!m && p->declared_models_only) || table_get(&p->disabled_models, id))
        return false;
    add(out, p, m ? m->id : id, m);
    return true;
}

/* A declared id that begins like "provider/" is itself; otherwise that is taken off. */
static enum err resolve_scoped(const struct wanted *w, const struct provider *p, struct route *out,
                               struct err_info *e)
{
    struct slice bare = table_get(&p->models, w->name) ? NO_BARE : permission_strip(p, w->name);

    if (!is_permitted(w, p, bare))
        return forbid(w, e);
    return take_named(p, bare.ptr ? bare : w->name, out) ? ERR_NONE : not_found(w, p, e);
}

static enum err resolve_aggregated(const struct wanted *w, struct route *out, struct err_info *e)
{
    const struct snapshot *s = w->snapshot;
    const struct alias *alias = table_get(&s->aliases, w->name);
    const struct model *m = alias ? NULL : table_get(&s->models, w->name);
    struct slice id, head = slice_cut(w->name, '/', &id);
    const struct provider *p = head.len < w->name.len ? table_get(&s->providers, head) : NULL;

    if (!route_permits(w->key, NULL, w->asked))
        return forbid(w, e);
    if (alias)
        return take_alias(alias, w, out, e);
    if (m)
        return take_bare(m, w, out, e);
    if (p && !is_permitted(w, p, id))
        return forbid(w, e);
    return p && take_named(p, id, out) ? ERR_NONE : not_found(w, NULL, e);
}

/* An alias's price is for whatever its targets would cost. */
static void price_candidate(const struct snapshot *s, const struct alias *alias,
                            struct candidate *c)
{
    if (alias && alias->price) {
        c->price = alias->price;
        c->price_source = "alias";
    } else if (c->row) {
        c->price = c->row->price;
        c->price_source = c->row->price_source;
    } else {
        c->price = snapshot_find_price(s, c->provider, c->model, &c->price_source);
    }
}

enum err route_resolve(const struct snapshot *s, const struct key *key,
                       const struct provider *scope, struct slice asked, struct slice name,
                       struct route *out, struct err_info *e)
{
    struct wanted w = {s, key, asked, name, !slice_eq(asked, name)};
    enum err err;

    *out = (struct route){0};
    err = scope ? resolve_scoped(&w, scope, out, e) : resolve_aggregated(&w, out, e);
    if (err) {
        *out = (struct route){0};
        return err;
    }
    for (size_t i = 0; i < out->count; i++) {
        price_candidate(s, out->alias, &out->candidates[i]);
        out->renamed |= !slice_eq(out->candidates[i].model, asked);
    }
    return ERR_NONE;
}

static void list_aliases(const struct snapshot *s, const struct key *key, route_list_fn *each,
                         void *ctx)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&s->aliases, &at));) {
        const struct alias *alias = entry->value;
        for (size_t i = 0; i < alias->target_count; i++) {
            if (permits(key, alias->targets[i].provider, alias->name, NO_BARE)) {
                each(ctx, &(struct route_name){.alias = alias});
                break;
            }
        }
    }
}

static bool may_send_full(const struct key *key, const struct model *m)
{
    char full[FULL_NAME_BYTES];
    int len =
        snprintf(full, sizeof(full), "%.*s/%.*s", SLICE_ARG(m->provider->name), SLICE_ARG(m->id));

    return len > 0 && (size_t)len < sizeof(full) &&
           permits(key, m->provider, slice_of(full, (size_t)len), m->id);
}

/* Whether the bare id alone leads to this model. */
static bool may_send_bare(const struct snapshot *s, const struct key *key, const struct model *m)
{
    struct wanted w = {s, key, m->id, m->id, false};
    const struct model *other;

    return !table_get(&s->aliases, m->id) &&
           usable_bare(table_get(&s->models, m->id), &w, &other) == m && !other;
}

static void list_models(const struct snapshot *s, const struct key *key, const struct provider *p,
                        bool scoped, route_list_fn *each, void *ctx)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&p->models, &at));) {
        const struct model *m = entry->value;
        struct route_name name = {.model = m};
        if (scoped ? permits(key, p, m->id, NO_BARE) : may_send_full(key, m)) {
            name.with_provider = !scoped;
            each(ctx, &name);
        } else if (!scoped && may_send_bare(s, key, m)) {
            each(ctx, &name);
        }
    }
}

void route_list(const struct snapshot *s, const struct key *key, const struct provider *scope,
                route_list_fn *each, void *ctx)
{
    const struct table_entry *entry;

    if (scope) {
        list_models(s, key, scope, true, each, ctx);
        return;
    }
    list_aliases(s, key, each, ctx);
    for (size_t at = 0; (entry = table_next(&s->providers, &at));)
        list_models(s, key, entry->value, false, each, ctx);
}
