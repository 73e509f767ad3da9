/* anthropic_write_content.c - requests in Anthropic's Messages: turns and their blocks. */
#include "chat/anthropic_inside.h"
#include "json/scan.h"
#include "json/write.h"

/* The beginning of a block, up to the value of its first member that varies. */
static void open_block(struct json_writer *w, struct slice json)
{
    if (w->comma)
        buf_append_byte(w->out, ',');
    buf_append(w->out, json);
    w->comma = false;
}

/* A member's name, and all that goes before its value. */
static void go_on(struct json_writer *w, struct slice json)
{
    buf_append(w->out, json);
    w->comma = false;
}

static void value_text(struct json_writer *w, struct chat_text text)
{
    json_value_text(w, text_is_absent(text) ? text_plain(SLICE("")) : text);
}

static void write_text(struct json_writer *w, const struct chat_item *item)
{
    open_block(w, SLICE("{\"type\":\"text\",\"text\":"));
    value_text(w, item->text);
    anthropic_write_cache(w, item->cache);
    json_close_object(w);
}

static void write_source(struct json_writer *w, const struct chat_media *media)
{
    switch (media->source) {
    case SOURCE_BASE64:
        go_on(w, SLICE("{\"type\":\"base64\",\"media_type\":"));
        json_value_string(w, media->mime);
        go_on(w, SLICE(",\"data\":"));
        break;
    case SOURCE_URL: go_on(w, SLICE("{\"type\":\"url\",\"url\":")); break;
    case SOURCE_FILE_ID: go_on(w, SLICE("{\"type\":\"file\",\"file_id\":")); break;
    case SOURCE_TEXT:
        go_on(w, SLICE("{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"));
        break;
    }
    value_text(w, media->data);
    json_close_object(w);
}

static void write_media(struct json_writer *w, const struct chat_item *item)
{
    bool is_image = item->kind == CHAT_IMAGE;

    open_block(w, is_image ? SLICE("{\"type\":\"image\",\"source\":")
                           : SLICE("{\"type\":\"document\",\"source\":"));
    write_source(w, &item->media);
    if (!is_image && !text_is_empty(item->media.name)) {
        go_on(w, SLICE(",\"title\":"));
        value_text(w, item->media.name);
    }
    anthropic_write_cache(w, item->cache);
    json_close_object(w);
}

/* Only with its secret: Anthropic takes no other. */
static void write_reasoning(struct json_writer *w, const struct chat_reasoning *reasoning)
{
    if (!reasoning->secret.len)
        return;
    if (reasoning->kind == REASONING_REDACTED && text_is_empty(reasoning->text)) {
        open_block(w, SLICE("{\"type\":\"redacted_thinking\",\"data\":"));
    } else {
        open_block(w, SLICE("{\"type\":\"thinking\",\"thinking\":"));
        value_text(w, reasoning->text);
        go_on(w, SLICE(",\"signature\":"));
    }
    json_value_string(w, reasoning->secret);
    json_close_object(w);
}

static bool is_object(struct slice text)
{
    struct err_info ignored = {0};

    return json_is_object(text) && json_scan(text, NULL, 0, NULL, &ignored) == ERR_NONE;
}

bool anthropic_write_input(struct buf *out, struct chat_text arguments, bool wrap)
{
    struct buf decoded = {0};
    struct slice text = arguments.s;
    bool ok;

    if (arguments.escaped) {
        text_append_plain(&decoded, arguments);
        text = buf_peek(&decoded);
    }
    text = slice_trim_lines(text);
    ok = !text.len || is_object(text);
    if (!text.len) {
        buf_append(out, SLICE("{}"));
    } else if (ok) {
        buf_append(out, text);
    } else if (wrap) {
        buf_append(out, SLICE("{\"_raw\":\""));
        text_append_escaped(out, arguments);
        buf_append(out, SLICE("\"}"));
    }
    buf_release(&decoded);
    return ok || wrap;
}

