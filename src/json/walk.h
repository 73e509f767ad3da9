/* walk.h - a JSON text as a sequence of tokens, held against the grammar.  For this room. */
#ifndef JSON_WALK_H
#define JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "json/index.h"
#include "json/scan.h"

/*
 *     text  = value END            any may be FAIL instead, and stays so
 *     value = SCALAR | OPEN { value } CLOSE | OPEN { KEY value } CLOSE
 *
 * The functions that run once per token are here, to be inlined into the two
 * loops that use them.
 */
enum json_token {
    JSON_TOKEN_KEY,    // start and end include the quotes
    JSON_TOKEN_SCALAR, // a string, number, true, false or null
    JSON_TOKEN_OPEN,   // text[start] says which
    JSON_TOKEN_CLOSE,  // end is one past the bracket
    JSON_TOKEN_END,
    JSON_TOKEN_FAIL, // walk_error() says why
};

enum json_expect {
    JSON_EXPECT_VALUE,
    JSON_EXPECT_FIRST_ITEM, // or the end of the array
    JSON_EXPECT_FIRST_KEY,  // or the end of the object
    JSON_EXPECT_NEXT,       // a comma or the end of what is open
};

struct json_walk {
    struct slice text;
    size_t start, end;   // of the token
    unsigned depth;      // how many are open; OPEN is counted in, CLOSE no longer
    const char *trouble; // why it failed, a phrase that follows "byte N: "
    enum json_expect expect;
    struct {
        uint16_t keys;
        bool is_object;
    } level[JSON_MAX_DEPTH + 1]; // level[depth] is the innermost
    struct json_index index;
};

/** Also holds the text against UTF-8: a fault there is the first token. */
void json_walk_init(struct json_walk *w, struct slice text);

/** Fills in why the token was FAIL. */
enum err json_walk_error(const struct json_walk *w, struct err_info *e);

/* Those below are private to json_walk_next(). */

enum json_token json_walk_fail(struct json_walk *w, const char *trouble);

/** The end of the number, true, false or null at `at`; 0 when it is none of them. */
size_t json_walk_scalar_end(struct slice text, size_t at);

/** The byte at the next position, which becomes `start`; NUL at the end of the list. */
static inline char json_walk_take(struct json_walk *w)
{
    struct json_index *x = &w->index;

    if (x->next == x->count && !json_index_fill(x)) {
        w->start = x->fault == JSON_FAULT_NONE ? w->text.len : x->fault_at;
        return '\0';
    }
    w->start = x->base + x->positions[x->next++];
    return w->text.ptr[w->start];
}

/* Between its quotes, a string has no positions of its own. */
static inline bool json_walk_string(struct json_walk *w)
{
    size_t start = w->start;
    bool closed = json_walk_take(w) == '"';

    if (closed) {
        w->end = w->start + 1;
        w->start = start;
    }
    return closed;
}

static inline enum json_token json_walk_open(struct json_walk *w, bool is_object)
{
    if (w->depth == JSON_MAX_DEPTH)
        return json_walk_fail(w, "nested too deeply");
    w->depth++;
    w->level[w->depth].is_object = is_object;
    w->level[w->depth].keys = 0;
    w->expect = is_object ? JSON_EXPECT_FIRST_KEY : JSON_EXPECT_FIRST_ITEM;
    w->end = w->start + 1;
    return JSON_TOKEN_OPEN;
}

static inline enum json_token json_walk_close(struct json_walk *w)
{
    w->depth--;
    w->expect = JSON_EXPECT_NEXT;
    w->end = w->start + 1;
    return JSON_TOKEN_CLOSE;
}

static inline enum json_token json_walk_key(struct json_walk *w, char c)
{
    size_t start, end;

    if (c != '"')
        return json_walk_fail(w, "expected a key in quotes");
    if (!json_walk_string(w))
        return json_walk_fail(w, "expected the end of the key");
    if (++w->level[w->depth].keys > JSON_MAX_KEYS)
        return json_walk_fail(w, "too many keys in one object");
    start = w->start;
    end = w->end;
    if (json_walk_take(w) != ':')
        return json_walk_fail(w, "expected ':' after the key");
    w->start = start;
    w->end = end;
    w->expect = JSON_EXPECT_VALUE;
    return JSON_TOKEN_KEY;
}

static inline enum json_token json_walk_value(struct json_walk *w, char c)
{
    if (c == '"') {
        if (!json_walk_string(w))
            return json_walk_fail(w, "expected the end of the string");
    } else if (c == '{' || c == '[') {
        return json_walk_open(w, c == '{');
    } else {
        w->end = c ? json_walk_scalar_end(w->text, w->start) : 0;
        if (!w->end)
            return json_walk_fail(w, "expected a value");
    }
    w->expect = JSON_EXPECT_NEXT;
    return JSON_TOKEN_SCALAR;
}

/* After a value: a comma and what follows it, or the end of what is open. */
static inline enum json_token json_walk_more(struct json_walk *w, char c)
{
    bool is_object = w->level[w->depth].is_object;

    if (w->depth == 0) {
        if (c == '\0' && w->start == w->text.len && w->index.fault == JSON_FAULT_NONE)
            return JSON_TOKEN_END;
        return json_walk_fail(w, "expected nothing after the value");
    }
    if (c == ',') {
        c = json_walk_take(w);
        return is_object ? json_walk_key(w, c) : json_walk_value(w, c);
    }
    if (c == (is_object ? '}' : ']'))
        return json_walk_close(w);
    return json_walk_fail(w, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static inline enum json_token json_walk_next(struct json_walk *w)
{
    char c;

    if (__builtin_expect(w->trouble != NULL, 0))
        return JSON_TOKEN_FAIL;
    c = json_walk_take(w);
    switch (w->expect) {
    case JSON_EXPECT_NEXT: return json_walk_more(w, c);
    case JSON_EXPECT_VALUE: return json_walk_value(w, c);
    case JSON_EXPECT_FIRST_ITEM: return c == ']' ? json_walk_close(w) : json_walk_value(w, c);
    case JSON_EXPECT_FIRST_KEY: return c == '}' ? json_walk_close(w) : json_walk_key(w, c);
    }
    return JSON_TOKEN_FAIL;
}

#endif
