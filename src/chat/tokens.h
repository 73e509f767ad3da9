/* tokens.h - how many tokens a text is, counted here. */
#ifndef CHAT_TOKENS_H
#define CHAT_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * OpenAI publishes how its models cut text into tokens: byte-pair encoding with a fixed
 * vocabulary (github.com/openai/tiktoken, read 2026-11).  Others do not, or not for their
 * present models; for them there is an estimate.
 *
 * The vocabularies come into the binary when it is built (tools/vocabulary).  Where they
 * could not be had, everything is estimated.
 */
enum tokens_vocabulary {
    TOKENS_NONE,   // not known: estimated
    TOKENS_O200K,  // gpt-4o and everything since
    TOKENS_CL100K, // gpt-4, gpt-3.5, embeddings
};

/*
 * Of a longer text only so much is looked at, and the rest taken to be like it: a worker must
 * not count for long.
 */
#define TOKENS_EXACT_BYTES ((size_t)512 << 10)

/** By an OpenAI model's id; what stands before a '/' and "ft:" are looked through. */
enum tokens_vocabulary tokens_vocabulary_for(struct slice model);

/** Is it in this binary? */
bool tokens_have(enum tokens_vocabulary v);

/**
 * Any bytes; 0 for none of them, never more than there are.  Names of special tokens, such as
 * "<|endoftext|>", are text like any other.  Within one unbroken run of more than
 * TOKENS_MERGE_BYTES (chat/tokens_merge.h) it is a token too many every so often.
 */
int64_t tokens_count(enum tokens_vocabulary v, struct slice utf8);

/** Four bytes a token, rounded up: about right for English, high for code, low for CJK. */
int64_t tokens_estimate(int64_t bytes);

#endif
