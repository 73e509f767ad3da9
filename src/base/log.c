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

/*
 * Texts end where the tail begins; in the tail there is room for what must follow them:
 * a quote, one more key with a number, the closing brace, the line end.
 */
#define LINE_TAIL_BYTES 128
#define KEY_MAX_BYTES   64
#define ESCAPE_BYTES    6 // the longest: \u001f

static size_t room(const struct log_line *l)
{
    size_t limit = sizeof(l->bytes) - LINE_TAIL_BYTES;

    return l->len < limit ? limit - l->len : 0;
}

static void put(struct log_line *l, char c)
{
    if (room(l))
        l->bytes[l->len++] = c;
}

static void put_slice(struct log_line *l, struct slice s)
{
    size_t n = s.len < room(l) ? s.len : room(l);

    if (n)
        memcpy(l->bytes + l->len, s.ptr, n);
    l->len += n;
}

static void put_str(struct log_line *l, const char *s)
{
    put_slice(l, slice_str(s));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

/* Inside quotes: JSON's escapes serve the text format as well.  Runs of plain bytes are copied whole. */
static void put_escaped(struct log_line *l, struct slice s)
{
    static const char hex[] = "0123456789abcdef";

    while (s.len) {
        size_t n = 0;
        while (n < s.len && is_plain((unsigned char)s.ptr[n]))
            n++;
        put_slice(l, slice_sub(s, 0, n));
        s = slice_after(s, n);
        if (!s.len || room(l) < ESCAPE_BYTES) // no half of an escape
            return;
        if (s.ptr[0] == '"' || s.ptr[0] == '\\') {
            put(l, '\\');
            put(l, s.ptr[0]);
        } else {
            put_str(l, "\\u00");
            put(l, hex[(unsigned char)s.ptr[0] >> 4]);
            put(l, hex[(unsigned char)s.ptr[0] & 15]);
        }
        s = slice_after(s, 1);
    }
}

bool log_line_begin(struct log_line *l, enum log_level level, const char *id, const char *event)
{
    char when[CLOCK_TEXT_BYTES];
    bool json = sink.format == LOG_JSON;

    if (!log_enabled(level))
        return false;
    l->len = 0;
    clock_format_unix_ms(clock_unix_ms(), when);
    put_str(l, json ? "{\"time\":\"" : "");
    put_slice(l, slice_of(when, CLOCK_TEXT_BYTES - 1));
    put_str(l, json ? "\",\"level\":\"" : " ");
    put_str(l, level_names[level]);
    put_str(l, json ? "\",\"event\":\"" : " ");
    put_str(l, event);
    if (id) {
        put_str(l, json ? "\",\"id\":\"" : " id=");
        put_str(l, id);
    }
    if (json)
        put(l, '"');
    return true;
}

/* Straight into the tail, which has room for it. */
static void put_mark(struct log_line *l, struct slice s)
{
    memcpy(l->bytes + l->len, s.ptr, s.len);
    l->len += s.len;
}

/* Keys are ours: short, and without anything to escape.  False: the line is full. */
static bool put_key(struct log_line *l, struct slice key)
{
    if (!room(l) || key.len > KEY_MAX_BYTES)
        return false;
    put_mark(l, sink.format == LOG_JSON ? SLICE(",\"") : SLICE(" "));
    put_mark(l, key);
    put_mark(l, sink.format == LOG_JSON ? SLICE("\":") : SLICE("="));
    return true;
}

static void put_value(struct log_line *l, struct slice value)
{
    bool bare = sink.format == LOG_TEXT && value.len && slice_find(value, ' ') == SIZE_MAX &&
                slice_find(value, '"') == SIZE_MAX;

    if (!bare)
        put_mark(l, SLICE("\""));
    put_escaped(l, value);
    if (!bare)
        put_mark(l, SLICE("\""));
}

void log_line_text(struct log_line *l, const char *key, struct slice value)
{
    if (put_key(l, slice_str(key)))
        put_value(l, value);
}

void log_line_int(struct log_line *l, const char *key, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        digits[--at] = '-';
    if (put_key(l, slice_str(key)))
        put_mark(l, slice_of(digits + at, sizeof(digits) - at));
}

void log_line_end(struct log_line *l)
{
    if (sink.format == LOG_JSON)
        l->bytes[l->len++] = '}';
    l->bytes[l->len++] = '\n';
    sink.write(sink.ctx, slice_of(l->bytes, l->len));
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
        for (at++; at < rest.len &&
                   ((rest.ptr[at] >= 'a' && rest.ptr[at] <= 'z') || rest.ptr[at] == '_');)
            at++;
        if (at < rest.len && at > i + 2 && rest.ptr[at] == '=') {
            *value = slice_sub(rest, 0, i);
            return slice_after(rest, i + 2);
        }
    }
    *value = rest;
    return slice_after(rest, rest.len);
}

static bool is_number(struct slice value)
{
    struct slice digits = slice_after(value, value.len && value.ptr[0] == '-');
    uint64_t ignored;

    return slice_to_u64(digits, &ignored) && (digits.len == 1 || digits.ptr[0] != '0');
}

void log_event(enum log_level level, const char *id, const char *event, const char *format, ...)
{
    char pairs[LOG_LINE_BYTES - 256];
    struct slice rest, key, value;
    struct log_line l;
    va_list args;
    int len;

    if (!log_line_begin(&l, level, id, event))
        return;
    va_start(args, format);
    len = vsnprintf(pairs, sizeof(pairs), format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    rest = slice_of(pairs, (size_t)len < sizeof(pairs) ? (size_t)len : sizeof(pairs) - 1);
    while (rest.len) {
        rest = next_pair(rest, &key, &value);
        if (!put_key(&l, key))
            break;
        if (is_number(value))
            put_mark(&l, value);
        else
            put_value(&l, value);
    }
    log_line_end(&l);
}
