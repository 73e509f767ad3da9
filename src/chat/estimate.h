/* estimate.h - what went in, where the vendor gave no figure. */
#ifndef CHAT_ESTIMATE_H
#define CHAT_ESTIMATE_H

#include <stdint.h>

#include "base/slice.h"
#include "chat/codec.h"
#include "chat/tokens.h"

/*
 * Anthropic and Google publish no vocabulary.  GPT-4o's stands in for theirs: for languages
 * other than English, code and data it is nearer to them than any number of bytes for each
 * token, which is off by a factor of two there.
 */
enum tokens_vocabulary estimate_vocabulary(struct slice model);

/*
 * A worker must not be held up: no more text than that is counted, and the rest taken to be
 * like it.  A body that is longer still is not even read; some pieces of it are counted.
 */
#define ESTIMATE_EXACT_BYTES ((size_t)32 << 10)
#define ESTIMATE_WHOLE_BYTES ((size_t)256 << 10)

/**
 * About how many tokens of input a request has that json_scan() has accepted, for `model`.
 * Memory for the reading of it is taken from the arena.
 */
int64_t estimate_input(enum dialect d, enum operation op, struct slice body, struct slice model,
                       const struct chat_seal *seal, struct arena *a);

/** The same of a request that has been read. */
int64_t estimate_request(const struct chat_request *r, struct slice model);

#endif
