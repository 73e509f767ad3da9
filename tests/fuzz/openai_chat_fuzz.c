/* openai_chat_fuzz.c - any bytes as OpenAI's Chat Completions: see codec_kit.h. */
#include "codec_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_codec(&codec_openai_chat, data, size);
}
