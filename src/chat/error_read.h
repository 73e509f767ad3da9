/* error_read.h - what an upstream says when it fails, in any dialect. */
#ifndef CHAT_ERROR_READ_H
#define CHAT_ERROR_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "chat/dialect.h"

/* Texts are NUL-terminated UTF-8 of one line, cut at a character where they are too long. */
struct upstream_error {
    enum err kind;          // what to tell the client (protocols/mapping.md 5); never ERR_NONE
    int64_t retry_after_ms; // from the body; 0: it does not say
    bool daily;             // a quota of the day: waiting a minute will not help
    char message[1024];     // without the JSON around it, unscrubbed; "" when there is none
    char type[64];          // "rate_limit_error", "RESOURCE_EXHAUSTED"
    char code[64];          // "context_length_exceeded"; a number as text
    char param[128];        // OpenAI's: of the request that we wrote, not of the client's
};

/**
 * Reads the body of an answer with `http_status`, or the payload of an error that comes inside
 * a stream (then 200).  Any bytes are safe: what is no JSON is a message if it is plain text
 * and nothing if it is a page of HTML.
 */
void error_read(enum dialect upstream, int http_status, struct slice body,
                struct upstream_error *out);

#endif
