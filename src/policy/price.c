/* price.c - what tokens cost. */
#include "policy/price.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/wide.h"
#include "policy/price_inside.h"

#define TOKENS_PER_PRICE 1000000

/*
 * Amounts are summed in units of 10^-18 nUSD, which holds a token at any rate times two
 * multipliers of six decimals exactly; what is most of them is INT64_MAX nUSD.
 */
#define ONE  ((int64_t)PRICE_ONE * PRICE_ONE) // both multipliers together
#define UNIT ((uint128)TOKENS_PER_PRICE * (uint128)ONE)
#define MOST (INT64_MAX * UNIT)

/* Two that are not above MOST do not overflow. */
static uint128 plus(uint128 a, uint128 b)
{
    return a + b < MOST ? a + b : MOST;
}

/* Factors are not negative; the product of the first two is below 2^126. */
static uint128 times(int64_t count, int64_t rate, uint128 scale)
{
    uint128 product = (uint128)count * (uint128)rate;

    if (product == 0 || scale == 0)
        return 0;
    return product <= MOST / scale ? product * scale : MOST;
}

static int64_t rounded(uint128 sum)
{
    uint128 nusd = (sum + UNIT / 2) / UNIT;

    return nusd > INT64_MAX ? INT64_MAX : (int64_t)nusd;
}

static const enum usage_kind inputs[] = {
    /* As they lie in a prompt: what was cached stands before what is new. */
    USAGE_CACHE_READ,     USAGE_CACHE_WRITE_12H, USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_30M,
    USAGE_CACHE_WRITE_5M, USAGE_INPUT,           USAGE_AUDIO_IN,       USAGE_IMAGE_IN,
};

static const enum usage_kind outputs[] = {
    USAGE_OUTPUT,
    USAGE_REASONING,
    USAGE_AUDIO_OUT,
    USAGE_IMAGE_OUT,
};

/* A bill while it is added up. */
struct bill {
    const struct price_sheet *sheet;
    struct price_applied *applied;
    const struct chat_usage *usage;
    uint128 sum;
    price_item_fn *each;
    void *ctx;
    bool stopped;
};

static void bill_add(struct bill *b, struct price_item item, uint128 amount)
{
    int64_t before;

    if (item.count == 0 || item.rate_nusd == 0)
        return;
    before = b->each ? rounded(b->sum) : 0;
    b->sum = plus(b->sum, amount);
    if (!b->each || b->stopped)
        return;
    item.nusd = rounded(b->sum) - before;
    b->stopped = !b->each(b->ctx, &item);
}

/* The tier of `sheet` by its place, from 1; 0 is the sheet's own rates. */
static const struct price_rates *tier_rates(const struct price_sheet *s, size_t tier)
{
    return tier ? &s->tiers[tier - 1].rates : &s->rates;
}

static void bill_tokens(struct bill *b, enum usage_kind kind, int64_t count, size_t tier)
{
    int64_t rate = tier_rates(b->sheet, tier)->of[kind];

    bill_add(b,
             (struct price_item){
                 .what = usage_kind_name(kind),
                 .count = count,
                 .rate_nusd = rate,
                 .per = TOKENS_PER_PRICE,
                 .above = tier ? b->sheet->tiers[tier - 1].above : 0,
             },
             times(count, rate, (uint128)b->applied->multiplier_trillionth));
}

static void bill_uses(struct bill *b, const char *what, int64_t count, int64_t rate)
{
    bill_add(b, (struct price_item){.what = what, .count = count, .rate_nusd = rate, .per = 1},
             times(count, rate, UNIT));
}

/* What upstream counted, made sane. */
static int64_t count_of(const struct chat_usage *u, enum usage_kind kind)
{
    int64_t count = u->tokens[kind] > 0 ? u->tokens[kind] : 0;
    int64_t reasoning = u->tokens[USAGE_REASONING] > 0 ? u->tokens[USAGE_REASONING] : 0;
    int64_t output = u->tokens[USAGE_OUTPUT] > 0 ? u->tokens[USAGE_OUTPUT] : 0;

    if (reasoning > output) // it is contained there: a vendor that says otherwise is wrong
        reasoning = output;
    if (kind == USAGE_REASONING)
        return reasoning;
    return kind == USAGE_OUTPUT ? output - reasoning : count;
}

static size_t tier_of(const struct price_sheet *s, uint128 tokens)
{
    size_t tier = 0;

    while (tier < s->tier_count && tokens > (uint128)s->tiers[tier].above)
        tier++;
    return tier;
}

/* Tokens [*from, *from + count) of the input, in pieces where a tier ends. */
static void bill_marginal(struct bill *b, enum usage_kind kind, int64_t count, uint128 *from)
{
    while (count > 0) {
        size_t tier = tier_of(b->sheet, *from + 1);
        int64_t piece = count;
        if (tier < b->sheet->tier_count) {
            uint128 room = (uint128)b->sheet->tiers[tier].above - *from;
            piece = room < (uint128)count ? (int64_t)room : count;
        }
        bill_tokens(b, kind, piece, tier);
        *from += (uint64_t)piece;
        count -= piece;
    }
}

static const struct price_window *window_at(const struct price *p, int64_t at_unix_ms)
{
    int minute = (int)((at_unix_ms % DAY_MS + DAY_MS) % DAY_MS / MINUTE_MS);

    for (size_t i = 0; i < p->window_count; i++) {
        if (price_window_has(&p->windows[i], minute))
            return &p->windows[i];
    }
    return NULL;
}

