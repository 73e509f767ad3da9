/* extent.c - where a value ends, for text that comes in pieces. */
#include "json/extent.h"

#include "json/text.h"

/* From within a string to behind its closing quote, or as far as the bytes go. */
static size_t string_skip(struct json_extent *x, struct slice bytes, size_t at)
{
    while (at < bytes.len) {
        if (x->escaped) {
            x->escaped = false;
            at++;
            continue;
        }
        at += json_plain_len(slice_after(bytes, at));
        if (at == bytes.len)
            break;
        x->escaped = bytes.ptr[at] == '\\';
        if (bytes.ptr[at++] == '"') {
            x->in_string = false;
            break;
        }
    }
    return at;
}

static bool scalar_ends(char c)
{
    return json_is_blank(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '"' ||
           c == '[' || c == '{';
}

static size_t scalar_skip(struct slice bytes, size_t at)
{
    while (at < bytes.len && !scalar_ends(bytes.ptr[at]))
        at++;
    return at;
}

static void byte_step(struct json_extent *x, char c)
{
    switch (c) {
    case '"': x->in_string = true; break;
    case '{':
    case '[': x->depth++; break;
    case '}':
    case ']': x->depth--; break;
    default: break;
    }
}

bool json_extent_feed(struct json_extent *x, struct slice bytes, size_t *len)
{
    size_t at = 0;

    if (!x->started && bytes.len) {
        x->started = true;
        x->in_string = bytes.ptr[0] == '"';
        x->depth = bytes.ptr[0] == '{' || bytes.ptr[0] == '[';
        x->scalar = !x->in_string && !x->depth;
        at = 1;
    }
    if (x->scalar) {
        at = scalar_skip(bytes, at);
    } else {
        while (at < bytes.len && (x->in_string || x->depth)) {
            if (x->in_string)
                at = string_skip(x, bytes, at);
            else
                byte_step(x, bytes.ptr[at++]);
        }
    }
    *len = at;
    if (!x->started || (x->scalar ? at == bytes.len : x->in_string || x->depth))
        return false;
    *x = (struct json_extent){0};
    return true;
}
