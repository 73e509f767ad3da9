/* chunk.c - the chunked transfer coding. */
#include "wire/chunk.h"

#include <assert.h>
#include <stdbool.h>

#include "base/hex.h"
#include "wire/scan.h"

/*
 *   SIZE_FIRST -> SIZE -> [EXTENSION ->] SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE_FIRST
 *   a size of 0: SIZE_LF -> LINE -> [NAME -> VALUE -> VALUE_LF -> LINE ->]... END_LF -> ENDED
 */
enum step {
    SIZE_FIRST, // at least one digit
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, // a trailer, or the end
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    ENDED,
    BAD,
};

static enum step read_digit(struct chunk_reader *r, char c)
{
    int digit = hex_value(c);

    if (digit < 0 || r->left > CHUNK_MAX_BYTES >> 4)
        return BAD;
    r->left = r->left << 4 | (unsigned)digit;
    return r->left > CHUNK_MAX_BYTES ? BAD : SIZE;
}

static enum step expect(char c, char wanted, enum step next)
{
    return c == wanted ? next : BAD;
}

/* One byte of anything but a chunk's data. */
static enum step read_byte(struct chunk_reader *r, char c)
{
    switch ((enum step)r->step) {
    case SIZE_FIRST: return read_digit(r, c);
    case SIZE:
        if (c == ';')
            return EXTENSION;
        return c == '\r' ? SIZE_LF : read_digit(r, c);
    case EXTENSION:
        if (c == '\r')
            return SIZE_LF;
        return scan_is_control(c) ? BAD : EXTENSION;
    case SIZE_LF: return expect(c, '\n', r->left ? DATA : LINE);
    case DATA_CR: return expect(c, '\r', DATA_LF);
    case DATA_LF: return expect(c, '\n', SIZE_FIRST);
    case LINE:
        if (c == '\r')
            return END_LF;
        return scan_is(c, SCAN_TOKEN) ? NAME : BAD;
    case NAME:
        if (c == ':')
            return VALUE;
        return scan_is(c, SCAN_TOKEN) ? NAME : BAD;
    case VALUE:
        if (c == '\r')
            return VALUE_LF;
        return scan_is_control(c) ? BAD : VALUE;
    case VALUE_LF: return expect(c, '\n', LINE);
    case END_LF: return expect(c, '\n', ENDED);
    case DATA:
    case ENDED:
    case BAD: break;
    }
    return BAD;
}

/* Counts the bytes of lines, which a peer could make long; `at`: where one is about to be read. */
static bool is_bounded(struct chunk_reader *r, enum step at)
{
    bool is_fine = ++r->seen <= (at <= SIZE_LF ? CHUNK_MAX_LINE_BYTES : CHUNK_MAX_TRAILER_BYTES);

    if (at == SIZE_LF || at == DATA_LF)
        r->seen = 0;
    return is_fine;
}

static enum chunk_result take_data(struct chunk_reader *r, struct slice in, size_t *consumed,
                                   struct slice *data)
{
    *data = slice_sub(in, *consumed, r->left < SIZE_MAX ? (size_t)r->left : SIZE_MAX);
    *consumed += data->len;
    r->left -= data->len;
    if (r->left == 0)
        r->step = DATA_CR;
    return CHUNK_DATA;
}

enum chunk_result chunk_reader_next(struct chunk_reader *r, struct slice in, size_t *consumed,
                                    struct slice *data)
{
    *consumed = 0;
    *data = slice_of(NULL, 0);
    while (r->step != ENDED && r->step != BAD) {
        if (*consumed == in.len)
            return CHUNK_MORE;
        if (r->step == DATA)
            return take_data(r, in, consumed, data);
        if (!is_bounded(r, (enum step)r->step))
            r->step = BAD;
        else
            r->step = (unsigned char)read_byte(r, in.ptr[(*consumed)++]);
    }
    return r->step == ENDED ? CHUNK_END : CHUNK_BAD;
}

size_t chunk_write_size(char out[CHUNK_SIZE_BYTES], size_t size)
{
    char digits[16];
    size_t at = sizeof(digits), len;

    assert(size > 0); // "0" would end the body
    for (; size; size >>= 4)
        digits[--at] = "0123456789abcdef"[size & 15];
    len = sizeof(digits) - at;
    memcpy(out, digits + at, len);
    out[len++] = '\r';
    out[len++] = '\n';
    return len;
}
