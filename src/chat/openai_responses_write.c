/* openai_responses_write.c - a request in the words of Responses. */
#include "base/array.h"
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"
#include "chat/peek.h"

#define OUTPUT_MIN   16 // of max_output_tokens
#define EMPTY_SCHEMA SLICE("{\"type\":\"object\",\"properties\":{}}")

/* What a custom tool is where only functions are known. */
#define INPUT_SCHEMA                                                  \
    SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":" \
          "\"string\"}},\"required\":[\"input\"]}")

struct responses_writer {
    struct json_writer w;
    const struct chat_request *r;
    const struct chat_target *t;
};

static void raw_if_any(struct json_writer *w, struct slice key, struct slice value)
{
    if (value.len)
        responses_raw(w, key, value);
}

/* Tools. */

static struct slice sent_name(const struct chat_tool *tool)
{
    return tool->sent_name.len ? tool->sent_name : tool->name;
}

static void write_function(struct json_writer *w, const struct chat_tool *tool)
{
    struct slice schema = tool->sent_schema.len ? tool->sent_schema : tool->schema;

    if (!schema.len)
        schema = tool->as_function ? INPUT_SCHEMA : EMPTY_SCHEMA;
    responses_open(w, SLICE("function"));
    responses_word(w, SLICE("name"), sent_name(tool));
    if (!text_is_absent(tool->description))
        responses_text(w, SLICE("description"), tool->description);
    responses_raw(w, SLICE("parameters"), schema);
    json_key(w, SLICE("strict")); // left out, it would mean true
    json_value_bool(w, tool->strict == CHAT_YES);
    json_close_object(w);
}

static void write_custom(struct json_writer *w, const struct chat_tool *tool)
{
    responses_open(w, SLICE("custom"));
    responses_word(w, SLICE("name"), sent_name(tool));
    if (!text_is_absent(tool->description))
        responses_text(w, SLICE("description"), tool->description);
    if (tool->grammar.syntax.len) {
        json_key(w, SLICE("format"));
        responses_open(w, SLICE("grammar"));
        responses_text(w, SLICE("definition"), tool->grammar.definition);
        responses_word(w, SLICE("syntax"), tool->grammar.syntax);
        json_close_object(w);
    }
    json_close_object(w);
}

/* Elsewhere the type of the location is understood, here it is asked for. */
static void write_location(struct json_writer *w, struct slice location)
{
    struct peek p = peek_into(location);
    struct slice key, value;

    json_key(w, SLICE("user_location"));
    responses_open(w, SLICE("approximate"));
    while (peek_next(&p, &key, &value)) {
        if (!slice_eq(key, SLICE("type")))
            responses_raw(w, key, value);
    }
    json_close_object(w);
}

static void write_search(struct json_writer *w, const struct chat_tool *tool)
{
    responses_open(w, SLICE("web_search"));
    if (tool->search.allowed_domains.len) {
        json_key(w, SLICE("filters"));
        json_open_object(w);
        responses_raw(w, SLICE("allowed_domains"), tool->search.allowed_domains);
        json_close_object(w);
    }
    if (tool->search.user_location.len)
        write_location(w, tool->search.user_location);
    if (tool->search.context_size.len)
        responses_word(w, SLICE("search_context_size"), tool->search.context_size);
    json_close_object(w);
}

static void write_tool(struct json_writer *w, const struct chat_tool *tool)
{
    bool ours = tool->raw.len && tool->vendor == VENDOR_OPENAI;

    switch (tool->kind) {
    case TOOL_FUNCTION: write_function(w, tool); return;
    case TOOL_CUSTOM:
        if (tool->as_function)
            write_function(w, tool);
        else
            write_custom(w, tool);
        return;
    case TOOL_WEB_SEARCH:
        if (ours && slice_starts(tool->name, SLICE("web_search")) && tool->type.len == 0)
            json_value_raw(w, tool->raw);
        else
            write_search(w, tool);
        return;
    case TOOL_CODE_EXECUTION:
        json_value_raw(w, ours ? tool->raw
                               : SLICE("{\"type\":\"code_interpreter\","
                                       "\"container\":{\"type\":\"auto\"}}"));
        return;
    case TOOL_SERVER:
        if (tool->raw.len)
            json_value_raw(w, tool->raw);
        return;
    case TOOL_WEB_FETCH: return; // there is none
    }
}

static void write_tools(struct responses_writer *rw)
{
    bool any = false;

    list_for_each(at, &rw->r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        if (tool->withheld)
            continue;
        if (!any) {
            json_key(&rw->w, SLICE("tools"));
            json_open_array(&rw->w);
            any = true;
        }
        write_tool(&rw->w, tool);
    }
    if (any)
        json_close_array(&rw->w);
}

