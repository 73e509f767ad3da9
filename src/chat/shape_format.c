/* shape_format.c - structured output: by the target's own field, a forced tool, or in words. */
#include "base/table.h"
#include "chat/schema.h"
#include "chat/shape_tools.h"
#include "json/raw.h"

#define ONLY_JSON "Respond with a single JSON object and nothing else."

static void note_degraded(struct chat_request *r)
{
    static const char *const names[DIALECT_COUNT] = {
        [DIALECT_OPENAI_CHAT] = "response_format",
        [DIALECT_OPENAI_RESPONSES] = "text.format",
        [DIALECT_ANTHROPIC] = "output_config.format",
        [DIALECT_GEMINI] = "generationConfig.responseSchema",
        [DIALECT_OPENAI] = "response_format",
    };

    chat_note_degraded(r, names[r->dialect]);
}

static void say_json(struct chat_request *r)
{
    shape_say(r, SLICE(ONLY_JSON));
    note_degraded(r);
}

static void say_schema(struct chat_request *r)
{
    shape_say(r, arena_printf(r->arena,
                              "Respond with JSON that matches this JSON schema and nothing else, "
                              "without a code fence:\n%.*s",
                              SLICE_ARG(r->format.schema)));
    note_degraded(r);
}

static bool is_forced(const struct chat_request *r)
{
    return r->choice == CHOICE_REQUIRED || r->choice == CHOICE_ONE ||
           r->choice == CHOICE_ALLOWED_REQUIRED;
}

static struct slice free_name(const struct chat_request *r)
{
    struct slice name = SLICE("json_response");
    struct table names;

    table_init(&names, shape_table_seed(r));
    list_for_each(at, &r->tools)
        table_put(&names, list_entry(at, struct chat_tool, link)->name, at);
    for (int i = 2; table_get(&names, name); i++)
        name = arena_printf(r->arena, "json_response_%d", i);
    table_release(&names);
    return name;
}

/* The answer is the arguments of a call; other tools may be called before. */
static void add_tool(struct chat_request *r, const struct chat_target *t)
{
    bool others = shape_any_tool(r, shape_tool_is_function) && r->choice != CHOICE_NONE;
    struct slice name = free_name(r), schema = r->format.schema;
    struct chat_tool *tool = chat_tool_new(r, TOOL_FUNCTION);

    tool->name = name;
    tool->is_format = true;
    tool->description = r->format.description.s.len
                            ? r->format.description
                            : text_plain(SLICE("Give the final answer by calling this tool."));
    tool->schema = schema;
    if (t->dialect == DIALECT_GEMINI)
        schema = schema_for_gemini(r->arena, schema);
    schema = schema_as_object(r->arena, schema, SCHEMA_TOP_BARE, &tool->wrapped);
    if (schema.ptr != tool->schema.ptr)
        tool->sent_schema = schema;
    if (others) {
        r->choice = CHOICE_REQUIRED;
    } else {
        r->choice = CHOICE_ONE;
        r->choice_names = arena_array(r->arena, struct slice, 1);
        r->choice_names[0] = name;
        r->choice_count = 1;
    }
    if (t->dialect == DIALECT_ANTHROPIC)
        r->parallel = CHAT_NO; // one answer
    note_degraded(r);
}

/* Where another tool must be called, this answer is that call. */
static void by_tool(struct chat_request *r, const struct chat_target *t)
{
    if (chat_model_has(t->gates, TRAIT_NO_FORCED_TOOL) || t->gates->family == FAMILY_GEMMA ||
        (t->dialect == DIALECT_GEMINI && shape_any_tool(r, shape_tool_is_own)))
        say_schema(r);
    else if (!is_forced(r))
        add_tool(r, t);
    r->format.kind = FORMAT_UNSET;
}

static void fit_anthropic(struct chat_request *r, const struct chat_target *t)
{
    struct slice schema;

    if (r->format.kind == FORMAT_JSON) {
        say_json(r);
        r->format.kind = FORMAT_UNSET;
    } else if (chat_model_has(t->gates, TRAIT_SCHEMA) &&
               schema_for_anthropic(r->arena, r->format.schema, &schema)) {
        r->format.sent_schema = schema;
    } else {
        by_tool(r, t);
    }
}

/* Held to a schema of the answer, Gemini calls functions only as AUTO. */
static void loosen_tools(struct chat_request *r)
{
    list_for_each(at, &r->tools)
        list_entry(at, struct chat_tool, link)->strict = CHAT_UNSET;
}

static void fit_gemini(struct chat_request *r, const struct chat_target *t)
{
    bool functions = shape_any_tool(r, shape_tool_is_function);
    bool tools = functions || shape_any_tool(r, shape_tool_is_own);
    bool together = !tools || chat_model_has(t->gates, TRAIT_MIXED_TOOLS);

    if (functions && together && is_forced(r)) {
        r->format.kind = FORMAT_UNSET; // the answer is a call
    } else if (r->format.kind == FORMAT_JSON) {
        if (!together) {
            say_json(r);
            r->format.kind = FORMAT_UNSET;
        }
    } else if (!together || !chat_model_has(t->gates, TRAIT_SCHEMA)) {
        by_tool(r, t);
    } else {
        r->format.sent_schema = schema_for_gemini(r->arena, r->format.schema);
    }
    if (r->format.kind != FORMAT_UNSET && functions)
        loosen_tools(r);
}

static bool is_openai_dialect(enum dialect d)
{
    return d == DIALECT_OPENAI_CHAT || d == DIALECT_OPENAI_RESPONSES;
}

static void fit_openai(struct chat_request *r, const struct chat_target *t)
{
    struct slice schema;

    if (r->format.kind == FORMAT_JSON) {
        if (!is_openai_dialect(r->dialect)) // which demands that JSON is spoken of
            shape_say(r, SLICE(ONLY_JSON));
        return;
    }
    if (!chat_model_has(t->gates, TRAIT_SCHEMA)) {
        say_schema(r);
        r->format.kind = FORMAT_JSON;
        return;
    }
    if (!r->format.name.len)
        r->format.name = SLICE("response");
    if (t->host != HOST_VENDOR)
        schema = r->format.schema;
    else
        schema =
            schema_as_object(r->arena, r->format.schema, SCHEMA_TOP_OBJECT, &r->format.wrapped);
    if (schema.ptr != r->format.schema.ptr)
        r->format.sent_schema = schema;
    if (t->dialect == DIALECT_OPENAI_RESPONSES && r->format.strict == CHAT_UNSET)
        r->format.strict =
            !is_openai_dialect(r->dialect) && schema_is_strict(schema) ? CHAT_YES : CHAT_NO;
}

void shape_format(struct chat_request *r, const struct chat_target *t)
{
    if (r->format.kind == FORMAT_UNSET || r->format.kind == FORMAT_TEXT)
        return;
    if (r->format.kind == FORMAT_SCHEMA && !json_is_object(r->format.schema))
        r->format.kind = FORMAT_JSON; // a schema of nothing
    switch (t->dialect) {
    case DIALECT_ANTHROPIC: fit_anthropic(r, t); break;
    case DIALECT_GEMINI: fit_gemini(r, t); break;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_OPENAI: fit_openai(r, t); break;
    case DIALECT_COUNT: break;
    }
}
