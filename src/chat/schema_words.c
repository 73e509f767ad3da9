/* schema_words.c - the words of a JSON schema, and what becomes of each. */
#include "chat/schema_words.h"

#include "base/array.h"
#include "json/raw.h"

const char *const schema_words[SCHEMA_WORD_COUNT] = {
#define WORD(name, text, gemini, anthropic, openai) text,
#include "chat/schema_words.def"
#undef WORD
};

static const unsigned char lengths[SCHEMA_WORD_COUNT] = {
#define WORD(name, text, gemini, anthropic, openai) sizeof(text) - 1,
#include "chat/schema_words.def"
#undef WORD
};

static const unsigned char acts[SCHEMA_WORD_COUNT][SCHEMA_TARGET_COUNT] = {
#define WORD(name, text, gemini, anthropic, openai) {gemini, anthropic, openai},
#include "chat/schema_words.def"
#undef WORD
};

enum schema_word schema_word_find(struct slice name)
{
    for (size_t i = 0; i < SCHEMA_WORD_COUNT; i++) {
        if (name.len == lengths[i] && name.ptr[0] == schema_words[i][0] &&
            memcmp(name.ptr, schema_words[i], name.len) == 0)
            return (enum schema_word)i;
    }
    return SCHEMA_WORD_COUNT;
}

bool schema_type_is(const struct json *type, const char *name)
{
    if (json_is(type, JSON_STRING))
        return json_string_eq(type->source, slice_str(name));
    json_for_each(at, type) {
        if (json_is(at, JSON_STRING) && json_string_eq(at->source, slice_str(name)))
            return true;
    }
    return false;
}

/* Those of MAKE that may turn out to be something else. */
typedef enum schema_act act_fn(enum schema_target target, const struct schema_node *n,
                               const struct json *v);

static bool is_any_of(const struct json *v, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_is(v, JSON_STRING) && json_string_eq(v->source, slice_str(names[i])))
            return true;
    }
    return false;
}

static enum schema_act act_format(enum schema_target target, const struct schema_node *n,
                                  const struct json *v)
{
    static const char *const gemini[] = {"date-time", "date",   "time",  "enum",
                                         "float",     "double", "int32", "int64"};
    static const char *const others[] = {"date-time", "time", "date", "duration", "email",
                                         "hostname",  "ipv4", "ipv6", "uuid",     "uri"};

    (void)n;
    switch (target) {
    case FOR_GEMINI: return is_any_of(v, gemini, ARRAY_LEN(gemini)) ? KEEP : TELL;
    case FOR_ANTHROPIC: return is_any_of(v, others, ARRAY_LEN(others)) ? KEEP : TELL;
    case FOR_OPENAI: return is_any_of(v, others, ARRAY_LEN(others) - 1) ? KEEP : TELL; // no "uri"
    case SCHEMA_TARGET_COUNT: break;
    }
    return DROP;
}

/* OpenAI's regular expressions do not look around. */
static enum schema_act act_pattern(enum schema_target target, const struct schema_node *n,
                                   const struct json *v)
{
    static const char *const marks[] = {"(?=", "(?!", "(?<=", "(?<!"};

    (void)target;
    (void)n;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (slice_find_slice(v->source, slice_str(marks[i])) != SIZE_MAX)
            return TELL;
    }
    return KEEP;
}

/* Anthropic knows "any number" and "at least one". */
static enum schema_act act_min_items(enum schema_target target, const struct schema_node *n,
                                     const struct json *v)
{
    int64_t number;

    (void)target;
    (void)n;
    return json_to_int(v, &number) && number >= 0 && number <= 1 ? KEEP : TELL;
}

static enum schema_act act_items(enum schema_target target, const struct schema_node *n,
                                 const struct json *v)
{
    (void)n;
    if (json_is(v, JSON_ARRAY)) // a tuple, in the older way
        return target == FOR_GEMINI ? MANY : TELL;
    if (json_is(v, JSON_OBJECT))
        return ONE;
    return json_is(v, JSON_TRUE) ? MAKE : DROP;
}

static enum schema_act act_const(enum schema_target target, const struct schema_node *n,
                                 const struct json *v)
{
    (void)target;
    if (!schema_enum_takes(v))
        return TELL;
    return n->at[WORD_ENUM] ? DROP : MAKE;
}

static enum schema_act act_enum(enum schema_target target, const struct schema_node *n,
                                const struct json *v)
{
    size_t good = 0;

    (void)target;
    (void)n;
    json_for_each(at, v)
        good += schema_enum_takes(at);
    if (!json_is(v, JSON_ARRAY) || !good)
        return TELL;
    return good == v->count ? KEEP : MAKE;
}

static enum schema_act act_minimum(enum schema_target target, const struct schema_node *n,
                                   const struct json *v)
{
    (void)target;
    return json_is(v, JSON_NUMBER) && !n->at[WORD_MINIMUM] ? MAKE : DROP;
}

static enum schema_act act_maximum(enum schema_target target, const struct schema_node *n,
                                   const struct json *v)
{
    (void)target;
    return json_is(v, JSON_NUMBER) && !n->at[WORD_MAXIMUM] ? MAKE : DROP;
}

static act_fn *const deciders[SCHEMA_WORD_COUNT] = {
    [WORD_FORMAT] = act_format,
    [WORD_PATTERN] = act_pattern,
    [WORD_MIN_ITEMS] = act_min_items,
    [WORD_ITEMS] = act_items,
    [WORD_CONST] = act_const,
    [WORD_ENUM] = act_enum,
    [WORD_EXCLUSIVE_MINIMUM] = act_minimum,
    [WORD_EXCLUSIVE_MAXIMUM] = act_maximum,
};

static enum schema_act act_of(enum schema_target target, const struct schema_node *n,
                              enum schema_word word)
{
    const struct json *v = n->at[word];
    enum schema_act act = (enum schema_act)acts[word][target];

    if (act == MAKE && deciders[word])
        return deciders[word](target, n, v);
    if (act == ONE && !json_is(v, JSON_OBJECT))
        return json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE) ? KEEP : DROP;
    if ((act == MANY && !json_is(v, JSON_ARRAY)) || (act == NAMED && !json_is(v, JSON_OBJECT)))
        return DROP;
    if (word == WORD_ONE_OF && n->at[WORD_ANY_OF])
        return TELL; // it would become a second anyOf
    return act;
}

void schema_node_init(struct schema_node *n, enum schema_target target, const struct json *v)
{
    const struct json *type;

    memset(n->at, 0, sizeof(n->at));
    n->count = 0;
    n->more = n->or_null = false;
    n->told = (struct slice){0};
    json_for_each(at, v) {
        enum schema_word word = schema_word_find(at->key);

        if (word == SCHEMA_WORD_COUNT || n->at[word])
            n->more = true;
        else
            n->words[n->count++] = (unsigned char)word;
        if (word != SCHEMA_WORD_COUNT)
            n->at[word] = at;
    }
    for (size_t i = 0; i < n->count; i++)
        n->acts[n->words[i]] = (unsigned char)act_of(target, n, (enum schema_word)n->words[i]);
    type = n->at[WORD_TYPE];
    n->object = type ? schema_type_is(type, "object") : n->at[WORD_PROPERTIES] != NULL;
}
