/* openai_responses_decode.h - the state of a Responses answer that is read.  For its codec. */
#ifndef CHAT_OPENAI_RESPONSES_DECODE_H
#define CHAT_OPENAI_RESPONSES_DECODE_H

#include "chat/codec.h"

enum responses_item_kind {
    RESPONSES_MESSAGE,
    RESPONSES_REASONING,
    RESPONSES_CALL,
    RESPONSES_CUSTOM_CALL,
    RESPONSES_SEARCH,
    RESPONSES_IMAGE,
    RESPONSES_OTHER, // of the vendor's own tools: passed over
};

/*
 * An output item.  At most one part of it is open: parts of one item come one after another.
 * Upstream may say a thing up to four times (deltas, done, item done, terminal event); what
 * has been emitted once is not emitted again.
 */
struct responses_item {
    enum responses_item_kind kind;
    int64_t output_index;
    uint64_t id, call_id; // hashes; 0: not known
    bool done;            // all of it has been emitted
    bool open;            // `part` is
    bool spoke;           // the part that is open, or was last, has had a delta
    bool raw;             // REASONING: by what the model thought itself, not a summary
    bool complete;        // CALL: the arguments are
    uint32_t part;
    int64_t content; // index of the content or summary part that `part` is at; -1: none yet
    int64_t base;    // MESSAGE: characters of the answer's text before that part
    uint32_t cites;  // of that part
};

struct responses_decoder {
    struct slice id, model; // of the options
    int64_t now_unix;
    bool started, ended, called;
    uint32_t next_part;
    int64_t chars; // of the answer's text
    int64_t searches;
    struct responses_item *items; // [count]
    size_t count, cap;
    struct buf scratch[3]; // strings that had escapes in them
};

/* The members that events have; each kind looks at its own. */
enum responses_member {
    HEARD_TYPE,
    HEARD_OUTPUT_INDEX,
    HEARD_ITEM_ID,
    HEARD_CONTENT_INDEX,
    HEARD_SUMMARY_INDEX,
    HEARD_DELTA,
    HEARD_LOGPROBS,
    HEARD_TEXT,
    HEARD_REFUSAL,
    HEARD_ARGUMENTS,
    HEARD_INPUT,
    HEARD_ITEM,
    HEARD_RESPONSE,
    HEARD_ANNOTATION,
    HEARD_ERROR,
    HEARD_COUNT
};

/* One call of the decoder: what it looks at, where it goes. */
struct responses_hearing {
    struct responses_decoder *d;
    const struct chat_sink *sink;
    struct slice payload;
    struct slice m[HEARD_COUNT]; // raw; absent ones have a NULL pointer
};

static inline void responses_emit(const struct responses_hearing *h, const struct chat_event *ev)
{
    chat_emit(h->sink, ev);
}

/** The answer ends in an error. */
void responses_end(const struct responses_hearing *h, enum err code, struct slice message);
void responses_broken(const struct responses_hearing *h, const char *why);

/** The string a literal stands for, borrowed or in one of the scratch buffers. */
struct slice responses_str(const struct responses_hearing *h, struct slice literal, size_t scratch);

/** Is the literal this, without any escapes? */
bool responses_is(struct slice literal, struct slice word);

/** A number that is not negative. */
int64_t responses_index(struct slice literal, int64_t otherwise);

/** For comparing; 0 for none. */
uint64_t responses_id(struct slice literal);

enum responses_item_kind responses_kind(struct slice type);

/** NULL, and the answer has ended, where there are more than anybody makes. */
struct responses_item *responses_item_new(const struct responses_hearing *h,
                                          enum responses_item_kind kind, int64_t output_index);
struct responses_item *responses_item_find(const struct responses_hearing *h, int64_t output_index,
                                           uint64_t id);

void responses_part_delta(const struct responses_hearing *h, struct responses_item *item,
                          struct chat_text text, struct slice logprobs);
void responses_part_close(const struct responses_hearing *h, struct responses_item *item);

/* Literals and objects below are raw.  `_text` is a delta, `_whole` what may have come in deltas. */
void responses_message_text(const struct responses_hearing *h, struct responses_item *item,
                            int64_t content, bool refusal, struct slice literal,
                            struct slice logprobs);
void responses_message_whole(const struct responses_hearing *h, struct responses_item *item,
                             int64_t content, bool refusal, struct slice literal,
                             struct slice logprobs);
void responses_cite(const struct responses_hearing *h, struct responses_item *item,
                    struct slice annotation);
void responses_reasoning_text(const struct responses_hearing *h, struct responses_item *item,
                              int64_t at, bool is_raw, struct slice literal, struct slice id);
void responses_call_added(const struct responses_hearing *h, struct responses_item *item,
                          struct slice object);
void responses_call_whole(const struct responses_hearing *h, struct responses_item *item,
                          struct slice literal);

/** The item as it is in the end: what has not been emitted is. */
void responses_item_done(const struct responses_hearing *h, struct responses_item *item,
                         struct slice object);

#endif
