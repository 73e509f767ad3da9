/* skip.h - over blanks and strings, sixteen bytes at a time.  For this room and chat. */
#ifndef JSON_SKIP_H
#define JSON_SKIP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "json/extent.h"

#define JSON_STRIDE 16 // bytes that the masks below are over: the first one's bit is lowest
#define JSON_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)

/* Where strings end or escape, or have what they may not: '"', '\' and control characters. */
JSON_INLINE unsigned json_stops(const char *p)
{
    __m128i v = _mm_loadu_si128((const void *)p);
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v));
    return (unsigned)_mm_movemask_epi8(hit);
}

/* Where strings end or escape. */
JSON_INLINE unsigned json_quotes(const char *p)
{
    __m128i v = _mm_loadu_si128((const void *)p);

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}

/* Quotes and brackets of any kind. */
JSON_INLINE unsigned json_marks(const char *p)
{
    __m128i v = _mm_loadu_si128((const void *)p);
    __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20)); // [ and { differ in this bit
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                               _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"'))));
}

/* What ends a number, true, false or null, and some that cannot stand there at all. */
JSON_INLINE unsigned json_bounds(const char *p)
{
    __m128i v = _mm_loadu_si128((const void *)p);
    __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20)); // ] and } differ in this bit
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(',')),
                               _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));

    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(' ')), v));
    return (unsigned)_mm_movemask_epi8(hit);
}

/* That byte. */
JSON_INLINE unsigned json_equal(const char *p, char c)
{
    return (unsigned)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128((const void *)p), _mm_set1_epi8(c)));
}

/* That byte or the one that differs in the bit of upper case, as [ does from {. */
JSON_INLINE unsigned json_equal_folded(const char *p, char c)
{
    __m128i v = _mm_or_si128(_mm_loadu_si128((const void *)p), _mm_set1_epi8(0x20));

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
}

/* What is not a space. */
JSON_INLINE unsigned json_unspaced(const char *p)
{
    __m128i v = _mm_loadu_si128((const void *)p);

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(' '))) ^ 0xFFFFU;
}

/* What is not ASCII. */
JSON_INLINE unsigned json_highs(const char *p)
{
    return (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const void *)p));
}

#else

#define JSON_MASK(p, c, condition)               \
    unsigned mask = 0;                           \
    for (unsigned i = 0; i < JSON_STRIDE; i++) { \
        unsigned char c = (unsigned char)(p)[i]; \
        mask |= (unsigned)(condition) << i;      \
    }                                            \
    return mask

JSON_INLINE unsigned json_stops(const char *p)
{
    JSON_MASK(p, c, c == '"' || c == '\\' || c < 0x20);
}

JSON_INLINE unsigned json_quotes(const char *p)
{
    JSON_MASK(p, c, c == '"' || c == '\\');
}

JSON_INLINE unsigned json_marks(const char *p)
{
    JSON_MASK(p, c, (c | 0x20) == '{' || (c | 0x20) == '}' || c == '"');
}

JSON_INLINE unsigned json_bounds(const char *p)
{
    JSON_MASK(p, c, c == ',' || (c | 0x20) == '}' || c <= ' ');
}

JSON_INLINE unsigned json_equal(const char *p, char c)
{
    JSON_MASK(p, other, other == (unsigned char)c);
}

JSON_INLINE unsigned json_equal_folded(const char *p, char c)
{
    JSON_MASK(p, other, (other | 0x20) == (unsigned char)c);
}

JSON_INLINE unsigned json_unspaced(const char *p)
{
    JSON_MASK(p, c, c != ' ');
}

JSON_INLINE unsigned json_highs(const char *p)
{
    JSON_MASK(p, c, c >= 0x80);
}

#undef JSON_MASK

#endif

/* The mask over the first `len` bytes of a text that ends behind them; it has a stride at least. */
#define JSON_LAST(mask_of, end, len) (mask_of((end)-JSON_STRIDE) >> (JSON_STRIDE - (len)))

/* memcmp() for names, which are short. */
JSON_INLINE bool json_same(const char *a, const char *b, size_t len)
{
    uint32_t first[2], last[2];

    if (len < sizeof(first[0]) || len > 2 * sizeof(first[0]))
        return memcmp(a, b, len) == 0;
    memcpy(&first[0], a, sizeof(first[0]));
    memcpy(&first[1], b, sizeof(first[1]));
    memcpy(&last[0], a + len - sizeof(last[0]), sizeof(last[0]));
    memcpy(&last[1], b + len - sizeof(last[1]), sizeof(last[1]));
    return first[0] == first[1] && last[0] == last[1];
}

/* Blanks in runs, as indentation has them.  Between most tokens stands none, or one. */
JSON_INLINE const char *json_skip_blanks(const char *at, const char *end)
{
    while (at < end && json_is_blank(*at)) {
        unsigned mask;

        at++;
        while (end - at >= JSON_STRIDE && *at == ' ') {
            mask = json_unspaced(at);
            at += mask ? (unsigned)__builtin_ctz(mask) : JSON_STRIDE;
            if (mask)
                break;
        }
    }
    return at;
}

#endif
