/* listener.h - hears usage, finish and errors in an answer that passes through. */
#ifndef CHAT_LISTENER_H
#define CHAT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "chat/dialect.h"
#include "chat/sample.h"
#include "chat/usage.h"

/*
 * One per answer, embedded in its owner, no heap of its own; any bytes are
 * safe to feed.  For estimates it keeps how the answer's text begins, once its owner has set
 * `sample.arena` after listener_init().  `listener_hear` gets one payload at a time: an SSE event's
 * data (FRAMING_SSE), an array element (FRAMING_ARRAY) or the whole document
 * (FRAMING_BODY).  The latest figures win; they are never added up, except
 * where the dialect says so (Anthropic: message_start, then message_delta
 * replaces what it repeats).
 */
struct listener {
    enum dialect dialect;
    enum operation operation;
    enum framing framing;
    struct chat_usage usage;
    enum usage_source source;
    enum service_tier tier; // the last one that was reported
    bool finished;          // a finish reason / stop_reason / terminal status was seen
    bool terminal;          // the dialect's last event was seen ([DONE], message_stop, ...)
    bool failed;            // an error was seen, in place of an answer or inside it
    int64_t output_bytes;   // text and tool arguments seen so far, for estimates
    int64_t searches;       // the vendor's own, seen beside the figures
    int64_t start_bytes, flowed_bytes; // of a body that was heard from its start alone
    struct text_sample sample;         // of the text
};

/* What the relay is to do with the payload it has just shown. */
struct heard {
    bool is_error;      // the payload is the dialect's error, not an answer
    bool is_broken;     // it is not JSON at all, nor what a stream may hold beside it
    bool is_terminal;   // the payload ends the answer ([DONE], message_stop, response.failed, ...)
    bool is_usage_only; // Chat's extra last chunk: `choices` empty, usage set
    struct slice model; // JSON string literal, quotes included, inside the payload; empty if none
};

void listener_init(struct listener *l, enum dialect d, enum operation op, enum framing framing);

/** `event` is SSE's event name, empty otherwise. */
struct heard listener_hear(struct listener *l, struct slice event, struct slice payload);

/**
 * The top-level keys whose values matter, for a body too large to hold whole:
 * feed each captured value with listener_hear_field().  Count at most 8.
 */
const struct slice *listener_fields(enum dialect d, enum operation op, size_t *count);
void listener_hear_field(struct listener *l, size_t field, struct slice value);

/**
 * How a body begins that is too large to hold: its text is heard as far as it is there.  Set
 * `flowed_bytes` to the length of all that has come, before the estimate.
 */
void listener_hear_start(struct listener *l, struct slice start);

/** Text that was heard in another way: of an answer that is translated. */
void listener_hear_text(struct listener *l, struct slice text, bool escaped);

/** Does the estimate need to know what went in?  That takes time to count. */
bool listener_wants_input(const struct listener *l);

/**
 * Usage when the answer was cut or carried none: output by what was seen, counted as `model`
 * would (chat/sample.h); input as the caller has found, if listener_wants_input().  Sets the
 * source.  The provider's own final figures stay as they are; of partial ones the input stays,
 * and the output where it is more than what was seen.  Counting tokens and listing models use
 * none.
 */
void listener_estimate(struct listener *l, struct slice model, int64_t input_tokens);

#endif
