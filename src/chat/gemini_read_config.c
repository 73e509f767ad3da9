/* gemini_read_config.c - generationConfig: sampling, form and thought of the answer. */
#include "base/array.h"
#include "chat/gemini_inside.h"
#include "json/raw.h"

/* Carried as they were written. */
static const struct {
    struct slice key;
    size_t offset; // of a struct slice in struct chat_request
} numbers[] = {
    {SLICE_INIT("temperature"),      offsetof(struct chat_request, temperature)      },
    {SLICE_INIT("topP"),             offsetof(struct chat_request, top_p)            },
    {SLICE_INIT("topK"),             offsetof(struct chat_request, top_k)            },
    {SLICE_INIT("presencePenalty"),  offsetof(struct chat_request, presence_penalty) },
    {SLICE_INIT("frequencyPenalty"), offsetof(struct chat_request, frequency_penalty)},
    {SLICE_INIT("seed"),             offsetof(struct chat_request, seed)             },
};

static const struct {
    struct slice key;
    size_t offset; // of an int64_t
} counts[] = {
    {SLICE_INIT("maxOutputTokens"), offsetof(struct chat_request, max_output)  },
    {SLICE_INIT("candidateCount"),  offsetof(struct chat_request, n)           },
    {SLICE_INIT("logprobs"),        offsetof(struct chat_request, top_logprobs)},
};

/* Nobody else has these. */
static const struct slice own[] = {
    SLICE_INIT(GEMINI_CONFIG "mediaResolution"),
    SLICE_INIT(GEMINI_CONFIG "speechConfig"),
    SLICE_INIT(GEMINI_CONFIG "imageConfig"),
    SLICE_INIT(GEMINI_CONFIG "audioTimestamp"),
    SLICE_INIT(GEMINI_CONFIG "responseFormat"),
    SLICE_INIT(GEMINI_CONFIG "routingConfig"),
    SLICE_INIT(GEMINI_CONFIG "modelConfig"),
    SLICE_INIT(GEMINI_CONFIG "audioConfig"),
    SLICE_INIT(GEMINI_CONFIG "translateConfig"),
    SLICE_INIT(GEMINI_CONFIG "modelSelectionConfig"),
    SLICE_INIT(GEMINI_CONFIG "enableAffectiveDialog"),
    SLICE_INIT(GEMINI_CONFIG "enableEnhancedCivicAnswers"),
};

static const char *place(struct gemini_reader *g, struct slice key)
{
    return arena_printf(g->arena, GEMINI_CONFIG "%.*s", SLICE_ARG(key)).ptr;
}

static enum err read_number(struct gemini_reader *g, struct slice key, const struct json *v,
                            struct slice *out)
{
    struct slice literal = v->source, inside;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (json_is(v, JSON_STRING) && json_string_plain(literal, &inside))
        literal = inside;
    if (!json_is_number(literal))
        return gemini_refuse(g, place(g, key), "expected a number");
    *out = literal;
    return ERR_NONE;
}

static enum err read_stops(struct gemini_reader *g, const struct json *v)
{
    struct chat_request *r = g->r;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, GEMINI_CONFIG "stopSequences", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    r->stops = arena_array(g->arena, struct chat_text, v->count);
    r->stop_count = 0;
    json_for_each(at, v) {
        if (gemini_expect(g, GEMINI_CONFIG "stopSequences", at, JSON_STRING) != ERR_NONE)
            return g->e->code;
        r->stops[r->stop_count++] = text_of(at);
    }
    return ERR_NONE;
}

static enum err read_mime(struct gemini_reader *g, const struct json *v)
{
    struct slice mime = json_str(g->arena, v);

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (!mime.ptr)
        return gemini_refuse(g, GEMINI_CONFIG "responseMimeType", "expected a string");
    if (slice_eq(mime, SLICE("text/x.enum")))
        chat_ext_add(g->r, DIALECT_GEMINI, SLICE(GEMINI_CONFIG "responseMimeType"), v->source);
    else if (slice_eq(mime, SLICE("text/plain")))
        g->r->format.kind = g->r->format.kind ? g->r->format.kind : FORMAT_TEXT;
    else if (!slice_eq(mime, SLICE("application/json")))
        gemini_unknown(g, GEMINI_CONFIG, v);
    else if (g->r->format.kind != FORMAT_SCHEMA)
        g->r->format.kind = FORMAT_JSON;
    return ERR_NONE;
}

/* Either kind of schema stands for its format, whichever comes first. */
static enum err read_schema(struct gemini_reader *g, const struct json *v, bool is_legacy)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(
            g, is_legacy ? GEMINI_CONFIG "responseSchema" : GEMINI_CONFIG "responseJsonSchema", v,
            JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    g->r->format.kind = FORMAT_SCHEMA;
    g->r->format.schema = is_legacy ? gemini_schema(g->arena, v) : v->source;
    return ERR_NONE;
}

