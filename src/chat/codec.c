/* codec.c - which dialects there is a codec for. */
#include "chat/codec.h"

const struct codec *codec_find(enum dialect d)
{
    switch (d) {
    case DIALECT_OPENAI_CHAT: return &codec_openai_chat;
    case DIALECT_OPENAI_RESPONSES: return &codec_openai_responses;
    case DIALECT_ANTHROPIC: return &codec_anthropic;
    case DIALECT_GEMINI: return &codec_gemini;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return NULL;
}
