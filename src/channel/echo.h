/* echo.h - what the echo channel's own files share. */
#ifndef CHANNEL_ECHO_H
#define CHANNEL_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "channel/channel.h"
#include "json/write.h"

#define ECHO_MAX_TOKENS 32768 // of an answer, as models have: it bounds what is made of a request
#define ECHO_DELTAS     256   // about as many pieces at most is a text streamed in

/* One request to generate something, read from any dialect, and its answer. */
struct echo {
    const struct channel_local_request *request;
    char id[33];          // letters and digits, at least one; ids of all kinds are made of it
    struct buf text;      // to be said; empty when a tool is called
    struct buf tool;      // to be called; empty when none is
    struct buf arguments; // of the call: a JSON object
    bool is_cut;          // the asked maximum ended the text
    bool wants_usage;     // Chat: in a chunk of its own
    int64_t input_tokens, output_tokens;
    struct buf *out; // the answer, borrowed
    struct buf data; // of the event that is being written
};

/** Reads the request and decides what to answer.  echo_release() in any case. */
enum err echo_read(struct echo *echo, const struct channel_local_request *request,
                   struct err_info *e);
void echo_release(struct echo *echo);

/** Four bytes a token, rounded up. */
int64_t echo_tokens(size_t bytes);

/** What all that a model would have to read comes to. */
int64_t echo_input_tokens(struct slice body);

/** Cuts the next piece, some whole words, off the front; false at the end. */
bool echo_next_delta(struct slice *rest, size_t whole_len, struct slice *delta);

/** Writes what was put into `echo->data` as an event, and clears it. */
void echo_event(struct echo *echo, struct slice name);

/** A member whose value is a string. */
void echo_member(struct json_writer *w, const char *key, struct slice value);
void echo_member_int(struct json_writer *w, const char *key, int64_t value);
void echo_member_raw(struct json_writer *w, const char *key, const char *json);
void echo_member_id(struct json_writer *w, const char *key, const char *prefix,
                    const struct echo *echo);

/* Whole answers, one file each. */
void echo_chat(struct echo *echo);
void echo_responses(struct echo *echo);
void echo_anthropic(struct echo *echo);
void echo_gemini(struct echo *echo);

channel_answer_fn echo_embed;

#endif
