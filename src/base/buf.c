/* buf.c - bytes that grow at the end and leave at the front. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

#define SMALLEST_BYTES ((size_t)256)

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->start += len;
    if (b->start == b->end)
        b->start = b->end = 0;
}

char *buf_reserve(struct buf *b, size_t len)
{
    size_t have = buf_len(b), cap = b->cap;

    if (cap - b->end >= len && b->data)
        return b->data + b->end;
    if (len > SIZE_MAX / 4 - have)
        panic("out of memory: buffer of %zu bytes", len);
    if (b->data && cap - have >= len && have <= cap / 2) {
        memmove(b->data, b->data + b->start, have);
    } else {
        char *data;
        if (cap < SMALLEST_BYTES)
            cap = SMALLEST_BYTES;
        while (cap - have < len || have > cap / 2) // as much room as content: copies stay rare
            cap *= 2;
        data = malloc(cap);
        if (!data)
            panic("out of memory: buffer of %zu bytes", cap);
        if (have)
            memcpy(data, b->data + b->start, have);
        free(b->data);
        b->data = data;
        b->cap = cap;
    }
    b->start = 0;
    b->end = have;
    return b->data + b->end;
}

void buf_append_str(struct buf *b, const char *s)
{
    buf_append(b, slice_str(s));
}

void buf_append_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_append(b, slice_of(digits + at, sizeof(digits) - at));
}

void buf_append_i64(struct buf *b, int64_t value)
{
    if (value < 0)
        buf_append_byte(b, '-');
    buf_append_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    vsnprintf(buf_reserve(b, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    b->end += (size_t)len;
}
