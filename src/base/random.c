/* random.c - numbers nobody guesses the use of, and ids made of them. */
#include "base/random.h"

#include <string.h>

#include "base/wide.h"

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

void random_seed(struct random *r, const uint64_t seed[4])
{
    memcpy(r->state, seed, sizeof(r->state));
    r->state[0] |= 1; // all zeros is the one state that never leaves itself
}

/* xoshiro256++, Blackman and Vigna 2019, public domain algorithm. */
uint64_t random_next(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
    return (uint64_t)(((uint128)random_next(r) * bound) >> 64);
}

/* Two digits a step; each is a table look-up, since every request has an id. */
static char *put_hex(char *at, uint64_t word, unsigned bytes)
{
    static const char hex[] = "0123456789abcdef";

    for (unsigned shift = bytes * 8; shift; at += 2) {
        shift -= 8;
        at[0] = hex[(word >> (shift + 4)) & 15];
        at[1] = hex[(word >> shift) & 15];
    }
    return at;
}

void id_make(struct random *r, int64_t unix_ms, char out[ID_TEXT_BYTES])
{
    uint64_t high = ((uint64_t)unix_ms << 16) | 0x7000 | (random_next(r) & 0x0fff);
    uint64_t low = 0x8000000000000000ULL | (random_next(r) >> 2);
    char *at = put_hex(out, high >> 32, 4);

    *at++ = '-';
    at = put_hex(at, high >> 16, 2);
    *at++ = '-';
    at = put_hex(at, high, 2);
    *at++ = '-';
    at = put_hex(at, low >> 48, 2);
    *at++ = '-';
    at = put_hex(at, low, 6);
    *at = '\0';
}
