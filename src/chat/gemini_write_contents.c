/* gemini_write_contents.c - the turns of a conversation as contents and parts. */
#include "chat/gemini_inside.h"
#include "chat/gemini_media.h"
#include "json/scan.h"

struct writer {
    struct json_writer *w;
    bool with_ids; // Vertex takes none
    bool with_detail;
    const struct chat_item *signed_item; // which `secret` goes onto
    struct slice secret;
};

static void write_call(struct writer *x, const struct chat_call *call)
{
    struct json_writer *w = x->w;
    struct buf plain = {0};

    json_key(w, SLICE("functionCall"));
    json_open_object(w);
    if (x->with_ids && call->id.len) {
        json_key(w, SLICE("id"));
        json_value_string(w, call->id);
    }
    json_key(w, SLICE("name"));
    json_value_string(w, call->name);
    json_key(w, SLICE("args"));
    if (call->custom) {
        json_open_object(w);
        json_key(w, SLICE("input"));
        json_value_text(w,
                        text_is_absent(call->arguments) ? text_plain(SLICE("")) : call->arguments);
        json_close_object(w);
    } else if (call->arguments.escaped) {
        text_append_plain(&plain, call->arguments);
        gemini_write_arguments(w, buf_peek(&plain));
    } else {
        gemini_write_arguments(w, call->arguments.s);
    }
    json_close_object(w);
    buf_release(&plain);
}

/* Results. */

/* Google takes "$ref" in a response for a pointer at media, wherever it stands. */
static bool may_be_response(struct slice text)
{
    struct err_info ignored = {0};

    return json_is_object(text) && text.ptr[text.len - 1] == '}' &&
           slice_find_slice(text, SLICE("$ref")) == SIZE_MAX &&
           slice_find_slice(text, SLICE("\\u0024")) == SIZE_MAX &&
           json_scan(text, NULL, 0, NULL, &ignored) == ERR_NONE;
}

/* Its texts, one to a line. */
static void gather(const struct chat_result *result, struct buf *out)
{
    list_for_each(at, &result->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (item->kind != CHAT_TEXT || text_is_empty(item->text))
            continue;
        if (buf_len(out))
            buf_append_byte(out, '\n');
        text_append_plain(out, item->text);
    }
}

/* Its only text, as it stands, where that cannot be an object; absent otherwise. */
static struct chat_text only_text(const struct chat_result *result)
{
    struct chat_text text = text_plain(SLICE(""));
    size_t count = 0;

    list_for_each(at, &result->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (item->kind != CHAT_TEXT || text_is_empty(item->text))
            continue;
        text = item->text;
        count++;
    }
    if (count > 1 || (!result->is_error && text.s.len && text.s.ptr[0] == '{'))
        return (struct chat_text){0};
    return text;
}

static void write_said(struct json_writer *w, bool is_error, struct chat_text text)
{
    json_open_object(w);
    json_key(w, is_error ? SLICE("error") : SLICE("output"));
    json_value_text(w, text);
    json_close_object(w);
}

static void write_response(struct json_writer *w, const struct chat_result *result)
{
    struct chat_text only = only_text(result);
    struct buf text = {0};

    if (result->object.len && may_be_response(result->object)) {
        json_value_raw(w, result->object);
        return;
    }
    if (!text_is_absent(only)) {
        write_said(w, result->is_error, only);
        return;
    }
    gather(result, &text);
    if (!result->is_error && may_be_response(buf_peek(&text)))
        json_value_raw(w, buf_peek(&text));
    else
        write_said(w, result->is_error, text_plain(buf_peek(&text)));
    buf_release(&text);
}

static bool is_media(const struct chat_item *item)
{
    return item->kind == CHAT_IMAGE || item->kind == CHAT_FILE || item->kind == CHAT_AUDIO ||
           item->kind == CHAT_VIDEO;
}

static void write_result_media(struct json_writer *w, const struct chat_result *result)
{
    bool any = false;

    list_for_each(at, &result->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (!is_media(item))
            continue;
        if (!any) {
            json_key(w, SLICE("parts"));
            json_open_array(w);
        }
        any = true;
        json_open_object(w);
        gemini_write_media(w, &item->media);
        json_close_object(w);
    }
    if (any)
        json_close_array(w);
}

static void write_result(struct writer *x, const struct chat_result *result)
{
    struct json_writer *w = x->w;

    json_key(w, SLICE("functionResponse"));
    json_open_object(w);
    if (x->with_ids && result->call_id.len) {
        json_key(w, SLICE("id"));
        json_value_string(w, result->call_id);
    }
    json_key(w, SLICE("name"));
    json_value_string(w, result->name);
    json_key(w, SLICE("response"));
    write_response(w, result);
    write_result_media(w, result);
    json_close_object(w);
}

