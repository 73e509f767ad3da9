/* usage.c - the names of token kinds, as in records and logs. */
#include "chat/usage.h"

#include <assert.h>

static const char *const kind_names[USAGE_KIND_COUNT] = {
    [USAGE_INPUT] = "input_tokens",
    [USAGE_CACHE_READ] = "cache_read_tokens",
    [USAGE_CACHE_WRITE_5M] = "cache_write_5m_tokens",
    [USAGE_CACHE_WRITE_30M] = "cache_write_30m_tokens",
    [USAGE_CACHE_WRITE_1H] = "cache_write_1h_tokens",
    [USAGE_CACHE_WRITE_12H] = "cache_write_12h_tokens",
    [USAGE_AUDIO_IN] = "audio_in_tokens",
    [USAGE_IMAGE_IN] = "image_in_tokens",
    [USAGE_OUTPUT] = "output_tokens",
    [USAGE_REASONING] = "reasoning_tokens",
    [USAGE_AUDIO_OUT] = "audio_out_tokens",
    [USAGE_IMAGE_OUT] = "image_out_tokens",
    [USAGE_SERVER_TOOLS] = "server_tool_uses",
};

static const char *const source_names[] = {
    [USAGE_NONE] = "none",           [USAGE_UPSTREAM] = "upstream", [USAGE_PARTIAL] = "partial",
    [USAGE_ESTIMATED] = "estimated", [USAGE_LOCAL] = "local",
};

const char *usage_kind_name(enum usage_kind kind)
{
    assert(kind < USAGE_KIND_COUNT);
    return kind_names[kind];
}

const char *usage_source_name(enum usage_source source)
{
    assert(source <= USAGE_LOCAL);
    return source_names[source];
}

static const char *const tiers[SERVICE_TIER_COUNT] = {
    [SERVICE_STANDARD] = "standard", [SERVICE_FLEX] = "flex", [SERVICE_BATCH] = "batch",
    [SERVICE_PRIORITY] = "priority", [SERVICE_FAST] = "fast",
};

const char *service_tier_name(enum service_tier tier)
{
    return tiers[tier];
}

bool service_tier_parse(struct slice name, enum service_tier *out)
{
    for (size_t i = 0; i < SERVICE_TIER_COUNT; i++) {
        if (slice_eq(name, slice_str(tiers[i]))) {
            *out = (enum service_tier)i;
            return true;
        }
    }
    return false;
}
