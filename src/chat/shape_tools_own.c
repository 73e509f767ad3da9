/* shape_tools_own.c - vendors' own tools at another vendor: kept, left out, refused, or functions. */
#include "base/array.h"
#include "chat/shape_tools.h"
#include "json/raw.h"
#include "json/scan.h"

#define VIEW_RANGE                                                                        \
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":2," \
    "\"description\":\"For view: first and last line, counted from 1; -1 is the last one.\"}"
#define POINT                                                                             \
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":2," \
    "\"description\":\"x and y in pixels.\"}"
#define TEXT_EDITOR(commands, more)                                                             \
    "{\"type\":\"object\",\"properties\":{"                                                     \
    "\"command\":{\"type\":\"string\",\"enum\":[" commands "]},"                                \
    "\"path\":{\"type\":\"string\",\"description\":\"The file or directory.\"},"                \
    "\"view_range\":" VIEW_RANGE ","                                                            \
    "\"file_text\":{\"type\":\"string\",\"description\":\"For create: the file's content.\"},"  \
    "\"old_str\":{\"type\":\"string\",\"description\":\"For str_replace: the text to replace, " \
    "which must occur once.\"},"                                                                \
    "\"new_str\":{\"type\":\"string\",\"description\":\"For str_replace and older forms of "    \
    "insert: the new text.\"}," more                                                            \
    "\"insert_line\":{\"type\":\"integer\",\"description\":\"For insert: the line behind "      \
    "which to insert; 0 is the beginning.\"}},\"required\":[\"command\",\"path\"]}"

static const struct {
    struct slice begins, description, schema;
} client_tools[] = {
#define OWN_TOOL(begins, description, schema) \
    {SLICE_INIT(begins), SLICE_INIT(description), SLICE_INIT(schema)},
#include "chat/shape_tools_own.def"
#undef OWN_TOOL
};

enum fate { FATE_KEEP, FATE_DROP, FATE_REFUSE, FATE_FUNCTION };

/* Only the models that always search have a field for it on Chat. */
static bool chat_searches(const struct chat_request *r, const struct chat_target *t)
{
    return slice_find_slice(t->model, SLICE("search")) != SIZE_MAX ||
           (t->host == HOST_COMPATIBLE && r->dialect == DIALECT_OPENAI_CHAT);
}

static bool is_same_place(const struct chat_request *r, const struct chat_target *t,
                          const struct chat_tool *tool)
{
    if (t->dialect == DIALECT_OPENAI_CHAT)
        return false; // it has no others than search
    return tool->vendor == chat_target_vendor(t) || r->dialect == t->dialect;
}

static enum fate fate_of(const struct chat_request *r, const struct chat_target *t,
                         const struct chat_tool *tool)
{
    switch (tool->kind) {
    case TOOL_FUNCTION:
    case TOOL_CUSTOM: return FATE_KEEP;
    case TOOL_WEB_SEARCH:
        return t->dialect != DIALECT_OPENAI_CHAT || chat_searches(r, t) ? FATE_KEEP : FATE_DROP;
    case TOOL_WEB_FETCH:
        return t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_GEMINI ? FATE_KEEP
                                                                               : FATE_DROP;
    case TOOL_CODE_EXECUTION: return t->dialect == DIALECT_OPENAI_CHAT ? FATE_REFUSE : FATE_KEEP;
    case TOOL_SERVER: break;
    }
    if (is_same_place(r, t, tool))
        return FATE_KEEP;
    if (slice_starts(tool->type, SLICE("tool_search")))
        return FATE_DROP; // the tools that it would find are all sent
    return tool->vendor == VENDOR_ANTHROPIC ? FATE_FUNCTION : FATE_REFUSE;
}

