/* openai_chat_read_tools.c - Chat Completions requests: tools, and which of them to call. */
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"

/* {name, description, parameters, strict}: of a tool's `function`, or a legacy function. */
static enum err read_function(struct chat_reader *rd, const struct json *v)
{
    struct chat_request *r = rd->r;
    struct chat_tool *tool = chat_tool_new(r, TOOL_FUNCTION);
    bool strict;

    json_for_each(at, v) {
        if (slice_eq(at->key, SLICE("name")))
            tool->name = json_str(r->arena, at);
        else if (slice_eq(at->key, SLICE("description")))
            tool->description = text_of(at);
        else if (slice_eq(at->key, SLICE("parameters")) && json_is(at, JSON_OBJECT))
            tool->schema = at->source;
        else if (slice_eq(at->key, SLICE("parameters")) && !json_is(at, JSON_NULL))
            return openai_chat_read_bad(rd, "function.parameters", "an object");
        else if (slice_eq(at->key, SLICE("strict")) && json_to_bool(at, &strict))
            tool->strict = strict ? CHAT_YES : CHAT_NO;
        else if (slice_eq(at->key, SLICE("cache_control")))
            tool->cache = openai_cache_control_read(at);
    }
    if (!tool->name.len)
        return openai_chat_read_bad(rd, "function.name", "a string that is not empty");
    return ERR_NONE;
}

/* {format: {type: "grammar", grammar: {definition, syntax}}}; Responses has it flat. */
static void read_grammar(struct chat_reader *rd, const struct json *format, struct chat_tool *tool)
{
    const struct json *grammar = json_member(format, SLICE("grammar"));

    if (!text_eq(text_of(json_member(format, SLICE("type"))), SLICE("grammar")))
        return;
    if (!grammar)
        grammar = format;
    tool->grammar.syntax = json_str(rd->r->arena, json_member(grammar, SLICE("syntax")));
    tool->grammar.definition = text_of(json_member(grammar, SLICE("definition")));
}

static enum err read_custom(struct chat_reader *rd, const struct json *v)
{
    struct chat_tool *tool = chat_tool_new(rd->r, TOOL_CUSTOM);

    tool->description = text_of(json_member(v, SLICE("description")));
    read_grammar(rd, json_member(v, SLICE("format")), tool);
    return openai_chat_read_name(rd, json_member(v, SLICE("name")), "custom.name", &tool->name);
}

/* `options` of both ways to ask for it: Chat's own, and Responses' tool with some hosts. */
enum err openai_chat_read_search(struct chat_reader *rd, const struct json *options)
{
    const struct json *location = json_member(options, SLICE("user_location"));
    const struct json *approximate = json_member(location, SLICE("approximate"));
    const struct json *filters = json_member(options, SLICE("filters"));
    struct chat_tool *tool;

    if (!json_is(options, JSON_OBJECT))
        return openai_chat_read_bad(rd, "web_search_options", "an object");
    tool = chat_tool_new(rd->r, TOOL_WEB_SEARCH);
    tool->name = SLICE("web_search");
    tool->search.context_size =
        json_str(rd->r->arena, json_member(options, SLICE("search_context_size")));
    if (json_is(approximate, JSON_OBJECT))
        tool->search.user_location = approximate->source;
    else if (json_is(location, JSON_OBJECT) && !approximate)
        tool->search.user_location = location->source;
    if (json_is(json_member(filters, SLICE("allowed_domains")), JSON_ARRAY))
        tool->search.allowed_domains = json_member(filters, SLICE("allowed_domains"))->source;
    return ERR_NONE;
}

/* Some clients leave the type out, or write a function flat, as Responses has it. */
static enum err read_tool(struct chat_reader *rd, const struct json *v)
{
    const struct json *function = json_member(v, SLICE("function"));
    const struct json *custom = json_member(v, SLICE("custom"));
    struct chat_text type = text_of(json_member(v, SLICE("type")));
    const struct json *mark = json_member(v, SLICE("cache_control"));
    enum err err;

    if (!json_is(v, JSON_OBJECT))
        return openai_chat_read_bad(rd, "type", "an object with a type");
    if (text_is_absent(type) || text_eq(type, SLICE("function")))
        err = read_function(rd, function ? function : v);
    else if (text_eq(type, SLICE("custom")))
        err = read_custom(rd, custom ? custom : v);
    else if (text_eq(type, SLICE("web_search")) || text_eq(type, SLICE("web_search_preview")))
        err = openai_chat_read_search(rd, v);
    else
        err = openai_chat_read_bad(rd, "type", "function or custom");
    if (err == ERR_NONE && mark)
        list_entry(rd->r->tools.prev, struct chat_tool, link)->cache =
            openai_cache_control_read(mark);
    return err;
}

