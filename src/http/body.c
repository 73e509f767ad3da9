/* body.c - a message body as it comes in. */
#include "http/body.h"

static void init(struct http_body *b, const struct head *head, struct http_input *in)
{
    *b = (struct http_body){.in = in};
    if (head->chunked) {
        b->framing = HTTP_BODY_CHUNKED; // zeroed storage is a chunk reader at its start
    } else if (head->content_length > 0) {
        b->framing = HTTP_BODY_LENGTH;
        b->left = (uint64_t)head->content_length;
    } else {
        b->framing = HTTP_BODY_NONE;
        b->ended = true;
    }
}

void http_body_init_request(struct http_body *b, const struct head *head, struct http_input *in)
{
    init(b, head, in);
}

void http_body_init_response(struct http_body *b, const struct head *head, struct slice method,
                             struct http_input *in)
{
    init(b, head, in);
    if (head->status < 200 || head->status == 204 || head->status == 304 ||
        slice_eq(method, SLICE("HEAD"))) {
        b->framing = HTTP_BODY_NONE;
        b->ended = true;
    } else if (!head->chunked && head->content_length < 0) {
        b->framing = HTTP_BODY_UNTIL_CLOSE;
        b->ended = false;
    }
}

/* Nothing more can be decoded from what is there: was that all there will be? */
static void starved(struct http_body *b)
{
    if (!b->at_eof)
        return;
    if (b->framing == HTTP_BODY_UNTIL_CLOSE && !b->reset)
        b->ended = true;
    else
        b->broken = true;
}

static void next_chunk(struct http_body *b)
{
    struct slice data = {0};
    size_t consumed = 0;

    switch (chunk_reader_next(&b->chunks, input_peek(b->in), &consumed, &data)) {
    case CHUNK_MORE: starved(b); break;
    case CHUNK_DATA: break;
    case CHUNK_END: b->ended = true; break;
    case CHUNK_BAD: b->broken = true; break;
    }
    b->ready = data.len;
    input_consume(b->in, consumed - data.len); // data is the last part of what was consumed
}

static void next_bytes(struct http_body *b)
{
    size_t there = input_peek(b->in).len;

    if (b->framing == HTTP_BODY_LENGTH) {
        b->ready = b->left < there ? (size_t)b->left : there;
        b->left -= b->ready;
        b->ended = b->left == 0;
    } else {
        b->ready = there;
    }
    if (!b->ready && !b->ended)
        starved(b);
}

struct slice http_body_peek(struct http_body *b)
{
    if (!b->ready && !b->ended && !b->broken) {
        if (b->framing == HTTP_BODY_CHUNKED)
            next_chunk(b);
        else
            next_bytes(b);
        b->received += b->ready;
        if (b->tap && b->ready)
            b->tap(b->tap_ctx, slice_sub(input_peek(b->in), 0, b->ready));
    }
    return slice_sub(input_peek(b->in), 0, b->ready);
}

void http_body_consume(struct http_body *b, size_t len)
{
    b->ready -= len;
    input_consume(b->in, len);
}

int64_t http_body_left(const struct http_body *b)
{
    if (b->ended)
        return 0;
    return b->framing == HTTP_BODY_LENGTH ? (int64_t)b->left : -1;
}

void http_body_eof(struct http_body *b, bool orderly)
{
    b->at_eof = true;
    b->reset = b->reset || !orderly;
}
