/* schema_top.c - the top of a tool's schema is an object, whatever it was. */
#include "base/array.h"
#include "chat/schema.h"
#include "chat/schema_words.h"
#include "json/raw.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

#define EMPTY    SLICE("{\"type\":\"object\",\"properties\":{}}")
#define MAX_REFS 16 // from one top to the next

/* Words that say which objects; not all vendors take them at the top. */
static const char *const choices[] = {"anyOf", "oneOf", "allOf", "not", "enum"};

enum { TYPE, PROPERTIES, REF, FIRST_CHOICE, WANT_COUNT = FIRST_CHOICE + 5 };

static const struct json_want wants[WANT_COUNT] = {
    {SLICE_INIT("type"),       false},
    {SLICE_INIT("properties"), false},
    {SLICE_INIT("$ref"),       false},
    {SLICE_INIT("anyOf"),      false},
    {SLICE_INIT("oneOf"),      false},
    {SLICE_INIT("allOf"),      false},
    {SLICE_INIT("not"),        false},
    {SLICE_INIT("enum"),       false},
};

/* Most schemas are right, and no tree is made of them. */
static bool is_right(struct slice raw, unsigned top)
{
    struct json_span spans[WANT_COUNT];
    struct err_info ignored = {0};

    if (top == SCHEMA_TOP_OBJECT && slice_starts(raw, SLICE("{\"type\":\"object\",")))
        return true; // whatever follows
    if (json_scan(raw, wants, WANT_COUNT, spans, &ignored) != ERR_NONE ||
        !json_string_eq(json_span_slice(raw, spans[TYPE]), SLICE("object")))
        return false;
    if ((top & SCHEMA_TOP_LISTED) && !json_is_object(json_span_slice(raw, spans[PROPERTIES])))
        return false;
    for (size_t i = FIRST_CHOICE; (top & SCHEMA_TOP_BARE) && i < WANT_COUNT; i++) {
        if (spans[i].end)
            return false;
    }
    return true;
}

static struct json *copy_new(struct arena *a, const struct json *v)
{
    struct json *copy = arena_new(a, struct json);

    *copy = *v;
    copy->parent = copy->next = NULL;
    json_for_each(at, copy)
        at->parent = copy;
    return copy;
}

/* {"$ref":"#/$defs/A","$defs":{...}}: the members of A stand at the top instead. */
static void follow(struct arena *a, struct json *top)
{
    const struct json *target = top;
    struct json *ref = json_member(top, SLICE("$ref"));
    const struct slice places[] = {SLICE("$defs"), SLICE("definitions")};
    struct schema_node said, more;

    for (size_t hops = 0; ref && target && hops < MAX_REFS; hops++) {
        struct slice name = json_str(a, ref), rest;
        size_t slash = slice_find_last(name, '/');

        rest = slash == SIZE_MAX ? name : slice_after(name, slash + 1);
        target = NULL;
        for (size_t i = 0; i < ARRAY_LEN(places) && !target; i++)
            target = json_member(json_member(top, places[i]), rest);
        ref = json_member(target, SLICE("$ref"));
    }
    json_remove(top, SLICE("$ref"));
    schema_node_init(&said, FOR_GEMINI, top);
    schema_node_init(&more, FOR_GEMINI, target);
    for (size_t i = 0; i < SCHEMA_WORD_COUNT; i++) {
        if (more.at[i] && !said.at[i] && i != WORD_REF)
            json_set(top, slice_str(schema_words[i]), copy_new(a, more.at[i]));
    }
}

static bool says_object(const struct json *top)
{
    const struct json *type = json_member(top, SLICE("type"));

    if (!type) {
        bool says_other = false;

        for (size_t i = 0; i < ARRAY_LEN(choices); i++)
            says_other = says_other || json_member(top, slice_str(choices[i]));
        says_other = says_other || json_member(top, SLICE("items")) ||
                     json_member(top, SLICE("const")) || json_member(top, SLICE("$ref"));
        return json_member(top, SLICE("properties")) || !says_other;
    }
    if (json_is(type, JSON_STRING))
        return json_string_eq(type->source, SLICE("object"));
    json_for_each(at, type) {
        if (json_string_eq(at->source, SLICE("object")))
            return true;
    }
    return false;
}

