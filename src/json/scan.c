/* scan.c - is this text JSON, and where in it do a few top-level values stand. */
#include "json/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "json/skip.h"
#include "json/text.h"
#include "json/walk.h"

#define NOT_WANTED SIZE_MAX

/* Who asks, and whose value comes next or is open: an index, or NOT_WANTED. */
struct asked {
    const struct json_want *wants;
    size_t count, want;
    struct json_span *spans;
};

static size_t want_find(const struct asked *a, struct slice inside)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->wants[i].key.len == inside.len && slice_eq(a->wants[i].key, inside))
            return i;
    }
    return NOT_WANTED;
}

static size_t want_find_literal(const struct asked *a, struct slice literal)
{
    struct slice inside;

    if (json_string_plain(literal, &inside))
        return want_find(a, inside);
    for (size_t i = 0; i < a->count; i++) {
        if (json_string_eq(literal, a->wants[i].key))
            return i;
    }
    return NOT_WANTED;
}

/* Is the key that has just been found there for the second time, where it must not be? */
static bool is_second(const struct asked *a)
{
    return a->want != NOT_WANTED && a->wants[a->want].no_duplicate && a->spans[a->want].end;
}

static void value_found(struct asked *a, size_t start, size_t end)
{
    if (a->want != NOT_WANTED)
        a->spans[a->want] = (struct json_span){start, end};
    a->want = NOT_WANTED;
}

static void spans_clear(const struct asked *a)
{
    for (size_t i = 0; i < a->count; i++)
        a->spans[i] = (struct json_span){0, 0};
}

/*
 * Most texts are objects without a mistake in them.  Those are read byte by byte, strings in
 * strides, which is quicker than to list the tokens first.  What this quick reader does not
 * accept, for whatever reason, goes to json/walk.h, which knows what to say.
 *
 * A text that it reads ends in '}', and that stops whatever goes over blanks, numbers and
 * names: only behind a bracket that closes can the end have been reached.
 */
struct quick_level {
    uint16_t keys;
    char close; // the bracket that ends it
};

static const uint8_t escape_len[256] = {
    ['"'] = 2, ['\\'] = 2, ['/'] = 2, ['b'] = 2, ['f'] = 2,
    ['n'] = 2, ['r'] = 2,  ['t'] = 2, ['u'] = 6,
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Behind the escape whose backslash stands at `at`; NULL when it is none. */
JSON_INLINE const char *quick_escape(const char *at, const char *end)
{
    size_t len = escape_len[(unsigned char)at[1]];

    if (len == 0 || len > (size_t)(end - at))
        return NULL;
    for (size_t i = 2; i < len; i++) {
        if (!is_hex(at[i]))
            return NULL;
    }
    return at + len;
}

#if defined(__x86_64__)

#define WIDE       __attribute__((target("avx2,bmi")))
#define WIDE_BLOCK 64

WIDE JSON_INLINE uint64_t equal_wide(__m256i low, __m256i high, __m256i to)
{
    uint32_t l = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, to));
    uint32_t h = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, to));
    return (uint64_t)h << 32 | l;
}

/*
 * The bytes that a backslash escapes: in a run of backslashes every second byte is, counted
 * from where it starts.  Adding to a run the bit where it starts carries to behind its end,
 * here for runs that start at odd places only.
 */
WIDE JSON_INLINE uint64_t escaped_wide(uint64_t backslash)
{
    const uint64_t even = 0x5555555555555555U;
    uint64_t follows = backslash << 1;
    uint64_t sum = (backslash & ~even & ~follows) + backslash;

    return (even ^ sum << 1) & follows;
}

/*
 * Goes on within a string, in blocks, up to its closing quote or to where less than a block
 * is left; never to within an escape.  NULL when this is no string.
 */
