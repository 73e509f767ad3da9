/* text.c - questions about runs of text, asked many bytes at a time. */
#include "json/text.h"

#include <assert.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define HIGH_BITS 0x8080808080808080U

size_t json_utf8_len(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t len, i;

    assert(p && s.len);
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (s.len < len)
        return 0;
    for (i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) // overlong, surrogate
        return 0;
    if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) // overlong, beyond the last
        return 0;
    return len;
}

size_t json_utf8_put(uint32_t rune, char out[4])
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xC0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3F));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xE0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3F));
        out[2] = (char)(0x80 | (rune & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3F));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3F));
    out[3] = (char)(0x80 | (rune & 0x3F));
    return 4;
}

/* Sequence by sequence, with strides over ASCII.  Also finds the place of a fault seen faster. */
static size_t fault_by_sequence(struct slice s)
{
    size_t at = 0, len;
    uint64_t words[4];

    while (at < s.len) {
        if (s.len - at >= sizeof(words)) {
            memcpy(words, s.ptr + at, sizeof(words));
            if (!((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS)) {
                at += sizeof(words);
                continue;
            }
        }
        for (size_t stop = s.len - at > sizeof(words) ? at + sizeof(words) : s.len; at < stop;) {
            len = json_utf8_len(slice_after(s, at));
            if (!len)
                return at;
            at += len;
        }
    }
    return SIZE_MAX;
}

#if defined(__x86_64__)

/*
 * "Validating UTF-8 In Less Than One Instruction Per Byte" (Keiser, Lemire
 * 2020): what is wrong with two neighbours shows in three half-bytes, the two
 * of the first and the upper one of the second.  Each table gives the faults
 * that its half-byte leaves possible, one bit per fault; a fault is real where
 * all three agree.
 */
enum {
    SHORT = 1 << 0,      // a lead byte, then no continuation
    LONG = 1 << 1,       // ASCII, then a continuation
    OVERLONG_3 = 1 << 2, // E0, then 80..9F
    LARGE = 1 << 3,      // F4, then 90 and above; F5 and above
    SURROGATE = 1 << 4,  // ED, then A0 and above
    OVERLONG_2 = 1 << 5, // C0 and C1
    LARGE_80 = 1 << 6,   // F5 and above, then 80..8F
    OVERLONG_4 = 1 << 6, // F0, then 80..8F
    TWO = 1 << 7,        // two continuations: right only as the tail of a longer sequence
    ANY = SHORT | LONG | TWO,
};

#define FIRST_UPPER                                                                                \
    LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO, SHORT | OVERLONG_2, SHORT, \
        SHORT | OVERLONG_3 | SURROGATE, SHORT | LARGE | LARGE_80 | OVERLONG_4
#define FIRST_LOWER                                                                         \
    ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, ANY | OVERLONG_2, ANY, ANY, ANY | LARGE,    \
        ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80,             \
        ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80,             \
        ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80 | SURROGATE, \
        ANY | LARGE | LARGE_80, ANY | LARGE | LARGE_80
#define SECOND_UPPER                                                                               \
    SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,                                        \
        LONG | OVERLONG_2 | TWO | OVERLONG_3 | LARGE_80 | OVERLONG_4,                              \
        LONG | OVERLONG_2 | TWO | OVERLONG_3 | LARGE, LONG | OVERLONG_2 | TWO | SURROGATE | LARGE, \
        LONG | OVERLONG_2 | TWO | SURROGATE | LARGE, SHORT, SHORT, SHORT, SHORT

/* One table for each 128-bit half. */
static const uint8_t first_upper[32] = {FIRST_UPPER, FIRST_UPPER};
static const uint8_t first_lower[32] = {FIRST_LOWER, FIRST_LOWER};
static const uint8_t second_upper[32] = {SECOND_UPPER, SECOND_UPPER};

/* The last three bytes of a block begin a sequence that the block does not end when above these. */
static const uint8_t last_complete[32] = {255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
                                          255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
                                          255, 255, 255, 255, 255, 255, 255, 0xEF, 0xDF, 0xBF};

struct utf8_state {
    __m256i before;     // the previous block
    __m256i unfinished; // not zero where it ended within a sequence
    __m256i fault;
};

__attribute__((target("avx2"))) static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

__attribute__((target("avx2"))) static inline __m256i upper_half(__m256i v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
}

__attribute__((target("avx2"))) static inline void utf8_block(struct utf8_state *u, __m256i v)
{
    __m256i joint, one, two, three, pairs, tails;

    if (_mm256_movemask_epi8(v) == 0) {
        u->fault = _mm256_or_si256(u->fault, u->unfinished);
        u->unfinished = _mm256_setzero_si256();
        u->before = v;
        return;
    }
    joint = _mm256_permute2x128_si256(u->before, v, 0x21);
    one = _mm256_alignr_epi8(v, joint, 15);
    two = _mm256_alignr_epi8(v, joint, 14);
    three = _mm256_alignr_epi8(v, joint, 13);

    pairs = _mm256_shuffle_epi8(load(first_upper), upper_half(one));
    pairs =
        _mm256_and_si256(pairs, _mm256_shuffle_epi8(load(first_lower),
                                                    _mm256_and_si256(one, _mm256_set1_epi8(0x0F))));
    pairs = _mm256_and_si256(pairs, _mm256_shuffle_epi8(load(second_upper), upper_half(v)));

    /* The third byte from a lead of E0 on, and the fourth from F0 on, is a second continuation. */
    tails = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xE0 - 0x80)),
                            _mm256_subs_epu8(three, _mm256_set1_epi8(0xF0 - 0x80)));
    tails = _mm256_and_si256(tails, _mm256_set1_epi8((char)0x80));
    u->fault = _mm256_or_si256(u->fault, _mm256_xor_si256(pairs, tails));
    u->unfinished = _mm256_subs_epu8(v, load(last_complete));
    u->before = v;
}

