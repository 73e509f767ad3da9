/* estimate.c - what went in, where the vendor gave no figure. */
#include "chat/estimate.h"

#include "chat/count.h"
#include "chat/measure.h"
#include "chat/translate.h"
#include "json/raw.h"

#define PIECE_BYTES ((size_t)1024)
#define PIECES      (ESTIMATE_EXACT_BYTES / PIECE_BYTES)

enum tokens_vocabulary estimate_vocabulary(struct slice model)
{
    enum tokens_vocabulary v = tokens_vocabulary_for(model);
    return v == TOKENS_NONE ? TOKENS_O200K : v;
}

int64_t estimate_request(const struct chat_request *r, struct slice model)
{
    if (tokens_vocabulary_for(model) == TOKENS_NONE)
        model = SLICE("gpt-4o");
    return count_request_within(r, model, ESTIMATE_EXACT_BYTES);
}

/* Base64, as that of media is: nothing that is no word of a text would be so long. */
static bool is_data(struct slice piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.ptr[i] == ' ' || piece.ptr[i] == ',' || piece.ptr[i] == '\\' ||
            piece.ptr[i] & 0x80)
            return false;
    }
    return true;
}

/* Many write all but ASCII in escapes, which are no text. */
static int64_t count_piece(enum tokens_vocabulary v, struct slice piece)
{
    char plain[2 * PIECE_BYTES]; // half an escape at the end may become longer

    return tokens_count(v, slice_of(plain, json_string_decode_to(piece, plain)));
}

/* As if all of the text were like some pieces of it. */
static int64_t sampled(const struct chat_measure *m, struct slice body, struct slice model)
{
    enum tokens_vocabulary v = estimate_vocabulary(model);
    int64_t tokens = 0, bytes = 0, text = tokens_estimate(m->text_bytes);
    size_t step = body.len / PIECES > PIECE_BYTES ? body.len / PIECES : PIECE_BYTES;

    for (size_t at = 0; at < body.len; at += step) {
        struct slice piece = slice_sub(body, at, PIECE_BYTES);

        if (is_data(piece))
            continue;
        tokens += count_piece(v, piece);
        bytes += (int64_t)piece.len;
    }
    if (bytes)
        text = (int64_t)((double)m->text_bytes * (double)tokens / (double)bytes + 0.5);
    return text + m->media_tokens / MEASURE_LIKELY_SHARE;
}

int64_t estimate_input(enum dialect d, enum operation op, struct slice body, struct slice model,
                       const struct chat_seal *seal, struct arena *a)
{
    struct chat_request *r;
    struct chat_measure m;
    struct err_info e = {0};

    if (op != OP_EMBED && codec_find(d) && body.len <= ESTIMATE_WHOLE_BYTES) {
        r = arena_new(a, struct chat_request);
        if (translate_read(d, body, seal, a, r, &e) == ERR_NONE)
            return estimate_request(r, model);
    }
    chat_measure(d, op, body, &m);
    return sampled(&m, body, model);
}
