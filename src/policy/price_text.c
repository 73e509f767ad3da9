/* price_text.c - a price written out, in one way only, and its number. */
#include "crypto/digest.h"
#include "policy/price_inside.h"
#include "json/write.h"

#define NANO_PER_MICRO 1000

const enum usage_kind price_instead[USAGE_KIND_COUNT] = {
    [USAGE_INPUT] = USAGE_INPUT,
    [USAGE_CACHE_READ] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_5M] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_30M] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_1H] = USAGE_INPUT,
    [USAGE_CACHE_WRITE_12H] = USAGE_INPUT,
    [USAGE_AUDIO_IN] = USAGE_INPUT,
    [USAGE_IMAGE_IN] = USAGE_INPUT,
    [USAGE_OUTPUT] = USAGE_OUTPUT,
    [USAGE_REASONING] = USAGE_OUTPUT,
    [USAGE_AUDIO_OUT] = USAGE_OUTPUT,
    [USAGE_IMAGE_OUT] = USAGE_OUTPUT,
    [USAGE_SERVER_TOOLS] = USAGE_SERVER_TOOLS,
};

/* Keys of a price object. */
static const char *const keys[USAGE_KIND_COUNT] = {
    [USAGE_INPUT] = "input",
    [USAGE_CACHE_READ] = "cache_read",
    [USAGE_CACHE_WRITE_5M] = "cache_write_5m",
    [USAGE_CACHE_WRITE_30M] = "cache_write_30m",
    [USAGE_CACHE_WRITE_1H] = "cache_write_1h",
    [USAGE_CACHE_WRITE_12H] = "cache_write_12h",
    [USAGE_AUDIO_IN] = "audio_in",
    [USAGE_IMAGE_IN] = "image_in",
    [USAGE_OUTPUT] = "output",
    [USAGE_REASONING] = "reasoning",
    [USAGE_AUDIO_OUT] = "audio_out",
    [USAGE_IMAGE_OUT] = "image_out",
    [USAGE_SERVER_TOOLS] = "server_tool",
};

/* Rates, and which of them whoever reads the text has been told so far. */
struct told {
    const struct price_rates *rates;
    uint32_t kinds; // bits
};

/*
 * Only what a reader would not arrive at by himself: from what stands around it, or from the
 * kind that stands in.  The first rate of what is inside always: nothing there is empty.
 */
static struct told put_rates(struct json_writer *w, const struct price_rates *own,
                             const struct told *around)
{
    struct told told = {own, around ? around->kinds : 0};

    for (int kind = 0; kind < USAGE_KIND_COUNT; kind++) {
        enum usage_kind instead = price_instead[kind];
        int64_t expected = (int)instead == kind ? 0 : own->of[instead];
        if (around && around->kinds & 1u << kind)
            expected = around->rates->of[kind];
        if (own->of[kind] == expected && (kind != USAGE_INPUT || !around))
            continue;
        json_put_usd(w, keys[kind], own->of[kind]);
        told.kinds |= 1u << kind;
    }
    if (own->per_call != (around ? around->rates->per_call : 0))
        json_put_usd(w, "per_call", own->per_call);
    return told;
}

static struct told put_sheet(struct json_writer *w, const struct price_sheet *s,
                             const struct told *around)
{
    struct told told = put_rates(w, &s->rates, around);

    if (s->tier_count == 0)
        return told;
    json_key(w, SLICE("tiers"));
    json_open_array(w);
    for (size_t i = 0; i < s->tier_count; i++) {
        json_open_object(w);
        json_put_int(w, "above", s->tiers[i].above);
        put_rates(w, &s->tiers[i].rates, &told);
        json_close_object(w);
    }
    json_close_array(w);
    if (s->marginal) {
        json_put_bool(w, "marginal", true);
    }
    return told;
}

static void put_part(struct json_writer *w, const struct price_part *part, const struct told *list)
{
    if (part->sheet)
        put_sheet(w, part->sheet, list);
    else
        json_put_usd(w, "multiplier", part->multiplier * NANO_PER_MICRO);
}

static void put_modes(struct json_writer *w, const struct price *p, const struct told *list)
{
    bool any = false;

    for (int tier = 0; tier < SERVICE_TIER_COUNT; tier++) {
        if (!p->modes[tier].is_given)
            continue;
        if (!any) {
            json_key(w, SLICE("modes"));
            json_open_object(w);
        }
        any = true;
        json_key(w, slice_str(service_tier_name((enum service_tier)tier)));
        json_open_object(w);
        put_part(w, &p->modes[tier].part, list);
        json_close_object(w);
    }
    if (any)
        json_close_object(w);
}

static void put_minute(struct json_writer *w, const char *key, int minute)
{
    char text[16];

    snprintf(text, sizeof(text), "%02d:%02d", minute / 60, minute % 60);
    json_key(w, slice_str(key));
    json_value_string(w, slice_str(text));
}

static void put_windows(struct json_writer *w, const struct price *p, const struct told *list)
{
    if (p->window_count == 0)
        return;
    json_key(w, SLICE("windows"));
    json_open_array(w);
    for (size_t i = 0; i < p->window_count; i++) {
        json_open_object(w);
        put_minute(w, "from", p->windows[i].from);
        put_minute(w, "to", p->windows[i].to);
        put_part(w, &p->windows[i].part, list);
        json_close_object(w);
    }
    json_close_array(w);
}

/* The first 63 bits; ids outlive versions, so it is one that stays what it is. */
static int64_t number(struct arena *scratch, struct slice text)
{
    struct slice hex = digest_hex(scratch, text);
    uint64_t id = 0;

    for (size_t i = 0; i < 16; i++) {
        char c = hex.ptr[i];
        id = id << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    id &= INT64_MAX;
    return id ? (int64_t)id : 1;
}

void price_write_text(struct price *p, struct arena *a, struct arena *scratch)
{
    struct buf text = {0};
    struct json_writer w = {.out = &text};
    struct told list;

    json_open_object(&w);
    list = put_sheet(&w, &p->list, NULL);
    put_modes(&w, p, &list);
    put_windows(&w, p, &list);
    json_close_object(&w);
    p->text = arena_dup(a, buf_peek(&text));
    p->id = number(scratch, p->text);
    buf_release(&text);
}

int64_t price_id(const struct price *p)
{
    return p->id;
}

struct slice price_text(const struct price *p)
{
    return p->text;
}
