/* openai_chat_encoder.h - the state of one Chat Completions answer on its way out. */
#ifndef CHAT_OPENAI_CHAT_ENCODER_H
#define CHAT_OPENAI_CHAT_ENCODER_H

#include "chat/ids.h"
#include "chat/openai_chat_inside.h"

struct answer_part {
    enum chat_part_kind kind;
    bool custom, redacted;
    bool said;           // a delta has come
    size_t number;       // of a call or a thought, within its choice
    struct buf gathered; // escaped: of pictures, and of thoughts in a whole answer
};

struct answer_choice {
    uint32_t number;
    bool begun;   // its role has been said
    bool refused; // with a part of that kind
    size_t calls, thoughts;
    struct buf signature;   // Gemini's, for the call that comes next
    struct buf annotations; // JSON objects, commas between them

    /* Of a whole answer, escaped or JSON objects with commas between them. */
    struct buf content, reasoning, refusal, details, images, logprobs;
    bool has_secrets;      // of its thoughts: else `details` say nothing more than `reasoning`
    struct buf *arguments; // [calls], each a call's JSON up to the end of its arguments
    size_t argument_cap;
    const char *finish;
};

struct openai_chat_encoder {
    struct codec_encode_options o;
    bool usage_wanted, has_usage;
    struct chat_usage usage;
    enum chat_tier tier;
    char id[CHAT_ID_BYTES];
    size_t id_len;
    int64_t created_unix;
    struct buf head;           // of every chunk, up to what differs
    struct answer_part *parts; // [part_count], by the events' index
    size_t part_count, part_cap;
    struct answer_choice *choices;
    size_t choice_count, choice_cap;
    size_t gathered; // bytes, against the limit
};

struct answer_choice *openai_chat_encoder_choice(struct openai_chat_encoder *x, uint32_t number);
void openai_chat_encoder_choice_release(struct answer_choice *c);

/** Of an OPEN.  Numbers calls and thoughts. */
struct answer_part *openai_chat_encoder_part_new(struct openai_chat_encoder *x,
                                                 const struct chat_event *ev);

/** Appends escaped text, and counts it. */
void openai_chat_encoder_gather(struct openai_chat_encoder *x, struct buf *to,
                                struct chat_text text);

/** Of a CLOSE of reasoning: a secret of Gemini's is said once more with the call behind it. */
void openai_chat_encoder_keep_signature(struct openai_chat_encoder *x, const struct chat_event *ev);
void openai_chat_encoder_take_citation(struct openai_chat_encoder *x, const struct chat_event *ev);

const char *openai_chat_encoder_finish_name(enum chat_finish reason);
void openai_chat_encoder_write_signature(struct json_writer *w, struct slice signature);
void openai_chat_encoder_write_citation(struct json_writer *w, const struct chat_event *ev);

void openai_chat_encoder_open_image(struct openai_chat_encoder *x, struct answer_part *part,
                                    struct slice mime);

/** `gathered` is "image/png;base64,...". */
void openai_chat_encoder_write_image(struct json_writer *w, struct slice gathered);

/** Gathers; the whole document comes at END. */
void openai_chat_encode_whole(struct openai_chat_encoder *x, const struct chat_event *ev,
                              struct buf *out);

#endif
