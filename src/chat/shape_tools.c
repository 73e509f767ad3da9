/* shape_tools.c - tools, and which may be called, in the form that the target takes. */
#include "chat/shape_tools.h"

#include "base/table.h"
#include "chat/schema.h"

#define INPUT_SCHEMA                                                                            \
    SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":" \
          "[\"input\"]}")

#define NOTED_TOOLS 64 // those after it are noted together

bool shape_any_tool(const struct chat_request *r, bool (*is)(const struct chat_tool *tool))
{
    list_for_each(at, &r->tools) {
        if (is(list_entry(at, struct chat_tool, link)))
            return true;
    }
    return false;
}

const char *shape_tool_field(const struct chat_request *r, const struct chat_tool *tool,
                             size_t index, const char *suffix)
{
    if (r->dialect == DIALECT_OPENAI_CHAT && tool->kind == TOOL_WEB_SEARCH)
        return arena_printf(r->arena, "web_search_options%s", suffix).ptr;
    if (index >= NOTED_TOOLS)
        return "tools";
    return arena_printf(r->arena, "tools[%zu]%s", index, suffix).ptr;
}

const char *shape_choice_field(const struct chat_request *r)
{
    return r->dialect == DIALECT_GEMINI ? "toolConfig.functionCallingConfig" : "tool_choice";
}

void shape_say(struct chat_request *r, struct slice text)
{
    chat_item_text(r->arena, &r->system, text_plain(text));
}

/* Functions. */

static bool is_openai(const struct chat_target *t)
{
    return t->dialect == DIALECT_OPENAI_CHAT || t->dialect == DIALECT_OPENAI_RESPONSES;
}

static unsigned top_of(const struct chat_target *t)
{
    if (t->dialect == DIALECT_ANTHROPIC)
        return SCHEMA_TOP_BARE;
    if (is_openai(t) && t->host == HOST_VENDOR)
        return SCHEMA_TOP_BARE | SCHEMA_TOP_LISTED;
    return SCHEMA_TOP_OBJECT;
}

/* Anthropic: only what its newer models can keep to is sent as strict. */
static struct slice fit_strict_anthropic(struct chat_request *r, const struct chat_target *t,
                                         struct chat_tool *tool, size_t index)
{
    struct slice fit;

    if (chat_model_has(t->gates, TRAIT_STRICT_TOOLS) &&
        schema_for_anthropic(r->arena, tool->schema, &fit))
        return fit;
    chat_note(r, shape_tool_field(r, tool, index, ".strict"));
    tool->strict = CHAT_UNSET;
    return tool->schema;
}

static void fit_schema(struct chat_request *r, const struct chat_target *t, struct chat_tool *tool,
                       size_t index)
{
    bool strict = tool->strict == CHAT_YES && tool->schema.len;
    struct slice schema = tool->schema;
    unsigned top = top_of(t);

    if (t->dialect == DIALECT_GEMINI) {
        schema = schema_for_gemini(r->arena, schema);
    } else if (t->dialect == DIALECT_ANTHROPIC) {
        if (strict)
            schema = fit_strict_anthropic(r, t, tool, index);
        if (tool->strict == CHAT_NO)
            tool->strict = CHAT_UNSET;                      // which says the same
    } else if (strict && r->dialect == DIALECT_ANTHROPIC) { // OpenAI's own clients know its rules
        schema = schema_for_openai_strict(r->arena, schema);
    }
    if (tool->strict == CHAT_YES && t->dialect != DIALECT_GEMINI)
        top |= SCHEMA_TOP_CLOSED;
    schema = schema_as_object(r->arena, schema, top, &tool->wrapped);
    if (schema.ptr != tool->schema.ptr)
        tool->sent_schema = schema;
}

static void make_function(struct chat_request *r, struct chat_tool *tool)
{
    struct slice between;

    tool->as_function = true;
    tool->sent_schema = INPUT_SCHEMA;
    if (text_is_absent(tool->grammar.definition))
        return;
    between = arena_printf(r->arena, "%sThe input must match this %.*s grammar:\n",
                           tool->description.s.len ? "\n\n" : "", SLICE_ARG(tool->grammar.syntax));
    tool->description = text_join(
        r->arena, text_is_absent(tool->description) ? text_plain(SLICE("")) : tool->description,
        between, tool->grammar.definition);
}

static void fit_functions(struct chat_request *r, const struct chat_target *t)
{
    size_t index = 0;

    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        if (tool->kind == TOOL_FUNCTION && !tool->withheld && !tool->sent_schema.len)
            fit_schema(r, t, tool, index);
        else if (tool->kind == TOOL_CUSTOM && !shape_takes_custom(t))
            make_function(r, tool);
        index++;
    }
}

/* Which may be called. */

