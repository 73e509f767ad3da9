/* openai_responses_write_input.c - what was said so far, in the words of Responses. */
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"
#include "wire/base64.h"

static const char *detail_name(enum chat_detail detail)
{
    switch (detail) {
    case DETAIL_UNSET:
    case DETAIL_AUTO: break;
    case DETAIL_LOW: return "low";
    case DETAIL_HIGH: return "high";
    case DETAIL_ORIGINAL: return "original";
    }
    return "auto";
}

static void write_image(struct json_writer *w, const struct chat_media *media)
{
    responses_word(w, SLICE("detail"), slice_str(detail_name(media->detail)));
    if (media->source == SOURCE_FILE_ID) {
        responses_text(w, SLICE("file_id"), media->data);
    } else {
        json_key(w, SLICE("image_url"));
        openai_url_write(w, media);
    }
}

/* Files of text go as bytes like all others. */
static void write_text_url(struct json_writer *w, const struct chat_media *media)
{
    struct buf plain = {0}, url = {0};

    text_append_plain(&plain, media->data);
    buf_append(&url, SLICE("data:"));
    buf_append(&url, media->mime.len ? media->mime : SLICE("text/plain"));
    buf_append(&url, SLICE(";base64,"));
    base64_encode(buf_peek(&plain), BASE64_STANDARD, BASE64_PADDED, &url);
    json_value_string(w, buf_peek(&url));
    buf_release(&plain);
    buf_release(&url);
}

/* A text without a name of its own gets one: the server goes by its ending. */
static void write_file(struct json_writer *w, const struct chat_media *media)
{
    switch (media->source) {
    case SOURCE_FILE_ID: responses_text(w, SLICE("file_id"), media->data); return;
    case SOURCE_URL: responses_text(w, SLICE("file_url"), media->data); return;
    case SOURCE_BASE64:
    case SOURCE_TEXT: break;
    }
    if (!text_is_absent(media->name))
        responses_text(w, SLICE("filename"), media->name);
    else
        responses_word(w, SLICE("filename"),
                       media->source == SOURCE_TEXT ? SLICE("document.txt")
                                                    : SLICE("document.pdf"));
    json_key(w, SLICE("file_data"));
    if (media->source == SOURCE_TEXT)
        write_text_url(w, media);
    else
        openai_url_write(w, media);
}

static void write_audio(struct json_writer *w, const struct chat_media *media)
{
    struct slice format = media->mime;

    if (slice_starts(format, SLICE("audio/")))
        format = slice_after(format, sizeof("audio/") - 1);
    if (slice_eq(format, SLICE("mpeg")))
        format = SLICE("mp3");
    else if (slice_eq(format, SLICE("x-wav")) || slice_eq(format, SLICE("wave")))
        format = SLICE("wav");
    json_key(w, SLICE("input_audio"));
    json_open_object(w);
    responses_text(w, SLICE("data"), media->data);
    responses_word(w, SLICE("format"), format);
    json_close_object(w);
}

/* One part of a message or an output; false for items that are no part of one. */
static bool write_part(struct json_writer *w, const struct chat_item *item, bool assistant)
{
    switch (item->kind) {
    case CHAT_TEXT:
        responses_open(w, assistant ? SLICE("output_text") : SLICE("input_text"));
        responses_text(w, SLICE("text"), item->text);
        if (assistant)
            responses_raw(w, SLICE("annotations"), SLICE("[]"));
        break;
    case CHAT_REFUSAL:
        responses_open(w, assistant ? SLICE("refusal") : SLICE("input_text"));
        responses_text(w, assistant ? SLICE("refusal") : SLICE("text"), item->text);
        break;
    case CHAT_IMAGE:
        responses_open(w, SLICE("input_image"));
        write_image(w, &item->media);
        break;
    case CHAT_FILE:
        responses_open(w, SLICE("input_file"));
        write_file(w, &item->media);
        break;
    case CHAT_AUDIO:
        responses_open(w, SLICE("input_audio"));
        write_audio(w, &item->media);
        break;
    case CHAT_VIDEO:
    case CHAT_REASONING:
    case CHAT_CALL:
    case CHAT_RESULT:
    case CHAT_SERVER: return false;
    }
    if (!assistant)
        openai_breakpoint_write(w, item->cache);
    json_close_object(w);
    return true;
}

