/* openai_responses_read.c - a Responses request into the vocabulary: its fields. */
#include <stddef.h>

#include "base/array.h"
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"

#define AT_DEPTH 8

/* The names are joined from the outside in; there is room for the deepest there are. */
static void write_at(const struct responses_at *at, const char *name, struct buf *out)
{
    const struct responses_at *path[AT_DEPTH];
    size_t depth = 0;

    for (; at && depth < AT_DEPTH; at = at->outer)
        path[depth++] = at;
    while (depth-- > 0) {
        if (!path[depth]->name)
            buf_printf(out, "[%zu]", path[depth]->index);
        else
            buf_printf(out, "%s%s", buf_len(out) ? "." : "", path[depth]->name);
    }
    if (name)
        buf_printf(out, "%s%s", buf_len(out) ? "." : "", name);
}

enum err responses_fail_in(struct responses_reader *rd, const struct responses_at *at,
                           const char *name, const char *what)
{
    struct buf where = {0};

    write_at(at, name, &where);
    err_set(rd->e, ERR_BAD_REQUEST, "%.*s: %s", SLICE_ARG(buf_peek(&where)), what);
    buf_release(&where);
    return rd->e->code;
}

enum err responses_fail(struct responses_reader *rd, const struct responses_at *at,
                        const char *what)
{
    return responses_fail_in(rd, at, NULL, what);
}

static enum err fail(struct responses_reader *rd, const char *field, const char *what)
{
    return responses_fail_in(rd, NULL, field, what);
}

const struct slice responses_own_fields[] = {
    SLICE_INIT("access_programs"),      SLICE_INIT("client_metadata"),
    SLICE_INIT("context_management"),   SLICE_INIT("image"),
    SLICE_INIT("max_tool_calls"),       SLICE_INIT("moderation"),
    SLICE_INIT("prompt_cache_options"), SLICE_INIT("prompt_cache_retention"),
    SLICE_INIT("stream_options"),       SLICE_INIT("truncation"),
};
const size_t responses_own_field_count = ARRAY_LEN(responses_own_fields);

static void keep_echo(struct responses_reader *rd, const struct json *v)
{
    struct chat_ext *echo = arena_new(rd->r->arena, struct chat_ext);

    echo->dialect = DIALECT_OPENAI_RESPONSES;
    echo->key = v->key;
    echo->raw = v->source;
    list_push_back(&rd->r->echoes, &echo->link);
}

/* Fields that need more than a type.  Null has been taken for absent. */
typedef enum err read_field_fn(struct responses_reader *rd, const struct json *v);

static enum err read_instructions(struct responses_reader *rd, const struct json *v)
{
    struct chat_text text = text_of(v);

    if (text_is_absent(text))
        return fail(rd, "instructions", "expected a string");
    if (!text_is_empty(text))
        chat_item_text(rd->r->arena, &rd->r->system, text);
    return ERR_NONE;
}

static enum err read_tools(struct responses_reader *rd, const struct json *v)
{
    return responses_read_tools(rd, &(struct responses_at){.name = "tools"}, v);
}

static enum err read_background(struct responses_reader *rd, const struct json *v)
{
    bool on;

    if (!json_to_bool(v, &on))
        return fail(rd, "background", "expected true or false");
    return on ? fail(rd, "background", "unsupported parameter: no answer is kept here") : ERR_NONE;
}

static enum err read_prompt(struct responses_reader *rd, const struct json *v)
{
    (void)v;
    return fail(rd, "prompt", "unsupported parameter: templates are known to their owner alone");
}

static enum err read_include(struct responses_reader *rd, const struct json *v)
{
    size_t i = 0;

    if (!json_is(v, JSON_ARRAY))
        return fail(rd, "include", "expected an array of strings");
    json_for_each(at, v) {
        struct slice name = json_str(rd->r->arena, at);

        if (!name.ptr)
            return responses_fail(
                rd, &(struct responses_at){&(struct responses_at){.name = "include"}, NULL, i},
                "expected a string");
        if (slice_eq(name, SLICE("message.output_text.logprobs")))
            rd->r->logprobs = CHAT_YES;
        i++;
    }
    return ERR_NONE;
}

