/* memory.h - what a model thought before its calls, kept for clients that do not send it back. */
#ifndef CHAT_MEMORY_H
#define CHAT_MEMORY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "chat/event.h"
#include "chat/request.h"

/*
 * The signature cache of protocols/mapping.md 2.9 without its store: an answer is listened to,
 * what it thought before its first call becomes bytes, to be found again under that call's id;
 * and a later request that replays the call has it put back in its place.
 */

/** Appends the reasoning among `items` (of struct chat_item). */
void chat_memory_write(const struct list *items, struct buf *out);

/**
 * Appends them to `items` again, in the arena; the bytes are borrowed.  False, and nothing is
 * appended, where the bytes are none of ours.
 */
bool chat_memory_read(struct arena *a, struct slice bytes, struct list *items);

/** The bytes kept under a call's id, alive as long as the arena; false: none. */
typedef bool chat_memory_lookup_fn(void *ctx, struct arena *a, struct slice call_id,
                                   struct slice *bytes);

/**
 * For each step with calls whose reasoning carries no secret: what is remembered of its first
 * one goes to the step's beginning (Anthropic demands it there), in place of the reasoning that
 * it has.  Comes before chat_shape().
 */
void chat_memory_fill(struct chat_request *r, chat_memory_lookup_fn *lookup, void *ctx);

/* Zeroed storage, then every event of one answer.  Only the first choice is listened to. */
struct chat_memory {
    struct buf bytes;   // to be kept, once `call_id` is known
    struct buf call_id; // of the first call; empty: none yet
    /* private */
    struct buf text, model;
    enum chat_reasoning_kind kind;
    uint32_t index; // of the part that `text` is of
    bool open, too_long;
};

/** The part of an answer's reasoning that is kept, at most. */
#define CHAT_MEMORY_BYTES 65536

void chat_memory_hear(struct chat_memory *m, const struct chat_event *ev);

/** Is there something to be put into the store?  It is complete once the first call is open. */
bool chat_memory_ready(const struct chat_memory *m);
void chat_memory_release(struct chat_memory *m);

#endif