bool price_has_tier(const struct price *p, enum service_tier tier)
{
    return tier == SERVICE_STANDARD ||
           ((unsigned)tier < SERVICE_TIER_COUNT && p->modes[tier].is_given);
}

static const struct price_sheet *choose_sheet(const struct price *p, const struct price_use *use,
                                              struct price_applied *out)
{
    const struct price_mode *mode =
        (unsigned)use->tier < SERVICE_TIER_COUNT && p->modes[use->tier].is_given
            ? &p->modes[use->tier]
            : NULL;
    const struct price_window *w = window_at(p, use->at_unix_ms);
    int64_t mode_multiplier = PRICE_ONE, window_multiplier = PRICE_ONE;

    *out = (struct price_applied){.mode = mode != NULL, .multiplier_trillionth = ONE};
    if (mode && mode->part.sheet)
        return mode->part.sheet;
    if (mode)
        mode_multiplier = mode->part.multiplier;
    if (w) {
        out->window = true;
        out->from_minute = w->from;
        out->to_minute = w->to;
        if (!w->part.sheet)
            window_multiplier = w->part.multiplier;
    }
    out->multiplier_trillionth = mode_multiplier * window_multiplier;
    return w && w->part.sheet ? w->part.sheet : &p->list;
}

static void bill_input(struct bill *b, size_t tier)
{
    uint128 from = 0;

    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        int64_t count = count_of(b->usage, inputs[i]);
        if (b->sheet->marginal)
            bill_marginal(b, inputs[i], count, &from);
        else
            bill_tokens(b, inputs[i], count, tier);
    }
}

static uint128 bill_all(struct bill *b, const struct price *p, const struct price_use *use)
{
    const struct price_rates *rates;
    uint128 input = 0;
    size_t tier;

    b->usage = use->usage;
    b->sheet = choose_sheet(p, use, b->applied);
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
        input += (uint64_t)count_of(use->usage, inputs[i]);
    tier = tier_of(b->sheet, input);
    rates = tier_rates(b->sheet, tier);
    b->applied->above = tier ? b->sheet->tiers[tier - 1].above : 0;
    b->applied->marginal = b->sheet->marginal;

    bill_input(b, tier);
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        bill_tokens(b, outputs[i], count_of(use->usage, outputs[i]), tier);
    bill_uses(b, usage_kind_name(USAGE_SERVER_TOOLS), count_of(use->usage, USAGE_SERVER_TOOLS),
              rates->of[USAGE_SERVER_TOOLS]);
    bill_uses(b, "calls", 1, rates->per_call);
    return b->sum;
}

int64_t price_cost(const struct price *p, const struct price_use *use)
{
    struct price_applied applied;
    struct bill b = {.applied = &applied};

    return rounded(bill_all(&b, p, use));
}

void price_items(const struct price *p, const struct price_use *use, struct price_applied *applied,
                 price_item_fn *each, void *ctx)
{
    struct bill b = {.applied = applied, .each = each, .ctx = ctx};

    bill_all(&b, p, use);
}

/* ---- the most that it can be ---- */

struct most {
    int64_t input, output, per_call;
};

static void raise(int64_t *most, int64_t value)
{
    if (value > *most)
        *most = value;
}

static uint128 dearest_of(const struct price_sheet *s, int64_t input, int64_t output,
                          int64_t multiplier)
{
    size_t last = tier_of(s, (uint128)input);
    struct most most = {0};

    for (size_t tier = 0; tier <= last; tier++) {
        const struct price_rates *rates = tier_rates(s, tier);
        for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
            raise(&most.input, rates->of[inputs[i]]);
        for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
            raise(&most.output, rates->of[outputs[i]]);
        raise(&most.per_call, rates->per_call);
    }
    return plus(plus(times(input, most.input, (uint128)multiplier),
                     times(output, most.output, (uint128)multiplier)),
                times(1, most.per_call, UNIT));
}

/* What comes of a sheet, beside what there is already. */
static void raise_sheet(uint128 *sum, const struct price_sheet *s, int64_t input, int64_t output,
                        int64_t multiplier)
{
    uint128 value = s ? dearest_of(s, input, output, multiplier) : 0;

    if (value > *sum)
        *sum = value;
}

int64_t price_dearest(const struct price *p, int64_t input_tokens, int64_t output_tokens)
{
    int64_t input = input_tokens > 0 ? input_tokens : 0;
    int64_t output = output_tokens > 0 ? output_tokens : 0;
    int64_t by_mode = PRICE_ONE, by_window = PRICE_ONE;
    uint128 sum = 0;

    for (int tier = 0; tier < SERVICE_TIER_COUNT; tier++) {
        raise(&by_mode, p->modes[tier].part.multiplier);
        raise_sheet(&sum, p->modes[tier].part.sheet, input, output, ONE);
    }
    for (size_t i = 0; i < p->window_count; i++) {
        raise(&by_window, p->windows[i].part.multiplier);
        raise_sheet(&sum, p->windows[i].part.sheet, input, output, by_mode * PRICE_ONE);
    }
    raise_sheet(&sum, &p->list, input, output, by_mode * by_window);
    return rounded(sum);
}
