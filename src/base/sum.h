/* sum.h - adding without wrapping. */
#ifndef BASE_SUM_H
#define BASE_SUM_H

#include <stdint.h>

/** The sum, or the number nearest to it that there is. */
static inline int64_t sum_capped(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT64_MIN : INT64_MAX) : sum;
}

#endif
