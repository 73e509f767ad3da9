/* openai_responses_fuzz.c - any bytes as OpenAI's Responses: see codec_kit.h. */
#include "codec_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_codec(&codec_openai_responses, data, size);
}
