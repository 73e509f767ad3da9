/* tokens_split.c - where text is cut before bytes are paired. */
#include "chat/tokens_split.h"

#include <assert.h>

#include "json/text.h"

/*
 * o200k_base tries in this order
 *
 *     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|...)?
 *     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|...)?
 *     \p{N}{1,3}
 *      ?[^\s\p{L}\p{N}]+[\r\n/]*
 *     \s*[\r\n]+
 *     \s+(?!\S)
 *     \s+
 *
 * and cl100k_base, whose third has no '/',
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)
 *     [^\r\n\p{L}\p{N}]?\p{L}+
 *
 * before the other five.
 */
#define BOTH (RUNE_UPPER | RUNE_LOWER)

struct reader {
    const struct vocabulary *v;
    struct slice s;
};

/* What stands at `at`, and how long it is; at the end 0 and 0. */
static inline unsigned look(const struct reader *r, size_t at, size_t *len)
{
    const unsigned char *p = (const unsigned char *)r->s.ptr + at;
    uint32_t rune;

    *len = at < r->s.len;
    if (!*len)
        return 0;
    if (p[0] < 0x80)
        return vocabulary_class(r->v, p[0]);
    *len = json_utf8_len(slice_after(r->s, at));
    if (!*len) {
        *len = 1;
        return 0;
    }
    rune = p[0] & (0xFFU >> (*len + 1));
    for (size_t i = 1; i < *len; i++)
        rune = rune << 6 | (p[i] & 0x3F);
    return vocabulary_class(r->v, rune);
}

/* The end of the longest run from `at` of what has one of the classes. */
static size_t run(const struct reader *r, size_t at, unsigned classes)
{
    size_t len;

    while (look(r, at, &len) & classes)
        at += len;
    return at;
}

/*
 * [UPPER]*[LOWER]+ from `at`, or 0.  Where nothing that is LOWER alone follows the first run,
 * it gives back as much as is needed for the second: all behind its last rune that is both.
 * `upper_end` is where the first run ends.
 */
static size_t lower_word(const struct reader *r, size_t at, size_t *upper_end)
{
    size_t last_both = 0, len;
    unsigned class;

    while ((class = look(r, at, &len)) & RUNE_UPPER) {
        at += len;
        if (class & RUNE_LOWER)
            last_both = at;
    }
    *upper_end = at;
    return class & RUNE_LOWER ? run(r, at, RUNE_LOWER) : last_both;
}

/* The first two alternatives of o200k, without the contraction; 0 when neither is there. */
static size_t word_o200k(const struct reader *r)
{
    size_t len, end, upper_end, from = 0;
    unsigned first = look(r, 0, &len);

    if (first & (RUNE_NEWLINE | RUNE_NUMBER))
        return 0;
    if (!(first & RUNE_LETTER))
        from = len;
    end = lower_word(r, from, &upper_end);
    if (!end && from && (first & BOTH) == BOTH) // a mark, which need not stand before the word
        return from;
    return end || upper_end == from ? end : upper_end;
}

/* The end of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `at`; `at` itself when there is none. */
static size_t contraction(struct slice s, size_t at)
{
    struct slice tail = slice_sub(s, at, 3);
    char a, b;

    if (tail.len < 2 || tail.ptr[0] != '\'')
        return at;
    a = (char)(tail.ptr[1] | 0x20);
    b = (char)(tail.len > 2 ? tail.ptr[2] | 0x20 : 0);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return at + 3;
    return slice_eq(tail, SLICE("'\xC5\xBF")) ? at + 3 : at; // U+017F is an s, but for its case
}

/* [^\r\n\p{L}\p{N}]?\p{L}+ */
static size_t word_cl100k(const struct reader *r)
{
    size_t len, end, from = 0;
    unsigned first = look(r, 0, &len);

    if (first & (RUNE_NEWLINE | RUNE_NUMBER))
        return 0;
    if (!(first & RUNE_LETTER))
        from = len;
    end = run(r, from, RUNE_LETTER);
    return end > from ? end : 0;
}

static size_t number(const struct reader *r)
{
    size_t at = 0, len;

    for (int i = 0; i < 3 && look(r, at, &len) & RUNE_NUMBER; i++)
        at += len;
    return at;
}

/* ' '?[^\s\p{L}\p{N}]+[\r\n/]* */
static size_t punctuation(const struct reader *r, bool takes_slashes)
{
    const unsigned other = RUNE_SPACE | RUNE_LETTER | RUNE_NUMBER;
    size_t from = r->s.ptr[0] == ' ', at = from, len;

    while (!(look(r, at, &len) & other) && len)
        at += len;
    if (at == from)
        return 0;
    while (at < r->s.len &&
           (r->s.ptr[at] == '\r' || r->s.ptr[at] == '\n' || (takes_slashes && r->s.ptr[at] == '/')))
        at++;
    return at;
}

/* Up to the last line end, if there is one; else all but what goes before a next word. */
static size_t space(const struct reader *r)
{
    size_t at = 0, last = 0, newline = 0, len;
    unsigned class;

    while ((class = look(r, at, &len)) & RUNE_SPACE) {
        last = at;
        at += len;
        if (class & RUNE_NEWLINE)
            newline = at;
    }
    if (newline)
        return newline;
    return at == r->s.len || !last ? at : last;
}

size_t tokens_split(enum tokens_vocabulary which, const struct vocabulary *v, struct slice s)
{
    struct reader r = {v, s};
    bool is_o200k = which == TOKENS_O200K;
    size_t end;

    assert(s.len);
    if (is_o200k) {
        end = word_o200k(&r);
        if (end)
            return contraction(s, end);
    } else {
        end = contraction(s, 0);
        if (end || (end = word_cl100k(&r)))
            return end;
    }
    end = number(&r);
    if (!end)
        end = punctuation(&r, is_o200k);
    return end ? end : space(&r);
}
