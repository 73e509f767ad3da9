/* dialect.h - the wire formats spoken here and what is asked in them. */
#ifndef CHAT_DIALECT_H
#define CHAT_DIALECT_H

#include <stdbool.h>

#include "base/slice.h"

enum dialect {
    DIALECT_OPENAI_CHAT,      // Chat Completions
    DIALECT_OPENAI_RESPONSES, // Responses
    DIALECT_ANTHROPIC,        // Messages
    DIALECT_GEMINI,           // generateContent
    DIALECT_OPENAI,           // what OpenAI's two share: lists, embeddings; errors as OPENAI_CHAT
    DIALECT_COUNT
};

enum operation {
    OP_GENERATE,
    OP_COUNT_TOKENS,
    OP_EMBED,
    OP_IMAGE,   // pictures from a prompt
    OP_COMPACT, // a conversation made short, to go on from there
    OP_LIST_MODELS,
    OP_GET_MODEL,
    OP_FILES, // kept at an upstream: put there, listed, fetched, deleted
    OP_COUNT
};

const char *dialect_name(enum dialect d); // as in settings and logs: "openai_chat"
bool dialect_parse(struct slice name, enum dialect *out);
const char *operation_name(enum operation op); // "generate"

/* What OP_FILES does. */
enum file_act { FILE_NONE, FILE_UPLOAD, FILE_LIST, FILE_GET, FILE_CONTENT, FILE_DELETE };

/* Who stands behind the dialect, where that makes a difference. */
enum chat_host {
    HOST_VENDOR,     // the dialect's own: api.openai.com, api.anthropic.com, AI Studio
    HOST_COMPATIBLE, // somebody who copies it: "system" instead of "developer", max_tokens, ...
    HOST_VERTEX,     // Gemini without call ids
};

/* How an answer's bytes are framed. */
enum framing {
    FRAMING_BODY,  // one JSON document
    FRAMING_SSE,   // server-sent events
    FRAMING_ARRAY, // Gemini's stream without alt=sse: one JSON array, element by element
};

#endif