static bool is_part(const struct chat_item *item)
{
    return item->kind <= CHAT_AUDIO;
}

/* The parts from `at` on, as one message; answers what follows them. */
static struct list *write_message(struct json_writer *w, struct list *at, const struct list *end,
                                  struct slice role, struct slice phase)
{
    bool assistant = slice_eq(role, SLICE("assistant"));

    responses_open(w, SLICE("message"));
    responses_word(w, SLICE("role"), role);
    if (assistant)
        responses_word(w, SLICE("status"), SLICE("completed"));
    json_key(w, SLICE("content"));
    json_open_array(w);
    while (at != end && write_part(w, list_entry(at, struct chat_item, link), assistant))
        at = at->next;
    json_close_array(w);
    if (assistant && phase.len)
        responses_word(w, SLICE("phase"), phase);
    json_close_object(w);
    return at;
}

static void write_texts(struct json_writer *w, struct slice key, struct slice type,
                        struct chat_text content)
{
    json_key(w, key);
    json_open_array(w);
    if (!text_is_empty(content)) {
        responses_open(w, type);
        responses_text(w, SLICE("text"), content);
        json_close_object(w);
    }
    json_close_array(w);
}

/* Answers whether the server will know it again: what came of it may then keep its id. */
static bool write_reasoning(struct json_writer *w, const struct chat_reasoning *reasoning)
{
    bool is_raw = reasoning->kind == REASONING_RAW, known = reasoning->secret.len > 0;

    if (!known && text_is_empty(reasoning->text))
        return false;
    responses_open(w, SLICE("reasoning"));
    if (known && reasoning->id.len)
        responses_word(w, SLICE("id"), reasoning->id);
    write_texts(w, SLICE("summary"), SLICE("summary_text"),
                is_raw ? (struct chat_text){0} : reasoning->text);
    if (is_raw)
        write_texts(w, SLICE("content"), SLICE("reasoning_text"), reasoning->text);
    if (known)
        responses_word(w, SLICE("encrypted_content"), reasoning->secret);
    json_close_object(w);
    return known && reasoning->id.len;
}

static void write_call(struct json_writer *w, const struct chat_call *call, bool keeps_id)
{
    struct slice prefix = call->custom ? SLICE("ctc_") : SLICE("fc_");
    struct slice arguments_key = call->custom ? SLICE("input") : SLICE("arguments");

    responses_open(w, call->custom ? SLICE("custom_tool_call") : SLICE("function_call"));
    if (keeps_id && slice_starts(call->item_id, prefix)) {
        responses_word(w, SLICE("id"), call->item_id);
        responses_word(w, SLICE("status"), SLICE("completed"));
    }
    responses_word(w, SLICE("call_id"), call->id);
    responses_word(w, SLICE("name"), call->name);
    json_key(w, arguments_key);
    if (!text_is_empty(call->arguments))
        json_value_text(w, call->arguments);
    else
        json_value_string(w, call->custom ? SLICE("") : SLICE("{}"));
    json_close_object(w);
}

static bool says_error(struct chat_text t)
{
    return slice_starts(t.s, SLICE("Error: "));
}

static void write_error_text(struct json_writer *w, struct chat_text t)
{
    struct buf joined = {0};

    if (!says_error(t))
        buf_append(&joined, SLICE("Error: "));
    text_append_escaped(&joined, t);
    json_value_text(w, (struct chat_text){buf_peek(&joined), true});
    buf_release(&joined);
}

