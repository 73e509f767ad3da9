/* wheel.h - thousands of timers, most of which never fire. */
#ifndef LOOP_WHEEL_H
#define LOOP_WHEEL_H

#include <stdint.h>

#include "base/list.h"
#include "loop/worker.h"

/*
 * Five circles of 64 slots.  A slot of the first is one tick, a slot of each
 * further one is as long as the whole circle before it; when the beginning of
 * such a slot comes up its timers move inwards.  A timer whose deadline was moved
 * further away is found in its old slot and filed again: moving costs one store.
 *
 * The bit of an empty slot may be set (timer_clear() does not know the wheel);
 * never the other way round.
 */
#define WHEEL_TICK_MS 8
#define WHEEL_LEVELS  5
#define WHEEL_BITS    6
#define WHEEL_SLOTS   (1 << WHEEL_BITS)

struct wheel {
    int64_t tick; // every slot up to this one has been looked at
    uint64_t used[WHEEL_LEVELS];
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list due; // taken out of their slots, about to fire
};

void wheel_init(struct wheel *wheel, int64_t now_ms);

/** Puts the timer where its deadline says; answers when that slot comes up. */
int64_t wheel_file(struct wheel *wheel, struct timer *t);

/** Nothing is filed at or before `now_ms`: the circles turn there without looking. */
void wheel_skip(struct wheel *wheel, int64_t now_ms);

/** Fires what is due.  Timers may be set and cleared meanwhile. */
void wheel_advance(struct wheel *wheel, int64_t now_ms);

/** When to call wheel_advance() next; 0: no timer is set. */
int64_t wheel_next_ms(struct wheel *wheel);

#endif
