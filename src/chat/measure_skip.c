/* measure_skip.c - over what is of no interest in a request, 64 bytes at a time. */
#include "chat/measure_skip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/skip.h"

#define BLOCK_BYTES 64

/* One bit for each byte of a block, the first one's lowest. */
struct block {
    uint64_t quotes, backslashes, opens, closes;
};

/* Between blocks. */
struct state {
    size_t depth;
    uint64_t in_string;  // all ones, or 0
    uint64_t is_escaped; // 1: the next byte
};

JSON_INLINE struct block block_at(const char *at)
{
    struct block b = {0, 0, 0, 0};

    for (unsigned i = 0; i < BLOCK_BYTES; i += JSON_STRIDE) {
        b.quotes |= (uint64_t)json_equal(at + i, '"') << i;
        b.backslashes |= (uint64_t)json_equal(at + i, '\\') << i;
        b.opens |= (uint64_t)json_equal_folded(at + i, '{') << i;
        b.closes |= (uint64_t)json_equal_folded(at + i, '}') << i;
    }
    return b;
}

/* Which bytes are escaped by a backslash that is none itself. */
JSON_INLINE uint64_t escaped(uint64_t backslashes, uint64_t *carry)
{
    uint64_t out = *carry;

    backslashes &= ~*carry;
    *carry = 0;
    while (backslashes) {
        uint64_t first = backslashes & -backslashes;

        out |= first << 1;
        *carry = first >> 63;
        backslashes &= ~(first | first << 1);
    }
    return out;
}

/* Each bit says whether there is an odd number of them up to it. */
JSON_INLINE uint64_t parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < BLOCK_BYTES; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* How many bytes of the block belong to the container that ends in it; 0: it does not. */
JSON_INLINE unsigned end_in(struct state *s, struct block b)
{
    uint64_t inside, brackets;

    if (b.backslashes | s->is_escaped)
        b.quotes &= ~escaped(b.backslashes, &s->is_escaped);
    inside = parity(b.quotes) ^ s->in_string;
    s->in_string = (uint64_t)0 - (inside >> 63);
    for (brackets = (b.opens | b.closes) & ~inside; brackets; brackets &= brackets - 1) {
        if (b.opens & brackets & -brackets)
            s->depth++;
        else if (--s->depth == 0)
            return (unsigned)__builtin_ctzll(brackets) + 1;
    }
    return 0;
}

const char *measure_skip(const char *at, const char *end)
{
    struct state s = {0, 0, 0};
    char last[BLOCK_BYTES] = {0};
    unsigned len;

    for (; end - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        len = end_in(&s, block_at(at));
        if (len)
            return at + len;
    }
    memcpy(last, at, (size_t)(end - at));
    len = end_in(&s, block_at(last));
    return len ? at + len : NULL;
}

/* Where in the 64 bytes at `at` the string ends, counted from 1; 0: it does not. */
JSON_INLINE unsigned quote_in(const char *at, uint64_t *is_escaped)
{
    uint64_t quotes = 0, backslashes = 0;

    for (unsigned i = 0; i < BLOCK_BYTES; i += JSON_STRIDE) {
        quotes |= (uint64_t)json_equal(at + i, '"') << i;
        backslashes |= (uint64_t)json_equal(at + i, '\\') << i;
    }
    if (backslashes | *is_escaped)
        quotes &= ~escaped(backslashes, is_escaped);
    return quotes ? (unsigned)__builtin_ctzll(quotes) + 1 : 0;
}

const char *measure_string_end(const char *at, const char *end)
{
    uint64_t is_escaped = 0;
    char last[BLOCK_BYTES] = {0};
    unsigned len;

    at++;
    if (end - at >= JSON_STRIDE) { // most are short
        unsigned stops = json_quotes(at);
        if (stops && at[__builtin_ctz(stops)] == '"')
            return at + __builtin_ctz(stops) + 1;
    }
    for (; end - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        len = quote_in(at, &is_escaped);
        if (len)
            return at + len;
    }
    memcpy(last, at, (size_t)(end - at));
    len = quote_in(last, &is_escaped);
    return len && at + len <= end ? at + len : NULL;
}
