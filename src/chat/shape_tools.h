/* shape_tools.h - what the files of shape_tools() say to each other. */
#ifndef CHAT_SHAPE_TOOLS_H
#define CHAT_SHAPE_TOOLS_H

#include "chat/shape.h"

static inline bool shape_tool_is_function(const struct chat_tool *tool)
{
    return !tool->withheld && (tool->kind == TOOL_FUNCTION || tool->kind == TOOL_CUSTOM);
}

/** A tool that a vendor runs, or whose form only one vendor knows. */
static inline bool shape_tool_is_own(const struct chat_tool *tool)
{
    return !tool->withheld && tool->kind != TOOL_FUNCTION && tool->kind != TOOL_CUSTOM;
}

/** Custom tools are OpenAI's alone; who copies its dialects mostly has no idea of them. */
static inline bool shape_takes_custom(const struct chat_target *t)
{
    return t->host == HOST_VENDOR &&
           (t->dialect == DIALECT_OPENAI_CHAT || t->dialect == DIALECT_OPENAI_RESPONSES);
}

/* Of tables of names that clients choose: an address, which they cannot know. */
static inline uint64_t shape_table_seed(const struct chat_request *r)
{
    return (uint64_t)(uintptr_t)r;
}

/** What is true of any tool. */
bool shape_any_tool(const struct chat_request *r, bool (*is)(const struct chat_tool *tool));

/** "tools[2].strict" in the arena; `suffix` may be "". */
const char *shape_tool_field(const struct chat_request *r, const struct chat_tool *tool,
                             size_t index, const char *suffix);

/** Only in the words of the client's dialect: "tool_choice". */
const char *shape_choice_field(const struct chat_request *r);

/** One more system text. */
void shape_say(struct chat_request *r, struct slice text);

/** Vendors' own tools: kept, left out, refused, or made functions. */
enum err shape_own_tools(struct chat_request *r, const struct chat_target *t, struct err_info *e);

/** Structured output, where needed by a forced tool. */
void shape_format(struct chat_request *r, const struct chat_target *t);

/** Names that fit, and history's calls in the form that their tools have now. */
void shape_tool_names(struct chat_request *r, const struct chat_target *t);

#endif
