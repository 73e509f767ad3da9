/* price_parse.c - prices as they are written. */
#include "base/array.h"
#include "base/money.h"
#include "policy/field.h"
#include "policy/price_inside.h"
#include "json/tree.h"

/* A million dollars for a million tokens: what is over it is a slip of the pen. */
#define MOST_NUSD       (1000000 * NUSD_PER_USD)
#define MOST_TOKENS     1000000000000
#define MOST_MULTIPLIER (1000 * NUSD_PER_USD)
#define NANO_PER_MICRO  1000 // money has nine decimals, a multiplier six

#define UNSET ROW_NULL_INT

#define PATH_BYTES 96

/* Any of the objects, as it is written; each has its own table of what it may hold. */
struct written {
    int64_t of[USAGE_KIND_COUNT];
    int64_t cache_write, per_call;
    struct slice tiers, modes, windows, from, to;
    bool marginal;
    int64_t above, multiplier;
};

#define FIELD_AT(offset, key, type, flags, least, most, initial, help)                    \
    {                                                                                     \
        key, key, FIELD_##type, flags, offset, ROW_TYPE_COUNT, least, most, initial, help \
    }
#define KIND(kind, key, help)                                                                      \
    FIELD_AT(offsetof(struct written, of) + sizeof(int64_t) * (kind), key, MONEY, 0, 0, MOST_NUSD, \
             NULL, help)
#define OTHER(member, type, flags, least, most, initial, help) \
    FIELD_AT(offsetof(struct written, member), #member, type, flags, least, most, initial, help)

/* clang-format off */
#define RATES                                                                              \
    KIND(USAGE_INPUT, "input", "uncached text"),                                           \
    KIND(USAGE_OUTPUT, "output", "text"),                                                  \
    KIND(USAGE_CACHE_READ, "cache_read", "as input, unless given"),                        \
    OTHER(cache_write, MONEY, 0, 0, MOST_NUSD, NULL, "cache writes without a rate of their own"), \
    KIND(USAGE_CACHE_WRITE_5M, "cache_write_5m", "as cache_write, or input"),              \
    KIND(USAGE_CACHE_WRITE_30M, "cache_write_30m", "as cache_write, or input"),            \
    KIND(USAGE_CACHE_WRITE_1H, "cache_write_1h", "as cache_write, or input"),              \
    KIND(USAGE_CACHE_WRITE_12H, "cache_write_12h", "as cache_write, or input"),            \
    KIND(USAGE_REASONING, "reasoning", "as output, unless given"),                         \
    KIND(USAGE_AUDIO_IN, "audio_in", "as input, unless given"),                            \
    KIND(USAGE_AUDIO_OUT, "audio_out", "as output, unless given"),                         \
    KIND(USAGE_IMAGE_IN, "image_in", "as input, unless given"),                            \
    KIND(USAGE_IMAGE_OUT, "image_out", "as output, unless given"),                         \
    OTHER(per_call, MONEY, 0, 0, MOST_NUSD, NULL, "for each request"),                     \
    KIND(USAGE_SERVER_TOOLS, "server_tool", "for each use of a tool that upstream runs")
#define TIERS                                                                              \
    OTHER(tiers, JSON, 0, 0, 0, NULL, "rates above some length of the input"),             \
    OTHER(marginal, BOOL, 0, 0, 0, "false", "each token of the input at its own tier")
#define MULTIPLIER                                                                         \
    OTHER(multiplier, MONEY, 0, 0, MOST_MULTIPLIER, NULL, "of the tokens' rates")
/* clang-format on */

static const struct field price_fields[] = {
    RATES,
    TIERS,
    OTHER(modes, JSON, 0, 0, 0, NULL, "by the service tier that upstream reports"),
    OTHER(windows, JSON, 0, 0, 0, NULL, "by the hour, UTC"),
};

static const struct field tier_fields[] = {
    OTHER(above, INT, FIELD_REQUIRED, 1, MOST_TOKENS, NULL, "tokens of input"),
    RATES,
};

static const struct field mode_fields[] = {RATES, TIERS, MULTIPLIER};

static const struct field window_fields[] = {
    OTHER(from, TEXT, FIELD_REQUIRED, 0, 0, NULL, "HH:MM"),
    OTHER(to, TEXT, FIELD_REQUIRED, 0, 0, NULL, "HH:MM"),
    RATES,
    TIERS,
    MULTIPLIER,
};

/* `a` keeps the price, `scratch` what is read on the way. */
struct reader {
    struct arena *a, *scratch;
    struct err_info *e;
};

static enum err refuse(struct reader *r, const char *path, const char *why)
{
    return err_set(r->e, ERR_BAD_REQUEST, "%s: %s", path, why);
}

static enum err read_object(struct reader *r, const struct field *fields, size_t count,
                            const struct json *object, const char *path, struct written *out)
{
    char within[PATH_BYTES + 1];

    *out = (struct written){0};
    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++)
        out->of[kind] = UNSET;
    out->cache_write = out->per_call = out->above = out->multiplier = UNSET;
    if (!json_is(object, JSON_OBJECT))
        return refuse(r, path, "must be an object");
    snprintf(within, sizeof(within), "%s.", path);
    if (fields_read_object(fields, count, out, object, within, r->scratch, r->e))
        return r->e->code;
    for (int kind = USAGE_CACHE_WRITE_5M; kind <= USAGE_CACHE_WRITE_12H; kind++) {
        if (out->of[kind] == UNSET)
            out->of[kind] = out->cache_write;
    }
    return ERR_NONE;
}

