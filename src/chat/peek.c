/* peek.c - quick looks into small pieces of JSON. */
#include "chat/peek.h"

#include "json/raw.h"
#include "json/text.h"

static size_t skip_space(struct slice s, size_t at)
{
    while (at < s.len &&
           (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\r' || s.ptr[at] == '\t'))
        at++;
    return at;
}

/* One past the closing quote of the string whose first quote stands at `at`. */
static size_t string_end(struct slice s, size_t at)
{
    for (at++; at < s.len; at++) {
        at += json_plain_len(slice_of(s.ptr + at, s.len - at));
        if (at < s.len && s.ptr[at] == '"')
            return at + 1;
        if (at < s.len && s.ptr[at] == '\\')
            at++;
    }
    return s.len;
}

static size_t container_end(struct slice s, size_t at)
{
    size_t depth = 0;

    while (at < s.len) {
        char c = s.ptr[at];

        if (c == '"') {
            at = string_end(s, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

/* One past the value at `at`; never `at` itself unless the text ends there. */
static size_t value_end(struct slice s, size_t at)
{
    if (at >= s.len)
        return s.len;
    if (s.ptr[at] == '"')
        return string_end(s, at);
    if (s.ptr[at] == '{' || s.ptr[at] == '[')
        return container_end(s, at);
    for (at++; at < s.len; at++) {
        char c = s.ptr[at];

        if (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t')
            break;
    }
    return at;
}

struct peek peek_into(struct slice value)
{
    if (!json_is_object(value) && !json_is_array(value))
        return (struct peek){slice_of(NULL, 0)};
    return (struct peek){slice_after(value, 1)};
}

bool peek_next(struct peek *p, struct slice *key, struct slice *value)
{
    struct slice s = p->rest;
    size_t at = skip_space(s, 0), from, colon;

    *key = slice_of(NULL, 0);
    if (at < s.len && s.ptr[at] == ',')
        at = skip_space(s, at + 1);
    if (at >= s.len || s.ptr[at] == '}' || s.ptr[at] == ']')
        return false;
    from = at;
    at = value_end(s, from);
    colon = skip_space(s, at);
    if (colon < s.len && s.ptr[colon] == ':') {
        if (at - from >= 2)
            *key = slice_sub(s, from + 1, at - from - 2);
        from = skip_space(s, colon + 1);
        at = value_end(s, from);
    }
    *value = slice_sub(s, from, at - from);
    p->rest = slice_after(s, at);
    return true;
}

struct slice peek_value(struct slice text)
{
    return slice_sub(text, 0, value_end(text, 0));
}

struct slice peek_get(struct slice object, struct slice key)
{
    struct peek p = peek_into(object);
    struct slice name, value;

    while (peek_next(&p, &name, &value))
        if (slice_eq(name, key))
            return value;
    return slice_of(NULL, 0);
}

bool peek_is_empty(struct slice value)
{
    struct peek p = peek_into(value);
    struct slice name, first;

    return (json_is_object(value) || json_is_array(value)) && !peek_next(&p, &name, &first);
}

int64_t peek_string_bytes(struct slice literal)
{
    struct slice rest;
    size_t escape, bytes;

    if (!json_is_string(literal))
        return 0;
    rest = slice_sub(literal, 1, literal.len - 2);
    bytes = rest.len;
    while ((escape = slice_find(rest, '\\')) != SIZE_MAX) {
        bool is_unicode = escape + 5 < rest.len && rest.ptr[escape + 1] == 'u';

        bytes -= is_unicode ? 3 : 1; // \u00e9 and its like: two or three bytes of UTF-8
        rest = slice_after(rest, escape + (is_unicode ? 6 : 2));
    }
    return (int64_t)bytes;
}

static const struct peek_key *find_role(const struct peek_key *keys, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(key, keys[i].key))
            return &keys[i];
    return NULL;
}

/* The value at `at` under a key that has a role; answers where to go on. */
static size_t sweep_value(struct slice text, size_t at, enum peek_role role, struct peek_swept *out)
{
    struct slice value = slice_sub(text, at, value_end(text, at) - at);

    switch (role) {
    case PEEK_TEXT:
        if (!json_is_string(value))
            return at; // a list of parts: their own keys say what they hold
        out->bytes += peek_string_bytes(value);
        break;
    case PEEK_RAW:
        out->bytes += json_is_string(value) ? peek_string_bytes(value) : (int64_t)value.len;
        break;
    case PEEK_SKIP: break;
    case PEEK_FINISH: out->finished |= json_is_string(value) && value.len > 2; break;
    }
    return at + value.len;
}

struct peek_swept peek_sweep(struct slice text, const struct peek_key *keys, size_t count)
{
    struct peek_swept out = {0, false};
    size_t at = 0;

    while (at < text.len) {
        const struct peek_key *k;
        size_t end, from;

        at += json_plain_len(slice_of(text.ptr + at, text.len - at));
        if (at >= text.len || text.ptr[at] != '"') {
            at++;
            continue;
        }
        end = string_end(text, at);
        from = skip_space(text, end);
        if (from >= text.len || text.ptr[from] != ':') {
            at = end; // a string that is a value
            continue;
        }
        k = find_role(keys, count, slice_sub(text, at + 1, end - at - 2));
        at = skip_space(text, from + 1);
        if (k)
            at = sweep_value(text, at, k->role, &out);
    }
    return out;
}

/* 10^power times `count`, for the exponents that a count may be written with. */
static int64_t scaled(int64_t count, int64_t power)
{
    for (; power > 0 && count > 0 && count < PEEK_COUNT_MAX; power--)
        count *= 10;
    for (; power < 0 && count > 0; power++)
        count /= 10;
    return count < PEEK_COUNT_MAX ? count : PEEK_COUNT_MAX;
}

static int64_t exponent_at(struct slice s)
{
    bool down = s.len && s.ptr[0] == '-';
    int64_t power = 0;

    for (size_t i = down || (s.len && s.ptr[0] == '+'); i < s.len && power < 1000; i++)
        power = power * 10 + (s.ptr[i] >= '0' && s.ptr[i] <= '9' ? s.ptr[i] - '0' : 0);
    return down ? -power : power;
}

bool peek_count(struct slice value, int64_t *out)
{
    int64_t count = 0, power = 0;
    bool in_fraction = false;
    size_t i;

    if (json_is_string(value))
        value = slice_sub(value, 1, value.len - 2);
    if (!json_is_number(value))
        return false;
    if (value.ptr[0] == '-') {
        *out = 0;
        return true;
    }
    for (i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c >= '0' && c <= '9') {
            if (count < PEEK_COUNT_MAX)
                count = count * 10 + (c - '0'), power -= in_fraction;
            else
                power += !in_fraction;
        } else if (c == '.' && !in_fraction) {
            in_fraction = true;
        } else {
            break;
        }
    }
    if (i < value.len && (value.ptr[i] | 0x20) == 'e')
        power += exponent_at(slice_after(value, i + 1));
    *out = scaled(count, power);
    return true;
}
