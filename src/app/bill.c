/* bill.c - what one exchange has cost, line by line. */
#include "app/bill.h"

#include "app/catch_up.h"
#include "app/control.h"
#include "app/outline.h"
#include "policy/price.h"
#include "store/ledger.h"
#include "store/price_version.h"
#include "json/write.h"

#define ID_MOMENT_MS 60000

struct billing {
    struct command_context *x;
    struct slice exchange;
    struct json_writer w;
    struct store *store;
    struct err_info *e;
    int64_t items_nusd;
    bool found;
};

/* ---- the lines ---- */

static bool on_item(void *ctx, const struct price_item *item)
{
    struct billing *b = ctx;
    struct json_writer *w = &b->w;

    json_open_object(w);
    json_put_string(w, "what", slice_str(item->what));
    json_put_int(w, "count", item->count);
    json_put_usd(w, item->per == 1 ? "usd_each" : "usd_per_million", item->rate_nusd);
    if (item->above) {
        json_put_int(w, "tier_above", item->above);
    }
    json_put_usd(w, "usd", item->nusd);
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
    json_put_usd(&b->w, "sum_usd", b->items_nusd);
    if (b->items_nusd != r->cost_nusd)
        json_put_string(
            &b->w, "note",
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
        json_put_string(&b->w, "price",
                        r->priced ? SLICE("free of charge") : SLICE("none was known"));
        return;
    }
    if (store_find_price(b->store, r->price_id, b->x->arena, &text, &why) != ERR_NONE ||
        price_parse(text, b->x->arena, &price, &why) != ERR_NONE) {
        json_put_string(&b->w, "price", SLICE("is not to be found any more"));
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

    if (!slice_eq(slice_str(r->id), b->exchange))
        return true;
    b->found = true;
    json_open_object(w);
    json_put_string(w, "exchange", b->exchange);
    json_put_time(w, "started_at", r->started_unix_ms);
    json_put_string(w, "user", r->user);
    json_put_string(w, "key", r->key_label);
    json_put_string(w, "asked_model", r->asked_model);
    json_put_string(w, "provider", r->provider);
    json_put_string(w, "model", r->model);
    if (r->alias.len)
        json_put_string(w, "alias", r->alias);
    json_put_string(w, "outcome", row->outcome);
    json_put_string(w, "usage_source", row->source);
    json_put_string(w, "tier", row->tier);
    json_put_usd(w, "cost_usd", r->cost_nusd);
    put_price(b, row);
    json_close_object(w);
    return false;
}

/* ---- the row ---- */

static enum err find(struct billing *b)
{
    struct ledger_filter filter = {0};
    struct ledger *ledger;
    unsigned char id[ID_BYTES];
    int64_t at;

    if (!id_pack(b->exchange, id))
        return err_set(b->e, ERR_BAD_REQUEST, "\"%.*s\" is no id of an exchange",
                       SLICE_ARG(slice_sub(b->exchange, 0, 64)));
    at = id_unix_ms(id);
    filter.since_unix_ms = at - ID_MOMENT_MS;
    filter.until_unix_ms = at + ID_MOMENT_MS;
    if (ledger_open(b->x->options.dsn, STORE_MUST_EXIST, &ledger, b->e) != ERR_NONE)
        return b->e->code;
    catch_up(b->x, ledger);
    ledger_rows(ledger, &filter, on_row, b, b->e);
    ledger_close(ledger);
    if (!b->e->code && !b->found)
        err_set(b->e, ERR_NOT_FOUND, "the ledger has no row of that exchange");
    return b->e->code;
}

int bill_print(struct command_context *x, const char *exchange, bool as_json)
{
    struct buf json = {0};
    struct err_info e = {0};
    struct billing b = {.x = x, .exchange = slice_str(exchange), .w = {.out = &json}, .e = &e};

    if (control_connect(&x->options, x->arena, &b.store, &e) != ERR_NONE)
        return command_failed(x, &e);
    if (find(&b) == ERR_NONE)
        outline_print(buf_peek(&json), as_json, x->out);
    store_close(b.store);
    buf_release(&json);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}
