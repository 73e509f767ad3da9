/*
 * custom.c - whatever speaks one of the dialects at a base URL of the operator's:
 * vLLM, llama.cpp, Ollama, other gateways.  It need not want a key.
 */
#include "base/array.h"
#include "channel/registry.h"

static const struct channel_route routes[] = {
#include "channel/anthropic_routes.def"
#include "channel/gemini_routes.def"
#include "channel/openai_routes.def"
};

/* What is copied by those who copy a dialect. */
static const struct channel_verdict verdicts[] = {
    {400, "\"API_KEY_INVALID\"",    ERR_UPSTREAM_KEY    },
    {429, "\"insufficient_quota\"", ERR_UPSTREAM_BILLING},
};

static const struct channel_header headers[] = {
    {DIALECT_ANTHROPIC, "anthropic-version", "2023-06-01"},
};

const struct channel channel_custom = {
    .name = "custom",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .verdicts = verdicts,
    .verdict_count = ARRAY_LEN(verdicts),
    .headers = headers,
    .header_count = ARRAY_LEN(headers),
    .files_beta = "files-api-2025-04-14",
    .host = HOST_COMPATIBLE,
};
