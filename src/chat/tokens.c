/* tokens.c - how many tokens a text is, counted here. */
#include "chat/tokens.h"

#include "base/array.h"
#include "chat/tokens_merge.h"
#include "chat/tokens_split.h"
#include "chat/vocabulary.h"

#define BYTES_PER_TOKEN 4

/* How ids of models begin; the first that fits counts. */
static const struct {
    struct slice start;
    enum tokens_vocabulary vocabulary;
} models[] = {
    {SLICE_INIT("gpt-4o"),          TOKENS_O200K },
    {SLICE_INIT("gpt-4."),          TOKENS_O200K },
    {SLICE_INIT("gpt-4"),           TOKENS_CL100K},
    {SLICE_INIT("gpt-3"),           TOKENS_CL100K},
    {SLICE_INIT("gpt-"),            TOKENS_O200K },
    {SLICE_INIT("chatgpt-"),        TOKENS_O200K },
    {SLICE_INIT("codex-"),          TOKENS_O200K },
    {SLICE_INIT("computer-use-"),   TOKENS_O200K },
    {SLICE_INIT("text-embedding-"), TOKENS_CL100K},
};

/* o1, o3-mini, o4-mini-deep-research */
static bool is_o_series(struct slice model)
{
    return model.len >= 2 && (model.ptr[0] | 0x20) == 'o' && model.ptr[1] >= '1' &&
           model.ptr[1] <= '9' && (model.len == 2 || model.ptr[2] == '-');
}

enum tokens_vocabulary tokens_vocabulary_for(struct slice model)
{
    size_t slash = slice_find_last(model, '/');

    if (slash != SIZE_MAX)
        model = slice_after(model, slash + 1);
    if (slice_starts_nocase(model, SLICE("ft:")))
        model = slice_after(model, 3);
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (slice_starts_nocase(model, models[i].start))
            return models[i].vocabulary;
    }
    return is_o_series(model) ? TOKENS_O200K : TOKENS_NONE;
}

bool tokens_have(enum tokens_vocabulary v)
{
    struct vocabulary vocabulary;

    return vocabulary_open(v, &vocabulary);
}

int64_t tokens_estimate(int64_t bytes)
{
    return bytes / BYTES_PER_TOKEN + (bytes % BYTES_PER_TOKEN != 0);
}

/* Most pieces are a token as they stand. */
static size_t count_piece(const struct vocabulary *v, struct slice piece)
{
    size_t count = 0;

    if (piece.len == 1 || vocabulary_rank(v, piece.ptr, piece.len) != VOCABULARY_NO_RANK)
        return 1;
    for (; piece.len; piece = slice_after(piece, TOKENS_MERGE_BYTES))
        count += tokens_merge(v, slice_sub(piece, 0, TOKENS_MERGE_BYTES));
    return count;
}

int64_t tokens_count(enum tokens_vocabulary v, struct slice utf8)
{
    struct slice rest = slice_sub(utf8, 0, TOKENS_EXACT_BYTES);
    struct vocabulary vocabulary;
    int64_t count = 0;

    if (!vocabulary_open(v, &vocabulary))
        return tokens_estimate((int64_t)utf8.len);
    while (rest.len) {
        size_t len = tokens_split(v, &vocabulary, rest);
        count += (int64_t)count_piece(&vocabulary, slice_sub(rest, 0, len));
        rest = slice_after(rest, len);
    }
    if (utf8.len <= TOKENS_EXACT_BYTES)
        return count;
    return count * (int64_t)(utf8.len / 1024) / (int64_t)(TOKENS_EXACT_BYTES / 1024);
}