/* What cannot stand at the top is said in words, unless it is all that is said. */
static bool lay_bare(struct arena *a, struct json *top)
{
    struct json *said = json_member(top, SLICE("description"));
    struct buf text = {0};

    if (json_member(top, SLICE("allOf")))
        return false;
    buf_append(&text, json_str(a, said));
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        const struct json *v = json_member(top, slice_str(choices[i]));

        if (!v)
            continue;
        if (!json_first(json_member(top, SLICE("properties")))) {
            buf_release(&text);
            return false;
        }
        buf_printf(&text, "%s%s: ", buf_len(&text) ? "\n" : "", choices[i]);
        json_write_tree(&text, v);
        json_remove(top, slice_str(choices[i]));
        said = NULL;
    }
    if (!said && buf_len(&text))
        json_set(top, SLICE("description"), json_new_string(a, buf_peek(&text)));
    buf_release(&text);
    return true;
}

static void complete(struct arena *a, struct json *top, unsigned flags)
{
    const struct json *type = json_member(top, SLICE("type"));

    if (!json_is(type, JSON_STRING))
        json_set(top, SLICE("type"), json_new_string(a, SLICE("object")));
    if (((flags & SCHEMA_TOP_LISTED) || !type) &&
        !json_is(json_member(top, SLICE("properties")), JSON_OBJECT))
        json_set(top, SLICE("properties"), json_new_object(a));
}

static void write_wrapped(struct json_writer *w, struct json *top, unsigned flags)
{
    static const char *const places[] = {"$defs", "definitions"};
    struct json *defs[ARRAY_LEN(places)];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) { // references are to the top's
        defs[i] = json_member(top, slice_str(places[i]));
        if (defs[i])
            json_detach(defs[i]);
    }
    json_open_object(w);
    json_key(w, SLICE("type"));
    json_value_string(w, SLICE("object"));
    json_key(w, SLICE("properties"));
    json_open_object(w);
    json_key(w, SLICE("value"));
    json_value_tree(w, top);
    json_close_object(w);
    json_key(w, SLICE("required"));
    json_value_raw(w, SLICE("[\"value\"]"));
    if (flags & SCHEMA_TOP_CLOSED) {
        json_key(w, SLICE("additionalProperties"));
        json_value_bool(w, false);
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (defs[i]) {
            json_key(w, slice_str(places[i]));
            json_value_tree(w, defs[i]);
        }
    }
    json_close_object(w);
}

struct slice schema_as_object(struct arena *a, struct slice raw, unsigned top, bool *wrapped)
{
    struct err_info ignored = {0};
    struct buf text = {0};
    struct json_writer w = {.out = &text};
    struct arena scratch;
    struct json *tree;

    *wrapped = false;
    if (is_right(raw, top))
        return raw;
    arena_init(&scratch, 0);
    if (json_parse(&scratch, raw, &tree, &ignored) == ERR_NONE && json_is(tree, JSON_OBJECT)) {
        if (json_member(tree, SLICE("$ref")))
            follow(&scratch, tree);
        *wrapped = !says_object(tree) || ((top & SCHEMA_TOP_BARE) && !lay_bare(&scratch, tree));
        if (*wrapped) {
            write_wrapped(&w, tree, top);
        } else {
            complete(&scratch, tree, top);
            json_write_tree(&text, tree);
        }
        raw = arena_dup(a, buf_peek(&text));
    } else {
        raw = EMPTY; // none, true, or nothing that could be one
    }
    buf_release(&text);
    arena_release(&scratch);
    return raw;
}
