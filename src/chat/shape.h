/* shape.h - makes of a request what one upstream takes (protocols/mapping.md 2). */
#ifndef CHAT_SHAPE_H
#define CHAT_SHAPE_H

#include "base/err.h"
#include "chat/envelope.h"
#include "chat/model.h"
#include "chat/request.h"

/* Where the request goes. */
struct chat_target {
    enum dialect dialect;
    enum chat_host host;
    struct slice model;             // the upstream's id
    const struct chat_model *gates; // of that model
    bool stream;                    // ask upstream for a stream
    bool strict;                    // what would be dropped is refused
    bool auto_cache;                // Anthropic: mark the prompt for caching
    bool drop_reasoning;            // upstream has refused the history's reasoning: leave it out
    bool counting;                  // only to count tokens: no max_tokens, no stream
};

/** Whose secrets the target can use. */
enum chat_vendor chat_target_vendor(const struct chat_target *t);

/**
 * Changes `r` in place: afterwards the target's codec only has to write down what is there.
 * Turns alternate and begin as the target wants them, calls and results are paired and have
 * ids and names of its alphabet, foreign secrets are gone, fields it does not take are gone
 * and noted, `sent*` fields are filled in, degraded things have their new form.
 *
 * The results of a turn's calls are the first items of the user's turn behind it, in the order
 * of the calls, and nowhere else; other things that the user says follow them in the same turn.
 * Codecs whose results are messages or items of their own write those first, then the rest.
 *
 * ERR_BAD_REQUEST names the client's field when the target cannot carry the request, or when
 * strict and something would be dropped.
 */
enum err chat_shape(struct chat_request *r, const struct chat_target *t, struct err_info *e);

/** Strict routes: ERR_BAD_REQUEST names the first field that was dropped, if any was. */
enum err chat_refuse_drops(const struct chat_request *r, struct err_info *e);

/* Its steps, in this order; each in a file of its name. */
enum err shape_fields(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_tools(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_reasoning(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_media(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_calls(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_turns(struct chat_request *r, const struct chat_target *t, struct err_info *e);
enum err shape_cache(struct chat_request *r, const struct chat_target *t, struct err_info *e);

#endif
