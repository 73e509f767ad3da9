/* config_find.c - which row in the database each row of the configuration file is. */
#include <stddef.h>
#include <string.h>

#include "app/config_run.h"

struct row_head *run_old_at(const struct run *x, enum row_type type, size_t i)
{
    return row_set_at(&x->old, type, i);
}

struct row_head *run_old_of(const struct run *x, enum row_type type, int64_t id)
{
    return row_set_find(&x->old, type, id);
}

static const struct field *field_of(enum row_type type, enum row_type parent)
{
    const struct row_kind *k = row_kind(type);

    for (size_t i = 0; i < k->field_count; i++) {
        if ((k->fields[i].flags & FIELD_PARENT) && k->fields[i].ref == parent)
            return &k->fields[i];
    }
    return NULL;
}

int64_t *run_ref_at(void *row, const struct field *f)
{
    return (int64_t *)(void *)((char *)row + f->offset);
}

static bool resolve_ref(struct run *x, const struct config_row *r, const struct field *f)
{
    const struct config_ref *ref = config_ref(r, f->ref);
    const struct row_head *there;

    if (!ref->name.ptr)
        return true;
    there = table_get(&x->names[f->ref], ref->name);
    if (!there) {
        problem_add(x->c->problems, ref->place, "there is no %s \"%.*s\"", row_kind(f->ref)->table,
                    SLICE_ARG(ref->name));
        return false;
    }
    *run_ref_at(r->row, f) = there->id;
    return true;
}

/* References by name and by nesting become ids; a name that is not there is a problem. */
static bool resolve(struct run *x, const struct config_row *r)
{
    const struct row_kind *k = row_kind(r->type);
    bool good = true;

    if (r->parent)
        *run_ref_at(r->row, field_of(r->type, r->parent->type)) =
            ((const struct row_head *)r->parent->row)->id;
    for (size_t i = 0; i < k->field_count; i++) {
        if (config_is_named(r, &k->fields[i]))
            good = resolve_ref(x, r, &k->fields[i]) && good;
    }
    return good;
}

static struct slice join(struct arena *a, int64_t first, int64_t second, int64_t third,
                         struct slice name)
{
    return arena_printf(a, "%lld/%lld/%lld/%.*s", (long long)first, (long long)second,
                        (long long)third, SLICE_ARG(name));
}

/* The name of a row among those beside it. */
static struct slice name_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    (void)wanted;
    switch (type) {
    case ROW_PROVIDER: return ((const struct provider_row *)row)->name;
    case ROW_ALIAS: return ((const struct alias_row *)row)->name;
    case ROW_USER: return ((const struct user_row *)row)->name;
    case ROW_SETTING: return ((const struct setting_row *)row)->name;
    case ROW_KEY: return ((const struct key_row *)row)->digest;
    case ROW_CREDENTIAL: {
        const struct credential_row *r = row;
        return r->label.ptr ? join(a, r->provider_id, 0, 0, r->label) : slice_of(NULL, 0);
    }
    case ROW_MODEL: {
        const struct model_row *r = row;
        return join(a, r->provider_id, 0, 0, r->model);
    }
    case ROW_ALIAS_TARGET: {
        const struct alias_target_row *r = row;
        return join(a, r->alias_id, r->provider_id, 0, r->model);
    }
    case ROW_PERMISSION: {
        const struct permission_row *r = row;
        return join(a, r->user_id, r->key_id, r->provider_id, r->models);
    }
    case ROW_RATE_LIMIT: {
        const struct rate_limit_row *r = row;
        return join(a, r->user_id, r->key_id, 0, r->models);
    }
    case ROW_QUOTA: {
        const struct quota_row *r = row;
        return join(a, r->user_id, r->key_id, 0, r->period);
    }
    case ROW_FILE_PERMISSION: {
        const struct file_permission_row *r = row;
        return join(a, r->user_id, r->provider_id, 0, SLICE(""));
    }
    case ROW_PRICE: {
        const struct price_row *r = row;
        return join(a, r->provider_id, 0, 0, r->models);
    }
    case ROW_RULE: // by what it says: config_rules.c
    case ROW_TYPE_COUNT: break;
    }
    return slice_of(NULL, 0);
}

