/*
 * json_scan_fuzz.c - json_scan() and json_parse() agree: on what is JSON, on why it is
 * not, and on where the members are; and a tree that was not changed is the text.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_member(struct slice text, const struct json *top, struct slice key,
                         struct json_span span)
{
    const struct json *v = json_member(top, key);

    assert((span.end != 0) == (v != NULL));
    if (v)
        assert(v->source.ptr == text.ptr + span.start && v->source.len == span.end - span.start);
}

/* Each value stands within its parent, and what was a string is one after decoding and writing. */
static void check_values(struct arena *a, const struct json *top)
{
    for (const struct json *v = top; v;) {
        const struct json *up = v->parent;
        int64_t n;
        double d;

        assert(!up || (v->source.ptr > up->source.ptr &&
                       v->source.ptr + v->source.len < up->source.ptr + up->source.len));
        assert(json_is(up, JSON_OBJECT) == (v->key.ptr != NULL));
        if (v->type == JSON_STRING) {
            struct buf literal = {0};
            struct slice s = json_str(a, v);

            json_write_string(&literal, s);
            assert(json_string_eq(buf_peek(&literal), s) && json_string_eq(v->source, s));
            buf_release(&literal);
        }
        if (v->type == JSON_NUMBER) {
            assert(json_to_double(v, &d));
            if (json_to_int(v, &n) && n > INT64_MIN && n < INT64_MAX)
                assert((double)n == d);
        }
        if (v->first) {
            v = v->first;
            continue;
        }
        while (v && !v->next)
            v = v->parent;
        v = v ? v->next : NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    const struct json_want wants[] = {
        {SLICE("model"), false},
        {SLICE("a"),     false},
        {SLICE(""),      false}
    };
    struct err_info scan_error = {0}, tree_error = {0};
    struct json_span spans[ARRAY_LEN(wants)];
    struct buf out = {0};
    struct arena a;
    struct json *top;
    enum err scanned, parsed;

    arena_init(&a, 0);
    scanned = json_scan(text, wants, ARRAY_LEN(wants), spans, &scan_error);
    parsed = json_parse(&a, text, &top, &tree_error);
    assert(scanned == parsed && strcmp(scan_error.text, tree_error.text) == 0);
    if (parsed == ERR_NONE) {
        for (size_t i = 0; i < ARRAY_LEN(wants); i++)
            check_member(text, top, wants[i].key, spans[i]);
        check_values(&a, top);
        json_write_tree(&out, top);
        assert(slice_eq(buf_peek(&out), top->source));
    }
    buf_release(&out);
    arena_release(&a);
    return 0;
}
