/* openai.c - https://platform.openai.com/docs/api-reference, as of 2026-11. */
#include "base/array.h"
#include "channel/registry.h"

static const struct channel_route routes[] = {
#include "channel/openai_routes.def"
};

/* An account without money is told so with the status of too many requests. */
static const struct channel_verdict verdicts[] = {
    {400, "\"billing_hard_limit_reached\"", ERR_UPSTREAM_BILLING},
    {429, "\"insufficient_quota\"",         ERR_UPSTREAM_BILLING},
    {429, "\"billing_not_active\"",         ERR_UPSTREAM_BILLING},
};

const struct channel channel_openai = {
    .name = "openai",
    .base_url = "https://api.openai.com",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .verdicts = verdicts,
    .verdict_count = ARRAY_LEN(verdicts),
    .wants_secret = true,
};
