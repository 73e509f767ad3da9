/* snapshot_users.c - users, keys and permissions, out of their rows. */
#include <stdlib.h>

#include "policy/builder.h"
#include "policy/permission.h"
#include "policy/state.h"

/* The list that a permission goes on. */
struct holder {
    struct permission **list;
    size_t *count;
};

/* Of its user or key; `list` is NULL when neither was built, which is reported if odd. */
static struct holder holder_of(struct builder *b, const struct permission_row *row, bool report)
{
    bool of_key = row->key_id != ROW_NULL_INT;
    enum row_type type = of_key ? ROW_KEY : ROW_USER;
    int64_t id = of_key ? row->key_id : row->user_id;
    void *found = builder_find(b, type, id);
    struct user *user = found;
    struct key *key = found;

    if (!found && report)
        builder_skip(b, ROW_PERMISSION, row->head.id, "there is no %s %lld", row_kind(type)->table,
                     (long long)id);
    if (!found)
        return (struct holder){0};
    return of_key ? (struct holder){&key->permissions, &key->permission_count}
                  : (struct holder){&user->permissions, &user->permission_count};
}

/*
 * A bad row permits nothing, but it is there: a key whose only permission is bad must not
 * be taken for a key without any, which may do all that its user may.
 */
static struct permission permission_make(struct builder *b, const struct permission_row *row)
{
    struct permission p = {.permit = PERMIT_NOTHING};
    struct provider *provider = NULL;

    if (!builder_accepts(b, ROW_PERMISSION, &row->head))
        return p;
    if (row->provider_id != ROW_NULL_INT) {
        provider = builder_find(b, ROW_PROVIDER, row->provider_id);
        if (!provider)
            builder_skip(b, ROW_PERMISSION, row->head.id, "there is no provider %lld",
                         (long long)row->provider_id);
        if (!provider || provider == &b->off)
            return p;
    }
    permission_compile(&p, builder_dup(b, row->models));
    p.provider = provider;
    return p;
}

/* Counts, makes the arrays, fills them. */
static void build_permissions(struct builder *b)
{
    const struct permission_row *rows = ROWS(b->rows, ROW_PERMISSION, struct permission_row);
    size_t count = b->rows->counts[ROW_PERMISSION];

    for (size_t i = 0; i < count; i++) {
        struct holder h = holder_of(b, &rows[i], true);
        if (h.list)
            ++*h.count;
    }
    for (size_t i = 0; i < count; i++) {
        struct holder h = holder_of(b, &rows[i], false);
        if (h.list && !*h.list) {
            *h.list = arena_array(&b->snapshot->arena, struct permission, *h.count);
            *h.count = 0;
        }
        if (h.list)
            (*h.list)[(*h.count)++] = permission_make(b, &rows[i]);
    }
}

static const struct permission_set *set_of(struct builder *b, const struct permission *list,
                                           size_t count)
{
    return count > PERMISSION_LIST_MOST
               ? permission_set_new(&b->snapshot->arena, list, count, b->seed)
               : NULL;
}

/* Of lists that are long. */
static void build_permission_sets(struct builder *b)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&b->by_id[ROW_USER], &at));) {
        struct user *u = entry->value;
        u->permission_set = set_of(b, u->permissions, u->permission_count);
    }
    for (size_t at = 0; (entry = table_next(&b->by_id[ROW_KEY], &at));) {
        struct key *k = entry->value;
        k->permission_set = set_of(b, k->permissions, k->permission_count);
    }
}

/* The provider of a permission, and its user in `u`; NULL when there is not both, which is said. */
static const struct provider *file_provider(struct builder *b,
                                            const struct file_permission_row *row, struct user **u)
{
    const struct provider *p = builder_find(b, ROW_PROVIDER, row->provider_id);

    *u = builder_find(b, ROW_USER, row->user_id);
    if (!builder_accepts(b, ROW_FILE_PERMISSION, &row->head))
        return NULL;
    if (!*u || !p) {
        builder_skip(b, ROW_FILE_PERMISSION, row->head.id, "there is no %s %lld",
                     *u ? "provider" : "user", (long long)(*u ? row->provider_id : row->user_id));
        return NULL;
    }
    return p == &b->off ? NULL : p;
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct provider *const *)a;
    uintptr_t y = (uintptr_t) * (const struct provider *const *)b;

    return (x > y) - (x < y);
}

