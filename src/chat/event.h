/* event.h - an answer, in no dialect's words: one event after another. */
#ifndef CHAT_EVENT_H
#define CHAT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "chat/request.h"
#include "chat/text.h"
#include "chat/usage.h"

/*
 * An answer is a stream of events whether or not it arrives as one.  Every decoder produces,
 * and every encoder accepts, exactly this order:
 *
 *     answer = START { part | USAGE | CITE | PING } FINISH { FINISH | USAGE } END
 *     part   = OPEN { DELTA } CLOSE          parts may interleave by `index`
 *
 * Nothing of a choice comes behind its FINISH; all its parts are closed by then.  An answer
 * cut short ends in ERROR, at any place, and never in FINISH or END.  Nothing follows ERROR
 * or END.  `index` counts parts over the whole answer, in the order of OPEN, from 0.  More
 * than one choice comes only where Chat's `n` or Gemini's candidateCount asked for it.
 *
 * What a slice or text in an event borrows is valid until the callback returns.
 */
enum chat_event_type {
    CHAT_START,
    CHAT_OPEN,
    CHAT_DELTA,
    CHAT_CLOSE,
    CHAT_CITE,
    CHAT_USAGE,  // the latest figures; they replace what was said before
    CHAT_PING,   // upstream lives
    CHAT_FINISH, // of one choice
    CHAT_END,
    CHAT_ERROR,
};

enum chat_part_kind {
    PART_TEXT,
    PART_REASONING,
    PART_REFUSAL,
    PART_CALL,   // deltas are arguments as JSON text, free text for custom tools
    PART_IMAGE,  // deltas are base64
    PART_SEARCH, // the vendor searched the web; deltas are the query
};

enum chat_finish {
    FINISH_STOP,
    FINISH_STOP_SEQUENCE,
    FINISH_TOOLS, // a client's tool was called, whatever the vendor named it
    FINISH_LENGTH,
    FINISH_CONTEXT, // the window is full
    FINISH_FILTER,
    FINISH_PAUSE, // the vendor's own tools go on when it is asked again
};

struct chat_event {
    enum chat_event_type type;
    uint32_t choice;
    uint32_t index; // OPEN, DELTA, CLOSE, CITE: which part
    union {
        struct {
            struct slice id, model; // the upstream's; either may be empty
            int64_t created_unix;   // seconds; 0: not said
        } start;
        struct {
            enum chat_part_kind kind;
            struct slice call_id, tool; // CALL; an id is always there
            struct slice item_id;       // REASONING: Responses' item id, where it is known by now
            bool custom;                // CALL: free text
            struct slice mime;          // IMAGE
            enum chat_reasoning_kind reasoning;
        } open;
        struct {
            struct chat_text text; // never empty
            struct slice logprobs; // TEXT: raw array as Chat's logprobs.content has it; or empty
        } delta;
        struct {
            struct slice secret; // REASONING: as its maker gave it; empty: none
            enum chat_vendor vendor;
            struct slice id; // REASONING: Responses' item id, which the secret is bound to
        } close;
        struct {
            struct chat_text url, title, cited;
            int64_t start, end; // characters of the choice's whole text; -1: not known
        } cite;
        struct {
            struct chat_usage usage;
            enum usage_source source; // USAGE_PARTIAL: more is to come
            enum chat_tier tier;      // that the upstream says it used
            enum service_tier served; // the same for its price, in finer grades
        } usage;
        struct {
            enum chat_finish reason;
            struct chat_text explanation; // FILTER: in the vendor's words, or absent
            struct chat_text sequence;    // STOP_SEQUENCE: which, or absent
            struct slice resume;          // PAUSE: raw, what upstream wants back (chat/resume.h)
            int64_t characters;           // PAUSE: of the choice's whole text; -1: not known
        } finish;
        struct {
            enum err code;
            struct slice message; // UTF-8, the upstream's own words, unscrubbed; or empty
        } error;
    };
};

typedef void chat_sink_fn(void *ctx, const struct chat_event *ev);

struct chat_sink {
    chat_sink_fn *take;
    void *ctx;
};

static inline void chat_emit(const struct chat_sink *sink, const struct chat_event *ev)
{
    sink->take(sink->ctx, ev);
}

/*
 * Holds a stream of events against the grammar.  Zeroed storage is before the first one.
 * For tests, fuzz targets and assertions.
 */
#define CHAT_GRAMMAR_PARTS 512

struct chat_grammar {
    bool started, ended;
    uint32_t next_index, finished_choices;
    unsigned char open[CHAT_GRAMMAR_PARTS / 8]; // one bit a part
    unsigned char finished[32];                 // one bit a choice
};

/** NULL, or what is wrong with `ev` at this place. */
const char *chat_grammar_check(struct chat_grammar *g, const struct chat_event *ev);

/** One line: "OPEN 0 text", "DELTA 0 \"Hel\"", ... for goldens and for people. */
void chat_event_print(struct buf *out, const struct chat_event *ev);

#endif
