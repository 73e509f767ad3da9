/* gemini_encode.h - what the files of Gemini's encoder share. */
#ifndef CHAT_GEMINI_ENCODE_H
#define CHAT_GEMINI_ENCODE_H

#include "base/arena.h"
#include "chat/codec.h"
#include "chat/gemini_offsets.h"
#include "json/write.h"

#define GEMINI_OUT_CHOICES 256  // Chat's `n` may be 128
#define GEMINI_OUT_OPEN    512  // parts that are open at a time
#define GEMINI_OUT_CITES   1024 // of a choice

/*
 * A part of the answer while it is gathered: in a stream those that Gemini has only whole,
 * in a document all of them.
 */
struct gemini_out_part {
    struct list link;    // in its choice, in order of OPEN
    struct list by_open; // among those that are open
    uint32_t index;
    enum chat_part_kind kind;
    enum chat_reasoning_kind reasoning;
    bool custom, broken; // broken: its arguments are no object
    struct buf text;     // escaped
    struct buf id, tool; // mime type of an image: `tool`
    struct buf secret;   // of reasoning, as it goes out
    int64_t at_bytes;    // of a document's text: bytes of the choice's text before it
    size_t place;        // of a document's text: among the parts that were written
};

struct gemini_out_cite {
    int64_t start, end; // characters; -1: not known
};

struct gemini_out_choice {
    uint32_t number;
    bool finished, has_parts;
    enum chat_finish reason;
    struct buf explanation; // escaped
    struct list parts;      // of struct gemini_out_part
    struct buf secret;      // of a stream: waits for a call, or for the end
    struct buf logprobs;    // of a document: items of Chat's list, with commas
    struct buf chunks;      // groundingChunks, with commas
    struct buf cites;       // of struct gemini_out_cite, one a chunk
    struct buf searches;    // webSearchQueries, with commas
    struct gemini_offsets offsets;
};

struct gemini_encoder {
    struct codec_encode_options options;
    struct arena arena; // choices and parts
    struct gemini_out_choice *choices[GEMINI_OUT_CHOICES];
    struct list open;  // of struct gemini_out_part, newest last
    struct list spare; // parts to be used again
    size_t open_count, gathered;
    bool wrote, ended;
    struct buf id, model, scratch;
    struct chat_usage usage;
    bool has_usage;
    struct buf tail; // of a stream's chunk, behind its candidates
};

/** `"usageMetadata":{...},"modelVersion":...,"responseId":...}` with a comma before it. */
void gemini_write_tail(const struct gemini_encoder *e, bool is_last, struct buf *out);

/** Where a chunk of the stream, an element of the array, begins and ends. */
void gemini_begin_chunk(struct gemini_encoder *e, struct buf *out);
void gemini_end_chunk(struct gemini_encoder *e, struct buf *out);

/** One part's object, whole; `secret` is its thoughtSignature, or empty. */
void gemini_write_out_part(struct gemini_encoder *e, const struct gemini_out_part *part,
                           struct slice secret, struct buf *out);

/** Everything that waits for the end: the last chunk, or the document. */
void gemini_write_end(struct gemini_encoder *e, struct buf *out);

codec_encoder_init_fn gemini_encoder_init;
codec_encode_fn gemini_encode;
codec_encoder_release_fn gemini_encoder_release;

#endif
