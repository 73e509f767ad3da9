/* price_version.h - prices as they were when something was charged by them. */
#ifndef STORE_PRICE_VERSION_H
#define STORE_PRICE_VERSION_H

#include "store/store.h"

/*
 * The id is a digest of the text (policy/price.h), so that a price is noted once whoever
 * wrote it, and a usage row that names it can be worked out again for as long as it is kept.
 */

/** Notes it, unless it is there; within the caller's transaction, where there is one. */
enum err store_note_price(struct store *s, int64_t id, struct slice text, int64_t now_unix_ms,
                          struct err_info *e);

/** Its text, in the arena; ERR_NOT_FOUND when nobody has noted it. */
enum err store_find_price(struct store *s, int64_t id, struct arena *a, struct slice *text,
                          struct err_info *e);

#endif
