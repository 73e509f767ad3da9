/* gemini_read.c - a generateContent request (protocols/gemini-generate.md, 2): its top level. */
#include "base/array.h"
#include "chat/gemini_inside.h"
#include "json/raw.h"

#define MAX_UNKNOWN 16 // fields that are noted

bool gemini_key_is(const struct json *member, struct slice camel)
{
    struct slice key = member->key;
    size_t at = 0;

    if (key.len <= camel.len)
        return slice_eq(key, camel);
    for (size_t i = 0; i < camel.len; i++) {
        char c = camel.ptr[i];
        bool is_upper = c >= 'A' && c <= 'Z';

        if (is_upper && (at == key.len || key.ptr[at++] != '_'))
            return false;
        if (at == key.len || key.ptr[at++] != (is_upper ? (char)(c | 0x20) : c))
            return false;
    }
    return at == key.len;
}

enum err gemini_refuse(struct gemini_reader *g, const char *field, const char *what)
{
    return err_set(g->e, ERR_BAD_REQUEST, "%s: %s", field, what);
}

void gemini_unknown(struct gemini_reader *g, const char *within, const struct json *member)
{
    if (g->unknown++ < MAX_UNKNOWN)
        chat_note(
            g->r,
            arena_printf(g->arena, "%s%.*s", within, SLICE_ARG(slice_sub(member->key, 0, 64))).ptr);
}

enum err gemini_expect(struct gemini_reader *g, const char *field, const struct json *v,
                       enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "expected null",       [JSON_FALSE] = "expected a boolean",
        [JSON_TRUE] = "expected a boolean",  [JSON_NUMBER] = "expected a number",
        [JSON_STRING] = "expected a string", [JSON_ARRAY] = "expected an array",
        [JSON_OBJECT] = "expected an object"};

    return json_is(v, type) ? ERR_NONE : gemini_refuse(g, field, names[type]);
}

enum err gemini_read_int(struct gemini_reader *g, const char *field, const struct json *v,
                         int64_t *out)
{
    struct slice literal = v->source, inside;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (json_is(v, JSON_STRING) && json_string_plain(literal, &inside) && json_is_number(inside))
        literal = inside;
    return json_int(literal, out) ? ERR_NONE : gemini_refuse(g, field, "expected a whole number");
}

enum err gemini_read_flag(struct gemini_reader *g, const char *field, const struct json *v,
                          enum chat_flag *out)
{
    bool value;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (!json_to_bool(v, &value))
        return gemini_refuse(g, field, "expected a boolean");
    *out = value ? CHAT_YES : CHAT_NO;
    return ERR_NONE;
}

static void add_system(struct gemini_reader *g, const struct json *v)
{
    struct chat_text text = text_of(v);

    if (!text_is_empty(text))
        chat_item_text(g->arena, &g->r->system, text);
}

/* A part of text, or the text itself. */
static enum err read_system_part(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_STRING)) {
        add_system(g, v);
        return ERR_NONE;
    }
    if (gemini_expect(g, "systemInstruction.parts", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (!slice_eq(at->key, SLICE("text")))
            gemini_unknown(g, "systemInstruction.parts.", at);
        else if (!json_is(at, JSON_STRING) && !json_is(at, JSON_NULL))
            return gemini_refuse(g, "systemInstruction.parts.text", "expected a string");
        else
            add_system(g, at);
    }
    return ERR_NONE;
}

static enum err read_system_parts(struct gemini_reader *g, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return read_system_part(g, v);
    json_for_each(at, v) {
        if (read_system_part(g, at) != ERR_NONE)
            return g->e->code;
    }
    return ERR_NONE;
}

/* A content; SDKs also let people write its parts or a text alone, and some pass that on. */
enum err gemini_read_system(struct gemini_reader *g, const struct json *v)
{
    const struct json *parts;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    parts = json_member(v, SLICE("parts"));
    if (json_is(parts, JSON_NULL) || (json_is(v, JSON_OBJECT) && !v->first))
        return ERR_NONE;
    return read_system_parts(g, parts ? parts : v);
}

