/* anthropic.c - https://docs.anthropic.com/en/api, as of 2026-11. */
#include "base/array.h"
#include "channel/registry.h"

static const struct channel_route routes[] = {
#include "channel/anthropic_routes.def"
};

/* An empty balance is a bad request there; it has no code, only this sentence. */
static const struct channel_verdict verdicts[] = {
    {400, ":\"Your credit balance is too low",  ERR_UPSTREAM_BILLING},
    {400, ": \"Your credit balance is too low", ERR_UPSTREAM_BILLING},
};

/* Required; the older version is what takes sampling fields for older models. */
static const struct channel_header headers[] = {
    {DIALECT_ANTHROPIC, "anthropic-version", "2023-06-01"},
};

const struct channel channel_anthropic = {
    .name = "anthropic",
    .base_url = "https://api.anthropic.com",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .verdicts = verdicts,
    .verdict_count = ARRAY_LEN(verdicts),
    .headers = headers,
    .header_count = ARRAY_LEN(headers),
    .files_beta = "files-api-2025-04-14",
    .wants_secret = true,
};
