/* anthropic_read_tools.c - requests in Anthropic's Messages: tools, and which must be called. */
#include "chat/anthropic_inside.h"

/* What only changes how Anthropic shows a tool to its model. */
static void note_extras(struct anthropic_reading *rd, const struct json *v)
{
    if (json_first(anthropic_member(v, "input_examples")))
        chat_note(rd->r, "tools.input_examples");
    if (anthropic_member(v, "allowed_callers"))
        chat_note(rd->r, "tools.allowed_callers");
}

static enum err read_function(struct anthropic_reading *rd, const struct json *v)
{
    struct chat_tool *tool = chat_tool_new(rd->r, TOOL_FUNCTION);
    const struct json *strict = anthropic_member(v, "strict");
    bool is_strict = false;

    if (anthropic_str(rd, v, "name", true, &tool->name) != ERR_NONE ||
        anthropic_text(rd, v, "description", false, &tool->description) != ERR_NONE ||
        anthropic_raw(rd, v, "input_schema", JSON_OBJECT, &tool->schema) != ERR_NONE ||
        anthropic_bool(rd, v, "strict", &is_strict) != ERR_NONE)
        return rd->e->code;
    if (strict)
        tool->strict = is_strict ? CHAT_YES : CHAT_NO;
    note_extras(rd, v);
    return anthropic_read_cache(rd, v, &tool->cache);
}

static enum chat_tool_kind kind_of(struct slice type)
{
    if (slice_starts(type, SLICE("web_search_")))
        return TOOL_WEB_SEARCH;
    if (slice_starts(type, SLICE("web_fetch_")))
        return TOOL_WEB_FETCH;
    if (slice_starts(type, SLICE("code_execution_")))
        return TOOL_CODE_EXECUTION;
    return TOOL_SERVER;
}

static enum err read_search(struct anthropic_reading *rd, const struct json *v,
                            struct chat_tool *tool)
{
    const struct json *max_uses = anthropic_member(v, "max_uses");

    if (max_uses && (!json_to_int(max_uses, &tool->search.max_uses) || tool->search.max_uses < 0))
        return anthropic_refuse(rd, "max_uses", "expected a whole number");
    if (anthropic_raw(rd, v, "allowed_domains", JSON_ARRAY, &tool->search.allowed_domains) ||
        anthropic_raw(rd, v, "blocked_domains", JSON_ARRAY, &tool->search.blocked_domains) ||
        anthropic_raw(rd, v, "user_location", JSON_OBJECT, &tool->search.user_location))
        return rd->e->code;
    return ERR_NONE;
}

/* Of a type that Anthropic has defined, whether it or the client runs it. */
static enum err read_defined(struct anthropic_reading *rd, const struct json *v, struct slice type)
{
    struct chat_tool *tool = chat_tool_new(rd->r, kind_of(type));

    tool->raw = v->source;
    tool->vendor = VENDOR_ANTHROPIC;
    if (tool->kind == TOOL_SERVER)
        tool->type = type;
    if (anthropic_str(rd, v, "name", false, &tool->name) != ERR_NONE)
        return rd->e->code;
    if ((tool->kind == TOOL_WEB_SEARCH || tool->kind == TOOL_WEB_FETCH) &&
        read_search(rd, v, tool) != ERR_NONE)
        return rd->e->code;
    return anthropic_read_cache(rd, v, &tool->cache);
}

static enum err read_tool(struct anthropic_reading *rd, const struct json *v)
{
    struct slice type = {0};

    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, "", "expected an object");
    if (anthropic_str(rd, v, "type", false, &type) != ERR_NONE)
        return rd->e->code;
    if (!type.len || slice_eq(type, SLICE("custom")))
        return read_function(rd, v);
    return read_defined(rd, v, type);
}

enum err anthropic_read_tools(struct anthropic_reading *rd, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return anthropic_refuse(rd, "tools", "expected an array");
    rd->steps[0] = (struct anthropic_step){"tools", 0};
    rd->depth = 1;
    json_for_each(tool, v) {
        if (read_tool(rd, tool) != ERR_NONE)
            return rd->e->code;
        rd->steps[0].at++;
    }
    rd->depth = 0;
    return ERR_NONE;
}

static enum err read_choice_name(struct anthropic_reading *rd, const struct json *v)
{
    struct chat_request *r = rd->r;

    r->choice = CHOICE_ONE;
    r->choice_names = arena_new(r->arena, struct slice);
    r->choice_count = 1;
    return anthropic_str(rd, v, "name", true, &r->choice_names[0]);
}

static enum err read_choice(struct anthropic_reading *rd, const struct json *v)
{
    struct slice type = {0};
    bool serial = false;

    if (anthropic_str(rd, v, "type", false, &type) != ERR_NONE ||
        anthropic_bool(rd, v, "disable_parallel_tool_use", &serial) != ERR_NONE)
        return rd->e->code;
    if (serial)
        rd->r->parallel = CHAT_NO;
    if (slice_eq(type, SLICE("auto")))
        rd->r->choice = CHOICE_AUTO;
    else if (slice_eq(type, SLICE("none")))
        rd->r->choice = CHOICE_NONE;
    else if (slice_eq(type, SLICE("any")))
        rd->r->choice = CHOICE_REQUIRED;
    else if (slice_eq(type, SLICE("tool")))
        return read_choice_name(rd, v);
    else
        return anthropic_refuse(rd, "type", "expected auto, any, tool or none");
    return ERR_NONE;
}

enum err anthropic_read_tool_choice(struct anthropic_reading *rd, const struct json *v)
{
    enum err err;

    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, "tool_choice", "expected an object");
    rd->within = "tool_choice";
    err = read_choice(rd, v);
    rd->within = NULL;
    return err;
}
