/* stats.h - counters of one worker, summed when they are read. */
#ifndef EXCHANGE_STATS_H
#define EXCHANGE_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "chat/dialect.h"
#include "policy/record.h"

#define STATS_BUCKETS 16 // of a histogram, the last one is "more"

struct histogram {
    atomic_uint_fast64_t buckets[STATS_BUCKETS], sum_ms;
};

/* Written by the worker alone, read by any thread: relaxed atomics, no lock. */
struct stats {
    atomic_uint_fast64_t requests[DIALECT_COUNT][OP_COUNT];
    atomic_uint_fast64_t errors[ERR_COUNT];
    atomic_uint_fast64_t outcomes[OUTCOME_UNKNOWN + 1];
    atomic_uint_fast64_t tokens[USAGE_KIND_COUNT];
    atomic_uint_fast64_t cost_nusd, unpriced, unaccounted, attempts, connections_opened;
    atomic_int_fast64_t in_flight;
    struct histogram duration, first_byte;
};

static inline void stats_add(atomic_uint_fast64_t *counter, uint64_t n)
{
    /* One writer: load and store need no locked instruction. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void histogram_add(struct histogram *h, int64_t ms);

/** The sum over all workers in the text format of Prometheus 0.0.4. */
void stats_write(const struct stats *const *all, size_t count, struct buf *out);

#endif
