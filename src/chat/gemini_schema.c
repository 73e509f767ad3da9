/* gemini_schema.c - Gemini's own Schema, a subset of OpenAPI's, as JSON Schema. */
#include "base/array.h"
#include "chat/gemini_inside.h"
#include "json/raw.h"

/* What stands under a key of a schema. */
enum shape {
    SCHEMA_VALUE,  // copied
    SCHEMA_NUMBER, // 64 bits, perhaps in quotes
    SCHEMA_ONE,    // a schema
    SCHEMA_LIST,   // of schemas
    SCHEMA_MAP,    // name to schema
    SCHEMA_TYPE,
    SCHEMA_NULLABLE,
    SCHEMA_ENUM,
    SCHEMA_FORMAT,
    SCHEMA_NONE, // JSON Schema has no such word
};

static const struct {
    struct slice key;
    enum shape shape;
} words[] = {
    {SLICE_INIT("type"),                 SCHEMA_TYPE    },
    {SLICE_INIT("nullable"),             SCHEMA_NULLABLE},
    {SLICE_INIT("enum"),                 SCHEMA_ENUM    },
    {SLICE_INIT("format"),               SCHEMA_FORMAT  },
    {SLICE_INIT("example"),              SCHEMA_NONE    },
    {SLICE_INIT("properties"),           SCHEMA_MAP     },
    {SLICE_INIT("defs"),                 SCHEMA_MAP     },
    {SLICE_INIT("$defs"),                SCHEMA_MAP     },
    {SLICE_INIT("items"),                SCHEMA_ONE     },
    {SLICE_INIT("additionalProperties"), SCHEMA_ONE     },
    {SLICE_INIT("anyOf"),                SCHEMA_LIST    },
    {SLICE_INIT("oneOf"),                SCHEMA_LIST    },
    {SLICE_INIT("allOf"),                SCHEMA_LIST    },
    {SLICE_INIT("prefixItems"),          SCHEMA_LIST    },
    {SLICE_INIT("minItems"),             SCHEMA_NUMBER  },
    {SLICE_INIT("maxItems"),             SCHEMA_NUMBER  },
    {SLICE_INIT("minLength"),            SCHEMA_NUMBER  },
    {SLICE_INIT("maxLength"),            SCHEMA_NUMBER  },
    {SLICE_INIT("minProperties"),        SCHEMA_NUMBER  },
    {SLICE_INIT("maxProperties"),        SCHEMA_NUMBER  },
    {SLICE_INIT("propertyOrdering"),     SCHEMA_VALUE   },
};

/* The word's own spelling; a key that is no word of theirs stays as it is. */
static enum shape shape_of(const struct json *member, struct slice *key)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (gemini_key_is(member, words[i].key)) {
            *key = slice_eq(words[i].key, SLICE("defs")) ? SLICE("$defs") : words[i].key;
            return words[i].shape;
        }
    }
    *key = member->key;
    return SCHEMA_VALUE;
}

static bool is_nullable(const struct json *schema)
{
    return json_is(json_member(schema, SLICE("nullable")), JSON_TRUE);
}

/* "STRING" gives "string"; a type that is not said gives nothing. */
static void write_type(struct json_writer *w, const struct json *v, bool nullable)
{
    struct slice inside;
    char lower[32];

    if (!json_is(v, JSON_STRING)) {
        json_key(w, SLICE("type"));
        json_value_tree(w, v);
        return;
    }
    if (!json_string_plain(v->source, &inside) || inside.len > sizeof(lower) ||
        slice_eq(inside, SLICE("TYPE_UNSPECIFIED")))
        return;
    for (size_t i = 0; i < inside.len; i++)
        lower[i] = (char)(inside.ptr[i] >= 'A' && inside.ptr[i] <= 'Z' ? inside.ptr[i] | 0x20
                                                                       : inside.ptr[i]);
    json_key(w, SLICE("type"));
    if (nullable)
        json_open_array(w);
    json_value_string(w, slice_of(lower, inside.len));
    if (nullable) {
        json_value_string(w, SLICE("null"));
        json_close_array(w);
    }
}

/* What may be null must find null among its values. */
static void write_enum(struct json_writer *w, const struct json *v, bool nullable)
{
    bool has_null = false;

    json_key(w, SLICE("enum"));
    if (!json_is(v, JSON_ARRAY)) {
        json_value_tree(w, v);
        return;
    }
    json_open_array(w);
    json_for_each(at, v) {
        has_null = has_null || json_is(at, JSON_NULL);
        json_value_tree(w, at);
    }
    if (nullable && !has_null)
        json_value_null(w);
    json_close_array(w);
}

static void write_number(struct json_writer *w, struct slice key, const struct json *v)
{
    struct slice inside = v->source;

    json_key(w, key);
    if (json_is(v, JSON_STRING) && json_string_plain(v->source, &inside) && json_is_number(inside))
        json_value_raw(w, inside);
    else
        json_value_raw(w, v->source);
}

static void write_schema(struct json_writer *w, const struct json *v);

static void write_list(struct json_writer *w, const struct json *v, bool with_null)
{
    json_open_array(w);
    json_for_each(at, v)
        write_schema(w, at);
    if (with_null)
        json_value_raw(w, SLICE("{\"type\":\"null\"}"));
    json_close_array(w);
}

static void write_map(struct json_writer *w, const struct json *v)
{
    json_open_object(w);
    json_for_each(at, v) {
        json_key(w, at->key);
        write_schema(w, at);
    }
    json_close_object(w);
}

static void write_word(struct json_writer *w, const struct json *at, bool nullable, bool typed)
{
    struct slice key;

    switch (shape_of(at, &key)) {
    case SCHEMA_NONE:
    case SCHEMA_NULLABLE: return;
    case SCHEMA_TYPE: write_type(w, at, nullable); return;
    case SCHEMA_ENUM: write_enum(w, at, nullable); return;
    case SCHEMA_NUMBER: write_number(w, key, at); return;
    case SCHEMA_FORMAT:
        if (slice_eq(at->source, SLICE("\"enum\"")))
            return; // says only that there is an enum
        break;
    case SCHEMA_ONE:
        json_key(w, key);
        write_schema(w, at);
        return;
    case SCHEMA_LIST:
        json_key(w, key);
        if (json_is(at, JSON_ARRAY))
            write_list(w, at, nullable && !typed && slice_eq(key, SLICE("anyOf")));
        else
            json_value_raw(w, at->source);
        return;
    case SCHEMA_MAP:
        json_key(w, key);
        if (json_is(at, JSON_OBJECT))
            write_map(w, at);
        else
            json_value_raw(w, at->source);
        return;
    case SCHEMA_VALUE: break;
    }
    json_key(w, key);
    json_value_raw(w, at->source);
}

/* As deep as the tree, which JSON_MAX_DEPTH bounds. */
// NOLINTNEXTLINE(misc-no-recursion)
static void write_schema(struct json_writer *w, const struct json *v)
{
    bool nullable = is_nullable(v), typed = json_member(v, SLICE("type")) != NULL;

    if (!json_is(v, JSON_OBJECT)) {
        json_value_raw(w, v->source);
        return;
    }
    json_open_object(w);
    json_for_each(at, v)
        write_word(w, at, nullable, typed);
    json_close_object(w);
}

struct slice gemini_schema(struct arena *a, const struct json *schema)
{
    struct buf text = {0};
    struct json_writer w = {.out = &text};
    struct slice kept;

    write_schema(&w, schema);
    kept = arena_dup(a, buf_peek(&text));
    buf_release(&text);
    return kept;
}
