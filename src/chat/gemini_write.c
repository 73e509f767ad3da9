/* gemini_write.c - a generateContent request: its top level, tools and generationConfig. */
#include "base/array.h"
#include "base/table.h"
#include "chat/gemini_inside.h"
#include "chat/peek.h"
#include "json/raw.h"

static void write_system(struct json_writer *w, const struct chat_request *r)
{
    if (list_is_empty(&r->system))
        return;
    json_key(w, SLICE("systemInstruction"));
    json_open_object(w);
    json_key(w, SLICE("parts"));
    json_open_array(w);
    list_for_each(at, &r->system) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (text_is_empty(item->text))
            continue;
        json_open_object(w);
        json_key(w, SLICE("text"));
        json_value_text(w, item->text);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

/* Tools. */

static bool is_function(const struct chat_tool *tool)
{
    return !tool->withheld && (tool->kind == TOOL_FUNCTION || tool->kind == TOOL_CUSTOM);
}

static bool is_own(const struct chat_tool *tool)
{
    return !tool->withheld && !is_function(tool) &&
           (tool->kind != TOOL_SERVER || tool->vendor == VENDOR_GEMINI);
}

static struct slice schema_of(const struct chat_tool *tool)
{
    if (tool->sent_schema.len)
        return tool->sent_schema;
    if (tool->schema.len)
        return tool->schema;
    if (tool->kind == TOOL_CUSTOM)
        return SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                     "\"required\":[\"input\"]}");
    return SLICE("{\"type\":\"object\",\"properties\":{}}");
}

/* Some models want a description, be it empty. */
static void write_declaration(struct json_writer *w, const struct chat_tool *tool)
{
    json_open_object(w);
    json_key(w, SLICE("name"));
    json_value_string(w, tool->sent_name.len ? tool->sent_name : tool->name);
    json_key(w, SLICE("description"));
    if (text_is_absent(tool->description))
        json_value_string(w, SLICE(""));
    else
        json_value_text(w, tool->description);
    json_key(w, SLICE("parametersJsonSchema"));
    json_value_raw(w, schema_of(tool));
    json_close_object(w);
}

static void write_own(struct json_writer *w, const struct chat_tool *tool)
{
    if (tool->vendor == VENDOR_GEMINI && tool->raw.len) {
        json_value_raw(w, tool->raw);
        return;
    }
    switch (tool->kind) {
    case TOOL_WEB_SEARCH: json_value_raw(w, SLICE("{\"googleSearch\":{}}")); return;
    case TOOL_WEB_FETCH: json_value_raw(w, SLICE("{\"urlContext\":{}}")); return;
    case TOOL_CODE_EXECUTION: json_value_raw(w, SLICE("{\"codeExecution\":{}}")); return;
    case TOOL_FUNCTION:
    case TOOL_CUSTOM:
    case TOOL_SERVER: return;
    }
}

/* What there is among the tools. */
struct kit {
    bool functions, own, strict, renamed;
};

static struct kit look_over(const struct chat_request *r)
{
    struct kit kit = {0};

    list_for_each(at, &r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);

        kit.functions = kit.functions || is_function(tool);
        kit.own = kit.own || is_own(tool);
        kit.strict = kit.strict || (is_function(tool) && tool->strict == CHAT_YES);
        kit.renamed = kit.renamed || tool->sent_name.len;
    }
    return kit;
}

static void write_tools(struct json_writer *w, const struct chat_request *r, struct kit kit)
{
    if (!kit.functions && !kit.own)
        return;
    json_key(w, SLICE("tools"));
    json_open_array(w);
    if (kit.functions) {
        json_open_object(w);
        json_key(w, SLICE("functionDeclarations"));
        json_open_array(w);
        list_for_each(at, &r->tools) {
            const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
            if (is_function(tool))
                write_declaration(w, tool);
        }
        json_close_array(w);
        json_close_object(w);
    }
    list_for_each(at, &r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (is_own(tool))
            write_own(w, tool);
    }
    json_close_array(w);
}

/* toolConfig. */

/* Beside tools of Google's own, or held to schemas, calls are VALIDATED where others say AUTO. */
static struct slice mode_of(const struct chat_request *r, struct kit kit)
{
    bool validated = kit.strict || kit.own;

    switch (r->choice) {
    case CHOICE_UNSET: return validated ? SLICE("VALIDATED") : SLICE("");
    case CHOICE_AUTO:
    case CHOICE_ALLOWED_AUTO: return validated ? SLICE("VALIDATED") : SLICE("AUTO");
    case CHOICE_NONE: return SLICE("NONE");
    case CHOICE_REQUIRED:
    case CHOICE_ONE:
    case CHOICE_ALLOWED_REQUIRED: break;
    }
    return SLICE("ANY");
}

