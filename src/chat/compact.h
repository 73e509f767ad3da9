/* compact.h - conversations made short by the model that has them (other-endpoints.md, 8). */
#ifndef CHAT_COMPACT_H
#define CHAT_COMPACT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "chat/codec.h"
#include "chat/envelope.h"
#include "chat/request.h"
#include "chat/usage.h"

/*
 * OpenAI's /v1/responses/compact answers what the user has said and an item that only OpenAI
 * can read, in place of the rest.  Elsewhere the model is asked to sum the conversation up, and
 * the item holds its words: "pxc1." and the rest of an envelope (chat/envelope.h), bound to the
 * tenant, so that nobody else's item becomes a part of a conversation.  Clients send it back as
 * they would OpenAI's.
 */

/** Makes of the conversation that was read one that ends in the demand for a summary. */
void compact_ask(struct chat_request *r);

/**
 * The text of the model's answer.  What upstream says of an error, or ERR_UPSTREAM_BROKEN when
 * it said nothing.
 */
enum err compact_read_answer(enum dialect upstream, struct slice answer,
                             const struct codec_decode_options *o, struct buf *summary,
                             struct err_info *e);

/* What the client is answered. */
struct compaction {
    struct slice request; // the client's body: the user's messages in its input are kept
    struct slice summary; // UTF-8
    struct slice id;      // of the exchange
    int64_t now_unix;
    const struct chat_usage *usage;
    const struct chat_seal *seal;
};

void compact_write_answer(const struct compaction *c, struct buf *out);

/** Whether `encrypted_content` is meant to be one of ours: a look at its first bytes. */
bool compact_is(struct slice encrypted_content);

/**
 * What the conversation goes on with in place of the item, in the arena.  False when it was
 * tampered with or is somebody else's.
 */
bool compact_open(const struct chat_seal *seal, struct slice encrypted_content, struct arena *a,
                  struct slice *out);

#endif
