/* load_answer.c - reading an answer of HTTP/1.1, and holding it to those before it. */
#include "load_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES 65536

void answer_begin(struct answer_reader *a)
{
    struct text head = a->head;

    head.len = 0;
    *a = (struct answer_reader){.head = head};
}

void answer_release(struct answer_reader *a)
{
    free(a->head.bytes);
    a->head = (struct text){0};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is that byte in the digits of a time that a translation has filled in? */
static bool is_in_time(const struct reference *r, size_t at)
{
    static const char name[] = "\"created\":";

    while (at > 0 && is_digit(r->bytes.bytes[at - 1]))
        at--;
    return at >= strlen(name) && !memcmp(r->bytes.bytes + at - strlen(name), name, strlen(name));
}

/* `len` bytes that stand at `at` in the body: what is known of it, but for the time. */
static bool is_known(const struct reference *r, size_t at, const char *bytes, size_t len)
{
    const char *known = r->bytes.bytes + at;

    if (!memcmp(known, bytes, len))
        return true;
    for (size_t i = 0; i < len; i++) {
        if (known[i] != bytes[i] &&
            !(is_digit(known[i]) && is_digit(bytes[i]) && is_in_time(r, at + i)))
            return false;
    }
    return true;
}

static void compare(struct answer_reader *a, struct reference *r, const char *bytes, size_t len)
{
    size_t known = r->bytes.len > a->body_len ? r->bytes.len - a->body_len : 0;

    if (a->status != 200)
        return;
    if (known > len)
        known = len;
    if (known && !is_known(r, a->body_len, bytes, known))
        a->differs = true;
    a->body_len += len;
    if (len == known || a->differs)
        return;
    if (r->is_whole)
        a->differs = true;
    else
        text_add(&r->bytes, bytes + known, len - known);
}

static void end(struct answer_reader *a, struct reference *r)
{
    a->state = ANSWER_DONE;
    if (a->status != 200)
        return;
    if (a->body_len != r->bytes.len)
        a->differs = true; // somebody has seen more
    r->is_whole = true;
}

static bool starts(const char *line, const char *with)
{
    return strncasecmp(line, with, strlen(with)) == 0;
}

/* What a head says that ends at `head_end`, one byte after its last line. */
static void read_head(struct answer_reader *a, struct reference *r, const char *p,
                      const char *head_end)
{
    bool is_chunked = false;

    if (head_end - p < 13 || !starts(p, "HTTP/1.1 ")) {
        a->state = ANSWER_BROKEN;
        return;
    }
    a->status = (unsigned)strtoul(p + 9, NULL, 10);
    a->left = 0;
    while ((p = memchr(p, '\n', (size_t)(head_end - p))) != NULL && ++p < head_end) {
        if (starts(p, "content-length:"))
            a->left = strtoull(p + 15, NULL, 10);
        else if (starts(p, "transfer-encoding: chunked"))
            is_chunked = true;
    }
    a->state = is_chunked ? ANSWER_SIZE : ANSWER_LENGTH;
    if (!is_chunked && a->left == 0)
        end(a, r);
    if (is_chunked)
        a->left = 0;
}

/* Bytes of `bytes` that belong to the head; it is whole when the state has moved on. */
static size_t feed_head(struct answer_reader *a, struct reference *r, const char *bytes, size_t len)
{
    size_t before = a->head.len;
    const char *stop;

    if (before == 0 && (stop = memmem(bytes, len, "\r\n\r\n", 4)) != NULL) {
        read_head(a, r, bytes, stop + 2);
        return (size_t)(stop - bytes) + 4;
    }
    text_add(&a->head, bytes, len);
    stop = memmem(a->head.bytes, a->head.len, "\r\n\r\n", 4);
    if (!stop) {
        if (a->head.len > HEAD_BYTES)
            a->state = ANSWER_BROKEN;
        return len;
    }
    read_head(a, r, a->head.bytes, stop + 2);
    a->head.len = 0;
    return (size_t)(stop - a->head.bytes) + 4 - before;
}

static size_t feed_body(struct answer_reader *a, struct reference *r, const char *bytes, size_t len)
{
    size_t n = a->left < len ? (size_t)a->left : len;

    compare(a, r, bytes, n);
    a->left -= n;
    if (a->left == 0 && a->state == ANSWER_LENGTH)
        end(a, r);
    else if (a->left == 0)
        a->state = ANSWER_CHUNK_END;
    return n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of what stands around the chunks. */
static void feed_frame(struct answer_reader *a, struct reference *r, char c)
{
    int digit;

    if (c == '\r')
        return;
    if (a->state == ANSWER_CHUNK_END) {
        a->state = c == '\n' ? ANSWER_SIZE : ANSWER_BROKEN;
    } else if (a->state == ANSWER_TRAILER) {
        if (c != '\n')
            a->left++;
        else if (a->left == 0)
            end(a, r);
        else
            a->left = 0;
    } else if (c == '\n') {
        a->state = a->left ? ANSWER_CHUNK : ANSWER_TRAILER;
    } else {
        digit = hex_value(c);
        if (digit < 0 || a->left > UINT32_MAX)
            a->state = ANSWER_BROKEN;
        else
            a->left = a->left * 16 + (unsigned)digit;
    }
}

void answer_feed(struct answer_reader *a, struct reference *r, const char *bytes, size_t len)
{
    size_t n;

    while (len > 0) {
        n = 1;
        switch (a->state) {
        case ANSWER_HEAD: n = feed_head(a, r, bytes, len); break;
        case ANSWER_LENGTH:
        case ANSWER_CHUNK: n = feed_body(a, r, bytes, len); break;
        case ANSWER_SIZE:
        case ANSWER_CHUNK_END:
        case ANSWER_TRAILER: feed_frame(a, r, *bytes); break;
        case ANSWER_DONE: a->state = ANSWER_BROKEN; return;
        case ANSWER_BROKEN: return;
        }
        bytes += n;
        len -= n;
    }
}