/* Counts, makes the arrays, fills them, puts them in order. */
static void build_file_permissions(struct builder *b)
{
    const struct file_permission_row *rows =
        ROWS(b->rows, ROW_FILE_PERMISSION, struct file_permission_row);
    size_t count = b->rows->counts[ROW_FILE_PERMISSION];
    const struct table_entry *entry;

    for (size_t i = 0; i < count; i++) {
        struct user *u = builder_find(b, ROW_USER, rows[i].user_id);
        if (u)
            u->file_provider_count++;
    }
    for (size_t i = 0; i < count; i++) {
        struct user *u;
        const struct provider *p = file_provider(b, &rows[i], &u);
        if (!u)
            continue;
        if (!u->file_providers) {
            u->file_providers =
                arena_array(&b->snapshot->arena, const struct provider *, u->file_provider_count);
            u->file_provider_count = 0;
        }
        if (p)
            u->file_providers[u->file_provider_count++] = p;
    }
    for (size_t at = 0; count && (entry = table_next(&b->by_id[ROW_USER], &at));) {
        struct user *u = entry->value;
        if (u->file_provider_count)
            qsort(u->file_providers, u->file_provider_count, sizeof(const struct provider *),
                  compare_addresses);
    }
}

static void build_user(struct builder *b, const struct user_row *row)
{
    struct user *u;

    if (!builder_accepts(b, ROW_USER, &row->head))
        return;
    u = arena_new(&b->snapshot->arena, struct user);
    *u = (struct user){
        .id = row->head.id,
        .name = builder_dup(b, row->name),
        .enabled = row->enabled,
        .admin = row->admin,
    };
    u->account = policy_state_account(b->state, u->id);
    u->allowance.purse = account_purse(u->account);
    builder_keep_id(b, ROW_USER, &u->id, u);
    b->snapshot->user_count++;
}

static void build_key(struct builder *b, const struct key_row *row)
{
    struct user *user = builder_find(b, ROW_USER, row->user_id);
    struct key *k;

    if (!builder_accepts(b, ROW_KEY, &row->head))
        return;
    if (!user) {
        builder_skip(b, ROW_KEY, row->head.id, "there is no user %lld", (long long)row->user_id);
        return;
    }
    if (table_get(&b->snapshot->keys, row->digest)) {
        builder_skip(b, ROW_KEY, row->head.id, "another key has the same text");
        return;
    }
    k = arena_new(&b->snapshot->arena, struct key);
    *k = (struct key){
        .id = row->head.id,
        .user = user,
        .label = builder_dup(b, row->label),
        .enabled = row->enabled,
    };
    if (row->expires_unix_ms != ROW_NULL_INT) // 0 means never in a snapshot, 1970 in a row
        k->expires_unix_ms = row->expires_unix_ms > 0 ? row->expires_unix_ms : 1;
    memcpy(k->digest, row->digest.ptr, sizeof(k->digest));
    table_put(&b->snapshot->keys, slice_of((const char *)k->digest, sizeof(k->digest)), k);
    k->allowance.purse = policy_state_purse(b->state, user->account, k->id);
    builder_keep_id(b, ROW_KEY, &k->id, k);
}

void build_users(struct builder *b)
{
    const struct user_row *users = ROWS(b->rows, ROW_USER, struct user_row);
    const struct key_row *keys = ROWS(b->rows, ROW_KEY, struct key_row);

    for (size_t i = 0; i < b->rows->counts[ROW_USER]; i++)
        build_user(b, &users[i]);
    for (size_t i = 0; i < b->rows->counts[ROW_KEY]; i++)
        build_key(b, &keys[i]);
    build_permissions(b);
    build_permission_sets(b);
    build_file_permissions(b);
}
