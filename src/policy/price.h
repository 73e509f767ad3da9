/* price.h - what tokens cost. */
#ifndef POLICY_PRICE_H
#define POLICY_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "chat/usage.h"

/*
 * Rates in USD, per million tokens of each kind, per call and per use of a server-side
 * tool; with them, where a vendor bills so:
 *
 *   tiers    other rates for requests whose whole input is above a bound
 *   modes    other rates, or a multiplier, by the service tier that upstream reports
 *   windows  other rates, or a multiplier, at some hours (UTC)
 *
 * A mode with rates of its own holds at all hours.  One with a multiplier multiplies what
 * holds at that hour, and so does a window's; a multiplier is for tokens, not for calls and
 * tools.  Rates inside a tier, mode or window stand in for those around it, one by one;
 * tiers do not reach into a mode or window that has rates of its own.
 *
 * Immutable, in an arena.
 */
struct price;

#define PRICE_MAX_TIERS   8
#define PRICE_MAX_WINDOWS 8

/**
 * Reads a price object of YAML or JSON: input, output, cache_read, cache_write_5m,
 * cache_write_30m, cache_write_1h, cache_write_12h, cache_write (all of them), reasoning,
 * audio_in, audio_out, image_in, image_out, per_call, server_tool: decimal strings or
 * numbers; tiers: [{above, rates}], marginal; modes: {flex, batch, priority, fast: {rates,
 * tiers, marginal} or {multiplier}}; windows: [{from, to, as a mode}].  Names the key that is
 * wrong ("price.tiers[1].above: ...").
 */
enum err price_parse(struct slice json, struct arena *a, const struct price **out,
                     struct err_info *e);

/* What was used, and how. */
struct price_use {
    const struct chat_usage *usage;
    enum service_tier tier; // as upstream reports it
    int64_t at_unix_ms;     // when it began, for windows
};

/** Whether it says what that service tier costs; without, it costs what all others do. */
bool price_has_tier(const struct price *p, enum service_tier tier);

/** The exact sum, rounded half up once; saturates at INT64_MAX. */
int64_t price_cost(const struct price *p, const struct price_use *use);

/* Which of its rates a price came to. */
struct price_applied {
    bool mode;   // the mode of the service tier
    bool window; // a window, from `from_minute` of the day until `to_minute`
    int from_minute, to_minute;
    int64_t above;                 // the bound of the tier that the whole input is in; 0: none
    bool marginal;                 // each token of the input at its own tier
    int64_t multiplier_trillionth; // of the tokens' rates; 10^12: as they are
};

/* One line of a bill. */
struct price_item {
    const char *what;  // "input_tokens", ..., "server_tool_uses", "calls"
    int64_t count;     // what is billed: without the reasoning, where `what` is output
    int64_t rate_nusd; // for `per` of them, before the multiplier
    int64_t per;       // 1000000, or 1
    int64_t above;     // the bound of the tier of this rate; 0: none
    int64_t nusd;      // in whole, so that all lines together are price_cost()
};

typedef bool price_item_fn(void *ctx, const struct price_item *item);

/** What price_cost() adds up, line by line, until `each` says false.  `each` may be NULL. */
void price_items(const struct price *p, const struct price_use *use, struct price_applied *applied,
                 price_item_fn *each, void *ctx);

/**
 * No request of at most so many tokens in and out can cost more, in whatever mode and at
 * whatever hour, server-side tools aside.
 */
int64_t price_dearest(const struct price *p, int64_t input_tokens, int64_t output_tokens);

/** 63 bits of a digest of its text; never 0. */
int64_t price_id(const struct price *p);

/** Canonical JSON: one text for all ways to write the price; price_parse() reads it back. */
struct slice price_text(const struct price *p);

#endif
