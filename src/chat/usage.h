/* usage.h - tokens by kind, the same for every dialect. */
#ifndef CHAT_USAGE_H
#define CHAT_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Kinds are disjoint, except that `reasoning` is contained in `output` (spec 10). */
enum usage_kind {
    USAGE_INPUT, // uncached text
    USAGE_CACHE_READ,
    USAGE_CACHE_WRITE_5M,
    USAGE_CACHE_WRITE_30M,
    USAGE_CACHE_WRITE_1H,
    USAGE_CACHE_WRITE_12H,
    USAGE_AUDIO_IN,
    USAGE_IMAGE_IN,
    USAGE_OUTPUT, // text, reasoning included
    USAGE_REASONING,
    USAGE_AUDIO_OUT,
    USAGE_IMAGE_OUT,
    USAGE_SERVER_TOOLS, // uses, not tokens
    USAGE_KIND_COUNT
};

/* Where the figures come from. */
enum usage_source {
    USAGE_NONE,      // nothing known: all zero
    USAGE_UPSTREAM,  // the provider's own final figures
    USAGE_PARTIAL,   // the provider's, but the answer was cut before its final ones
    USAGE_ESTIMATED, // counted here from what was seen
    USAGE_LOCAL,     // answered here (echo, local counts)
};

/* How a request was served, as upstream reports it: what it asked for is another matter. */
enum service_tier {
    SERVICE_STANDARD, // or not said
    SERVICE_FLEX,
    SERVICE_BATCH,
    SERVICE_PRIORITY,
    SERVICE_FAST, // Anthropic's speed
    SERVICE_TIER_COUNT
};

struct chat_usage {
    int64_t tokens[USAGE_KIND_COUNT]; // never negative
};

const char *service_tier_name(enum service_tier tier); // "standard", "flex", ...
bool service_tier_parse(struct slice name, enum service_tier *out);

const char *usage_kind_name(enum usage_kind kind);       // "input_tokens", "cache_read_tokens", ...
const char *usage_source_name(enum usage_source source); // "upstream"

#endif
