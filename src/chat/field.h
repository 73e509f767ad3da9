/* field.h - the fields of a request by name, in the client's words. */
#ifndef CHAT_FIELD_H
#define CHAT_FIELD_H

#include "chat/dialect.h"

enum chat_field {
#define FIELD(name, chat, responses, anthropic, gemini) FIELD_##name,
#include "chat/field.def"
#undef FIELD
    FIELD_COUNT
};

/** For notes and errors: "seed" or "generationConfig.seed". */
const char *chat_field_name(enum dialect client, enum chat_field field);

#endif
