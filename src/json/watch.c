/* watch.c - a few top-level values of a body that flows by in pieces. */
#include "json/watch.h"

#include <assert.h>

#include "json/raw.h"

void json_watch_init(struct json_watch *w, const struct slice *keys, size_t key_count,
                     size_t limit_bytes)
{
    *w = (struct json_watch){.keys = keys, .key_count = key_count, .limit_bytes = limit_bytes};
}

void json_watch_release(struct json_watch *w)
{
    buf_release(&w->capture);
}

static size_t key_find(const struct json_watch *w)
{
    size_t i = 0;

    if (w->literal_len > sizeof(w->literal))
        return w->key_count;
    while (i < w->key_count && !json_string_eq(slice_of(w->literal, w->literal_len), w->keys[i]))
        i++;
    return i;
}

/* The key's literal, as far as it came; answers how many bytes that took. */
static size_t key_feed(struct json_watch *w, struct slice bytes)
{
    size_t len, room = 0;
    bool ended = json_extent_feed(&w->extent, bytes, &len);

    if (w->literal_len < sizeof(w->literal))
        room = sizeof(w->literal) - w->literal_len;
    memcpy(w->literal + (room ? w->literal_len : 0), bytes.ptr, len < room ? len : room);
    w->literal_len += len;
    if (ended) {
        w->key = key_find(w);
        w->state = WATCH_COLON;
    }
    return len;
}

static void tell(const struct json_watch *w, enum json_watch_event event, json_watch_fn *report,
                 void *ctx)
{
    struct json_watch_report r = {.event = event, .key = w->key, .start = w->start};

    if (event == JSON_WATCH_VALUE) {
        r.value = buf_peek(&w->capture);
        r.end = w->start + r.value.len;
    }
    report(ctx, &r);
}

static size_t value_feed(struct json_watch *w, struct slice bytes, json_watch_fn *report, void *ctx)
{
    size_t len;
    bool ended = json_extent_feed(&w->extent, bytes, &len);

    if (w->key < w->key_count && len > w->limit_bytes - buf_len(&w->capture)) {
        buf_release(&w->capture);
        tell(w, JSON_WATCH_TOO_LARGE, report, ctx);
        w->key = w->key_count;
    }
    if (w->key < w->key_count)
        buf_append(&w->capture, slice_sub(bytes, 0, len));
    if (ended) {
        if (w->key < w->key_count)
            tell(w, JSON_WATCH_VALUE, report, ctx);
        buf_clear(&w->capture);
        w->state = WATCH_KEY;
    }
    return len;
}

/* One byte between keys and values: blanks and punctuation, or where the next of them starts. */
static bool byte_feed(struct json_watch *w, char c, json_watch_fn *report, void *ctx)
{
    if (json_is_blank(c))
        return true;
    switch (w->state) {
    case WATCH_TOP: w->state = c == '{' ? WATCH_KEY : WATCH_OVER; return true;
    case WATCH_KEY:
        if (c == ',')
            return true;
        w->state = c == '"' ? WATCH_IN_KEY : WATCH_OVER;
        w->literal_len = 0;
        return c != '"';
    case WATCH_COLON:
        if (c == ':')
            return true;
        w->state = WATCH_IN_VALUE;
        w->start = w->at;
        if (w->key < w->key_count)
            tell(w, JSON_WATCH_BEGINS, report, ctx);
        return false;
    case WATCH_IN_KEY:
    case WATCH_IN_VALUE:
    case WATCH_OVER: break;
    }
    return true;
}

void json_watch_feed(struct json_watch *w, struct slice bytes, json_watch_fn *report, void *ctx)
{
    while (bytes.len && w->state != WATCH_OVER) {
        size_t len;

        assert(bytes.ptr);
        if (w->state == WATCH_IN_KEY)
            len = key_feed(w, bytes);
        else if (w->state == WATCH_IN_VALUE)
            len = value_feed(w, bytes, report, ctx);
        else
            len = byte_feed(w, bytes.ptr[0], report, ctx);
        w->at += len;
        bytes = slice_after(bytes, len);
    }
    w->at += bytes.len;
}
