/*
 * json_watch_fuzz.c - however the bytes are cut, json_watch and json_cut report the same;
 * of a valid text, what json_scan() and json_parse() find.  The first byte chooses the cut.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "json/cut.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/watch.h"

#define LIMIT_BYTES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_report(void *ctx, const struct json_watch_report *r)
{
    buf_printf(ctx, "%d %zu %llu %llu %.*s\n", (int)r->event, r->key, (unsigned long long)r->start,
               (unsigned long long)r->end, SLICE_ARG(r->value));
}

static void watch_pieces(struct slice text, size_t step, struct buf *out)
{
    const struct slice keys[] = {SLICE("model"), SLICE("a")};
    struct json_watch w;

    json_watch_init(&w, keys, ARRAY_LEN(keys), LIMIT_BYTES);
    for (size_t at = 0; at < text.len; at += step) {
        struct buf piece = {0};

        buf_append(&piece, slice_sub(text, at, step));
        json_watch_feed(&w, buf_peek(&piece), on_report, out);
        buf_release(&piece);
    }
    json_watch_release(&w);
}

/* Each member of a valid object in turn, reported as the watch should. */
static void watch_by_tree(struct slice text, const struct json *top, struct buf *out)
{
    if (!json_is(top, JSON_OBJECT))
        return;
    json_for_each(at, top) {
        size_t start = (size_t)(at->source.ptr - text.ptr);
        struct json_watch_report r = {.event = JSON_WATCH_BEGINS, .start = start};

        if (!slice_eq(at->key, SLICE("model")) && !slice_eq(at->key, SLICE("a")))
            continue;
        r.key = slice_eq(at->key, SLICE("a"));
        on_report(out, &r);
        r.event = at->source.len > LIMIT_BYTES ? JSON_WATCH_TOO_LARGE : JSON_WATCH_VALUE;
        if (r.event == JSON_WATCH_VALUE) {
            r.end = start + at->source.len;
            r.value = at->source;
        }
        on_report(out, &r);
    }
}

static enum json_cut_result cut_pieces(struct slice text, size_t step, struct buf *out)
{
    enum json_cut_result result = JSON_CUT_MORE;
    struct json_cut c = {0};
    struct buf held = {0};

    for (size_t at = 0; at < text.len; at += step) {
        buf_append(&held, slice_sub(text, at, step));
        do {
            struct slice element;
            size_t len;

            result = json_cut_next(&c, buf_peek(&held), &len, &element);
            if (result == JSON_CUT_ELEMENT)
                buf_printf(out, "%llu %.*s\n", (unsigned long long)(c.offset - element.len),
                           SLICE_ARG(element));
            buf_consume(&held, len);
        } while (result == JSON_CUT_ELEMENT);
    }
    buf_printf(out, "%d", (int)result);
    buf_release(&held);
    return result;
}

static void cut_by_tree(struct slice text, const struct json *top, struct buf *out)
{
    json_for_each(at, top)
        buf_printf(out, "%llu %.*s\n", (unsigned long long)(at->source.ptr - text.ptr),
                   SLICE_ARG(at->source));
    buf_printf(out, "%d", (int)JSON_CUT_CLOSED);
}

static void check_equal(struct buf *a, struct buf *b)
{
    assert(slice_eq(buf_peek(a), buf_peek(b)));
    buf_clear(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, other = {0};
    struct err_info e = {0};
    struct slice text;
    struct json *top;
    struct arena a;
    size_t step;

    if (size < 2)
        return 0;
    step = 1 + data[0] % 80;
    text = slice_of((const char *)data + 1, size - 1);
    arena_init(&a, 0);
    json_parse(&a, text, &top, &e);

    watch_pieces(text, text.len, &whole);
    watch_pieces(text, step, &other);
    check_equal(&whole, &other);
    if (top) {
        watch_by_tree(text, top, &other);
        check_equal(&whole, &other);
    }
    buf_clear(&whole);
    cut_pieces(text, text.len, &whole);
    cut_pieces(text, step, &other);
    check_equal(&whole, &other);
    if (json_is(top, JSON_ARRAY)) {
        cut_by_tree(text, top, &other);
        check_equal(&whole, &other);
    }
    arena_release(&a);
    buf_release(&whole);
    buf_release(&other);
    return 0;
}
