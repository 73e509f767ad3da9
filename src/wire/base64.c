/* base64.c - bytes as text. */
#include "wire/base64.h"

#include <stdint.h>

#define COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char alphabets[][65] = {
    [BASE64_STANDARD] = COMMON "+/",
    [BASE64_URL] = COMMON "-_",
};

/* A digit's value; 64 and more for what is none. */
static unsigned digit_value(char c, enum base64_alphabet alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    if (c == alphabets[alphabet][62])
        return 62;
    return c == alphabets[alphabet][63] ? 63 : 64;
}

void base64_encode(struct slice bytes, enum base64_alphabet alphabet, enum base64_padding padding,
                   struct buf *out)
{
    const char *digits = alphabets[alphabet];
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    char *to = buf_reserve(out, bytes.len / 3 * 4 + 4), *from = to;
    size_t left = bytes.len;

    for (; left >= 3; left -= 3, in += 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = digits[group >> 6 & 63];
        *to++ = digits[group & 63];
    }
    if (left) {
        uint32_t group = (uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0);
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        if (left == 2)
            *to++ = digits[group >> 6 & 63];
        for (; padding != BASE64_BARE && left < 3; left++)
            *to++ = '=';
    }
    buf_grew(out, (size_t)(to - from));
}

/* Without its padding; false when that is not what was asked for. */
static bool strip_padding(struct slice *text, enum base64_padding padding)
{
    size_t pads = 0;

    while (pads < 2 && pads < text->len && text->ptr[text->len - 1 - pads] == '=')
        pads++;
    if (pads ? padding == BASE64_BARE || text->len % 4 : padding == BASE64_PADDED && text->len % 4)
        return false;
    text->len -= pads;
    return text->len % 4 != 1;
}

bool base64_decode(struct slice text, enum base64_alphabet alphabet, enum base64_padding padding,
                   struct buf *out)
{
    char *to, *from;
    uint32_t group = 0;

    if (!strip_padding(&text, padding))
        return false;
    to = from = buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        unsigned value = digit_value(text.ptr[i], alphabet);
        if (value > 63)
            return false;
        group = group << 6 | value;
        if (i % 4 == 3) {
            *to++ = (char)(group >> 16);
            *to++ = (char)(group >> 8 & 255);
            *to++ = (char)(group & 255);
            group = 0;
        }
    }
    if (text.len % 4 == 2) {
        if (group & 15) // bits that mean nothing: the same bytes in a second spelling
            return false;
        *to++ = (char)(group >> 4);
    } else if (text.len % 4 == 3) {
        if (group & 3)
            return false;
        *to++ = (char)(group >> 10);
        *to++ = (char)(group >> 2 & 255);
    }
    buf_grew(out, (size_t)(to - from));
    return true;
}
