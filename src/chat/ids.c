/* ids.c - ids that upstream did not give. */
#include "chat/ids.h"

#include <assert.h>

#include "base/wide.h"

/* Odd numbers without a pattern: the fractions of the golden ratio, of e and of pi. */
#define MIX_A 0x9E3779B97F4A7C15U
#define MIX_B 0xB7E151628AED2A6BU
#define MIX_C 0x243F6A8885A308D3U

#define DIGITS_PER_WORD 10 // 62^10 < 2^60

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Both halves of the product, folded: every bit of either depends on every bit of both. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)(a ^ MIX_A) * (b ^ MIX_B);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Byte by byte, low ones first: the same on every machine. */
static uint64_t word_at(struct slice s, size_t at)
{
    uint64_t word = 0;

    for (size_t i = 0; i < 8 && at + i < s.len; i++)
        word |= (uint64_t)(unsigned char)s.ptr[at + i] << (8 * i);
    return word;
}

/* Two lanes, so that ids hold 128 bits of what they are made of. */
struct state {
    uint64_t a, b;
};

static struct state absorb(struct slice seed, uint64_t number)
{
    struct state s = {MIX_C ^ seed.len, MIX_A ^ number};

    for (size_t at = 0; at < seed.len; at += 8) {
        uint64_t word = word_at(seed, at);
        s.a = mix(s.a ^ word, MIX_C);
        s.b = mix(s.b + word, s.a);
    }
    s.a = mix(s.a, s.b ^ number);
    s.b = mix(s.b, s.a ^ MIX_C);
    return s;
}

uint64_t chat_id_hash(struct slice seed, uint64_t number)
{
    return absorb(seed, number).a;
}

struct slice chat_id_make(char out[CHAT_ID_BYTES], struct slice prefix, size_t len,
                          struct slice seed, uint64_t number)
{
    struct state s = absorb(seed, number);
    uint64_t word = 0;

    assert(prefix.len + len <= CHAT_ID_BYTES);
    memcpy(out, prefix.ptr, prefix.len);
    for (size_t i = 0; i < len; i++) {
        if (i % DIGITS_PER_WORD == 0) {
            s.a += MIX_A;
            word = mix(s.a, s.b);
        }
        out[prefix.len + i] = digits[word % 62];
        word /= 62;
    }
    return slice_of(out, prefix.len + len);
}

static bool is_plain(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

        if (!is_alnum && c != '_' && c != '-' && c != '.' && c != ':')
            return false;
    }
    return true;
}

struct slice chat_id_keep_or_make(char out[CHAT_ID_BYTES], struct slice prefix, size_t len,
                                  struct slice upstream, struct slice fallback)
{
    if (upstream.len > prefix.len && upstream.len <= CHAT_ID_BYTES &&
        slice_starts(upstream, prefix) && is_plain(upstream)) {
        memcpy(out, upstream.ptr, upstream.len);
        return slice_of(out, upstream.len);
    }
    return chat_id_make(out, prefix, len, upstream.len ? upstream : fallback, 0);
}
