/* openai_responses_encode_object.c - the documents of an answer: its items, and the whole. */
#include "chat/openai_responses_encode.h"
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"
#include "chat/peek.h"

/* Line ends in valid JSON stand between its tokens, where they mean nothing. */
void responses_raw_line(struct json_writer *w, struct slice raw)
{
    if (w->comma)
        buf_append_byte(w->out, ',');
    w->comma = true;
    while (raw.len) {
        size_t len = 0;

        while (len < raw.len && raw.ptr[len] != '\n' && raw.ptr[len] != '\r')
            len++;
        buf_append(w->out, slice_sub(raw, 0, len));
        raw = slice_after(raw, len + 1);
    }
}

void responses_gathered(struct json_writer *w, const struct buf *escaped)
{
    struct slice s = buf_peek(escaped);

    json_value_text(w, (struct chat_text){s.ptr ? s : SLICE(""), true});
}

static void write_list(struct json_writer *w, struct slice key, const struct buf *items)
{
    json_key(w, key);
    buf_append_byte(w->out, '[');
    buf_append(w->out, buf_peek(items));
    buf_append_byte(w->out, ']');
    w->comma = true;
}

void responses_write_part(struct json_writer *w, const struct responses_part *part, bool empty)
{
    static const struct buf nothing = {0};
    bool refusal = part->kind == PART_REFUSAL;

    responses_open(w, refusal ? SLICE("refusal") : SLICE("output_text"));
    json_key(w, refusal ? SLICE("refusal") : SLICE("text"));
    responses_gathered(w, empty ? &nothing : &part->text);
    if (!refusal) {
        write_list(w, SLICE("annotations"), empty ? &nothing : &part->annotations);
        write_list(w, SLICE("logprobs"), empty ? &nothing : &part->logprobs);
    }
    json_close_object(w);
}

static void write_status(struct json_writer *w, enum responses_status status)
{
    static const char *const names[] = {"in_progress", "completed", "incomplete", "failed"};

    responses_word(w, SLICE("status"), slice_str(names[status]));
}

static void open_item(struct json_writer *w, const struct responses_output *item, struct slice type)
{
    responses_open(w, type);
    responses_word(w, SLICE("id"), responses_item_id(item));
}

static void write_message(struct json_writer *w, const struct responses_encoder *en,
                          const struct responses_output *item, enum responses_status status)
{
    uint32_t at = status == RESPONSES_IN_PROGRESS ? RESPONSES_NONE : item->first;

    open_item(w, item, SLICE("message"));
    responses_word(w, SLICE("role"), SLICE("assistant"));
    write_status(w, status);
    json_key(w, SLICE("content"));
    json_open_array(w);
    for (; at != RESPONSES_NONE; at = en->parts[at].next)
        responses_write_part(w, &en->parts[at], false);
    json_close_array(w);
    json_close_object(w);
}

static void write_reasoning(struct json_writer *w, const struct responses_part *part,
                            const struct responses_output *item, enum responses_status status)
{
    bool added = status == RESPONSES_IN_PROGRESS;

    open_item(w, item, SLICE("reasoning"));
    json_key(w, SLICE("summary"));
    json_open_array(w);
    if (!added && buf_len(&part->text)) {
        responses_open(w, SLICE("summary_text"));
        json_key(w, SLICE("text"));
        responses_gathered(w, &part->text);
        json_close_object(w);
    }
    json_close_array(w);
    if (added || buf_len(&part->secret))
        responses_word(w, SLICE("encrypted_content"), added ? SLICE("") : buf_peek(&part->secret));
    json_close_object(w);
}

static void write_call(struct json_writer *w, const struct responses_part *part,
                       const struct responses_output *item, enum responses_status status)
{
    static const struct buf nothing = {0};

    open_item(w, item, part->custom ? SLICE("custom_tool_call") : SLICE("function_call"));
    responses_word(w, SLICE("call_id"), buf_peek(&part->call_id));
    if (part->space.len)
        responses_word(w, SLICE("namespace"), part->space);
    responses_word(w, SLICE("name"), buf_peek(&part->name));
    json_key(w, part->custom ? SLICE("input") : SLICE("arguments"));
    responses_gathered(w, status == RESPONSES_IN_PROGRESS ? &nothing : &part->text);
    write_status(w, status);
    json_close_object(w);
}

