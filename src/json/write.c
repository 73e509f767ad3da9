/* write.c - JSON onto a buffer. */
#include "json/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/money.h"
#include "json/text.h"
#include "json/tree.h"

#define ESCAPE_BYTES 6 // "\\u0000", the longest
#define STEP_BYTES   ((size_t)512)
#define SHORT_BYTES  ((size_t)64) // keys and ids, which are nearly always plain

static size_t escape_byte(char *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";

    out[0] = '\\';
    switch (c) {
    case '"':
    case '\\': out[1] = (char)c; return 2;
    case '\b': out[1] = 'b'; return 2;
    case '\f': out[1] = 'f'; return 2;
    case '\n': out[1] = 'n'; return 2;
    case '\r': out[1] = 'r'; return 2;
    case '\t': out[1] = 't'; return 2;
    default: break;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = digits[c >> 4];
    out[5] = digits[c & 15];
    return ESCAPE_BYTES;
}

/* `s` is UTF-8.  A plain run is taken whole, the rest in steps with room made beforehand. */
static void escape_utf8(struct buf *out, struct slice s)
{
    while (s.len) {
        size_t plain = json_plain_len(s), at = 0;
        struct slice step;
        char *from, *to;

        buf_append(out, slice_sub(s, 0, plain));
        s = slice_after(s, plain);
        step = slice_sub(s, 0, STEP_BYTES);
        from = to = buf_reserve(out, step.len * ESCAPE_BYTES);
        while (at < step.len) {
            plain = json_plain_len(slice_after(step, at));
            memcpy(to, step.ptr + at, plain);
            to += plain;
            at += plain;
            if (at < step.len)
                to += escape_byte(to, (unsigned char)step.ptr[at++]);
        }
        buf_grew(out, (size_t)(to - from));
        s = slice_after(s, step.len);
    }
}

/* The same where not all of it is UTF-8. */
static void escape_bytes(struct buf *out, struct slice s)
{
    size_t good = 0;

    while (good < s.len) {
        size_t len = json_utf8_len(slice_after(s, good));

        good += len;
        if (!len) {
            escape_utf8(out, slice_sub(s, 0, good));
            buf_append(out, SLICE("\xEF\xBF\xBD"));
            s = slice_after(s, good + 1);
            good = 0;
        }
    }
    escape_utf8(out, s);
}

/* A short string, quotes and all, if nothing in it must be escaped.  The copy is looked at. */
static bool write_plain(struct buf *out, struct slice s)
{
    char *to;

    if (s.len > SHORT_BYTES)
        return false;
    to = buf_reserve(out, s.len + 2 + JSON_BLOCK_BYTES);
    to[0] = '"';
    if (s.len)
        memcpy(to + 1, s.ptr, s.len);
    to[s.len + 1] = '"';
    if (!json_is_plain_ascii(to + 1, s.len))
        return false;
    buf_grew(out, s.len + 2);
    return true;
}

void json_write_escaped(struct buf *out, struct slice s)
{
    if (json_utf8_fault(s) == SIZE_MAX)
        escape_utf8(out, s);
    else
        escape_bytes(out, s);
}

void json_write_string(struct buf *out, struct slice s)
{
    if (write_plain(out, s))
        return;
    buf_append_byte(out, '"');
    json_write_escaped(out, s);
    buf_append_byte(out, '"');
}

static void write_opening(struct buf *out, const struct json *v)
{
    if (v->key.ptr) {
        json_write_string(out, v->key);
        buf_append_byte(out, ':');
    }
    if (v->changed)
        buf_append_byte(out, v->type == JSON_OBJECT ? '{' : '[');
    else
        buf_append(out, v->source);
}

void json_write_tree(struct buf *out, const struct json *v)
{
    const struct json *top = v;

    if (!v->changed) {
        buf_append(out, v->source); // without the key that it may have
        return;
    }
    buf_append_byte(out, v->type == JSON_OBJECT ? '{' : '[');
    for (bool down = true;;) {
        if (down && v->changed && v->first) {
            v = v->first;
            write_opening(out, v);
            continue;
        }
        if (v->changed)
            buf_append_byte(out, v->type == JSON_OBJECT ? '}' : ']');
        if (v == top)
            return;
        down = v->next != NULL;
        if (down) {
            buf_append_byte(out, ',');
            v = v->next;
            write_opening(out, v);
        } else {
            v = v->parent;
        }
    }
}

static void comma(struct json_writer *w)
{
    if (w->comma)
        buf_append_byte(w->out, ',');
    w->comma = true;
}

void json_open_object(struct json_writer *w)
{
    comma(w);
    buf_append_byte(w->out, '{');
    w->comma = false;
}

void json_close_object(struct json_writer *w)
{
    buf_append_byte(w->out, '}');
    w->comma = true;
}

void json_open_array(struct json_writer *w)
{
    comma(w);
    buf_append_byte(w->out, '[');
    w->comma = false;
}

void json_close_array(struct json_writer *w)
{
    buf_append_byte(w->out, ']');
    w->comma = true;
}

void json_key(struct json_writer *w, struct slice key)
{
    comma(w);
    json_write_string(w->out, key);
    buf_append_byte(w->out, ':');
    w->comma = false;
}

void json_value_string(struct json_writer *w, struct slice s)
{
    comma(w);
    json_write_string(w->out, s);
}

void json_value_int(struct json_writer *w, int64_t value)
{
    comma(w);
    buf_append_i64(w->out, value);
}

void json_value_double(struct json_writer *w, double value)
{
    char text[32];

    if (!isfinite(value)) {
        json_value_null(w);
        return;
    }
    /* The shortest of these that reads back as the same: 0.7 stays 0.7. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    json_value_raw(w, slice_str(text));
}

void json_value_bool(struct json_writer *w, bool value)
{
    json_value_raw(w, value ? SLICE("true") : SLICE("false"));
}

void json_value_null(struct json_writer *w)
{
    json_value_raw(w, SLICE("null"));
}

void json_value_raw(struct json_writer *w, struct slice raw)
{
    comma(w);
    buf_append(w->out, raw);
}

void json_value_tree(struct json_writer *w, const struct json *v)
{
    comma(w);
    json_write_tree(w->out, v);
}

void json_put_string(struct json_writer *w, const char *key, struct slice value)
{
    json_key(w, slice_str(key));
    json_value_string(w, value);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, slice_str(key));
    json_value_int(w, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, slice_str(key));
    json_value_bool(w, value);
}

void json_put_usd(struct json_writer *w, const char *key, int64_t nusd)
{
    char text[MONEY_TEXT_BYTES];

    json_put_string(w, key, money_format_usd(nusd, text));
}

void json_put_time(struct json_writer *w, const char *key, int64_t unix_ms)
{
    char text[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(unix_ms, text);
    json_put_string(w, key, slice_str(text));
}
