/* scrub.c - an upstream's words without what belongs to the operator's account. */
#include "exchange/scrub.h"

#include "base/array.h"

#define LEAST_TAIL_BYTES 6 // after a prefix, to be taken for a key and not for a word

static const struct slice prefixes[] = {
    SLICE_INIT("sk-"),  SLICE_INIT("sk_"),   SLICE_INIT("AIza"),   SLICE_INIT("ya29."),
    SLICE_INIT("gsk_"), SLICE_INIT("xai-"),  SLICE_INIT("nvapi-"), SLICE_INIT("org-"),
    SLICE_INIT("org_"), SLICE_INIT("proj_"), SLICE_INIT("gp-"),    SLICE_INIT("Bearer "),
};

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_' || c == '.' || c == '*';
}

/* How many bytes at the front of `s` are a secret; 0: none. */
static size_t secret_len(struct slice s)
{
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

/*
 * A JSON escape at the front of `s` is one thing: what follows it begins a word.  A
 * backslash that begins no escape stands for itself.
 */
static size_t escape_len(struct slice s)
{
    size_t len = 1;

    if (s.ptr[0] != '\\')
        return 0;
    if (s.len > 1 && s.ptr[1] == 'u')
        len = 6;
    else if (s.len > 1 && s.ptr[1] && strchr("\"\\/bfnrt", s.ptr[1]))
        len = 2;
    return len < s.len ? len : s.len;
}

/* What to leave out at the front of `text`; `word`: where in `out` the word begins that it is in. */
static size_t hidden_len(struct slice text, struct slice own, bool in_word, size_t word,
                         struct buf *out)
{
    size_t len = 0;

    if (own.len && slice_starts(text, own))
        return own.len;
    if (!in_word)
        return secret_len(text);
    if (text.ptr[0] != '@' || text.len < 2 || !is_word(text.ptr[1]))
        return 0;
    out->end -= buf_len(out) - word; // an address: what stands before the '@' goes too
    for (len = 1; len < text.len && is_word(text.ptr[len]);)
        len++;
    return len;
}

void scrub(struct slice text, struct secret own, struct buf *out)
{
    bool in_word = false;
    size_t word = 0;

    while (text.len) {
        size_t len = hidden_len(text, secret_reveal(own), in_word, word, out);
        size_t escape = escape_len(text);
        if (len) {
            buf_append(out, SLICE("***"));
            in_word = false;
        } else if (escape) {
            buf_append(out, slice_sub(text, 0, escape));
            len = escape;
            in_word = false;
        } else {
            if (!in_word)
                word = buf_len(out);
            in_word = is_word(text.ptr[0]) || text.ptr[0] == '+';
            buf_append_byte(out, text.ptr[0]);
            len = 1;
        }
        text = slice_after(text, len);
    }
}