static bool is_choosable(const struct chat_target *t, const struct chat_tool *tool)
{
    return shape_tool_is_function(tool) ||
           (shape_tool_is_own(tool) &&
            (t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_OPENAI_RESPONSES));
}

static void choose(struct chat_request *r, enum chat_choice choice)
{
    r->choice = choice;
    chat_note_degraded(r, shape_choice_field(r));
}

/* Those that are not among choice_names are not sent. */
static void withhold_others(struct chat_request *r)
{
    struct table names;

    table_init(&names, shape_table_seed(r));
    for (size_t i = 0; i < r->choice_count; i++)
        table_put(&names, r->choice_names[i], &r->choice_names[i]);
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (!table_get(&names, tool->name))
            tool->withheld = true;
    }
    table_release(&names);
}

/*
 * Leaves those names that can be chosen.  What was never declared is a mistake where it is the
 * only one, and else nothing.
 */
static enum err look_up_names(struct chat_request *r, const struct chat_target *t,
                              struct err_info *e)
{
    struct table tools;
    struct chat_tool *tool = NULL;
    size_t kept = 0;

    table_init(&tools, shape_table_seed(r));
    list_for_each(at, &r->tools) {
        tool = list_entry(at, struct chat_tool, link);
        table_put(&tools, tool->name, tool);
    }
    for (size_t i = 0; i < r->choice_count; i++) {
        tool = table_get(&tools, r->choice_names[i]);
        if (tool && is_choosable(t, tool))
            r->choice_names[kept++] = r->choice_names[i];
    }
    table_release(&tools);
    if (r->choice == CHOICE_ONE && !tool)
        return err_set(e, ERR_BAD_REQUEST, "%s: there is no tool of the name '%.*s'",
                       shape_choice_field(r), SLICE_ARG(slice_sub(r->choice_names[0], 0, 64)));
    r->choice_count = kept;
    if (!kept)
        choose(r, CHOICE_UNSET);
    return ERR_NONE;
}

static void allow_subset(struct chat_request *r, const struct chat_target *t)
{
    bool required = r->choice == CHOICE_ALLOWED_REQUIRED;

    if ((is_openai(t) && t->host == HOST_VENDOR) || (required && t->dialect == DIALECT_GEMINI))
        return; // they have a word for it
    withhold_others(r);
    r->choice = required ? CHOICE_REQUIRED : CHOICE_AUTO;
}

/* To demand a call is refused by some; they are asked for it in words. */
static void ask_for_call(struct chat_request *r)
{
    if (r->choice == CHOICE_ONE)
        withhold_others(r);
    choose(r, CHOICE_AUTO);
    shape_say(r, SLICE("You must call one of the provided tools."));
}

/* "none" forbids functions; where it says nothing of other tools, those are not sent. */
static void forbid_own(struct chat_request *r, const struct chat_target *t)
{
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (shape_tool_is_own(tool) && !is_choosable(t, tool))
            tool->withheld = true;
    }
}

static enum err fit_choice(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    bool named = r->choice == CHOICE_ONE || r->choice == CHOICE_ALLOWED_AUTO ||
                 r->choice == CHOICE_ALLOWED_REQUIRED;

    if (named && look_up_names(r, t, e) != ERR_NONE)
        return e->code;
    if (r->choice == CHOICE_ALLOWED_AUTO || r->choice == CHOICE_ALLOWED_REQUIRED)
        allow_subset(r, t);
    if ((r->choice == CHOICE_REQUIRED || r->choice == CHOICE_ONE) &&
        chat_model_has(t->gates, TRAIT_NO_FORCED_TOOL))
        ask_for_call(r);
    if (r->choice == CHOICE_NONE)
        forbid_own(r, t);
    return ERR_NONE;
}

/* Where there is nothing to call, nothing is said about it. */
static void fit_rest(struct chat_request *r, const struct chat_target *t)
{
    bool any = false;

    list_for_each(at, &r->tools)
        any = any || is_choosable(t, list_entry(at, struct chat_tool, link));
    if (!any) {
        r->choice = CHOICE_UNSET;
        r->parallel = CHAT_UNSET;
    }
    if (t->dialect != DIALECT_GEMINI)
        return;
    if (r->parallel == CHAT_NO)
        chat_note(r, r->dialect == DIALECT_ANTHROPIC ? "tool_choice.disable_parallel_tool_use"
                                                     : "parallel_tool_calls");
    r->parallel = CHAT_UNSET;
}

enum err shape_tools(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (shape_own_tools(r, t, e) != ERR_NONE)
        return e->code;
    fit_functions(r, t);
    if (fit_choice(r, t, e) != ERR_NONE)
        return e->code;
    shape_format(r, t);
    fit_rest(r, t);
    shape_tool_names(r, t);
    return ERR_NONE;
}
