/* config_field.c - the values of single fields, out of the configuration file. */
#include <string.h>

#include "app/config_row.h"
#include "app/file.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/money.h"

#define SECRET_FILE_MAX_BYTES (64 << 10)

void config_wrong_type(struct config *c, const char *key, const char *wanted,
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

bool config_read_text(struct config *c, const char *key, const struct yaml_node *n, bool is_secret,
                      struct slice *out)
{
    if (n->kind != YAML_SCALAR) {
        config_wrong_type(c, key, "text", n);
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
        config_wrong_type(c, f->key, "a map", n);
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

struct slice config_read_json(struct config *c, const struct yaml_node *n)
{
    struct buf json = {.data = NULL};
    struct slice out;

    yaml_write_json(n, false, &json);
    out = arena_dup(c->problems->arena, buf_peek(&json));
    buf_release(&json);
    return out;
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
        config_wrong_type(c, f->key, "hexadecimal digits", n);
        return false;
    }
    *out = slice_of(bytes, n->text.len / 2);
    return true;
}

/* "provider/openai" -> a reference to that provider. */
static bool read_scope_name(struct slice text, struct config_row *r, struct place at)
{
    struct slice name = {NULL, 0}, kind = slice_cut(text, '/', &name);

    if (slice_eq(text, SLICE("global")))
        return true;
    if (!name.len)
        return false;
    if (slice_eq(kind, SLICE("provider")))
        r->provider = (struct config_ref){name, at};
    else if (slice_eq(kind, SLICE("alias")))
        r->alias = (struct config_ref){name, at};
    else
        return false;
    return true;
}

bool config_read_scope(struct config *c, const struct yaml_pair *pair, struct config_row *r)
{
    const struct yaml_node *n = pair->value;
    struct slice text;

    if (r->parent) {
        problem_add(c->problems, pair->place,
                    "%.*s: this rule stands in an alias, which is its scope", SLICE_ARG(pair->key));
        return false;
    }
    if (yaml_is_null(n))
        return true;
    if (!config_read_text(c, "scope", n, false, &text) || n->broken)
        return false;
    if (yaml_get(r->node, "provider") || yaml_get(r->node, "alias")) {
        problem_add(c->problems, pair->place,
                    "scope: stands in place of provider and alias, not beside them");
        return false;
    }
    if (!read_scope_name(text, r, n->place)) {
        problem_add(c->problems, n->place, "scope: must be global, provider/NAME or alias/NAME");
        return false;
    }
    return true;
}

/* What is a number, and yet none that the field could hold. */
static void wrong_number(struct config *c, const struct field *f, const struct yaml_node *n)
{
    char most[MONEY_TEXT_BYTES];

    if (f->type == FIELD_MONEY)
        problem_add(c->problems, n->place, "%s: must be from 0 to %.*s, with at most nine decimals",
                    f->key, SLICE_ARG(money_format_usd(f->max, most)));
    else
        problem_add(c->problems, n->place, "%s: must be a whole number from %lld to %lld", f->key,
                    (long long)f->min, (long long)f->max);
}

static struct config_ref *ref_of(struct config_row *r, const struct field *f)
{
    return f->ref == ROW_ALIAS ? &r->alias : &r->provider;
}

bool config_read_field(struct config *c, const struct field *f, const struct yaml_node *n,
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
    case FIELD_TEXT: return config_read_text(c, f->key, n, f->flags & FIELD_WRITE_ONLY, at);
    case FIELD_BYTES: return read_bytes(c, f, n, at);
    case FIELD_SECRET: return read_secret(c, f, n, at);
    case FIELD_JSON: *(struct slice *)at = config_read_json(c, n); return true;
    case FIELD_REF:
        ref_of(r, f)->place = n->place;
        return config_read_text(c, f->key, n, false, &ref_of(r, f)->name);
    }
    if (yaml_is_number(n) && !n->broken &&
        (f->type == FIELD_MONEY || (f->type == FIELD_INT && !n->quoted))) {
        wrong_number(c, f, n);
        return false;
    }
    switch (f->type) {
    case FIELD_INT: config_wrong_type(c, f->key, "a whole number", n); break;
    case FIELD_BOOL: config_wrong_type(c, f->key, "true or false", n); break;
    case FIELD_TIME: config_wrong_type(c, f->key, "a time like \"2027-01-01T00:00:00Z\"", n); break;
    case FIELD_MONEY: config_wrong_type(c, f->key, "an amount like \"25.00\"", n); break;
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_SECRET:
    case FIELD_JSON:
    case FIELD_REF: break;
    }
    return false;
}
