/* table.c - a hash table from byte strings to pointers. */
#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/wide.h"

#define SMALLEST_SLOTS ((size_t)16)

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 p = (uint128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Multiply-and-fold over eight bytes at a time, in the manner of wyhash. */
uint64_t hash_bytes(uint64_t seed, struct slice s)
{
    const uint64_t k0 = 0xa0761d6478bd642fULL, k1 = 0xe7037ed1a0b428dbULL;
    uint64_t h = seed ^ mix(s.len ^ k0, k1);
    const char *p = s.ptr;
    size_t left = s.len;
    uint64_t word;

    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = mix(h ^ word ^ k0, k1);
    }
    if (left) {
        word = 0;
        memcpy(&word, p, left);
        h = mix(h ^ word ^ k0, k1 ^ left);
    }
    return mix(h, k0);
}

void table_init(struct table *t, uint64_t seed)
{
    *t = (struct table){.seed = seed};
}

void table_release(struct table *t)
{
    free(t->entries);
    free(t->slots);
    *t = (struct table){.seed = t->seed};
}

/* The slot of `key`, or the free slot where it would go. */
static size_t slot_of(const struct table *t, struct slice key, uint64_t hash)
{
    size_t mask = t->slot_count - 1, at = (size_t)hash & mask;

    while (t->slots[at]) {
        const struct table_entry *e = &t->entries[t->slots[at] - 1];
        if (e->hash == hash && e->value && slice_eq(e->key, key))
            break;
        at = (at + 1) & mask;
    }
    return at;
}

static void *must_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p)
        panic("out of memory: table of %zu entries", count);
    return p;
}

/* Makes room for one more: drops holes, and doubles when still more than 3/4 full. */
static void grow(struct table *t)
{
    size_t slot_count = t->slot_count ? t->slot_count : SMALLEST_SLOTS, kept = 0;
    struct table_entry *entries;

    while ((t->live + 1) * 4 > slot_count * 3)
        slot_count *= 2;
    entries = must_alloc(slot_count, sizeof(*entries));
    for (size_t i = 0; i < t->count; i++) {
        if (t->entries[i].value)
            entries[kept++] = t->entries[i];
    }
    free(t->entries);
    free(t->slots);
    t->entries = entries;
    t->entry_cap = t->slot_count = slot_count;
    t->count = kept;
    t->slots = must_alloc(slot_count, sizeof(*t->slots));
    for (size_t i = 0; i < kept; i++) {
        size_t at = (size_t)entries[i].hash & (slot_count - 1);
        while (t->slots[at])
            at = (at + 1) & (slot_count - 1);
        t->slots[at] = (uint32_t)(i + 1);
    }
}

void *table_get(const struct table *t, struct slice key)
{
    size_t at;

    if (t->slot_count == 0)
        return NULL;
    at = slot_of(t, key, hash_bytes(t->seed, key));
    return t->slots[at] ? t->entries[t->slots[at] - 1].value : NULL;
}

void *table_put(struct table *t, struct slice key, void *value)
{
    uint64_t hash = hash_bytes(t->seed, key);
    size_t at;

    assert(value);
    if ((t->count + 1) * 4 > t->slot_count * 3)
        grow(t);
    at = slot_of(t, key, hash);
    if (t->slots[at]) {
        struct table_entry *e = &t->entries[t->slots[at] - 1];
        void *before = e->value;
        *e = (struct table_entry){key, value, hash};
        return before;
    }
    t->entries[t->count] = (struct table_entry){key, value, hash};
    t->slots[at] = (uint32_t)++t->count;
    t->live++;
    return NULL;
}

void *table_remove(struct table *t, struct slice key)
{
    struct table_entry *e;
    size_t at;
    void *before;

    if (t->slot_count == 0)
        return NULL;
    at = slot_of(t, key, hash_bytes(t->seed, key));
    if (!t->slots[at])
        return NULL;
    e = &t->entries[t->slots[at] - 1];
    before = e->value;
    e->value = NULL; // the slot stays taken, so that longer probes still pass over it
    t->live--;
    return before;
}

const struct table_entry *table_next(const struct table *t, size_t *at)
{
    while (*at < t->count) {
        const struct table_entry *e = &t->entries[(*at)++];
        if (e->value)
            return e;
    }
    return NULL;
}
