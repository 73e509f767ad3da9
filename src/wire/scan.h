/* scan.h - what each byte may be, and where a run of them ends; for this room. */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum scan_class {
    SCAN_TOKEN = 1,      // names and methods: RFC 9110, 5.6.2
    SCAN_TARGET = 2,     // a request target: visible ASCII but " # < > and the backslash
    SCAN_HOST = 4,       // letters, digits, . - _
    SCAN_UNRESERVED = 8, // RFC 3986, 2.3
    SCAN_HEX = 16,
};

/* Bits of enum scan_class for every byte; none for controls, space and non-ASCII. */
extern const uint8_t scan_classes[256];

static inline bool scan_is(char c, enum scan_class class)
{
    return (scan_classes[(unsigned char)c] & class) != 0;
}

static inline bool scan_is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

#ifdef __SSE2__
static inline __m128i scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* All ones where a byte, read as unsigned, is at most `highest`. */
static inline __m128i scan_at_most(__m128i v, unsigned char highest)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8((char)highest)), v);
}

static inline __m128i scan_equal(__m128i v, char byte)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(byte));
}
#endif

/** Where a token ends that begins at `at`; `end` when it does not. */
static inline const char *scan_token(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) { // letters, digits and '-': most names have nothing else
        __m128i v = scan_load(at), lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i letter = scan_at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
        __m128i digit = scan_at_most(_mm_sub_epi8(v, _mm_set1_epi8('0')), 9);
        __m128i plain = _mm_or_si128(_mm_or_si128(letter, digit), scan_equal(v, '-'));
        unsigned mask = (unsigned)_mm_movemask_epi8(plain) ^ 0xffff;
        if (mask) {
            at += __builtin_ctz(mask);
            break;
        }
    }
#endif
    while (at < end && scan_is(*at, SCAN_TOKEN))
        at++;
    return at;
}

/** The first control byte other than a tab; `end` when there is none. */
static inline const char *scan_control(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i v = scan_load(at);
        __m128i found = _mm_andnot_si128(scan_equal(v, '\t'), scan_at_most(v, 0x1f));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(found, scan_equal(v, 0x7f)));
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && !scan_is_control(*at))
        at++;
    return at;
}

/** The first CR or LF; `end` when there is none. */
static inline const char *scan_line_end(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i v = scan_load(at), found = _mm_or_si128(scan_equal(v, '\r'), scan_equal(v, '\n'));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    return at;
}

/** The first LF that a CR or another LF follows; `end` when there is none. */
static inline const char *scan_line_end_twice(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 17; at += 16) {
        __m128i next = scan_load(at + 1);
        __m128i again = _mm_or_si128(scan_equal(next, '\r'), scan_equal(next, '\n'));
        __m128i found = _mm_and_si128(scan_equal(scan_load(at), '\n'), again);
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    for (; end - at >= 2; at++) {
        if (at[0] == '\n' && (at[1] == '\r' || at[1] == '\n'))
            return at;
    }
    return end;
}

#endif
