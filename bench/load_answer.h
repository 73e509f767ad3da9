/* load_answer.h - reading an answer of HTTP/1.1, and holding it to those before it. */
#ifndef BENCH_LOAD_ANSWER_H
#define BENCH_LOAD_ANSWER_H

#include <stdbool.h>

#include "kit.h"

/*
 * What every body of 200 must be, to the last byte, digits of "created" apart.  It is learned from whichever answer
 * is ahead of all others: what lies within what is known is compared, the rest is kept.
 */
struct reference {
    struct text bytes;
    bool is_whole; // an answer has ended: bytes.len is the length of all
};

enum answer_state {
    ANSWER_HEAD,
    ANSWER_LENGTH, // `left` bytes of body to come
    ANSWER_SIZE,   // in the line that holds a chunk's size
    ANSWER_CHUNK,  // `left` bytes of it to come
    ANSWER_CHUNK_END,
    ANSWER_TRAILER, // `left` bytes of its line seen
    ANSWER_DONE,
    ANSWER_BROKEN, // no HTTP/1.1 that we know
};

struct answer_reader {
    enum answer_state state;
    unsigned status;
    bool differs; // from the reference
    uint64_t left;
    uint64_t body_len;
    struct text head; // kept when it comes in parts
};

void answer_begin(struct answer_reader *a);
void answer_release(struct answer_reader *a);

/** Reads on, up to the answer's end; bytes after it make it ANSWER_BROKEN. */
void answer_feed(struct answer_reader *a, struct reference *r, const char *bytes, size_t len);

#endif
