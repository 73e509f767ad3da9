/* wheel.c - thousands of timers, most of which never fire. */
#include "loop/wheel.h"

#include <stdbool.h>

#define SLOT_MASK (WHEEL_SLOTS - 1)

/* A deadline beyond the last circle waits in its last slot and is filed again from there. */
#define FURTHEST_TICKS (((int64_t)(WHEEL_SLOTS - 1) << (WHEEL_BITS * (WHEEL_LEVELS - 1))) - 1)

static int64_t at_level(int64_t tick, int level)
{
    return tick >> (WHEEL_BITS * level);
}

void wheel_init(struct wheel *wheel, int64_t now_ms)
{
    *wheel = (struct wheel){.tick = now_ms / WHEEL_TICK_MS};
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    list_init(&wheel->due);
}

int64_t wheel_file(struct wheel *wheel, struct timer *t)
{
    int64_t tick = t->at_ms / WHEEL_TICK_MS + (t->at_ms % WHEEL_TICK_MS > 0);
    int level = 0, slot;

    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    if (tick - wheel->tick > FURTHEST_TICKS)
        tick = wheel->tick + FURTHEST_TICKS;
    while (at_level(tick, level) - at_level(wheel->tick, level) >= WHEEL_SLOTS)
        level++;
    slot = (int)(at_level(tick, level) & SLOT_MASK);
    list_remove(&t->link);
    list_push_back(&wheel->slots[level][slot], &t->link);
    wheel->used[level] |= 1ULL << slot;
    t->filed_ms = (at_level(tick, level) << (WHEEL_BITS * level)) * WHEEL_TICK_MS;
    return t->filed_ms;
}

/* Empties one slot: what is due waits to fire, the rest is filed again. */
static void look_at(struct wheel *wheel, int level, int64_t now_ms)
{
    int slot = (int)(at_level(wheel->tick, level) & SLOT_MASK);
    struct list found;

    wheel->used[level] &= ~(1ULL << slot);
    list_init(&found);
    list_append(&found, &wheel->slots[level][slot]);
    while (!list_is_empty(&found)) {
        struct timer *t = list_entry(found.next, struct timer, link);
        if (t->at_ms > now_ms) {
            wheel_file(wheel, t);
        } else {
            list_remove(&t->link);
            list_push_back(&wheel->due, &t->link);
        }
    }
}

static void fire_due(struct wheel *wheel, int64_t now_ms)
{
    while (!list_is_empty(&wheel->due)) {
        struct timer *t = list_entry(wheel->due.next, struct timer, link);
        if (t->at_ms > now_ms) { // moved by one that fired before it
            wheel_file(wheel, t);
            continue;
        }
        list_remove(&t->link);
        t->at_ms = 0;
        t->fire(t->ctx);
    }
}

/* The next tick at which a slot that holds something comes up; 0 when there is none. */
static int64_t next_tick(struct wheel *wheel)
{
    int64_t best = 0;

    for (int level = 0; level < WHEEL_LEVELS; level++) {
        int64_t at = at_level(wheel->tick, level);
        uint64_t used = wheel->used[level];

        while (used) {
            int first = (int)((at + 1) & SLOT_MASK);
            uint64_t turned = first ? used >> first | used << (WHEEL_SLOTS - first) : used;
            int64_t ahead = at + 1 + __builtin_ctzll(turned);
            int slot = (int)(ahead & SLOT_MASK);
            int64_t tick = ahead << (WHEEL_BITS * level);

            if (!list_is_empty(&wheel->slots[level][slot])) {
                best = !best || tick < best ? tick : best;
                break;
            }
            used = wheel->used[level] &= ~(1ULL << slot);
        }
    }
    return best;
}

void wheel_skip(struct wheel *wheel, int64_t now_ms)
{
    if (now_ms / WHEEL_TICK_MS > wheel->tick)
        wheel->tick = now_ms / WHEEL_TICK_MS;
}

void wheel_advance(struct wheel *wheel, int64_t now_ms)
{
    int64_t target = now_ms / WHEEL_TICK_MS, tick;

    while ((tick = next_tick(wheel)) != 0 && tick <= target) {
        wheel->tick = tick;
        for (int level = WHEEL_LEVELS - 1; level >= 0; level--)
            if (at_level(tick, level) << (WHEEL_BITS * level) == tick)
                look_at(wheel, level, now_ms);
    }
    wheel_skip(wheel, now_ms);
    fire_due(wheel, now_ms);
}

int64_t wheel_next_ms(struct wheel *wheel)
{
    return next_tick(wheel) * WHEEL_TICK_MS;
}