enum err openai_chat_read_tools(struct chat_reader *rd, const struct json *tools)
{
    if (!json_is(tools, JSON_ARRAY))
        return openai_chat_read_bad(rd, "tools", "an array");
    rd->place = AT_TOOL;
    rd->inner = 0;
    json_for_each(at, tools) {
        if (read_tool(rd, at) != ERR_NONE)
            return rd->e->code;
        rd->inner++;
    }
    return ERR_NONE;
}

enum err openai_chat_read_functions(struct chat_reader *rd, const struct json *functions)
{
    if (!json_is(functions, JSON_ARRAY))
        return openai_chat_read_bad(rd, "functions", "an array");
    rd->place = AT_TOOL;
    rd->inner = 0;
    json_for_each(at, functions) {
        if (read_function(rd, at) != ERR_NONE)
            return rd->e->code;
        rd->inner++;
    }
    return ERR_NONE;
}

/* {type: "function", function: {name}}, and flat. */
static struct slice name_of(struct chat_reader *rd, const struct json *v)
{
    const struct json *named = json_member(v, SLICE("function"));

    if (!named)
        named = json_member(v, SLICE("custom"));
    return json_str(rd->r->arena, json_member(named ? named : v, SLICE("name")));
}

static enum err choose_one(struct chat_reader *rd, struct slice name, const char *field)
{
    struct chat_request *r = rd->r;

    if (!name.len)
        return openai_chat_read_bad(rd, field, "a string that is not empty");
    r->choice = CHOICE_ONE;
    r->choice_names = arena_new(r->arena, struct slice);
    r->choice_names[0] = name;
    r->choice_count = 1;
    return ERR_NONE;
}

/* {mode, tools: [{type, function: {name}}]} */
static enum err choose_allowed(struct chat_reader *rd, const struct json *allowed)
{
    struct chat_request *r = rd->r;
    const struct json *tools = json_member(allowed, SLICE("tools"));

    if (!json_is(tools, JSON_ARRAY))
        return openai_chat_read_bad(rd, "tool_choice.allowed_tools.tools", "an array");
    r->choice = text_eq(text_of(json_member(allowed, SLICE("mode"))), SLICE("required"))
                    ? CHOICE_ALLOWED_REQUIRED
                    : CHOICE_ALLOWED_AUTO;
    r->choice_names = arena_array(r->arena, struct slice, tools->count);
    r->choice_count = 0;
    json_for_each(at, tools) {
        struct slice name = name_of(rd, at);

        if (!name.len)
            return openai_chat_read_bad(rd, "tool_choice.allowed_tools.tools",
                                        "tools with a name each");
        r->choice_names[r->choice_count++] = name;
    }
    return ERR_NONE;
}

static bool choose_word(struct chat_request *r, struct chat_text word)
{
    if (text_eq(word, SLICE("auto")))
        r->choice = CHOICE_AUTO;
    else if (text_eq(word, SLICE("none")))
        r->choice = CHOICE_NONE;
    else if (text_eq(word, SLICE("required")) || text_eq(word, SLICE("any"))) // Mistral says any
        r->choice = CHOICE_REQUIRED;
    else
        return false;
    return true;
}

enum err openai_chat_read_choice(struct chat_reader *rd, const struct json *choice)
{
    struct chat_text type = text_of(json_member(choice, SLICE("type")));
    const struct json *allowed = json_member(choice, SLICE("allowed_tools"));

    if (json_is(choice, JSON_STRING)) {
        return choose_word(rd->r, text_of(choice))
                   ? ERR_NONE
                   : openai_chat_read_bad(rd, "tool_choice", "none, auto, required or an object");
    }
    if (!json_is(choice, JSON_OBJECT))
        return openai_chat_read_bad(rd, "tool_choice", "a string or an object");
    if (text_eq(type, SLICE("allowed_tools")))
        return choose_allowed(rd, allowed ? allowed : choice);
    if (choose_word(rd->r, type))
        return ERR_NONE;
    if (text_is_absent(type) || text_eq(type, SLICE("function")) || text_eq(type, SLICE("custom")))
        return choose_one(rd, name_of(rd, choice), "tool_choice.function.name");
    return openai_chat_read_bad(rd, "tool_choice.type", "function, custom or allowed_tools");
}

enum err openai_chat_read_function_call(struct chat_reader *rd, const struct json *choice)
{
    if (json_is(choice, JSON_STRING) && choose_word(rd->r, text_of(choice)))
        return ERR_NONE;
    if (!json_is(choice, JSON_OBJECT))
        return openai_chat_read_bad(rd, "function_call", "none, auto or an object");
    return choose_one(rd, json_str(rd->r->arena, json_member(choice, SLICE("name"))),
                      "function_call.name");
}