WIDE static const char *string_wide(const char *at, const char *end, unsigned *highs)
{
    const __m256i last_control = _mm256_set1_epi8(0x1F);

    while (end - at >= WIDE_BLOCK) {
        __m256i low = _mm256_loadu_si256((const void *)at);
        __m256i high = _mm256_loadu_si256((const void *)(at + WIDE_BLOCK / 2));
        uint64_t quote = equal_wide(low, high, _mm256_set1_epi8('"'));
        uint64_t backslash = equal_wide(low, high, _mm256_set1_epi8('\\'));
        uint64_t control = equal_wide(_mm256_subs_epu8(low, last_control),
                                      _mm256_subs_epu8(high, last_control), _mm256_setzero_si256());
        uint64_t escaped = 0, odd;
        unsigned len = WIDE_BLOCK;

        *highs |= (unsigned)_mm256_movemask_epi8(_mm256_or_si256(low, high));
        if (backslash) {
            escaped = escaped_wide(backslash);
            quote &= ~escaped;
            len -= (unsigned)(backslash >> 63 & ~(escaped >> 63)); // its escape is in the next one
        }
        if (quote) {
            len = (unsigned)__builtin_ctzll(quote);
            escaped &= quote - 1;
            control &= quote - 1;
        }
        if (control)
            return NULL;
        if (escaped) {
            odd = escaped & ~(equal_wide(low, high, _mm256_set1_epi8('n')) |
                              equal_wide(low, high, _mm256_set1_epi8('t')) |
                              equal_wide(low, high, _mm256_set1_epi8('"')) | backslash);
            for (; odd; odd &= odd - 1) {
                if (!quick_escape(at + __builtin_ctzll(odd) - 1, end))
                    return NULL;
            }
        }
        at += len;
        if (quote)
            break;
    }
    return at;
}

static bool is_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

#else

static const char *string_wide(const char *at, const char *end, unsigned *highs)
{
    (void)end;
    (void)highs;
    return at;
}

static bool is_wide(void)
{
    return false;
}

#endif

/* From within a string, not from within an escape, to its closing quote; NULL when it has none. */
JSON_INLINE const char *string_narrow(const char *at, const char *end, unsigned *highs)
{
    for (;;) {
        size_t left = (size_t)(end - at);
        unsigned stops;

        if (left >= JSON_STRIDE) {
            stops = json_stops(at);
            *highs |= json_highs(at);
            if (!stops) {
                at += JSON_STRIDE;
                continue;
            }
        } else {
            stops = JSON_LAST(json_stops, end, left);
            *highs |= JSON_LAST(json_highs, end, left);
            if (!stops)
                return NULL;
        }
        at += __builtin_ctz(stops);
        if (*at == '"')
            return at;
        if (*at != '\\' || !(at = quick_escape(at, end)))
            return NULL;
    }
}

/* A string that is long or has escapes, from within, not from within an escape. */
static const char *string_rest(const char *at, const char *end, unsigned *highs)
{
    if (is_wide() && !(at = string_wide(at, end, highs)))
        return NULL;
    return string_narrow(at, end, highs);
}

/* Behind the string whose first quote stands at `at`; NULL when it is none. */
JSON_INLINE const char *quick_string(const char *at, const char *end, bool *plain)
{
    const char *start = ++at;
    unsigned highs = 0, stops = 0;

    if (end - at >= JSON_STRIDE) {
        stops = json_stops(at);
        highs = json_highs(at);
    }
    *plain = stops && at[__builtin_ctz(stops)] == '"';
    if (*plain) {
        highs &= stops ^ (stops - 1);
        at += __builtin_ctz(stops);
    } else if (!(at = string_rest(at, end, &highs))) {
        return NULL;
    }
    if (highs && json_utf8_fault(slice_of(start, (size_t)(at - start))) != SIZE_MAX)
        return NULL;
    return at + 1;
}

JSON_INLINE const char *quick_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* RFC 8259, 6; NULL when it is no number. */
JSON_INLINE const char *quick_number(const char *at)
{
    const char *digits = at += *at == '-';

    at = quick_digits(at);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return NULL;
    if (*at == '.') {
        digits = ++at;
        at = quick_digits(at);
        if (at == digits)
            return NULL;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        digits = at += *at == '+' || *at == '-';
        at = quick_digits(at);
        if (at == digits)
            return NULL;
    }
    return at;
}

/* Behind a value without brackets; NULL when it is none. */
JSON_INLINE const char *quick_scalar(const char *at, const char *end)
{
    bool plain;

    switch (*at) {
    case '"': return quick_string(at, end, &plain);
    case 't': return end - at > 4 && memcmp(at, "true", 4) == 0 ? at + 4 : NULL;
    case 'n': return end - at > 4 && memcmp(at, "null", 4) == 0 ? at + 4 : NULL;
    case 'f': return end - at > 5 && memcmp(at, "false", 5) == 0 ? at + 5 : NULL;
    default: return quick_number(at);
    }
}

/* `at` is not the end. */
JSON_INLINE const char *quick_blanks(const char *at, const char *end)
{
    return (unsigned char)*at > ' ' ? at : json_skip_blanks(at, end);
}

