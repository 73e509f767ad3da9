/* schema_words.h - the words of a JSON schema, and what becomes of each.  For schema*.c. */
#ifndef CHAT_SCHEMA_WORDS_H
#define CHAT_SCHEMA_WORDS_H

#include <stdbool.h>

#include "base/slice.h"
#include "json/tree.h"

enum schema_word {
#define WORD(name, text, gemini, anthropic, openai) WORD_##name,
#include "chat/schema_words.def"
#undef WORD
    SCHEMA_WORD_COUNT // an unknown one
};

enum schema_target {
    FOR_GEMINI,
    FOR_ANTHROPIC, // strict
    FOR_OPENAI,    // strict
    SCHEMA_TARGET_COUNT
};

enum schema_act {
    KEEP,  // as it is written
    DROP,  // left out
    TELL,  // left out, and said in the description
    ONE,   // a schema, or true or false
    MANY,  // an array of schemas
    NAMED, // an object of schemas: the properties
    MAKE,  // written anew; it may also depend on the value which of these it is
};

/* One schema's members, by word; of equal ones the last. */
struct schema_node {
    const struct json *at[SCHEMA_WORD_COUNT];
    unsigned char words[SCHEMA_WORD_COUNT]; // [count], those that are there, in order
    unsigned char acts[SCHEMA_WORD_COUNT];  // by word, of those that are there: enum schema_act
    size_t count;
    bool more;         // something else stood there: unknown, or said twice
    bool object;       // it describes one
    bool or_null;      // OpenAI: it was optional
    struct slice told; // what the description has to say beyond its own text
};

extern const char *const schema_words[SCHEMA_WORD_COUNT];

enum schema_word schema_word_find(struct slice name);

/** `v` is an object, or NULL. */
void schema_node_init(struct schema_node *n, enum schema_target target, const struct json *v);

/** Does `type` (a string or an array of them) say this? */
bool schema_type_is(const struct json *type, const char *name);

/** May it stand in Gemini's enum? */
static inline bool schema_enum_takes(const struct json *v)
{
    return json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER);
}

#endif
