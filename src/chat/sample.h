/* sample.h - how a text begins, kept while it passes, to tell how long its tokens are. */
#ifndef CHAT_SAMPLE_H
#define CHAT_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/*
 * Embedded in who hears the text; zeroed, without an arena, it keeps nothing.  Memory comes with
 * the first text, once.  A text that is no longer is kept whole.
 */
#define SAMPLE_BYTES ((size_t)1024)

struct text_sample {
    struct arena *arena; // or NULL
    char *bytes;
    size_t len; // about SAMPLE_BYTES at most
    bool is_full;
};

/* Private: for what is not full. */
void sample_take(struct text_sample *s, struct slice text, bool escaped);

/** `escaped`: what stood between the quotes of a JSON string, which may be no valid one. */
static inline void sample_add(struct text_sample *s, struct slice text, bool escaped)
{
    if (s->arena && !s->is_full && text.len)
        sample_take(s, text, escaped);
}

/** What came since `before` was copied was no text after all. */
static inline void sample_forget(struct text_sample *s, const struct text_sample *before)
{
    s->len = before->len;
    s->is_full = before->is_full;
}

/**
 * About how many tokens `bytes` of text are that began like this: counted by `model`'s
 * vocabulary where the sample is all of it, else as long as those of the sample.  Where nothing
 * was kept, four bytes each.
 */
int64_t sample_tokens(const struct text_sample *s, struct slice model, int64_t bytes);

#endif