static enum err read_format(struct responses_reader *rd, const struct json *v)
{
    const struct responses_at text = {.name = "text"}, at = {&text, "format", 0};
    struct chat_request *r = rd->r;
    struct slice type = {0};

    if (!json_is(v, JSON_OBJECT))
        return responses_fail(rd, &at, "expected an object");
    json_for_each(m, v) {
        bool strict;

        if (slice_eq(m->key, SLICE("type")))
            type = json_str(r->arena, m);
        else if (slice_eq(m->key, SLICE("name")))
            r->format.name = json_str(r->arena, m);
        else if (slice_eq(m->key, SLICE("description")))
            r->format.description = text_of(m);
        else if (slice_eq(m->key, SLICE("schema")) && json_is(m, JSON_OBJECT))
            r->format.schema = m->source;
        else if (slice_eq(m->key, SLICE("strict")) && json_to_bool(m, &strict))
            r->format.strict = strict ? CHAT_YES : CHAT_NO;
    }
    if (slice_eq(type, SLICE("text")))
        r->format.kind = FORMAT_TEXT;
    else if (slice_eq(type, SLICE("json_object")))
        r->format.kind = FORMAT_JSON;
    else if (!slice_eq(type, SLICE("json_schema")))
        return responses_fail_in(rd, &at, "type", "expected text, json_object or json_schema");
    else if (!r->format.schema.len)
        return responses_fail_in(rd, &at, "schema", "expected an object");
    else
        r->format.kind = FORMAT_SCHEMA;
    return ERR_NONE;
}

static enum err read_text(struct responses_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT))
        return fail(rd, "text", "expected an object");
    json_for_each(m, v) {
        if (m->type == JSON_NULL)
            continue;
        if (slice_eq(m->key, SLICE("format")) && read_format(rd, m) != ERR_NONE)
            return rd->e->code;
        if (slice_eq(m->key, SLICE("verbosity"))) {
            rd->r->verbosity = json_str(rd->r->arena, m);
            if (!rd->r->verbosity.ptr)
                return fail(rd, "text.verbosity", "expected a string");
        }
    }
    return ERR_NONE;
}

static enum err read_effort(struct responses_reader *rd, const struct json *v)
{
    if (!chat_effort_parse(json_str(rd->r->arena, v), &rd->r->reasoning.effort))
        return fail(rd, "reasoning.effort",
                    "expected none, minimal, low, medium, high, xhigh or max");
    rd->r->reasoning.off = rd->r->reasoning.effort == EFFORT_NONE;
    return ERR_NONE;
}

/* How summaries are to be written is the vendor's own affair; that they are wanted is not. */
static enum err read_reasoning(struct responses_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT))
        return fail(rd, "reasoning", "expected an object");
    json_for_each(m, v) {
        if (m->type == JSON_NULL)
            continue;
        if (slice_eq(m->key, SLICE("effort"))) {
            if (read_effort(rd, m) != ERR_NONE)
                return rd->e->code;
        } else if (slice_eq(m->key, SLICE("summary")) ||
                   slice_eq(m->key, SLICE("generate_summary"))) {
            if (!json_is(m, JSON_STRING))
                return fail(rd, "reasoning.summary", "expected a string");
            rd->r->reasoning.show = json_string_eq(m->source, SLICE("none")) ? CHAT_NO : CHAT_YES;
        }
    }
    return ERR_NONE;
}

static enum err read_tier(struct responses_reader *rd, const struct json *v)
{
    struct slice name = json_str(rd->r->arena, v);

    if (!name.ptr)
        return fail(rd, "service_tier", "expected a string");
    rd->r->tier = openai_tier_parse(name);
    if (!rd->r->tier)
        chat_note(rd->r, "service_tier");
    return ERR_NONE;
}

