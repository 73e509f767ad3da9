/* openai_shared.c - what Chat Completions and Responses have in common. */
#include "chat/openai_shared.h"

#include "base/array.h"
#include "chat/peek.h"
#include "json/raw.h"

/* Kinds are disjoint, so sums are of at most seven counts below 2^53. */
static int64_t input_of(const struct chat_usage *u)
{
    int64_t sum = 0;

    for (size_t kind = USAGE_INPUT; kind <= USAGE_IMAGE_IN; kind++)
        sum += u->tokens[kind];
    return sum;
}

static int64_t output_of(const struct chat_usage *u)
{
    return u->tokens[USAGE_OUTPUT] + u->tokens[USAGE_AUDIO_OUT] + u->tokens[USAGE_IMAGE_OUT];
}

static int64_t written_of(const struct chat_usage *u)
{
    return u->tokens[USAGE_CACHE_WRITE_5M] + u->tokens[USAGE_CACHE_WRITE_30M] +
           u->tokens[USAGE_CACHE_WRITE_1H] + u->tokens[USAGE_CACHE_WRITE_12H];
}

static void member_int(struct json_writer *w, struct slice key, int64_t value)
{
    json_key(w, key);
    json_value_int(w, value);
}

static void member_unless_zero(struct json_writer *w, struct slice key, int64_t value)
{
    if (value)
        member_int(w, key, value);
}

static void write_input_details(struct json_writer *w, const struct chat_usage *u)
{
    member_unless_zero(w, SLICE("audio_tokens"), u->tokens[USAGE_AUDIO_IN]);
    member_unless_zero(w, SLICE("image_tokens"), u->tokens[USAGE_IMAGE_IN]);
    if (u->tokens[USAGE_CACHE_WRITE_12H]) {
        json_key(w, SLICE("cache_write_tokens_details"));
        json_open_object(w);
        member_int(w, SLICE("ttl_30m_tokens"), written_of(u) - u->tokens[USAGE_CACHE_WRITE_12H]);
        member_int(w, SLICE("ttl_12h_tokens"), u->tokens[USAGE_CACHE_WRITE_12H]);
        json_close_object(w);
    }
    json_close_object(w);
}

static void write_output_details(struct json_writer *w, const struct chat_usage *u)
{
    json_open_object(w);
    member_int(w, SLICE("reasoning_tokens"), u->tokens[USAGE_REASONING]);
    member_unless_zero(w, SLICE("audio_tokens"), u->tokens[USAGE_AUDIO_OUT]);
    member_unless_zero(w, SLICE("image_tokens"), u->tokens[USAGE_IMAGE_OUT]);
    json_close_object(w);
}

void openai_chat_usage_write(struct json_writer *w, const struct chat_usage *u)
{
    json_open_object(w);
    member_int(w, SLICE("prompt_tokens"), input_of(u));
    member_int(w, SLICE("completion_tokens"), output_of(u));
    member_int(w, SLICE("total_tokens"), input_of(u) + output_of(u));
    json_key(w, SLICE("prompt_tokens_details"));
    json_open_object(w);
    member_int(w, SLICE("cached_tokens"), u->tokens[USAGE_CACHE_READ]);
    member_unless_zero(w, SLICE("cache_write_tokens"), written_of(u));
    write_input_details(w, u);
    json_key(w, SLICE("completion_tokens_details"));
    write_output_details(w, u);
    json_close_object(w);
}

void openai_responses_usage_write(struct json_writer *w, const struct chat_usage *u)
{
    json_open_object(w);
    member_int(w, SLICE("input_tokens"), input_of(u));
    json_key(w, SLICE("input_tokens_details"));
    json_open_object(w);
    member_int(w, SLICE("cached_tokens"), u->tokens[USAGE_CACHE_READ]);
    member_int(w, SLICE("cache_write_tokens"), written_of(u));
    write_input_details(w, u);
    member_int(w, SLICE("output_tokens"), output_of(u));
    json_key(w, SLICE("output_tokens_details"));
    write_output_details(w, u);
    member_int(w, SLICE("total_tokens"), input_of(u) + output_of(u));
    json_close_object(w);
}

/* The first name of a tier is the one that is written. */
static const struct {
    struct slice name;
    enum chat_tier tier;
} tiers[] = {
    {SLICE_INIT("auto"),      TIER_AUTO    },
    {SLICE_INIT("default"),   TIER_DEFAULT },
    {SLICE_INIT("flex"),      TIER_FLEX    },
    {SLICE_INIT("priority"),  TIER_PRIORITY},
    {SLICE_INIT("scale"),     TIER_SCALE   },
    {SLICE_INIT("fast"),      TIER_PRIORITY},
    {SLICE_INIT("ultrafast"), TIER_PRIORITY},
    {SLICE_INIT("standard"),  TIER_DEFAULT },
    {SLICE_INIT("on_demand"), TIER_DEFAULT },
};

