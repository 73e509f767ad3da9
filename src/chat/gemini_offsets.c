/* gemini_offsets.c - bytes and characters of text that goes by. */
#include "chat/gemini_offsets.h"

static bool is_ascii(struct slice s)
{
    uint64_t all = 0, word;
    size_t at = 0;

    for (; s.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, s.ptr + at, sizeof(word));
        all |= word;
    }
    for (; at < s.len; at++)
        all |= (uint64_t)(unsigned char)s.ptr[at];
    return (all & 0x8080808080808080U) == 0;
}

static void grow(struct gemini_offsets *o, int64_t bytes)
{
    size_t need = (size_t)((bytes + 7) / 8), have = buf_len(&o->inner);

    if (need <= have)
        return;
    memset(buf_reserve(&o->inner, need - have), 0, need - have);
    buf_grew(&o->inner, need - have);
}

static void add_plain(struct gemini_offsets *o, struct slice s)
{
    int64_t end = o->bytes + (int64_t)s.len;
    char *bits;

    if (is_ascii(s)) {
        if (buf_len(&o->inner))
            grow(o, end);
        o->bytes = end;
        return;
    }
    grow(o, end);
    bits = o->inner.data + o->inner.start;
    for (size_t i = 0; i < s.len; i++) {
        size_t at = (size_t)o->bytes + i;
        if (((unsigned char)s.ptr[i] & 0xC0) == 0x80)
            bits[at / 8] = (char)((unsigned char)bits[at / 8] | 1U << at % 8);
    }
    o->bytes = end;
}

void gemini_offsets_add(struct gemini_offsets *o, struct chat_text text)
{
    if (o->bytes > GEMINI_OFFSETS_MAX || (int64_t)text.s.len > GEMINI_OFFSETS_MAX) {
        o->bytes = GEMINI_OFFSETS_MAX + 1;
        return;
    }
    if (!text.escaped || slice_find(text.s, '\\') == SIZE_MAX) {
        add_plain(o, text.s);
        return;
    }
    buf_clear(&o->plain);
    text_append_plain(&o->plain, text);
    add_plain(o, buf_peek(&o->plain));
}

void gemini_offsets_release(struct gemini_offsets *o)
{
    buf_release(&o->inner);
    buf_release(&o->plain);
}

/* How many of the first `bytes` bytes do not begin a character. */
static int64_t inner_before(struct slice bits, int64_t bytes)
{
    size_t whole = (size_t)bytes / 8, at = 0;
    int64_t count = 0;
    uint64_t word;

    if (whole >= bits.len)
        whole = bits.len;
    for (; whole - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, bits.ptr + at, sizeof(word));
        count += __builtin_popcountll(word);
    }
    for (; at < whole; at++)
        count += __builtin_popcount((unsigned char)bits.ptr[at]);
    if (at < bits.len)
        count += __builtin_popcount((unsigned char)bits.ptr[at] & ((1U << bytes % 8) - 1));
    return count;
}

int64_t gemini_offsets_characters(const struct gemini_offsets *o, int64_t bytes)
{
    if (bytes < 0 || bytes > o->bytes || o->bytes > GEMINI_OFFSETS_MAX)
        return -1;
    return bytes - inner_before(buf_peek(&o->inner), bytes);
}

int64_t gemini_offsets_bytes(const struct gemini_offsets *o, int64_t characters)
{
    struct slice bits = buf_peek(&o->inner);
    int64_t at = 0, seen = 0;

    if (characters < 0 || characters > o->bytes || o->bytes > GEMINI_OFFSETS_MAX)
        return -1;
    if (!bits.len)
        return characters;
    for (; at + 8 <= o->bytes; at += 8) { // a byte of bits, as long as it has not all of them
        int64_t here = 8 - __builtin_popcount((unsigned char)bits.ptr[at / 8]);
        if (seen + here > characters)
            break;
        seen += here;
    }
    for (; at < o->bytes; at++) {
        bool begins = !(((unsigned char)bits.ptr[at / 8] >> at % 8) & 1);
        if (begins && seen == characters)
            return at;
        seen += begins;
    }
    return seen == characters ? o->bytes : -1;
}