static bool make_function(struct chat_request *r, struct chat_tool *tool)
{
    struct slice width = {0}, height = {0};

    for (size_t i = 0; i < ARRAY_LEN(client_tools); i++) {
        if (!slice_starts(tool->type, client_tools[i].begins))
            continue;
        tool->kind = TOOL_FUNCTION;
        tool->description = text_plain(client_tools[i].description);
        tool->schema = client_tools[i].schema;
        json_get(tool->raw, SLICE("display_width_px"), &width);
        json_get(tool->raw, SLICE("display_height_px"), &height);
        if (json_is_number(width) && json_is_number(height))
            tool->description = text_plain(arena_printf(
                r->arena, "%.*s The screen has %.*s x %.*s pixels.",
                SLICE_ARG(client_tools[i].description), SLICE_ARG(width), SLICE_ARG(height)));
        return true;
    }
    return false;
}

/* What this target's search cannot be told. */
static void fit_search(struct chat_request *r, const struct chat_target *t, struct chat_tool *tool,
                       size_t index)
{
    bool gemini = t->dialect == DIALECT_GEMINI, chat = t->dialect == DIALECT_OPENAI_CHAT;
    struct {
        const char *name;
        struct slice *value;
        bool has_no_place;
    } fields[] = {
        {".allowed_domains",     &tool->search.allowed_domains, gemini || chat},
        {".blocked_domains",     &tool->search.blocked_domains, gemini || chat},
        {".user_location",       &tool->search.user_location,   gemini        },
        {".search_context_size", &tool->search.context_size,
         gemini || t->dialect == DIALECT_ANTHROPIC                            },
    };

    if (tool->raw.len && is_same_place(r, t, tool))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!fields[i].has_no_place || !fields[i].value->len)
            continue;
        chat_note(r, shape_tool_field(r, tool, index, fields[i].name));
        *fields[i].value = (struct slice){0};
    }
    if (tool->search.max_uses && t->dialect != DIALECT_ANTHROPIC) {
        chat_note(r, shape_tool_field(r, tool, index, ".max_uses"));
        tool->search.max_uses = 0;
    }
}

static enum err refuse(const struct chat_request *r, const struct chat_tool *tool, size_t index,
                       struct err_info *e)
{
    struct slice name = tool->type.len ? tool->type : tool->name;

    return err_set(e, ERR_BAD_REQUEST, "%s: the model's provider has no tool like '%.*s'",
                   shape_tool_field(r, tool, index, ""), SLICE_ARG(slice_sub(name, 0, 64)));
}

static enum err fit_own(struct chat_request *r, const struct chat_target *t, struct chat_tool *tool,
                        size_t index, struct err_info *e)
{
    switch (fate_of(r, t, tool)) {
    case FATE_KEEP: break;
    case FATE_DROP:
        chat_note(r, shape_tool_field(r, tool, index, ""));
        tool->withheld = true;
        return ERR_NONE;
    case FATE_REFUSE: return refuse(r, tool, index, e);
    case FATE_FUNCTION: return make_function(r, tool) ? ERR_NONE : refuse(r, tool, index, e);
    }
    if (tool->kind == TOOL_WEB_SEARCH || tool->kind == TOOL_WEB_FETCH)
        fit_search(r, t, tool, index);
    return ERR_NONE;
}

/* Before Gemini 3 there are functions or the vendor's own tools, not both. */
static void unmix(struct chat_request *r)
{
    size_t index = 0;

    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        if (shape_tool_is_own(tool)) {
            chat_note(r, shape_tool_field(r, tool, index, ""));
            tool->withheld = true;
        }
        index++;
    }
}

enum err shape_own_tools(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    size_t index = 0;

    list_for_each(at, &r->tools) {
        if (fit_own(r, t, list_entry(at, struct chat_tool, link), index++, e) != ERR_NONE)
            return e->code;
    }
    if (t->dialect == DIALECT_GEMINI && !chat_model_has(t->gates, TRAIT_MIXED_TOOLS) &&
        shape_any_tool(r, shape_tool_is_function))
        unmix(r);
    return ERR_NONE;
}