enum chat_tier openai_tier_parse(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (slice_eq(tiers[i].name, name))
            return tiers[i].tier;
    }
    return TIER_UNSET;
}

const char *openai_tier_name(enum chat_tier tier)
{
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (tiers[i].tier == tier)
            return tiers[i].name.ptr;
    }
    return NULL;
}

/* What is written without a time lives for thirty minutes. */
enum chat_cache openai_breakpoint_read(const struct json *mark)
{
    struct chat_text ttl;

    if (!json_is(mark, JSON_OBJECT))
        return CACHE_NONE;
    ttl = text_of(json_member(mark, SLICE("ttl")));
    return text_eq(ttl, SLICE("12h")) ? CACHE_12H : CACHE_30M;
}

enum chat_cache openai_cache_control_read(const struct json *mark)
{
    struct chat_text ttl;

    if (!json_is(mark, JSON_OBJECT))
        return CACHE_NONE;
    ttl = text_of(json_member(mark, SLICE("ttl")));
    return text_eq(ttl, SLICE("1h")) ? CACHE_1H : CACHE_5M;
}

void openai_breakpoint_write(struct json_writer *w, enum chat_cache cache)
{
    if (cache == CACHE_NONE)
        return;
    json_key(w, SLICE("prompt_cache_breakpoint"));
    json_open_object(w);
    json_key(w, SLICE("mode"));
    json_value_string(w, SLICE("explicit"));
    if (cache == CACHE_12H) {
        json_key(w, SLICE("ttl"));
        json_value_string(w, SLICE("12h"));
    }
    json_close_object(w);
}

/* Looked for in the code and then in the type; the first that fits counts. */
static const struct {
    struct slice word;
    enum err code;
} error_words[] = {
    {SLICE_INIT("insufficient_quota"), ERR_UPSTREAM_BILLING},
    {SLICE_INIT("billing"),            ERR_UPSTREAM_BILLING},
    {SLICE_INIT("rate_limit"),         ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("slow_down"),          ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("too_many_requests"),  ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("overloaded"),         ERR_UPSTREAM_FULL   },
    {SLICE_INIT("timeout"),            ERR_UPSTREAM_TIMEOUT},
    {SLICE_INIT("api_key"),            ERR_UPSTREAM_KEY    },
    {SLICE_INIT("authentication"),     ERR_UPSTREAM_KEY    },
    {SLICE_INIT("permission"),         ERR_UPSTREAM_KEY    },
    {SLICE_INIT("context_length"),     ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("content_policy"),     ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("content_filter"),     ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("invalid_prompt"),     ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("invalid_image"),      ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("unsupported_"),       ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("invalid_request"),    ERR_UPSTREAM_REFUSED},
};

static enum err error_of_word(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(error_words); i++) {
        if (slice_find_slice(word, error_words[i].word) != SIZE_MAX)
            return error_words[i].code;
    }
    return ERR_NONE;
}

/* OpenRouter and others put the HTTP status at `code`. */
static enum err error_of_status(int64_t status)
{
    switch (status) {
    case 401:
    case 403: return ERR_UPSTREAM_KEY;
    case 402: return ERR_UPSTREAM_BILLING;
    case 408:
    case 504: return ERR_UPSTREAM_TIMEOUT;
    case 429: return ERR_UPSTREAM_BUSY;
    case 503:
    case 529: return ERR_UPSTREAM_FULL;
    default: return status >= 400 && status < 500 ? ERR_UPSTREAM_REFUSED : ERR_UPSTREAM_FAILED;
    }
}

enum err openai_error_read(struct slice error, struct buf *message)
{
    struct slice code, type;
    enum err of_word;
    int64_t status;

    if (json_string_decode(error, message) || !json_is_object(error))
        return ERR_UPSTREAM_FAILED;
    json_string_decode(peek_get(error, SLICE("message")), message);
    code = peek_get(error, SLICE("code"));
    type = peek_get(error, SLICE("type"));
    if (json_is_number(code) && json_int(code, &status))
        return error_of_status(status);
    of_word = error_of_word(code);
    if (of_word == ERR_NONE)
        of_word = error_of_word(type);
    return of_word == ERR_NONE ? ERR_UPSTREAM_FAILED : of_word;
}

bool openai_error_is_none(struct slice error)
{
    return !error.len || json_is_null(error) || json_is_false(error) ||
           slice_eq(error, SLICE("\"\""));
}

void openai_url_write(struct json_writer *w, const struct chat_media *media)
{
    if (media->source != SOURCE_BASE64) {
        json_value_text(w, media->data);
        return;
    }
    if (w->comma)
        buf_append_byte(w->out, ',');
    buf_append(w->out, SLICE("\"data:"));
    json_write_escaped(w->out, media->mime);
    buf_append(w->out, SLICE(";base64,"));
    text_append_escaped(w->out, media->data);
    buf_append_byte(w->out, '"');
    w->comma = true;
}
