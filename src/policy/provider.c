/* provider.c - whose turn among a provider's credentials it is. */
#include "policy/provider.h"

#include <assert.h>

/* Those of weight 0 go to the end; otherwise the order stays. */
static void part_by_weight(struct provider *p, struct arena *a)
{
    struct credential *spare = arena_array(a, struct credential, p->credential_count + 1);
    size_t regular = 0, spares = 0;

    for (size_t i = 0; i < p->credential_count; i++) {
        if (p->credentials[i].weight > 0)
            p->credentials[regular++] = p->credentials[i];
        else
            spare[spares++] = p->credentials[i];
    }
    for (size_t i = 0; i < spares; i++)
        p->credentials[regular + i] = spare[i];
    p->regular_count = regular ? regular : p->credential_count;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* How many turns each credential has in one round, which is the sum. */
static int64_t count_turns(const struct provider *p, int64_t *turns)
{
    int64_t sum = 0, divisor = 0, count = (int64_t)p->regular_count, round = 0;

    for (size_t i = 0; i < p->regular_count; i++) {
        turns[i] = p->credentials[i].weight > 0 ? p->credentials[i].weight : 1;
        sum += turns[i];
        divisor = greatest_common_divisor(turns[i], divisor);
    }
    for (size_t i = 0; i < p->regular_count; i++) {
        if (count > PROVIDER_MAX_TURNS)
            turns[i] = 1;
        else if (sum / divisor > PROVIDER_MAX_TURNS)
            turns[i] = 1 + turns[i] * (PROVIDER_MAX_TURNS - count) / sum;
        else
            turns[i] /= divisor;
        round += turns[i];
    }
    return round;
}

/* Smooth weighted round robin: all earn their share with each turn, and who has most pays for it. */
static uint16_t next_turn(const int64_t *turns, int64_t *earned, size_t count, int64_t round)
{
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        earned[i] += turns[i];
        if (earned[i] > earned[best])
            best = i;
    }
    earned[best] -= round;
    return (uint16_t)best;
}

void provider_order_turns(struct provider *p, struct arena *a)
{
    int64_t *turns, *earned, round;

    part_by_weight(p, a);
    turns = arena_array(a, int64_t, p->regular_count + 1);
    earned = arena_array(a, int64_t, p->regular_count + 1);
    round = count_turns(p, turns);
    if (round > UINT16_MAX) // so many that an index of a turn cannot name them: the rest follows
        round = UINT16_MAX;
    p->turn_count = (size_t)round;
    p->turns = arena_array(a, uint16_t, p->turn_count + 1);
    for (size_t i = 0; i < p->turn_count; i++)
        p->turns[i] = p->regular_count > PROVIDER_MAX_TURNS
                          ? (uint16_t)i
                          : next_turn(turns, earned, p->regular_count, round);
}

const struct credential *provider_pick(const struct provider *p, size_t tried, unsigned *first)
{
    assert(tried < p->credential_count && p->turn_count > 0);
    if (!tried && p->credential_count > 1) {
        unsigned turn = atomic_fetch_add_explicit(p->next_credential, 1, memory_order_relaxed);
        *first = p->turns[turn % p->turn_count];
    }
    if (tried >= p->regular_count)
        return &p->credentials[tried];
    return &p->credentials[(*first + tried) % p->regular_count];
}
