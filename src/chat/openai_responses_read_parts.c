/* openai_responses_read_parts.c - a Responses request into the vocabulary: parts of content. */
#include "base/array.h"
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"

/* The members that parts have; each kind looks at its own. */
struct members {
    const struct json *type, *text, *refusal, *image_url, *file_id, *file_url, *file_data,
        *filename, *detail, *audio, *mark;
};

#define MEMBER(key, member)                                         \
    {                                                               \
        {"" key, sizeof(key) - 1}, offsetof(struct members, member) \
    }

static const struct {
    struct slice key;
    size_t offset;
} member_keys[] = {
    MEMBER("type", type),
    MEMBER("text", text),
    MEMBER("refusal", refusal),
    MEMBER("image_url", image_url),
    MEMBER("file_id", file_id),
    MEMBER("file_url", file_url),
    MEMBER("file_data", file_data),
    MEMBER("filename", filename),
    MEMBER("detail", detail),
    MEMBER("input_audio", audio),
    MEMBER("prompt_cache_breakpoint", mark),
};

/* What is null is as good as absent: clients send their own objects back. */
static void gather(const struct json *v, struct members *m)
{
    *m = (struct members){0};
    json_for_each(at, v) {
        if (at->type == JSON_NULL)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(member_keys); i++) {
            if (!slice_eq(member_keys[i].key, at->key))
                continue;
            *(const struct json **)(void *)((char *)m + member_keys[i].offset) = at;
            break;
        }
    }
}

static struct slice str(struct responses_reader *rd, const struct json *v)
{
    return json_str(rd->r->arena, v);
}

static enum err need_text(struct responses_reader *rd, const struct responses_at *at,
                          const char *name, const struct json *v, struct chat_text *out)
{
    *out = text_of(v);
    return text_is_absent(*out) ? responses_fail_in(rd, at, name, "expected a string") : ERR_NONE;
}

static enum chat_detail detail_of(struct slice name)
{
    static const char *const names[] = {
        [DETAIL_AUTO] = "auto",
        [DETAIL_LOW] = "low",
        [DETAIL_HIGH] = "high",
        [DETAIL_ORIGINAL] = "original",
    };

    for (size_t i = DETAIL_AUTO; i < ARRAY_LEN(names); i++) {
        if (slice_eq(name, slice_str(names[i])))
            return (enum chat_detail)i;
    }
    return DETAIL_UNSET;
}

static void media_from_id(const struct json *id, struct chat_media *out)
{
    out->source = SOURCE_FILE_ID;
    out->data = text_of(id);
    out->vendor = VENDOR_OPENAI;
}

/* Chat's {"url": ...} is taken for what it means. */
static enum err read_image(struct responses_reader *rd, const struct responses_at *at,
                           const struct members *m, struct chat_item *item)
{
    const struct json *url = m->image_url;

    item->media.detail = detail_of(str(rd, m->detail));
    if (json_is(url, JSON_OBJECT))
        url = json_member(url, SLICE("url"));
    if (json_is(url, JSON_STRING))
        chat_media_from_url(rd->r->arena, text_of(url), &item->media);
    else if (!m->image_url && json_is(m->file_id, JSON_STRING))
        media_from_id(m->file_id, &item->media);
    else
        return responses_fail_in(rd, at, "image_url", "expected a string");
    return ERR_NONE;
}

/* `file_data` is a data URL; some clients leave its head out. */
static enum err read_file(struct responses_reader *rd, const struct responses_at *at,
                          const struct members *m, struct chat_item *item)
{
    struct chat_media *media = &item->media;
    struct chat_text data = text_of(m->file_data), url = text_of(m->file_url);

    media->name = text_of(m->filename);
    if (!text_is_absent(data)) {
        chat_media_from_url(rd->r->arena, data, media);
        if (media->source == SOURCE_URL) {
            media->source = SOURCE_BASE64;
            media->mime = chat_media_sniff(data.s);
        }
    } else if (!text_is_absent(url)) {
        chat_media_from_url(rd->r->arena, url, media);
    } else if (json_is(m->file_id, JSON_STRING)) {
        media_from_id(m->file_id, media);
    } else {
        return responses_fail_in(rd, at, "file_data", "expected a string");
    }
    return ERR_NONE;
}

static enum err read_audio(struct responses_reader *rd, const struct responses_at *at,
                           const struct members *m, struct chat_item *item)
{
    struct chat_text data = text_of(json_member(m->audio, SLICE("data")));
    struct slice format = str(rd, json_member(m->audio, SLICE("format")));

    if (text_is_absent(data))
        return responses_fail_in(rd, at, "input_audio.data", "expected a string");
    if (!format.len)
        return responses_fail_in(rd, at, "input_audio.format", "expected a string");
    item->media.source = SOURCE_BASE64;
    item->media.data = data;
    item->media.mime = arena_printf(rd->r->arena, "audio/%.*s", SLICE_ARG(format));
    return ERR_NONE;
}

static enum err read_part(struct responses_reader *rd, const struct responses_at *at,
                          const struct json *v, struct list *items)
{
    struct arena *a = rd->r->arena;
    struct chat_item *item;
    struct slice type;
    struct members m;

    if (!json_is(v, JSON_OBJECT))
        return responses_fail(rd, at, "expected an object");
    gather(v, &m);
    type = str(rd, m.type);
    if (!type.ptr)
        return responses_fail_in(rd, at, "type", "expected a string");
    if (slice_eq(type, SLICE("input_text")) || slice_eq(type, SLICE("output_text")) ||
        slice_eq(type, SLICE("text"))) {
        item = chat_item_new(a, items, CHAT_TEXT);
        item->cache = openai_breakpoint_read(m.mark);
        return need_text(rd, at, "text", m.text, &item->text);
    }
    if (slice_eq(type, SLICE("refusal"))) {
        item = chat_item_new(a, items, CHAT_REFUSAL);
        return need_text(rd, at, "refusal", m.refusal, &item->text);
    }
    if (slice_eq(type, SLICE("input_image"))) {
        item = chat_item_new(a, items, CHAT_IMAGE);
        item->cache = openai_breakpoint_read(m.mark);
        return read_image(rd, at, &m, item);
    }
    if (slice_eq(type, SLICE("input_file"))) {
        item = chat_item_new(a, items, CHAT_FILE);
        item->cache = openai_breakpoint_read(m.mark);
        return read_file(rd, at, &m, item);
    }
    if (slice_eq(type, SLICE("input_audio"))) {
        item = chat_item_new(a, items, CHAT_AUDIO);
        return read_audio(rd, at, &m, item);
    }
    return responses_fail_in(rd, at, "type", "unknown kind of content");
}

enum err responses_read_parts(struct responses_reader *rd, const struct responses_at *at,
                              const struct json *content, struct list *items)
{
    struct responses_at part = {at, NULL, 0};

    if (json_is(content, JSON_STRING)) {
        chat_item_text(rd->r->arena, items, text_of(content));
        return ERR_NONE;
    }
    if (!json_is(content, JSON_ARRAY))
        return responses_fail(rd, at, "expected a string or an array");
    json_for_each(v, content) {
        if (read_part(rd, &part, v, items) != ERR_NONE)
            return rd->e->code;
        part.index++;
    }
    return ERR_NONE;
}
