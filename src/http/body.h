/* body.h - a message body as it comes in: of a request here, of an answer there. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/input.h"
#include "wire/chunk.h"
#include "wire/head.h"

/*
 * Pulled, not pushed: http_body_peek() decodes as far as bytes are there and lends
 * them; http_body_consume() gives them back.  Nothing is copied.
 *
 *   peek = ""  and not ended and not broken:   wait, more will come
 *   ended:   the exact end of the message was reached and all was consumed
 *   broken:  it will never be: cut off, or not valid chunked coding
 */
enum http_body_framing {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_UNTIL_CLOSE, // answers only
};

/* Called once with every piece of a body, as it is decoded. */
typedef void http_body_tap_fn(void *ctx, struct slice bytes);

struct http_body {
    enum http_body_framing framing;
    bool ended, broken;
    bool at_eof, reset; // the peer will send no more, in order or not
    size_t ready;       // decoded and not consumed: they stand at the input's front
    uint64_t left;      // HTTP_BODY_LENGTH: bytes not yet made ready
    uint64_t received;  // bytes made ready so far
    struct chunk_reader chunks;
    struct http_input *in; // the connection's
    http_body_tap_fn *tap; // NULL: nobody listens
    void *tap_ctx;
};

/** Of a request: no framing means no body (RFC 9112, 6.3). */
void http_body_init_request(struct http_body *b, const struct head *head, struct http_input *in);

/** Of an answer to `method`; 1xx, 204, 304 and answers to HEAD have none. */
void http_body_init_response(struct http_body *b, const struct head *head, struct slice method,
                             struct http_input *in);

struct slice http_body_peek(struct http_body *b);
void http_body_consume(struct http_body *b, size_t len);

static inline bool http_body_ended(const struct http_body *b)
{
    return b->ended && !b->ready;
}

static inline bool http_body_broken(const struct http_body *b)
{
    return b->broken && !b->ready;
}

/** Bytes still to come after what is ready, when that is known; -1 otherwise. */
int64_t http_body_left(const struct http_body *b);

/** The connection has met its end, in order or not. */
void http_body_eof(struct http_body *b, bool orderly);

#endif