/* By the name that the client uses, or else by the one that upstream knows. */
static void chosen_table(const struct chat_request *r, struct table *out)
{
    chat_tool_table(r, out);
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (tool->sent_name.len && !table_get(out, tool->sent_name))
            table_put(out, tool->sent_name, tool);
    }
}

/* A tool of the vendor's is asked for by its type. */
static void write_chosen(struct json_writer *w, const struct table *tools, struct slice name)
{
    const struct chat_tool *tool = table_get(tools, name);
    bool custom = tool && tool->kind == TOOL_CUSTOM && !tool->as_function;

    if (tool && tool->kind != TOOL_FUNCTION && tool->kind != TOOL_CUSTOM) {
        responses_open(w, tool->kind == TOOL_WEB_SEARCH && tool->vendor != VENDOR_OPENAI
                              ? SLICE("web_search")
                              : name);
    } else {
        responses_open(w, custom ? SLICE("custom") : SLICE("function"));
        responses_word(w, SLICE("name"), tool ? sent_name(tool) : name);
    }
    json_close_object(w);
}

static void write_allowed(struct responses_writer *rw, const struct table *tools, struct slice mode)
{
    responses_open(&rw->w, SLICE("allowed_tools"));
    responses_word(&rw->w, SLICE("mode"), mode);
    json_key(&rw->w, SLICE("tools"));
    json_open_array(&rw->w);
    for (size_t i = 0; i < rw->r->choice_count; i++)
        write_chosen(&rw->w, tools, rw->r->choice_names[i]);
    json_close_array(&rw->w);
    json_close_object(&rw->w);
}

static void write_choice(struct responses_writer *rw)
{
    struct table tools;

    if (rw->r->choice == CHOICE_UNSET)
        return;
    chosen_table(rw->r, &tools);
    json_key(&rw->w, SLICE("tool_choice"));
    switch (rw->r->choice) {
    case CHOICE_UNSET: break;
    case CHOICE_AUTO: json_value_string(&rw->w, SLICE("auto")); break;
    case CHOICE_NONE: json_value_string(&rw->w, SLICE("none")); break;
    case CHOICE_REQUIRED: json_value_string(&rw->w, SLICE("required")); break;
    case CHOICE_ONE: write_chosen(&rw->w, &tools, rw->r->choice_names[0]); break;
    case CHOICE_ALLOWED_AUTO: write_allowed(rw, &tools, SLICE("auto")); break;
    case CHOICE_ALLOWED_REQUIRED: write_allowed(rw, &tools, SLICE("required")); break;
    }
    table_release(&tools);
}

/* Fields. */

static void write_format(struct responses_writer *rw)
{
    const struct chat_request *r = rw->r;
    struct json_writer *w = &rw->w;

    json_key(w, SLICE("format"));
    if (r->format.kind == FORMAT_JSON) {
        json_value_raw(w, SLICE("{\"type\":\"json_object\"}"));
        return;
    }
    responses_open(w, SLICE("json_schema"));
    responses_word(w, SLICE("name"), r->format.name.len ? r->format.name : SLICE("response"));
    if (!text_is_absent(r->format.description))
        responses_text(w, SLICE("description"), r->format.description);
    responses_raw(w, SLICE("schema"),
                  r->format.sent_schema.len ? r->format.sent_schema : r->format.schema);
    json_key(w, SLICE("strict"));
    json_value_bool(w, r->format.strict == CHAT_YES);
    json_close_object(w);
}

static void write_text(struct responses_writer *rw)
{
    const struct chat_request *r = rw->r;
    bool formatted = r->format.kind == FORMAT_JSON || r->format.kind == FORMAT_SCHEMA;

    if (!formatted && !r->verbosity.len)
        return;
    json_key(&rw->w, SLICE("text"));
    json_open_object(&rw->w);
    if (formatted)
        write_format(rw);
    if (r->verbosity.len)
        responses_word(&rw->w, SLICE("verbosity"), r->verbosity);
    json_close_object(&rw->w);
}

/* How the client of this dialect wants its summaries, else as the server likes. */
static void write_summary(struct responses_writer *rw)
{
    struct slice asked = responses_asked(rw->r, SLICE("reasoning"));
    struct slice summary = peek_get(asked, SLICE("summary"));

    json_key(&rw->w, SLICE("summary"));
    if (json_is_string(summary))
        json_value_raw(&rw->w, summary);
    else
        json_value_string(&rw->w, SLICE("auto"));
}

static void write_reasoning_field(struct responses_writer *rw)
{
    const struct chat_request *r = rw->r;
    const char *effort =
        r->reasoning.sent == THINKING_EFFORT ? chat_effort_name(r->reasoning.sent_effort) : NULL;

    if (!effort && !r->reasoning.sent_show)
        return;
    json_key(&rw->w, SLICE("reasoning"));
    json_open_object(&rw->w);
    if (effort)
        responses_word(&rw->w, SLICE("effort"), slice_str(effort));
    if (r->reasoning.sent_show)
        write_summary(rw);
    json_close_object(&rw->w);
}

