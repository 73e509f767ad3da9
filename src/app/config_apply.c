/* config_apply.c - what the configuration file says, made true in the database. */
#include "app/config_apply.h"

#include "app/config_row.h"
#include "app/config_run.h"
#include "crypto/password.h"
#include "json/scan.h"

static void on_bad_row(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    struct run *x = ctx;
    struct bad_row *bad = arena_new(x->arena, struct bad_row);

    (void)reason; // whoever loads next will tell, if it is still there
    *bad = (struct bad_row){type, id, x->bad};
    x->bad = bad;
}

static struct slice parent_key(struct arena *a, enum row_type type, int64_t id)
{
    return arena_printf(a, "%d/%lld", (int)type, (long long)id);
}

/* Whether the file is the truth about rows of this type with this row's parent. */
static bool is_declared(struct run *x, enum row_type type, void *row)
{
    const struct row_kind *k = row_kind(type);
    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        const struct config_row *parent;
        if (!(f->flags & FIELD_PARENT) || *run_ref_at(row, f) == ROW_NULL_INT)
            continue;
        parent = table_get(&x->parents, parent_key(x->arena, f->ref, *run_ref_at(row, f)));
        if (parent && (parent->lists & (1U << type)))
            return true;
    }
    return x->c->sections & (1U << type);
}

/* It may have gone with its parent already. */
static enum err delete_row(struct run *x, enum row_type type, int64_t id, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};

    if (store_delete(x->a->store, type, id, &why) == ERR_NOT_FOUND)
        return ERR_NONE;
    if (why.code)
        return err_set(e, why.code, "%s", why.text);
    x->a->deleted++;
    return ERR_NONE;
}

static bool is_orphan(struct run *x, enum row_type type, const void *row)
{
    const struct credential_row *credential = row;

    if (type != ROW_CREDENTIAL ||
        !table_get(&x->moved, parent_key(x->arena, ROW_PROVIDER, credential->provider_id)))
        return false;
    problem_warn(x->c->problems, (struct place){0, 0},
                 "credential %lld is dropped: its provider goes elsewhere now, and the file does "
                 "not give it anew",
                 (long long)credential->head.id);
    return true;
}

static enum err delete_others(struct run *x, enum row_type type, struct err_info *e)
{
    bool all = (x->a->flags & APPLY_DELETE) && x->c->declared[type];

    for (const struct bad_row *bad = x->bad; bad && all; bad = bad->next) {
        if (bad->type == type && delete_row(x, type, bad->id, e))
            return e->code;
    }
    for (size_t i = 0; i < x->old.counts[type]; i++) {
        struct row_head *old = run_old_at(x, type, i);
        bool goes = (all && is_declared(x, type, old)) || is_orphan(x, type, old) ||
                    (type == ROW_RULE && x->replaced[i]);
        if (!x->kept[type][i] && goes && delete_row(x, type, old->id, e))
            return e->code;
    }
    return ERR_NONE;
}

static enum err fill_password(struct run *x, struct user_row *user, const struct user_row *old,
                              struct err_info *e)
{
    char hash[PASSWORD_HASH_BYTES];

    if (!user->password_hash.ptr) {
        user->password_hash = old ? old->password_hash : user->password_hash;
        return ERR_NONE;
    }
    if (password_is_phc(user->password_hash))
        return ERR_NONE;
    if (old && old->password_hash.ptr && password_verify(old->password_hash, user->password_hash)) {
        user->password_hash = old->password_hash; // the same: no new salt, no change
        return ERR_NONE;
    }
    if (!password_hash(user->password_hash, hash))
        return err_set(e, ERR_IO, "no memory to hash a password");
    user->password_hash = arena_dup(x->arena, slice_str(hash));
    return ERR_NONE;
}

