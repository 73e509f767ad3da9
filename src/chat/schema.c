/* schema.c - JSON schemas as each vendor takes them: one walk, a table of words. */
#include "chat/schema.h"

#include "base/array.h"
#include "base/table.h"
#include "chat/schema_refs.h"
#include "chat/text.h"
#include "json/raw.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

#define MAX_DEPTH 60 // of schemas; two levels of JSON each, and others read no more than 128

struct conversion {
    struct arena *scratch;
    enum schema_target target;
    struct schema_refs refs;
    struct json_writer w;
    unsigned depth;
    size_t limit; // bytes that may be written, where references are put in their place
    bool changed;
    bool unfit;  // Anthropic: cannot be said so
    bool failed; // has grown too large or too deep: another way is needed
};

static void convert(struct conversion *c, const struct json *v, bool or_null);

/* "minLength: 3, pattern: \"^a\"" */
static void gather_told(struct conversion *c, struct schema_node *n)
{
    struct buf told = {0};

    for (size_t i = 0; i < n->count; i++) {
        enum schema_word word = (enum schema_word)n->words[i];

        if (n->acts[word] != TELL)
            continue;
        buf_printf(&told, "%s%s: ", buf_len(&told) ? ", " : "", schema_words[word]);
        buf_append(&told, n->at[word]->source);
    }
    n->told = buf_len(&told) ? arena_dup(c->scratch, buf_peek(&told)) : (struct slice){0};
    buf_release(&told);
}

static void write_name(struct conversion *c, const char *name)
{
    json_key(&c->w, slice_str(name));
}

/* "T" or ["T","null"] */
static void write_type(struct conversion *c, const struct schema_node *n)
{
    const struct json *type = n->at[WORD_TYPE];
    bool null = n->or_null || json_is(n->at[WORD_NULLABLE], JSON_TRUE);

    write_name(c, "type");
    if (!null || !json_is(type, JSON_STRING) || schema_type_is(type, "null")) {
        json_value_raw(&c->w, type->source);
        return;
    }
    json_open_array(&c->w);
    json_value_raw(&c->w, type->source);
    json_value_string(&c->w, SLICE("null"));
    json_close_array(&c->w);
    c->changed = true;
}

static void write_description(struct conversion *c, const struct schema_node *n)
{
    struct chat_text said = text_of(n->at[WORD_DESCRIPTION]);

    write_name(c, "description");
    if (!n->told.len && !text_is_absent(said)) {
        json_value_text(&c->w, said);
        return;
    }
    c->changed = true;
    json_value_text(
        &c->w, text_join(c->scratch, text_is_absent(said) ? text_plain(SLICE("")) : said,
                         said.s.len && n->told.len ? SLICE("\n") : SLICE(""), text_plain(n->told)));
}

static void write_many(struct conversion *c, const struct json *v)
{
    json_open_array(&c->w);
    json_for_each(at, v) {
        if (json_is(at, JSON_FALSE))
            c->changed = true; // nothing is ever that
        else
            convert(c, at, false);
    }
    json_close_array(&c->w);
}

/* The names of an object's members, to be looked up: a table where there are many. */
struct names {
    struct table table;
    const struct json *few;
};

#define FEW 8

static void names_init(struct names *names, const struct json *object)
{
    *names = (struct names){.few = json_is(object, JSON_OBJECT) ? object : NULL};
    table_init(&names->table, schema_seed(object));
    if (!names->few || object->count <= FEW)
        return;
    names->few = NULL;
    for (struct json *at = object->first; at; at = at->next)
        table_put(&names->table, at->key, at);
}

/* A property that is never allowed is none. */
static bool names_have(const struct names *names, struct slice name)
{
    const struct json *v =
        names->few ? json_member(names->few, name) : table_get(&names->table, name);

    return v && v->type != JSON_FALSE;
}

