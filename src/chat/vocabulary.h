/* vocabulary.h - what tools/vocabulary has made, read where it lies.  For chat/tokens*.c. */
#ifndef CHAT_VOCABULARY_H
#define CHAT_VOCABULARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "chat/tokens.h"

/*
 * The file is part of the binary as it is: nothing is read, unpacked or allocated at run
 * time, and pages that no count touches are never loaded.  Its layout is told in
 * tools/vocabulary.mjs.
 */
#define VOCABULARY_NO_RANK       0xFFFFFFU // above every rank
#define VOCABULARY_MAX_RANK_BITS 18

/* What the split rules ask of a code point, as bits; 0 is what is none of them. */
enum rune_class {
    RUNE_LETTER = 1 << 0, // L
    RUNE_UPPER = 1 << 1,  // Lu Lt Lm Lo M
    RUNE_LOWER = 1 << 2,  // Ll Lm Lo M
    RUNE_NUMBER = 1 << 3, // N
    RUNE_SPACE = 1 << 4,  // White_Space
    RUNE_NEWLINE = 1 << 5 // CR, LF
};

struct vocabulary {
    const unsigned char *file;
    const unsigned char *lengths; // of its tables, the one of one byte first
    uint32_t longest;             // bytes of a token
    const unsigned char *pages, *blocks;
};

/** False when it is not in this binary, and for TOKENS_NONE. */
bool vocabulary_open(enum tokens_vocabulary which, struct vocabulary *out);

/** The token's rank; VOCABULARY_NO_RANK when there is no such token. */
uint32_t vocabulary_rank(const struct vocabulary *v, const char *token, size_t len);

/** enum rune_class of a code point up to U+10FFFF. */
static inline unsigned vocabulary_class(const struct vocabulary *v, uint32_t rune)
{
    return v->blocks[(uint32_t)v->pages[rune >> 8] << 8 | (rune & 0xFF)];
}

/* From vocabulary_data.c.in, or vocabulary_none.c where there is no file. */
extern const unsigned char vocabulary_data[];

#endif
