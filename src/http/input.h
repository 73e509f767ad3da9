/* input.h - what a connection has read and nobody has taken yet. */
#ifndef HTTP_INPUT_H
#define HTTP_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "loop/worker.h"

/*
 * One borrowed worker buffer, held only while there is something in it.  The
 * socket reads straight into it, and bodies are slices of it.  Bytes move to the
 * front only in input_room(), so slices into it live until the next read.
 */
struct http_input {
    char *buffer; // NULL while empty
    size_t start, end;
};

static inline struct slice input_peek(const struct http_input *in)
{
    return slice_of(in->buffer ? in->buffer + in->start : NULL, in->end - in->start);
}

/** Where the next bytes go; NULL when it is full of bytes that nobody took. */
char *input_room(struct http_input *in, struct worker *w, size_t *size);

/** `len` bytes were read into the room. */
static inline void input_grew(struct http_input *in, size_t len)
{
    in->end += len;
}

/** Forgets `len` bytes; the buffer stays until input_rest(). */
static inline void input_consume(struct http_input *in, size_t len)
{
    in->start += len;
}

/** Gives the buffer back when nothing is in it. */
void input_rest(struct http_input *in, struct worker *w);

/** Gives the buffer back, whatever is in it. */
void input_release(struct http_input *in, struct worker *w);

static inline bool input_is_full(const struct http_input *in)
{
    return in->end - in->start == WORKER_BUFFER_BYTES;
}

#endif
