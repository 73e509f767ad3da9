/* random.c - numbers nobody guesses the use of, and ids made of them. */
#include "base/random.h"

#include <string.h>

#include "base/hex.h"
#include "base/wide.h"

#define ID_TIME_BYTES 6

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

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
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

bool id_pack(struct slice text, unsigned char out[ID_BYTES])
{
    size_t digits = 0;

    if (text.len != ID_TEXT_BYTES - 1)
        return false;
    memset(out, 0, ID_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        int value = hex_value(text.ptr[i]);
        if (is_dash(i) ? text.ptr[i] != '-' : value < 0)
            return false;
        if (is_dash(i))
            continue;
        out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | value);
        digits++;
    }
    return true;
}

void id_unpack(const unsigned char id[ID_BYTES], char out[ID_TEXT_BYTES])
{
    char *at = out;

    for (size_t i = 0; i < ID_BYTES; i++) {
        if (is_dash((size_t)(at - out)))
            *at++ = '-';
        at = put_hex(at, id[i], 1);
    }
    *at = '\0';
}

void id_at(int64_t unix_ms, unsigned char out[ID_BYTES])
{
    uint64_t ms = unix_ms < 0 ? 0 : (uint64_t)unix_ms;

    memset(out, 0, ID_BYTES);
    for (size_t i = 0; i < ID_TIME_BYTES; i++)
        out[i] = (unsigned char)(ms >> (8 * (ID_TIME_BYTES - 1 - i)));
}

int64_t id_unix_ms(const unsigned char id[ID_BYTES])
{
    int64_t ms = 0;

    for (size_t i = 0; i < ID_TIME_BYTES; i++)
        ms = ms << 8 | id[i];
    return ms;
}
