/* catalogue.c - what vendors charge for their models, where nobody has said otherwise. */
#include "policy/catalogue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "base/table.h"
#include "policy/catalogue_inside.h"

#define MOST_TOKENS    1000000000000
#define NAME_BYTES     64  // of a vendor
#define MODEL_ID_BYTES 256 // of a model

struct vendor {
    struct slice name;
    const struct json *all; // what holds for all its models; while the file is read
    struct table entries;   // id -> struct catalogue_entry
};

struct catalogue {
    atomic_uint refs;
    struct arena arena;
    struct table vendors; // name -> struct vendor
};

/* What is read, and where it goes; `scratch` has the file's tree. */
struct reader {
    struct catalogue *c;
    struct arena *scratch;
    struct err_info *e;
};

static struct catalogue *catalogue_new(void)
{
    struct catalogue *c = calloc(1, sizeof(*c));

    if (!c)
        panic("out of memory: catalogue");
    atomic_init(&c->refs, 1);
    arena_init(&c->arena, 0);
    table_init(&c->vendors, 0); // names are the operator's: nobody else chooses them
    return c;
}

struct catalogue *catalogue_ref(struct catalogue *c)
{
    unsigned before = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
    return c;
}

void catalogue_unref(struct catalogue *c)
{
    const struct table_entry *entry;

    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t at = 0; (entry = table_next(&c->vendors, &at));)
        table_release(&((struct vendor *)entry->value)->entries);
    table_release(&c->vendors);
    arena_release(&c->arena);
    free(c);
}

/* ---- reading ---- */

static struct vendor *vendor_at(struct reader *r, struct slice name)
{
    struct vendor *v = table_get(&r->c->vendors, name);

    if (v)
        return v;
    v = arena_new(&r->c->arena, struct vendor);
    v->name = arena_dup(&r->c->arena, name);
    table_init(&v->entries, 0);
    table_put(&r->c->vendors, v->name, v);
    return v;
}

/* A text of the entry that it must have. */
static enum err read_name(struct reader *r, const struct json *entry, const char *key, size_t most,
                          struct slice *out)
{
    *out = json_str(r->scratch, json_member(entry, slice_str(key)));
    if (!out->len || out->len > most)
        return err_set(r->e, ERR_BAD_REQUEST, "%s: must be a string of 1 to %zu bytes", key, most);
    return ERR_NONE;
}

static enum err read_context(struct reader *r, const struct json *entry, int64_t *out)
{
    const struct json *value = json_member(entry, SLICE("context"));

    *out = 0;
    if (value && (!json_to_int(value, out) || *out < 1 || *out > MOST_TOKENS))
        return err_set(r->e, ERR_BAD_REQUEST, "context: must be a whole number of tokens");
    return ERR_NONE;
}

static enum err read_price(struct reader *r, const struct json *entry, const struct json *all,
                           const struct price **out)
{
    struct slice text;

    *out = NULL;
    if (catalogue_price_text(entry, all, r->scratch, &text, r->e) || !text.ptr)
        return r->e->code;
    return price_parse(text, &r->c->arena, out, r->e);
}

static enum err read_entry(struct reader *r, const struct json *entry)
{
    struct catalogue_entry *made = arena_new(&r->c->arena, struct catalogue_entry);
    struct slice provider, id;
    struct vendor *v;

    if (!json_is(entry, JSON_OBJECT))
        return err_set(r->e, ERR_BAD_REQUEST, "must be an object");
    if (read_name(r, entry, "provider", NAME_BYTES, &provider) ||
        read_name(r, entry, "id", MODEL_ID_BYTES, &id))
        return r->e->code;
    v = vendor_at(r, provider);
    if (table_get(&v->entries, id))
        return err_set(r->e, ERR_BAD_REQUEST, "id: the provider has it twice");
    made->vendor = v->name;
    made->id = arena_dup(&r->c->arena, id);
    if (read_context(r, entry, &made->context_window) || read_price(r, entry, v->all, &made->price))
        return r->e->code;
    table_put(&v->entries, made->id, made);
    return ERR_NONE;
}