/* A text alone is a string.  That it is an error has no field: the text says so. */
static void write_output(struct json_writer *w, const struct chat_result *result)
{
    const struct list *items = &result->items;
    const struct chat_item *first =
        list_is_empty(items) ? NULL : list_entry(items->next, struct chat_item, link);
    bool is_one = first && items->next == items->prev && first->kind == CHAT_TEXT;

    if (!first || (is_one && result->is_error)) {
        if (result->is_error)
            write_error_text(w, first ? first->text : text_plain(SLICE("")));
        else
            json_value_string(w, SLICE(""));
        return;
    }
    if (is_one && first->cache == CACHE_NONE) {
        json_value_text(w, first->text);
        return;
    }
    json_open_array(w);
    if (result->is_error && !(first->kind == CHAT_TEXT && says_error(first->text))) {
        responses_open(w, SLICE("input_text"));
        responses_word(w, SLICE("text"), SLICE("Error: "));
        json_close_object(w);
    }
    list_for_each(at, items)
        write_part(w, list_entry(at, struct chat_item, link), false);
    json_close_array(w);
}

static void write_result(struct json_writer *w, const struct chat_result *result)
{
    responses_open(w, result->custom ? SLICE("custom_tool_call_output")
                                     : SLICE("function_call_output"));
    responses_word(w, SLICE("call_id"), result->call_id);
    json_key(w, SLICE("output"));
    write_output(w, result);
    json_close_object(w);
}

/* A host that copies the vendor may not know the newer word. */
static struct slice role_of(const struct chat_target *t, enum chat_role role)
{
    switch (role) {
    case CHAT_USER: return SLICE("user");
    case CHAT_ASSISTANT: return SLICE("assistant");
    case CHAT_SYSTEM: break;
    }
    return t->host == HOST_COMPATIBLE ? SLICE("system") : SLICE("developer");
}

/*
 * A call keeps the id that the server gave it only behind reasoning that does: it would miss
 * the one without the other (openai-responses.md, 3).
 */
static void write_turn(struct json_writer *w, const struct chat_target *t,
                       const struct chat_turn *turn)
{
    const struct list *end = &turn->items;
    bool keeps_ids = false;

    for (struct list *at = end->next; at != end;) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (is_part(item)) {
            at = write_message(w, at, end, role_of(t, turn->role), turn->phase);
            continue;
        }
        if (item->kind == CHAT_REASONING)
            keeps_ids |= write_reasoning(w, &item->reasoning);
        else if (item->kind == CHAT_CALL)
            write_call(w, &item->call, keeps_ids);
        else if (item->kind == CHAT_RESULT)
            write_result(w, &item->result);
        else if (item->kind == CHAT_SERVER && item->server.vendor == VENDOR_OPENAI)
            json_value_raw(w, item->server.raw);
        at = at->next;
    }
}

/* Instructions are one plain string; texts that mark the cache are parts of a message. */
static bool system_is_marked(const struct chat_request *r)
{
    list_for_each(at, &r->system) {
        if (list_entry(at, struct chat_item, link)->cache != CACHE_NONE)
            return true;
    }
    return false;
}

static void write_instructions(struct json_writer *w, const struct list *system)
{
    struct buf joined = {0};

    list_for_each(at, system) {
        if (at != system->next)
            buf_append(&joined, SLICE("\\n\\n"));
        text_append_escaped(&joined, list_entry(at, struct chat_item, link)->text);
    }
    responses_text(w, SLICE("instructions"), (struct chat_text){buf_peek(&joined), true});
    buf_release(&joined);
}

void responses_write_input(struct json_writer *w, const struct chat_request *r,
                           const struct chat_target *t)
{
    const struct list *system = &r->system;
    bool marked = system_is_marked(r);

    if (!marked && !list_is_empty(system))
        write_instructions(w, system);
    json_key(w, SLICE("input"));
    json_open_array(w);
    if (marked)
        write_message(w, system->next, system, role_of(t, CHAT_SYSTEM), slice_of(NULL, 0));
    list_for_each(at, &r->turns)
        write_turn(w, t, list_entry(at, struct chat_turn, link));
    json_close_array(w);
}