static void write_image(struct json_writer *w, const struct responses_part *part,
                        const struct responses_output *item, enum responses_status status)
{
    open_item(w, item, SLICE("image_generation_call"));
    write_status(w, status);
    if (part->format.len)
        responses_word(w, SLICE("output_format"), part->format);
    json_key(w, SLICE("result"));
    if (status == RESPONSES_IN_PROGRESS)
        json_value_null(w);
    else
        responses_gathered(w, &part->text);
    json_close_object(w);
}

static void write_search(struct json_writer *w, const struct responses_part *part,
                         const struct responses_output *item, enum responses_status status)
{
    static const struct buf nothing = {0};

    open_item(w, item, SLICE("web_search_call"));
    write_status(w, status);
    json_key(w, SLICE("action"));
    responses_open(w, SLICE("search"));
    json_key(w, SLICE("query"));
    responses_gathered(w, status == RESPONSES_IN_PROGRESS ? &nothing : &part->text);
    json_close_object(w);
    json_close_object(w);
}

void responses_write_item(struct json_writer *w, const struct responses_encoder *en,
                          const struct responses_output *item, enum responses_status status)
{
    const struct responses_part *part = &en->parts[item->first];

    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL: write_message(w, en, item, status); return;
    case PART_REASONING: write_reasoning(w, part, item, status); return;
    case PART_CALL: write_call(w, part, item, status); return;
    case PART_IMAGE: write_image(w, part, item, status); return;
    case PART_SEARCH: write_search(w, part, item, status); return;
    }
}

/* The whole.  What the client asked for is repeated, with defaults where it said nothing. */

static struct slice asked(const struct responses_encoder *en, struct slice key)
{
    return en->o.request ? responses_asked(en->o.request, key) : slice_of(NULL, 0);
}

static void echo(struct json_writer *w, const struct responses_encoder *en, struct slice key,
                 struct slice otherwise)
{
    struct slice raw = asked(en, key);

    json_key(w, key);
    responses_raw_line(w, raw.len ? raw : otherwise);
}

static void echo_if_any(struct json_writer *w, const struct responses_encoder *en, struct slice key)
{
    if (asked(en, key).len)
        echo(w, en, key, slice_of(NULL, 0));
}

static void member_or(struct json_writer *w, struct slice object, struct slice key,
                      struct slice otherwise)
{
    struct slice raw = peek_get(object, key);

    json_key(w, key);
    responses_raw_line(w, raw.len ? raw : otherwise);
}

/* Two members are always there, others where the client named them. */
static void echo_reasoning(struct json_writer *w, const struct responses_encoder *en)
{
    struct slice reasoning = asked(en, SLICE("reasoning")), key, value;
    struct peek p = peek_into(reasoning);

    json_key(w, SLICE("reasoning"));
    json_open_object(w);
    member_or(w, reasoning, SLICE("effort"), SLICE("null"));
    member_or(w, reasoning, SLICE("summary"), SLICE("null"));
    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("effort")) || slice_eq(key, SLICE("summary")))
            continue;
        json_key(w, key);
        responses_raw_line(w, value);
    }
    json_close_object(w);
}

static void echo_text(struct json_writer *w, const struct responses_encoder *en)
{
    struct slice text = asked(en, SLICE("text"));
    struct slice verbosity = peek_get(text, SLICE("verbosity"));

    json_key(w, SLICE("text"));
    json_open_object(w);
    member_or(w, text, SLICE("format"), SLICE("{\"type\":\"text\"}"));
    if (verbosity.len)
        responses_raw(w, SLICE("verbosity"), verbosity);
    json_close_object(w);
}

static void echo_tier(struct json_writer *w, const struct responses_encoder *en)
{
    const char *used = openai_tier_name(en->tier);

    if (used)
        responses_word(w, SLICE("service_tier"), slice_str(used));
    else
        echo(w, en, SLICE("service_tier"), SLICE("\"default\""));
}

/* The vendor's code for what a response failed by; Codex shortens, waits or gives up by it. */
static struct slice code_of(enum err code)
{
    switch ((int)code) {
    case ERR_RATE_LIMIT:
    case ERR_UPSTREAM_BUSY: return SLICE("rate_limit_exceeded");
    case ERR_UPSTREAM_FULL: return SLICE("server_is_overloaded");
    case ERR_CONTEXT_LENGTH: return SLICE("context_length_exceeded");
    default: return SLICE("server_error");
    }
}

