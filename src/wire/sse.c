/* sse.c - server-sent events: cut out of a stream, and written. */
#include "wire/sse.h"

#include "wire/scan.h"

#define BYTE_ORDER_MARK SLICE("\xef\xbb\xbf")

void sse_cutter_release(struct sse_cutter *c)
{
    buf_release(&c->joined);
    *c = (struct sse_cutter){0};
}

/* The first line stays where it is; the second moves both into `joined`. */
static void add_data(struct sse_cutter *c, struct slice unread, struct slice value)
{
    if (c->data_lines == 0) {
        c->data_at = (size_t)(value.ptr - unread.ptr);
        c->data_len = value.len;
    } else {
        if (c->data_lines == 1) {
            buf_clear(&c->joined);
            buf_append(&c->joined, slice_sub(unread, c->data_at, c->data_len));
        }
        buf_append_byte(&c->joined, '\n');
        buf_append(&c->joined, value);
    }
    c->data_lines++;
}

/* A line that is neither empty nor a comment: "name", "name:value" or "name: value". */
static void add_field(struct sse_cutter *c, struct slice unread, struct slice line)
{
    struct slice value, name = slice_cut(line, ':', &value);

    if (value.len && value.ptr[0] == ' ')
        value = slice_after(value, 1);
    c->has_fields = true;
    if (slice_eq(name, SLICE("data"))) {
        add_data(c, unread, value);
    } else if (slice_eq(name, SLICE("event"))) {
        c->name_at = (size_t)(value.ptr - unread.ptr);
        c->name_len = value.len;
    }
}

/* Fills `out` with the event whose bytes are the first `len` of `unread`, and begins the next. */
static void finish(struct sse_cutter *c, struct slice unread, size_t len, struct sse_event *out)
{
    *out = (struct sse_event){
        .raw = slice_sub(unread, 0, len),
        .name = slice_sub(unread, c->name_at, c->name_len),
        .data = slice_sub(unread, c->data_at, c->data_len),
        .has_data = c->data_lines > 0,
        .has_fields = c->has_fields,
    };
    if (c->data_lines > 1)
        out->data = buf_peek(&c->joined);
    *c = (struct sse_cutter){.begun = true, .after_cr = c->after_cr, .joined = c->joined};
}

enum sse_result sse_next(struct sse_cutter *c, struct slice unread, struct sse_event *out)
{
    const char *end;

    if (unread.len == 0)
        return SSE_MORE;
    end = unread.ptr + unread.len;
    while (c->scanned < unread.len) {
        const char *line = unread.ptr + c->line_at, *at = unread.ptr + c->scanned;
        struct slice text;

        if (c->after_cr && at == line && *at == '\n') { // the other half of a CR LF
            c->scanned = ++c->line_at;
            c->after_cr = false;
            continue;
        }
        at = scan_line_end(at, end);
        c->scanned = (size_t)(at - unread.ptr);
        if (at == end)
            break;
        text = slice_of(line, (size_t)(at - line));
        if (!c->begun && slice_starts(text, BYTE_ORDER_MARK))
            text = slice_after(text, BYTE_ORDER_MARK.len);
        c->begun = true;
        c->after_cr = *at == '\r';
        if (c->after_cr && at + 1 < end && at[1] == '\n') {
            c->after_cr = false;
            at++;
        }
        c->scanned = c->line_at = (size_t)(at + 1 - unread.ptr);
        if (c->line_at > SSE_MAX_EVENT)
            return SSE_TOO_LARGE;
        if (text.len == 0) {
            finish(c, unread, c->line_at, out);
            return SSE_EVENT;
        }
        if (text.ptr[0] != ':')
            add_field(c, unread, text);
    }
    return c->scanned > SSE_MAX_EVENT ? SSE_TOO_LARGE : SSE_MORE;
}

void sse_write(struct buf *out, struct slice name, struct slice data)
{
    const char *at = data.len ? data.ptr : "", *end = at + data.len, *stop;

    if (name.len) {
        buf_append(out, SLICE("event: "));
        for (size_t i = 0; i < name.len; i++) {
            if (name.ptr[i] != '\r' && name.ptr[i] != '\n')
                buf_append_byte(out, name.ptr[i]);
        }
        buf_append_byte(out, '\n');
    }
    for (;;) {
        stop = scan_line_end(at, end);
        buf_append(out, SLICE("data: "));
        buf_append(out, slice_of(at, (size_t)(stop - at)));
        buf_append_byte(out, '\n');
        if (stop == end)
            break;
        at = stop + (*stop == '\r' && stop + 1 < end && stop[1] == '\n' ? 2 : 1);
    }
    buf_append_byte(out, '\n');
}

void sse_write_keep_alive(struct buf *out)
{
    buf_append(out, SLICE(":\n\n"));
}
