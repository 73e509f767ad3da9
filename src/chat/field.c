/* field.c - the fields of a request by name, in the client's words. */
#include "chat/field.h"

static const char *const names[FIELD_COUNT][DIALECT_GEMINI + 1] = {
#define FIELD(name, chat, responses, anthropic, gemini) {chat, responses, anthropic, gemini},
#include "chat/field.def"
#undef FIELD
};

const char *chat_field_name(enum dialect client, enum chat_field field)
{
    return names[field][client > DIALECT_GEMINI ? DIALECT_OPENAI_CHAT : client];
}
