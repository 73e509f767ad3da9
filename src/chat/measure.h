/* measure.h - how large a request can become, from its bytes alone. */
#ifndef CHAT_MEASURE_H
#define CHAT_MEASURE_H

#include <stdint.h>

#include "base/slice.h"
#include "chat/dialect.h"

/* What budgets reserve by (spec.md 6): cheap, and never too low where a bound can be known. */
struct chat_measure {
    int64_t text_bytes; // of the body, without the data of media
    int64_t media;      // images, files, sounds and films in it, or named by it
    int64_t max_output; // tokens that it asks for at most, for each choice; -1: it does not say
    int64_t choices;    // n, candidateCount: at least 1
};

/**
 * `body` is a JSON object that json_scan() has accepted.  Data counts as media only where the
 * dialect has media, so that text cannot pass for a picture.
 */
void chat_measure(enum dialect d, enum operation op, struct slice body, struct chat_measure *out);

/** Tokens of input at most: one for two bytes of text, and a fixed maximum for each medium. */
int64_t measure_input_bound(const struct chat_measure *m);

/** Tokens of input as likely as not, for rates: one for four bytes of text. */
int64_t measure_input_likely(const struct chat_measure *m);

#endif
