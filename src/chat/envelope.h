/* envelope.h - a vendor's secret on its way through a client of another dialect. */
#ifndef CHAT_ENVELOPE_H
#define CHAT_ENVELOPE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "chat/request.h"
#include "crypto/key.h"

/*
 * mapping.md 2.9: "pxs1." base64url(JSON {p,k,m,i,s}) "." 16 hex digits of an HMAC over what
 * stands before.  The MAC is keyed by this gateway and bound to the tenant, so that nobody
 * makes one up or brings somebody else's.
 */
struct chat_seal {
    const struct key_hasher *hasher;
    struct slice tenant; // who may open it again: the user's id as text
};

/** Appends the envelope of `r`'s secret; it is plain ASCII without quotes or escapes. */
void envelope_write(const struct chat_seal *seal, const struct chat_reasoning *r, struct buf *out);

/** Whether `text` is meant to be an envelope: a look at its first bytes. */
bool envelope_is(struct slice text);

/**
 * Fills secret, vendor, id, model and (for a secret without text) kind, in the arena.  False,
 * and nothing is changed, when it is none of ours or was tampered with.
 */
bool envelope_open(const struct chat_seal *seal, struct slice text, struct arena *a,
                   struct chat_reasoning *out);

/*
 * The same around any text of ours that a client carries: `prefix`, base64url of `plain`, and
 * the MAC over both.
 */
void envelope_seal(const struct chat_seal *seal, struct slice prefix, struct slice plain,
                   struct buf *out);
bool envelope_unseal(const struct chat_seal *seal, struct slice prefix, struct slice text,
                     struct buf *plain);

/* Gemini's field is bytes: there the envelope goes through base64 once more. */
void envelope_write_base64(const struct chat_seal *seal, const struct chat_reasoning *r,
                           struct buf *out);
bool envelope_open_base64(const struct chat_seal *seal, struct slice base64, struct arena *a,
                          struct chat_reasoning *out);

#endif
