/* listener_inside.h - what is listened for; for listener*.c. */
#ifndef CHAT_LISTENER_INSIDE_H
#define CHAT_LISTENER_INSIDE_H

#include "chat/listener.h"
#include "chat/peek.h"

#define LISTENER_MAX_KEYS 8

/* What a payload holds of it: the keys' values, and what was said in those that are swept. */
struct listener_found {
    struct slice event;
    struct slice values[LISTENER_MAX_KEYS];
    struct peek_swept said;
};

/*
 * What is listened for: top-level keys, first those whose values are small (they
 * are listener_fields()), then those that hold the answer itself; and what to make
 * of their values, absent ones included.
 */
struct listener_ear {
    struct peek_wants wants;
    size_t field_count;
    void (*hear)(struct listener *l, const struct listener_found *f, struct heard *heard);
};

const struct listener_ear *listener_ear(enum dialect d, enum operation op, enum framing framing);

static inline void listener_at_least(int64_t *count, int64_t seen)
{
    if (*count < seen)
        *count = seen;
}

#endif
