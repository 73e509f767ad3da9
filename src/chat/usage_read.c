/* usage_read.c - the usage objects of each dialect as tokens by kind. */
#include "chat/usage_read.h"

#include "base/array.h"
#include "chat/peek.h"
#include "json/raw.h"
#include "json/skip.h"

/* What vendors count, under whatever names. */
enum figure {
    PROMPT, // OpenAI, Gemini: all input; Anthropic: what the cache did not serve
    COMPLETION,
    TOTAL,
    TOOL_PROMPT, // Gemini: input made by its own tools, beside PROMPT
    CACHED,
    WRITTEN, // into the cache, for whatever time
    WRITTEN_SHORT,
    WRITTEN_LONG,
    REASONING,
    AUDIO_IN, // behind each of sound, that of pictures
    IMAGE_IN,
    AUDIO_CACHED,
    IMAGE_CACHED,
    AUDIO_OUT,
    IMAGE_OUT,
    SEARCHES,
    FIGURE_COUNT
};

struct figures {
    int64_t of[FIGURE_COUNT];
    uint32_t seen; // one bit per figure
};

/*
 * A key, and what stands under it: a figure, an object with keys of its own, or
 * Gemini's list by modality, where `figure` is that of sound.
 */
struct figure_key {
    struct slice key;
    enum figure figure;
    const struct figure_key *inner; // [inner_count]
    size_t inner_count;
};

#define FIGURE(key, figure)                     \
    {                                           \
        {key, sizeof(key) - 1}, figure, NULL, 0 \
    }
#define INNER(key, table)                                             \
    {                                                                 \
        {key, sizeof(key) - 1}, FIGURE_COUNT, table, ARRAY_LEN(table) \
    }

/* What is written lives for thirty minutes unless this says otherwise; with DashScope, for five. */
static const struct figure_key openai_written[] = {
    FIGURE("ttl_12h_tokens", WRITTEN_LONG),
};

static const struct figure_key openai_input[] = {
    FIGURE("cached_tokens", CACHED),
    FIGURE("cache_write_tokens", WRITTEN),
    FIGURE("cache_creation_input_tokens", WRITTEN_SHORT),
    FIGURE("audio_tokens", AUDIO_IN),
    FIGURE("image_tokens", IMAGE_IN),
    INNER("cache_write_tokens_details", openai_written),
};

static const struct figure_key openai_output[] = {
    FIGURE("reasoning_tokens", REASONING),
    FIGURE("audio_tokens", AUDIO_OUT),
    FIGURE("image_tokens", IMAGE_OUT),
};

/*
 * DeepSeek: prompt_cache_hit_tokens; Moonshot: cached_tokens; Perplexity: num_search_queries; xAI
 * bills by the source: num_sources_used.
 */
static const struct figure_key openai[] = {
    FIGURE("prompt_tokens", PROMPT),
    FIGURE("completion_tokens", COMPLETION),
    FIGURE("total_tokens", TOTAL),
    INNER("prompt_tokens_details", openai_input),
    INNER("completion_tokens_details", openai_output),
    FIGURE("input_tokens", PROMPT),
    FIGURE("output_tokens", COMPLETION),
    INNER("input_tokens_details", openai_input),
    INNER("output_tokens_details", openai_output),
    FIGURE("prompt_cache_hit_tokens", CACHED),
    FIGURE("cached_tokens", CACHED),
    FIGURE("num_search_queries", SEARCHES),
    FIGURE("num_sources_used", SEARCHES),
};

static const struct figure_key anthropic_written[] = {
    FIGURE("ephemeral_5m_input_tokens", WRITTEN_SHORT),
    FIGURE("ephemeral_1h_input_tokens", WRITTEN_LONG),
};

static const struct figure_key anthropic_output[] = {
    FIGURE("thinking_tokens", REASONING),
};

/* What is fetched costs the tokens that it is, and nothing for the use. */
static const struct figure_key anthropic_tools[] = {
    FIGURE("web_search_requests", SEARCHES),
};

