/* peek.h - quick looks into JSON that others have accepted, or will judge. */
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
 * no provider escapes them.  peek_members() alone judges: for answers, which pass through
 * whatever is in them, it says as much as is needed to know one from what is none.
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

/** How many items an array has, or members an object. */
size_t peek_items(struct slice value);

/** Is it an object or array without anything in it? */
bool peek_is_empty(struct slice value);

/* What a key means to peek_sweep(), wherever in the text it stands. */
enum peek_role {
    PEEK_TEXT,   // its string is text that was made
    PEEK_RAW,    // its object is: what it holds are no keys of ours
    PEEK_SKIP,   // what it holds does not count
    PEEK_FINISH, // a string there that is not empty says that the answer ends
    PEEK_NOTE,   // what it holds does not count, but is handed out
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

struct text_sample; // chat/sample.h

struct peek_swept {
    int64_t bytes; // of text and raw objects
    bool finished;
    struct slice note;          // what stands under PEEK_NOTE, the last one; or nothing
    struct text_sample *sample; // gets the text, if there is one: set by the caller
};

/** One pass over all of `text`, which may break off. */
void peek_sweep(struct slice text, const struct peek_key *keys, size_t count,
                struct peek_swept *out);

/*
 * Top-level keys whose values matter, the last one of a name.  Values that are objects or
 * arrays can be swept on the way: those whose bit is set, all with the same keys.
 */
struct peek_wants {
    const struct slice *keys; // [count], none of them empty
    size_t count;
    unsigned swept;              // one bit per key
    const struct peek_key *text; // [text_count]
    size_t text_count;
};

/**
 * For texts that no scan has accepted: fills `values[count]`, raw, absent ones with a NULL
 * pointer, and what was swept in them (its `sample` is set before).  False when `object` is
 * none: its top level is held against the grammar, and what stands in it must end where its
 * strings and brackets say.
 */
bool peek_members(struct slice object, const struct peek_wants *w, struct slice *values,
                  struct peek_swept *swept);

/** About how many bytes of UTF-8 a string literal stands for; 0 for what is none. */
int64_t peek_string_bytes(struct slice literal);

/** The same of what stands between its quotes. */
int64_t peek_inside_bytes(struct slice inside);

/**
 * A count from somebody else: a number or a string with one, fractions cut off,
 * held between 0 and 2^53.  False, and `out` is left alone, when it is neither.
 */
#define PEEK_COUNT_MAX (((int64_t)1 << 53) - 1)
bool peek_count(struct slice value, int64_t *out);

#endif