/* Text alone is what everybody answers with. */
static enum err read_modalities(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, GEMINI_CONFIG "responseModalities", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (!slice_eq_nocase(at->source, SLICE("\"TEXT\"")))
            g->r->modalities = v->source;
    }
    return ERR_NONE;
}

static enum err read_level(struct gemini_reader *g, const struct json *v)
{
    struct slice level = json_str(g->arena, v);

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (!level.ptr)
        return gemini_refuse(g, GEMINI_CONFIG "thinkingConfig.thinkingLevel", "expected a string");
    if (!chat_effort_parse(level, &g->r->reasoning.effort) &&
        !slice_eq(level, SLICE("THINKING_LEVEL_UNSPECIFIED")))
        chat_note(g->r, GEMINI_CONFIG "thinkingConfig.thinkingLevel");
    return ERR_NONE;
}

static enum err read_budget(struct gemini_reader *g, const struct json *v)
{
    int64_t budget = BUDGET_UNSET;

    if (gemini_read_int(g, GEMINI_CONFIG "thinkingConfig.thinkingBudget", v, &budget) != ERR_NONE)
        return g->e->code;
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (budget < BUDGET_DYNAMIC)
        return gemini_refuse(g, GEMINI_CONFIG "thinkingConfig.thinkingBudget",
                             "expected a number of tokens, or -1");
    g->r->reasoning.budget = budget;
    return ERR_NONE;
}

static enum err read_thinking(struct gemini_reader *g, const struct json *v)
{
    enum err code = ERR_NONE;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, GEMINI_CONFIG "thinkingConfig", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (gemini_key_is(at, SLICE("includeThoughts")))
            code = gemini_read_flag(g, GEMINI_CONFIG "thinkingConfig.includeThoughts", at,
                                    &g->r->reasoning.show);
        else if (gemini_key_is(at, SLICE("thinkingBudget")))
            code = read_budget(g, at);
        else if (gemini_key_is(at, SLICE("thinkingLevel")))
            code = read_level(g, at);
        else
            gemini_unknown(g, GEMINI_CONFIG "thinkingConfig.", at);
        if (code != ERR_NONE)
            return code;
    }
    g->r->reasoning.off = g->r->reasoning.budget == 0 || g->r->reasoning.effort == EFFORT_NONE;
    return ERR_NONE;
}

static enum err read_other(struct gemini_reader *g, const struct json *at)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (gemini_key_is(at, slice_after(own[i], sizeof(GEMINI_CONFIG) - 1))) {
            if (!json_is(at, JSON_NULL))
                chat_ext_add(g->r, DIALECT_GEMINI, own[i], at->source);
            return ERR_NONE;
        }
    }
    gemini_unknown(g, GEMINI_CONFIG, at);
    return ERR_NONE;
}

static enum err read_field(struct gemini_reader *g, const struct json *at)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (gemini_key_is(at, numbers[i].key))
            return read_number(g, numbers[i].key, at,
                               (struct slice *)(void *)((char *)g->r + numbers[i].offset));
    }
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t *count = (int64_t *)(void *)((char *)g->r + counts[i].offset);

        if (!gemini_key_is(at, counts[i].key))
            continue;
        if (gemini_read_int(g, place(g, counts[i].key), at, count) == ERR_NONE && *count < 0)
            gemini_refuse(g, place(g, counts[i].key), "expected a number from 0");
        return g->e->code;
    }
    if (gemini_key_is(at, SLICE("stopSequences")))
        return read_stops(g, at);
    if (gemini_key_is(at, SLICE("responseMimeType")))
        return read_mime(g, at);
    if (gemini_key_is(at, SLICE("responseSchema")))
        return read_schema(g, at, true);
    if (gemini_key_is(at, SLICE("responseJsonSchema")) ||
        slice_eq(at->key, SLICE("_responseJsonSchema")))
        return read_schema(g, at, false);
    if (gemini_key_is(at, SLICE("responseLogprobs")))
        return gemini_read_flag(g, GEMINI_CONFIG "responseLogprobs", at, &g->r->logprobs);
    if (gemini_key_is(at, SLICE("responseModalities")))
        return read_modalities(g, at);
    if (gemini_key_is(at, SLICE("thinkingConfig")))
        return read_thinking(g, at);
    return read_other(g, at);
}

enum err gemini_read_config(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, "generationConfig", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (read_field(g, at) != ERR_NONE)
            return g->e->code;
    }
    return ERR_NONE;
}
