/* gemini_media.c - inlineData and fileData: images, sound, films and documents. */
#include "chat/gemini_media.h"

#include "base/array.h"
#include "chat/gemini_inside.h"
#include "wire/base64.h"

/* Where a URI's type is not said. */
static const struct {
    struct slice end, mime;
} endings[] = {
    {SLICE_INIT(".png"),  SLICE_INIT("image/png")      },
    {SLICE_INIT(".jpg"),  SLICE_INIT("image/jpeg")     },
    {SLICE_INIT(".jpeg"), SLICE_INIT("image/jpeg")     },
    {SLICE_INIT(".gif"),  SLICE_INIT("image/gif")      },
    {SLICE_INIT(".webp"), SLICE_INIT("image/webp")     },
    {SLICE_INIT(".pdf"),  SLICE_INIT("application/pdf")},
    {SLICE_INIT(".mp3"),  SLICE_INIT("audio/mp3")      },
    {SLICE_INIT(".wav"),  SLICE_INIT("audio/wav")      },
    {SLICE_INIT(".mp4"),  SLICE_INIT("video/mp4")      },
    {SLICE_INIT(".webm"), SLICE_INIT("video/webm")     },
};

static enum chat_item_kind kind_of(struct slice mime)
{
    if (slice_starts_nocase(mime, SLICE("image/")))
        return CHAT_IMAGE;
    if (slice_starts_nocase(mime, SLICE("audio/")))
        return CHAT_AUDIO;
    if (slice_starts_nocase(mime, SLICE("video/")))
        return CHAT_VIDEO;
    return CHAT_FILE;
}

/* Their field is bytes, which JSON may say in either alphabet; everybody else has but one. */
static struct chat_text standard_base64(struct arena *a, struct chat_text data)
{
    struct slice plain;
    char *out;

    if (slice_find(data.s, '-') == SIZE_MAX && slice_find(data.s, '_') == SIZE_MAX)
        return data;
    plain = text_str(a, data);
    out = arena_alloc_raw(a, plain.len + 2, 1);
    for (size_t i = 0; i < plain.len; i++)
        out[i] = (char)(plain.ptr[i] == '-' ? '+' : plain.ptr[i] == '_' ? '/' : plain.ptr[i]);
    while (plain.len % 4 > 1)
        out[plain.len++] = '=';
    return text_plain(slice_of(out, plain.len));
}

struct chat_item *gemini_read_inline(struct arena *a, struct list *items, const struct json *v,
                                     const char **wrong)
{
    struct chat_media m = {.source = SOURCE_BASE64};
    struct chat_item *item;

    json_for_each(at, v) {
        if (gemini_key_is(at, SLICE("mimeType")))
            m.mime = json_str(a, at);
        else if (slice_eq(at->key, SLICE("data")))
            m.data = text_of(at);
        else if (gemini_key_is(at, SLICE("displayName")))
            m.name = text_of(at);
    }
    if (text_is_empty(m.data)) {
        *wrong = json_is(v, JSON_OBJECT) ? "expected data in base64" : "expected an object";
        return NULL;
    }
    m.data = standard_base64(a, m.data);
    if (!m.mime.len)
        m.mime = chat_media_sniff(m.data.s);
    if (!m.mime.len) {
        *wrong = "expected a mimeType";
        return NULL;
    }
    item = chat_item_new(a, items, kind_of(m.mime));
    item->media = m;
    return item;
}

/* Only Google can open these. */
static bool is_file_id(struct slice uri)
{
    size_t host = slice_find_slice(uri, SLICE("://generativelanguage.googleapis.com/"));

    return slice_starts(uri, SLICE("gs://")) || slice_starts(uri, SLICE("files/")) ||
           (host != SIZE_MAX && slice_find_slice(uri, SLICE("/files/")) != SIZE_MAX);
}

static bool is_film(struct slice uri)
{
    return slice_starts(uri, SLICE("https://www.youtube.com/")) ||
           slice_starts(uri, SLICE("https://youtube.com/")) ||
           slice_starts(uri, SLICE("https://youtu.be/"));
}

static struct slice mime_of(struct slice uri)
{
    uri = slice_cut(uri, '?', &(struct slice){0});
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        if (uri.len >= endings[i].end.len &&
            slice_eq_nocase(slice_after(uri, uri.len - endings[i].end.len), endings[i].end))
            return endings[i].mime;
    }
    return (struct slice){0};
}

struct chat_item *gemini_read_file(struct arena *a, struct list *items, const struct json *v,
                                   const char **wrong)
{
    struct chat_media m = {.source = SOURCE_URL};
    struct chat_item *item;
    struct slice uri;

    json_for_each(at, v) {
        if (gemini_key_is(at, SLICE("mimeType")))
            m.mime = json_str(a, at);
        else if (gemini_key_is(at, SLICE("fileUri")))
            m.data = text_of(at);
        else if (gemini_key_is(at, SLICE("displayName")))
            m.name = text_of(at);
    }
    if (text_is_empty(m.data)) {
        *wrong = json_is(v, JSON_OBJECT) ? "expected a fileUri" : "expected an object";
        return NULL;
    }
    uri = text_str(a, m.data);
    m.data = text_plain(uri);
    if (is_file_id(uri)) {
        m.source = SOURCE_FILE_ID;
        m.vendor = VENDOR_GEMINI;
    }
    if (!m.mime.len)
        m.mime = mime_of(uri);
    item = chat_item_new(a, items, !m.mime.len && is_film(uri) ? CHAT_VIDEO : kind_of(m.mime));
    item->media = m;
    return item;
}

static void write_mime(struct json_writer *w, struct slice mime)
{
    if (!mime.len)
        return;
    json_key(w, SLICE("mimeType"));
    json_value_string(w, mime);
}

/* Their inline data is bytes, so that text goes as base64 too. */
static void write_text(struct json_writer *w, struct chat_text text)
{
    struct buf plain = {0}, data = {0};

    text_append_plain(&plain, text);
    base64_encode(buf_peek(&plain), BASE64_STANDARD, BASE64_PADDED, &data);
    json_value_string(w, buf_peek(&data));
    buf_release(&plain);
    buf_release(&data);
}

void gemini_write_media(struct json_writer *w, const struct chat_media *m)
{
    bool is_inline = m->source == SOURCE_BASE64 || m->source == SOURCE_TEXT;
    struct slice mime = m->mime;

    if (!mime.len && m->source == SOURCE_TEXT)
        mime = SLICE("text/plain");
    else if (!mime.len && m->source == SOURCE_BASE64)
        mime = chat_media_sniff(m->data.s);
    json_key(w, is_inline ? SLICE("inlineData") : SLICE("fileData"));
    json_open_object(w);
    write_mime(w, mime);
    json_key(w, is_inline ? SLICE("data") : SLICE("fileUri"));
    if (m->source == SOURCE_TEXT)
        write_text(w, m->data);
    else
        json_value_text(w, m->data);
    json_close_object(w);
}
