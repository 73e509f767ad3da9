/*
 * groq.c - https://console.groq.com/docs/openai, as of 2026-11.  Its Responses door is a
 * beta: clients of that dialect, too, come in by Chat Completions.
 */
#include "base/array.h"
#include "channel/registry.h"

static const struct channel_route routes[] = {
    {OP_GENERATE,    DIALECT_OPENAI_CHAT, AUTH_BEARER, "POST", "/v1/chat/completions", NULL},
    {OP_LIST_MODELS, DIALECT_OPENAI,      AUTH_BEARER, "GET",  "/v1/models",           NULL},
    {OP_GET_MODEL,   DIALECT_OPENAI,      AUTH_BEARER, "GET",  "/v1/models/{model}",   NULL},
};

/* 498: no room in the flex tier just now. */
static const struct channel_verdict verdicts[] = {
    {498, "", ERR_UPSTREAM_BUSY},
};

const struct channel channel_groq = {
    .name = "groq",
    .base_url = "https://api.groq.com/openai",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .verdicts = verdicts,
    .verdict_count = ARRAY_LEN(verdicts),
    .wants_secret = true,
    .host = HOST_COMPATIBLE,
};