/* Those that are properties; for OpenAI all properties. */
static void write_required(struct conversion *c, const struct schema_node *n)
{
    const struct json *properties = n->at[WORD_PROPERTIES];
    struct table seen;
    struct names names;

    names_init(&names, properties);
    table_init(&seen, schema_seed(n));
    write_name(c, "required");
    json_open_array(&c->w);
    c->changed = c->changed || !json_is(n->at[WORD_REQUIRED], JSON_ARRAY);
    json_for_each(at, n->at[WORD_REQUIRED]) {
        struct slice name = json_str(c->scratch, at);
        bool good = name.ptr && names_have(&names, name) && !table_put(&seen, name, at);

        if (good)
            json_value_raw(&c->w, at->source);
        else
            c->changed = true;
    }
    for (struct json *at = c->target == FOR_OPENAI ? json_first(properties) : NULL; at;
         at = at->next) {
        if (at->type != JSON_FALSE && !table_put(&seen, at->key, at)) {
            json_value_string(&c->w, at->key);
            c->changed = true;
        }
    }
    json_close_array(&c->w);
    table_release(&seen);
    table_release(&names.table);
}

static bool allows_null(const struct json *v)
{
    const struct json *any = json_member(v, SLICE("anyOf"));

    if (schema_type_is(json_member(v, SLICE("type")), "null"))
        return true;
    json_for_each(at, any) {
        if (schema_type_is(json_member(at, SLICE("type")), "null"))
            return true;
    }
    return false;
}

/* OpenAI: a property that was optional must be there, so it may be null. */
static void write_optional(struct conversion *c, const struct json *v)
{
    const struct json *type = json_member(v, SLICE("type"));

    if (allows_null(v)) {
        convert(c, v, false);
    } else if (json_is(type, JSON_STRING) && !json_member(v, SLICE("enum")) &&
               !json_member(v, SLICE("const")) && !json_member(v, SLICE("$ref")) &&
               !json_member(v, SLICE("allOf"))) {
        convert(c, v, true);
    } else {
        c->changed = true;
        json_open_object(&c->w);
        write_name(c, "anyOf");
        json_open_array(&c->w);
        convert(c, v, false);
        json_value_raw(&c->w, SLICE("{\"type\":\"null\"}"));
        json_close_array(&c->w);
        json_close_object(&c->w);
    }
}

static void write_named(struct conversion *c, const struct json *v)
{
    json_for_each(at, v) {
        if (json_is(at, JSON_FALSE)) {
            c->changed = true;
            continue;
        }
        json_key(&c->w, at->key);
        convert(c, at, false);
    }
}

static void write_properties(struct conversion *c, const struct schema_node *n)
{
    struct table required;

    write_name(c, "properties");
    json_open_object(&c->w);
    if (c->target != FOR_OPENAI) {
        write_named(c, n->at[WORD_PROPERTIES]);
        json_close_object(&c->w);
        return;
    }
    table_init(&required, schema_seed(n));
    for (struct json *at = json_first(n->at[WORD_REQUIRED]); at; at = at->next) {
        struct slice name = json_str(c->scratch, at);
        if (name.ptr)
            table_put(&required, name, at);
    }
    json_for_each(at, n->at[WORD_PROPERTIES]) {
        if (json_is(at, JSON_FALSE)) {
            c->changed = true;
            continue;
        }
        json_key(&c->w, at->key);
        if (table_get(&required, at->key))
            convert(c, at, false);
        else
            write_optional(c, at);
    }
    json_close_object(&c->w);
    table_release(&required);
}

/* Names that the schema does not know are what such an object is for. */
static bool has_free_names(const struct schema_node *n)
{
    const struct json *more = n->at[WORD_ADDITIONAL_PROPERTIES];

    return (json_is(more, JSON_OBJECT) || json_is(more, JSON_TRUE)) &&
           !json_first(n->at[WORD_PROPERTIES]);
}

static void write_closed(struct conversion *c, const struct schema_node *n)
{
    c->unfit = c->unfit || (c->target == FOR_ANTHROPIC && has_free_names(n));
    c->changed = c->changed || !json_is(n->at[WORD_ADDITIONAL_PROPERTIES], JSON_FALSE);
    write_name(c, "additionalProperties");
    json_value_bool(&c->w, false);
}