/* As the tools are called upstream. */
static void write_names(struct json_writer *w, const struct chat_request *r, struct kit kit)
{
    struct table tools;

    chat_tool_table(r, &tools);
    json_key(w, SLICE("allowedFunctionNames"));
    json_open_array(w);
    for (size_t i = 0; i < r->choice_count; i++) {
        const struct chat_tool *tool = table_get(&tools, r->choice_names[i]);
        bool renamed = kit.renamed && tool && tool->sent_name.len;
        json_value_string(w, renamed ? tool->sent_name : r->choice_names[i]);
    }
    json_close_array(w);
    table_release(&tools);
}

static void write_calling(struct json_writer *w, const struct chat_request *r, struct kit kit)
{
    struct slice mode = mode_of(r, kit);

    if (!kit.functions || !mode.len)
        return;
    json_key(w, SLICE("functionCallingConfig"));
    json_open_object(w);
    json_key(w, SLICE("mode"));
    json_value_string(w, mode);
    if (r->choice == CHOICE_ONE || r->choice == CHOICE_ALLOWED_REQUIRED)
        write_names(w, r, kit);
    json_close_object(w);
}

/* Fields that only Gemini has, of the object that `prefix` names. */
static bool write_exts(struct json_writer *w, const struct chat_request *r, struct slice prefix,
                       struct slice but)
{
    bool found = false;

    list_for_each(at, &r->exts) {
        const struct chat_ext *ext = list_entry(at, struct chat_ext, link);
        struct slice key = slice_after(ext->key, prefix.len);

        if (ext->dialect != DIALECT_GEMINI || !slice_starts(ext->key, prefix) ||
            slice_find(key, '.') != SIZE_MAX || slice_eq(key, but))
            continue;
        if (w) {
            json_key(w, key);
            json_value_raw(w, ext->raw);
        }
        found = true;
    }
    return found;
}

static void write_tool_config(struct json_writer *w, const struct chat_request *r,
                              const struct chat_target *t, struct kit kit)
{
    struct slice traces = SLICE("includeServerSideToolInvocations");
    bool mixed = kit.functions && kit.own && t->host != HOST_VERTEX;
    bool calling = kit.functions && mode_of(r, kit).len;

    if (!calling && !mixed && !write_exts(NULL, r, SLICE("toolConfig."), SLICE("")))
        return;
    json_key(w, SLICE("toolConfig"));
    json_open_object(w);
    write_calling(w, r, kit);
    if (mixed) {
        json_key(w, traces);
        json_value_bool(w, true);
    }
    write_exts(w, r, SLICE("toolConfig."), mixed ? traces : SLICE(""));
    json_close_object(w);
}

/* generationConfig. */

static void member_raw(struct json_writer *w, struct slice key, struct slice raw)
{
    if (!raw.len)
        return;
    json_key(w, key);
    json_value_raw(w, raw);
}

static void member_int(struct json_writer *w, struct slice key, int64_t value)
{
    if (!value)
        return;
    json_key(w, key);
    json_value_int(w, value);
}

static void write_stops(struct json_writer *w, const struct chat_request *r)
{
    if (!r->stop_count)
        return;
    json_key(w, SLICE("stopSequences"));
    json_open_array(w);
    for (size_t i = 0; i < r->stop_count; i++)
        json_value_text(w, r->stops[i]);
    json_close_array(w);
}

static void write_format(struct json_writer *w, const struct chat_request *r)
{
    struct slice schema = r->format.sent_schema.len ? r->format.sent_schema : r->format.schema;
    struct slice mime = chat_ext_get(r, DIALECT_GEMINI, SLICE(GEMINI_CONFIG "responseMimeType"));

    switch (r->format.kind) {
    case FORMAT_UNSET: return;
    case FORMAT_TEXT: member_raw(w, SLICE("responseMimeType"), SLICE("\"text/plain\"")); return;
    case FORMAT_JSON: schema = (struct slice){0}; break;
    case FORMAT_SCHEMA: break;
    }
    member_raw(w, SLICE("responseMimeType"), mime.len ? mime : SLICE("\"application/json\""));
    member_raw(w, SLICE("responseJsonSchema"), schema);
}

static void write_upper(struct json_writer *w, struct slice s)
{
    char upper[32];
    size_t len = s.len < sizeof(upper) ? s.len : sizeof(upper);

    for (size_t i = 0; i < len; i++)
        upper[i] = (char)(s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? s.ptr[i] & ~0x20 : s.ptr[i]);
    json_value_string(w, slice_of(upper, len));
}

