/* openai_responses_read_tools.c - a Responses request into the vocabulary: its tools. */
#include "chat/openai_responses_inside.h"

struct slice responses_flat_name(struct arena *a, struct slice space, struct slice name)
{
    return space.len ? arena_printf(a, "%.*s__%.*s", SLICE_ARG(space), SLICE_ARG(name)) : name;
}

static bool is_word(const struct json *v, struct slice word)
{
    return v && json_string_eq(v->source, word);
}

/* What a tool may say, whatever it is. */
struct tool_fields {
    struct slice type, name;
    const struct json *self, *description, *parameters, *strict, *format, *filters, *tools;
    const struct json *user_location, *context_size;
};

static void gather(struct arena *a, const struct json *v, struct tool_fields *f)
{
    static const struct {
        struct slice key;
        size_t offset;
    } members[] = {
        {SLICE_INIT("description"),         offsetof(struct tool_fields, description)  },
        {SLICE_INIT("parameters"),          offsetof(struct tool_fields, parameters)   },
        {SLICE_INIT("strict"),              offsetof(struct tool_fields, strict)       },
        {SLICE_INIT("format"),              offsetof(struct tool_fields, format)       },
        {SLICE_INIT("filters"),             offsetof(struct tool_fields, filters)      },
        {SLICE_INIT("tools"),               offsetof(struct tool_fields, tools)        },
        {SLICE_INIT("user_location"),       offsetof(struct tool_fields, user_location)},
        {SLICE_INIT("search_context_size"), offsetof(struct tool_fields, context_size) },
    };

    *f = (struct tool_fields){.self = v};
    json_for_each(m, v) {
        if (m->type == JSON_NULL)
            continue;
        if (slice_eq(m->key, SLICE("type")))
            f->type = json_str(a, m);
        else if (slice_eq(m->key, SLICE("name")))
            f->name = json_str(a, m);
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            if (slice_eq(m->key, members[i].key))
                *(const struct json **)(void *)((char *)f + members[i].offset) = m;
        }
    }
}

static enum err read_function(struct responses_reader *rd, const struct responses_at *at,
                              const struct tool_fields *f, struct slice space)
{
    struct chat_tool *tool;
    bool strict = false;

    if (!f->name.len)
        return responses_fail_in(rd, at, "name", "expected a string that is not empty");
    if (f->parameters && !json_is(f->parameters, JSON_OBJECT))
        return responses_fail_in(rd, at, "parameters", "expected an object");
    if (f->strict && !json_to_bool(f->strict, &strict))
        return responses_fail_in(rd, at, "strict", "expected true or false");
    tool = chat_tool_new(rd->r, TOOL_FUNCTION);
    tool->name = responses_flat_name(rd->r->arena, space, f->name);
    tool->space = space;
    tool->description = text_of(f->description);
    if (f->parameters)
        tool->schema = f->parameters->source;
    if (f->strict)
        tool->strict = strict ? CHAT_YES : CHAT_NO;
    return ERR_NONE;
}

static enum err read_custom(struct responses_reader *rd, const struct responses_at *at,
                            const struct tool_fields *f, struct slice space)
{
    struct chat_tool *tool;

    if (!f->name.len)
        return responses_fail_in(rd, at, "name", "expected a string that is not empty");
    tool = chat_tool_new(rd->r, TOOL_CUSTOM);
    tool->name = responses_flat_name(rd->r->arena, space, f->name);
    tool->space = space;
    tool->description = text_of(f->description);
    if (is_word(json_member(f->format, SLICE("type")), SLICE("grammar"))) {
        tool->grammar.syntax = json_str(rd->r->arena, json_member(f->format, SLICE("syntax")));
        tool->grammar.definition = text_of(json_member(f->format, SLICE("definition")));
    }
    return ERR_NONE;
}

/* What the vendor runs itself is named by its type, by which tool_choice asks for it too. */
static struct chat_tool *hosted(struct responses_reader *rd, const struct tool_fields *f,
                                enum chat_tool_kind kind)
{
    struct chat_tool *tool = chat_tool_new(rd->r, kind);

    tool->name = f->type;
    tool->raw = f->self->source;
    tool->vendor = VENDOR_OPENAI;
    if (kind == TOOL_SERVER)
        tool->type = f->type;
    return tool;
}

static void read_search(struct responses_reader *rd, const struct tool_fields *f)
{
    struct chat_tool *tool = hosted(rd, f, TOOL_WEB_SEARCH);
    const struct json *allowed = json_member(f->filters, SLICE("allowed_domains"));
    const struct json *blocked = json_member(f->filters, SLICE("blocked_domains"));

    if (json_is(allowed, JSON_ARRAY))
        tool->search.allowed_domains = allowed->source;
    if (json_is(blocked, JSON_ARRAY))
        tool->search.blocked_domains = blocked->source;
    if (json_is(f->user_location, JSON_OBJECT))
        tool->search.user_location = f->user_location->source;
    tool->search.context_size = json_str(rd->r->arena, f->context_size);
}

static enum err read_tool(struct responses_reader *rd, const struct responses_at *at,
                          const struct json *v, struct slice space);