/* Behind the colon of the key at `at`; NULL when it is none, or must not be there. */
JSON_INLINE const char *quick_key(const char *at, const char *end, struct asked *a, bool is_top)
{
    const char *key = at;
    bool plain;

    if (*at != '"' || !(at = quick_string(at, end, &plain)))
        return NULL;
    if (is_top) {
        struct slice literal = slice_of(key, (size_t)(at - key));

        a->want = plain ? want_find(a, slice_sub(literal, 1, literal.len - 2))
                        : want_find_literal(a, literal);
        if (is_second(a))
            return NULL;
    }
    at = quick_blanks(at, end);
    return *at == ':' ? at + 1 : NULL;
}

/* Behind the top object that begins at `at`; NULL when it is none, or to be looked at again. */
static const char *quick_object(const char *text, const char *at, const char *end, struct asked *a)
{
    struct quick_level levels[JSON_MAX_DEPTH + 1], *level = levels;
    const char *start = at, *opened = at;

    for (;; start = at) {
        bool fresh = *at == '{' || *at == '['; // no comma stands before what comes first

        if (fresh) {
            if (level == levels + JSON_MAX_DEPTH)
                return NULL;
            *++level = (struct quick_level){0, *at++ == '{' ? '}' : ']'};
            if (level == levels + 2)
                opened = start;
        } else if (!(at = quick_scalar(at, end))) {
            return NULL;
        } else if (level == levels + 1) {
            value_found(a, (size_t)(start - text), (size_t)(at - text));
        }
        at = quick_blanks(at, end);
        while (*at == level->close) {
            at++;
            if (--level == levels)
                return at;
            if (level == levels + 1)
                value_found(a, (size_t)(opened - text), (size_t)(at - text));
            if (at == end)
                return NULL;
            at = quick_blanks(at, end);
            fresh = false;
        }
        if (!fresh) {
            if (*at != ',')
                return NULL;
            at = quick_blanks(at + 1, end);
        }
        if (level->close == '}') {
            if (++level->keys > JSON_MAX_KEYS || !(at = quick_key(at, end, a, level == levels + 1)))
                return NULL;
            at = quick_blanks(at, end);
        }
    }
}

static bool quick_scan(struct slice text, struct asked *a)
{
    const char *at, *end;

    if (text.len < JSON_STRIDE) // and no arithmetic on the NULL of an empty text
        return false;
    end = text.ptr + text.len;
    at = json_skip_blanks(text.ptr, end);
    while (end > at && json_is_blank(end[-1]))
        end--;
    return end - at >= JSON_STRIDE && *at == '{' && end[-1] == '}' &&
           quick_object(text.ptr, at, end, a) == end;
}

static enum err slow_scan(struct slice text, struct asked *a, struct err_info *e)
{
    struct json_walk w;
    size_t opened_at = 0;

    json_walk_init(&w, text);
    for (;;) {
        enum json_token token = json_walk_next(&w);

        if (token == JSON_TOKEN_END)
            return ERR_NONE;
        if (token == JSON_TOKEN_FAIL)
            return json_walk_error(&w, e);
        if (token == JSON_TOKEN_OPEN && w.depth == 2)
            opened_at = w.start;
        if (w.depth != 1 || token == JSON_TOKEN_OPEN)
            continue;
        if (token == JSON_TOKEN_KEY) {
            a->want = want_find_literal(a, slice_sub(text, w.start, w.end - w.start));
            if (is_second(a))
                return err_set(e, ERR_BAD_REQUEST, "duplicate key \"%.*s\" at byte %zu",
                               SLICE_ARG(a->wants[a->want].key), w.start);
        } else {
            value_found(a, token == JSON_TOKEN_CLOSE ? opened_at : w.start, w.end);
        }
    }
}

enum err json_scan(struct slice text, const struct json_want *wants, size_t count,
                   struct json_span *spans, struct err_info *e)
{
    struct asked a = {wants, count, NOT_WANTED, spans};

    spans_clear(&a);
    if (quick_scan(text, &a))
        return ERR_NONE;
    spans_clear(&a);
    a.want = NOT_WANTED;
    return slow_scan(text, &a, e);
}

struct slice json_span_slice(struct slice text, struct json_span s)
{
    return s.end ? slice_sub(text, s.start, s.end - s.start) : slice_of(NULL, 0);
}

enum err json_get(struct slice object, struct slice key, struct slice *value)
{
    const struct json_want want = {.key = key};
    struct json_span span;
    struct err_info e = {0};
    enum err err = json_scan(object, &want, 1, &span, &e);

    *value = err == ERR_NONE ? json_span_slice(object, span) : slice_of(NULL, 0);
    return err;
}
