/* gemini_offsets.h - bytes and characters of text that goes by. */
#ifndef CHAT_GEMINI_OFFSETS_H
#define CHAT_GEMINI_OFFSETS_H

#include "chat/text.h"

/*
 * Google counts the places of citations in bytes of UTF-8, everybody else in characters.
 * The text is not kept for that, only one bit a byte, and nothing at all while it is ASCII.
 * Zeroed storage is before the first text.
 */
#define GEMINI_OFFSETS_MAX ((int64_t)4 << 20) // bytes of text that are followed

struct gemini_offsets {
    int64_t bytes;
    /* private */
    struct buf inner; // bit i: byte i does not begin a character; empty: none so far
    struct buf plain; // a delta without its escapes
};

void gemini_offsets_add(struct gemini_offsets *o, struct chat_text text);
void gemini_offsets_release(struct gemini_offsets *o);

/* Each answers -1 for what is not in the text, or beyond what is followed. */
int64_t gemini_offsets_characters(const struct gemini_offsets *o, int64_t bytes);
int64_t gemini_offsets_bytes(const struct gemini_offsets *o, int64_t characters);

#endif
