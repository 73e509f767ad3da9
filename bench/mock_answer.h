/* mock_answer.h - what the mock upstream answers, rendered once at its start. */
#ifndef BENCH_MOCK_ANSWER_H
#define BENCH_MOCK_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "kit.h"

enum vendor { VENDOR_OPENAI, VENDOR_RESPONSES, VENDOR_ANTHROPIC, VENDOR_GEMINI, VENDOR_COUNT };

/* How one port of the mock behaves. */
struct profile {
    unsigned port;
    uint64_t delay_ns;    // before the answer
    uint64_t interval_ns; // between a stream's chunks; 0: all of it at once
    size_t chunks;        // of text, in a stream
    size_t chunk_size;    // bytes of text in each
    size_t size;          // bytes of text in an answer that is no stream
};

/*
 * An answer as it goes over the wire, head and chunk framing included.  Piece i ends at
 * ends[i].  The first is the head and the first chunk, the last one is the end of the
 * stream: finish reason, usage, the vendor's last word.  A whole answer is one piece.
 */
struct answer {
    struct text bytes;
    size_t *ends;
    size_t pieces;
};

void answer_render(struct answer *a, enum vendor vendor, bool stream, const struct profile *p);

#endif
