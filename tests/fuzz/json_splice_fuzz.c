/*
 * json_splice_fuzz.c - after any setting and removing of members the result is JSON, and
 * each key has its last value or is gone.  The input: a length, as many bytes of program
 * (bit 7: set or remove; the rest: which key), the text.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "json/scan.h"
#include "json/splice.h"

#define KEY_COUNT 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice keys[KEY_COUNT] = {SLICE("a"),     SLICE("b"), SLICE("\""),
                                          SLICE("model"), SLICE(""),  SLICE("c\\")};
    struct slice last[KEY_COUNT] =
        {
            {NULL, 0}
    },
                 text, value;
    bool touched[KEY_COUNT] = {false};
    struct json_splice s;
    struct err_info e = {0};
    struct buf out = {0};
    struct arena a;
    size_t program;

    if (size < 1 || size - 1 < data[0])
        return 0;
    program = data[0];
    text = slice_of((const char *)data + 1 + program, size - 1 - program);
    if (json_scan(text, NULL, 0, NULL, &e) != ERR_NONE)
        return 0;
    arena_init(&a, 0);
    json_splice_init(&s, &a, text);
    for (size_t i = 0; i < program; i++) {
        uint8_t step = data[1 + i];
        size_t key = (step & 0x7F) % KEY_COUNT;

        if (step & 0x80) {
            last[key] = arena_printf(&a, "{\"set\":%zu}", i);
            touched[key] = json_splice_set(&s, json_splice_top(&s), keys[key], last[key]);
        } else {
            json_splice_remove(&s, json_splice_top(&s), keys[key]);
            touched[key] = true;
            last[key] = slice_of(NULL, 0);
        }
    }
    json_splice_to_buf(&s, &out);
    assert(buf_len(&out) == json_splice_len(&s));
    assert(json_scan(buf_peek(&out), NULL, 0, NULL, &e) == ERR_NONE);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct json_want want = {keys[i], true};
        struct json_span span;

        if (!touched[i])
            continue;
        assert(json_scan(buf_peek(&out), &want, 1, &span, &e) == ERR_NONE);
        value = json_span_slice(buf_peek(&out), span);
        assert(slice_eq(value, last[i]) && !value.ptr == !last[i].ptr);
    }
    buf_release(&out);
    arena_release(&a);
    return 0;
}
