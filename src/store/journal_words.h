/* journal_words.h - what the numbers in a journal's records mean. */
#ifndef STORE_JOURNAL_WORDS_H
#define STORE_JOURNAL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/journal_format.h"

/*
 * Records hold enumerations and token kinds by number.  The header of each file
 * lists the names behind them, so that a version which has added or moved one
 * still reads what another has left behind.
 */
enum journal_word {
    WORD_OPERATION,
    WORD_DIALECT,
    WORD_OUTCOME,
    WORD_SOURCE,
    WORD_ERR,
    WORD_KIND,
    WORD_TIER,
    WORD_GROUP_COUNT
};

#define JOURNAL_WORDS_MOST 64 // names in a group

/* From a file's number to ours. */
struct journal_words {
    uint8_t count[WORD_GROUP_COUNT];
    uint8_t ours[WORD_GROUP_COUNT][JOURNAL_WORDS_MOST];
};

/** The names of this version, zero filled: a line each, an empty line after each group. */
void journal_words_write(char out[JOURNAL_WORDS_BYTES]);

/** Numbers that stand for themselves. */
void journal_words_same(struct journal_words *w);

/** False when a name is not known here; it is then in `unknown`. */
bool journal_words_read(struct slice text, struct journal_words *w, struct slice *unknown);

#endif
