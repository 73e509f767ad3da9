/* openai_chat.c - Chat Completions (protocols/openai-chat.md): the table of its codec. */
#include "chat/codec.h"
#include "chat/openai_chat_decoder.h"
#include "chat/openai_chat_encoder.h"
#include "chat/openai_chat_inside.h"

const struct codec codec_openai_chat = {
    .dialect = DIALECT_OPENAI_CHAT,
    .read_request = openai_chat_read_request,
    .write_request = openai_chat_write_request,
    .decoder_size = sizeof(struct openai_chat_decoder),
    .encoder_size = sizeof(struct openai_chat_encoder),
    .decoder_init = openai_chat_decoder_init,
    .decode = openai_chat_decode,
    .decode_whole = openai_chat_decode_whole,
    .decode_end = openai_chat_decode_end,
    .decoder_release = openai_chat_decoder_release,
    .encoder_init = openai_chat_encoder_init,
    .encode = openai_chat_encode,
    .encoder_release = openai_chat_encoder_release,
};