static void write_call(struct json_writer *w, const struct chat_item *item)
{
    const struct chat_call *call = &item->call;

    open_block(w, SLICE("{\"type\":\"tool_use\",\"id\":"));
    json_value_string(w, call->id);
    go_on(w, SLICE(",\"name\":"));
    json_value_string(w, call->name);
    go_on(w, SLICE(",\"input\":"));
    if (call->custom) {
        go_on(w, SLICE("{\"input\":"));
        value_text(w, call->arguments);
        json_close_object(w);
    } else {
        anthropic_write_input(w->out, call->arguments, true);
        w->comma = true;
    }
    anthropic_write_cache(w, item->cache);
    json_close_object(w);
}

static void write_item(struct json_writer *w, const struct chat_item *item);

/* The one text without a mark that all of the items are, or NULL. */
static const struct chat_item *only_text(const struct list *items)
{
    const struct chat_item *item = list_entry(items->next, struct chat_item, link);
    bool is_one = !list_is_empty(items) && items->next == items->prev;

    return is_one && (item->kind == CHAT_TEXT || item->kind == CHAT_REFUSAL) &&
                   item->cache == CACHE_NONE
               ? item
               : NULL;
}

// NOLINTNEXTLINE(misc-no-recursion): results hold no results
static void write_items(struct json_writer *w, const struct list *items)
{
    const struct chat_item *text = only_text(items);

    if (text) {
        value_text(w, text->text);
        return;
    }
    json_open_array(w);
    list_for_each(at, items)
        write_item(w, list_entry(at, struct chat_item, link));
    json_close_array(w);
}

// NOLINTNEXTLINE(misc-no-recursion): results hold no results
static void write_result(struct json_writer *w, const struct chat_item *item)
{
    const struct chat_result *result = &item->result;
    const struct chat_item *text = only_text(&result->items);

    open_block(w, SLICE("{\"type\":\"tool_result\",\"tool_use_id\":"));
    json_value_string(w, result->call_id);
    if (!list_is_empty(&result->items) && !(text && text_is_empty(text->text))) {
        go_on(w, SLICE(",\"content\":"));
        write_items(w, &result->items);
    }
    if (result->is_error) {
        go_on(w, SLICE(",\"is_error\":"));
        json_value_bool(w, true);
    }
    anthropic_write_cache(w, item->cache);
    json_close_object(w);
}

// NOLINTNEXTLINE(misc-no-recursion): results hold no results
static void write_item(struct json_writer *w, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: write_text(w, item); return;
    case CHAT_IMAGE:
    case CHAT_FILE: write_media(w, item); return;
    case CHAT_REASONING: write_reasoning(w, &item->reasoning); return;
    case CHAT_CALL: write_call(w, item); return;
    case CHAT_RESULT: write_result(w, item); return;
    case CHAT_SERVER:
        if (item->server.vendor == VENDOR_ANTHROPIC)
            json_value_raw(w, item->server.raw);
        return;
    case CHAT_AUDIO:
    case CHAT_VIDEO: return; // shape has refused them
    }
}

void anthropic_write_system(struct json_writer *w, const struct chat_request *r)
{
    if (list_is_empty(&r->system))
        return;
    json_key(w, SLICE("system"));
    write_items(w, &r->system);
}

static struct slice opening_of(enum chat_role role)
{
    switch (role) {
    case CHAT_USER: return SLICE("{\"role\":\"user\",\"content\":");
    case CHAT_ASSISTANT: return SLICE("{\"role\":\"assistant\",\"content\":");
    case CHAT_SYSTEM: break;
    }
    return SLICE("{\"role\":\"system\",\"content\":");
}

void anthropic_write_messages(struct json_writer *w, const struct chat_request *r)
{
    json_key(w, SLICE("messages"));
    json_open_array(w);
    list_for_each(at, &r->turns) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        open_block(w, opening_of(turn->role));
        write_items(w, &turn->items);
        json_close_object(w);
    }
    json_close_array(w);
}
