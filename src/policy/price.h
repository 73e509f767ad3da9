/* price.h - what tokens cost. */
#ifndef POLICY_PRICE_H
#define POLICY_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "chat/usage.h"

/* Billionths of a dollar per million tokens, by kind; PRICE_UNSET: as the kind it is part of. */
#define PRICE_UNSET INT64_MIN

struct price {
    int64_t per_million_nusd[USAGE_KIND_COUNT];
    int64_t per_call_nusd;
};

/**
 * Reads a price object of YAML or JSON: keys input, output, cache_read, cache_write_5m,
 * cache_write_30m, cache_write_1h, cache_write_12h, cache_write (all of them), reasoning,
 * audio_in, audio_out, image_in, image_out, per_call; values decimal strings or numbers,
 * USD (per million tokens).  Names the key that is wrong.
 */
enum err price_parse(struct slice json, struct price *out, struct err_info *e);

/** Exact sum over the kinds, rounded half up once; saturates at INT64_MAX. */
int64_t price_cost(const struct price *p, const struct chat_usage *u);

#endif
