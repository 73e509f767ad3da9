/* price_inside.h - what a price is made of.  Private to price*.c. */
#ifndef POLICY_PRICE_INSIDE_H
#define POLICY_PRICE_INSIDE_H

#include <stddef.h>

#include "policy/price.h"

#define PRICE_ONE         1000000 // a multiplier of 1
#define PRICE_DAY_MINUTES (24 * 60)

/* nUSD, each stated: what was not given has been put in the place of what stands in for it. */
struct price_rates {
    int64_t of[USAGE_KIND_COUNT]; // per million tokens; USAGE_SERVER_TOOLS: per use
    int64_t per_call;
};

struct price_tier {
    int64_t above; // tokens of input
    struct price_rates rates;
};

struct price_sheet {
    struct price_rates rates;
    struct price_tier *tiers; // [tier_count], the lowest bound first
    size_t tier_count;
    bool marginal;
};

/* Has a sheet, or NULL and a multiplier, in millionths. */
struct price_part {
    const struct price_sheet *sheet;
    int64_t multiplier;
};

struct price_mode {
    bool is_given;
    struct price_part part;
};

/* [from, to), over midnight when `to` is not after `from`. */
struct price_window {
    int from, to; // minutes of the day
    struct price_part part;
};

struct price {
    struct price_sheet list;
    struct price_mode modes[SERVICE_TIER_COUNT];
    struct price_window *windows; // [window_count], by `from`, none over another
    size_t window_count;
    struct slice text;
    int64_t id;
};

/* The kind whose rate stands in for one that has none; itself: nothing, it is free. */
extern const enum usage_kind price_instead[USAGE_KIND_COUNT];

static inline bool price_window_has(const struct price_window *w, int minute)
{
    if (w->from < w->to)
        return minute >= w->from && minute < w->to;
    return minute >= w->from || minute < w->to;
}

/** Sets `text` and `id` from the rest. */
void price_write_text(struct price *p, struct arena *a, struct arena *scratch);

#endif