/* Never a budget and a level together: that is refused. */
static void write_thinking(struct json_writer *w, const struct chat_request *r)
{
    bool level = r->reasoning.sent == THINKING_LEVEL && r->reasoning.sent_effort;
    bool budget = r->reasoning.sent == THINKING_BUDGET && r->reasoning.sent_budget != BUDGET_UNSET;

    if (!level && !budget && !r->reasoning.sent_show)
        return;
    json_key(w, SLICE("thinkingConfig"));
    json_open_object(w);
    if (r->reasoning.sent_show) {
        json_key(w, SLICE("includeThoughts"));
        json_value_bool(w, true);
    }
    if (level) {
        json_key(w, SLICE("thinkingLevel"));
        write_upper(w, slice_str(chat_effort_name(r->reasoning.sent_effort)));
    }
    if (budget) {
        json_key(w, SLICE("thinkingBudget"));
        json_value_int(w, r->reasoning.sent_budget);
    }
    json_close_object(w);
}

static void write_modalities(struct json_writer *w, struct slice list)
{
    struct peek p = peek_into(list);
    struct slice key, value, inside;

    if (!list.len)
        return;
    json_key(w, SLICE("responseModalities"));
    json_open_array(w);
    while (peek_next(&p, &key, &value)) {
        if (json_string_plain(value, &inside))
            write_upper(w, inside);
    }
    json_close_array(w);
}

/* The object is left out where nothing would stand in it. */
static void write_config(struct json_writer *w, const struct chat_request *r)
{
    struct json_writer inside = *w;
    size_t before = buf_len(w->out), opened;

    json_key(&inside, SLICE("generationConfig"));
    json_open_object(&inside);
    opened = buf_len(w->out);
    member_int(&inside, SLICE("maxOutputTokens"), r->max_output);
    member_raw(&inside, SLICE("temperature"), r->temperature);
    member_raw(&inside, SLICE("topP"), r->top_p);
    member_raw(&inside, SLICE("topK"), r->top_k);
    member_raw(&inside, SLICE("presencePenalty"), r->presence_penalty);
    member_raw(&inside, SLICE("frequencyPenalty"), r->frequency_penalty);
    write_stops(&inside, r);
    member_raw(&inside, SLICE("seed"), r->seed);
    member_int(&inside, SLICE("candidateCount"), r->n);
    if (r->logprobs == CHAT_YES)
        member_raw(&inside, SLICE("responseLogprobs"), SLICE("true"));
    member_int(&inside, SLICE("logprobs"), r->top_logprobs);
    write_format(&inside, r);
    write_thinking(&inside, r);
    write_modalities(&inside, r->modalities);
    write_exts(&inside, r, SLICE(GEMINI_CONFIG), SLICE("responseMimeType"));
    if (buf_len(w->out) == opened) {
        w->out->end -= opened - before;
        return;
    }
    json_close_object(&inside);
    *w = inside;
}

static void write_tier(struct json_writer *w, const struct chat_request *r)
{
    switch (r->tier) {
    case TIER_DEFAULT: member_raw(w, SLICE("serviceTier"), SLICE("\"standard\"")); return;
    case TIER_FLEX: member_raw(w, SLICE("serviceTier"), SLICE("\"flex\"")); return;
    case TIER_PRIORITY: member_raw(w, SLICE("serviceTier"), SLICE("\"priority\"")); return;
    case TIER_UNSET:
    case TIER_AUTO:
    case TIER_SCALE: return;
    }
}

/* AI Studio counts the tokens of a whole request, wrapped; Vertex of its contents. */
static void open_counting(struct json_writer *w, const struct chat_target *t)
{
    struct slice prefix = slice_find(t->model, '/') == SIZE_MAX ? SLICE("models/") : SLICE("");

    json_key(w, SLICE("generateContentRequest"));
    json_open_object(w);
    json_key(w, SLICE("model"));
    buf_append_byte(w->out, '"');
    buf_append(w->out, prefix);
    json_write_escaped(w->out, t->model);
    buf_append_byte(w->out, '"');
    w->comma = true;
}

void gemini_write_request(const struct chat_request *r, const struct chat_target *t,
                          struct buf *out)
{
    struct json_writer w = {.out = out};
    struct kit kit = look_over(r);
    bool wrapped = t->counting && t->host != HOST_VERTEX;

    json_open_object(&w);
    if (wrapped)
        open_counting(&w, t);
    write_system(&w, r);
    gemini_write_contents(&w, r, t);
    write_tools(&w, r, kit);
    if (!t->counting || wrapped)
        write_tool_config(&w, r, t, kit);
    write_config(&w, r);
    if (!t->counting) {
        if (t->host != HOST_VERTEX) // which has headers for it
            write_tier(&w, r);
        write_exts(&w, r, SLICE(""), SLICE(""));
    }
    if (wrapped)
        json_close_object(&w);
    json_close_object(&w);
}