__attribute__((target("avx2"))) static bool utf8_valid_avx2(struct slice s)
{
    struct utf8_state u = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    char tail[32] = {0};
    size_t at = 0;

    for (; s.len - at >= 64; at += 64) {
        __m256i low = load(s.ptr + at), high = load(s.ptr + at + 32);

        if (_mm256_movemask_epi8(_mm256_or_si256(low, high)) == 0) {
            u.fault = _mm256_or_si256(u.fault, u.unfinished);
            u.unfinished = _mm256_setzero_si256();
            u.before = high;
            continue;
        }
        utf8_block(&u, low);
        utf8_block(&u, high);
    }
    for (; s.len - at >= 32; at += 32)
        utf8_block(&u, load(s.ptr + at));
    if (s.len > at)
        memcpy(tail, s.ptr + at, s.len - at);
    utf8_block(&u, load(tail)); // its zeros end whatever was unfinished
    return _mm256_testz_si256(u.fault, u.fault);
}

size_t json_utf8_fault(struct slice s)
{
    if (s.len >= 64 && __builtin_cpu_supports("avx2") && utf8_valid_avx2(s))
        return SIZE_MAX;
    return fault_by_sequence(s);
}

/* Which of these bytes a string does not take as they are. */
static inline __m128i not_plain(__m128i v)
{
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

    return _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v));
}

bool json_is_plain_ascii(const char *at, size_t len)
{
    unsigned mask = 0;

    for (; len; at += JSON_BLOCK_BYTES) {
        __m128i v = _mm_loadu_si128((const void *)at);
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(v, not_plain(v)));

        if (len < JSON_BLOCK_BYTES)
            return !(mask | (hits & ((1U << len) - 1)));
        mask |= hits;
        len -= JSON_BLOCK_BYTES;
    }
    return !mask;
}

size_t json_plain_len(struct slice s)
{
    size_t at = 0;

    for (; s.len - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const void *)(s.ptr + at));
        unsigned mask = (unsigned)_mm_movemask_epi8(not_plain(v));

        if (mask)
            return at + (size_t)__builtin_ctz(mask);
    }
    while (at < s.len && (unsigned char)s.ptr[at] > 0x1F && s.ptr[at] != '"' && s.ptr[at] != '\\')
        at++;
    return at;
}

#else

size_t json_utf8_fault(struct slice s)
{
    return fault_by_sequence(s);
}

bool json_is_plain_ascii(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c <= 0x1F || c >= 0x80 || c == '"' || c == '\\')
            return false;
    }
    return true;
}

size_t json_plain_len(struct slice s)
{
    size_t at = 0;

    while (at < s.len && (unsigned char)s.ptr[at] > 0x1F && s.ptr[at] != '"' && s.ptr[at] != '\\')
        at++;
    return at;
}

#endif