/* Parts. */

static void write_detail(struct writer *x, enum chat_detail detail)
{
    struct slice level = detail == DETAIL_LOW        ? SLICE("MEDIA_RESOLUTION_LOW")
                         : detail == DETAIL_HIGH     ? SLICE("MEDIA_RESOLUTION_HIGH")
                         : detail == DETAIL_ORIGINAL ? SLICE("MEDIA_RESOLUTION_ULTRA_HIGH")
                                                     : SLICE("");

    if (!x->with_detail || !level.len)
        return;
    json_key(x->w, SLICE("mediaResolution"));
    json_open_object(x->w);
    json_key(x->w, SLICE("level"));
    json_value_string(x->w, level);
    json_close_object(x->w);
}

static void write_text(struct json_writer *w, struct chat_text text)
{
    json_key(w, SLICE("text"));
    json_value_text(w, text_is_absent(text) ? text_plain(SLICE("")) : text);
}

static void write_inside(struct writer *x, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: write_text(x->w, item->text); return;
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO:
        gemini_write_media(x->w, &item->media);
        write_detail(x, item->media.detail);
        return;
    case CHAT_CALL: write_call(x, &item->call); return;
    case CHAT_RESULT: write_result(x, &item->result); return;
    case CHAT_REASONING: write_text(x->w, text_plain(SLICE(""))); return; // carries its secret
    case CHAT_SERVER: return;
    }
}

/* Does anything of it go upstream?  What was thought does not, only the proof of it. */
static bool is_written(const struct writer *x, const struct chat_item *item)
{
    if (item == x->signed_item)
        return true;
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: return !text_is_empty(item->text);
    case CHAT_REASONING: return false;
    case CHAT_SERVER: return item->server.vendor == VENDOR_GEMINI;
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO:
    case CHAT_CALL:
    case CHAT_RESULT: break;
    }
    return true;
}

/*
 * Onto which part of the turn a secret goes: the next call or image, else the next text,
 * before another secret comes; else onto an empty text in the reasoning's place.
 */
static const struct chat_item *carrier_of(const struct chat_turn *turn,
                                          const struct chat_item *reasoning)
{
    const struct chat_item *text = NULL;

    for (struct list *at = reasoning->link.next; at != &turn->items; at = at->next) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (item->kind == CHAT_CALL || item->kind == CHAT_IMAGE)
            return item;
        if (item->kind == CHAT_REASONING && item->reasoning.secret.len)
            break;
        if (!text && item->kind == CHAT_TEXT && !text_is_empty(item->text))
            text = item;
    }
    return text ? text : reasoning;
}

static void write_part(struct writer *x, const struct chat_item *item)
{
    if (item->kind == CHAT_SERVER) {
        json_value_raw(x->w, item->server.raw);
        return;
    }
    json_open_object(x->w);
    write_inside(x, item);
    if (item == x->signed_item) {
        json_key(x->w, SLICE("thoughtSignature"));
        json_value_string(x->w, x->secret);
    }
    json_close_object(x->w);
}

static void open_content(struct json_writer *w, enum chat_role role)
{
    json_open_object(w);
    json_key(w, SLICE("role"));
    json_value_string(w, role == CHAT_ASSISTANT ? SLICE("model") : SLICE("user"));
    json_key(w, SLICE("parts"));
    json_open_array(w);
}

/* A content without any part is refused: there is none then. */
static void write_turn(struct writer *x, const struct chat_turn *turn)
{
    bool open = false;

    x->signed_item = NULL;
    list_for_each(at, &turn->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (item->kind == CHAT_REASONING && item->reasoning.secret.len) {
            x->signed_item = carrier_of(turn, item);
            x->secret = item->reasoning.secret;
        }
        if (!is_written(x, item))
            continue;
        if (!open)
            open_content(x->w, turn->role);
        open = true;
        write_part(x, item);
    }
    if (!open)
        return;
    json_close_array(x->w);
    json_close_object(x->w);
}

void gemini_write_contents(struct json_writer *w, const struct chat_request *r,
                           const struct chat_target *t)
{
    struct writer x = {
        .w = w,
        .with_ids = t->host != HOST_VERTEX,
        .with_detail = t->gates && chat_model_has(t->gates, TRAIT_TOOL_MEDIA),
    };

    json_key(w, SLICE("contents"));
    json_open_array(w);
    list_for_each(at, &r->turns)
        write_turn(&x, list_entry(at, struct chat_turn, link));
    json_close_array(w);
}
