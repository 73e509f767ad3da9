/* tokens_split.h - where text is cut before bytes are paired.  For chat/tokens.c. */
#ifndef CHAT_TOKENS_SPLIT_H
#define CHAT_TOKENS_SPLIT_H

#include "chat/vocabulary.h"

/*
 * The pattern of each vocabulary (tiktoken_ext/openai_public.py), by hand: no token
 * reaches from one piece into the next.  Bytes that are not UTF-8 are like punctuation.
 */

/** Bytes of the first piece, at least 1; `s` is not empty. */
size_t tokens_split(enum tokens_vocabulary which, const struct vocabulary *v, struct slice s);

#endif
