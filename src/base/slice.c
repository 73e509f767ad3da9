/* slice.c - a borrowed run of bytes. */
#include "base/slice.h"

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        if (lower(s.ptr[i]) != lower(prefix.ptr[i]))
            return false;
    }
    return true;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && slice_starts_nocase(a, b);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (order == 0)
        order = (a.len > b.len) - (a.len < b.len);
    return (order > 0) - (order < 0);
}

size_t slice_find(struct slice s, char byte)
{
    const char *at = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

size_t slice_find_last(struct slice s, char byte)
{
    const char *at = s.len ? memrchr(s.ptr, byte, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

#define LANES 16

typedef unsigned char lanes __attribute__((vector_size(LANES)));

static lanes load(const char *at)
{
    lanes l;

    memcpy(&l, at, sizeof(l));
    return l;
}

/* One bit for each lane that is all ones, the others being zero. */
static unsigned bits_of(lanes l)
{
#if defined(__SSE2__)
    typedef char signed_lanes __attribute__((vector_size(LANES)));
    return (unsigned)__builtin_ia32_pmovmskb128((signed_lanes)l);
#else
    unsigned bits = 0;

    for (unsigned i = 0; i < LANES; i++)
        bits |= (l[i] & 1u) << i;
    return bits;
#endif
}

static lanes splat(char c)
{
    lanes l;

    memset(&l, c, sizeof(l));
    return l;
}

/* What is looked for: its first and its last byte at their distance. */
struct ends {
    lanes first, last;
    size_t distance;
};

/* Of the sixteen places from `at` on, those where both stand. */
static inline unsigned ends_at(const struct ends *e, const char *at)
{
    return bits_of((lanes)(load(at) == e->first) & (lanes)(load(at + e->distance) == e->last));
}

/*
 * The first sixteen places from `at` on that have one, or the last ones before `end`.  A loop
 * of its own, without calls, so that nothing in it has to go through memory.
 */
static const char *next_places(struct ends e, const char *at, const char *end, unsigned *bits)
{
    for (; end - at >= 2 * LANES; at += 2 * LANES) {
        unsigned low = ends_at(&e, at), high = ends_at(&e, at + LANES);
        if (low | high) {
            *bits = low ? low : high;
            return low ? at : at + LANES;
        }
    }
    *bits = end - at >= LANES ? ends_at(&e, at) : 0;
    return at;
}

/*
 * Several times faster than memmem() over what holds no needle: whole request bodies are
 * searched for what hardly any has.
 */
size_t slice_find_slice(struct slice s, struct slice needle)
{
    struct ends e = {.distance = needle.len - 1};
    const char *at = s.ptr, *end;
    unsigned bits;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return SIZE_MAX;
    e.first = splat(needle.ptr[0]);
    e.last = splat(needle.ptr[e.distance]);
    end = s.ptr + s.len - e.distance; // of the places where it may begin
    while (end - at >= LANES) {
        at = next_places(e, at, end, &bits);
        for (; bits; bits &= bits - 1) {
            const char *found = at + __builtin_ctz(bits);
            if (memcmp(found, needle.ptr, needle.len) == 0)
                return (size_t)(found - s.ptr);
        }
        if (end - at >= LANES)
            at += LANES;
    }
    for (; at < end; at++) {
        if (*at == needle.ptr[0] && memcmp(at, needle.ptr, needle.len) == 0)
            return (size_t)(at - s.ptr);
    }
    return SIZE_MAX;
}

struct slice slice_trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_after(s, 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim_lines(struct slice s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = slice_after(s, 1);
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct slice slice_cut(struct slice s, char byte, struct slice *rest)
{
    size_t at = slice_find(s, byte);

    if (at == SIZE_MAX) {
        *rest = slice_after(s, s.len);
        return s;
    }
    *rest = slice_after(s, at + 1);
    return slice_sub(s, 0, at);
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}