static void fill_key(struct run *x, const struct config_row *r, struct key_row *key,
                     const struct key_row *old)
{
    struct made_key *made;

    key->last_used_unix_ms = old ? old->last_used_unix_ms : ROW_NULL_INT;
    if (key->digest.ptr)
        return;
    if (old) {
        key->digest = old->digest;
        key->prefix = old->prefix;
        return;
    }
    made = arena_new(x->arena, struct made_key);
    made->user = ((const struct user_row *)r->parent->row)->name;
    made->label = key->label;
    key_generate(made->text);
    *x->made_end = made;
    x->made_end = &made->next;
    run_digest_key(x,
                   &(struct config_row){.row = key, .key_text = secret_of(slice_str(made->text))});
}

/* What was put right by hand is no matter of the file's. */
static void fill_quota(struct quota_row *quota, const struct quota_row *old)
{
    quota->adjustment_nusd = old->adjustment_nusd;
    quota->adjusted_unix_ms = old->adjusted_unix_ms;
}

/* What the file leaves open is filled in from the row that is there, or made. */
static enum err fill_in(struct run *x, const struct config_row *r, struct row_head *old,
                        struct err_info *e)
{
    struct credential_row *credential = r->row;

    if (r->type == ROW_USER)
        return fill_password(x, r->row, (void *)old, e);
    if (r->type == ROW_KEY)
        fill_key(x, r, r->row, (void *)old);
    if (r->type == ROW_QUOTA && old)
        fill_quota(r->row, (void *)old);
    if (r->type == ROW_CREDENTIAL && !secret_reveal(credential->secret).ptr && old &&
        secret_reveal(((struct credential_row *)(void *)old)->secret).len)
        credential->secret = ((struct credential_row *)(void *)old)->secret;
    return ERR_NONE;
}

static bool field_eq(const struct field *f, const void *left, const void *right)
{
    const void *a = (const char *)left + f->offset, *b = (const char *)right + f->offset;
    struct slice s, t;

    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: return *(const int64_t *)a == *(const int64_t *)b;
    case FIELD_BOOL: return *(const bool *)a == *(const bool *)b;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES:
    case FIELD_SECRET: // a secret is a slice in a coat
        s = *(const struct slice *)a;
        t = *(const struct slice *)b;
        return !s.ptr == !t.ptr && slice_eq(s, t);
    }
    return false;
}

static bool row_eq(const struct row_kind *k, const void *a, const void *b)
{
    for (size_t i = 0; i < k->field_count; i++) {
        if (!field_eq(&k->fields[i], a, b))
            return false;
    }
    return true;
}

static struct slice base_url_of(const struct provider_row *p)
{
    struct slice url = {NULL, 0};

    if (p->settings.ptr)
        json_get(p->settings, SLICE("base_url"), &url);
    return url;
}

/*
 * A credential is only good for where it was given to.  Of a provider that goes
 * elsewhere no secret is carried over, and what the file does not give anew is deleted.
 */
static void note_moved(struct run *x, const struct provider_row *provider,
                       const struct provider_row *old)
{
    if (slice_eq(provider->channel, old->channel) &&
        slice_eq(base_url_of(provider), base_url_of(old)))
        return;
    table_put(&x->moved, parent_key(x->arena, ROW_PROVIDER, old->head.id), x);
    for (size_t i = 0; i < x->old.counts[ROW_CREDENTIAL]; i++) {
        struct credential_row *credential = (void *)run_old_at(x, ROW_CREDENTIAL, i);
        if (credential->provider_id == old->head.id)
            credential->secret = secret_of(SLICE("")); // equal to none, so it is written over
    }
}

static bool is_found(const struct config_row *r)
{
    return ((const struct row_head *)r->row)->id != 0;
}

static enum err write_row(struct run *x, struct config_row *r, struct err_info *e)
{
    struct row_head *old =
        is_found(r) ? run_old_of(x, r->type, ((struct row_head *)r->row)->id) : NULL;
    struct err_info why = {.code = ERR_NONE};

