/* anthropic_write.c - requests in Anthropic's Messages: the body, its fields and tools. */
#include "chat/anthropic_inside.h"
#include "chat/peek.h"
#include "json/write.h"

#define NO_PARAMETERS "{\"type\":\"object\",\"properties\":{}}"
#define FREE_TEXT \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"

static void member_string(struct json_writer *w, struct slice key, const char *value)
{
    json_key(w, key);
    json_value_string(w, slice_str(value));
}

static void member_raw(struct json_writer *w, struct slice key, struct slice raw)
{
    if (!raw.len)
        return;
    json_key(w, key);
    json_value_raw(w, raw);
}

void anthropic_write_cache(struct json_writer *w, enum chat_cache cache)
{
    if (cache == CACHE_NONE)
        return;
    json_key(w, SLICE("cache_control"));
    json_value_raw(w, cache == CACHE_1H || cache == CACHE_12H
                          ? SLICE("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
                          : SLICE("{\"type\":\"ephemeral\"}"));
}

static struct slice first_of(struct slice a, struct slice b)
{
    return a.len ? a : b;
}

/* A custom tool is one of free text, and goes as a function of it. */
static void write_function(struct json_writer *w, const struct chat_tool *tool)
{
    struct slice schema = first_of(tool->sent_schema, tool->schema);

    json_open_object(w);
    json_key(w, SLICE("name"));
    json_value_string(w, first_of(tool->sent_name, tool->name));
    if (!text_is_absent(tool->description)) {
        json_key(w, SLICE("description"));
        json_value_text(w, tool->description);
    }
    json_key(w, SLICE("input_schema"));
    json_value_raw(
        w, first_of(schema, tool->kind == TOOL_CUSTOM ? SLICE(FREE_TEXT) : SLICE(NO_PARAMETERS)));
    if (tool->strict == CHAT_YES) {
        json_key(w, SLICE("strict"));
        json_value_bool(w, true);
    }
    anthropic_write_cache(w, tool->cache);
    json_close_object(w);
}

/* Everybody has the same members; only here must they say how near it is. */
static void write_location(struct json_writer *w, struct slice location)
{
    struct peek p = peek_into(location);
    struct slice key, value;

    if (!location.len)
        return;
    json_key(w, SLICE("user_location"));
    json_open_object(w);
    member_string(w, SLICE("type"), "approximate");
    while (peek_next(&p, &key, &value)) {
        if (!slice_eq(key, SLICE("type")))
            member_raw(w, key, value);
    }
    json_close_object(w);
}

static void write_defined(struct json_writer *w, const struct chat_tool *tool, const char *type,
                          const char *name)
{
    if (tool->vendor == VENDOR_ANTHROPIC && tool->raw.len) {
        json_value_raw(w, tool->raw);
        return;
    }
    json_open_object(w);
    member_string(w, SLICE("type"), type);
    member_string(w, SLICE("name"), name);
    if (tool->search.max_uses > 0) {
        json_key(w, SLICE("max_uses"));
        json_value_int(w, tool->search.max_uses);
    }
    member_raw(w, SLICE("allowed_domains"), tool->search.allowed_domains);
    member_raw(w, SLICE("blocked_domains"), tool->search.blocked_domains);
    if (tool->kind == TOOL_WEB_SEARCH)
        write_location(w, tool->search.user_location);
    anthropic_write_cache(w, tool->cache);
    json_close_object(w);
}

static void write_tool(struct json_writer *w, const struct chat_tool *tool)
{
    switch (tool->kind) {
    case TOOL_FUNCTION:
    case TOOL_CUSTOM: write_function(w, tool); return;
    case TOOL_WEB_SEARCH: write_defined(w, tool, "web_search_20250305", "web_search"); return;
    case TOOL_WEB_FETCH: write_defined(w, tool, "web_fetch_20250910", "web_fetch"); return;
    case TOOL_CODE_EXECUTION:
        write_defined(w, tool, "code_execution_20250825", "code_execution");
        return;
    case TOOL_SERVER:
        if (tool->vendor == VENDOR_ANTHROPIC)
            json_value_raw(w, tool->raw);
        return;
    }
}

/* The name that goes upstream for one that the client used. */
static struct slice sent_name(const struct chat_request *r, struct slice name)
{
    const struct chat_tool *tool = chat_tool_find(r, name);

    return tool ? first_of(tool->sent_name, tool->name) : name;
}

static void write_choice(struct json_writer *w, const struct chat_request *r)
{
    bool serial = r->parallel == CHAT_NO && r->choice != CHOICE_NONE;
    const char *type = NULL;

    switch (r->choice) {
    case CHOICE_UNSET: type = serial ? "auto" : NULL; break;
    case CHOICE_AUTO:
    case CHOICE_ALLOWED_AUTO: type = "auto"; break; // the others are withheld
    case CHOICE_NONE: type = "none"; break;
    case CHOICE_REQUIRED:
    case CHOICE_ALLOWED_REQUIRED: type = "any"; break;
    case CHOICE_ONE: type = "tool"; break;
    }
    if (!type)
        return;
    json_key(w, SLICE("tool_choice"));
    json_open_object(w);
    member_string(w, SLICE("type"), type);
    if (r->choice == CHOICE_ONE) {
        json_key(w, SLICE("name"));
        json_value_string(w, sent_name(r, r->choice_names[0]));
    }
    if (serial) {
        json_key(w, SLICE("disable_parallel_tool_use"));
        json_value_bool(w, true);
    }
    json_close_object(w);
}

static void write_tools(struct json_writer *w, const struct chat_request *r)
{
    bool any = false;

    list_for_each(at, &r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (tool->withheld || (tool->kind == TOOL_SERVER && tool->vendor != VENDOR_ANTHROPIC))
            continue;
        if (!any) {
            json_key(w, SLICE("tools"));
            json_open_array(w);
            any = true;
        }
        write_tool(w, tool);
    }
    if (!any)
        return;
    json_close_array(w);
    write_choice(w, r);
}

static void write_thinking_type(struct json_writer *w, const struct chat_request *r,
                                const char *type, bool summarized)
{
    json_key(w, SLICE("thinking"));
    json_open_object(w);
    member_string(w, SLICE("type"), type);
    if (r->reasoning.sent == THINKING_BUDGET) {
        json_key(w, SLICE("budget_tokens"));
        json_value_int(w, r->reasoning.sent_budget);
    }
    if (r->reasoning.show == CHAT_NO && r->reasoning.sent != THINKING_DISABLED)
        member_string(w, SLICE("display"), "omitted");
    else if (summarized && r->reasoning.sent_show)
        member_string(w, SLICE("display"), "summarized");
    json_close_object(w);
}

/* Models that take a budget show what they think without being asked to. */
static void write_thinking(struct json_writer *w, const struct chat_request *r)
{
    switch (r->reasoning.sent) {
    case THINKING_BUDGET: write_thinking_type(w, r, "enabled", false); return;
    case THINKING_ADAPTIVE: write_thinking_type(w, r, "adaptive", true); return;
    case THINKING_BETWEEN_TOOLS: write_thinking_type(w, r, "between_tools", false); return;
    case THINKING_DISABLED: write_thinking_type(w, r, "disabled", false); return;
    case THINKING_UNSAID:
    case THINKING_EFFORT: // `effort` alone, in output_config
    case THINKING_LEVEL: return;
    }
}

/* A schema for which a tool stands is not said here. */
static bool has_format(const struct chat_request *r)
{
    if (r->format.kind != FORMAT_SCHEMA)
        return false;
    list_for_each(at, &r->tools) {
        if (list_entry(at, struct chat_tool, link)->is_format)
            return false;
    }
    return true;
}

static void write_output_config(struct json_writer *w, const struct chat_request *r)
{
    const char *effort = chat_effort_name(r->reasoning.sent_effort);
    bool format = has_format(r);

    if (!effort && !format)
        return;
    json_key(w, SLICE("output_config"));
    json_open_object(w);
    if (effort)
        member_string(w, SLICE("effort"), effort);
    if (format) {
        json_key(w, SLICE("format"));
        json_open_object(w);
        member_string(w, SLICE("type"), "json_schema");
        json_key(w, SLICE("schema"));
        json_value_raw(w, first_of(r->format.sent_schema, r->format.schema));
        json_close_object(w);
    }
    json_close_object(w);
}

static void write_stops(struct json_writer *w, const struct chat_request *r)
{
    if (!r->stop_count)
        return;
    json_key(w, SLICE("stop_sequences"));
    json_open_array(w);
    for (size_t i = 0; i < r->stop_count; i++)
        json_value_text(w, r->stops[i]);
    json_close_array(w);
}

/* Priority is a kind of capacity here, which "auto" uses where there is some. */
static void write_tier(struct json_writer *w, const struct chat_request *r)
{
    switch (r->tier) {
    case TIER_AUTO:
    case TIER_PRIORITY: member_string(w, SLICE("service_tier"), "auto"); return;
    case TIER_DEFAULT: member_string(w, SLICE("service_tier"), "standard_only"); return;
    case TIER_UNSET:
    case TIER_FLEX:
    case TIER_SCALE: return;
    }
}

/* What is about the answer; counting tokens has none. */
static void write_answer_fields(struct json_writer *w, const struct chat_request *r,
                                const struct chat_target *t)
{
    member_raw(w, SLICE("temperature"), r->temperature);
    member_raw(w, SLICE("top_p"), r->top_p);
    member_raw(w, SLICE("top_k"), r->top_k);
    write_stops(w, r);
    if (!text_is_absent(r->user_id)) {
        json_key(w, SLICE("metadata"));
        json_open_object(w);
        json_key(w, SLICE("user_id"));
        json_value_text(w, r->user_id);
        json_close_object(w);
    }
    write_tier(w, r);
    if (t->stream) {
        json_key(w, SLICE("stream"));
        json_value_bool(w, true);
    }
}

void anthropic_write_request(const struct chat_request *r, const struct chat_target *t,
                             struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    json_key(&w, SLICE("model"));
    json_value_string(&w, t->model);
    if (!t->counting) {
        json_key(&w, SLICE("max_tokens"));
        json_value_int(&w, r->max_output);
    }
    anthropic_write_system(&w, r);
    anthropic_write_messages(&w, r);
    write_tools(&w, r);
    write_thinking(&w, r);
    write_output_config(&w, r);
    anthropic_write_cache(&w, r->auto_cache);
    if (!t->counting)
        write_answer_fields(&w, r, t);
    json_close_object(&w);
}