static const struct figure_key anthropic[] = {
    FIGURE("input_tokens", PROMPT),
    FIGURE("output_tokens", COMPLETION),
    FIGURE("cache_read_input_tokens", CACHED),
    FIGURE("cache_creation_input_tokens", WRITTEN),
    INNER("cache_creation", anthropic_written),
    INNER("output_tokens_details", anthropic_output),
    INNER("server_tool_use", anthropic_tools),
};

static const struct figure_key gemini[] = {
    FIGURE("promptTokenCount", PROMPT),
    FIGURE("candidatesTokenCount", COMPLETION),
    FIGURE("toolUsePromptTokenCount", TOOL_PROMPT),
    FIGURE("cachedContentTokenCount", CACHED),
    FIGURE("thoughtsTokenCount", REASONING),
    FIGURE("promptTokensDetails", AUDIO_IN),
    FIGURE("cacheTokensDetails", AUDIO_CACHED),
    FIGURE("candidatesTokensDetails", AUDIO_OUT),
};

static int64_t at_most(int64_t value, int64_t bound)
{
    return value < bound ? value : bound;
}

static int64_t sum(int64_t a, int64_t b)
{
    return at_most(a + b, PEEK_COUNT_MAX);
}

/* Takes up to `part` out of `whole` and answers how much that was. */
static int64_t take(int64_t *whole, int64_t part)
{
    part = at_most(part, *whole);
    *whole -= part;
    return part;
}

static bool has(const struct figures *f, enum figure figure)
{
    return f->seen >> figure & 1;
}

/* A figure that stands there under two names is the larger of both. */
static void put(struct figures *f, enum figure figure, struct slice value)
{
    int64_t count;

    if (!peek_count(value, &count))
        return;
    if (f->of[figure] < count)
        f->of[figure] = count;
    f->seen |= (uint32_t)1 << figure;
}

/* [{"modality":"AUDIO","tokenCount":9}, ...]: what of it is sound, what pictures. */
static void read_modalities(struct figures *f, struct slice list, enum figure sound)
{
    struct peek p = peek_into(list);
    struct slice none, entry, key, value;

    while (peek_next(&p, &none, &entry)) {
        struct peek inside = peek_into(entry);
        struct slice modality = {NULL, 0}, count = {NULL, 0};

        while (peek_next(&inside, &key, &value)) {
            if (slice_eq(key, SLICE("modality")))
                modality = value;
            else if (slice_eq(key, SLICE("tokenCount")))
                count = value;
        }
        if (slice_eq(modality, SLICE("\"AUDIO\"")))
            put(f, sound, count);
        else if (slice_eq(modality, SLICE("\"IMAGE\"")))
            put(f, sound + 1, count);
    }
}

/* Tables nest at most twice, and so does this. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the constant tables above
static void read_figures(struct figures *f, struct slice object, const struct figure_key *keys,
                         size_t count)
{
    struct peek p = peek_into(object);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (key.len != keys[i].key.len || !json_same(key.ptr, keys[i].key.ptr, key.len))
                continue;
            if (keys[i].inner)
                read_figures(f, value, keys[i].inner, keys[i].inner_count);
            else if (keys[i].figure >= AUDIO_IN && json_is_array(value))
                read_modalities(f, value, keys[i].figure);
            else
                put(f, keys[i].figure, value);
            break;
        }
    }
}

bool usage_read_openai(struct slice object, struct chat_usage *usage)
{
    struct figures f = {0};
    int64_t *tokens = usage->tokens, in, out, beyond;

    read_figures(&f, object, openai, ARRAY_LEN(openai));
    if (!has(&f, PROMPT) && !has(&f, COMPLETION))
        return false;
    in = f.of[PROMPT];
    out = f.of[COMPLETION];

    /* xAI leaves reasoning out of what was completed, but not out of the total. */
    beyond = f.of[TOTAL] - in - out;
    if (beyond > 0)
        out = sum(out, at_most(f.of[REASONING], beyond));

    *usage = (struct chat_usage){0};
    tokens[USAGE_CACHE_READ] = take(&in, f.of[CACHED]);
    tokens[USAGE_CACHE_WRITE_12H] = take(&in, f.of[WRITTEN_LONG]);
    tokens[USAGE_CACHE_WRITE_5M] = take(&in, f.of[WRITTEN_SHORT]);
    take(&f.of[WRITTEN], f.of[WRITTEN_LONG]);
    tokens[USAGE_CACHE_WRITE_30M] = take(&in, f.of[WRITTEN]);
    tokens[USAGE_AUDIO_IN] = take(&in, f.of[AUDIO_IN]);
    tokens[USAGE_IMAGE_IN] = take(&in, f.of[IMAGE_IN]);
    tokens[USAGE_INPUT] = in;
    tokens[USAGE_AUDIO_OUT] = take(&out, f.of[AUDIO_OUT]);
    tokens[USAGE_IMAGE_OUT] = take(&out, f.of[IMAGE_OUT]);
    tokens[USAGE_OUTPUT] = out;
    tokens[USAGE_REASONING] = at_most(f.of[REASONING], out);
    tokens[USAGE_SERVER_TOOLS] = f.of[SEARCHES];
    return true;
}

