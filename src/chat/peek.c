/* peek.c - quick looks into small pieces of JSON. */
#include "chat/peek.h"

#include "chat/peek_skip.h"
#include "chat/sample.h"
#include "json/raw.h"

JSON_INLINE const char *trust(const char *at, const char *end)
{
    return at ? at : end;
}

struct peek peek_into(struct slice value)
{
    if (!json_is_object(value) && !json_is_array(value))
        return (struct peek){slice_of(NULL, 0)};
    return (struct peek){slice_after(value, 1)};
}

bool peek_next(struct peek *p, struct slice *key, struct slice *value)
{
    const char *end, *at, *from;

    *key = slice_of(NULL, 0);
    if (p->rest.len == 0)
        return false;
    end = p->rest.ptr + p->rest.len;
    at = json_skip_blanks(p->rest.ptr, end);
    if (at < end && *at == ',')
        at = json_skip_blanks(at + 1, end);
    if (at == end || *at == '}' || *at == ']')
        return false;
    from = at;
    at = trust(peek_value_end(at, end), end);
    *value = slice_of(from, (size_t)(at - from));
    from = json_skip_blanks(at, end);
    if (from < end && *from == ':') {
        if (value->len >= 2)
            *key = slice_of(value->ptr + 1, value->len - 2);
        from = json_skip_blanks(from + 1, end);
        at = from < end ? trust(peek_value_end(from, end), end) : end;
        *value = slice_of(from, (size_t)(at - from));
    }
    p->rest = slice_of(at, (size_t)(end - at));
    return true;
}

struct slice peek_value(struct slice text)
{
    const char *end;

    if (text.len == 0)
        return text;
    end = text.ptr + text.len;
    return slice_of(text.ptr, (size_t)(trust(peek_value_end(text.ptr, end), end) - text.ptr));
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

size_t peek_items(struct slice value)
{
    struct peek p = peek_into(value);
    struct slice key, item;
    size_t count = 0;

    while (peek_next(&p, &key, &item))
        count++;
    return count;
}

static int64_t less_excess(size_t len, size_t excess)
{
    return (int64_t)(excess < len ? len - excess : 0);
}

int64_t peek_string_bytes(struct slice literal)
{
    size_t excess = 0;

    if (!json_is_string(literal))
        return 0;
    peek_string_end(literal.ptr, literal.ptr + literal.len, &excess);
    return less_excess(literal.len - 2, excess);
}

JSON_INLINE void sweep_text(struct slice text, size_t excess, bool escaped, struct peek_swept *out)
{
    out->bytes += less_excess(text.len, excess);
    if (out->sample)
        sample_add(out->sample, text, escaped);
}

int64_t peek_inside_bytes(struct slice inside)
{
    size_t excess = 0, at;

    for (struct slice rest = inside; (at = slice_find(rest, '\\')) < rest.len;
         rest = slice_after(rest, at + 2))
        excess += peek_escape_excess(at + 1 < rest.len ? rest.ptr[at + 1] : '\0');
    return less_excess(inside.len, excess);
}

/* The value at `at` under a key that has a role; answers where to go on, NULL if nowhere. */
JSON_INLINE const char *sweep_value(const char *at, const char *end, enum peek_role role,
                                    struct peek_swept *out)
{
    const char *start = at;
    size_t excess = 0;

    if (at == end)
        return at;
    if (*at != '"' && role == PEEK_TEXT)
        return at; // a list of parts: their own keys say what they hold
    at = *at == '"' ? peek_string_end(at, end, &excess) : peek_value_end(at, end);
    if (!at) {
        if (role == PEEK_TEXT)
            sweep_text(slice_of(start + 1, (size_t)(end - start) - 1), excess, true, out);
        return NULL;
    }
    switch (role) {
    case PEEK_TEXT:
    case PEEK_RAW:
        if (*start == '"')
            sweep_text(slice_of(start + 1, (size_t)(at - start) - 2), excess, true, out);
        else
            sweep_text(slice_of(start, (size_t)(at - start)), 0, false, out);
        break;
    case PEEK_SKIP: break;
    case PEEK_FINISH: out->finished |= *start == '"' && at - start > 2; break;
    case PEEK_NOTE: out->note = slice_of(start, (size_t)(at - start)); break;
    }
    return at;
}

JSON_INLINE const struct peek_key *find_role(const struct peek_key *keys, size_t count,
                                             const char *key, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].key.len == len && keys[i].key.ptr[0] == *key &&
            json_same(keys[i].key.ptr, key, len))
            return &keys[i];
    return NULL;
}

