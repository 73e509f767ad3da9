/* aistudio.c - https://ai.google.dev/api, as of 2026-11. */
#include "base/array.h"
#include "channel/registry.h"

static const struct channel_route routes[] = {
#include "channel/gemini_routes.def"
};

/* A bad key is a bad request there; the reason stands in the error's details. */
static const struct channel_verdict verdicts[] = {
    {400, "\"API_KEY_INVALID\"", ERR_UPSTREAM_KEY},
};

const struct channel channel_aistudio = {
    .name = "aistudio",
    .base_url = "https://generativelanguage.googleapis.com",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .verdicts = verdicts,
    .verdict_count = ARRAY_LEN(verdicts),
    .wants_secret = true,
};
