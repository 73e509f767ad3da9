/* config_row.c - rows out of the configuration file, by their descriptors. */
#include "app/config_row.h"

#include <stddef.h>
#include <string.h>

#include "base/array.h"
#include "crypto/key.h"
#include "crypto/password.h"
#include "policy/provider_settings.h"

#define KEYS_MAX       64 // known keys of one kind of row, nested lists included
#define PLACEHOLDER_ID 1  // stands for a reference while a row is checked by itself

void config_unknown_key(struct config *c, const char *where, const struct yaml_pair *pair,
                        const char *const *keys, size_t count)
{
    const char *near = suggest(pair->key, keys, count);

    problem_add(c->problems, pair->place, "%s%s\"%.*s\" is not known here%s%s%s",
                where ? where : "", where ? ": " : "", SLICE_ARG(pair->key),
                near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Whether rows of `child` are nested in rows of `parent`. */
static bool is_nested(enum row_type child, enum row_type parent)
{
    const struct row_kind *k = row_kind(child);

    for (size_t i = 0; i < k->field_count; i++) {
        if ((k->fields[i].flags & FIELD_PARENT) && k->fields[i].ref == parent)
            return true;
    }
    return false;
}

/* The kind of row that the list `key` of a row of `parent` holds; ROW_TYPE_COUNT: none. */
static enum row_type nested_list(enum row_type parent, struct slice key)
{
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        if (is_nested((enum row_type)type, parent) &&
            slice_eq(key, slice_str(row_kind((enum row_type)type)->list)))
            return (enum row_type)type;
    }
    return ROW_TYPE_COUNT;
}

/* A key's digest comes back from an export; no other derived field does. */
static bool is_taken(const struct config_row *r, const struct field *f)
{
    if (f->flags & FIELD_PARENT)
        return config_is_named(r, f);
    return !(f->flags & FIELD_DERIVED) ||
           (r->type == ROW_KEY && (f->type == FIELD_BYTES || f->type == FIELD_TEXT));
}

static const struct field *find_field(const struct config_row *r, struct slice key)
{
    const struct row_kind *k = row_kind(r->type);

    for (size_t i = 0; i < k->field_count; i++) {
        if (is_taken(r, &k->fields[i]) && slice_eq(key, slice_str(k->fields[i].key)))
            return &k->fields[i];
    }
    return NULL;
}

static void unknown_field(struct config *c, const struct config_row *r,
                          const struct yaml_pair *pair)
{
    const struct row_kind *k = row_kind(r->type);
    const char *keys[KEYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < k->field_count && count < KEYS_MAX - ROW_TYPE_COUNT - 2; i++) {
        if (is_taken(r, &k->fields[i]) && !(k->fields[i].flags & FIELD_LATER))
            keys[count++] = k->fields[i].key;
    }
    for (size_t child = 0; child < ROW_TYPE_COUNT; child++) {
        if (is_nested((enum row_type)child, r->type))
            keys[count++] = row_kind((enum row_type)child)->list;
    }
    if (r->type == ROW_KEY)
        keys[count++] = "key";
    if (r->type == ROW_RULE)
        keys[count++] = "scope";
    config_unknown_key(c, k->table, pair, keys, count);
}

/* The text of a key: never repeated in a message. */
static bool read_key_text(struct config *c, const struct yaml_node *n, struct config_row *r)
{
    struct slice text;

    if (!config_read_text(c, "key", n, true, &text) || n->broken)
        return false;
    if (!key_is_valid(text)) {
        problem_add(c->problems, n->place,
                    "key: must be 8 to 512 printable ASCII characters without spaces");
        return false;
    }
    r->key_text = secret_of(text);
    return true;
}

/* Null is nothing, but for what a rule puts into a request. */
static bool is_null_value(enum row_type type, const struct field *f)
{
    return type == ROW_RULE && f->offset == offsetof(struct rule_row, value);
}

/* Where a rule says what it is of; the alias that it is nested in says so already. */
static bool is_scope(const struct config_row *r, struct slice key)
{
    return r->type == ROW_RULE &&
           (slice_eq(key, SLICE("scope")) ||
            (r->parent && (slice_eq(key, SLICE("provider")) || slice_eq(key, SLICE("alias")))));
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as kinds of rows are nested, which is three
static bool read_pair(struct config *c, const struct yaml_pair *pair, struct config_row *r)
{
    enum row_type list = nested_list(r->type, pair->key);
    const struct field *f = find_field(r, pair->key);

    if (is_scope(r, pair->key))
        return config_read_scope(c, pair, r);
    if (list != ROW_TYPE_COUNT) {
        r->lists |= 1U << list;
        config_read_list(c, list, pair, r);
        return true;
    }
    if (r->type == ROW_KEY && slice_eq(pair->key, SLICE("key")))
        return yaml_is_null(pair->value) || read_key_text(c, pair->value, r);
    if (!f) {
        unknown_field(c, r, pair);
        return true; // the others may still be looked at
    }
    if (yaml_is_null(pair->value) && !is_null_value(r->type, f))
        return true;
    r->given |= 1U << (f - row_kind(r->type)->fields);
    return config_read_field(c, f, pair->value, r) && !pair->value->broken;
}

/*
 * Where in `n` a message's first words point: "settings.base_url: ..." to that
 * value, or to as much of the path as is there.
 */
static struct place place_in(const struct yaml_node *n, const char *message)
{
    struct slice path = slice_cut(slice_str(message), ':', &(struct slice){NULL, 0});
    struct place at = n->place;

    while (path.len && n && n->kind == YAML_MAP) {
        struct slice key = slice_cut(path, '.', &path);
        const struct yaml_node *next = NULL;
        key = slice_cut(key, '[', &(struct slice){NULL, 0});
        for (size_t i = 0; i < n->count; i++) {
            if (slice_eq(n->pairs[i].key, key))
                next = n->pairs[i].value;
        }
        if (next)
            at = next->place;
        n = next;
    }
    return at;
}

/*
 * Puts back what an absent field has, or the least that it may hold where one of several
 * is wanted, so that the next mistake of the row can be found.
 */
static bool forget_field(struct config_row *r, const void *plain, const char *message)
{
    struct slice path = slice_cut(slice_str(message), ':', &(struct slice){NULL, 0});
    struct slice key = slice_cut(path, '.', &(struct slice){NULL, 0});
    const struct field *f = find_field(r, slice_cut(key, '[', &(struct slice){NULL, 0}));
    const struct row_kind *k = row_kind(r->type);
    size_t size = 0, i;

    if (!f || (f->flags & FIELD_REQUIRED) || f->type == FIELD_REF)
        return false;
    i = (size_t)(f - k->fields);
    if (!(r->given & (1U << i)))
        return false;
    switch (f->type) {
    case FIELD_BOOL: size = sizeof(bool); break;
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: size = sizeof(int64_t); break;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES:
    case FIELD_SECRET: size = sizeof(struct slice); break;
    }
    memcpy((char *)r->row + f->offset, (const char *)plain + f->offset, size);
    if (f->type == FIELD_INT && !(f->flags & FIELD_LATER) && field_is_null(f, r->row))
        memcpy((char *)r->row + f->offset, &f->min, sizeof(f->min));
    r->given &= ~(1U << i);
    return true;
}

/* References and what is derived later are filled in for the time of the check. */
static void set_placeholders(struct config_row *r, void *row)
{
    static const char digest[KEY_DIGEST_BYTES];
    const struct row_kind *k = row_kind(r->type);
    struct key_row *key = row;
    struct user_row *user = row;

    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        bool is_parent = (f->flags & FIELD_PARENT) && r->parent && f->ref == r->parent->type;
        if (is_parent || (config_is_named(r, f) && config_ref(r, f->ref)->name.ptr))
            *(int64_t *)(void *)((char *)row + f->offset) = PLACEHOLDER_ID;
    }
    if (r->type == ROW_KEY && !key->digest.ptr) {
        key->digest = slice_of(digest, sizeof(digest));
        key->prefix = SLICE("gp-");
    }
    if (r->type == ROW_USER)
        user->password_hash = slice_of(NULL, 0);
}

/* What may have been meant by a channel that is not there: "" or "; did you mean ...". */
static const char *propose_channel(const struct config *c, const struct config_row *r,
                                   const char *message)
{
    const char *names[KEYS_MAX], *near;
    const struct channel *const *all;
    size_t count;

    if (r->type != ROW_PROVIDER || !slice_starts(slice_str(message), SLICE("channel:")))
        return "";
    all = channel_all(&count);
    for (size_t i = 0; i < count && i < KEYS_MAX; i++)
        names[i] = all[i]->name;
    near = suggest(((const struct provider_row *)r->row)->channel, names,
                   count < KEYS_MAX ? count : KEYS_MAX);
    return near ? arena_printf(c->problems->arena, "; did you mean \"%s\"?", near).ptr : "";
}

/* Says all that is wrong with the row by itself, as far as one mistake does not hide another. */
static void check_row(struct config *c, struct config_row *r)
{
    const struct row_kind *k = row_kind(r->type);
    void *plain = arena_alloc(c->problems->arena, k->size, _Alignof(max_align_t));
    void *copy = arena_alloc(c->problems->arena, k->size, _Alignof(max_align_t));
    struct place at = {0, 0}, before;
    struct err_info e;

    row_set_defaults(k, plain);
    do {
        memset(&e, 0, sizeof(e));
        memcpy(copy, r->row, k->size);
        set_placeholders(r, copy);
        if (!row_validate(r->type, copy, &e))
            return;
        before = at;
        at = place_in(r->node, err_info_text(&e));
        if (at.line == before.line && at.column == before.column)
            return; // it is missed because it was put back
        problem_add(c->problems, at, "%s%s", err_info_text(&e),
                    propose_channel(c, r, err_info_text(&e)));
    } while (forget_field(r, plain, err_info_text(&e)));
}

static void check_password(struct config *c, const struct config_row *r)
{
    const struct user_row *user = r->row;
    struct slice password = user->password_hash;
    struct place at = place_in(r->node, "password:");

    if (!password.ptr)
        return;
    if (!password.len)
        problem_add(c->problems, at, "password: must not be empty");
    else if (password_looks_phc(password) && !password_is_phc(password))
        problem_add(c->problems, at,
                    "password: looks like an Argon2 PHC string, but is none that can be used");
}

static void check_secret(struct config *c, const struct config_row *r)
{
    const struct credential_row *credential = r->row;
    const struct provider_row *provider = r->parent->row;
    const struct channel *channel = channel_find(provider->channel);
    struct err_info e = {.code = ERR_NONE};
    struct secret key;

    if (channel && secret_reveal(credential->secret).ptr &&
        credential_secret_read(credential->secret, channel, c->problems->arena, &key, &e))
        problem_add(c->problems, place_in(r->node, err_info_text(&e)), "%s", err_info_text(&e));
}

static void check_key(struct config *c, const struct config_row *r)
{
    const struct key_row *key = r->row;

    if (!key->digest.ptr)
        return;
    if (secret_reveal(r->key_text).ptr)
        problem_add(c->problems, r->node->place, "key and digest cannot both be given");
    else if (!key->prefix.ptr)
        problem_add(c->problems, r->node->place, "digest: needs the prefix beside it");
    else if (!c->fingerprint.len)
        problem_add(c->problems, place_in(r->node, "digest:"),
                    "digest: needs config.secret_key_fingerprint, which says whose it is");
}

static void link_row(struct config *c, struct config_row *r)
{
    if (r->parent)
        r->parent->filled |= 1U << r->type;
    if (c->last[r->type])
        c->last[r->type]->next = r;
    else
        c->rows[r->type] = r;
    c->last[r->type] = r;
}

// NOLINTNEXTLINE(misc-no-recursion): see read_pair()
static void read_row(struct config *c, enum row_type type, const struct yaml_node *n,
                     struct config_row *parent)
{
    const struct row_kind *k = row_kind(type);
    struct config_row *r = arena_new(c->problems->arena, struct config_row);
    bool good = true;

    if (n->kind != YAML_MAP) {
        config_wrong_type(c, k->list, "a list of maps", n);
        return;
    }
    r->type = type;
    r->node = n;
    r->parent = parent;
    r->row = arena_alloc(c->problems->arena, k->size, _Alignof(max_align_t));
    row_set_defaults(k, r->row);
    link_row(c, r);
    for (size_t i = 0; i < n->count; i++)
        good = read_pair(c, &n->pairs[i], r) && good;
    if (good && r->provider.name.ptr && r->alias.name.ptr) {
        problem_add(c->problems, r->alias.place,
                    "alias: a rule is of a provider or of an alias, not of both");
        good = false;
    }
    if (good)
        check_row(c, r);
    if (good && type == ROW_USER)
        check_password(c, r);
    if (good && type == ROW_CREDENTIAL)
        check_secret(c, r);
    if (good && type == ROW_KEY)
        check_key(c, r);
}

// NOLINTNEXTLINE(misc-no-recursion): see read_pair()
void config_read_list(struct config *c, enum row_type type, const struct yaml_pair *pair,
                      struct config_row *parent)
{
    const struct yaml_node *n = pair->value;

    c->declared[type] = true;
    if (!parent)
        c->sections |= 1U << type;
    if (yaml_is_null(n))
        return;
    if (type == ROW_QUOTA && n->kind == YAML_MAP) { // most have one
        read_row(c, type, n, parent);
        return;
    }
    if (n->kind != YAML_LIST) {
        config_wrong_type(c, row_kind(type)->list,
                          type == ROW_QUOTA ? "a map or a list of maps" : "a list", n);
        return;
    }
    for (size_t i = 0; i < n->count; i++)
        read_row(c, type, n->items[i], parent);
}

/* A message begins with the setting's name, dots and all; what follows points into its value. */
static struct place place_of_setting(const struct yaml_pair *pair, const char *message)
{
    struct slice rest = slice_str(message);

    if (slice_starts(rest, pair->key) && rest.ptr[pair->key.len] == '.')
        return place_in(pair->value, rest.ptr + pair->key.len + 1);
    return pair->value->place;
}

void config_read_settings(struct config *c, const struct yaml_node *n)
{
    c->declared[ROW_SETTING] = true;
    c->sections |= 1U << ROW_SETTING;
    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_MAP) {
        config_wrong_type(c, "settings", "a map", n);
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        struct config_row *r = arena_new(c->problems->arena, struct config_row);
        struct setting_row *row = arena_new(c->problems->arena, struct setting_row);
        struct err_info e = {.code = ERR_NONE};
        row->name = n->pairs[i].key;
        row->value = config_read_json(c, n->pairs[i].value);
        *r = (struct config_row){.type = ROW_SETTING, .row = row, .node = n->pairs[i].value};
        link_row(c, r);
        if (row_validate(ROW_SETTING, row, &e))
            problem_add(c->problems, place_of_setting(&n->pairs[i], err_info_text(&e)), "%s",
                        err_info_text(&e));
    }
}