/* `safety_identifier` is the newer name and goes before `user`, in whatever order they come. */
static enum err read_user(struct responses_reader *rd, const struct json *v)
{
    struct chat_text text = text_of(v);
    bool newer = slice_eq(v->key, SLICE("safety_identifier"));

    if (text_is_absent(text))
        return fail(rd, newer ? "safety_identifier" : "user", "expected a string");
    if (newer || text_is_absent(rd->r->user_id))
        rd->r->user_id = text;
    return ERR_NONE;
}

static enum err read_previous(struct responses_reader *rd, const struct json *v)
{
    rd->r->previous_response_id = json_str(rd->r->arena, v);
    return rd->r->previous_response_id.ptr ? ERR_NONE
                                           : fail(rd, "previous_response_id", "expected a string");
}

static enum err read_conversation(struct responses_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_STRING) && !json_is(v, JSON_OBJECT))
        return fail(rd, "conversation", "expected a string or an object");
    rd->r->conversation = v->source;
    return ERR_NONE;
}

static enum err read_store(struct responses_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
        return fail(rd, "store", "expected true or false");
    rd->r->store = v->source;
    return ERR_NONE;
}

enum field_kind {
    FIELD_NUMBER, // raw, into a slice
    FIELD_OBJECT, // raw, into a slice
    FIELD_COUNT,  // into an int64_t
    FIELD_BOOL,   // into a bool
    FIELD_FLAG,   // into an enum chat_flag
    FIELD_TEXT,   // into a chat_text
    FIELD_READ,   // by a function
    FIELD_PASSED, // over: whoever calls has read it
};

struct field {
    struct slice key;
    enum field_kind kind;
    size_t offset; // in struct chat_request
    read_field_fn *read;
    bool echoed; // the answer repeats it
};

#define IN_REQUEST(member) offsetof(struct chat_request, member)

static const struct field fields[] = {
    {SLICE_INIT("background"),           FIELD_READ,   0,                        read_background,       false},
    {SLICE_INIT("conversation"),         FIELD_READ,   0,                        read_conversation,     true },
    {SLICE_INIT("include"),              FIELD_READ,   0,                        read_include,          true },
    {SLICE_INIT("input"),                FIELD_PASSED, 0,                        NULL,                  false},
    {SLICE_INIT("instructions"),         FIELD_READ,   0,                        read_instructions,     true },
    {SLICE_INIT("max_output_tokens"),    FIELD_COUNT,  IN_REQUEST(max_output),   NULL,                  true },
    {SLICE_INIT("metadata"),             FIELD_OBJECT, IN_REQUEST(metadata),     NULL,                  true },
    {SLICE_INIT("model"),                FIELD_PASSED, 0,                        NULL,                  false},
    {SLICE_INIT("parallel_tool_calls"),  FIELD_FLAG,   IN_REQUEST(parallel),     NULL,                  true },
    {SLICE_INIT("previous_response_id"), FIELD_READ,   0,                        read_previous,         true },
    {SLICE_INIT("prompt"),               FIELD_READ,   0,                        read_prompt,           false},
    {SLICE_INIT("prompt_cache_key"),     FIELD_TEXT,   IN_REQUEST(cache_key),    NULL,                  true },
    {SLICE_INIT("reasoning"),            FIELD_READ,   0,                        read_reasoning,        true },
    {SLICE_INIT("safety_identifier"),    FIELD_READ,   0,                        read_user,             true },
    {SLICE_INIT("service_tier"),         FIELD_READ,   0,                        read_tier,             true },
    {SLICE_INIT("store"),                FIELD_READ,   0,                        read_store,            false},
    {SLICE_INIT("stream"),               FIELD_BOOL,   IN_REQUEST(stream),       NULL,                  false},
    {SLICE_INIT("temperature"),          FIELD_NUMBER, IN_REQUEST(temperature),  NULL,                  true },
    {SLICE_INIT("text"),                 FIELD_READ,   0,                        read_text,             true },
    {SLICE_INIT("tool_choice"),          FIELD_READ,   0,                        responses_read_choice, true },
    {SLICE_INIT("tools"),                FIELD_READ,   0,                        read_tools,            true },
    {SLICE_INIT("top_logprobs"),         FIELD_COUNT,  IN_REQUEST(top_logprobs), NULL,                  true },
    {SLICE_INIT("top_p"),                FIELD_NUMBER, IN_REQUEST(top_p),        NULL,                  true },
    {SLICE_INIT("user"),                 FIELD_READ,   0,                        read_user,             true },
};

