/* anthropic.c - the codec of Anthropic's Messages. */
#include "chat/anthropic_inside.h"

const struct codec codec_anthropic = {
    .dialect = DIALECT_ANTHROPIC,
    .read_request = anthropic_read_request,
    .write_request = anthropic_write_request,
    .decoder_size = sizeof(struct anthropic_decoder),
    .encoder_size = sizeof(struct anthropic_encoder),
    .decoder_init = anthropic_decoder_init,
    .decode = anthropic_decode,
    .decode_whole = anthropic_decode_whole,
    .decode_end = anthropic_decode_end,
    .decoder_release = anthropic_decoder_release,
    .encoder_init = anthropic_encoder_init,
    .encode = anthropic_encode,
    .encoder_release = anthropic_encoder_release,
};
