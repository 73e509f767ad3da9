/* openai_chat_write.c - Chat Completions requests, written. */
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"

#define NO_PARAMETERS "{\"type\":\"object\",\"properties\":{}}"
#define FREE_INPUT                                                           \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}}," \
    "\"required\":[\"input\"]}"

static struct slice sent_name(const struct chat_tool *tool)
{
    return tool->sent_name.len ? tool->sent_name : tool->name;
}

static bool is_custom(const struct chat_tool *tool)
{
    return tool->kind == TOOL_CUSTOM && !tool->as_function;
}

static void write_function(struct chat_writer *x, const struct chat_tool *tool)
{
    struct json_writer *w = &x->w;
    struct slice schema = tool->sent_schema.len ? tool->sent_schema : tool->schema;

    if (!schema.len)
        schema = tool->kind == TOOL_CUSTOM ? SLICE(FREE_INPUT) : SLICE(NO_PARAMETERS);
    json_open_object(w);
    key_string(w, SLICE("type"), SLICE("function"));
    json_key(w, SLICE("function"));
    json_open_object(w);
    key_string(w, SLICE("name"), sent_name(tool));
    if (!text_is_absent(tool->description))
        key_text(w, SLICE("description"), tool->description);
    json_key(w, SLICE("parameters"));
    json_value_raw(w, schema);
    key_flag_if(w, SLICE("strict"), tool->strict);
    json_close_object(w);
    if (x->t->host != HOST_VENDOR)
        openai_chat_write_mark(x, tool->cache);
    json_close_object(w);
}

static void write_custom(struct chat_writer *x, const struct chat_tool *tool)
{
    struct json_writer *w = &x->w;

    json_open_object(w);
    key_string(w, SLICE("type"), SLICE("custom"));
    json_key(w, SLICE("custom"));
    json_open_object(w);
    key_string(w, SLICE("name"), sent_name(tool));
    if (!text_is_absent(tool->description))
        key_text(w, SLICE("description"), tool->description);
    if (tool->grammar.syntax.len) {
        json_key(w, SLICE("format"));
        json_open_object(w);
        key_string(w, SLICE("type"), SLICE("grammar"));
        json_key(w, SLICE("grammar"));
        json_open_object(w);
        key_text(w, SLICE("definition"), tool->grammar.definition);
        key_string(w, SLICE("syntax"), tool->grammar.syntax);
        json_close_object(w);
        json_close_object(w);
    }
    json_close_object(w);
    json_close_object(w);
}

/* False when there is none to send. */
static bool write_tools(struct chat_writer *x)
{
    bool any = false;

    list_for_each(at, &x->r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        if (tool->withheld ||
            (tool->kind != TOOL_FUNCTION && tool->kind != TOOL_CUSTOM && !tool->as_function))
            continue;
        if (!any) {
            json_key(&x->w, SLICE("tools"));
            json_open_array(&x->w);
        }
        any = true;
        if (is_custom(tool))
            write_custom(x, tool);
        else
            write_function(x, tool);
    }
    if (any)
        json_close_array(&x->w);
    return any;
}

static void write_search(struct chat_writer *x)
{
    struct json_writer *w = &x->w;

    list_for_each(at, &x->r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        if (tool->kind != TOOL_WEB_SEARCH || tool->withheld)
            continue;
        json_key(w, SLICE("web_search_options"));
        json_open_object(w);
        if (tool->search.context_size.len)
            key_string(w, SLICE("search_context_size"), tool->search.context_size);
        if (tool->search.user_location.len) {
            json_key(w, SLICE("user_location"));
            json_open_object(w);
            key_string(w, SLICE("type"), SLICE("approximate"));
            json_key(w, SLICE("approximate"));
            json_value_raw(w, tool->search.user_location);
            json_close_object(w);
        }
        json_close_object(w);
        return;
    }
}

/* {"type":"function","function":{"name":...}} */
static void write_chosen(struct chat_writer *x, const struct chat_tool *tool, struct slice name)
{
    struct slice type = tool && is_custom(tool) ? SLICE("custom") : SLICE("function");
    struct json_writer *w = &x->w;

    json_open_object(w);
    key_string(w, SLICE("type"), type);
    json_key(w, type);
    json_open_object(w);
    key_string(w, SLICE("name"), tool ? sent_name(tool) : name);
    json_close_object(w);
    json_close_object(w);
}

static void write_allowed(struct chat_writer *x, struct slice mode)
{
    const struct chat_request *r = x->r;
    struct json_writer *w = &x->w;
    struct table tools;

    chat_tool_table(r, &tools);
    json_open_object(w);
    key_string(w, SLICE("type"), SLICE("allowed_tools"));
    json_key(w, SLICE("allowed_tools"));
    json_open_object(w);
    key_string(w, SLICE("mode"), mode);
    json_key(w, SLICE("tools"));
    json_open_array(w);
    for (size_t i = 0; i < r->choice_count; i++)
        write_chosen(x, table_get(&tools, r->choice_names[i]), r->choice_names[i]);
    json_close_array(w);
    json_close_object(w);
    json_close_object(w);
    table_release(&tools);
}

