/* openai_chat_decoder.h - the state of one Chat Completions answer on its way in. */
#ifndef CHAT_OPENAI_CHAT_DECODER_H
#define CHAT_OPENAI_CHAT_DECODER_H

#include "base/buf.h"
#include "chat/codec.h"

#define CHAT_MAX_CHOICES 128                // OpenAI's own limit on n
#define CHAT_MAX_CALLS   1024               // of one choice
#define CHAT_MAX_HELD    ((size_t)16 << 20) // bytes of calls that have no name yet

/*
 *     HELD --name known--> OPEN --finish--> CLOSED
 *
 * Calls may interleave, and nothing but the choice's end says that one is whole.
 */
enum call_state { CALL_HELD, CALL_OPEN, CALL_CLOSED };

struct call_held {
    struct buf id;        // UTF-8
    struct buf arguments; // escaped
};

struct call {
    enum call_state state;
    int64_t key;            // the `index` that upstream gives it; -1: none
    uint64_t id_hash;       // 0: it has no id
    uint64_t name_hash;     // once it is OPEN
    uint32_t part;          // OPEN
    struct call_held *held; // HELD; may be NULL
};

/* Which of the fields that say the same thing is listened to; the first one that spoke. */
enum thought_source { THOUGHT_NONE, THOUGHT_DETAILS, THOUGHT_CONTENT, THOUGHT_REASONING };

struct choice {
    uint32_t number;
    bool is_open; // a part that is not a call; at most one
    enum chat_part_kind kind;
    uint32_t part;
    bool has_text;
    uint32_t text_part; // the last one
    enum thought_source source;
    int64_t detail;       // the `index` of the detail that is open
    uint64_t secret_hash; // of the last one: it may be said twice
    struct call *calls;   // [call_count]
    size_t call_count, call_cap;
    uint64_t called; // calls that were opened
    bool finished;   // the reason is known; FINISH waits for the end
    enum chat_finish reason;
};

struct openai_chat_decoder {
    struct codec_decode_options o;
    bool started, ended;
    uint32_t next_part;
    struct choice *choices; // [choice_count]
    size_t choice_count;
    enum chat_tier tier;
    enum service_tier served;
    size_t held_bytes;
    struct buf id;         // upstream's; empty: none
    struct buf scratch[3]; // strings that held escapes
};

/** A string literal as UTF-8: borrowed, or decoded into scratch `i`. */
struct slice openai_chat_decoder_str(struct openai_chat_decoder *d, size_t i, struct slice literal);

void openai_chat_decoder_fail(struct openai_chat_decoder *d, enum err code, struct slice message,
                              const struct chat_sink *sink);

/** All of a `delta` or a `message` (`whole`); `logprobs` is raw or empty. */
void openai_chat_decoder_take_delta(struct openai_chat_decoder *d, struct choice *c,
                                    struct slice delta, struct slice logprobs, bool whole,
                                    const struct chat_sink *sink);

/** Closes what is open; false when that ended the answer in an error. */
bool openai_chat_decoder_close_all(struct openai_chat_decoder *d, struct choice *c,
                                   const struct chat_sink *sink);

/* Calls have a file of their own. */
void openai_chat_decoder_take_calls(struct openai_chat_decoder *d, struct choice *c,
                                    struct slice calls, bool whole, const struct chat_sink *sink);
void openai_chat_decoder_take_function(struct openai_chat_decoder *d, struct choice *c,
                                       struct slice function, const struct chat_sink *sink);
bool openai_chat_decoder_close_calls(struct openai_chat_decoder *d, struct choice *c,
                                     const struct chat_sink *sink);
void openai_chat_decoder_release_calls(struct choice *c);

/* Parts that are no calls. */
void openai_chat_decoder_close_part(struct openai_chat_decoder *d, struct choice *c,
                                    const struct chat_sink *sink);

struct decoder_secret {
    struct slice secret, id;
    enum chat_vendor vendor;
    bool redacted; // it belongs to no text
};
void openai_chat_decoder_take_secret(struct openai_chat_decoder *d, struct choice *c,
                                     const struct decoder_secret *s, const struct chat_sink *sink);

#endif
