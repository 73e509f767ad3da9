/* config_find.c - which row in the database each row of the configuration file is. */
#include <stddef.h>
#include <string.h>

#include "app/config_run.h"

struct row_head *run_old_at(const struct run *x, enum row_type type, size_t i)
{
    return (void *)((char *)x->old.rows[type] + i * row_kind(type)->size);
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

static bool is_unnamed_ref(const struct field *f)
{
    return f->type == FIELD_REF && !(f->flags & FIELD_PARENT);
}

/* References by name and by nesting become ids; a name that is not there is a problem. */
static bool resolve(struct run *x, const struct config_row *r)
{
    const struct row_kind *k = row_kind(r->type);
    const struct row_head *provider;

    if (r->parent)
        *run_ref_at(r->row, field_of(r->type, r->parent->type)) =
            ((const struct row_head *)r->parent->row)->id;
    if (!r->provider.ptr)
        return true;
    provider = table_get(&x->providers, r->provider);
    if (!provider) {
        problem_add(x->c->problems, r->provider_place, "there is no provider \"%.*s\"",
                    SLICE_ARG(r->provider));
        return false;
    }
    for (size_t i = 0; i < k->field_count; i++) {
        if (is_unnamed_ref(&k->fields[i]))
            *run_ref_at(r->row, &k->fields[i]) = provider->id;
    }
    return true;
}

static struct slice join(struct arena *a, int64_t first, int64_t second, int64_t third,
                         struct slice name)
{
    return arena_printf(a, "%lld/%lld/%lld/%.*s", (long long)first, (long long)second,
                        (long long)third, SLICE_ARG(name));
}

/* What a row is found again by; a NULL pointer: by nothing of the kind. */
static struct slice identity(struct arena *a, enum row_type type, const void *row)
{
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
    case ROW_RULE: // by what it says: config_apply.c
    case ROW_TYPE_COUNT: break;
    }
    return slice_of(NULL, 0);
}

static void take(struct run *x, struct config_row *r, struct row_head *old)
{
    size_t size = row_kind(r->type)->size;
    size_t i = (size_t)((char *)old - (char *)x->old.rows[r->type]) / size;

    *(struct row_head *)r->row = *old;
    x->kept[r->type][i] = true;
}

static bool is_taken(const struct run *x, enum row_type type, size_t i)
{
    return x->kept[type][i];
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

static void find_by_label(struct run *x, struct config_row *r)
{
    const struct key_row *key = r->row;

    for (size_t i = 0; i < x->old.counts[ROW_KEY]; i++) {
        struct key_row *old = (void *)run_old_at(x, ROW_KEY, i);
        if (old->user_id == key->user_id && slice_eq(old->label, key->label) &&
            !is_taken(x, ROW_KEY, i)) {
            take(x, r, &old->head);
            return;
        }
    }
}

static void find_unlabelled(struct run *x, struct config_row *r, bool by_secret)
{
    const struct credential_row *wanted = r->row;
    struct slice secret = secret_reveal(wanted->secret);

    for (size_t i = 0; i < x->old.counts[ROW_CREDENTIAL]; i++) {
        struct credential_row *old = (void *)run_old_at(x, ROW_CREDENTIAL, i);
        if (old->provider_id == wanted->provider_id && !old->label.ptr &&
            !is_taken(x, ROW_CREDENTIAL, i) &&
            (!by_secret || slice_eq(secret_reveal(old->secret), secret))) {
            take(x, r, &old->head);
            return;
        }
    }
}

static bool is_found(const struct config_row *r)
{
    return ((const struct row_head *)r->row)->id != 0;
}

/* Those that names and digests did not find, by what else tells them apart. */
static void find_rest(struct run *x, enum row_type type)
{
    for (struct config_row *r = x->c->rows[type]; r; r = r->next) {
        if (type == ROW_KEY && !is_found(r) && !((struct key_row *)r->row)->digest.ptr)
            find_by_label(x, r);
        if (type == ROW_CREDENTIAL && !is_found(r) && !((struct credential_row *)r->row)->label.ptr)
            find_unlabelled(x, r, true);
    }
    for (struct config_row *r = x->c->rows[type]; r && type == ROW_CREDENTIAL; r = r->next) {
        if (!is_found(r) && !((struct credential_row *)r->row)->label.ptr)
            find_unlabelled(x, r, false);
    }
}

bool run_find(struct run *x, enum row_type type)
{
    struct table by_identity;
    bool good = true;

    table_init(&by_identity, 0);
    x->kept[type] = arena_array(x->arena, bool, x->old.counts[type] + 1);
    for (size_t i = 0; i < x->old.counts[type]; i++) {
        struct row_head *old = run_old_at(x, type, i);
        struct slice id = identity(x->arena, type, old);
        if (id.ptr)
            table_put(&by_identity, id, old);
    }
    for (struct config_row *r = x->c->rows[type]; r; r = r->next) {
        struct row_head *old;
        struct slice id;
        good = resolve(x, r) && good;
        if (type == ROW_KEY)
            run_digest_key(x, r);
        id = identity(x->arena, type, r->row);
        old = id.ptr ? table_get(&by_identity, id) : NULL;
        if (old)
            take(x, r, old);
    }
    table_release(&by_identity);
    find_rest(x, type);
    return good;
}
