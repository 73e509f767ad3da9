/* raw.c - single JSON values as they stand in a text. */
#include "json/raw.h"

#include <assert.h>
#include <stdlib.h>

#include "json/text.h"

#define REPLACEMENT 0xFFFDU // for what is no character

static bool starts_with(struct slice value, char c)
{
    return value.len && value.ptr[0] == c;
}

bool json_is_string(struct slice value)
{
    return value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
}

bool json_is_number(struct slice value)
{
    return value.len && (value.ptr[0] == '-' || (value.ptr[0] >= '0' && value.ptr[0] <= '9'));
}

bool json_is_object(struct slice value)
{
    return starts_with(value, '{');
}

bool json_is_array(struct slice value)
{
    return starts_with(value, '[');
}

bool json_is_true(struct slice value)
{
    return slice_eq(value, SLICE("true"));
}

bool json_is_false(struct slice value)
{
    return slice_eq(value, SLICE("false"));
}

bool json_is_null(struct slice value)
{
    return slice_eq(value, SLICE("null"));
}

bool json_string_plain(struct slice literal, struct slice *inside)
{
    if (!json_is_string(literal))
        return false;
    *inside = slice_sub(literal, 1, literal.len - 2);
    return slice_find(*inside, '\\') == SIZE_MAX;
}

/* Four hexadecimal digits at the start of `s`; UINT32_MAX where they are not. */
static uint32_t hex_unit(struct slice s)
{
    uint32_t unit = 0;

    if (s.len < 4)
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        char c = s.ptr[i];
        char lower = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return unit;
}

/* The rune of the \u escape at the start of `s`, or of the pair of them, and their length. */
static uint32_t unicode_escape(struct slice s, size_t *len)
{
    uint32_t unit = hex_unit(slice_after(s, 2)), low;

    *len = unit == UINT32_MAX ? 2 : 6;
    if (unit == UINT32_MAX || (unit >= 0xDC00 && unit <= 0xDFFF))
        return REPLACEMENT;
    if (unit < 0xD800 || unit > 0xDBFF)
        return unit;
    if (!slice_starts(slice_after(s, 6), SLICE("\\u")))
        return REPLACEMENT;
    low = hex_unit(slice_after(s, 8));
    if (low < 0xDC00 || low > 0xDFFF)
        return REPLACEMENT;
    *len = 12;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* What the escape at the start of `s` stands for, as UTF-8 in `out`, and its own length in `s`. */
static size_t escape_decode(struct slice s, char out[4], size_t *len)
{
    *len = s.len < 2 ? s.len : 2;
    switch (s.len < 2 ? '\0' : s.ptr[1]) {
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': return json_utf8_put(unicode_escape(s, len), out);
    case '\0': out[0] = '\\'; return 1;
    default: out[0] = s.ptr[1]; return 1; // '"', '\' and '/' stand for themselves
    }
}

size_t json_string_decode_to(struct slice inside, char *out)
{
    size_t at = 0, put = 0;

    while (at < inside.len) {
        struct slice rest = slice_after(inside, at);
        size_t plain = slice_find(rest, '\\'), len;
        char rune[4];

        if (plain > rest.len)
            plain = rest.len;
        assert(rest.ptr);
        memcpy(out + put, rest.ptr, plain);
        put += plain;
        at += plain;
        if (at == inside.len)
            break;
        plain = escape_decode(slice_after(rest, plain), rune, &len);
        memcpy(out + put, rune, plain); // never longer than the escape
        put += plain;
        at += len;
    }
    return put;
}

bool json_string_decode(struct slice literal, struct buf *out)
{
    if (!json_is_string(literal))
        return false;
    if (literal.len > 2) {
        char *to = buf_reserve(out, literal.len - 2);
        buf_grew(out, json_string_decode_to(slice_sub(literal, 1, literal.len - 2), to));
    }
    return true;
}

bool json_string_eq(struct slice literal, struct slice s)
{
    struct slice inside = slice_sub(literal, 1, literal.len - 2);
    size_t at = 0;

    if (!json_is_string(literal))
        return false;
    assert(inside.ptr);
    if (slice_find(inside, '\\') == SIZE_MAX)
        return slice_eq(inside, s);
    while (at < inside.len) {
        char rune[4] = {inside.ptr[at]};
        size_t len = 1, put = 1;

        if (inside.ptr[at] == '\\')
            put = escape_decode(slice_after(inside, at), rune, &len);
        if (!slice_starts(s, slice_of(rune, put)))
            return false;
        s = slice_after(s, put);
        at += len;
    }
    return s.len == 0;
}

/* A decimal number taken apart: value = digits * 10^exponent, `digits` without the point. */
struct decimal {
    struct slice digits; // may hold one '.'
    int64_t point;       // how many digits stand before the point, exponent counted in
    bool negative;
};

#define EXPONENT_BOUND 1000000000 // a text has fewer digits than this, and int64_t far fewer

static bool decimal_read(struct slice literal, struct decimal *d)
{
    size_t at = 0, from, point;
    int64_t exponent = 0;
    bool down;

    if (!json_is_number(literal))
        return false;
    d->negative = literal.ptr[0] == '-';
    from = at = d->negative;
    while (at < literal.len &&
           ((literal.ptr[at] >= '0' && literal.ptr[at] <= '9') || literal.ptr[at] == '.'))
        at++;
    d->digits = slice_sub(literal, from, at - from);
    point = slice_find(d->digits, '.');
    d->point = (int64_t)(point == SIZE_MAX ? d->digits.len : point);
    if (at == literal.len)
        return at > from;
    if ((literal.ptr[at++] | 0x20) != 'e' || at == literal.len)
        return false;
    down = literal.ptr[at] == '-';
    for (at += down || literal.ptr[at] == '+'; at < literal.len; at++) {
        if (literal.ptr[at] < '0' || literal.ptr[at] > '9')
            return false;
        if (exponent < EXPONENT_BOUND)
            exponent = exponent * 10 + (literal.ptr[at] - '0');
    }
    d->point += down ? -exponent : exponent;
    return true;
}

bool json_int(struct slice literal, int64_t *out)
{
    struct decimal d;
    uint64_t value = 0, bound;
    bool over = false;

    if (!decimal_read(literal, &d))
        return false;
    bound = d.negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (size_t i = 0; i < d.digits.len; i++) {
        unsigned digit = (unsigned)d.digits.ptr[i] - '0';

        if (d.digits.ptr[i] == '.')
            continue;
        if (d.point-- <= 0 && digit)
            return false; // a digit behind the point
        if (d.point >= 0 && !over)
            over = __builtin_mul_overflow(value, 10, &value) ||
                   __builtin_add_overflow(value, digit, &value) || value > bound;
    }
    for (; value && !over && d.point > 0; d.point--)
        over = __builtin_mul_overflow(value, 10, &value) || value > bound;
    if (over)
        value = bound;
    *out = d.negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool json_double(struct slice literal, double *out)
{
    char few[64], *text = few, *end;

    if (!json_is_number(literal))
        return false;
    if (literal.len >= sizeof(few))
        text = malloc(literal.len + 1);
    if (!text)
        return false;
    memcpy(text, literal.ptr, literal.len);
    text[literal.len] = '\0';
    *out = strtod(text, &end);
    literal.len -= (size_t)(end - text);
    if (text != few)
        free(text);
    return literal.len == 0;
}
