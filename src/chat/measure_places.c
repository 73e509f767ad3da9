/* measure_places.c - where in a request of each dialect media and limits stand. */
#include "chat/measure_places.h"

#include "base/array.h"

enum place {
#define PLACE(name, kind, medium) PLACE_##name,
#define INTO(key, place)
#define RULE(key, act, arg)
#define END(name)
#include "chat/measure_places.def"
#undef PLACE
#undef INTO
#undef RULE
#undef END
};

#define PLACE(name, kind, medium) static const struct measure_rule rules_##name[] = {
#define INTO(key, place)          {SLICE_INIT(key), MEASURE_INTO, PLACE_##place},
#define RULE(key, act, arg)       {SLICE_INIT(key), MEASURE_##act, arg},
#define END(name) \
    }             \
    ;
#include "chat/measure_places.def"
#undef PLACE
#undef INTO
#undef RULE
#undef END

static const struct measure_place places[] = {
#define PLACE(name, kind, medium) {rules_##name, ARRAY_LEN(rules_##name), MEASURE_##kind, medium},
#define INTO(key, place)
#define RULE(key, act, arg)
#define END(name)
#include "chat/measure_places.def"
#undef PLACE
#undef INTO
#undef RULE
#undef END
};

const struct measure_place *measure_place(int number)
{
    return &places[number];
}

int measure_top(enum dialect d, enum operation op)
{
    if (op == OP_IMAGE && d != DIALECT_GEMINI)
        return PLACE_PICTURES;
    switch (d) {
    case DIALECT_OPENAI_RESPONSES: return PLACE_RESPONSES;
    case DIALECT_ANTHROPIC: return PLACE_MESSAGES;
    case DIALECT_GEMINI: return PLACE_GEMINI;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return PLACE_CHAT;
}
