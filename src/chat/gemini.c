/* gemini.c - the codec of generateContent. */
#include "chat/gemini_decode.h"
#include "chat/gemini_encode.h"
#include "chat/gemini_inside.h"

const struct codec codec_gemini = {
    .dialect = DIALECT_GEMINI,
    .read_request = gemini_read_request,
    .write_request = gemini_write_request,
    .decoder_size = sizeof(struct gemini_decoder),
    .encoder_size = sizeof(struct gemini_encoder),
    .decoder_init = gemini_decoder_init,
    .decode = gemini_decode,
    .decode_whole = gemini_decode_whole,
    .decode_end = gemini_decode_end,
    .decoder_release = gemini_decoder_release,
    .encoder_init = gemini_encoder_init,
    .encode = gemini_encode,
    .encoder_release = gemini_encoder_release,
};
