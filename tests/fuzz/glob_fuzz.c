/* glob_fuzz.c - the same answers as a matcher that tries everything. */
#include <assert.h>

#include "wire/glob.h"

/*
 * ASCII only, so that a byte is a character; `p` is valid.  Recursion tries every
 * length for every star, which is slow and plainly right.
 */
static bool class_matches(struct slice *p, char c)
{
    bool negated = p->len && (p->ptr[0] == '!' || p->ptr[0] == '^'), found = false;
    size_t at = negated ? 1 : 0;

    for (bool first = true; first || p->ptr[at] != ']'; first = false) {
        char low = p->ptr[at] == '\\' ? p->ptr[++at] : p->ptr[at], high = low;
        at++;
        if (p->ptr[at] == '-' && p->ptr[at + 1] != ']') {
            at++;
            high = p->ptr[at] == '\\' ? p->ptr[++at] : p->ptr[at];
            at++;
        }
        found |= c >= low && c <= high;
    }
    *p = slice_after(*p, at + 1);
    return found != negated;
}

// NOLINTNEXTLINE(misc-no-recursion): inputs are small, and this is the point
static bool slow_match(struct slice p, struct slice text)
{
    char first;

    if (p.len == 0)
        return text.len == 0;
    first = p.ptr[0];
    p = slice_after(p, 1);
    if (first == '*') {
        for (size_t skip = 0; skip <= text.len; skip++) {
            if (slow_match(p, slice_after(text, skip)))
                return true;
        }
        return false;
    }
    if (text.len == 0)
        return false;
    if (first == '[') {
        if (!class_matches(&p, text.ptr[0]))
            return false;
    } else if (first != '?') {
        if (first == '\\') {
            first = p.ptr[0];
            p = slice_after(p, 1);
        }
        if (first != text.ptr[0])
            return false;
    }
    return slow_match(p, slice_after(text, 1));
}

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] > 127)
            return false;
    }
    return true;
}

static size_t count_stars(struct slice s)
{
    size_t stars = 0;

    for (size_t i = 0; i < s.len; i++)
        stars += s.ptr[i] == '*';
    return stars;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text, pattern = slice_cut(slice_of((const char *)data, size), '\n', &text);
    struct err_info e = {0};
    bool is_valid = glob_validate(pattern, &e) == ERR_NONE;
    bool matches = glob_match(pattern, text);
    size_t prefix = glob_literal_prefix_len(pattern);

    assert(is_valid || !matches);
    assert(!matches || prefix <= text.len);
    assert(prefix <= pattern.len);
    if (!is_valid)
        return 0;
    if (glob_is_literal(pattern)) {
        assert(prefix == pattern.len && matches == slice_eq(pattern, text));
        assert(glob_match(pattern, pattern));
    }
    if (is_ascii(pattern) && is_ascii(text) && text.len < 16 && count_stars(pattern) < 5)
        assert(matches == slow_match(pattern, text));
    return 0;
}