/* Gemini knows no open bounds; between integers there is a closed one beside them. */
static void write_bound(struct conversion *c, const struct schema_node *n, const struct json *v,
                        int step)
{
    int64_t number;

    c->changed = true;
    if (schema_type_is(n->at[WORD_TYPE], "integer") && json_to_int(v, &number) &&
        number < INT64_MAX && number > INT64_MIN)
        json_value_int(&c->w, number + step);
    else
        json_value_raw(&c->w, v->source);
}

static void write_minimum(struct conversion *c, const struct schema_node *n)
{
    write_name(c, "minimum");
    write_bound(c, n, n->at[WORD_EXCLUSIVE_MINIMUM], 1);
}

static void write_maximum(struct conversion *c, const struct schema_node *n)
{
    write_name(c, "maximum");
    write_bound(c, n, n->at[WORD_EXCLUSIVE_MAXIMUM], -1);
}

static void write_enum(struct conversion *c, const struct schema_node *n)
{
    write_name(c, "enum");
    c->changed = true;
    json_open_array(&c->w);
    if (!n->at[WORD_ENUM])
        json_value_raw(&c->w, n->at[WORD_CONST]->source);
    json_for_each(at, n->at[WORD_ENUM]) {
        if (schema_enum_takes(at))
            json_value_raw(&c->w, at->source);
    }
    json_close_array(&c->w);
}

/* Where both stand, the older ones go into $defs. */
static void write_defs(struct conversion *c, const struct schema_node *n)
{
    if (c->refs.mode == SCHEMA_REFS_INLINE) {
        c->changed = true; // what referred to it has it now
        return;
    }
    write_name(c, "$defs");
    json_open_object(&c->w);
    write_named(c, n->at[WORD_DEFS]);
    write_named(c, n->at[WORD_DEFINITIONS]);
    json_close_object(&c->w);
}

static void write_definitions(struct conversion *c, const struct schema_node *n)
{
    if (n->at[WORD_DEFS] || c->refs.mode == SCHEMA_REFS_INLINE) {
        c->changed = true;
        return;
    }
    if (c->target == FOR_OPENAI) // takes the older name too
        write_name(c, "definitions");
    else
        write_name(c, "$defs");
    c->changed = c->changed || c->target != FOR_OPENAI;
    json_open_object(&c->w);
    write_named(c, n->at[WORD_DEFINITIONS]);
    json_close_object(&c->w);
}

static void write_ref(struct conversion *c, const struct schema_node *n)
{
    struct slice ref = json_str(c->scratch, n->at[WORD_REF]), older = SLICE("#/definitions/");
    bool rename = slice_starts(ref, older) &&
                  (c->target != FOR_OPENAI || json_member(c->refs.top, SLICE("$defs")));

    write_name(c, "$ref");
    if (rename)
        json_value_string(&c->w, arena_printf(c->scratch, "#/$defs/%.*s",
                                              SLICE_ARG(slice_after(ref, older.len))));
    else
        json_value_raw(&c->w, n->at[WORD_REF]->source);
    c->changed = c->changed || rename;
}

/* An additionalProperties of strict; where it is missing, write_missing() says it. */
static void write_additional(struct conversion *c, const struct schema_node *n)
{
    if (n->object)
        write_closed(c, n);
    else
        c->changed = true;
}

/* "items": true */
static void write_any_items(struct conversion *c, const struct schema_node *n)
{
    (void)n;
    write_name(c, "items");
    json_value_raw(&c->w, SLICE("{}"));
    c->changed = true;
}

typedef void write_fn(struct conversion *c, const struct schema_node *n);

