/* log.c - one line per event: a name and key=value pairs. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void write_stderr(void *ctx, struct slice line)
{
    (void)ctx;
    if (write(STDERR_FILENO, line.ptr, line.len) < 0)
        return; // nowhere left to say so
}

/* The one mutable global of `base`: set once, before threads exist. */
static struct {
    enum log_level level;
    enum log_format format;
    log_write_fn *write;
    void *ctx;
} sink = {LOG_INFO, LOG_TEXT, write_stderr, NULL};

void log_configure(enum log_level level, enum log_format format, log_write_fn *write, void *ctx)
{
    sink.level = level;
    sink.format = format;
    sink.write = write ? write : write_stderr;
    sink.ctx = ctx;
}

bool log_enabled(enum log_level level)
{
    return level >= sink.level;
}

struct line {
    char bytes[LOG_LINE_BYTES];
    size_t len;
};

#define LINE_TAIL_BYTES 8 // kept free for the closing brace and the line end

static void put(struct line *l, char c)
{
    if (l->len < sizeof(l->bytes) - LINE_TAIL_BYTES)
        l->bytes[l->len++] = c;
}

static void put_str(struct line *l, const char *s)
{
    while (*s)
        put(l, *s++);
}

/* Inside quotes: JSON's escapes serve the text format as well. */
static void put_escaped(struct line *l, struct slice s)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            put(l, '\\');
            put(l, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            put_str(l, "\\u00");
            put(l, hex[c >> 4]);
            put(l, hex[c & 15]);
        } else {
            put(l, (char)c);
        }
    }
}

/*
 * One pair of `pairs`; answers what follows it.  A quoted value runs to the
 * quote that ends the pairs or stands before " key=": the value itself may
 * hold quotes.
 */
static struct slice next_pair(struct slice pairs, struct slice *key, struct slice *value)
{
    struct slice rest;

    *key = slice_cut(pairs, '=', &rest);
    if (!rest.len || rest.ptr[0] != '"') {
        *value = slice_cut(rest, ' ', &rest);
        return rest;
    }
    rest = slice_after(rest, 1);
    for (size_t i = 0; i < rest.len; i++) {
        size_t at = i + 1;
        if (rest.ptr[i] != '"')
            continue;
        if (at == rest.len) {
            *value = slice_sub(rest, 0, i);
            return slice_after(rest, at);
        }
        if (rest.ptr[at] != ' ')
            continue;
        for (at++; at < rest.len && ((rest.ptr[at] >= 'a' && rest.ptr[at] <= 'z') || rest.ptr[at] == '_');)
            at++;
        if (at < rest.len && at > i + 2 && rest.ptr[at] == '=') {
            *value = slice_sub(rest, 0, i);
            return slice_after(rest, i + 2);
        }
    }
    *value = rest;
    return slice_after(rest, rest.len);
}

static void put_pairs_json(struct line *l, struct slice pairs)
{
    struct slice key, value;

    while (pairs.len) {
        bool number;
        struct slice digits;
        uint64_t ignored;
        pairs = next_pair(pairs, &key, &value);
        put_str(l, ",\"");
        put_escaped(l, key);
        put_str(l, "\":");
        digits = slice_after(value, value.len && value.ptr[0] == '-');
        number = slice_to_u64(digits, &ignored) && (digits.len == 1 || digits.ptr[0] != '0');
        if (!number)
            put(l, '"');
        put_escaped(l, value);
        if (!number)
            put(l, '"');
    }
}

static void put_pairs_text(struct line *l, struct slice pairs)
{
    struct slice key, value;

    while (pairs.len) {
        bool plain;
        pairs = next_pair(pairs, &key, &value);
        plain = value.len && slice_find(value, ' ') == SIZE_MAX && slice_find(value, '"') == SIZE_MAX;
        put(l, ' ');
        put_escaped(l, key);
        put_str(l, plain ? "=" : "=\"");
        put_escaped(l, value);
        if (!plain)
            put(l, '"');
    }
}

void log_event(enum log_level level, const char *id, const char *event, const char *format, ...)
{
    char pairs[LOG_LINE_BYTES - 256], when[CLOCK_TEXT_BYTES];
    struct line l = {.len = 0};
    struct slice rest;
    va_list args;
    int len;

    if (!log_enabled(level))
        return;
    va_start(args, format);
    len = vsnprintf(pairs, sizeof(pairs), format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    if ((size_t)len >= sizeof(pairs))
        len = (int)sizeof(pairs) - 1;
    rest = slice_of(pairs, (size_t)len);
    clock_format_unix_ms(clock_unix_ms(), when);
    put_str(&l, sink.format == LOG_JSON ? "{\"time\":\"" : "");
    put_str(&l, when);
    put_str(&l, sink.format == LOG_JSON ? "\",\"level\":\"" : " ");
    put_str(&l, level_names[level]);
    put_str(&l, sink.format == LOG_JSON ? "\",\"event\":\"" : " ");
    put_str(&l, event);
    if (id) {
        put_str(&l, sink.format == LOG_JSON ? "\",\"id\":\"" : " id=");
        put_str(&l, id);
    }
    if (sink.format == LOG_JSON) {
        put(&l, '"');
        put_pairs_json(&l, rest);
        l.bytes[l.len++] = '}';
    } else {
        put_pairs_text(&l, rest);
    }
    l.bytes[l.len++] = '\n';
    sink.write(sink.ctx, slice_of(l.bytes, l.len));
}
