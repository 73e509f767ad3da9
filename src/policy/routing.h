/* routing.h - per operation and dialect: what a provider does with it (spec.md 7). */
#ifndef POLICY_ROUTING_H
#define POLICY_ROUTING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "channel/channel.h"
#include "chat/dialect.h"

enum cell_kind {
    CELL_UNSUPPORTED,
    CELL_PASSTHROUGH, // upstream speaks the client's dialect: bytes pass
    CELL_TRANSFORM,   // upstream is asked in dialect `to`
    CELL_LOCAL,       // answered here
};

struct cell {
    enum cell_kind kind;
    enum dialect to; // what upstream hears; of PASSTHROUGH the client's own
};

struct routing {
    struct cell cells[OP_COUNT][DIALECT_COUNT];
};

/* What shapes the table besides the channel's own routes. */
struct routing_rules {
    const struct channel *channel;
    enum dialect only; // settings.dialect; DIALECT_COUNT: whatever the channel speaks
    bool prefer_chat;  // clients of other vendors come in by Chat, not by Responses
};

/** What upstream is asked for where `op` is translated: pictures and summaries are generated. */
enum operation routing_operation(enum operation op);

/** Whether a provider held to `only` may be asked in dialect `d`: policy/provider.h. */
bool routing_speaks(enum dialect only, enum dialect d);

/**
 * The table: what the channel speaks passes; what can be translated into something that it
 * speaks is, by the shortest way; tokens are counted here where nobody else does.
 */
void routing_fill(const struct routing_rules *rules, struct routing *out);

/**
 * Puts single cells over it, from a provider's `routing`:
 *
 *     {"template": "chat-completions-only", "generate/gemini": "anthropic",
 *      "count_tokens/anthropic": "local", "embed/openai": "unsupported"}
 *
 * A value is passthrough, local, unsupported, or the dialect to transform to.  A template
 * (chat-completions-only, responses-only, claude-only, gemini-only) comes first, wherever it
 * stands.  ERR_BAD_REQUEST names what cannot be; `json` may be absent.
 */
enum err routing_read(struct slice json, const struct routing_rules *rules, struct routing *out,
                      struct err_info *e);

#endif
