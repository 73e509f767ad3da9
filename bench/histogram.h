/* histogram.h - how often which time was seen, to within one percent. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE_BITS 7 // 128 cells for each power of two
#define HISTOGRAM_CELLS     ((64 - HISTOGRAM_FINE_BITS + 1) << HISTOGRAM_FINE_BITS)

struct histogram {
    uint64_t count, min, max, sum;
    uint32_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/** The value that a share `quantile` (0 to 1) of all lie at or below; 0 when empty. */
uint64_t histogram_at(const struct histogram *h, double quantile);

#endif