/* A name of the table ends with its literal, so that it can be said as a string. */
static enum err wrong(struct responses_reader *rd, const struct field *f, const char *what)
{
    return fail(rd, f->key.ptr, what);
}

static enum err read_field(struct responses_reader *rd, const struct field *f, const struct json *v)
{
    void *to = (char *)rd->r + f->offset;
    bool on;

    switch (f->kind) {
    case FIELD_NUMBER:
        if (!json_is(v, JSON_NUMBER))
            return wrong(rd, f, "expected a number");
        *(struct slice *)to = v->source;
        return ERR_NONE;
    case FIELD_OBJECT:
        if (!json_is(v, JSON_OBJECT))
            return wrong(rd, f, "expected an object");
        *(struct slice *)to = v->source;
        return ERR_NONE;
    case FIELD_COUNT:
        if (!json_to_int(v, to) || *(int64_t *)to < 0)
            return wrong(rd, f, "expected a whole number, not negative");
        return ERR_NONE;
    case FIELD_BOOL: return json_to_bool(v, to) ? ERR_NONE : wrong(rd, f, "expected true or false");
    case FIELD_FLAG:
        if (!json_to_bool(v, &on))
            return wrong(rd, f, "expected true or false");
        *(enum chat_flag *)to = on ? CHAT_YES : CHAT_NO;
        return ERR_NONE;
    case FIELD_TEXT:
        *(struct chat_text *)to = text_of(v);
        return json_is(v, JSON_STRING) ? ERR_NONE : wrong(rd, f, "expected a string");
    case FIELD_READ: return f->read(rd, v);
    case FIELD_PASSED: break;
    }
    return ERR_NONE;
}

/* A field of this dialect alone, or one that is not known: said, never an error. */
static void read_own(struct responses_reader *rd, const struct json *v)
{
    for (size_t i = 0; i < responses_own_field_count; i++) {
        if (slice_eq(responses_own_fields[i], v->key)) {
            chat_ext_add(rd->r, DIALECT_OPENAI_RESPONSES, v->key, v->source);
            return;
        }
    }
    chat_note(rd->r, arena_dup(rd->r->arena, v->key).ptr);
}

static enum err read_any(struct responses_reader *rd, const struct json *v)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!slice_eq(fields[i].key, v->key))
            continue;
        if (fields[i].echoed)
            keep_echo(rd, v);
        return read_field(rd, &fields[i], v);
    }
    read_own(rd, v);
    return ERR_NONE;
}

/* `instructions` go before whatever `input` begins with, so that it is read last. */
enum err responses_read_request(const struct json *body, const struct chat_seal *seal,
                                struct chat_request *out, struct err_info *e)
{
    struct responses_reader rd = {.r = out, .seal = seal, .e = e};
    const struct json *input = NULL;

    list_init(&rd.strays);
    json_for_each(v, body) {
        if (v->type == JSON_NULL)
            continue;
        if (slice_eq(v->key, SLICE("input")))
            input = v;
        if (read_any(&rd, v) != ERR_NONE)
            return e->code;
    }
    if (input)
        return responses_read_input(&rd, input);
    if (!out->previous_response_id.ptr && !out->conversation.ptr)
        return fail(&rd, "input", "expected a string or an array");
    return ERR_NONE;
}
