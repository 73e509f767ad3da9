/* scrub.c - an upstream's words without what belongs to the operator's account. */
#include "exchange/scrub.h"

#include "base/array.h"

#define LEAST_TAIL_BYTES 6 // after a prefix, to be taken for a key and not for a word

static const struct slice prefixes[] = {
    SLICE_INIT("sk-"),  SLICE_INIT("sk_"),   SLICE_INIT("AIza"),   SLICE_INIT("ya29."),
    SLICE_INIT("gsk_"), SLICE_INIT("xai-"),  SLICE_INIT("nvapi-"), SLICE_INIT("org-"),
    SLICE_INIT("org_"), SLICE_INIT("proj_"), SLICE_INIT("gp-"),
};

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_' || c == '.' || c == '*';
}

/* How many bytes at the front of `s` are a secret; 0: none. */
static size_t secret_len(struct slice s, struct slice own)
{
    if (own.len && slice_starts(s, own))
        return own.len;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t len = prefixes[i].len;
        if (!slice_starts(s, prefixes[i]))
            continue;
        while (len < s.len && is_word(s.ptr[len]))
            len++;
        if (len - prefixes[i].len >= LEAST_TAIL_BYTES)
            return len;
    }
    return 0;
}

/* Drops from the end of `out` the word that an '@' follows; false when there is none. */
static bool drop_local_part(struct buf *out)
{
    size_t len = 0, have = buf_len(out);

    while (len < have &&
           (is_word(out->data[out->end - 1 - len]) || out->data[out->end - 1 - len] == '+'))
        len++;
    out->end -= len;
    return len > 0;
}

void scrub(struct slice text, struct secret own, struct buf *out)
{
    struct slice hidden = secret_reveal(own);
    bool in_word = false;

    while (text.len) {
        size_t len = in_word ? 0 : secret_len(text, hidden);
        if (text.ptr[0] == '@' && in_word && text.len > 1 && is_word(text.ptr[1]) &&
            drop_local_part(out)) {
            for (len = 1; len < text.len && is_word(text.ptr[len]);)
                len++;
        }
        if (len) {
            buf_append(out, SLICE("***"));
            text = slice_after(text, len);
            in_word = false;
            continue;
        }
        in_word = is_word(text.ptr[0]);
        buf_append_byte(out, text.ptr[0]);
        text = slice_after(text, 1);
    }
}
