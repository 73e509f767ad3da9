/* signatures.h - what models thought before their calls, until the client replays them. */
#ifndef EXCHANGE_SIGNATURES_H
#define EXCHANGE_SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/*
 * The process-wide store behind chat/memory.h: the next turn may arrive at another worker.  A
 * sharded map, each shard under its own short lock; bounded in entries and bytes, where the
 * entry that was not used for longest goes first, and in time.  An entry belongs to one tenant
 * and is found by nobody else.  Any thread may call anything but _new and _free.
 */
struct signatures;

struct signatures_limits {
    size_t entries;
    size_t bytes;       // of values, over all
    size_t value_bytes; // of one; longer ones are not kept
    int64_t ttl_ms;     // since it was put or found last
};

#define SIGNATURES_LIMITS ((struct signatures_limits){10000, 64 << 20, 65536, 3600 * 1000})

/** `seed` is nobody's guess: it keeps clients from choosing colliding ids. */
struct signatures *signatures_new(struct signatures_limits limits, uint64_t seed);
void signatures_free(struct signatures *s);

/** Keeps a copy, in place of what was there.  An id of no or more than 256 bytes is not kept. */
void signatures_put(struct signatures *s, int64_t tenant, struct slice call_id, struct slice value,
                    int64_t now_ms);

/** A copy in the arena.  False: not there, or too old. */
bool signatures_get(struct signatures *s, int64_t tenant, struct slice call_id, int64_t now_ms,
                    struct arena *a, struct slice *value);

/** Entries and bytes of values that it holds now. */
void signatures_figures(struct signatures *s, size_t *entries, size_t *bytes);

#endif
