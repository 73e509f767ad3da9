/* tokens_fuzz.c - any bytes are counted, as the plain algorithm does, and where text may be cut. */
#include <assert.h>

#include "chat/tokens.h"
#include "chat/tokens_merge.h"
#include "chat/tokens_split.h"

#define PIECE_BYTES 300 // the plain algorithm takes their square

/* The lowest rank of all neighbours joins, again and again. */
static size_t merge_plainly(const struct vocabulary *v, struct slice piece)
{
    size_t starts[PIECE_BYTES + 1], parts = piece.len;

    for (size_t i = 0; i <= parts; i++)
        starts[i] = i;
    for (;;) {
        uint32_t lowest = VOCABULARY_NO_RANK;
        size_t at = 0;
        for (size_t i = 0; i + 1 < parts; i++) {
            uint32_t rank = vocabulary_rank(v, piece.ptr + starts[i], starts[i + 2] - starts[i]);
            if (rank < lowest) {
                lowest = rank;
                at = i + 1;
            }
        }
        if (lowest == VOCABULARY_NO_RANK)
            return parts;
        memmove(starts + at, starts + at + 1, (parts - at) * sizeof(starts[0]));
        parts--;
    }
}

/* Behind a line end, a letter begins a piece, whatever stands before. */
static void check_cuts(enum tokens_vocabulary which, struct slice in, int64_t whole)
{
    for (size_t i = 1; i < in.len; i++) {
        char c = (char)(in.ptr[i] | 0x20);
        if (in.ptr[i - 1] == '\n' && c >= 'a' && c <= 'z')
            assert(tokens_count(which, slice_sub(in, 0, i)) +
                       tokens_count(which, slice_after(in, i)) ==
                   whole);
    }
}

/* Piece by piece, when none is too long for that; -1 otherwise. */
static int64_t count_plainly(enum tokens_vocabulary which, const struct vocabulary *v,
                             struct slice rest)
{
    int64_t count = 0;

    while (rest.len) {
        struct slice piece = slice_sub(rest, 0, tokens_split(which, v, rest));
        assert(piece.len);
        if (piece.len > PIECE_BYTES)
            return -1;
        if (vocabulary_rank(v, piece.ptr, piece.len) != VOCABULARY_NO_RANK)
            count++;
        else
            count += (int64_t)merge_plainly(v, piece);
        rest = slice_after(rest, piece.len);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);

    if (size > 4 * TOKENS_MERGE_BYTES)
        return 0;
    for (int i = TOKENS_NONE; i <= TOKENS_CL100K; i++) {
        enum tokens_vocabulary which = (enum tokens_vocabulary)i;
        int64_t whole = tokens_count(which, in), plain;
        struct vocabulary v;
        assert(whole <= (int64_t)size && (whole > 0) == (size > 0));
        if (!vocabulary_open(which, &v))
            continue;
        plain = count_plainly(which, &v, in);
        assert(plain < 0 || plain == whole);
        check_cuts(which, in, whole);
    }
    return 0;
}
