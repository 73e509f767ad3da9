/* sse_fuzz.c - any cut of the bytes gives the same events, as a slow reader of the standard does. */
#include <assert.h>

#include "wire/sse.h"

/* What was seen: for each event its flags, name and data, and all raws one after another. */
struct seen {
    struct buf events, raws;
};

static void note(struct buf *events, bool has_fields, bool has_data, struct slice name,
                 struct slice data)
{
    buf_printf(events, "%d%d %zu:", has_fields, has_data, name.len);
    buf_append(events, name);
    buf_printf(events, " %zu:", data.len);
    buf_append(events, data);
    buf_append_byte(events, '\n');
}

/* Pieces of `step` bytes, at a new address each time. */
static void cut(struct slice in, size_t step, struct seen *seen)
{
    struct sse_cutter c = {0};
    size_t from = 0, to = 0;

    for (;;) {
        struct buf copy = {0};
        struct sse_event ev;
        buf_append(&copy, slice_sub(in, from, to - from));
        enum sse_result result = sse_next(&c, buf_peek(&copy), &ev);
        assert(result != SSE_TOO_LARGE);
        if (result == SSE_EVENT) {
            assert(ev.raw.ptr == buf_peek(&copy).ptr && ev.raw.len > 0);
            note(&seen->events, ev.has_fields, ev.has_data, ev.name, ev.data);
            buf_append(&seen->raws, ev.raw);
            from += ev.raw.len;
        } else if (to == in.len) {
            buf_append(&seen->raws, buf_peek(&copy));
            buf_release(&copy);
            break;
        } else {
            to = in.len - to > step ? to + step : in.len;
        }
        buf_release(&copy);
    }
    sse_cutter_release(&c);
}

/* One line after another, as the standard tells it, with nothing clever. */
static void read_slowly(struct slice in, struct buf *events)
{
    struct buf line = {0}, name = {0}, data = {0};
    bool has_fields = false, has_data = false, is_first = true;

    for (size_t i = 0; i < in.len; i++) {
        struct slice text, value, field;
        if (in.ptr[i] != '\r' && in.ptr[i] != '\n') {
            buf_append_byte(&line, in.ptr[i]);
            continue;
        }
        if (in.ptr[i] == '\r' && i + 1 < in.len && in.ptr[i + 1] == '\n')
            i++;
        text = buf_peek(&line);
        if (is_first && slice_starts(text, SLICE("\xef\xbb\xbf")))
            text = slice_after(text, 3);
        is_first = false;
        field = slice_cut(text, ':', &value);
        if (value.len && value.ptr[0] == ' ')
            value = slice_after(value, 1);
        if (text.len == 0) {
            note(events, has_fields, has_data, buf_peek(&name), buf_peek(&data));
            buf_clear(&name);
            buf_clear(&data);
            has_fields = has_data = false;
        } else if (text.ptr[0] != ':') {
            has_fields = true;
            if (slice_eq(field, SLICE("data"))) {
                if (has_data)
                    buf_append_byte(&data, '\n');
                has_data = true;
                buf_append(&data, value);
            } else if (slice_eq(field, SLICE("event"))) {
                buf_clear(&name);
                buf_append(&name, value);
            }
        }
        buf_clear(&line);
    }
    buf_release(&line);
    buf_release(&name);
    buf_release(&data);
}

/* Any bytes as data come back as one event, with every line end an LF. */
static void check_written(struct slice data)
{
    struct buf text = {0}, wanted = {0};
    struct sse_cutter c = {0};
    struct sse_event ev;
    enum sse_result result;

    sse_write(&text, SLICE("x"), data);
    for (size_t i = 0; i < data.len; i++) {
        if (data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n')
            i++;
        buf_append_byte(&wanted, data.ptr[i]);
        if (data.ptr[i] == '\r')
            wanted.data[wanted.end - 1] = '\n';
    }
    result = sse_next(&c, buf_peek(&text), &ev);
    assert(result == SSE_EVENT && ev.raw.len == buf_len(&text));
    assert(slice_eq(ev.name, SLICE("x")) && slice_eq(ev.data, buf_peek(&wanted)));
    sse_cutter_release(&c);
    buf_release(&text);
    buf_release(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 3, 17, SIZE_MAX};
    struct slice in = slice_of((const char *)data, size);
    struct buf wanted = {0};

    if (size > 2000)
        return 0;
    read_slowly(in, &wanted);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct seen seen = {0};
        cut(in, steps[i], &seen);
        assert(slice_eq(buf_peek(&seen.raws), in));
        assert(slice_eq(buf_peek(&seen.events), buf_peek(&wanted)));
        buf_release(&seen.events);
        buf_release(&seen.raws);
    }
    buf_release(&wanted);
    check_written(in);
    return 0;
}