/*
 * Where an answer took several passes, the figures at the top leave out those that
 * only compacted the context: the sum of `iterations` is what is billed.  A fallback
 * to another model is billed at the top.
 */
static void read_iterations(struct figures *f, struct slice list)
{
    struct peek p = peek_into(list);
    struct figures all = {0};
    struct slice key, entry;

    while (peek_next(&p, &key, &entry)) {
        struct slice type = peek_get(entry, SLICE("type"));
        struct figures one = {0};

        if (slice_eq(type, SLICE("\"fallback_message\"")))
            return;
        if (!slice_eq(type, SLICE("\"message\"")) && !slice_eq(type, SLICE("\"compaction\"")))
            continue;
        read_figures(&one, entry, anthropic, ARRAY_LEN(anthropic));
        for (int i = 0; i < FIGURE_COUNT; i++)
            all.of[i] = sum(all.of[i], one.of[i]);
        all.seen |= one.seen;
    }
    for (enum figure i = 0; i < FIGURE_COUNT; i++)
        if (has(&all, i) && i != SEARCHES)
            f->of[i] = all.of[i];
    f->seen |= all.seen;
}

bool usage_read_anthropic(struct slice object, struct chat_usage *usage)
{
    struct figures f = {0};
    int64_t *tokens = usage->tokens;

    read_figures(&f, object, anthropic, ARRAY_LEN(anthropic));
    read_iterations(&f, peek_get(object, SLICE("iterations")));
    if (!f.seen)
        return false;

    if (has(&f, PROMPT))
        tokens[USAGE_INPUT] = f.of[PROMPT];
    if (has(&f, CACHED))
        tokens[USAGE_CACHE_READ] = f.of[CACHED];
    if (has(&f, WRITTEN_LONG))
        tokens[USAGE_CACHE_WRITE_1H] = f.of[WRITTEN_LONG];
    if (has(&f, WRITTEN)) {
        int64_t left = f.of[WRITTEN];

        tokens[USAGE_CACHE_WRITE_1H] = take(&left, tokens[USAGE_CACHE_WRITE_1H]);
        tokens[USAGE_CACHE_WRITE_5M] = left;
    } else if (has(&f, WRITTEN_SHORT)) {
        tokens[USAGE_CACHE_WRITE_5M] = f.of[WRITTEN_SHORT];
    }
    if (has(&f, COMPLETION))
        tokens[USAGE_OUTPUT] = f.of[COMPLETION];
    if (has(&f, REASONING))
        tokens[USAGE_REASONING] = f.of[REASONING];
    tokens[USAGE_REASONING] = at_most(tokens[USAGE_REASONING], tokens[USAGE_OUTPUT]);
    if (has(&f, SEARCHES))
        tokens[USAGE_SERVER_TOOLS] = f.of[SEARCHES];
    return true;
}

