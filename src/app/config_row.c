/* config_row.c - rows out of the configuration file, by their descriptors. */
#include "app/config_row.h"

#include <stddef.h>
#include <string.h>

#include "app/file.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/money.h"
#include "crypto/key.h"
#include "crypto/password.h"
#include "policy/provider_settings.h"

#define SECRET_FILE_MAX_BYTES (64 << 10)
#define KEYS_MAX              64 // known keys of one kind of row, nested lists included
#define PLACEHOLDER_ID        1  // stands for a reference while a row is checked by itself

/* Sections that later versions have; until then nobody shall believe that they do something. */
static const char *const unsupported[] = {"rate_limits", "quota",       "rules",
                                          "prices",      "price_tiers", "file_permissions"};

static bool is_unsupported(struct slice key)
{
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
        if (slice_eq(key, slice_str(unsupported[i])))
            return true;
    }
    return false;
}

void config_unknown_key(struct config *c, const char *where, const struct yaml_pair *pair,
                        const char *const *keys, size_t count)
{
    const char *near = suggest(pair->key, keys, count);

    if (is_unsupported(pair->key))
        problem_add(c->problems, pair->place, "%.*s: not supported by this version",
                    SLICE_ARG(pair->key));
    else
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
static bool is_taken(enum row_type type, const struct field *f)
{
    if (f->flags & FIELD_PARENT)
        return false;
    return !(f->flags & FIELD_DERIVED) ||
           (type == ROW_KEY && (f->type == FIELD_BYTES || f->type == FIELD_TEXT));
}

static const struct field *find_field(enum row_type type, struct slice key)
{
    const struct row_kind *k = row_kind(type);

    for (size_t i = 0; i < k->field_count; i++) {
        if (is_taken(type, &k->fields[i]) && slice_eq(key, slice_str(k->fields[i].key)))
            return &k->fields[i];
    }
    return NULL;
}

static void unknown_field(struct config *c, enum row_type type, const struct yaml_pair *pair)
{
    const struct row_kind *k = row_kind(type);
    const char *keys[KEYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < k->field_count && count < KEYS_MAX - ROW_TYPE_COUNT - 1; i++) {
        if (is_taken(type, &k->fields[i]))
            keys[count++] = k->fields[i].key;
    }
    for (size_t child = 0; child < ROW_TYPE_COUNT; child++) {
        if (is_nested((enum row_type)child, type))
            keys[count++] = row_kind((enum row_type)child)->list;
    }
    if (type == ROW_KEY)
        keys[count++] = "key";
    config_unknown_key(c, k->table, pair, keys, count);
}

static void wrong_type(struct config *c, const char *key, const char *wanted,
                       const struct yaml_node *n)
{
    if (!n->broken)
        problem_add(c->problems, n->place, "%s: must be %s, not %s", key, wanted, yaml_describe(n));
}

/* "file:PATH" stands for what is in that file, without the line end at its end. */
static bool read_secret_file(struct config *c, const char *key, const struct yaml_node *n,
                             struct slice *out)
{
    struct problems *p = c->problems;
    struct err_info e = {.code = ERR_NONE};
    struct slice path = slice_after(n->text, 5);

    if (!slice_starts(n->text, SLICE("file:"))) {
        *out = n->text;
        return true;
    }
    path = file_beside(p->file, path, p->arena);
    if (file_read(path.ptr, SECRET_FILE_MAX_BYTES, p->arena, out, &e)) {
        problem_add(p, n->place, "%s: %s", key, err_info_text(&e));
        return false;
    }
    while (out->len && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
        out->len--;
    return true;
}

static bool read_text(struct config *c, const char *key, const struct yaml_node *n, bool is_secret,
                      struct slice *out)
{
    if (n->kind != YAML_SCALAR) {
        wrong_type(c, key, "text", n);
        return false;
    }
    if (is_secret)
        return read_secret_file(c, key, n, out);
    *out = n->text;
    return true;
}

/* A secret is an object; each of its texts may come from a file. */
static bool read_secret(struct config *c, const struct field *f, const struct yaml_node *n,
                        struct secret *out)
{
    struct buf json = {.data = NULL};
    bool good = true;

    if (n->kind != YAML_MAP) {
        wrong_type(c, f->key, "a map", n);
        return false;
    }
    for (size_t i = 0; i < n->count; i++) {
        struct yaml_node *child = n->pairs[i].value;
        struct slice text = child->text;
        if (child->kind == YAML_SCALAR && slice_starts(text, SLICE("file:"))) {
            good = read_secret_file(c, f->key, child, &text) && good;
            child->text = text;
            child->quoted = true;
        }
        good = good && !child->broken;
    }
    yaml_write_json(n, true, &json);
    *out = secret_of(arena_dup(c->problems->arena, buf_peek(&json)));
    secret_wipe(json.data, json.cap);
    buf_release(&json);
    return good;
}

static struct slice read_json(struct config *c, const struct yaml_node *n)
{
    struct buf json = {.data = NULL};
    struct slice out;

    yaml_write_json(n, false, &json);
    out = arena_dup(c->problems->arena, buf_peek(&json));
    buf_release(&json);
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Bytes stand in hex. */
static bool read_bytes(struct config *c, const struct field *f, const struct yaml_node *n,
                       struct slice *out)
{
    char *bytes = arena_alloc_raw(c->problems->arena, n->text.len / 2 + 1, 1);
    bool good = n->kind == YAML_SCALAR && n->text.len % 2 == 0;

    for (size_t i = 0; good && i < n->text.len; i += 2) {
        int high = hex_value(n->text.ptr[i]), low = hex_value(n->text.ptr[i + 1]);
        good = high >= 0 && low >= 0;
        if (good)
            bytes[i / 2] = (char)(unsigned char)(high << 4 | low);
    }
    if (!good) {
        wrong_type(c, f->key, "hexadecimal digits", n);
        return false;
    }
    *out = slice_of(bytes, n->text.len / 2);
    return true;
}

static bool read_field(struct config *c, const struct field *f, const struct yaml_node *n,
                       struct config_row *r)
{
    void *at = (char *)r->row + f->offset;

    switch (f->type) {
    case FIELD_INT:
        if (!yaml_to_int(n, at))
            break;
        return true;
    case FIELD_BOOL:
        if (!yaml_to_bool(n, at))
            break;
        return true;
    case FIELD_TIME:
        if (n->kind != YAML_SCALAR || !clock_parse(n->text, at))
            break;
        return true;
    case FIELD_MONEY:
        if (n->kind != YAML_SCALAR || !money_parse_usd(n->text, at))
            break;
        return true;
    case FIELD_TEXT: return read_text(c, f->key, n, f->flags & FIELD_WRITE_ONLY, at);
    case FIELD_BYTES: return read_bytes(c, f, n, at);
    case FIELD_SECRET: return read_secret(c, f, n, at);
    case FIELD_JSON: *(struct slice *)at = read_json(c, n); return true;
    case FIELD_REF:
        r->provider_place = n->place;
        return read_text(c, f->key, n, false, &r->provider);
    }
    switch (f->type) {
    case FIELD_INT: wrong_type(c, f->key, "a whole number", n); break;
    case FIELD_BOOL: wrong_type(c, f->key, "true or false", n); break;
    case FIELD_TIME: wrong_type(c, f->key, "a time like \"2027-01-01T00:00:00Z\"", n); break;
    case FIELD_MONEY: wrong_type(c, f->key, "an amount like \"25.00\"", n); break;
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_SECRET:
    case FIELD_JSON:
    case FIELD_REF: break;
    }
    return false;
}

/* The text of a key: never repeated in a message. */
static bool read_key_text(struct config *c, const struct yaml_node *n, struct config_row *r)
{
    struct slice text;

    if (!read_text(c, "key", n, true, &text) || n->broken)
        return false;
    if (!key_is_valid(text)) {
        problem_add(c->problems, n->place,
                    "key: must be 8 to 512 printable ASCII characters without spaces");
        return false;
    }
    r->key_text = secret_of(text);
    return true;
}

static bool read_pair(struct config *c, const struct yaml_pair *pair, struct config_row *r)
{
    enum row_type list = nested_list(r->type, pair->key);
    const struct field *f = find_field(r->type, pair->key);

    if (list != ROW_TYPE_COUNT) {
        r->lists |= 1U << list;
        config_read_list(c, list, pair, r);
        return true;
    }
    if (r->type == ROW_KEY && slice_eq(pair->key, SLICE("key")))
        return yaml_is_null(pair->value) || read_key_text(c, pair->value, r);
    if (!f) {
        unknown_field(c, r->type, pair);
        return true; // the others may still be looked at
    }
    if (yaml_is_null(pair->value))
        return true;
    r->given |= 1U << (f - row_kind(r->type)->fields);
    return read_field(c, f, pair->value, r) && !pair->value->broken;
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

/* Puts back what an absent field has, so that the next mistake of the row can be found. */
static bool forget_field(struct config_row *r, const void *plain, const char *message)
{
    struct slice path = slice_cut(slice_str(message), ':', &(struct slice){NULL, 0});
    struct slice key = slice_cut(path, '.', &(struct slice){NULL, 0});
    const struct field *f = find_field(r->type, slice_cut(key, '[', &(struct slice){NULL, 0}));
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
        if (is_parent || (f->type == FIELD_REF && !(f->flags & FIELD_PARENT) && r->provider.ptr))
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
    struct err_info e;

    row_set_defaults(k, plain);
    do {
        memset(&e, 0, sizeof(e));
        memcpy(copy, r->row, k->size);
        set_placeholders(r, copy);
        if (!row_validate(r->type, copy, &e))
            return;
        problem_add(c->problems, place_in(r->node, err_info_text(&e)), "%s%s", err_info_text(&e),
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
    if (c->last[r->type])
        c->last[r->type]->next = r;
    else
        c->rows[r->type] = r;
    c->last[r->type] = r;
}

static void read_row(struct config *c, enum row_type type, const struct yaml_node *n,
                     struct config_row *parent)
{
    const struct row_kind *k = row_kind(type);
    struct config_row *r = arena_new(c->problems->arena, struct config_row);
    bool good = true;

    if (n->kind != YAML_MAP) {
        wrong_type(c, k->list, "a list of maps", n);
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
    if (good)
        check_row(c, r);
    if (good && type == ROW_USER)
        check_password(c, r);
    if (good && type == ROW_CREDENTIAL)
        check_secret(c, r);
    if (good && type == ROW_KEY)
        check_key(c, r);
}

void config_read_list(struct config *c, enum row_type type, const struct yaml_pair *pair,
                      struct config_row *parent)
{
    const struct yaml_node *n = pair->value;

    c->declared[type] = true;
    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_LIST) {
        wrong_type(c, row_kind(type)->list, "a list", n);
        return;
    }
    for (size_t i = 0; i < n->count; i++)
        read_row(c, type, n->items[i], parent);
}

void config_read_settings(struct config *c, const struct yaml_node *n)
{
    c->declared[ROW_SETTING] = true;
    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_MAP) {
        wrong_type(c, "settings", "a map", n);
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        struct config_row *r = arena_new(c->problems->arena, struct config_row);
        struct setting_row *row = arena_new(c->problems->arena, struct setting_row);
        struct err_info e = {.code = ERR_NONE};
        row->name = n->pairs[i].key;
        row->value = read_json(c, n->pairs[i].value);
        *r = (struct config_row){.type = ROW_SETTING, .row = row, .node = n->pairs[i].value};
        link_row(c, r);
        if (row_validate(ROW_SETTING, row, &e))
            problem_add(c->problems, place_in(n, err_info_text(&e)), "%s", err_info_text(&e));
    }
}
