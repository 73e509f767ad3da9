/* sample.c - how a text begins, kept while it passes, to tell how long its tokens are. */
#include "chat/sample.h"

#include "chat/estimate.h"
#include "chat/peek.h"
#include "chat/tokens.h"
#include "json/raw.h"

/* Half an escape at the end, or one that is none, may become longer than it was. */
#define ROOM_BYTES (2 * SAMPLE_BYTES)

void sample_take(struct text_sample *s, struct slice text, bool escaped)
{
    struct slice part = slice_sub(text, 0, SAMPLE_BYTES - s->len);

    if (!s->bytes)
        s->bytes = arena_alloc_raw(s->arena, ROOM_BYTES, 1);
    if (escaped) {
        s->len += json_string_decode_to(part, s->bytes + s->len);
    } else {
        memcpy(s->bytes + s->len, part.ptr, part.len);
        s->len += part.len;
    }
    s->is_full = part.len < text.len || s->len >= SAMPLE_BYTES;
}

int64_t sample_tokens(const struct text_sample *s, struct slice model, int64_t bytes)
{
    double tokens;

    if (bytes <= 0)
        return 0;
    if (!s->len)
        return tokens_estimate(bytes);
    tokens = (double)tokens_count(estimate_vocabulary(model), slice_of(s->bytes, s->len));
    if (s->is_full && (double)bytes > (double)s->len)
        tokens = tokens * (double)bytes / (double)s->len + 0.5;
    return tokens < (double)PEEK_COUNT_MAX ? (int64_t)tokens : PEEK_COUNT_MAX;
}
