/* window.h - how much happened of late: a sliding window. */
#ifndef POLICY_WINDOW_H
#define POLICY_WINDOW_H

#include <stdint.h>

/*
 * Sixty buckets behind the current one, and the oldest counts whole: what `sum` says is
 * never less than what happened in the span that ends now, so whoever admits only while
 * sum + want <= limit lets no span of that length pass the limit, wherever it begins.
 * What happened is forgotten at most one bucket late.
 *
 * Time is monotonic, in ms.  Whoever comes with an older time (another worker's clock
 * may lag) counts in the current bucket.  Amounts that no int64_t holds are cut off.
 */
#define WINDOW_SLOTS     61
#define WINDOW_MINUTE_MS INT64_C(1000)    // of a bucket: in any 60 seconds
#define WINDOW_DAY_MS    INT64_C(1440000) // in any 24 hours

struct window {
    int64_t width_ms;            // of a bucket
    int64_t bucket;              // the current one, counted from time 0,
    int64_t ends_ms;             // and when it is over
    int64_t sum;                 // of all slots
    int64_t slots[WINDOW_SLOTS]; // [bucket modulo the count]
};

void window_init(struct window *w, int64_t width_ms);

/** What happened in the span that ends now. */
int64_t window_sum(struct window *w, int64_t now_ms);

/** Counts `amount`, which is not negative; answers the bucket, for window_take_back(). */
int64_t window_add(struct window *w, int64_t now_ms, int64_t amount);

/** Counts what happened at `at_ms`, in the past; forgotten where that is too long ago. */
void window_add_past(struct window *w, int64_t at_ms, int64_t now_ms, int64_t amount);

/** It did not happen after all.  Nothing, where that bucket is gone by now. */
void window_take_back(struct window *w, int64_t bucket, int64_t now_ms, int64_t amount);

/** How long until `sum` is at most `most`, which is not negative, if nothing more happens; 0: it is. */
int64_t window_wait_ms(struct window *w, int64_t now_ms, int64_t most);

/** The same for a sum of 0: until all is forgotten. */
int64_t window_free_ms(struct window *w, int64_t now_ms);

#endif
