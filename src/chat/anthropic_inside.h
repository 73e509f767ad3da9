/* anthropic_inside.h - what the files of this codec know of each other. */
#ifndef CHAT_ANTHROPIC_INSIDE_H
#define CHAT_ANTHROPIC_INSIDE_H

#include "base/buf.h"
#include "chat/codec.h"

/* One step of the way to a value: "messages[2]". */
struct anthropic_step {
    const char *list;
    size_t at;
};

/* A request that is being read, and where in it. */
struct anthropic_reading {
    struct chat_request *r;
    const struct chat_seal *seal; // NULL: envelopes stay shut
    struct err_info *e;
    struct anthropic_step steps[4]; // [depth]
    unsigned depth;
    const char *within; // an object below them: "source"; or NULL
};

/** ERR_BAD_REQUEST: "messages[2].content[0].source.FIELD: WHAT". */
enum err anthropic_refuse(struct anthropic_reading *rd, const char *field, const char *what);

/** A member that is absent or null is a NULL pointer. */
const struct json *anthropic_member(const struct json *object, const char *key);

/* A member of one kind.  Absent (or null) leaves `out` alone and is refused where it is needed. */
enum err anthropic_text(struct anthropic_reading *rd, const struct json *object, const char *key,
                        bool needed, struct chat_text *out);
enum err anthropic_str(struct anthropic_reading *rd, const struct json *object, const char *key,
                       bool needed, struct slice *out);
enum err anthropic_bool(struct anthropic_reading *rd, const struct json *object, const char *key,
                        bool *out);

/** The raw object or array under `key`. */
enum err anthropic_raw(struct anthropic_reading *rd, const struct json *object, const char *key,
                       enum json_type type, struct slice *out);

/** `cache_control` of `object`. */
enum err anthropic_read_cache(struct anthropic_reading *rd, const struct json *object,
                              enum chat_cache *out);

/** `output_config` at the top or, later and stronger, in a message. */
enum err anthropic_read_output_config(struct anthropic_reading *rd, const struct json *config);

/* Fields at the top, each not null. */
enum err anthropic_read_system(struct anthropic_reading *rd, const struct json *v);
enum err anthropic_read_messages(struct anthropic_reading *rd, const struct json *v);
enum err anthropic_read_tools(struct anthropic_reading *rd, const struct json *v);
enum err anthropic_read_tool_choice(struct anthropic_reading *rd, const struct json *v);

codec_read_request_fn anthropic_read_request;
codec_write_request_fn anthropic_write_request;

/* The content of turns, as `system` and `messages` have it. */
void anthropic_write_system(struct json_writer *w, const struct chat_request *r);
void anthropic_write_messages(struct json_writer *w, const struct chat_request *r);
void anthropic_write_cache(struct json_writer *w, enum chat_cache cache);

/**
 * Appends arguments as the object that `input` must be: {} for none, and {"_raw": text} for
 * what is no object.  False, and nothing is appended, for the latter unless `wrap`.
 */
bool anthropic_write_input(struct buf *out, struct chat_text arguments, bool wrap);

/* A content block of an answer, between its start and its stop. */
struct anthropic_block {
    enum anthropic_block_kind {
        BLOCK_NONE, // nothing is open in this place
        BLOCK_TEXT,
        BLOCK_THINKING,
        BLOCK_REDACTED,
        BLOCK_CALL,
        BLOCK_SEARCH,
        BLOCK_SKIPPED, // of the vendor's own tools, or unknown
    } kind;
    int64_t upstream; // its index there
    uint32_t part;
    bool said;       // a DELTA of it went out
    int64_t start;   // characters of the text before it
    struct buf held; // until it stops: secret, query, input at its start, or citations
};

/* An answer as Anthropic wrote it, in case that it pauses and has to be sent back. */
struct anthropic_kept {
    bool lost;    // something of it could not be kept, so none of it is
    bool is_open; // a block of a stream, by upstream's index:
    int64_t upstream;
    struct buf start;     // the block as it was started
    struct buf pieces[5]; // what was added to it, by member
    struct buf content;   // blocks that are whole, each with a comma behind it
    struct buf container; // where code was run: its id, raw; empty: none
};

/* The dialect knows one open block at a time; those who copy it may open a few. */
#define ANTHROPIC_OPEN_BLOCKS 16

struct anthropic_decoder {
    struct codec_decode_options o;
    bool started, finished, ended;
    bool called; // a client's tool
    uint32_t parts;
    int64_t characters; // of all text so far
    struct chat_usage usage;
    enum chat_tier tier;
    enum service_tier served;
    struct buf scratch[2]; // strings that hold escapes
    struct anthropic_block open[ANTHROPIC_OPEN_BLOCKS];
    struct anthropic_kept kept; // where it is resumable
};

