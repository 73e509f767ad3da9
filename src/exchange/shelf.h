/* shelf.h - bytes that a later request of the same user may ask for by an id. */
#ifndef EXCHANGE_SHELF_H
#define EXCHANGE_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/*
 * Process-wide, since the next turn of a conversation may arrive at another worker.  A sharded
 * map, each shard under its own short lock; bounded in entries and bytes, where the entry that
 * was not used for longest goes first, and in time.  An entry belongs to one tenant and is found
 * by nobody else.  Nothing of it is on disk.  Any thread may call anything but _new and _free.
 */
struct shelf;

struct shelf_limits {
    size_t entries;
    size_t bytes;       // of values, over all
    size_t value_bytes; // of one; longer ones are not kept
};

/** `seed` is nobody's guess: it keeps clients from choosing colliding ids. */
struct shelf *shelf_new(struct shelf_limits limits, uint64_t seed);
void shelf_free(struct shelf *s);

/**
 * Keeps a copy for `ttl_ms` since it was put or found last, in place of what was there.  An id
 * of no or more than 256 bytes is not kept.
 */
void shelf_put(struct shelf *s, int64_t tenant, struct slice id, struct slice value, int64_t ttl_ms,
               int64_t now_ms);

/** A copy in the arena.  False: not there, or too old. */
bool shelf_get(struct shelf *s, int64_t tenant, struct slice id, int64_t now_ms, struct arena *a,
               struct slice *value);

/** Entries and bytes of values that it holds now. */
void shelf_figures(struct shelf *s, size_t *entries, size_t *bytes);

#endif
