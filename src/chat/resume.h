/* resume.h - an answer that upstream gives in rounds, each of which has to be asked for. */
#ifndef CHAT_RESUME_H
#define CHAT_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "chat/event.h"
#include "chat/request.h"

/*
 * Anthropic pauses while its own tools are at work (stop_reason "pause_turn"), Gemini when one
 * request has made as much as it may (finishReason "CONTINUATION").  Both go on when they are
 * sent what they said so far, or a token for it.  A client of their own dialect does that
 * itself; others could not, so it is done for them (mapping.md 2.15, 2.18).
 *
 * This stands between decoder and restore and makes one answer of all rounds: where one pauses
 * and may go on, its FINISH and END are kept back, as is the next one's START; parts are
 * counted through, places of citations are those in the whole text, and usage is the sum.  What
 * Gemini was cut off in goes on in the same part.  Where nothing pauses, events pass as they
 * are.  After the last round that is allowed, the pause is passed on too.
 */
struct resume {
    bool paused; // a round is over; resume_next() begins another
    /* private */
    struct chat_sink sink;
    enum dialect upstream;
    unsigned rounds;         // that are over
    bool pausing;            // FINISH was kept back, END is to come
    struct buf wanted;       // what upstream wants back
    size_t returned;         // bytes that earlier rounds gave back
    uint32_t parts, base;    // opened so far; before this round
    int64_t characters;      // of text in rounds that are over; -1: not known
    bool called;             // a client's tool
    bool was_used;           // this round has said how much it used
    struct chat_usage spent; // by rounds that are over
    struct chat_event usage; // of this round, the latest
    struct {
        uint32_t choice;
        enum chat_part_kind kind;
        enum chat_reasoning_kind reasoning;
        bool is_closing; // its CLOSE was kept back: it may go on
    } newest;            // the part that was opened last
};

/** May upstream pause in its answer to this request? */
bool resume_is_possible(enum dialect upstream, const struct chat_request *request);

/** Zeroed storage, then this. */
void resume_init(struct resume *r, enum dialect upstream, struct chat_sink sink);
void resume_release(struct resume *r);

/** A chat_sink_fn; ctx is the struct resume. */
void resume_take(void *resume, const struct chat_event *ev);

/** Appends the next round's request, made of the one `sent` for the round that has paused. */
void resume_next(struct resume *r, struct slice sent, struct buf *out);

/**
 * The request `sent`, and how to go on in it.  `wanted` is raw, from a FINISH: of Anthropic
 * {"container", "content"}, whose blocks become (or go on in) the last turn; of Gemini the token.
 */
void resume_write_request(enum dialect upstream, struct slice sent, struct slice wanted,
                          struct buf *out);

#endif
