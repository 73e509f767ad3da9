/* replay.h - conversations of Responses for upstreams that keep none (mapping.md 2.18). */
#ifndef CHAT_REPLAY_H
#define CHAT_REPLAY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * What is kept of an exchange is its items: those of its input, which begins with what was kept
 * before, and those of its output; raw, with commas between, as they stand in an array.
 */

/* What a request says about the conversation it goes on with. */
struct replay {
    struct slice previous;     // previous_response_id, decoded; empty: none
    struct slice conversation; // its id, decoded; empty: none
    bool keeps;                // `store` is not false
    bool refers;               // its input holds items by their ids alone
};

/** Of a request's body; both at once, or ids that are no strings, are ERR_BAD_REQUEST. */
enum err replay_read(struct slice body, struct arena *a, struct replay *out, struct err_info *e);

/** Appends the body with `items` before its own input and without the ids of state. */
enum err replay_expand(struct slice body, struct slice items, struct arena *a, struct buf *out,
                       struct err_info *e);

/** The kept item of that id, raw; false: there is none. */
typedef bool replay_find_fn(void *ctx, struct arena *a, struct slice id, struct slice *item);

/** Appends the body with items in the place of their references, as far as they are found. */
enum err replay_resolve(struct slice body, replay_find_fn *find, void *ctx, struct arena *a,
                        struct buf *out, struct err_info *e);

/** Every item of the answer's output that has an id. */
typedef void replay_item_fn(void *ctx, struct slice id, struct slice item);
void replay_each(struct slice response, struct arena *a, replay_item_fn *fn, void *ctx);

/**
 * Appends what is to be kept: the input items of an (expanded) body and the output items of
 * the answer, a Responses object; `id` is the answer's.  False when it is none.
 */
bool replay_keep(struct slice body, struct slice response, struct arena *a, struct slice *id,
                 struct buf *out);

/** The Responses object in the last bytes of an answer: all of a document, or an SSE stream's end. */
struct slice replay_response(struct slice tail);

#endif