static enum err read_tier(struct gemini_reader *g, const struct json *v)
{
    static const struct {
        struct slice name;
        enum chat_tier tier;
    } tiers[] = {
        {SLICE_INIT("standard"), TIER_DEFAULT },
        {SLICE_INIT("flex"),     TIER_FLEX    },
        {SLICE_INIT("priority"), TIER_PRIORITY},
    };
    struct slice name = json_str(g->arena, v);

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (!name.ptr)
        return gemini_refuse(g, "serviceTier", "expected a string");
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (slice_eq_nocase(name, tiers[i].name)) {
            g->r->tier = tiers[i].tier;
            return ERR_NONE;
        }
    }
    chat_note(g->r, "serviceTier");
    return ERR_NONE;
}

/* What another provider cannot have: it lies with Google, under the account that made it. */
static enum err read_state(struct gemini_reader *g, const char *field, const struct json *v)
{
    if (json_is(v, JSON_NULL) || slice_eq(v->source, SLICE("\"\"")))
        return ERR_NONE;
    return gemini_refuse(g, field, "what is kept at Google cannot be used with this model");
}

/* Its metadata, as other dialects call it. */
static enum err read_labels(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, "labels", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    g->r->metadata = v->source;
    return ERR_NONE;
}

static enum err read_field(struct gemini_reader *g, const struct json *at)
{
    static const struct slice own[] = {SLICE_INIT("safetySettings"), SLICE_INIT("store"),
                                       SLICE_INIT("modelArmorConfig")};

    if (gemini_key_is(at, SLICE("contents")))
        return gemini_read_contents(g, at);
    if (gemini_key_is(at, SLICE("systemInstruction")))
        return gemini_read_system(g, at);
    if (gemini_key_is(at, SLICE("tools")))
        return gemini_read_tools(g, at);
    if (gemini_key_is(at, SLICE("toolConfig")))
        return gemini_read_tool_config(g, at);
    if (gemini_key_is(at, SLICE("generationConfig")))
        return gemini_read_config(g, at);
    if (gemini_key_is(at, SLICE("serviceTier")))
        return read_tier(g, at);
    if (gemini_key_is(at, SLICE("labels")))
        return read_labels(g, at);
    if (gemini_key_is(at, SLICE("cachedContent")))
        return read_state(g, "cachedContent", at);
    if (gemini_key_is(at, SLICE("continuationToken")))
        return read_state(g, "continuationToken", at);
    if (slice_eq(at->key, SLICE("model")))
        return ERR_NONE; // of the path, once more
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (gemini_key_is(at, own[i])) {
            chat_ext_add(g->r, DIALECT_GEMINI, own[i], at->source);
            return ERR_NONE;
        }
    }
    gemini_unknown(g, "", at);
    return ERR_NONE;
}

static enum err read_body(struct gemini_reader *g, const struct json *body)
{
    bool has_contents = false;

    json_for_each(at, body) {
        has_contents = has_contents || slice_eq(at->key, SLICE("contents"));
        if (read_field(g, at) != ERR_NONE)
            return g->e->code;
    }
    return has_contents ? ERR_NONE : gemini_refuse(g, "contents", "required");
}

/* countTokens may wrap the request that it is about. */
static const struct json *unwrap(const struct json *body)
{
    json_for_each(at, body) {
        if (gemini_key_is(at, SLICE("generateContentRequest")) && json_is(at, JSON_OBJECT))
            return at;
    }
    return body;
}

enum err gemini_read_request(const struct json *body, const struct chat_seal *seal,
                             struct chat_request *out, struct err_info *e)
{
    struct gemini_reader g = {.arena = out->arena, .seal = seal, .r = out, .e = e};
    enum err code = read_body(&g, unwrap(body));

    buf_release(&g.thoughts);
    return code;
}
