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