bool usage_read_images(struct slice object, struct chat_usage *usage)
{
    int64_t *tokens = usage->tokens;

    if (!usage_read_openai(object, usage))
        return false;
    if (!tokens[USAGE_IMAGE_OUT]) {
        tokens[USAGE_IMAGE_OUT] = tokens[USAGE_OUTPUT];
        tokens[USAGE_OUTPUT] = 0;
    }
    return true;
}

bool usage_read_gemini(struct slice object, struct chat_usage *usage)
{
    struct figures f = {0};
    int64_t *tokens = usage->tokens, in, out;

    read_figures(&f, object, gemini, ARRAY_LEN(gemini));
    if (!f.seen)
        return false;
    in = sum(f.of[PROMPT], f.of[TOOL_PROMPT]);
    out = f.of[COMPLETION];

    *usage = (struct chat_usage){0};
    tokens[USAGE_CACHE_READ] = take(&in, f.of[CACHED]);
    take(&f.of[AUDIO_IN], f.of[AUDIO_CACHED]); // counted as read from the cache
    take(&f.of[IMAGE_IN], f.of[IMAGE_CACHED]);
    tokens[USAGE_AUDIO_IN] = take(&in, f.of[AUDIO_IN]);
    tokens[USAGE_IMAGE_IN] = take(&in, f.of[IMAGE_IN]);
    tokens[USAGE_INPUT] = in;
    tokens[USAGE_AUDIO_OUT] = take(&out, f.of[AUDIO_OUT]);
    tokens[USAGE_IMAGE_OUT] = take(&out, f.of[IMAGE_OUT]);
    tokens[USAGE_OUTPUT] = sum(out, f.of[REASONING]);
    tokens[USAGE_REASONING] = f.of[REASONING];
    return true;
}

/* "auto" is what was asked for, and no answer to how it was served. */
static const struct {
    struct slice name;
    enum service_tier tier;
} tiers[] = {
    {SLICE_INIT("default"),                SERVICE_STANDARD},
    {SLICE_INIT("standard"),               SERVICE_STANDARD},
    {SLICE_INIT("scale"),                  SERVICE_STANDARD}, // paid for beforehand
    {SLICE_INIT("on_demand"),              SERVICE_STANDARD},
    {SLICE_INIT("provisioned_throughput"), SERVICE_STANDARD}, // too
    {SLICE_INIT("flex"),                   SERVICE_FLEX    },
    {SLICE_INIT("on_demand_flex"),         SERVICE_FLEX    },
    {SLICE_INIT("batch"),                  SERVICE_BATCH   },
    {SLICE_INIT("priority"),               SERVICE_PRIORITY},
    {SLICE_INIT("on_demand_priority"),     SERVICE_PRIORITY},
    {SLICE_INIT("fast"),                   SERVICE_FAST    },
    {SLICE_INIT("ultrafast"),              SERVICE_FAST    },
};

bool usage_read_tier(struct slice literal, enum service_tier *tier)
{
    struct slice name;

    if (!json_string_plain(literal, &name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (slice_eq_nocase(name, tiers[i].name)) {
            *tier = tiers[i].tier;
            return true;
        }
    }
    return false;
}

void usage_read_anthropic_tier(struct slice object, enum service_tier *tier)
{
    if (slice_eq(peek_get(object, SLICE("speed")), SLICE("\"fast\"")))
        *tier = SERVICE_FAST;
    else if (*tier != SERVICE_FAST)
        usage_read_tier(peek_get(object, SLICE("service_tier")), tier);
}

int64_t usage_gemini_searches(struct slice model, int64_t queries)
{
    size_t slash = slice_find_last(model, '/');
    bool by_prompt;

    if (slash != SIZE_MAX)
        model = slice_after(model, slash + 1);
    by_prompt = slice_starts(model, SLICE("gemini-1")) || slice_starts(model, SLICE("gemini-2"));
    return by_prompt && queries > 1 ? 1 : queries;
}

bool usage_is_search(struct slice item)
{
    struct slice action;

    if (!slice_eq(peek_get(item, SLICE("type")), SLICE("\"web_search_call\"")))
        return false;
    action = peek_get(peek_get(item, SLICE("action")), SLICE("type"));
    return !action.len || slice_eq(action, SLICE("\"search\""));
}
