/* shape_media.c - images, files, sound and video in the forms that the target takes. */
#include "base/array.h"
#include "chat/media_type.h"
#include "chat/shape_item.h"
#include "wire/base64.h"
#include "json/text.h"

/*
 * mapping.md 2.6 and 2.10.  Nothing is ever fetched (hardening.md T7): a URL goes to those who
 * fetch it themselves, and is refused for the others.
 */

#define MIME_SHOWN_BYTES 40 // of the client's words in our errors

/* One item on its way. */
struct media_step {
    struct chat_request *r;
    const struct chat_target *t;
    struct err_info *e;
    bool in_result;
};

/* The client's word for it. */
static const char *field_of(const struct media_step *s, const struct chat_item *item)
{
    static const char *const chat[] = {"image_url", "file", "input_audio", "video_url"};
    static const char *const responses[] = {"input_image", "input_file", "input_audio",
                                            "input_video"};
    static const char *const anthropic[] = {"image", "document", "audio", "video"};
    size_t kind = (size_t)item->kind - CHAT_IMAGE;

    switch (s->r->dialect) {
    case DIALECT_OPENAI_RESPONSES: return responses[kind];
    case DIALECT_ANTHROPIC: return anthropic[kind];
    case DIALECT_GEMINI:
        return item->media.source == SOURCE_BASE64 || item->media.source == SOURCE_TEXT
                   ? "inlineData"
                   : "fileData";
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return chat[kind];
}

static const char *kind_name(const struct chat_item *item)
{
    static const char *const names[] = {"image", "file", "audio", "video"};

    return names[(size_t)item->kind - CHAT_IMAGE];
}

static enum err refuse_kind(const struct media_step *s, const struct chat_item *item)
{
    return err_set(s->e, ERR_BAD_REQUEST,
                   "%s: the model's provider takes no %s%s: leave it out or use another model",
                   field_of(s, item), kind_name(item),
                   s->in_result ? " in the result of a tool" : "");
}

static enum err refuse_type(const struct media_step *s, const struct chat_item *item,
                            const char *taken)
{
    return err_set(s->e, ERR_BAD_REQUEST, "%s: the model's provider takes %s, not \"%.*s\"",
                   field_of(s, item), taken,
                   SLICE_ARG(slice_sub(item->media.mime, 0, MIME_SHOWN_BYTES)));
}

static enum err refuse_untyped(const struct media_step *s, const struct chat_item *item)
{
    return err_set(s->e, ERR_BAD_REQUEST,
                   "%s: the media type is not said and cannot be told from the content: send "
                   "\"data:TYPE;base64,...\", or a name with an extension",
                   field_of(s, item));
}

static enum err refuse_url(const struct media_step *s, const struct chat_item *item)
{
    return err_set(s->e, ERR_BAD_REQUEST,
                   "%s: unsupported_%s_url: the model's provider takes no URL here and the gateway "
                   "fetches none: send the content as base64",
                   field_of(s, item), kind_name(item));
}

static bool is_web_url(const struct chat_item *item)
{
    return slice_starts_nocase(item->media.data.s, SLICE("https:")) ||
           slice_starts_nocase(item->media.data.s, SLICE("http:"));
}

/* A text file's text out of base64; false when the bytes are no text. */
static bool decode_text(struct chat_request *r, struct chat_media *m)
{
    struct buf bytes = {0};
    bool ok = base64_decode(text_str(r->arena, m->data), BASE64_STANDARD, BASE64_EITHER, &bytes) &&
              json_utf8_fault(buf_peek(&bytes)) == SIZE_MAX;

    if (ok) {
        m->source = SOURCE_TEXT;
        m->data = text_plain(arena_dup(r->arena, buf_peek(&bytes)));
        m->mime = SLICE("text/plain");
    }
    buf_release(&bytes);
    return ok;
}

static void encode_text(struct chat_request *r, struct chat_media *m)
{
    struct buf base64 = {0};

    base64_encode(text_str(r->arena, m->data), BASE64_STANDARD, BASE64_PADDED, &base64);
    m->source = SOURCE_BASE64;
    m->data = text_plain(arena_dup(r->arena, buf_peek(&base64)));
    buf_release(&base64);
}

/* <file name="a.txt">...</file>, where files of text have no place. */
static void inline_text(struct chat_request *r, struct chat_item *item)
{
    struct slice name = text_str(r->arena, item->media.name);
    struct buf text = {0}, head = {0};

    buf_append_str(&head, name.len ? "<file name=\"" : "<file");
    for (size_t i = 0; i < name.len; i++)
        buf_append_byte(&head, name.ptr[i] == '"' ? '\'' : name.ptr[i]);
    buf_append_str(&head, name.len ? "\">" : ">");
    text_append_escaped(&text, text_plain(buf_peek(&head)));
    text_append_escaped(&text, item->media.data);
    buf_append_str(&text, "</file>");
    item->kind = CHAT_TEXT;
    item->text = (struct chat_text){arena_dup(r->arena, buf_peek(&text)), true};
    buf_release(&head);
    buf_release(&text);
}

/* OpenAI wants files to have names. */
static void name_file(struct chat_request *r, struct chat_media *m)
{
    if (text_is_empty(m->name))
        m->name = text_plain(arena_printf(r->arena, "file.%s", media_extension(m->mime)));
}

static enum err fit_sound(const struct media_step *s, struct chat_item *item)
{
    if (item->media.source != SOURCE_BASE64)
        return refuse_url(s, item);
    if (!media_is(&item->media, "audio/wav") && !media_is(&item->media, "audio/mp3"))
        return refuse_type(s, item, "audio as wav or mp3");
    return ERR_NONE;
}

static enum err fit_chat(const struct media_step *s, struct chat_item *item)
{
    struct chat_media *m = &item->media;

    switch (item->kind) {
    case CHAT_IMAGE:
        if (m->source == SOURCE_FILE_ID)
            return err_set(s->e, ERR_BAD_REQUEST,
                           "%s: images cannot be named by file id here: send the image as base64 "
                           "or as a URL",
                           field_of(s, item));
        return m->source == SOURCE_URL && !is_web_url(item) ? refuse_url(s, item) : ERR_NONE;
    case CHAT_FILE:
        if (m->source == SOURCE_URL)
            return refuse_url(s, item);
        if (m->source == SOURCE_BASE64 && media_is_text(&item->media))
            decode_text(s->r, m);
        if (m->source == SOURCE_TEXT)
            inline_text(s->r, item);
        else if (m->source == SOURCE_BASE64)
            name_file(s->r, m);
        return ERR_NONE;
    case CHAT_AUDIO: return fit_sound(s, item);
    case CHAT_VIDEO: // an extension of some who copy the dialect
        return s->t->host == HOST_COMPATIBLE && m->source != SOURCE_FILE_ID ? ERR_NONE
                                                                            : refuse_kind(s, item);
    case CHAT_TEXT:
    case CHAT_REFUSAL:
    case CHAT_REASONING:
    case CHAT_CALL:
    case CHAT_RESULT:
    case CHAT_SERVER: break;
    }
    return ERR_NONE;
}

static enum err fit_responses(const struct media_step *s, struct chat_item *item)
{
    struct chat_media *m = &item->media;

    if (item->kind == CHAT_VIDEO)
        return refuse_kind(s, item);
    if (item->kind == CHAT_AUDIO)
        return fit_sound(s, item);
    if (m->source == SOURCE_URL && !is_web_url(item))
        return refuse_url(s, item);
    if (m->source == SOURCE_TEXT)
        encode_text(s->r, m);
    if (item->kind == CHAT_FILE && m->source == SOURCE_BASE64)
        name_file(s->r, m);
    return ERR_NONE;
}

static enum err fit_anthropic(const struct media_step *s, struct chat_item *item)
{
    static const char *const images[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    struct chat_media *m = &item->media;

    if (item->kind == CHAT_AUDIO || item->kind == CHAT_VIDEO)
        return refuse_kind(s, item);
    if (m->source == SOURCE_URL)
        return is_web_url(item) ? ERR_NONE : refuse_url(s, item);
    if (m->source != SOURCE_BASE64)
        return ERR_NONE;
    if (item->kind == CHAT_FILE) {
        if (media_is(&item->media, "application/pdf") ||
            (media_is_text(&item->media) && decode_text(s->r, m)))
            return ERR_NONE;
        return refuse_type(s, item, "PDF and plain text");
    }
    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        if (media_is(&item->media, images[i]))
            return ERR_NONE;
    }
    return refuse_type(s, item, "png, jpeg, gif and webp images");
}

static enum err fit_gemini(const struct media_step *s, struct chat_item *item)
{
    struct chat_media *m = &item->media;

    if (m->source == SOURCE_TEXT)
        encode_text(s->r, m);
    if (m->source != SOURCE_URL)
        return ERR_NONE;
    if (!chat_model_has(s->t->gates, TRAIT_FILE_URLS) ||
        (!is_web_url(item) && !slice_starts(m->data.s, SLICE("gs:"))))
        return refuse_url(s, item);
    if (m->mime.len)
        return ERR_NONE;
    /* It has to be said, and nobody may look: images and films are known by their bytes. */
    if (item->kind == CHAT_IMAGE)
        m->mime = SLICE("image/jpeg");
    else if (item->kind == CHAT_VIDEO)
        m->mime = SLICE("video/mp4");
    else if (item->kind == CHAT_FILE && s->r->dialect == DIALECT_ANTHROPIC)
        m->mime = SLICE("application/pdf"); // the only files that it has by URL
    else
        return refuse_untyped(s, item);
    return ERR_NONE;
}

static enum err fit(const struct media_step *s, struct chat_item *item)
{
    media_settle(item);
    if (item->media.source == SOURCE_FILE_ID &&
        (item->media.vendor == VENDOR_NONE || item->media.vendor != chat_target_vendor(s->t)))
        return err_set(s->e, ERR_BAD_REQUEST,
                       "%s: this file id is another provider's: send the content as base64",
                       field_of(s, item));
    if (item->media.source == SOURCE_BASE64 && !item->media.mime.len)
        return refuse_untyped(s, item);

    switch (s->t->dialect) {
    case DIALECT_OPENAI_CHAT: return fit_chat(s, item);
    case DIALECT_OPENAI_RESPONSES: return fit_responses(s, item);
    case DIALECT_ANTHROPIC: return fit_anthropic(s, item);
    case DIALECT_GEMINI: return fit_gemini(s, item);
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return ERR_NONE;
}

/* What an assistant showed goes back to Gemini alone; to others it is said that it was there. */
static enum err fit_shown(const struct media_step *s, struct chat_item *item)
{
    if (s->t->dialect == DIALECT_GEMINI)
        return fit(s, item);
    chat_note_degraded(s->r, field_of(s, item));
    item->text = text_plain(arena_printf(s->r->arena, "[%s omitted]", kind_name(item)));
    item->kind = CHAT_TEXT;
    return ERR_NONE;
}

/* Whether the target's results of tools have no place for it. */
static bool leaves_result(const struct chat_target *t, const struct chat_item *item)
{
    if (!shape_is_media(item))
        return false;
    if (t->dialect == DIALECT_OPENAI_CHAT)
        return true;
    if (t->dialect == DIALECT_GEMINI)
        return !chat_model_has(t->gates, TRAIT_TOOL_MEDIA);
    return item->kind == CHAT_AUDIO && t->dialect == DIALECT_OPENAI_RESPONSES;
}

/* Fits what a result holds.  What has no place in it goes to `out`, and OpenAI is told so. */
static enum err fit_result(const struct media_step *s, struct chat_result *result, struct list *out)
{
    list_for_each_safe(at, &result->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link), *sign;

        if (shape_is_media(item) && fit(s, item) != ERR_NONE)
            return s->e->code;
        if (!leaves_result(s->t, item))
            continue;
        chat_note_degraded(s->r, field_of(s, item));
        if (s->t->dialect != DIALECT_GEMINI ||
            (result->items.next == at && at->next == &result->items && !result->object.len)) {
            sign = chat_item_text(
                s->r->arena, NULL,
                text_plain(arena_printf(s->r->arena, "[%s attached]", kind_name(item))));
            list_add_before(at, &sign->link);
        }
        list_remove(at);
        list_push_back(out, at);
    }
    return ERR_NONE;
}

/* Puts all of `moved` behind `at`. */
static void put_behind(struct list *at, struct list *moved)
{
    while (!list_is_empty(moved)) {
        struct list *last = moved->prev;
        list_remove(last);
        list_add_before(at->next, last);
    }
}

static enum err fit_turn(struct media_step *s, struct chat_turn *turn)
{
    struct list *last_result = &turn->items;
    struct list moved;

    list_init(&moved);
    list_for_each(at, &turn->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);

        s->in_result = item->kind == CHAT_RESULT;
        if (s->in_result) {
            last_result = at;
            if (fit_result(s, &item->result, &moved) != ERR_NONE)
                return s->e->code;
        } else if (shape_is_media(item)) {
            if ((turn->role == CHAT_ASSISTANT ? fit_shown(s, item) : fit(s, item)) != ERR_NONE)
                return s->e->code;
        }
    }
    put_behind(last_result, &moved);
    return ERR_NONE;
}

static void take_media(struct list *items, struct list *out)
{
    list_for_each_safe(at, items) {
        if (shape_is_media(list_entry(at, struct chat_item, link))) {
            list_remove(at);
            list_push_back(out, at);
        }
    }
}

/* What system text shows is shown by the user who speaks next. */
static void move_out_of_system(struct chat_request *r)
{
    struct list moved;

    list_init(&moved);
    take_media(&r->system, &moved);
    list_for_each(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role == CHAT_SYSTEM)
            take_media(&turn->items, &moved);
        else if (turn->role == CHAT_USER)
            put_behind(&turn->items, &moved);
    }
    if (!list_is_empty(&moved))
        put_behind(&chat_turn_new(r, CHAT_USER)->items, &moved);
}

enum err shape_media(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    struct media_step s = {r, t, e, false};

    move_out_of_system(r);
    list_for_each(at, &r->turns) {
        if (fit_turn(&s, list_entry(at, struct chat_turn, link)) != ERR_NONE)
            return e->code;
    }
    return ERR_NONE;
}
