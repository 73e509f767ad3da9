/* price_fuzz.c - a price out of any text: refused, or one that reads back and stays within bounds. */
#include <assert.h>

#include "policy/price.h"

static bool sum_up(void *ctx, const struct price_item *item)
{
    int64_t *sum = ctx;

    assert(item->nusd >= 0 && item->nusd <= INT64_MAX - *sum);
    *sum += item->nusd;
    return true;
}

/* Counts that depend on the text, and whose sum fits. */
static void check(const struct price *p, size_t size, int shift)
{
    int64_t each = INT64_MAX / 16 >> shift, sum = 0, cost;
    struct price_applied applied;
    struct chat_usage u;
    struct price_use use = {&u, (enum service_tier)(size % SERVICE_TIER_COUNT),
                            (int64_t)(size * 7919 % 1440) * 60000};

    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++)
        u.tokens[kind] = kind == USAGE_SERVER_TOOLS ? 0 : each;
    cost = price_cost(p, &use);
    price_items(p, &use, &applied, sum_up, &sum);
    assert(cost >= 0 && cost == sum);
    assert(price_dearest(p, 8 * each, 3 * each) >= cost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_info e = {0};
    const struct price *p, *again;
    struct arena a;

    arena_init(&a, 0);
    if (price_parse(slice_of((const char *)data, size), &a, &p, &e)) {
        assert(e.code == ERR_BAD_REQUEST && e.text[0] && !p);
    } else {
        assert(price_parse(price_text(p), &a, &again, &e) == ERR_NONE);
        assert(price_id(p) > 0 && price_id(again) == price_id(p));
        assert(slice_eq(price_text(again), price_text(p)));
        for (int shift = 0; shift < 56; shift += 8)
            check(p, size, shift);
    }
    arena_release(&a);
    return 0;
}
