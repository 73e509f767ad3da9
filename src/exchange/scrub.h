/* scrub.h - an upstream's words without what belongs to the operator's account. */
#ifndef EXCHANGE_SCRUB_H
#define EXCHANGE_SCRUB_H

#include "base/buf.h"
#include "base/secret.h"
#include "base/slice.h"

/**
 * Copies `text`, with our credential, anything shaped like a vendor's key (sk-, AIza, gsk_,
 * xai-, nvapi-, Bearer ...), organisation and project ids (org-, proj_) and e-mail addresses
 * replaced by "***".  The text stays valid JSON if it was.
 */
void scrub(struct slice text, struct secret own, struct buf *out);

#endif
