/* vocabulary.c - what tools/vocabulary has made, read where it lies. */
#include "chat/vocabulary.h"

#include <assert.h>

#define MULTIPLIER 0x9E3779B97F4A7C15U

static uint32_t read_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t read_u64(const unsigned char *p)
{
    return read_u32(p) | (uint64_t)read_u32(p + 4) << 32;
}

/* 1 to 7 bytes, as if zeros followed: overlapping reads give the bytes in the middle twice. */
static uint64_t read_tail(const unsigned char *p, size_t len)
{
    if (len >= 4)
        return read_u32(p) | (uint64_t)read_u32(p + len - 4) << 8 * (len - 4);
    return p[0] | (uint64_t)p[len / 2] << 8 * (len / 2) | (uint64_t)p[len - 1] << 8 * (len - 1);
}

static uint64_t mix(uint64_t h)
{
    h *= MULTIPLIER;
    return h ^ h >> 32;
}

static uint64_t hash(const unsigned char *p, size_t len)
{
    uint64_t h = 0;

    for (; len >= 8; p += 8, len -= 8)
        h = mix(h ^ read_u64(p));
    if (len)
        h = mix(h ^ read_tail(p, len));
    return mix(h);
}

static uint32_t scale(uint32_t number, uint32_t count)
{
    return (uint32_t)((uint64_t)number * count >> 32);
}

static uint32_t slot_of(uint32_t low, uint32_t pilot, uint32_t slots)
{
    uint32_t x = (low ^ pilot * 0x85EBCA6BU) * 0xC2B2AE35U;

    x ^= x >> 15;
    return scale(x * 0x27D4EB2FU, slots);
}

bool vocabulary_open(enum tokens_vocabulary which, struct vocabulary *out)
{
    const unsigned char *file = vocabulary_data, *at;

    if (which == TOKENS_NONE || memcmp(file, "GPTOKEN1", 8) != 0)
        return false;
    at = file + read_u32(file + (which == TOKENS_O200K ? 16 : 20));
    *out = (struct vocabulary){
        .file = file,
        .lengths = at + 4,
        .longest = read_u32(at),
        .pages = file + read_u32(file + 8),
        .blocks = file + read_u32(file + 12),
    };
    return true;
}

uint32_t vocabulary_rank(const struct vocabulary *v, const char *token, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)token, *table, *pilot, *entry;
    uint32_t buckets, slots;
    uint64_t h;

    assert(len);
    if (len > v->longest)
        return VOCABULARY_NO_RANK;
    table = v->lengths + 16 * (len - 1);
    slots = read_u32(table + 4);
    buckets = read_u32(table + 12);
    if (!buckets)
        return VOCABULARY_NO_RANK;
    h = hash(bytes, len);
    pilot = v->file + read_u32(table + 8) + (size_t)2 * scale((uint32_t)(h >> 32), buckets);
    entry = v->file + read_u32(table) +
            slot_of((uint32_t)h, (uint32_t)pilot[0] | (uint32_t)pilot[1] << 8, slots) * (len + 3);
    if (memcmp(entry, bytes, len) != 0)
        return VOCABULARY_NO_RANK;
    entry += len;
    return (uint32_t)entry[0] | (uint32_t)entry[1] << 8 | (uint32_t)entry[2] << 16;
}
