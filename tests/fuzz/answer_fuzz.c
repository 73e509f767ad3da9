/*
 * answer_fuzz.c - any bytes as an upstream's answer, on the way to any client.  The first three
 * bytes choose: client and upstream, whether it is a stream and what shape did to the request's
 * tools, and where the stream is cut.
 */
#include <stddef.h>
#include <stdint.h>

#include "chat/answer_test_kit.h"

#define CHOICES ((size_t)3)
#define STREAM  1U
#define CHANGED 2U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    struct exchange x = {0};
    struct arena a;

    if (size < CHOICES)
        return 0;
    text = slice_after(text, CHOICES);
    x.client = dialects[data[0] % 4];
    x.upstream = dialects[data[0] / 4 % 4];
    x.is_stream = data[1] & STREAM;
    x.is_hostile = true;
    arena_init(&a, 0);
    chat_request_init(&x.request, &a, x.client);
    x.request.include_usage = true; // else a stream of Chat says less than a whole answer
    if (data[1] & CHANGED)
        change_tools(&x.request);
    answer_check(&x, text, text.len * data[2] / 256);
    arena_release(&a);
    return 0;
}
