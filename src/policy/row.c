/* row.c - the descriptors of rows, and what follows from a descriptor alone. */
#include "policy/row.h"

#include <assert.h>

#include "base/array.h"
#include "crypto/keep.h"
#include "policy/field.h"

/* Sections of row.def become arrays: provider_fields, credential_fields, ... */
#define ROW_BEGIN(kind) static const struct field kind##_fields[] = {
#define ROW_END \
    }           \
    ;
#define ROW_NONE ROW_TYPE_COUNT
#define FIELD(kind, member, column, key, type, flags, ref, least, most, initial, help) \
    {column,    key,   FIELD_##type, flags,   offsetof(struct kind##_row, member),     \
     ROW_##ref, least, most,         initial, help},
#define SAME(kind, member, type, flags, least, most, initial, help) \
    FIELD(kind, member, #member, #member, type, flags, NONE, least, most, initial, help)
#define TEXT(kind, member, flags, initial, help) \
    SAME(kind, member, TEXT, flags, 0, 0, initial, help)
#define JSON(kind, member, flags, initial, help) \
    SAME(kind, member, JSON, flags, 0, 0, initial, help)
#define BOOL(kind, member, initial, help) SAME(kind, member, BOOL, 0, 0, 0, initial, help)
#define INT(kind, member, least, most, initial, help) \
    SAME(kind, member, INT, 0, least, most, initial, help)
#define REF(kind, member, key, flags, target, help) \
    FIELD(kind, member, #member, key, REF, flags, target, 0, 0, NULL, help)
#include "policy/row.def"

#define KIND(kind, list)                                                                \
    {                                                                                   \
#kind, list, sizeof(struct kind##_row), kind##_fields, ARRAY_LEN(kind##_fields) \
    }

static const struct row_kind kinds[ROW_TYPE_COUNT] = {
    [ROW_PROVIDER] = KIND(provider, "providers"),
    [ROW_CREDENTIAL] = KIND(credential, "credentials"),
    [ROW_MODEL] = KIND(model, "models"),
    [ROW_PRICE] = KIND(price, "prices"),
    [ROW_ALIAS] = KIND(alias, "aliases"),
    [ROW_ALIAS_TARGET] = KIND(alias_target, "targets"),
    [ROW_USER] = KIND(user, "users"),
    [ROW_KEY] = KIND(key, "keys"),
    [ROW_PERMISSION] = KIND(permission, "permissions"),
    [ROW_RATE_LIMIT] = KIND(rate_limit, "rate_limits"),
    [ROW_QUOTA] = KIND(quota, "quota"),
    [ROW_FILE_PERMISSION] = KIND(file_permission, "file_permissions"),
    [ROW_RULE] = KIND(rule, "rules"),
    [ROW_SETTING] = KIND(setting, "settings"),
};

const struct row_kind *row_kind(enum row_type type)
{
    assert(type < ROW_TYPE_COUNT);
    return &kinds[type];
}

const struct field *row_field(const struct row_kind *k, struct slice key)
{
    for (size_t i = 0; i < k->field_count; i++) {
        if (slice_eq(key, slice_str(k->fields[i].key)))
            return &k->fields[i];
    }
    for (size_t i = 0; i < k->field_count; i++) {
        if (slice_eq(key, slice_str(k->fields[i].name)))
            return &k->fields[i];
    }
    return NULL;
}

bool field_is_nullable(const struct field *f)
{
    return !(f->flags & FIELD_REQUIRED) && !f->initial;
}

static const void *place(const struct field *f, const void *row)
{
    return (const char *)row + f->offset;
}

bool field_is_null(const struct field *f, const void *row)
{
    const void *at = place(f, row);

    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: return *(const int64_t *)at == ROW_NULL_INT;
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES: return !((const struct slice *)at)->ptr;
    case FIELD_SECRET: return !secret_reveal(*(const struct secret *)at).ptr;
    case FIELD_BOOL: return false;
    }
    return false;
}

void row_set_defaults(const struct row_kind *k, void *row)
{
    memset(row, 0, k->size);
    fields_set_defaults(k->fields, k->field_count, row);
}

void *row_copy(struct arena *a, const struct row_kind *k, const void *row)
{
    char *copy = arena_alloc_raw(a, k->size, _Alignof(max_align_t));

    memcpy(copy, row, k->size);
    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        void *at = copy + f->offset;
        switch (f->type) {
        case FIELD_TEXT:
        case FIELD_JSON:
        case FIELD_BYTES:
            if (!field_is_null(f, copy))
                *(struct slice *)at = arena_dup(a, *(struct slice *)at);
            break;
        case FIELD_SECRET: *(struct secret *)at = secret_dup(a, *(struct secret *)at); break;
        case FIELD_INT:
        case FIELD_BOOL:
        case FIELD_MONEY:
        case FIELD_TIME:
        case FIELD_REF: break;
        }
    }
    return copy;
}

struct row_head *row_set_at(const struct row_set *set, enum row_type type, size_t i)
{
    return (void *)((char *)set->rows[type] + i * row_kind(type)->size);
}

void *row_set_find(const struct row_set *set, enum row_type type, int64_t id)
{
    size_t low = 0, high = set->counts[type];

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (row_set_at(set, type, middle)->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == set->counts[type] || row_set_at(set, type, low)->id != id)
        return NULL;
    return row_set_at(set, type, low);
}