static bool has_rates(const struct written *w)
{
    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        if (w->of[kind] != UNSET)
            return true;
    }
    return w->per_call != UNSET || w->cache_write != UNSET;
}

/* What is not given in `w` is as around it. */
static void inherit(struct written *w, const struct written *around)
{
    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        if (w->of[kind] == UNSET)
            w->of[kind] = around->of[kind];
    }
    if (w->per_call == UNSET)
        w->per_call = around->per_call;
}

static int64_t or_free(int64_t nusd)
{
    return nusd == UNSET ? 0 : nusd;
}

static struct price_rates complete(const struct written *w)
{
    struct price_rates rates = {.per_call = or_free(w->per_call)};

    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        int64_t own = w->of[kind];
        rates.of[kind] = or_free(own == UNSET ? w->of[price_instead[kind]] : own);
    }
    return rates;
}

/* The text of a member that is JSON of its own, as a list; NULL where it was refused. */
static const struct json *as_list(struct reader *r, struct slice json, size_t most,
                                  const char *path)
{
    struct json *list;
    char why[32];

    if (json_parse(r->scratch, json, &list, r->e))
        return NULL;
    if (!json_is(list, JSON_ARRAY)) {
        refuse(r, path, "must be a list");
        return NULL;
    }
    if (list->count > most) {
        snprintf(why, sizeof(why), "at most %zu", most);
        refuse(r, path, why);
        return NULL;
    }
    return list;
}

static enum err read_tier(struct reader *r, const struct json *item, const struct written *around,
                          const char *path, struct price_sheet *out)
{
    struct price_tier *tier = &out->tiers[out->tier_count];
    struct written w;

    if (read_object(r, tier_fields, ARRAY_LEN(tier_fields), item, path, &w))
        return r->e->code;
    if (!has_rates(&w))
        return refuse(r, path, "needs a rate");
    if (out->tier_count && w.above <= tier[-1].above)
        return err_set(r->e, ERR_BAD_REQUEST, "%s.above: must be more than that of the tier before",
                       path);
    inherit(&w, around);
    *tier = (struct price_tier){w.above, complete(&w)};
    out->tier_count++;
    return ERR_NONE;
}

static enum err read_tiers(struct reader *r, const struct written *w, const char *path,
                           struct price_sheet *out)
{
    char place[PATH_BYTES];
    const struct json *list;

    snprintf(place, sizeof(place), "%s.tiers", path);
    list = as_list(r, w->tiers, PRICE_MAX_TIERS, place);
    if (!list)
        return r->e->code;
    out->tiers = arena_array(r->a, struct price_tier, list->count);
    json_for_each(item, list) {
        snprintf(place, sizeof(place), "%s.tiers[%zu]", path, out->tier_count);
        if (read_tier(r, item, w, place, out))
            return r->e->code;
    }
    return ERR_NONE;
}

/* `w` has all that it inherits. */
static enum err read_sheet(struct reader *r, const struct written *w, const char *path,
                           struct price_sheet *out)
{
    out->rates = complete(w);
    if (w->tiers.ptr && read_tiers(r, w, path, out))
        return r->e->code;
    if (w->marginal && !out->tier_count)
        return err_set(r->e, ERR_BAD_REQUEST, "%s.marginal: there are no tiers", path);
    out->marginal = w->marginal;
    return ERR_NONE;
}

/* Of a mode or a window: rates or a multiplier. */
static enum err read_part(struct reader *r, struct written *w, const struct written *around,
                          const char *path, struct price_part *out)
{
    bool rates = has_rates(w) || w->tiers.ptr || w->marginal;
    struct price_sheet *sheet;

    if (rates == (w->multiplier != UNSET))
        return refuse(r, path,
                      rates ? "has both rates and a multiplier" : "needs rates or a multiplier");
    if (!rates) {
        if (w->multiplier % NANO_PER_MICRO)
            return err_set(r->e, ERR_BAD_REQUEST, "%s.multiplier: must have at most six decimals",
                           path);
        out->multiplier = w->multiplier / NANO_PER_MICRO;
        return ERR_NONE;
    }
    sheet = arena_new(r->a, struct price_sheet);
    inherit(w, around);
    out->sheet = sheet;
    return read_sheet(r, w, path, sheet);
}

