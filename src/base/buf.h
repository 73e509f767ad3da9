/* buf.h - bytes that grow at the end and leave at the front. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Owns heap memory.  Zeroed storage is an empty buffer: no init call.  What
 * stands between `start` and `end` is the content; consuming moves `start`,
 * and the room in front is reused when the end is reached.
 *
 * Running out of memory ends the process; a size that a peer chose is checked
 * by the caller against a limit before it is appended.
 */
struct buf {
    char *data;
    size_t start, end; // content is data[start .. end)
    size_t cap;
};

void buf_release(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

/** Borrows the content until the next call that changes the buffer. */
static inline struct slice buf_peek(const struct buf *b)
{
    return slice_of(b->data ? b->data + b->start : NULL, b->end - b->start);
}

/** Forgets the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);

/** Forgets everything, keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->start = b->end = 0;
}

/** Room for `len` more bytes at the returned place; buf_grew() says how many were written. */
char *buf_reserve(struct buf *b, size_t len);

static inline void buf_grew(struct buf *b, size_t len)
{
    b->end += len;
}

static inline void buf_append(struct buf *b, struct slice s)
{
    if (s.len) {
        memcpy(b->cap - b->end >= s.len ? b->data + b->end : buf_reserve(b, s.len), s.ptr, s.len);
        b->end += s.len;
    }
}

static inline void buf_append_byte(struct buf *b, char c)
{
    *(b->cap != b->end ? b->data + b->end : buf_reserve(b, 1)) = c;
    b->end++;
}

void buf_append_str(struct buf *b, const char *s);
void buf_append_u64(struct buf *b, uint64_t value); // decimal
void buf_append_i64(struct buf *b, int64_t value);  // decimal
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
