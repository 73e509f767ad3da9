/* registry.h - for the channels' own files; others find channels with channel_find(). */
#ifndef CHANNEL_REGISTRY_H
#define CHANNEL_REGISTRY_H

#include "channel/channel.h"

/* A row of *_routes.def, which hold the doors that come with a dialect. */
#define ROUTE(operation, dialect, auth, method, path, stream_path) \
    {OP_##operation, DIALECT_##dialect, AUTH_##auth, method, path, stream_path},

extern const struct channel channel_openai;
extern const struct channel channel_anthropic;
extern const struct channel channel_aistudio;
extern const struct channel channel_groq;
extern const struct channel channel_custom;
extern const struct channel channel_echo;

#endif
