/* ids.h - ids that upstream did not give: made from what it gave, the same every time. */
#ifndef CHAT_IDS_H
#define CHAT_IDS_H

#include <stdint.h>

#include "base/slice.h"

/*
 * An id is a prefix and letters and digits that follow from a seed and a number alone, so
 * that a stream, the whole answer, a record of it and a replay agree on it (mapping.md 2.5
 * and 6.16).  Seeds are the upstream's own id or, where it gives none, the exchange's; the
 * number tells the things of one answer apart.  Ids are unlikely to meet, not impossible to
 * guess: nothing may depend on that.
 */
#define CHAT_ID_BYTES 96 // prefix and all

/** Writes prefix + `len` of 62 letters and digits into `out` and answers them, without a NUL. */
struct slice chat_id_make(char out[CHAT_ID_BYTES], struct slice prefix, size_t len,
                          struct slice seed, uint64_t number);

/**
 * The upstream's id where it begins as ours do and holds nothing odd, else one made from it;
 * without any, from `fallback`.  Copied into `out` in each case.
 */
struct slice chat_id_keep_or_make(char out[CHAT_ID_BYTES], struct slice prefix, size_t len,
                                  struct slice upstream, struct slice fallback);

/** 64 bits that spread well; no digest.  For ids, and suffixes of names that were cut. */
uint64_t chat_id_hash(struct slice seed, uint64_t number);

#endif
