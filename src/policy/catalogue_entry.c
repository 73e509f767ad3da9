/* catalogue_entry.c - an entry of the catalogue, written as a price object. */
#include "base/array.h"
#include "base/money.h"
#include "policy/catalogue_inside.h"
#include "json/write.h"

/* What a key of the data means. */
enum how {
    HOW_OTHER,    // not about the price, or read elsewhere
    HOW_RATE,     // USD per million
    HOW_THOUSAND, // USD per thousand
    HOW_SKIPPED,  // a price that we cannot charge
    HOW_NUMBER,
    HOW_TIERS,
    HOW_WINDOWS,
    HOW_TIME,
};

struct key {
    const char *theirs;
    enum how how;
    const char *ours;
};

static const struct key rates[] = {
    {"input",               HOW_RATE,     "input"          },
    {"output",              HOW_RATE,     "output"         },
    {"output_reasoning",    HOW_RATE,     "reasoning"      },
    {"cache_read",          HOW_RATE,     "cache_read"     },
    {"cache_write",         HOW_RATE,     "cache_write"    },
    {"cache_write_5m",      HOW_RATE,     "cache_write_5m" },
    {"cache_write_30m",     HOW_RATE,     "cache_write_30m"},
    {"cache_write_1h",      HOW_RATE,     "cache_write_1h" },
    {"cache_write_12h",     HOW_RATE,     "cache_write_12h"},
    {"input_audio",         HOW_RATE,     "audio_in"       },
    {"output_audio",        HOW_RATE,     "audio_out"      },
    {"input_image",         HOW_RATE,     "image_in"       },
    {"output_image",        HOW_RATE,     "image_out"      },
    {"per_1k_requests",     HOW_THOUSAND, "per_call"       },
    {"per_1k_web_searches", HOW_THOUSAND, "server_tool"    },
    {"cache_read_audio",    HOW_SKIPPED,  NULL             }, // no usage tells cached sound from text
    {"audio_hour",          HOW_SKIPPED,  NULL             }, // no usage counts hours
};

static const struct key of_entry[] = {
    {"provider",         HOW_OTHER,   NULL     },
    {"id",               HOW_OTHER,   NULL     },
    {"as_of",            HOW_OTHER,   NULL     },
    {"context",          HOW_OTHER,   NULL     },
    {"modes",            HOW_OTHER,   NULL     },
    {"tiers",            HOW_TIERS,   "tiers"  },
    {"time_windows_utc", HOW_WINDOWS, "windows"},
};

static const struct key of_tier[] = {
    {"input_tokens_over", HOW_NUMBER, "above"},
};

static const struct key of_window[] = {
    {"start",  HOW_TIME,  "from"},
    {"end",    HOW_TIME,  "to"  },
    {"prices", HOW_OTHER, NULL  },
};

struct writer {
    struct json_writer w;
    struct arena *a;
    bool has_price;
    struct err_info *e;
};

static const struct key *find(const struct key *keys, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(key, slice_str(keys[i].theirs)))
            return &keys[i];
    }
    return NULL;
}

static enum err put_thousandth(struct writer *w, const struct json *value, const char *theirs)
{
    struct slice text = json_is(value, JSON_STRING) ? json_str(w->a, value) : value->source;
    char money[MONEY_TEXT_BYTES];
    int64_t nusd;

    if (!money_parse_usd(text, &nusd) || nusd % 1000)
        return err_set(w->e, ERR_BAD_REQUEST,
                       "%s: must be an amount like \"12.5\", with at most six decimals", theirs);
    json_value_string(&w->w, money_format_usd(nusd / 1000, money));
    return ERR_NONE;
}

/* "16:30:00Z" -> "16:30" */
static void put_time(struct writer *w, const struct json *value)
{
    struct slice text = json_str(w->a, value);

    if (slice_ends(text, SLICE(":00Z")))
        json_value_string(&w->w, slice_sub(text, 0, text.len - 4));
    else
        json_value_raw(&w->w, value->source);
}

static enum err put_tiers(struct writer *w, const struct json *list);
static enum err put_windows(struct writer *w, const struct json *list);

