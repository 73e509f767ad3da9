/* count.h - how many tokens a request will be, counted here, and what counters answer. */
#ifndef CHAT_COUNT_H
#define CHAT_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "chat/request.h"

/*
 * What nobody but the vendor knows exactly.  Media of no stated size: a picture of about
 * 1024 x 1024 at OpenAI (85 when it may be looked at coarsely), two or three pages, half a
 * minute of sound, half a minute of film at Gemini.
 */
enum {
    COUNT_IMAGE = 765,
    COUNT_IMAGE_LOW = 85,
    COUNT_FILE = 3000,
    COUNT_AUDIO = 800,
    COUNT_VIDEO = 8000,
    COUNT_MESSAGE = 4,       // around each message of an OpenAI model, its role included
    COUNT_REPLY = 3,         // that begin its answer
    COUNT_MESSAGE_OTHER = 8, // around each message where text is estimated, to be on the safe side
    COUNT_TOOL = 8,          // around each tool
};

/**
 * About as many tokens as `model` will be charged for: exact for plain text to OpenAI's
 * models, else estimated (chat/tokens.h).  Of long requests only TOKENS_EXACT_BYTES of text are
 * looked at, and the rest taken to be like them.
 */
int64_t count_request(const struct chat_request *r, struct slice model);

/** The same, looking at `limit` bytes of text at most; not 0. */
int64_t count_request_within(const struct chat_request *r, struct slice model, size_t limit);

/** The number in the answer of an upstream's counter; false when there is none. */
bool count_read_answer(enum dialect upstream, struct slice body, int64_t *tokens);

/** The whole body of an answer. */
void count_write_answer(enum dialect client, int64_t tokens, struct buf *out);

#endif
