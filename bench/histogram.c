/* histogram.c - how often which time was seen, to within one percent. */
#include "histogram.h"

#define FINE (1U << HISTOGRAM_FINE_BITS)

/*
 * Values below 2 * FINE have a cell each; beyond, each power of two has FINE cells.
 */
static unsigned cell_of(uint64_t v)
{
    unsigned shift;

    if (v < 2 * FINE)
        return (unsigned)v;
    shift = 63 - (unsigned)__builtin_clzll(v) - HISTOGRAM_FINE_BITS;
    return shift * FINE + (unsigned)(v >> shift);
}

/* The middle of a cell. */
static uint64_t value_of(unsigned cell)
{
    unsigned shift;

    if (cell < 2 * FINE)
        return cell;
    shift = cell / FINE - 1;
    return ((uint64_t)(cell - shift * FINE) << shift) + ((uint64_t)1 << shift) / 2;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    if (!h->count || ns < h->min)
        h->min = ns;
    if (ns > h->max)
        h->max = ns;
    h->count++;
    h->sum += ns;
    h->cells[cell_of(ns)]++;
}

uint64_t histogram_at(const struct histogram *h, double quantile)
{
    uint64_t want = (uint64_t)((double)h->count * quantile + 0.5), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen && seen >= want)
            return value_of(i) < h->max ? value_of(i) : h->max;
    }
    return 0;
}