static enum err read_models(struct reader *r, const struct json *models)
{
    size_t i = 0;

    if (!json_is(models, JSON_ARRAY))
        return err_set(r->e, ERR_BAD_REQUEST, "models: must be a list");
    json_for_each(entry, models) {
        struct err_info why = {0};
        struct reader inner = {r->c, r->scratch, &why};
        if (read_entry(&inner, entry))
            return err_set(r->e, ERR_BAD_REQUEST, "models[%zu]: %s", i, err_info_text(&why));
        i++;
    }
    return ERR_NONE;
}

/* So far there is one thing to say about a vendor as a whole. */
static enum err read_vendors(struct reader *r, const struct json *vendors)
{
    if (vendors && !json_is(vendors, JSON_OBJECT))
        return err_set(r->e, ERR_BAD_REQUEST, "vendors: must be an object");
    json_for_each(member, vendors) {
        if (!json_is(member, JSON_OBJECT))
            return err_set(r->e, ERR_BAD_REQUEST, "vendors.%.*s: must be an object",
                           SLICE_ARG(slice_sub(member->key, 0, NAME_BYTES)));
        json_for_each(key, member) {
            if (!slice_eq(key->key, SLICE("modes")))
                return err_set(r->e, ERR_BAD_REQUEST, "vendors.%.*s.%.*s: there is no such key",
                               SLICE_ARG(slice_sub(member->key, 0, NAME_BYTES)),
                               SLICE_ARG(slice_sub(key->key, 0, NAME_BYTES)));
        }
        vendor_at(r, member->key)->all = member;
    }
    return ERR_NONE;
}

static enum err read_file(struct reader *r, struct slice json)
{
    static const char *const known[] = {"schema", "unit", "sources", "keys", "vendors", "models"};
    struct json *file;
    int64_t schema = 0;

    if (json_parse(r->scratch, json, &file, r->e))
        return r->e->code;
    if (!json_is(file, JSON_OBJECT))
        return err_set(r->e, ERR_BAD_REQUEST, "must be an object");
    if (!json_to_int(json_member(file, SLICE("schema")), &schema) || schema != 1)
        return err_set(r->e, ERR_BAD_REQUEST, "schema: must be 1");
    json_for_each(member, file) {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !slice_eq(member->key, slice_str(known[i])))
            i++;
        if (i == ARRAY_LEN(known))
            return err_set(r->e, ERR_BAD_REQUEST, "%.*s: there is no such key",
                           SLICE_ARG(slice_sub(member->key, 0, NAME_BYTES)));
    }
    return read_vendors(r, json_member(file, SLICE("vendors")))
               ? r->e->code
               : read_models(r, json_member(file, SLICE("models")));
}

enum err catalogue_parse(struct slice json, struct catalogue **out, struct err_info *e)
{
    struct arena scratch;
    struct reader r = {catalogue_new(), &scratch, e};
    enum err err;

    arena_init(&scratch, 0);
    err = read_file(&r, json);
    arena_release(&scratch);
    if (err) {
        catalogue_unref(r.c);
        r.c = NULL;
    }
    *out = r.c;
    return err;
}

struct catalogue *catalogue_builtin(void)
{
    struct err_info e = {0};
    struct catalogue *c;

    if (catalogue_parse(slice_str(catalogue_data), &c, &e))
        panic("the catalogue of prices is broken: %s", err_info_text(&e));
    return c;
}

/* ---- looking up ---- */

static size_t leading_digits(struct slice s)
{
    size_t n = 0;

    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    return n;
}

/* Digits in groups of these widths with hyphens between them, and nothing else. */
static bool is_digits(struct slice s, const char *widths)
{
    for (; *widths; widths++) {
        size_t width = (size_t)(*widths - '0');
        if (leading_digits(s) != width)
            return false;
        s = slice_after(s, width);
        if (widths[1] && (s.len == 0 || s.ptr[0] != '-'))
            return false;
        s = slice_after(s, widths[1] != '\0');
    }
    return s.len == 0;
}

