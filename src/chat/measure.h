/* measure.h - how large a request can become, from its bytes alone. */
#ifndef CHAT_MEASURE_H
#define CHAT_MEASURE_H

#include <stdint.h>

#include "base/slice.h"
#include "chat/dialect.h"

/* What budgets reserve by (spec.md 6): cheap, and never too low where a bound can be known. */
struct chat_measure {
    int64_t text_bytes;   // of the body, without the data of media
    int64_t media;        // images, files, sounds and films in it, or named by it
    int64_t media_tokens; // that these can be at most
    int64_t max_output;   // tokens that it asks for at most, for each choice; -1: it does not say
    int64_t choices;      // n, candidateCount: at least 1
};

/*
 * What a medium can be at most.  Pictures: Anthropic stops at 4784 tokens, Gemini at some
 * thousand, OpenAI at 10000 patches; only gpt-4o-mini counts far more for them, at a price that
 * is lower by as much.  It is also what counts for media of which only the name is there.
 *
 * Documents come by their size: a page is up to 4600 tokens with its picture, and seldom less
 * than 32 KB of base64; sounds and films too, at Gemini's rates for poor recordings.  Nothing
 * counts for more than a model can read.
 */
enum {
    MEASURE_MEDIA_TOKENS = 12000,
    MEASURE_FILE_BYTES = 8,       // of base64 for each token of a document,
    MEASURE_RECORDING_BYTES = 64, // of a sound or film
    MEASURE_MEDIUM_MOST = 1000000,
    MEASURE_LIKELY_SHARE = 8, // of what media can be at most they are one in so many
};

/**
 * `body` is a JSON object that json_scan() has accepted.  Data counts as media only where the
 * dialect has media, so that text cannot pass for a picture.  What the vendor holds (earlier
 * answers, cached contents) has no size here.  Embeddings and counts have no output.
 */
void chat_measure(enum dialect d, enum operation op, struct slice body, struct chat_measure *out);

/** Tokens of input at most: one for two bytes of text, and a fixed maximum for each medium. */
int64_t measure_input_bound(const struct chat_measure *m);

/** Tokens of input as likely as not, for rates: one for four bytes of text. */
int64_t measure_input_likely(const struct chat_measure *m);

/**
 * Tokens of output at most, all choices together: what was asked for, else the smaller of what
 * the model can (`model_max`, 0: not known) and `reserve_max_output`.  INT64_MAX beyond it.
 */
int64_t measure_output_bound(const struct chat_measure *m, int64_t model_max,
                             int64_t reserve_max_output);

#endif