static enum err read_modes(struct reader *r, const struct written *list, const char *path,
                           struct price *out)
{
    char place[PATH_BYTES];
    struct json *modes;

    if (json_parse(r->scratch, list->modes, &modes, r->e))
        return r->e->code;
    snprintf(place, sizeof(place), "%s.modes", path);
    if (!json_is(modes, JSON_OBJECT))
        return refuse(r, place, "must be an object");
    json_for_each(member, modes) {
        enum service_tier tier;
        struct written w;
        if (!service_tier_parse(member->key, &tier) || tier == SERVICE_STANDARD)
            return err_set(r->e, ERR_BAD_REQUEST, "%s.%.*s: there is no such key", place,
                           SLICE_ARG(slice_sub(member->key, 0, PATH_BYTES / 2)));
        snprintf(place, sizeof(place), "%s.modes.%s", path, service_tier_name(tier));
        if (out->modes[tier].is_given)
            return refuse(r, place, "is given twice");
        out->modes[tier].is_given = true;
        if (read_object(r, mode_fields, ARRAY_LEN(mode_fields), member, place, &w) ||
            read_part(r, &w, list, place, &out->modes[tier].part))
            return r->e->code;
        snprintf(place, sizeof(place), "%s.modes", path);
    }
    return ERR_NONE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HH:MM" */
static bool parse_minute(struct slice s, int *out)
{
    if (s.len != 5 || !is_digit(s.ptr[0]) || !is_digit(s.ptr[1]) || s.ptr[2] != ':' ||
        !is_digit(s.ptr[3]) || !is_digit(s.ptr[4]) || s.ptr[3] > '5')
        return false;
    *out = ((s.ptr[0] - '0') * 10 + s.ptr[1] - '0') * 60 + (s.ptr[3] - '0') * 10 + s.ptr[4] - '0';
    return *out < PRICE_DAY_MINUTES;
}

static enum err read_hours(struct reader *r, const struct written *w, const char *path,
                           struct price_window *out)
{
    bool from = parse_minute(w->from, &out->from);

    if (!from || !parse_minute(w->to, &out->to))
        return err_set(r->e, ERR_BAD_REQUEST, "%s.%s: must be a time like \"16:30\"", path,
                       from ? "to" : "from");
    if (out->from == out->to)
        return err_set(r->e, ERR_BAD_REQUEST, "%s.to: must not be as from", path);
    return ERR_NONE;
}

/* By `from`; false: another holds at the same time. */
static bool insert_window(struct price *p, const struct price_window *w)
{
    size_t at = p->window_count;

    for (size_t i = 0; i < p->window_count; i++) {
        if (price_window_has(&p->windows[i], w->from) || price_window_has(w, p->windows[i].from))
            return false;
    }
    for (; at > 0 && p->windows[at - 1].from > w->from; at--)
        p->windows[at] = p->windows[at - 1];
    p->windows[at] = *w;
    p->window_count++;
    return true;
}

static enum err read_windows(struct reader *r, const struct written *list, const char *path,
                             struct price *out)
{
    const struct json *items;
    char place[PATH_BYTES];

    snprintf(place, sizeof(place), "%s.windows", path);
    items = as_list(r, list->windows, PRICE_MAX_WINDOWS, place);
    if (!items)
        return r->e->code;
    out->windows = arena_array(r->a, struct price_window, items->count);
    json_for_each(item, items) {
        struct price_window window = {0};
        struct written w;
        snprintf(place, sizeof(place), "%s.windows[%zu]", path, out->window_count);
        if (read_object(r, window_fields, ARRAY_LEN(window_fields), item, place, &w) ||
            read_hours(r, &w, place, &window) || read_part(r, &w, list, place, &window.part))
            return r->e->code;
        if (!insert_window(out, &window))
            return refuse(r, place, "is over another window");
    }
    return ERR_NONE;
}

static enum err read_price(struct reader *r, struct slice json, struct price *out)
{
    struct err_info why = {0};
    struct json *object;
    struct written list;

    if (json_parse(r->scratch, json, &object, &why))
        return refuse(r, "price", err_info_text(&why));
    if (read_object(r, price_fields, ARRAY_LEN(price_fields), object, "price", &list) ||
        read_sheet(r, &list, "price", &out->list) ||
        (list.modes.ptr && read_modes(r, &list, "price", out)) ||
        (list.windows.ptr && read_windows(r, &list, "price", out)))
        return r->e->code;
    price_write_text(out, r->a, r->scratch);
    return ERR_NONE;
}

enum err price_parse(struct slice json, struct arena *a, const struct price **out,
                     struct err_info *e)
{
    struct price *p = arena_new(a, struct price);
    struct arena scratch;
    struct reader r = {a, &scratch, e};
    enum err err;

    arena_init(&scratch, 0);
    err = read_price(&r, json, p);
    arena_release(&scratch);
    *out = err ? NULL : p;
    return err;
}
