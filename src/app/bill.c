/* bill.c - what one exchange has cost, line by line. */
#include "app/bill.h"

#include "app/control.h"
#include "app/outline.h"
#include "base/clock.h"
#include "base/money.h"
#include "policy/price.h"
#include "store/journal_set.h"
#include "store/ledger.h"
#include "store/price_version.h"
#include "json/write.h"

#define CATCH_UP_MS    2000
#define ID_MOMENT_MS   60000
#define ID_TIME_DIGITS 12

struct billing {
    struct command_context *x;
    struct slice exchange;
    struct json_writer w;
    struct store *store;
    struct err_info *e;
    int64_t items_nusd;
    bool found;
};

static void put_text(struct json_writer *w, const char *key, struct slice text)
{
    json_key(w, slice_str(key));
    json_value_string(w, text);
}

static void put_usd(struct json_writer *w, const char *key, int64_t nusd)
{
    char text[MONEY_TEXT_BYTES];

    put_text(w, key, money_format_usd(nusd, text));
}

/* ---- the lines ---- */

static bool on_item(void *ctx, const struct price_item *item)
{
    struct billing *b = ctx;
    struct json_writer *w = &b->w;

    json_open_object(w);
    put_text(w, "what", slice_str(item->what));
    json_key(w, SLICE("count"));
    json_value_int(w, item->count);
    put_usd(w, item->per == 1 ? "usd_each" : "usd_per_million", item->rate_nusd);
    if (item->above) {
        json_key(w, SLICE("tier_above"));
        json_value_int(w, item->above);
    }
    put_usd(w, "usd", item->nusd);
    json_close_object(w);
    b->items_nusd += item->nusd;
    return true;
}

static void put_items(struct billing *b, const struct price *price, const struct ledger_row *row)
{
    const struct usage_record *r = &row->record;
    struct price_use use = {.usage = &r->usage, .at_unix_ms = r->started_unix_ms};
    struct price_applied applied;

    service_tier_parse(row->tier, &use.tier);
    json_key(&b->w, SLICE("items"));
    json_open_array(&b->w);
    price_items(price, &use, &applied, on_item, b);
    json_close_array(&b->w);
    put_usd(&b->w, "sum_usd", b->items_nusd);
    if (b->items_nusd != r->cost_nusd)
        put_text(&b->w, "note",
                 SLICE("the row says another cost: it is what had been set aside for an exchange "
                       "whose end is unknown"));
}

static void put_price(struct billing *b, const struct ledger_row *row)
{
    const struct usage_record *r = &row->record;
    const struct price *price;
    struct err_info why = {0};
    struct slice text;

    if (!r->price_id) {
        put_text(&b->w, "price", r->priced ? SLICE("free of charge") : SLICE("none was known"));
        return;
    }
    if (store_find_price(b->store, r->price_id, b->x->arena, &text, &why) != ERR_NONE ||
        price_parse(text, b->x->arena, &price, &why) != ERR_NONE) {
        put_text(&b->w, "price", SLICE("is not to be found any more"));
        return;
    }
    json_key(&b->w, SLICE("price"));
    json_value_raw(&b->w, text);
    put_items(b, price, row);
}

static bool on_row(void *ctx, const struct ledger_row *row)
{
    struct billing *b = ctx;
    const struct usage_record *r = &row->record;
    struct json_writer *w = &b->w;
    char time[CLOCK_TEXT_BYTES];

    if (!slice_eq(slice_str(r->id), b->exchange))
        return true;
    b->found = true;
    clock_format_unix_ms(r->started_unix_ms, time);
    json_open_object(w);
    put_text(w, "exchange", b->exchange);
    put_text(w, "started_at", slice_str(time));
    put_text(w, "user", r->user);
    put_text(w, "key", r->key_label);
    put_text(w, "asked_model", r->asked_model);
    put_text(w, "provider", r->provider);
    put_text(w, "model", r->model);
    if (r->alias.len)
        put_text(w, "alias", r->alias);
    put_text(w, "outcome", row->outcome);
    put_text(w, "usage_source", row->source);
    put_text(w, "tier", row->tier);
    put_usd(w, "cost_usd", r->cost_nusd);
    put_price(b, row);
    json_close_object(w);
    return false;
}

/* ---- the row ---- */

/* Ids begin with the time, in milliseconds (RFC 9562, 5.7). */
static bool time_of(struct slice id, int64_t *unix_ms)
{
    unsigned digits = 0;

    *unix_ms = 0;
    for (size_t i = 0; i < id.len && digits < ID_TIME_DIGITS; i++) {
        char c = id.ptr[i];
        if (c == '-')
            continue;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *unix_ms = *unix_ms * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
        digits++;
    }
    return digits == ID_TIME_DIGITS;
}

static enum err find(struct billing *b, const struct options *o)
{
    struct ledger_filter filter = {0};
    struct ledger *ledger;
    int64_t at;

    if (!time_of(b->exchange, &at))
        return err_set(b->e, ERR_BAD_REQUEST, "\"%.*s\" is no id of an exchange",
                       SLICE_ARG(slice_sub(b->exchange, 0, 64)));
    filter.since_unix_ms = at - ID_MOMENT_MS;
    filter.until_unix_ms = at + ID_MOMENT_MS;
    if (!o->dsn_given)
        journal_set_await(o->data_dir, CATCH_UP_MS);
    if (ledger_open(o->dsn, STORE_MUST_EXIST, &ledger, b->e) != ERR_NONE)
        return b->e->code;
    ledger_rows(ledger, &filter, on_row, b, b->e);
    ledger_close(ledger);
    if (!b->e->code && !b->found)
        err_set(b->e, ERR_NOT_FOUND, "the ledger has no row of that exchange");
    return b->e->code;
}

int bill_print(struct command_context *x, const char *exchange, bool as_json)
{
    struct buf json = {0}, text = {0};
    struct err_info e = {0};
    struct billing b = {.x = x, .exchange = slice_str(exchange), .w = {.out = &json}, .e = &e};

    if (control_connect(&x->options, x->arena, &b.store, &e) != ERR_NONE)
        return command_failed(x, &e);
    if (find(&b, &x->options) == ERR_NONE) {
        if (as_json)
            buf_append(&text, buf_peek(&json));
        else
            outline_write(buf_peek(&json), &text);
        fprintf(x->out, "%.*s%s", SLICE_ARG(buf_peek(&text)), as_json ? "\n" : "");
    }
    store_close(b.store);
    buf_release(&json);
    buf_release(&text);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}
