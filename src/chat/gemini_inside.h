/* gemini_inside.h - what the files of Gemini's codec share.  For them and their tests alone. */
#ifndef CHAT_GEMINI_INSIDE_H
#define CHAT_GEMINI_INSIDE_H

#include "chat/codec.h"

/* Google takes this in place of a signature that nobody has (gemini-generate.md, 5). */
#define GEMINI_SENTINEL "skip_thought_signature_validator"

/* Fields of generationConfig that only Gemini has travel under this and their name. */
#define GEMINI_CONFIG "generationConfig."

/*
 * Reading a request.  JSON here is proto3's: keys may be in snake_case, null is as good as
 * absent, 64-bit numbers may be strings.
 */
struct gemini_reader {
    struct arena *arena;
    const struct chat_seal *seal; // NULL: no envelope can be opened
    struct chat_request *r;
    struct err_info *e;
    size_t content, part; // where in the conversation, for errors
    unsigned unknown;     // fields that were noted

    struct chat_turn *turn;         // the one that is read
    struct chat_item *thought;      // its newest reasoning; NULL: none yet
    struct buf thoughts;            // that one's text, where it came in pieces
    bool thought_open, thought_cut; // more text may come; it is in pieces
};

/** Is the member's key `camel`, or the same in snake_case? */
bool gemini_key_is(const struct json *member, struct slice camel);

/** "field: what", where `field` is a place in the request. */
enum err gemini_refuse(struct gemini_reader *g, const char *field, const char *what);

/** Notes a field that nobody knows; only so many of them. */
void gemini_unknown(struct gemini_reader *g, const char *within, const struct json *member);

/* `v` may be null, which changes nothing. */
enum err gemini_read_int(struct gemini_reader *g, const char *field, const struct json *v,
                         int64_t *out);
enum err gemini_read_flag(struct gemini_reader *g, const char *field, const struct json *v,
                          enum chat_flag *out);
enum err gemini_expect(struct gemini_reader *g, const char *field, const struct json *v,
                       enum json_type type);

enum err gemini_read_contents(struct gemini_reader *g, const struct json *v);
enum err gemini_read_system(struct gemini_reader *g, const struct json *v);
enum err gemini_read_tools(struct gemini_reader *g, const struct json *v);
enum err gemini_read_tool_config(struct gemini_reader *g, const struct json *v);
enum err gemini_read_config(struct gemini_reader *g, const struct json *v);

/** One part into g->turn. */
enum err gemini_read_part(struct gemini_reader *g, const struct json *v);

/** No more text comes for the reasoning that is open. */
void gemini_end_thought(struct gemini_reader *g);

/** Gemini's own Schema (types in capitals, nullable) as JSON Schema, raw, in the arena. */
struct slice gemini_schema(struct arena *a, const struct json *schema);

/** The member "contents". */
void gemini_write_contents(struct json_writer *w, const struct chat_request *r,
                           const struct chat_target *t);

/** Valid JSON on one line: what was laid out over several loses its layout. */
void gemini_compact(struct buf *out, struct slice json);

/** Arguments as an object: {} for none, {"_raw": text} for what is no object. */
void gemini_write_arguments(struct json_writer *w, struct slice text);

/** logprobsResult as Chat's logprobs.content, and back; nothing when there is nothing in it. */
void gemini_logprobs_to_chat(struct slice result, struct buf *out);
void gemini_logprobs_from_chat(struct slice content, struct buf *out);

codec_read_request_fn gemini_read_request;
codec_write_request_fn gemini_write_request;

#endif
