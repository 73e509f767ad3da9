/* tokens_merge.h - byte-pair encoding of one piece.  For chat/tokens.c. */
#ifndef CHAT_TOKENS_MERGE_H
#define CHAT_TOKENS_MERGE_H

#include "chat/vocabulary.h"

#define TOKENS_MERGE_BYTES 2048

/**
 * How many tokens are left of a piece, of 1 to TOKENS_MERGE_BYTES bytes, once no two
 * neighbours join to a token: always the pair that gives the lowest rank, the leftmost of
 * several.  Takes n log n steps, and 40 KB of stack.
 */
size_t tokens_merge(const struct vocabulary *v, struct slice piece);

#endif
