/* peek_skip.h - over values in JSON that is trusted.  For chat/peek.c and chat/measure.c. */
#ifndef CHAT_PEEK_SKIP_H
#define CHAT_PEEK_SKIP_H

#include <stddef.h>

#include "json/skip.h"

/* How much longer an escape is than what it stands for: \u00e9 gives two or three bytes. */
JSON_INLINE size_t peek_escape_excess(char after_backslash)
{
    return after_backslash == 'u' ? 3 : 1;
}

/*
 * Behind the string whose first quote stands at `at`, NULL when it does not end; adds to
 * `excess` how much longer it is, quotes aside, than what it stands for.
 */
JSON_INLINE const char *peek_string_end(const char *at, const char *end, size_t *excess)
{
    at++;
    while (end - at >= JSON_STRIDE) {
        unsigned quotes = json_quotes(at);

        if (!quotes) {
            at += JSON_STRIDE;
            continue;
        }
        at += __builtin_ctz(quotes);
        if (*at == '"')
            return at + 1;
        if (end - at < 2)
            return NULL;
        *excess += peek_escape_excess(at[1]);
        at += 2;
    }
    while (at < end && *at != '"') {
        if (*at == '\\') {
            if (end - at < 2)
                return NULL;
            *excess += peek_escape_excess(at[1]);
            at++;
        }
        at++;
    }
    return at < end ? at + 1 : NULL;
}

/* Behind what neither opens nor closes anything at `at`: where the next quote or bracket may be. */
JSON_INLINE const char *peek_mark_find(const char *at, const char *end)
{
    unsigned marks;

    if (end - ++at < JSON_STRIDE)
        return at;
    marks = json_marks(at);
    return at + (marks ? __builtin_ctz(marks) : JSON_STRIDE);
}

/* Behind the object or array at `at`; NULL when it does not end. */
static const char *peek_container_end(const char *at, const char *end)
{
    size_t depth = 0, excess = 0;

    while (at && at < end) {
        switch (*at) {
        case '"': at = peek_string_end(at, end, &excess); break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            at++;
            if (--depth == 0)
                return at;
            break;
        default: at = peek_mark_find(at, end); break;
        }
    }
    return NULL;
}

JSON_INLINE const char *peek_scalar_end(const char *at, const char *end)
{
    while (end - at >= JSON_STRIDE) {
        unsigned bounds = json_bounds(at);

        if (bounds)
            return at + __builtin_ctz(bounds);
        at += JSON_STRIDE;
    }
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !json_is_blank(*at))
        at++;
    return at;
}

/* Behind the value at `at`, which is not the end of the text; NULL when it does not end. */
JSON_INLINE const char *peek_value_end(const char *at, const char *end)
{
    size_t excess = 0;

    if (*at == '"')
        return peek_string_end(at, end, &excess);
    if (*at == '{' || *at == '[')
        return peek_container_end(at, end);
    return peek_scalar_end(at + 1, end);
}

#endif