/* Behind the object or array at `at`, swept; NULL when it does not end. */
static const char *sweep(const char *at, const char *end, const struct peek_key *keys, size_t count,
                         struct peek_swept *out)
{
    size_t depth = 0, excess = 0, len;

    while (at && at < end) {
        const struct peek_key *k;
        const char *key = at + 1;

        switch (*at) {
        case '"':
            at = peek_string_end(at, end, &excess);
            if (!at)
                return NULL;
            len = (size_t)(at - key) - 1;
            at = json_skip_blanks(at, end);
            if (at == end || *at != ':')
                break; // a string that is a value
            at++;
            k = find_role(keys, count, key, len);
            if (k)
                at = sweep_value(json_skip_blanks(at, end), end, k->role, out);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            at++;
            if (depth <= 1)
                return at;
            depth--;
            break;
        default: at = peek_mark_find(at, end); break;
        }
    }
    return NULL;
}

static void swept_init(struct peek_swept *out)
{
    *out = (struct peek_swept){.sample = out->sample};
}

void peek_sweep(struct slice text, const struct peek_key *keys, size_t count,
                struct peek_swept *out)
{
    const char *at = text.ptr, *end = text.len ? at + text.len : at;

    swept_init(out);
    while (at && at < end)
        at = sweep(at, end, keys, count, out);
}

static size_t find_want(const struct peek_wants *w, const char *key, size_t len)
{
    size_t i = 0;

    while (i < w->count && (w->keys[i].len != len || w->keys[i].ptr[0] != *key ||
                            !json_same(w->keys[i].ptr, key, len)))
        i++;
    return i;
}

JSON_INLINE bool starts_value(char c)
{
    return c == '"' || c == '{' || c == '[' || c == '-' || (c >= '0' && c <= '9') || c == 't' ||
           c == 'f' || c == 'n';
}

/* Behind the member whose key stands at `at`; NULL when it is none. */
JSON_INLINE const char *member_end(const char *at, const char *end, const struct peek_wants *w,
                                   struct slice *values, struct peek_swept *swept)
{
    const char *key = at + 1;
    size_t excess = 0, want;

    if (at == end || *at != '"' || !(at = peek_string_end(at, end, &excess)))
        return NULL;
    want = find_want(w, key, (size_t)(at - key) - 1);
    at = json_skip_blanks(at, end);
    if (at == end || *at != ':')
        return NULL;
    at = json_skip_blanks(at + 1, end);
    if (at == end || !starts_value(*at))
        return NULL;
    key = at;
    if (want < w->count && w->swept >> want & 1 && (*at == '{' || *at == '['))
        at = sweep(at, end, w->text, w->text_count, swept);
    else
        at = peek_value_end(at, end);
    if (at && want < w->count)
        values[want] = slice_of(key, (size_t)(at - key));
    return at;
}

bool peek_members(struct slice object, const struct peek_wants *w, struct slice *values,
                  struct peek_swept *swept)
{
    const char *at = object.ptr, *end = object.len ? at + object.len : at;

    swept_init(swept);
    for (size_t i = 0; i < w->count; i++)
        values[i] = slice_of(NULL, 0);
    at = json_skip_blanks(at, end);
    if (at == end || *at != '{')
        return false;
    at = json_skip_blanks(at + 1, end);
    if (at < end && *at == '}')
        return json_skip_blanks(at + 1, end) == end;
    while ((at = member_end(at, end, w, values, swept))) {
        at = json_skip_blanks(at, end);
        if (at == end)
            return false;
        if (*at == '}')
            return json_skip_blanks(at + 1, end) == end;
        if (*at != ',')
            return false;
        at = json_skip_blanks(at + 1, end);
    }
    return false;
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

/* Others read more into a string than this does: escapes, "1_000". */
static bool is_number_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !memchr("+-.eE", s.ptr[i], 5))
            return false;
    }
    return json_is_number(s);
}

bool peek_count(struct slice value, int64_t *out)
{
    int64_t count = 0, power = 0;
    bool in_fraction = false;
    size_t i;

    if (json_is_string(value)) {
        value = slice_sub(value, 1, value.len - 2);
        if (!is_number_text(value))
            return false;
    } else if (!json_is_number(value)) {
        return false;
    }
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
