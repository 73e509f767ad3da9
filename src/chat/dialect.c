/* dialect.c - the names of wire formats and operations. */
#include "chat/dialect.h"

#include <assert.h>

static const char *const dialect_names[DIALECT_COUNT] = {
    [DIALECT_OPENAI_CHAT] = "openai_chat", [DIALECT_OPENAI_RESPONSES] = "openai_responses",
    [DIALECT_ANTHROPIC] = "anthropic",     [DIALECT_GEMINI] = "gemini",
    [DIALECT_OPENAI] = "openai",
};

static const char *const operation_names[OP_COUNT] = {
    [OP_GENERATE] = "generate",   [OP_COUNT_TOKENS] = "count_tokens",
    [OP_EMBED] = "embed",         [OP_IMAGE] = "image",
    [OP_COMPACT] = "compact",     [OP_LIST_MODELS] = "list_models",
    [OP_GET_MODEL] = "get_model", [OP_FILES] = "files",
};

const char *dialect_name(enum dialect d)
{
    assert(d < DIALECT_COUNT);
    return dialect_names[d];
}

bool dialect_parse(struct slice name, enum dialect *out)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (slice_eq(name, slice_str(dialect_names[d]))) {
            *out = (enum dialect)d;
            return true;
        }
    return false;
}

const char *operation_name(enum operation op)
{
    assert(op < OP_COUNT);
    return operation_names[op];
}
