/* media_type.c - what images, files, sound and video are, as well as can be told. */
#include "chat/media_type.h"

#include "base/array.h"

static const struct {
    const char *extension, *mime;
} extensions[] = {
    {"png",  "image/png"       },
    {"jpg",  "image/jpeg"      },
    {"jpeg", "image/jpeg"      },
    {"gif",  "image/gif"       },
    {"webp", "image/webp"      },
    {"heic", "image/heic"      },
    {"heif", "image/heif"      },
    {"bmp",  "image/bmp"       },
    {"tiff", "image/tiff"      },
    {"svg",  "image/svg+xml"   },
    {"pdf",  "application/pdf" },
    {"txt",  "text/plain"      },
    {"log",  "text/plain"      },
    {"md",   "text/markdown"   },
    {"csv",  "text/csv"        },
    {"html", "text/html"       },
    {"htm",  "text/html"       },
    {"css",  "text/css"        },
    {"js",   "text/javascript" },
    {"py",   "text/x-python"   },
    {"c",    "text/x-c"        },
    {"json", "application/json"},
    {"xml",  "application/xml" },
    {"yaml", "application/yaml"},
    {"yml",  "application/yaml"},
    {"rtf",  "text/rtf"        },
    {"mp3",  "audio/mp3"       },
    {"wav",  "audio/wav"       },
    {"ogg",  "audio/ogg"       },
    {"flac", "audio/flac"      },
    {"aac",  "audio/aac"       },
    {"m4a",  "audio/mp4"       },
    {"aiff", "audio/aiff"      },
    {"mp4",  "video/mp4"       },
    {"mov",  "video/quicktime" },
    {"webm", "video/webm"      },
    {"mpeg", "video/mpeg"      },
    {"mpg",  "video/mpeg"      },
    {"avi",  "video/x-msvideo" },
    {"wmv",  "video/x-ms-wmv"  },
    {"flv",  "video/x-flv"     },
    {"3gp",  "video/3gpp"      },
};

/* Other names of types, and the one that everybody knows. */
static const struct {
    const char *alias, *mime;
} aliases[] = {
    {"image/jpg",         "image/jpeg"     },
    {"audio/mpeg",        "audio/mp3"      },
    {"audio/x-mp3",       "audio/mp3"      },
    {"audio/wave",        "audio/wav"      },
    {"audio/x-wav",       "audio/wav"      },
    {"audio/vnd.wave",    "audio/wav"      },
    {"application/x-pdf", "application/pdf"},
};

/* Text, though its type does not begin so. */
static const char *const text_types[] = {
    "application/json",       "application/xml",     "application/yaml", "application/x-yaml",
    "application/javascript", "application/x-sh",    "application/sql",  "application/toml",
    "application/x-ndjson",   "application/ld+json",
};

static struct slice mime_of_extension(struct slice name)
{
    size_t dot;

    name = slice_sub(name, 0, slice_find(name, '#'));
    name = slice_sub(name, 0, slice_find(name, '?'));
    name = slice_after(name, slice_find_last(name, '/') + 1); // SIZE_MAX + 1: all of it
    dot = slice_find_last(name, '.');
    if (dot == SIZE_MAX)
        return (struct slice){0};
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        if (slice_eq_nocase(slice_after(name, dot + 1), slice_str(extensions[i].extension)))
            return slice_str(extensions[i].mime);
    }
    return (struct slice){0};
}

static struct slice mime_usual(struct slice mime)
{
    mime = slice_trim(slice_sub(mime, 0, slice_find(mime, ';')));
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (slice_eq_nocase(mime, slice_str(aliases[i].alias)))
            return slice_str(aliases[i].mime);
    }
    return mime;
}

bool media_is(const struct chat_media *m, const char *mime)
{
    return slice_eq_nocase(m->mime, slice_str(mime));
}

bool media_is_text(const struct chat_media *m)
{
    if (slice_starts_nocase(m->mime, SLICE("text/")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(text_types); i++) {
        if (media_is(m, text_types[i]))
            return true;
    }
    return false;
}

const char *media_extension(struct slice mime)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        if (slice_eq_nocase(mime, slice_str(extensions[i].mime)))
            return extensions[i].extension;
    }
    return "bin";
}

/* The type that the first bytes tell; "\/" may stand among them. */
static struct slice sniff(struct chat_text base64)
{
    char head[16];
    size_t len = 0;

    for (size_t i = 0; i < base64.s.len && len < sizeof(head); i++) {
        if (!base64.escaped || base64.s.ptr[i] != '\\')
            head[len++] = base64.s.ptr[i];
    }
    return chat_media_sniff(slice_of(head, len));
}

void media_settle(struct chat_item *item)
{
    struct chat_media *m = &item->media;
    struct slice seen = {0};

    m->mime = mime_usual(m->mime);
    if (media_is(m, "application/octet-stream"))
        m->mime = (struct slice){0};
    if (m->source == SOURCE_BASE64 && (item->kind == CHAT_IMAGE || !m->mime.len))
        seen = sniff(m->data);
    if (seen.len && (!m->mime.len || slice_starts(seen, SLICE("image/"))))
        m->mime = seen;
    if (!m->mime.len && !text_is_absent(m->name))
        m->mime = mime_of_extension(m->name.s);
    if (!m->mime.len && m->source == SOURCE_URL)
        m->mime = mime_of_extension(m->data.s);
    if (!m->mime.len && m->source == SOURCE_TEXT)
        m->mime = SLICE("text/plain");
    if (item->kind == CHAT_FILE && slice_starts_nocase(m->mime, SLICE("image/")) &&
        m->source != SOURCE_TEXT)
        item->kind = CHAT_IMAGE;
    else if (item->kind == CHAT_IMAGE && media_is(m, "application/pdf"))
        item->kind = CHAT_FILE;
}
