/* window.c - how much happened of late: a sliding window. */
#include "policy/window.h"

#include <string.h>

/* Rounds down, before time 0 too: what is restored may be older than the clock. */
static int64_t bucket_of(const struct window *w, int64_t at_ms)
{
    int64_t bucket = at_ms / w->width_ms;

    return at_ms % w->width_ms < 0 ? bucket - 1 : bucket;
}

static int64_t *slot_of(struct window *w, int64_t bucket)
{
    int64_t at = bucket % WINDOW_SLOTS;

    return &w->slots[at < 0 ? at + WINDOW_SLOTS : at];
}

void window_init(struct window *w, int64_t width_ms)
{
    memset(w, 0, sizeof(*w));
    w->width_ms = width_ms;
    w->bucket = INT64_MIN / width_ms; // before any time
    w->ends_ms = INT64_MIN;
}

/* Each bucket is emptied once, when its slot is taken over. */
static void advance(struct window *w, int64_t now_ms)
{
    int64_t bucket;

    if (now_ms < w->ends_ms)
        return;
    bucket = bucket_of(w, now_ms);
    w->ends_ms = (bucket + 1) * w->width_ms;
    if (w->sum == 0 || bucket - w->bucket >= WINDOW_SLOTS) {
        if (w->sum)
            memset(w->slots, 0, sizeof(w->slots));
        w->sum = 0;
        w->bucket = bucket;
        return;
    }
    while (w->bucket < bucket) {
        int64_t *slot = slot_of(w, ++w->bucket);
        w->sum -= *slot;
        *slot = 0;
    }
}

int64_t window_sum(struct window *w, int64_t now_ms)
{
    advance(w, now_ms);
    return w->sum;
}

/* The sum is that of the slots, always: it is cut off before anything is stored. */
static void put(struct window *w, int64_t bucket, int64_t amount)
{
    if (amount > INT64_MAX - w->sum)
        amount = INT64_MAX - w->sum;
    *slot_of(w, bucket) += amount;
    w->sum += amount;
}

int64_t window_add(struct window *w, int64_t now_ms, int64_t amount)
{
    advance(w, now_ms);
    put(w, w->bucket, amount);
    return w->bucket;
}

void window_add_past(struct window *w, int64_t at_ms, int64_t now_ms, int64_t amount)
{
    int64_t bucket = bucket_of(w, at_ms);

    advance(w, now_ms);
    if (bucket > w->bucket)
        bucket = w->bucket;
    if (w->bucket - bucket < WINDOW_SLOTS)
        put(w, bucket, amount);
}

void window_take_back(struct window *w, int64_t bucket, int64_t now_ms, int64_t amount)
{
    int64_t *slot = slot_of(w, bucket);

    advance(w, now_ms);
    if (bucket <= w->bucket - WINDOW_SLOTS)
        return;
    if (amount > *slot)
        amount = *slot;
    *slot -= amount;
    w->sum -= amount;
}

/* How long until that bucket is none of the window's any more. */
static int64_t until_gone(const struct window *w, int64_t bucket, int64_t now_ms)
{
    int64_t gone_at_ms = (bucket + WINDOW_SLOTS) * w->width_ms;

    return gone_at_ms > now_ms ? gone_at_ms - now_ms : 1; // 1: a clock that lags behind ours
}

int64_t window_wait_ms(struct window *w, int64_t now_ms, int64_t most)
{
    int64_t left = window_sum(w, now_ms), bucket = w->bucket - WINDOW_SLOTS;

    if (left <= most)
        return 0;
    while (left > most)
        left -= *slot_of(w, ++bucket);
    return until_gone(w, bucket, now_ms);
}

int64_t window_free_ms(struct window *w, int64_t now_ms)
{
    int64_t bucket;

    if (window_sum(w, now_ms) == 0)
        return 0;
    bucket = w->bucket;
    while (*slot_of(w, bucket) == 0)
        bucket--;
    return until_gone(w, bucket, now_ms);
}