/* A given key has a digest from here on; the others get theirs when none is found. */
void run_digest_key(struct run *x, struct config_row *r)
{
    struct key_row *key = r->row;
    struct slice text = secret_reveal(r->key_text);
    unsigned char *digest;

    if (!text.ptr)
        return;
    digest = arena_alloc_raw(x->arena, KEY_DIGEST_BYTES, 1);
    key_digest(x->a->hasher, text, digest);
    key->digest = slice_of((const char *)digest, KEY_DIGEST_BYTES);
    key->prefix = key_prefix(text);
}

/* Of keys that the file has no text of. */
static struct slice label_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    const struct key_row *key = row;

    (void)type;
    if (wanted && key->digest.ptr)
        return slice_of(NULL, 0);
    return join(a, key->user_id, 0, 0, key->label);
}

/* Of credentials without a label.  A hash will do: it is written over where it misleads. */
static struct slice secret_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    const struct credential_row *credential = row;
    uint64_t hash = hash_bytes(0, secret_reveal(credential->secret));

    (void)type;
    (void)wanted;
    if (credential->label.ptr)
        return slice_of(NULL, 0);
    return join(a, credential->provider_id, (int64_t)hash, 0, SLICE(""));
}

/* And the rest of them, one after another. */
static struct slice place_key(struct arena *a, enum row_type type, const void *row, bool wanted)
{
    const struct credential_row *credential = row;

    (void)type;
    (void)wanted;
    return credential->label.ptr ? slice_of(NULL, 0)
                                 : join(a, credential->provider_id, 0, 0, SLICE(""));
}

static bool is_found(const struct config_row *r)
{
    return ((const struct row_head *)r->row)->id != 0;
}

/* Rows of the database that have the same key, in their order. */
struct same {
    size_t at;
    struct same *next, *last; // `last` is the first one's
};

static void list_same(struct run *x, enum row_type type, run_key_fn *key, const size_t *order,
                      struct table *out)
{
    for (size_t i = 0; i < x->old.counts[type]; i++) {
        size_t at = order ? order[i] : i;
        struct same *same, *first;
        struct slice k;
        if (x->kept[type][at])
            continue;
        k = key(x->arena, type, run_old_at(x, type, at), false);
        if (!k.ptr)
            continue;
        same = arena_new(x->arena, struct same);
        *same = (struct same){at, NULL, same};
        first = table_get(out, k);
        if (!first) {
            table_put(out, k, same);
        } else {
            first->last->next = same;
            first->last = same;
        }
    }
}

void run_match(struct run *x, enum row_type type, run_key_fn *key, const size_t *order)
{
    struct table by_key;

    table_init(&by_key, 0);
    list_same(x, type, key, order, &by_key);
    for (struct config_row *r = x->c->rows[type]; r && by_key.live; r = r->next) {
        struct slice k = {NULL, 0};
        struct same *same;
        if (!is_found(r))
            k = key(x->arena, type, r->row, true);
        same = k.ptr ? table_get(&by_key, k) : NULL;
        if (!same)
            continue;
        *(struct row_head *)r->row = *run_old_at(x, type, same->at);
        x->kept[type][same->at] = true;
        if (same->next) {
            same->next->last = same->last;
            table_put(&by_key, k, same->next);
        } else {
            table_remove(&by_key, k);
        }
    }
    table_release(&by_key);
}

bool run_find(struct run *x, enum row_type type)
{
    bool good = true;

    x->kept[type] = arena_array(x->arena, bool, x->old.counts[type] + 1);
    for (struct config_row *r = x->c->rows[type]; r; r = r->next) {
        good = resolve(x, r) && good;
        if (type == ROW_KEY)
            run_digest_key(x, r);
    }
    if (type == ROW_RULE) {
        run_find_rules(x);
        return good;
    }
    run_match(x, type, name_key, NULL);
    if (type == ROW_KEY)
        run_match(x, type, label_key, NULL);
    if (type == ROW_CREDENTIAL) {
        run_match(x, type, secret_key, NULL);
        run_match(x, type, place_key, NULL);
    }
    return good;
}
