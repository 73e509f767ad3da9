/* chunk_fuzz.c - any cut of the bytes gives the same body; a body written is read back. */
#include <assert.h>

#include "base/buf.h"
#include "wire/chunk.h"

/* Reads `in` in pieces of `step` bytes; answers how it ended and how much was taken. */
static enum chunk_result read_all(struct slice in, size_t step, struct buf *body, size_t *taken)
{
    struct chunk_reader r = {0};
    size_t limit = 0;

    *taken = 0;
    for (;;) {
        struct slice piece = slice_sub(in, *taken, limit - *taken), data;
        size_t consumed;
        enum chunk_result result = chunk_reader_next(&r, piece, &consumed, &data);
        assert(consumed <= piece.len);
        *taken += consumed;
        if (result == CHUNK_DATA) {
            assert(data.len > 0 && data.ptr >= piece.ptr);
            assert(data.ptr + data.len == piece.ptr + consumed);
            buf_append(body, data);
        } else if (result == CHUNK_MORE && limit < in.len) {
            assert(consumed == piece.len);
            limit = in.len - limit > step ? limit + step : in.len;
        } else {
            return result;
        }
    }
}

static void check_round_trip(struct slice bytes, size_t step)
{
    struct buf text = {0}, body = {0};
    size_t taken;

    for (size_t at = 0; at < bytes.len; at += step) {
        struct slice piece = slice_sub(bytes, at, step);
        char size[CHUNK_SIZE_BYTES];
        buf_append(&text, slice_of(size, chunk_write_size(size, piece.len)));
        buf_append(&text, piece);
        buf_append(&text, CHUNK_AFTER);
    }
    buf_append(&text, CHUNK_LAST);
    buf_append_byte(&text, 'x');
    enum chunk_result result = read_all(buf_peek(&text), 7, &body, &taken);
    assert(result == CHUNK_END && taken == buf_len(&text) - 1);
    assert(slice_eq(buf_peek(&body), bytes));
    buf_release(&text);
    buf_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    static const size_t steps[] = {1, 2, 3, 5, 16};
    struct buf whole = {0};
    size_t taken;
    enum chunk_result result = read_all(in, in.len ? in.len : 1, &whole, &taken);

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf body = {0};
        size_t also;
        enum chunk_result again = read_all(in, steps[i], &body, &also);
        assert(again == result && also == taken);
        assert(slice_eq(buf_peek(&body), buf_peek(&whole)));
        buf_release(&body);
    }
    buf_release(&whole);
    check_round_trip(in, 1 + size % 50);
    return 0;
}