/* "models/x", "publishers/google/models/x", "openai/x" of openai: x. */
static struct slice without_prefix(struct slice vendor, struct slice id)
{
    static const struct slice publishers = SLICE_INIT("publishers/"),
                              models = SLICE_INIT("models/");

    if (slice_starts(id, publishers)) {
        struct slice rest, publisher = slice_cut(slice_after(id, publishers.len), '/', &rest);
        if (publisher.len && slice_starts(rest, models))
            return slice_after(rest, models.len);
        return id;
    }
    if (slice_starts(id, models))
        return slice_after(id, models.len);
    if (slice_starts(id, vendor) && id.len > vendor.len && id.ptr[vendor.len] == '/')
        return slice_after(id, vendor.len + 1);
    return id;
}

/* "x-20250514", "x-2024-08-06", "x@20250514": x, and it was dated; "x-latest", "x-001": x. */
static struct slice without_date(struct slice id, bool *dated)
{
    size_t at = slice_find_last(id, '@');

    *dated = true;
    if (at != SIZE_MAX && is_digits(slice_after(id, at + 1), "8"))
        return slice_sub(id, 0, at);
    if (id.len > 9 && id.ptr[id.len - 9] == '-' && is_digits(slice_after(id, id.len - 8), "8"))
        return slice_sub(id, 0, id.len - 9);
    if (id.len > 11 && id.ptr[id.len - 11] == '-' && is_digits(slice_after(id, id.len - 10), "422"))
        return slice_sub(id, 0, id.len - 11);
    *dated = false;
    if (slice_ends(id, SLICE("-latest")))
        return slice_sub(id, 0, id.len - (sizeof("-latest") - 1));
    if (id.len > 4 && id.ptr[id.len - 4] == '-' && id.ptr[id.len - 3] == '0' &&
        is_digits(slice_after(id, id.len - 3), "3"))
        return slice_sub(id, 0, id.len - 4);
    return id;
}

static const struct catalogue_entry *find_with(const struct vendor *v, struct slice id,
                                               const char *suffix)
{
    char text[MODEL_ID_BYTES + 16];
    int len = snprintf(text, sizeof(text), "%.*s%s", SLICE_ARG(id), suffix);

    if (len < 0 || (size_t)len >= sizeof(text))
        return NULL;
    return table_get(&v->entries, slice_of(text, (size_t)len));
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c, struct slice vendor,
                                             struct slice model)
{
    const struct vendor *v = table_get(&c->vendors, vendor);
    const struct catalogue_entry *found = v ? table_get(&v->entries, model) : NULL;
    struct slice id = without_prefix(vendor, model), stem;
    bool dated;

    if (!v || found || model.len > MODEL_ID_BYTES)
        return found;
    if (id.ptr != model.ptr)
        found = table_get(&v->entries, id);
    stem = without_date(id, &dated);
    if (!found && stem.len < id.len)
        found = table_get(&v->entries, stem);
    if (!found && dated)
        found = find_with(v, stem, "-latest");
    if (!found && dated)
        found = find_with(v, stem, "-0"); // "claude-opus-4-0" is Claude Opus 4 of whatever day
    return found;
}

bool catalogue_has_vendor(const struct catalogue *c, struct slice vendor)
{
    return table_get(&c->vendors, vendor) != NULL;
}

void catalogue_each(const struct catalogue *c, struct slice vendor, catalogue_each_fn *each,
                    void *ctx)
{
    const struct vendor *v = table_get(&c->vendors, vendor);
    const struct table_entry *entry;

    for (size_t at = 0; v && (entry = table_next(&v->entries, &at));)
        each(ctx, entry->value);
}

struct slice catalogue_vendor_of(const char *channel)
{
    static const struct {
        const char *channel, *vendor;
    } odd[] = {
        {"aistudio", "google"},
        {"custom",   ""      },
        {"echo",     ""      },
    };

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        if (strcmp(channel, odd[i].channel) == 0)
            return slice_str(odd[i].vendor);
    }
    return slice_str(channel); // the others are called as their vendors are
}
