/* gemini_fuzz.c - any bytes as Gemini's generateContent: see codec_kit.h. */
#include "codec_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_codec(&codec_gemini, data, size);
}