/* What a model that does not reason would refuse to be asked for. */
static bool wants_secret(const struct responses_writer *rw)
{
    return rw->r->reasoning.sent == THINKING_EFFORT || rw->r->reasoning.sent_show ||
           (rw->t->gates && chat_model_has(rw->t->gates, TRAIT_REASONING));
}

#define INCLUDE_SECRET   "reasoning.encrypted_content"
#define INCLUDE_LOGPROBS "message.output_text.logprobs"

/* What the client asked for itself stands first; these two are added where they are missing. */
static void write_include(struct responses_writer *rw)
{
    struct slice asked = responses_asked(rw->r, SLICE("include"));
    bool secret = wants_secret(rw), logprobs = rw->r->logprobs == CHAT_YES;
    struct peek p = peek_into(asked);
    struct slice none, name;

    if (!secret && !logprobs && (!asked.len || peek_is_empty(asked)))
        return;
    json_key(&rw->w, SLICE("include"));
    json_open_array(&rw->w);
    while (peek_next(&p, &none, &name)) {
        bool added = (secret && json_string_eq(name, SLICE(INCLUDE_SECRET))) ||
                     (logprobs && json_string_eq(name, SLICE(INCLUDE_LOGPROBS)));

        if (!added)
            json_value_raw(&rw->w, name);
    }
    if (secret)
        json_value_string(&rw->w, SLICE(INCLUDE_SECRET));
    if (logprobs)
        json_value_string(&rw->w, SLICE(INCLUDE_LOGPROBS));
    json_close_array(&rw->w);
}

static void write_state(struct responses_writer *rw)
{
    if (rw->r->previous_response_id.ptr)
        responses_word(&rw->w, SLICE("previous_response_id"), rw->r->previous_response_id);
    raw_if_any(&rw->w, SLICE("conversation"), rw->r->conversation);
}

static void write_limits(struct responses_writer *rw)
{
    const struct chat_request *r = rw->r;
    struct json_writer *w = &rw->w;

    if (r->max_output > 0) {
        json_key(w, SLICE("max_output_tokens"));
        json_value_int(w, r->max_output < OUTPUT_MIN ? OUTPUT_MIN : r->max_output);
    }
    responses_raw(w, SLICE("store"), r->store.len ? r->store : SLICE("false"));
    raw_if_any(w, SLICE("temperature"), r->temperature);
    raw_if_any(w, SLICE("top_p"), r->top_p);
    if (r->logprobs == CHAT_YES && r->top_logprobs > 0) {
        json_key(w, SLICE("top_logprobs"));
        json_value_int(w, r->top_logprobs);
    }
}

static void write_rest(struct responses_writer *rw)
{
    const struct chat_request *r = rw->r;
    struct json_writer *w = &rw->w;
    const char *tier = openai_tier_name(r->tier);

    write_include(rw);
    if (!text_is_absent(r->cache_key))
        responses_text(w, SLICE("prompt_cache_key"), r->cache_key);
    if (!text_is_absent(r->user_id))
        responses_text(w, SLICE("safety_identifier"), r->user_id);
    raw_if_any(w, SLICE("metadata"), r->metadata);
    if (tier)
        responses_word(w, SLICE("service_tier"), slice_str(tier));
    for (size_t i = 0; i < responses_own_field_count; i++) {
        struct slice key = responses_own_fields[i];

        raw_if_any(w, key, chat_ext_get(r, DIALECT_OPENAI_RESPONSES, key));
    }
    if (rw->t->stream)
        responses_raw(w, SLICE("stream"), SLICE("true"));
}

/* Counting knows what the prompt is made of and nothing of the answer. */
void responses_write_request(const struct chat_request *r, const struct chat_target *t,
                             struct buf *out)
{
    struct responses_writer rw = {.w = {.out = out}, .r = r, .t = t};

    json_open_object(&rw.w);
    responses_word(&rw.w, SLICE("model"), t->model);
    responses_write_input(&rw.w, r, t);
    write_state(&rw);
    if (!t->counting)
        write_limits(&rw);
    write_tools(&rw);
    write_choice(&rw);
    if (r->parallel != CHAT_UNSET) {
        json_key(&rw.w, SLICE("parallel_tool_calls"));
        json_value_bool(&rw.w, r->parallel == CHAT_YES);
    }
    write_reasoning_field(&rw);
    write_text(&rw);
    if (!t->counting)
        write_rest(&rw);
    json_close_object(&rw.w);
}