static write_fn *const makers[SCHEMA_WORD_COUNT] = {
    [WORD_TYPE] = write_type,
    [WORD_DESCRIPTION] = write_description,
    [WORD_REQUIRED] = write_required,
    [WORD_ITEMS] = write_any_items,
    [WORD_ENUM] = write_enum,
    [WORD_ADDITIONAL_PROPERTIES] = write_additional,
    [WORD_CONST] = write_enum,
    [WORD_REF] = write_ref,
    [WORD_DEFS] = write_defs,
    [WORD_DEFINITIONS] = write_definitions,
    [WORD_EXCLUSIVE_MINIMUM] = write_minimum,
    [WORD_EXCLUSIVE_MAXIMUM] = write_maximum,
};

/* Other names than the word's own: a tuple, and the choice that is no longer exclusive. */
static const char *name_of(struct conversion *c, const struct schema_node *n, enum schema_word word)
{
    if (word == WORD_ITEMS && json_is(n->at[word], JSON_ARRAY)) {
        c->changed = true;
        return "prefixItems";
    }
    if (word == WORD_ONE_OF) {
        c->changed = true;
        return "anyOf";
    }
    return schema_words[word];
}

static void write_word(struct conversion *c, const struct schema_node *n, enum schema_word word)
{
    const struct json *v = n->at[word];

    switch ((enum schema_act)n->acts[word]) {
    case KEEP:
        json_key(&c->w, v->key);
        json_value_raw(&c->w, v->source);
        break;
    case DROP:
    case TELL: c->changed = true; break;
    case ONE:
        json_key(&c->w, v->key);
        convert(c, v, false);
        break;
    case MANY:
        write_name(c, name_of(c, n, word));
        write_many(c, v);
        break;
    case NAMED: write_properties(c, n); break;
    case MAKE: makers[word](c, n); break;
    }
}

/* What the schema did not say itself. */
static void write_missing(struct conversion *c, const struct schema_node *n)
{
    if (n->told.len && !n->at[WORD_DESCRIPTION])
        write_description(c, n);
    if ((c->target != FOR_ANTHROPIC && c->target != FOR_OPENAI) || !n->object)
        return;
    if (!n->at[WORD_TYPE]) {
        write_name(c, "type");
        json_value_string(&c->w, SLICE("object"));
        c->changed = true;
    }
    if (!n->at[WORD_ADDITIONAL_PROPERTIES])
        write_closed(c, n);
    if (c->target == FOR_OPENAI && !n->at[WORD_PROPERTIES]) {
        write_name(c, "properties");
        json_value_raw(&c->w, SLICE("{}"));
        c->changed = true;
    }
    if (c->target == FOR_OPENAI && !n->at[WORD_REQUIRED])
        write_required(c, n);
}

/* Beside a reference that stays, nothing may stand but definitions. */
static bool stays_beside_ref(enum schema_word word)
{
    return word == WORD_REF || word == WORD_DEFS || word == WORD_DEFINITIONS;
}

/* Nothing in it changes, and there are no schemas in it: most are so, and are copied whole. */
static bool is_plain(const struct schema_node *n)
{
    if (n->more || n->or_null || n->object)
        return false;
    for (size_t i = 0; i < n->count; i++) {
        enum schema_word word = (enum schema_word)n->words[i];
        bool kept = n->acts[word] == KEEP || word == WORD_TYPE ||
                    (word == WORD_DESCRIPTION && json_is(n->at[word], JSON_STRING));
        if (!kept)
            return false;
    }
    return true;
}

static void write_schema(struct conversion *c, const struct json *v, bool or_null)
{
    struct schema_node n;
    bool refers;

    schema_node_init(&n, c->target, v);
    n.or_null = or_null;
    if (v->source.ptr && is_plain(&n)) {
        json_value_raw(&c->w, v->source);
        return;
    }
    gather_told(c, &n);
    refers = n.at[WORD_REF] != NULL;
    c->changed = c->changed || n.more;
    json_open_object(&c->w);
    for (size_t i = 0; i < n.count; i++) {
        enum schema_word word = (enum schema_word)n.words[i];

        if (refers && !stays_beside_ref(word))
            c->changed = true;
        else
            write_word(c, &n, word);
    }
    if (!refers)
        write_missing(c, &n);
    json_close_object(&c->w);
}

