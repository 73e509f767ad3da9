/* slice.h - a borrowed run of bytes. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A slice borrows: it owns nothing and says nothing about how long its bytes
 * live.  The bytes are not NUL terminated.  An empty slice may have a NULL
 * pointer; "absent" and "empty" are told apart by the pointer where it matters.
 */
struct slice {
    const char *ptr;
    size_t len;
};

/* A slice over a string literal. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

/* The same where C wants a constant initializer: in a static table. */
#define SLICE_INIT(literal)             \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) ((int)(s).len), ((s).ptr ? (s).ptr : "")

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

/** Over a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
    return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** The bytes from `from` (at most `len` of them), clipped to what is there. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct slice){s.ptr ? s.ptr + from : NULL, len};
}

static inline struct slice slice_after(struct slice s, size_t from)
{
    return slice_sub(s, from, SIZE_MAX);
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/** ASCII case is ignored, as in HTTP header names. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts_nocase(struct slice s, struct slice prefix);

/** Bytewise order, shorter first among equals: -1, 0 or 1. */
int slice_cmp(struct slice a, struct slice b);

/** Where `byte` stands first or last; SIZE_MAX when it does not occur. */
size_t slice_find(struct slice s, char byte);
size_t slice_find_last(struct slice s, char byte);

/** Where `needle` stands first; SIZE_MAX when it does not occur. */
size_t slice_find_slice(struct slice s, struct slice needle);

/** Without leading and trailing spaces and tabs. */
struct slice slice_trim(struct slice s);

/** Without these and ends of lines: what JSON calls whitespace. */
struct slice slice_trim_lines(struct slice s);

/**
 * Cuts at the first `byte`: answers what stands before it and leaves what
 * follows in `rest`.  Without the byte, all of it is answered and `rest` is empty.
 */
struct slice slice_cut(struct slice s, char byte, struct slice *rest);

/** Decimal digits only, no sign, no space; false on overflow and on nothing. */
bool slice_to_u64(struct slice s, uint64_t *out);

#endif
