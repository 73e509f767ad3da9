/* openai_responses_encode.h - the state of a Responses answer that is written.  For its codec. */
#ifndef CHAT_OPENAI_RESPONSES_ENCODE_H
#define CHAT_OPENAI_RESPONSES_ENCODE_H

#include "chat/codec.h"
#include "chat/ids.h"
#include "json/write.h"

#define RESPONSES_NONE UINT32_MAX

/*
 * A part of the answer, by the index of its events.  What it says is gathered as it would
 * stand between quotes: the end of the stream repeats it.
 */
struct responses_part {
    enum chat_part_kind kind;
    bool ignored; // of a choice that this dialect has no place for
    bool closed;
    uint32_t item;          // of the encoder's
    uint32_t next;          // part of the same message, or RESPONSES_NONE
    uint32_t content_index; // TEXT, REFUSAL
    uint32_t cites;
    int64_t base, chars;      // TEXT: characters of the answer's text before it, and of its own
    struct buf text;          // escaped
    struct buf logprobs;      // TEXT: the items of the array
    struct buf annotations;   // TEXT: the items of the array
    struct buf call_id, name; // CALL: UTF-8
    struct slice space;       // CALL: the namespace, out of the request
    bool custom;
    struct slice format; // IMAGE: "png", a literal; empty: not said
    struct buf secret;   // REASONING: what stands at encrypted_content
};

/* An output item: one part, or for a message one or more. */
struct responses_output {
    uint32_t first, last; // parts
    uint32_t parts_open;
    bool done, waiting;
    uint32_t next_waiting; // item, or RESPONSES_NONE
    char id[CHAT_ID_BYTES];
    size_t id_len;
    struct buf json; // once it is done
};

struct responses_encoder {
    struct codec_encode_options o;
    uint64_t sequence;
    char id[CHAT_ID_BYTES];
    size_t id_len;
    int64_t created_unix;
    struct responses_part *parts; // [part_count], by index
    uint32_t part_count, part_cap;
    struct responses_output *items; // [item_count], by output_index
    uint32_t item_count, item_cap;
    uint32_t message;                     // the item that takes the next text, or RESPONSES_NONE
    uint32_t first_waiting, last_waiting; // items that are closed, but not done
    int64_t chars;                        // of the text so far
    size_t gathered;                      // bytes
    bool started, ended, has_usage;
    struct chat_usage usage;
    enum chat_tier tier;
    enum chat_finish finish;
};

enum responses_status {
    RESPONSES_IN_PROGRESS,
    RESPONSES_COMPLETED,
    RESPONSES_INCOMPLETE,
    RESPONSES_FAILED,
};

static inline struct slice responses_item_id(const struct responses_output *item)
{
    return slice_of(item->id, item->id_len);
}

/** Raw JSON of somebody's: on one line, as frames want it. */
void responses_raw_line(struct json_writer *w, struct slice raw);

/** What has been gathered, as a string, or as the items of an array. */
void responses_gathered(struct json_writer *w, const struct buf *escaped);

/** The part at `part` of content_part events, empty or as it is in the end. */
void responses_write_part(struct json_writer *w, const struct responses_part *part, bool empty);

/** The item as it is: when it is added (nothing in it), or done. */
void responses_write_item(struct json_writer *w, const struct responses_encoder *en,
                          const struct responses_output *item, enum responses_status status);

/** The whole response object.  `error` only for RESPONSES_FAILED. */
void responses_write_object(struct json_writer *w, const struct responses_encoder *en,
                            enum responses_status status, const struct chat_event *error);

/* One call of the encoder. */
struct responses_speaking {
    struct responses_encoder *en;
    struct buf *out;
};

static inline bool responses_streams(const struct responses_speaking *s)
{
    return s->en->o.framing != FRAMING_BODY;
}

/*
 * Frames of the stream, for everything but FRAMING_BODY.  `type` is the event's; the item that
 * a part stands in is named by each.
 */
void responses_frame_response(const struct responses_speaking *s, struct slice type,
                              enum responses_status status, const struct chat_event *error);
void responses_frame_error(const struct responses_speaking *s, const struct chat_event *error);
void responses_frame_item(const struct responses_speaking *s, struct slice type,
                          const struct responses_output *item, enum responses_status status);

/** Nothing but where it is. */
void responses_frame_plain(const struct responses_speaking *s, struct slice type,
                           const struct responses_part *part);
void responses_frame_content_part(const struct responses_speaking *s, struct slice type,
                                  const struct responses_part *part, bool empty);
void responses_frame_summary_part(const struct responses_speaking *s, struct slice type,
                                  const struct responses_part *part, bool empty);

/** A piece of text, and what all pieces made, by the names of the part's kind. */
void responses_frame_delta(const struct responses_speaking *s, const struct responses_part *part,
                           struct chat_text text, struct slice logprobs);
void responses_frame_text_done(const struct responses_speaking *s,
                               const struct responses_part *part);
void responses_frame_cite(const struct responses_speaking *s, const struct responses_part *part,
                          struct slice annotation);

#endif
