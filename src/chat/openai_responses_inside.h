/* openai_responses_inside.h - what the halves of the Responses codec share.  For them alone. */
#ifndef CHAT_OPENAI_RESPONSES_INSIDE_H
#define CHAT_OPENAI_RESPONSES_INSIDE_H

#include "chat/codec.h"
#include "json/raw.h"
#include "json/write.h"

/*
 * Reading a request.  `at` names where something stands, from the inside out, and is put into
 * words only when something is wrong with it: "input[3].content[0].type: ...".
 */
struct responses_at {
    const struct responses_at *outer; // NULL at the top
    const char *name;                 // NULL: the item of that index
    size_t index;
};

struct responses_reader {
    struct chat_request *r;
    const struct chat_seal *seal;
    struct err_info *e;
    bool talked;                 // what comes is behind the leading system texts
    struct chat_turn *assistant; // that the next item of the assistant joins, or NULL
    bool spoken;                 // it has a message in it
    struct chat_turn *results;   // of the user, that the next output joins, or NULL
    struct list strays;          // media out of system texts, for the next user turn
};

/** ERR_BAD_REQUEST: where, then `what`. */
enum err responses_fail(struct responses_reader *rd, const struct responses_at *at,
                        const char *what);

/** As above, about the member `name` of what stands there. */
enum err responses_fail_in(struct responses_reader *rd, const struct responses_at *at,
                           const char *name, const char *what);

/** `input`, and whatever stands in it. */
enum err responses_read_input(struct responses_reader *rd, const struct json *input);

/** Parts of a message or an output: onto `items`. */
enum err responses_read_parts(struct responses_reader *rd, const struct responses_at *at,
                              const struct json *content, struct list *items);

enum err responses_read_tools(struct responses_reader *rd, const struct responses_at *at,
                              const struct json *tools);
enum err responses_read_choice(struct responses_reader *rd, const struct json *choice);

/** "space__name", or the name itself. */
struct slice responses_flat_name(struct arena *a, struct slice space, struct slice name);

codec_read_request_fn responses_read_request;
codec_write_request_fn responses_write_request;

/*
 * Fields that other dialects have no place for.  The reader keeps them as exts under their own
 * names, the writer writes them again; `include` is written by more than its own.
 */
extern const struct slice responses_own_fields[];
extern const size_t responses_own_field_count;

/*
 * Writing: members, and the beginning of what has a type.
 */
static inline void responses_word(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    json_value_string(w, value);
}

static inline void responses_text(struct json_writer *w, struct slice key, struct chat_text value)
{
    json_key(w, key);
    json_value_text(w, value);
}

static inline void responses_raw(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    json_value_raw(w, value);
}

static inline void responses_int(struct json_writer *w, struct slice key, int64_t value)
{
    json_key(w, key);
    json_value_int(w, value);
}

static inline void responses_open(struct json_writer *w, struct slice type)
{
    json_open_object(w);
    responses_word(w, SLICE("type"), type);
}

/** The members `instructions` (or a message that stands for them) and `input`. */
void responses_write_input(struct json_writer *w, const struct chat_request *r,
                           const struct chat_target *t);

/** A field that the client has sent and its answer repeats, raw; a NULL pointer: it has not. */
struct slice responses_asked(const struct chat_request *r, struct slice key);

/** Characters of a text, or of a piece of one: pairs of surrogates are counted once. */
int64_t responses_chars(struct chat_text text);

codec_decoder_init_fn responses_decoder_init;
codec_decode_fn responses_decode;
codec_decode_whole_fn responses_decode_whole;
codec_decode_end_fn responses_decode_end;
codec_decoder_release_fn responses_decoder_release;

codec_encoder_init_fn responses_encoder_init;
codec_encode_fn responses_encode;
codec_encoder_release_fn responses_encoder_release;

#endif