static void write_error(struct json_writer *w, const struct chat_event *error)
{
    struct slice message = error->error.message;

    json_key(w, SLICE("error"));
    json_open_object(w);
    responses_word(w, SLICE("code"), code_of(error->error.code));
    responses_word(w, SLICE("message"),
                   message.len ? message : slice_str(err_text(error->error.code)));
    json_close_object(w);
}

static void write_times(struct json_writer *w, const struct responses_encoder *en,
                        enum responses_status status)
{
    responses_int(w, SLICE("created_at"), en->created_unix);
    write_status(w, status);
    json_key(w, SLICE("completed_at"));
    if (status != RESPONSES_COMPLETED)
        json_value_null(w);
    else
        json_value_int(w, en->o.now_unix > en->created_unix ? en->o.now_unix : en->created_unix);
}

static void write_outcome(struct json_writer *w, const struct responses_encoder *en,
                          enum responses_status status, const struct chat_event *error)
{
    bool filtered = en->finish == FINISH_FILTER;

    if (status == RESPONSES_FAILED)
        write_error(w, error);
    else
        responses_raw(w, SLICE("error"), SLICE("null"));
    json_key(w, SLICE("incomplete_details"));
    if (status != RESPONSES_INCOMPLETE) {
        json_value_null(w);
        return;
    }
    json_open_object(w);
    responses_word(w, SLICE("reason"),
                   filtered ? SLICE("content_filter") : SLICE("max_output_tokens"));
    json_close_object(w);
}

/* Nothing until all of it is there; when it failed, nothing either. */
static void write_output(struct json_writer *w, const struct responses_encoder *en,
                         enum responses_status status)
{
    bool whole = status == RESPONSES_COMPLETED || status == RESPONSES_INCOMPLETE;

    json_key(w, SLICE("output"));
    json_open_array(w);
    for (uint32_t i = 0; whole && i < en->item_count; i++)
        json_value_raw(w, buf_peek(&en->items[i].json));
    json_close_array(w);
}

void responses_write_object(struct json_writer *w, const struct responses_encoder *en,
                            enum responses_status status, const struct chat_event *error)
{
    static const struct slice null = SLICE_INIT("null");
    bool ended = status == RESPONSES_COMPLETED || status == RESPONSES_INCOMPLETE;

    json_open_object(w);
    responses_word(w, SLICE("id"), slice_of(en->id, en->id_len));
    responses_word(w, SLICE("object"), SLICE("response"));
    write_times(w, en, status);
    write_outcome(w, en, status, error);
    echo(w, en, SLICE("instructions"), null);
    echo(w, en, SLICE("max_output_tokens"), null);
    responses_word(w, SLICE("model"), en->o.model);
    write_output(w, en, status);
    echo(w, en, SLICE("parallel_tool_calls"), SLICE("true"));
    echo(w, en, SLICE("previous_response_id"), null);
    echo_reasoning(w, en);
    echo_tier(w, en);
    echo(w, en, SLICE("temperature"), null);
    echo_text(w, en);
    echo(w, en, SLICE("tool_choice"), SLICE("\"auto\""));
    echo(w, en, SLICE("tools"), SLICE("[]"));
    echo(w, en, SLICE("top_p"), null);
    echo(w, en, SLICE("truncation"), SLICE("\"disabled\""));
    echo(w, en, SLICE("metadata"), SLICE("{}"));
    echo_if_any(w, en, SLICE("conversation"));
    echo_if_any(w, en, SLICE("max_tool_calls"));
    echo_if_any(w, en, SLICE("prompt_cache_key"));
    echo_if_any(w, en, SLICE("prompt_cache_retention"));
    echo_if_any(w, en, SLICE("safety_identifier"));
    echo_if_any(w, en, SLICE("top_logprobs"));
    echo_if_any(w, en, SLICE("user"));
    if (ended || (status == RESPONSES_FAILED && en->has_usage)) {
        json_key(w, SLICE("usage"));
        openai_responses_usage_write(w, &en->usage);
    }
    json_close_object(w);
}
