/* price.c - what tokens cost. */
#include "policy/price.h"

#include <stddef.h>

#include "base/array.h"
#include "base/money.h"
#include "base/wide.h"
#include "policy/field.h"

#define TOKENS_PER_PRICE 1000000

/* A million dollars for a million tokens: what is over it is a slip of the pen. */
#define MOST_NUSD (1000000 * NUSD_PER_USD)

/* A price object, as it is written. */
struct price_text {
    int64_t kinds[USAGE_KIND_COUNT];
    int64_t cache_write, per_call;
};

#define KIND(kind, key, help)                                                                    \
    {                                                                                            \
        key, key, FIELD_MONEY, 0, offsetof(struct price_text, kinds) + sizeof(int64_t) * (kind), \
            ROW_TYPE_COUNT, 0, MOST_NUSD, NULL, help                                             \
    }
#define OTHER(member, help)                                                                       \
    {                                                                                             \
#member, #member, FIELD_MONEY, 0, offsetof(struct price_text, member), ROW_TYPE_COUNT, 0, \
            MOST_NUSD, NULL, help                                                                 \
    }

static const struct field fields[] = {
    KIND(USAGE_INPUT, "input", "uncached text"),
    KIND(USAGE_OUTPUT, "output", "text"),
    KIND(USAGE_CACHE_READ, "cache_read", "as input, unless given"),
    OTHER(cache_write, "all cache writes that have no price of their own"),
    KIND(USAGE_CACHE_WRITE_5M, "cache_write_5m", "as cache_write, or input"),
    KIND(USAGE_CACHE_WRITE_30M, "cache_write_30m", "as cache_write, or input"),
    KIND(USAGE_CACHE_WRITE_1H, "cache_write_1h", "as cache_write, or input"),
    KIND(USAGE_CACHE_WRITE_12H, "cache_write_12h", "as cache_write, or input"),
    KIND(USAGE_REASONING, "reasoning", "as output, unless given"),
    KIND(USAGE_AUDIO_IN, "audio_in", "as input, unless given"),
    KIND(USAGE_AUDIO_OUT, "audio_out", "as output, unless given"),
    KIND(USAGE_IMAGE_IN, "image_in", "as input, unless given"),
    KIND(USAGE_IMAGE_OUT, "image_out", "as output, unless given"),
    OTHER(per_call, "for each request, USD"),
};

/* The kind whose price stands in for one that has none; itself: nothing, it is free. */
static const enum usage_kind instead[USAGE_KIND_COUNT] = {
    [USAGE_INPUT] = USAGE_INPUT,
    [USAGE_CACHE_READ] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_5M] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_30M] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_1H] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_12H] = USAGE_INPUT,
    [USAGE_AUDIO_IN] = USAGE_INPUT,
    [USAGE_IMAGE_IN] = USAGE_INPUT,
    [USAGE_OUTPUT] = USAGE_OUTPUT,
    [USAGE_REASONING] = USAGE_OUTPUT,
    [USAGE_AUDIO_OUT] = USAGE_OUTPUT,
    [USAGE_IMAGE_OUT] = USAGE_OUTPUT,
    [USAGE_SERVER_TOOLS] = USAGE_SERVER_TOOLS,
};

_Static_assert(PRICE_UNSET == ROW_NULL_INT, "an absent field is an unset price");

enum err price_parse(struct slice json, struct price *out, struct err_info *e)
{
    struct price_text text;
    struct arena scratch;
    enum err err;

    for (size_t i = 0; i < USAGE_KIND_COUNT; i++)
        text.kinds[i] = PRICE_UNSET;
    fields_set_defaults(fields, ARRAY_LEN(fields), &text);
    arena_init(&scratch, 0);
    err = fields_read_text(fields, ARRAY_LEN(fields), &text, json, "price", "price.", &scratch, e);
    arena_release(&scratch);
    if (err)
        return err;
    memcpy(out->per_million_nusd, text.kinds, sizeof(text.kinds));
    for (int kind = USAGE_CACHE_WRITE_5M; kind <= USAGE_CACHE_WRITE_12H; kind++) {
        if (out->per_million_nusd[kind] == PRICE_UNSET)
            out->per_million_nusd[kind] = text.cache_write;
    }
    out->per_call_nusd = text.per_call == PRICE_UNSET ? 0 : text.per_call;
    return ERR_NONE;
}

static int64_t rate(const struct price *p, enum usage_kind kind)
{
    int64_t own = p->per_million_nusd[kind];

    if (own == PRICE_UNSET)
        own = p->per_million_nusd[instead[kind]];
    return own > 0 ? own : 0;
}

static int64_t count(const struct chat_usage *u, enum usage_kind kind)
{
    return u->tokens[kind] > 0 ? u->tokens[kind] : 0;
}

/*
 * Thirteen products of two int64_t stay below 2^130, so the sum saturates as it goes: every
 * product is below 2^126, and so is what it is added to.
 */
static uint128 add(uint128 sum, int64_t tokens, int64_t per_million_nusd)
{
    const uint128 most = (uint128)INT64_MAX * TOKENS_PER_PRICE;

    sum += (uint128)tokens * (uint128)per_million_nusd;
    return sum < most ? sum : most;
}

int64_t price_cost(const struct price *p, const struct chat_usage *u)
{
    uint128 sum = add(0, TOKENS_PER_PRICE, p->per_call_nusd > 0 ? p->per_call_nusd : 0);
    int64_t output = count(u, USAGE_OUTPUT), reasoning = count(u, USAGE_REASONING);

    if (reasoning > output) // it is contained there: a vendor that says otherwise is wrong
        reasoning = output;
    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        int64_t tokens = count(u, (enum usage_kind)kind);
        if (kind == USAGE_OUTPUT)
            tokens = output - reasoning;
        else if (kind == USAGE_REASONING)
            tokens = reasoning;
        sum = add(sum, tokens, rate(p, (enum usage_kind)kind));
    }
    sum = (sum + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE;
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}
