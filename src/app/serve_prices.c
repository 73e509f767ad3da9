/* serve_prices.c - the catalogue that is charged by, and a note of every price that may be. */
#include "app/prices_file.h"
#include "app/serve.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/price_version.h"

enum err serve_load_prices(struct serve *s, struct err_info *e)
{
    return prices_use(s->command->options.prices, s->policy, e);
}

void serve_reload_prices(struct serve *s)
{
    struct err_info e = {.code = ERR_NONE};

    if (serve_load_prices(s, &e))
        log_event(LOG_ERROR, NULL, "prices.refused", "why=\"%s\" prices=\"as they were\"",
                  err_info_text(&e));
}

/* Those of a snapshot that have not been noted yet. */
struct fresh {
    struct serve *serve;
    struct arena arena;
    struct table prices; // id -> struct price
};

static void take(void *ctx, const struct price *price)
{
    struct fresh *fresh = ctx;
    int64_t id = price_id(price);
    struct slice key = slice_of((const char *)&id, sizeof(id));

    if (table_get(&fresh->serve->noted_prices, key) || table_get(&fresh->prices, key))
        return;
    table_put(&fresh->prices, arena_dup(&fresh->arena, key), (void *)(uintptr_t)price);
}

static enum err note_all(struct serve *s, const struct table *prices, struct err_info *e)
{
    const struct table_entry *entry;
    int64_t now = clock_unix_ms();

    if (store_begin(s->control.store, e))
        return e->code;
    for (size_t at = 0; !e->code && (entry = table_next(prices, &at));)
        store_note_price(s->control.store, price_id(entry->value), price_text(entry->value), now,
                         e);
    if (!e->code)
        store_commit(s->control.store, e);
    if (e->code)
        store_rollback(s->control.store);
    return e->code;
}

static void remember(struct serve *s, const struct table *prices)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(prices, &at));)
        table_put(&s->noted_prices, arena_dup(&s->noted_arena, entry->key), s);
}

/* What failed is tried again with the next snapshot: rows are charged all the same. */
void serve_note_prices(struct serve *s, const struct snapshot *snapshot)
{
    struct fresh fresh = {.serve = s};
    struct err_info e = {.code = ERR_NONE};

    arena_init(&fresh.arena, 0);
    table_init(&fresh.prices, 0);
    snapshot_each_price(snapshot, take, &fresh);
    if (fresh.prices.live && note_all(s, &fresh.prices, &e))
        log_event(LOG_ERROR, NULL, "prices.unnoted", "count=%zu why=\"%s\"", fresh.prices.live,
                  err_info_text(&e));
    else
        remember(s, &fresh.prices);
    table_release(&fresh.prices);
    arena_release(&fresh.arena);
}

void serve_forget_prices(struct serve *s)
{
    table_release(&s->noted_prices);
    arena_release(&s->noted_arena);
    table_init(&s->noted_prices, 0);
    arena_init(&s->noted_arena, 0);
}