static void convert(struct conversion *c, const struct json *v, bool or_null)
{
    size_t opened = c->refs.open_count;
    const struct json *flat;

    if (c->refs.mode != SCHEMA_REFS_LEAVE &&
        (c->depth == MAX_DEPTH || buf_len(c->w.out) > c->limit || c->refs.failed))
        c->failed = true;
    if (c->failed)
        return;
    if (!json_is(v, JSON_OBJECT)) { // true, mostly
        json_value_raw(&c->w, SLICE("{}"));
        c->changed = true;
        return;
    }
    c->depth++;
    flat = schema_flatten(&c->refs, v);
    c->changed = c->changed || flat != v;
    write_schema(c, flat, or_null);
    c->depth--;
    c->refs.open_count = opened;
}

/* False when it has failed.  `out` is `raw` where nothing was changed. */
static bool run(struct arena *a, struct conversion *c, const struct json *top, struct slice raw,
                struct slice *out)
{
    struct buf text = {0};

    c->w = (struct json_writer){.out = &text};
    c->limit = 4 * raw.len + 65536;
    schema_refs_init(&c->refs, c->scratch, top, c->refs.mode, c->limit);
    convert(c, top, false);
    c->failed = c->failed || c->refs.failed;
    *out = raw;
    if (!c->failed && c->changed)
        *out = arena_dup(a, buf_peek(&text));
    schema_refs_release(&c->refs);
    buf_release(&text);
    return !c->failed;
}

/* Tries one way of treating references after the other. */
static struct slice convert_for(struct arena *a, enum schema_target target, struct slice raw,
                                const enum schema_refs_mode *modes, size_t mode_count, bool *fit)
{
    struct err_info ignored = {0};
    struct slice out = raw;
    struct arena scratch;
    struct json *top;
    bool ok = false;

    arena_init(&scratch, 0);
    if (json_parse(&scratch, raw, &top, &ignored) != ERR_NONE) {
        arena_release(&scratch);
        return raw;
    }
    for (size_t i = 0; i < mode_count && !ok; i++) {
        struct conversion c = {.scratch = &scratch, .target = target};

        c.refs.mode = modes[i];
        ok = run(a, &c, top, raw, &out) && !c.unfit;
        if (fit)
            *fit = ok;
    }
    arena_release(&scratch);
    return out;
}

static const enum schema_refs_mode any_way[] = {SCHEMA_REFS_INLINE, SCHEMA_REFS_KEEP,
                                                SCHEMA_REFS_LEAVE};

struct slice schema_for_gemini(struct arena *a, struct slice raw)
{
    return convert_for(a, FOR_GEMINI, raw, any_way, ARRAY_LEN(any_way), NULL);
}

bool schema_for_anthropic(struct arena *a, struct slice raw, struct slice *out)
{
    bool fit = true;

    *out = convert_for(a, FOR_ANTHROPIC, raw, any_way, 1, &fit);
    return fit;
}

struct slice schema_for_openai_strict(struct arena *a, struct slice raw)
{
    return convert_for(a, FOR_OPENAI, raw, any_way + 1, ARRAY_LEN(any_way) - 1, NULL);
}

bool schema_is_strict(struct slice raw)
{
    static const struct json_want wants[] = {
        {SLICE_INIT("type"),  false},
        {SLICE_INIT("anyOf"), false}
    };
    struct json_span spans[ARRAY_LEN(wants)];
    struct err_info ignored = {0};
    struct arena a;
    bool same;

    if (json_scan(raw, wants, ARRAY_LEN(wants), spans, &ignored) != ERR_NONE || spans[1].end ||
        !json_string_eq(json_span_slice(raw, spans[0]), SLICE("object")))
        return false;
    arena_init(&a, 0);
    same = schema_for_openai_strict(&a, raw).ptr == raw.ptr;
    arena_release(&a);
    return same;
}
