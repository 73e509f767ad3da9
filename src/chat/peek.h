/* peek.h - quick looks into small pieces of JSON that json_scan() has accepted. */
#ifndef CHAT_PEEK_H
#define CHAT_PEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * A scan holds a text against the whole grammar; what stands inside it need not
 * be held against it once more.  These functions trust the text, so that they
 * cost little per streamed chunk: of what is no JSON they find nonsense, but never
 * read beyond it and always come to an end.  Keys are compared as they are written:
 * no provider escapes them.
 */

/* Goes over the members of an object, or the items of an array (whose keys are empty). */
struct peek {
    struct slice rest; // what has not been looked at
};

/** `value` is an object or an array; anything else has no members. */
struct peek peek_into(struct slice value);

/** The next member, raw; `key` without its quotes. */
bool peek_next(struct peek *p, struct slice *key, struct slice *value);

/** The value at the start of `text`, which may go on behind it; empty when none starts there. */
struct slice peek_value(struct slice text);

/** The member of that name, raw; a NULL pointer when there is none.  The first one of several. */
struct slice peek_get(struct slice object, struct slice key);

/** Is it an object or array without anything in it? */
bool peek_is_empty(struct slice value);

/* What a key means to peek_sweep(), wherever in the text it stands. */
enum peek_role {
    PEEK_TEXT,   // its string is text that was made
    PEEK_RAW,    // its object is: what it holds are no keys of ours
    PEEK_SKIP,   // what it holds does not count
    PEEK_FINISH, // a string there that is not empty says that the answer ends
};

struct peek_key {
    struct slice key;
    enum peek_role role;
};

/* For tables: a slice over a literal, and a key with its role. */
#define PEEK_NAME(literal)           \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define PEEK_KEY(literal, role)  \
    {                            \
        PEEK_NAME(literal), role \
    }

struct peek_swept {
    int64_t bytes; // of text and raw objects
    bool finished;
};

/** One pass over all of `text`. */
struct peek_swept peek_sweep(struct slice text, const struct peek_key *keys, size_t count);

/** About how many bytes of UTF-8 a string literal stands for; 0 for what is none. */
int64_t peek_string_bytes(struct slice literal);

/**
 * A count from somebody else: a number or a string with one, fractions cut off,
 * held between 0 and 2^53.  False, and `out` is left alone, when it is neither.
 */
#define PEEK_COUNT_MAX (((int64_t)1 << 53) - 1)
bool peek_count(struct slice value, int64_t *out);

#endif