static void write_choice(struct chat_writer *x)
{
    const struct slice *names = x->r->choice_names;
    struct json_writer *w = &x->w;

    if (x->r->choice == CHOICE_UNSET)
        return;
    json_key(w, SLICE("tool_choice"));
    switch (x->r->choice) {
    case CHOICE_UNSET:
    case CHOICE_AUTO: json_value_string(w, SLICE("auto")); break;
    case CHOICE_NONE: json_value_string(w, SLICE("none")); break;
    case CHOICE_REQUIRED: json_value_string(w, SLICE("required")); break;
    case CHOICE_ONE: write_chosen(x, chat_tool_find(x->r, names[0]), names[0]); break;
    case CHOICE_ALLOWED_AUTO: write_allowed(x, SLICE("auto")); break;
    case CHOICE_ALLOWED_REQUIRED: write_allowed(x, SLICE("required")); break;
    }
}

/* The rest. */

static void write_format(struct chat_writer *x)
{
    const struct chat_request *r = x->r;
    struct slice schema = r->format.sent_schema.len ? r->format.sent_schema : r->format.schema;
    struct json_writer *w = &x->w;

    if (r->format.kind == FORMAT_UNSET)
        return;
    json_key(w, SLICE("response_format"));
    json_open_object(w);
    switch (r->format.kind) {
    case FORMAT_UNSET:
    case FORMAT_TEXT: key_string(w, SLICE("type"), SLICE("text")); break;
    case FORMAT_JSON: key_string(w, SLICE("type"), SLICE("json_object")); break;
    case FORMAT_SCHEMA:
        key_string(w, SLICE("type"), SLICE("json_schema"));
        json_key(w, SLICE("json_schema"));
        json_open_object(w);
        key_string(w, SLICE("name"), r->format.name.len ? r->format.name : SLICE("response"));
        if (!text_is_absent(r->format.description))
            key_text(w, SLICE("description"), r->format.description);
        key_raw_if(w, SLICE("schema"), schema);
        key_flag_if(w, SLICE("strict"), r->format.strict);
        json_close_object(w);
        break;
    }
    json_close_object(w);
}

static void write_sampling(struct chat_writer *x)
{
    const struct chat_request *r = x->r;
    struct json_writer *w = &x->w;

    key_raw_if(w, SLICE("temperature"), r->temperature);
    key_raw_if(w, SLICE("top_p"), r->top_p);
    key_raw_if(w, SLICE("top_k"), r->top_k);
    key_raw_if(w, SLICE("frequency_penalty"), r->frequency_penalty);
    key_raw_if(w, SLICE("presence_penalty"), r->presence_penalty);
    key_raw_if(w, SLICE("seed"), r->seed);
    if (r->stop_count) {
        json_key(w, SLICE("stop"));
        json_open_array(w);
        for (size_t i = 0; i < r->stop_count; i++)
            json_value_text(w, r->stops[i]);
        json_close_array(w);
    }
    key_int_if(w, SLICE("n"), r->n);
    key_flag_if(w, SLICE("logprobs"), r->logprobs);
    key_int_if(w, SLICE("top_logprobs"), r->top_logprobs);
}

static void write_account(struct chat_writer *x)
{
    const struct chat_request *r = x->r;
    bool is_vendor = x->t->host == HOST_VENDOR;
    struct json_writer *w = &x->w;

    if (!text_is_absent(r->user_id))
        key_text(w, is_vendor ? SLICE("safety_identifier") : SLICE("user"), r->user_id);
    key_raw_if(w, SLICE("metadata"), r->metadata);
    if (r->tier != TIER_UNSET)
        key_string(w, SLICE("service_tier"), slice_str(openai_tier_name(r->tier)));
    if (!text_is_absent(r->cache_key))
        key_text(w, SLICE("prompt_cache_key"), r->cache_key);
    list_for_each(at, &r->exts) {
        const struct chat_ext *ext = list_entry(at, struct chat_ext, link);

        if (ext->dialect == DIALECT_OPENAI_CHAT)
            key_raw_if(w, ext->key, ext->raw);
    }
}

static void write_stream(struct json_writer *w)
{
    key_bool(w, SLICE("stream"), true);
    json_key(w, SLICE("stream_options"));
    json_open_object(w);
    key_bool(w, SLICE("include_usage"), true);
    json_close_object(w);
}

void openai_chat_write_request(const struct chat_request *r, const struct chat_target *t,
                               struct buf *out)
{
    struct chat_writer x = {.w = {.out = out}, .r = r, .t = t};
    struct json_writer *w = &x.w;
    bool is_vendor = t->host == HOST_VENDOR;

    json_open_object(w);
    key_string(w, SLICE("model"), t->model);
    openai_chat_write_messages(&x);
    key_int_if(w, is_vendor ? SLICE("max_completion_tokens") : SLICE("max_tokens"), r->max_output);
    if (write_tools(&x)) {
        write_choice(&x);
        key_flag_if(w, SLICE("parallel_tool_calls"), r->parallel);
    }
    write_search(&x);
    if (r->reasoning.sent == THINKING_EFFORT && r->reasoning.sent_effort != EFFORT_UNSET)
        key_string(w, SLICE("reasoning_effort"),
                   slice_str(chat_effort_name(r->reasoning.sent_effort)));
    if (r->reasoning.sent == THINKING_DISABLED) { // providers.md: DeepSeek V4, Kimi
        json_key(w, SLICE("thinking"));
        json_value_raw(w, SLICE("{\"type\":\"disabled\"}"));
    }
    write_format(&x);
    write_sampling(&x);
    if (r->verbosity.len)
        key_string(w, SLICE("verbosity"), r->verbosity);
    key_raw_if(w, SLICE("modalities"), r->modalities);
    write_account(&x);
    if (t->stream)
        write_stream(w);
    json_close_object(w);
}
