/* openai_chat_inside.h - what the files of the Chat Completions codec share. */
#ifndef CHAT_OPENAI_CHAT_INSIDE_H
#define CHAT_OPENAI_CHAT_INSIDE_H

#include "base/buf.h"
#include "chat/codec.h"
#include "json/tree.h"
#include "json/write.h"

/* Requests, read. */

/* Where the reader is, for what it says when something is wrong there. */
enum chat_place {
    AT_TOP,
    AT_MESSAGE, // messages[message]
    AT_PART,    // messages[message].content[inner]
    AT_CALL,    // messages[message].tool_calls[inner]
    AT_TOOL,    // tools[inner]
};

struct chat_reader {
    struct chat_request *r;
    const struct chat_seal *seal;
    struct err_info *e;
    enum chat_place place;
    size_t message, inner;
    bool has_completion_limit; // max_completion_tokens was there: max_tokens is not looked at
    bool has_identifier;       // safety_identifier likewise, before user
    struct chat_turn *results; // takes the results that follow on each other
    struct chat_turn *custom;  // the last turn of calls, when some are of custom tools
    struct list moved;         // pictures out of system messages, for the next user turn
    struct slice legacy_name, legacy_id; // of the last `function_call`
    uint64_t legacy_count;
};

/** "messages[2].content[0].text: expected a string" */
enum err openai_chat_read_bad(struct chat_reader *rd, const char *field, const char *expected);

/** A string that must be there and not be empty, decoded. */
enum err openai_chat_read_name(struct chat_reader *rd, const struct json *v, const char *field,
                               struct slice *out);

enum err openai_chat_read_messages(struct chat_reader *rd, const struct json *messages);
enum err openai_chat_read_tools(struct chat_reader *rd, const struct json *tools);
enum err openai_chat_read_functions(struct chat_reader *rd, const struct json *functions);
enum err openai_chat_read_choice(struct chat_reader *rd, const struct json *choice);
enum err openai_chat_read_function_call(struct chat_reader *rd, const struct json *choice);
enum err openai_chat_read_search(struct chat_reader *rd, const struct json *options);

/** What a message says that was thought; appends its items to the turn. */
struct chat_thoughts {
    const struct json *reasoning_content, *reasoning, *details;
};
void openai_chat_read_thoughts(struct chat_reader *rd, const struct chat_thoughts *from,
                               struct chat_turn *turn);

/** Puts the secret of a call of Gemini's in front of it: the call is the turn's next item. */
void openai_chat_read_signature(struct chat_reader *rd, struct chat_turn *turn,
                                struct slice signature);

/* Requests, written. */

struct chat_writer {
    struct json_writer w;
    const struct chat_request *r;
    const struct chat_target *t;
};

void openai_chat_write_messages(struct chat_writer *x);
void openai_chat_write_mark(struct chat_writer *x, enum chat_cache cache);

/* A member of an object; with _if, unless it is absent. */

static inline void key_string(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    json_value_string(w, value);
}

static inline void key_text(struct json_writer *w, struct slice key, struct chat_text value)
{
    json_key(w, key);
    json_value_text(w, value);
}

static inline void key_bool(struct json_writer *w, struct slice key, bool value)
{
    json_key(w, key);
    json_value_bool(w, value);
}

static inline void key_raw_if(struct json_writer *w, struct slice key, struct slice raw)
{
    if (!raw.len)
        return;
    json_key(w, key);
    json_value_raw(w, raw);
}

static inline void key_int_if(struct json_writer *w, struct slice key, int64_t value)
{
    if (value <= 0)
        return;
    json_key(w, key);
    json_value_int(w, value);
}

static inline void key_flag_if(struct json_writer *w, struct slice key, enum chat_flag flag)
{
    if (flag != CHAT_UNSET)
        key_bool(w, key, flag == CHAT_YES);
}

/* Reasoning on the wire, in requests and answers alike (OpenRouter's shapes). */

/** VENDOR_NONE for formats whose secrets nobody here can use. */
enum chat_vendor openai_chat_format_vendor(struct slice format);

/* One thought as members of `reasoning_details`. */
struct chat_thought_detail {
    enum chat_vendor vendor;
    struct chat_text text; // absent in streams, where reasoning_content has said it
    bool redacted;         // there never was a text
    struct slice secret;   // may be empty
    struct slice id;
    size_t index;
};
void openai_chat_detail_write(struct json_writer *w, const struct chat_thought_detail *d);

/* The codec's functions (chat/codec.h). */
codec_read_request_fn openai_chat_read_request;
codec_write_request_fn openai_chat_write_request;

codec_decoder_init_fn openai_chat_decoder_init;
codec_decode_fn openai_chat_decode;
codec_decode_whole_fn openai_chat_decode_whole;
codec_decode_end_fn openai_chat_decode_end;
codec_decoder_release_fn openai_chat_decoder_release;

codec_encoder_init_fn openai_chat_encoder_init;
codec_encode_fn openai_chat_encode;
codec_encoder_release_fn openai_chat_encoder_release;

#endif