    if (fill_in(x, r, old, e))
        return e->code;
    if (old && row_eq(row_kind(r->type), old, r->row))
        return ERR_NONE;
    if (old && r->type == ROW_PROVIDER)
        note_moved(x, r->row, (void *)old);
    if (store_put(x->a->store, r->type, r->row, &why)) {
        if (why.code == ERR_CONFLICT || why.code == ERR_BAD_REQUEST)
            problem_add(x->c->problems, r->node->place, "%s", err_info_text(&why));
        return err_set(e, why.code, "%s", err_info_text(&why));
    }
    *(old ? &x->a->changed : &x->a->added) += 1;
    return ERR_NONE;
}

/* After this the names that may be referred to are those that will be there. */
static void list_names(struct run *x, enum row_type type)
{
    bool gone = (x->a->flags & APPLY_DELETE) && x->c->declared[type];

    for (size_t i = 0; i < x->old.counts[type] && !gone; i++)
        table_put(&x->names[type], config_name(type, run_old_at(x, type, i)),
                  run_old_at(x, type, i));
    for (struct config_row *r = x->c->rows[type]; r; r = r->next)
        table_put(&x->names[type], config_name(type, r->row), r->row);
}

static enum err apply_type(struct run *x, enum row_type type, struct err_info *e)
{
    if (!run_find(x, type))
        return err_set(e, ERR_BAD_REQUEST, "the configuration names what is not there");
    if (delete_others(x, type, e))
        return e->code;
    for (struct config_row *r = x->c->rows[type]; r; r = r->next) {
        if (write_row(x, r, e))
            return e->code;
        table_put(&x->parents, parent_key(x->arena, type, ((const struct row_head *)r->row)->id),
                  r);
    }
    if (type == ROW_PROVIDER || type == ROW_ALIAS)
        list_names(x, type);
    return ERR_NONE;
}

static enum err check_owner(const struct run *x, struct err_info *e)
{
    const struct config *c = x->c;

    for (const struct config_row *r = c->rows[ROW_KEY]; r; r = r->next) {
        if (((const struct key_row *)r->row)->digest.ptr && c->fingerprint.ptr &&
            !slice_eq(c->fingerprint, slice_str(x->a->fingerprint))) {
            problem_add(c->problems, r->node->place,
                        "digest: made with another secret key, so the key would not be known");
            err_set(e, ERR_BAD_REQUEST, "keys of another secret key");
        }
    }
    return e->code;
}

static enum err apply_all(struct run *x, struct err_info *e)
{
    struct apply *a = x->a;

    if (check_owner(x, e) || store_begin(a->store, e))
        return e->code;
    if (!store_load(a->store, x->arena, &x->old, on_bad_row, x, e)) {
        run_normalise(x);
        for (size_t type = 0; type < ROW_TYPE_COUNT && !e->code; type++)
            apply_type(x, (enum row_type)type, e);
    }
    if (!e->code)
        store_commit(a->store, e);
    if (e->code)
        store_rollback(a->store);
    return e->code;
}

enum err config_apply(const struct config *c, struct apply *a, struct err_info *e)
{
    struct arena arena;
    struct run x = {.c = c, .a = a, .arena = &arena};

    a->added = a->changed = a->deleted = 0;
    if (c->problems->errors)
        return err_set(e, ERR_BAD_REQUEST, "the configuration is not valid");
    arena_init(&arena, 0);
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++)
        table_init(&x.names[type], 0);
    table_init(&x.parents, 0);
    table_init(&x.moved, 0);
    x.made_end = &x.made;
    apply_all(&x, e);
    for (const struct made_key *made = x.made; made && !e->code; made = made->next) {
        if (a->on_key)
            a->on_key(a->ctx, made->user, made->label, slice_str(made->text));
    }
    table_release(&x.moved);
    table_release(&x.parents);
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++)
        table_release(&x.names[type]);
    arena_release(&arena);
    return e->code;
}