// NOLINTNEXTLINE(misc-no-recursion): tiers and windows hold no others
static enum err put_value(struct writer *w, const struct key *key, const struct json *value)
{
    if (!key->ours)
        return ERR_NONE;
    json_key(&w->w, slice_str(key->ours));
    w->has_price = true;
    switch (key->how) {
    case HOW_THOUSAND: return put_thousandth(w, value, key->theirs);
    case HOW_TIERS: return put_tiers(w, value);
    case HOW_WINDOWS: return put_windows(w, value);
    case HOW_TIME: put_time(w, value); return ERR_NONE;
    case HOW_RATE:
    case HOW_NUMBER: json_value_raw(&w->w, value->source); return ERR_NONE;
    case HOW_OTHER:
    case HOW_SKIPPED: break;
    }
    return ERR_NONE;
}

/* The members of an object that has keys of its own beside rates. */
// NOLINTNEXTLINE(misc-no-recursion): see put_value()
static enum err put_members(struct writer *w, const struct json *object, const struct key *own,
                            size_t own_count)
{
    json_for_each(member, object) {
        const struct key *key = find(own, own_count, member->key);
        if (!key)
            key = find(rates, ARRAY_LEN(rates), member->key);
        if (!key)
            return err_set(w->e, ERR_BAD_REQUEST, "%.*s: there is no such key",
                           SLICE_ARG(slice_sub(member->key, 0, 64)));
        if (put_value(w, key, member))
            return w->e->code;
    }
    return ERR_NONE;
}

/* What is no list is left for price_parse() to refuse. */
// NOLINTNEXTLINE(misc-no-recursion): see put_value()
static enum err put_tiers(struct writer *w, const struct json *list)
{
    if (!json_is(list, JSON_ARRAY)) {
        json_value_raw(&w->w, list->source);
        return ERR_NONE;
    }
    json_open_array(&w->w);
    json_for_each(tier, list) {
        json_open_object(&w->w);
        if (put_members(w, tier, of_tier, ARRAY_LEN(of_tier)))
            return w->e->code;
        json_close_object(&w->w);
    }
    json_close_array(&w->w);
    return ERR_NONE;
}

// NOLINTNEXTLINE(misc-no-recursion): see put_value()
static enum err put_windows(struct writer *w, const struct json *list)
{
    if (!json_is(list, JSON_ARRAY)) {
        json_value_raw(&w->w, list->source);
        return ERR_NONE;
    }
    json_open_array(&w->w);
    json_for_each(window, list) {
        json_open_object(&w->w);
        if (put_members(w, window, of_window, ARRAY_LEN(of_window)) ||
            put_members(w, json_member(window, SLICE("prices")), NULL, 0))
            return w->e->code;
        json_close_object(&w->w);
    }
    json_close_array(&w->w);
    return ERR_NONE;
}

static enum err put_entry(struct writer *w, const struct json *entry, const struct json *vendor)
{
    const struct json *modes = json_member(entry, SLICE("modes"));

    json_open_object(&w->w);
    if (put_members(w, entry, of_entry, ARRAY_LEN(of_entry)))
        return w->e->code;
    if (!modes)
        modes = json_member(vendor, SLICE("modes"));
    if (modes) {
        json_key(&w->w, SLICE("modes"));
        json_value_raw(&w->w, modes->source);
    }
    json_close_object(&w->w);
    return ERR_NONE;
}

/* An entry with a price object of its own: no other price beside it. */
static enum err take_whole(const struct json *entry, const struct json *price, struct slice *out,
                           struct err_info *e)
{
    json_for_each(member, entry) {
        const struct key *key = find(of_entry, ARRAY_LEN(of_entry), member->key);
        if (member != price &&
            (!key || key->how != HOW_OTHER || slice_eq(member->key, SLICE("modes"))))
            return err_set(e, ERR_BAD_REQUEST, "%.*s: cannot stand beside price",
                           SLICE_ARG(slice_sub(member->key, 0, 64)));
    }
    *out = price->source;
    return ERR_NONE;
}

enum err catalogue_price_text(const struct json *entry, const struct json *vendor, struct arena *a,
                              struct slice *out, struct err_info *e)
{
    const struct json *whole = json_member(entry, SLICE("price"));
    struct buf text = {0};
    struct writer w = {.w = {.out = &text}, .a = a, .e = e};
    enum err err;

    *out = (struct slice){0};
    if (whole)
        return take_whole(entry, whole, out, e);
    err = put_entry(&w, entry, vendor);
    if (err == ERR_NONE && w.has_price)
        *out = arena_dup(a, buf_peek(&text));
    buf_release(&text);
    return err;
}
