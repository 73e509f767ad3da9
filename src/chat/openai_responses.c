/* openai_responses.c - the codec of Responses. */
#include "chat/openai_responses_decode.h"
#include "chat/openai_responses_encode.h"
#include "chat/openai_responses_inside.h"

/* Is the escape behind `s` the second half of a pair: \\uDC00 to \\uDFFF? */
static bool is_low_surrogate(struct slice s)
{
    return s.len >= 3 && s.ptr[0] == 'u' && (s.ptr[1] | 0x20) == 'd' && (s.ptr[2] | 0x20) >= 'c' &&
           (s.ptr[2] | 0x20) <= 'f';
}

int64_t responses_chars(struct chat_text text)
{
    struct slice s = text.s;
    int64_t count = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (((unsigned char)s.ptr[i] & 0xC0) == 0x80)
            continue;
        count++;
        if (s.ptr[i] != '\\' || !text.escaped)
            continue;
        if (is_low_surrogate(slice_after(s, i + 1)))
            count--;
        i += i + 1 < s.len && s.ptr[i + 1] == 'u' ? 5 : 1;
    }
    return count;
}

struct slice responses_asked(const struct chat_request *r, struct slice key)
{
    list_for_each(at, &r->echoes) {
        const struct chat_ext *echo = list_entry(at, struct chat_ext, link);

        if (slice_eq(echo->key, key))
            return echo->raw;
    }
    return chat_ext_get(r, DIALECT_OPENAI_RESPONSES, key);
}

const struct codec codec_openai_responses = {
    .dialect = DIALECT_OPENAI_RESPONSES,
    .read_request = responses_read_request,
    .write_request = responses_write_request,
    .decoder_size = sizeof(struct responses_decoder),
    .encoder_size = sizeof(struct responses_encoder),
    .decoder_init = responses_decoder_init,
    .decode = responses_decode,
    .decode_whole = responses_decode_whole,
    .decode_end = responses_decode_end,
    .decoder_release = responses_decoder_release,
    .encoder_init = responses_encoder_init,
    .encode = responses_encode,
    .encoder_release = responses_encoder_release,
};
