/* table.h - a hash table from byte strings to pointers. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Borrows its keys: their bytes live at least as long as the table.  Values
 * are never NULL.  Open addressing, at most 3/4 full, order of insertion kept
 * for walking.  The seed keeps peers from choosing colliding names.
 */
struct table_entry {
    struct slice key;
    void *value;
    uint64_t hash;
};

struct table {
    struct table_entry *entries; // [count], in order of insertion; holes have a NULL value
    uint32_t *slots;             // [slot_count], index into entries plus one; 0 is free
    size_t count, live, slot_count, entry_cap;
    uint64_t seed;
};

void table_init(struct table *t, uint64_t seed);
void table_release(struct table *t);

/** NULL when the key is not there. */
void *table_get(const struct table *t, struct slice key);

/** Puts or replaces; answers the value that stood there before, or NULL. */
void *table_put(struct table *t, struct slice key, void *value);

/** Takes out; answers what was there, or NULL. */
void *table_remove(struct table *t, struct slice key);

/** Walks in order of insertion: `at` starts at 0; NULL at the end. */
const struct table_entry *table_next(const struct table *t, size_t *at);

/** 64 bits of hash of `s`; equal seeds give equal hashes. */
uint64_t hash_bytes(uint64_t seed, struct slice s);

#endif
