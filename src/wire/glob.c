/* glob.c - patterns for names of models. */
#include "wire/glob.h"

#include <stdint.h>

/* Bytes that are no UTF-8 are characters of their own, beyond Unicode. */
#define NO_CHARACTER UINT32_C(0x110000)

enum element_kind {
    ELEMENT_LITERAL,
    ELEMENT_ANY, // ?
    ELEMENT_CLASS,
    ELEMENT_STAR,
    ELEMENT_BROKEN,
};

/* One piece of a pattern: all but the star match exactly one character. */
struct element {
    enum element_kind kind;
    uint32_t literal;
    struct slice class; // between the brackets, negation sign included
    const char *why;    // ELEMENT_BROKEN
};

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Takes one character off the front of `s`, which is not empty. */
static uint32_t take_character(struct slice *s)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s->ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = first;

    if (len > 1 && first < 0xf5 && len <= s->len) {
        c = first & (0x7fU >> len);
        for (size_t i = 1; i < len; i++) {
            if (!is_tail(s->ptr[i])) {
                len = 0;
                break;
            }
            c = c << 6 | ((unsigned char)s->ptr[i] & 0x3fU);
        }
    } else if (len > 1) {
        len = 0;
    }
    if (len == 0 || c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        len = 1;
        c = NO_CHARACTER + first;
    }
    *s = slice_after(*s, len);
    return c;
}

/* One character of a class, which a backslash may stand before. */
static bool take_class_character(struct slice *class, uint32_t *c)
{
    if (class->len && class->ptr[0] == '\\')
        *class = slice_after(*class, 1);
    if (class->len == 0)
        return false;
    *c = take_character(class);
    return true;
}

static bool is_negated(struct slice class)
{
    return class.len && (class.ptr[0] == '!' || class.ptr[0] == '^');
}

/* One entry of a class, `a` or `a-z`; false when it is broken. */
static bool take_range(struct slice *class, uint32_t *low, uint32_t *high)
{
    if (!take_class_character(class, low))
        return false;
    *high = *low;
    if (class->len < 2 || class->ptr[0] != '-') // a dash at the end is itself
        return true;
    *class = slice_after(*class, 1);
    return take_class_character(class, high) && *low <= *high;
}

static bool class_has(struct slice class, uint32_t c)
{
    bool negated = is_negated(class);
    uint32_t low, high;

    if (negated)
        class = slice_after(class, 1);
    while (class.len && take_range(&class, &low, &high)) {
        if (c >= low && c <= high)
            return !negated;
    }
    return negated;
}

/* Takes a class off the front of `pattern`, which begins behind its bracket. */
static struct element take_class(struct slice *pattern)
{
    struct slice rest = *pattern;
    size_t at = is_negated(rest) ? 1 : 0;
    uint32_t low, high;

    for (size_t first = at; at < rest.len && (rest.ptr[at] != ']' || at == first); at++) {
        if (rest.ptr[at] == '\\')
            at++;
    }
    if (at >= rest.len)
        return (struct element){.kind = ELEMENT_BROKEN, .why = "a '[' without its ']'"};
    *pattern = slice_after(rest, at + 1);
    rest = slice_sub(rest, 0, at);
    for (struct slice left = slice_after(rest, is_negated(rest)); left.len;) {
        if (!take_range(&left, &low, &high))
            return (struct element){.kind = ELEMENT_BROKEN, .why = "a range that goes backwards"};
    }
    return (struct element){.kind = ELEMENT_CLASS, .class = rest};
}

/* Takes the next element off the front of `pattern`, which is not empty. */
static struct element take_element(struct slice *pattern)
{
    char first = pattern->ptr[0];

    if (first == '*' || first == '?' || first == '[' || first == '\\')
        *pattern = slice_after(*pattern, 1);
    switch (first) {
    case '*': return (struct element){.kind = ELEMENT_STAR};
    case '?': return (struct element){.kind = ELEMENT_ANY};
    case '[': return take_class(pattern);
    case '\\':
        if (pattern->len == 0)
            return (struct element){.kind = ELEMENT_BROKEN, .why = "a backslash at the end"};
        break;
    }
    return (struct element){.kind = ELEMENT_LITERAL, .literal = take_character(pattern)};
}

static bool element_matches(const struct element *el, uint32_t c)
{
    switch (el->kind) {
    case ELEMENT_LITERAL: return c == el->literal;
    case ELEMENT_ANY: return true;
    case ELEMENT_CLASS: return class_has(el->class, c);
    case ELEMENT_STAR:
    case ELEMENT_BROKEN: break;
    }
    return false;
}

static const char *what_is_wrong(struct slice pattern)
{
    if (pattern.len > GLOB_MAX_BYTES)
        return "it is too long";
    while (pattern.len) {
        struct element el = take_element(&pattern);
        if (el.kind == ELEMENT_BROKEN)
            return el.why;
    }
    return NULL;
}

enum err glob_validate(struct slice pattern, struct err_info *e)
{
    const char *why = what_is_wrong(pattern);

    return why ? err_set(e, ERR_BAD_REQUEST, "pattern: %s", why) : ERR_NONE;
}

/*
 * Only the last star is ever given more text: whatever an earlier one could
 * take instead, the last one can take as well.
 */
static bool match(struct slice pattern, struct slice text)
{
    struct slice after_star = {0}, star_text = {0};
    bool has_star = false;

    while (text.len || pattern.len) {
        if (pattern.len) {
            struct slice rest = pattern, left = text;
            struct element el = take_element(&rest);
            if (el.kind == ELEMENT_STAR) {
                has_star = true;
                pattern = after_star = rest;
                star_text = text;
                continue;
            }
            if (text.len && element_matches(&el, take_character(&left))) {
                pattern = rest;
                text = left;
                continue;
            }
        }
        if (!has_star || star_text.len == 0)
            return false;
        take_character(&star_text);
        pattern = after_star;
        text = star_text;
    }
    return true;
}

bool glob_match(struct slice pattern, struct slice text)
{
    if (glob_is_literal(pattern))
        return pattern.len <= GLOB_MAX_BYTES && slice_eq(pattern, text);
    return !what_is_wrong(pattern) && match(pattern, text);
}

bool glob_is_literal(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];
        if (c == '*' || c == '?' || c == '[' || c == '\\')
            return false;
    }
    return true;
}

size_t glob_literal_prefix_len(struct slice pattern)
{
    size_t len = 0, before;

    while (pattern.len) {
        bool escaped = pattern.ptr[0] == '\\';
        before = pattern.len;
        if (take_element(&pattern).kind != ELEMENT_LITERAL)
            break;
        len += before - pattern.len - escaped;
    }
    return len;
}

size_t glob_literal_len(struct slice pattern)
{
    size_t len = 0;

    while (pattern.len) {
        size_t before = pattern.len, escaped = pattern.ptr[0] == '\\';
        if (take_element(&pattern).kind == ELEMENT_LITERAL)
            len += before - pattern.len - escaped;
    }
    return len;
}
