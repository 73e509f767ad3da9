/* head_name.c - header names as small numbers. */
#include "wire/head_name.h"

#include <stdint.h>

#include "base/array.h"

enum trait { HOP = 1, ONCE = 2 };

/* The text stands in the row, so that looking along rows of one length is one run of memory. */
struct row {
    char text[32];
    uint8_t len, traits;
};

static const struct row rows[HEAD_NAME_COUNT + 1] = {
// the last one has no length: it ends every search
#define HEAD(name, text, traits) [HEAD_##name] = {text, sizeof(text) - 1, traits},
#include "wire/head_name.def"
#undef HEAD
};

/* The first name of each length; head_name.def goes from short to long. */
static const uint8_t first_of_length[] = {
    [2] = HEAD_TE,
    [3] = HEAD_DNT,
    [4] = HEAD_DATE,
    [5] = HEAD_ALLOW,
    [6] = HEAD_ACCEPT,
    [7] = HEAD_ALT_SVC,
    [8] = HEAD_CDN_LOOP,
    [9] = HEAD_FORWARDED,
    [10] = HEAD_CONNECTION,
    [11] = HEAD_OPENAI_BETA,
    [12] = HEAD_CONTENT_TYPE,
    [13] = HEAD_ACCEPT_RANGES,
    [14] = HEAD_OPENAI_VERSION,
    [15] = HEAD_ACCEPT_ENCODING,
    [16] = HEAD_CONTENT_ENCODING,
    [17] = HEAD_ANTHROPIC_VERSION,
    [18] = HEAD_PROXY_AUTHENTICATE,
    [19] = HEAD_CONTENT_DISPOSITION,
    [20] = HEAD_SEC_WEBSOCKET_ACCEPT,
    [21] = HEAD_SEC_WEBSOCKET_VERSION,
    [22] = HEAD_SEC_WEBSOCKET_PROTOCOL,
    [24] = HEAD_SEC_WEBSOCKET_EXTENSIONS,
    [29] = HEAD_ACCESS_CONTROL_METHOD,
    [30] = HEAD_ACCESS_CONTROL_HEADERS,
};

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* The first and the last eight bytes of a name; they overlap in a shorter one. */
struct ends {
    uint64_t first, last;
};

static uint64_t load(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static uint64_t load_half(const char *at)
{
    uint32_t half;

    memcpy(&half, at, sizeof(half));
    return half;
}

/* Of at least four bytes. */
static struct ends ends_of(const char *name, size_t len)
{
    uint64_t both;

    if (len >= 8)
        return (struct ends){load(name), load(name + len - 8)};
    both = load_half(name) | load_half(name + len - 4) << 32;
    return (struct ends){both, both};
}

static uint64_t fold(uint64_t word)
{
    return word | 0x20 * EACH_BYTE;
}

/*
 * Names hold letters, digits and '-'.  With bit 0x20 set a capital becomes its
 * letter and these stay what they are; the only other bytes that turn into one
 * of them are controls, which have neither bit 0x20 nor 0x40.
 */
static bool has_control(uint64_t word)
{
    return ((word | word << 1) & 0x40 * EACH_BYTE) != 0x40 * EACH_BYTE;
}

/* What the ends do not cover; they are the same. */
static bool same_middle(const char *name, const char *lower, size_t len)
{
    for (size_t at = 8; at + 8 < len; at += 8) {
        size_t from = at + 16 < len ? at : len - 16;
        uint64_t word = load(name + from);
        if (fold(word) != load(lower + from) || has_control(word))
            return false;
    }
    return true;
}

static enum head_name find_short(struct slice name)
{
    for (unsigned i = first_of_length[name.len]; rows[i].len == name.len; i++) {
        if (slice_eq_nocase(name, slice_of(rows[i].text, rows[i].len)))
            return (enum head_name)i;
    }
    return HEAD_OTHER;
}

enum head_name head_name_find(struct slice name)
{
    struct ends ends, row;

    if (name.len >= ARRAY_LEN(first_of_length) || !first_of_length[name.len])
        return HEAD_OTHER;
    if (name.len < 4)
        return find_short(name);
    ends = ends_of(name.ptr, name.len);
    for (unsigned i = first_of_length[name.len]; rows[i].len == name.len; i++) {
        row = ends_of(rows[i].text, name.len);
        if (fold(ends.first) != row.first || fold(ends.last) != row.last)
            continue;
        if (has_control(ends.first) || has_control(ends.last))
            break;
        if (same_middle(name.ptr, rows[i].text, name.len))
            return (enum head_name)i;
    }
    return HEAD_OTHER;
}

struct slice head_name_text(enum head_name name)
{
    return slice_of(rows[name].text, rows[name].len);
}

bool head_name_is_hop(enum head_name name)
{
    return (rows[name].traits & HOP) != 0;
}

bool head_name_is_once(enum head_name name)
{
    return (rows[name].traits & ONCE) != 0;
}
