/* envelope_body.h - envelopes in a request whose bytes would otherwise pass. */
#ifndef CHAT_ENVELOPE_BODY_H
#define CHAT_ENVELOPE_BODY_H

#include "base/buf.h"
#include "base/err.h"
#include "chat/dialect.h"
#include "chat/envelope.h"

/*
 * A conversation may have moved between upstreams: what one vendor thought came to the client in
 * an envelope, and now goes to a vendor of the client's own dialect, who would refuse it
 * (mapping.md 2.9, passthrough).
 */

/** Whether there may be an envelope in the body: a search, no parsing. */
bool envelope_in_body(enum dialect d, struct slice body);

/**
 * Appends the body without envelopes: a secret of the vendor's own comes out as it was, others
 * go, with the block, item or signature that they belong to.  `model`, unless it is empty,
 * takes the place of the one in the body.  What is not touched stays byte for byte.
 */
enum err envelope_open_body(enum dialect d, struct slice body, struct slice model,
                            const struct chat_seal *seal, struct arena *a, struct buf *out,
                            struct err_info *e);

#endif