/* A namespace holds functions and custom tools; what else is in it is not looked into. */
// NOLINTNEXTLINE(misc-no-recursion): one step, namespaces do not nest
static enum err read_namespace(struct responses_reader *rd, const struct responses_at *at,
                               const struct tool_fields *f, struct slice space)
{
    struct responses_at list = {at, "tools", 0}, inner = {&list, NULL, 0};

    if (space.len)
        return responses_fail_in(rd, at, "type", "a namespace in a namespace");
    if (!f->name.len)
        return responses_fail_in(rd, at, "name", "expected a string that is not empty");
    if (!json_is(f->tools, JSON_ARRAY))
        return responses_fail(rd, &list, "expected an array");
    json_for_each(tool, f->tools) {
        if (read_tool(rd, &inner, tool, f->name) != ERR_NONE)
            return rd->e->code;
        inner.index++;
    }
    return ERR_NONE;
}

// NOLINTNEXTLINE(misc-no-recursion): as above
static enum err read_tool(struct responses_reader *rd, const struct responses_at *at,
                          const struct json *v, struct slice space)
{
    struct tool_fields f;

    if (!json_is(v, JSON_OBJECT))
        return responses_fail(rd, at, "expected an object");
    gather(rd->r->arena, v, &f);
    if (!f.type.len)
        return responses_fail_in(rd, at, "type", "expected a string");
    if (slice_eq(f.type, SLICE("function")))
        return read_function(rd, at, &f, space);
    if (slice_eq(f.type, SLICE("custom")))
        return read_custom(rd, at, &f, space);
    if (slice_eq(f.type, SLICE("namespace")))
        return read_namespace(rd, at, &f, space);
    if (slice_starts(f.type, SLICE("web_search")))
        read_search(rd, &f);
    else if (slice_eq(f.type, SLICE("code_interpreter")))
        hosted(rd, &f, TOOL_CODE_EXECUTION);
    else
        hosted(rd, &f, TOOL_SERVER);
    return ERR_NONE;
}

enum err responses_read_tools(struct responses_reader *rd, const struct responses_at *at,
                              const struct json *tools)
{
    struct responses_at item = {at, NULL, 0};

    if (!json_is(tools, JSON_ARRAY))
        return responses_fail(rd, at, "expected an array");
    json_for_each(v, tools) {
        if (read_tool(rd, &item, v, slice_of(NULL, 0)) != ERR_NONE)
            return rd->e->code;
        item.index++;
    }
    return ERR_NONE;
}

/* The name in a choice: of a function or custom tool; of any other, its type. */
static struct slice chosen_name(struct arena *a, const struct json *v)
{
    struct slice type = {0}, name = {0}, space = {0};

    json_for_each(m, v) {
        if (slice_eq(m->key, SLICE("type")))
            type = json_str(a, m);
        else if (slice_eq(m->key, SLICE("name")))
            name = json_str(a, m);
        else if (slice_eq(m->key, SLICE("namespace")))
            space = json_str(a, m);
    }
    if (slice_eq(type, SLICE("function")) || slice_eq(type, SLICE("custom")))
        return responses_flat_name(a, space, name);
    return type;
}

static enum err read_allowed(struct responses_reader *rd, const struct json *choice)
{
    const struct responses_at top = {NULL, "tool_choice", 0}, list = {&top, "tools", 0};
    const struct json *mode = json_member(choice, SLICE("mode"));
    const struct json *tools = json_member(choice, SLICE("tools"));
    struct chat_request *r = rd->r;
    bool required = is_word(mode, SLICE("required"));

    if (!required && !is_word(mode, SLICE("auto")))
        return responses_fail_in(rd, &top, "mode", "expected auto or required");
    if (!json_is(tools, JSON_ARRAY))
        return responses_fail(rd, &list, "expected an array");
    r->choice = required ? CHOICE_ALLOWED_REQUIRED : CHOICE_ALLOWED_AUTO;
    r->choice_names = arena_array(r->arena, struct slice, tools->count);
    r->choice_count = 0;
    json_for_each(v, tools) {
        struct slice name = chosen_name(r->arena, v);

        if (!name.len)
            return responses_fail(rd, &(struct responses_at){&list, NULL, r->choice_count},
                                  "expected an object that names a tool");
        r->choice_names[r->choice_count++] = name;
    }
    return ERR_NONE;
}

enum err responses_read_choice(struct responses_reader *rd, const struct json *choice)
{
    const struct responses_at at = {NULL, "tool_choice", 0};
    const struct json *type = json_member(choice, SLICE("type"));
    struct chat_request *r = rd->r;
    struct slice name;

    if (json_is(choice, JSON_STRING)) {
        if (json_string_eq(choice->source, SLICE("auto")))
            r->choice = CHOICE_AUTO;
        else if (json_string_eq(choice->source, SLICE("none")))
            r->choice = CHOICE_NONE;
        else if (json_string_eq(choice->source, SLICE("required")))
            r->choice = CHOICE_REQUIRED;
        else
            return responses_fail(rd, &at, "expected none, auto, required or an object");
        return ERR_NONE;
    }
    if (!json_is(choice, JSON_OBJECT))
        return responses_fail(rd, &at, "expected a string or an object");
    if (is_word(type, SLICE("allowed_tools")))
        return read_allowed(rd, choice);
    name = chosen_name(r->arena, choice);
    if (!name.len)
        return responses_fail(rd, &at, "expected an object that names a tool");
    r->choice = CHOICE_ONE;
    r->choice_names = arena_array(r->arena, struct slice, 1);
    r->choice_names[0] = name;
    r->choice_count = 1;
    return ERR_NONE;
}
