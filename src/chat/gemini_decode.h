/* gemini_decode.h - what the files of Gemini's decoder share. */
#ifndef CHAT_GEMINI_DECODE_H
#define CHAT_GEMINI_DECODE_H

#include "chat/codec.h"
#include "chat/gemini_offsets.h"

#define GEMINI_MAX_CHOICES  8  // candidateCount's own limit
#define GEMINI_MAX_PARTS    64 // of a whole answer, whose places are known
#define GEMINI_MAX_GATHERED ((size_t)1 << 20)

/* What a finishReason says. */
enum gemini_end {
    GEMINI_GOES_ON,
    GEMINI_STOP,
    GEMINI_LENGTH,
    GEMINI_FILTER,
    GEMINI_PAUSE,
    GEMINI_FAIL, // an error, unless there is something to show for it
};

/* A call whose arguments come in pieces (Vertex, streamFunctionCallArguments). */
struct gemini_partial {
    bool active, in_string, broken;
    struct buf id, tool, args, path;
};

struct gemini_choice {
    bool started, is_open, has_content, has_text;
    enum chat_part_kind open; // valid while is_open
    uint32_t open_index, text_index;
    uint64_t calls;
    enum gemini_end end;
    struct buf reason;               // finishReason, as it came
    struct buf message;              // finishMessage, escaped
    struct buf token;                // continuationToken, raw
    struct buf grounding, citations; // the newest of each, raw
    struct gemini_offsets offsets;
    int64_t part_at[GEMINI_MAX_PARTS]; // whole answers: bytes of text before each part
    struct gemini_partial partial;
};

struct gemini_decoder {
    struct codec_decode_options options;
    const struct chat_sink *sink; // of this call
    bool started, ended, whole, blocked;
    uint32_t next_index;
    struct buf id; // responseId
    struct buf blocked_reason;
    struct chat_usage usage;
    bool has_usage;
    enum chat_tier tier;
    enum service_tier served;
    struct buf scratch;
    struct gemini_choice choices[GEMINI_MAX_CHOICES];
};

/* Parts of a choice, whose number is the choice's place in the decoder. */
uint32_t gemini_open_part(struct gemini_decoder *d, struct gemini_choice *c,
                          const struct chat_event *open);
void gemini_part_delta(struct gemini_decoder *d, struct gemini_choice *c, uint32_t index,
                       struct chat_text text, struct slice logprobs);

/** Closes what is open, if anything; `secret` is for reasoning. */
void gemini_close_part(struct gemini_decoder *d, struct gemini_choice *c, struct slice secret);

/** The answer ends here. */
void gemini_decode_fail(struct gemini_decoder *d, enum err code, struct slice message);

/** What upstream says in place of an answer, or in the middle of one. */
void gemini_take_error(struct gemini_decoder *d, struct slice error);

/** A call as a whole; one without an id gets one. */
void gemini_emit_call(struct gemini_decoder *d, struct gemini_choice *c, struct slice id,
                      struct slice tool, struct slice args);

/** A functionCall that may be a piece of one: false when it is whole. */
bool gemini_take_partial(struct gemini_decoder *d, struct gemini_choice *c, struct slice call);

/** One part of content.parts; `logprobs` go with its text and are then taken. */
void gemini_take_part(struct gemini_decoder *d, struct gemini_choice *c, struct slice part,
                      struct slice *logprobs);

/** Citations, and searches that were made: when the choice is at its end. */
void gemini_emit_sources(struct gemini_decoder *d, struct gemini_choice *c);

codec_decoder_init_fn gemini_decoder_init;
codec_decode_fn gemini_decode;
codec_decode_whole_fn gemini_decode_whole;
codec_decode_end_fn gemini_decode_end;
codec_decoder_release_fn gemini_decoder_release;

#endif