/** Nothing follows END or ERROR, wherever in a payload that came. */
void anthropic_emit(struct anthropic_decoder *d, const struct chat_event *ev,
                    const struct chat_sink *sink);

/** ERROR: the answer is broken. */
void anthropic_fail(struct anthropic_decoder *d, struct slice message,
                    const struct chat_sink *sink);

/** What a literal stands for: borrowed, or decoded into `scratch`.  Empty for other values. */
struct slice anthropic_string_of(struct slice literal, struct buf *scratch);

/** What stands between the quotes: types and the like, which nobody escapes. */
struct slice anthropic_word_of(struct slice literal);

/* Blocks by upstream's index; `block` and `delta` are raw. */
void anthropic_block_open(struct anthropic_decoder *d, int64_t upstream, struct slice block,
                          const struct chat_sink *sink);
void anthropic_block_delta(struct anthropic_decoder *d, int64_t upstream, struct slice delta,
                           const struct chat_sink *sink);
void anthropic_block_stop(struct anthropic_decoder *d, int64_t upstream,
                          const struct chat_sink *sink);
void anthropic_blocks_close(struct anthropic_decoder *d, const struct chat_sink *sink);

/* What is kept of a stream's blocks, and of whole ones; all values are raw. */
void anthropic_keep_open(struct anthropic_kept *k, int64_t upstream, struct slice block);
void anthropic_keep_delta(struct anthropic_kept *k, int64_t upstream, struct slice delta);
void anthropic_keep_stop(struct anthropic_kept *k);
void anthropic_keep_block(struct anthropic_kept *k, struct slice block);
void anthropic_keep_container(struct anthropic_kept *k, struct slice container);

/** {"container", "content"} as chat/resume.h takes it; empty when it cannot go back. */
struct slice anthropic_kept_answer(struct anthropic_kept *k);
void anthropic_kept_release(struct anthropic_kept *k);

codec_decoder_init_fn anthropic_decoder_init;
codec_decode_fn anthropic_decode;
codec_decode_whole_fn anthropic_decode_whole;
codec_decode_end_fn anthropic_decode_end;
codec_decoder_release_fn anthropic_decoder_release;

/* A part of an answer that is not written, or not all of it. */
struct anthropic_part {
    enum chat_part_kind kind;
    bool custom;
    bool started;  // its block is, as number `block`
    bool said;     // some of its text is written
    bool closed;   // no more is to come
    bool redacted; // reasoning that is not to be read
    bool alone;    // its secret is a block of its own: there is no text
    uint32_t block;
    struct buf id, tool; // of a call
    struct buf text;     // what waits, escaped
    struct buf secret;   // as the client gets it
};

struct anthropic_encoder {
    struct codec_encode_options o;
    bool begun;   // START was heard
    bool started; // message_start is written
    bool ended, refused;
    struct buf id, model, upstream_model;
    struct chat_usage usage;
    enum chat_tier tier;
    enum chat_finish finish;
    struct chat_text explanation, sequence; // in the two below, or absent
    struct buf explanation_held, sequence_held;
    struct anthropic_part **parts; // [part_count], by index; NULL: done, or of no interest
    size_t part_count, part_cap;
    size_t first;    // before it all are done
    uint32_t blocks; // that were started
    size_t gathered; // bytes
    struct buf scratch;
};

codec_encoder_init_fn anthropic_encoder_init;
codec_encode_fn anthropic_encode;
codec_encoder_release_fn anthropic_encoder_release;

/* SSE events. */
void anthropic_frame_start(struct anthropic_encoder *e, struct buf *out);
void anthropic_frame_ping(struct buf *out);
void anthropic_frame_block(const struct anthropic_part *p, struct buf *out);
void anthropic_frame_stop(const struct anthropic_part *p, struct buf *out);
void anthropic_frame_end(const struct anthropic_encoder *e, struct buf *out);

/** A piece of the part's text, of a call's arguments, or its signature. */
void anthropic_frame_text(const struct anthropic_part *p, struct chat_text text, struct buf *out);
void anthropic_frame_input(const struct anthropic_part *p, struct chat_text json, struct buf *out);
void anthropic_frame_signature(const struct anthropic_part *p, struct buf *out);

/** The whole answer: what all parts have gathered. */
void anthropic_write_document(struct anthropic_encoder *e, struct buf *out);

#endif
