/* usage_print.c - usage as a table for people or as JSON, a line each. */
#include "app/usage_print.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/panic.h"
#include "json/write.h"

#define SUM_COLUMNS 7

static const char *const sum_headings[SUM_COLUMNS] = {
    "REQUESTS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "OTHER", "COST USD",
};

void usage_printer_release(struct usage_printer *p)
{
    free(p->cells);
    buf_release(&p->line);
}

/* ---- a table of totals ---- */

static bool has_group(const struct usage_printer *p, size_t g)
{
    return p->groups >> g & 1u;
}

static void add_cell(struct usage_printer *p, struct slice text)
{
    if (p->cap == p->count) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->cells = realloc(p->cells, p->cap * sizeof(*p->cells));
        if (!p->cells)
            panic("out of memory: a table");
    }
    p->cells[p->count++] = text;
}

/* A name may be anything that a client sent: nothing of it moves the cursor. */
static struct slice printable(struct arena *a, struct slice name)
{
    struct slice from = name.len ? name : SLICE("-");
    char *text = arena_alloc_raw(a, from.len, 1);

    for (size_t i = 0; i < from.len; i++) {
        unsigned char c = (unsigned char)from.ptr[i];
        text[i] = c < ' ' || c == 0x7f ? '?' : from.ptr[i];
    }
    return slice_of(text, from.len);
}

static struct slice heading(struct arena *a, struct slice name)
{
    char *text = arena_alloc_raw(a, name.len, 1);

    for (size_t i = 0; i < name.len; i++)
        text[i] = (char)toupper((unsigned char)name.ptr[i]);
    return slice_of(text, name.len);
}

static struct slice money_text(struct arena *a, int64_t nusd)
{
    char text[MONEY_TEXT_BYTES];

    return arena_dup(a, money_format_usd(nusd, text));
}

static void add_sums(struct usage_printer *p, const struct ledger_total *t)
{
    const int64_t *k = t->usage.tokens;
    const int64_t sums[SUM_COLUMNS - 1] = {
        t->requests,
        k[USAGE_INPUT],
        k[USAGE_CACHE_READ],
        k[USAGE_CACHE_WRITE_5M] + k[USAGE_CACHE_WRITE_30M] + k[USAGE_CACHE_WRITE_1H] +
            k[USAGE_CACHE_WRITE_12H],
        k[USAGE_OUTPUT],
        k[USAGE_AUDIO_IN] + k[USAGE_IMAGE_IN] + k[USAGE_AUDIO_OUT] + k[USAGE_IMAGE_OUT],
    };

    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        add_cell(p, arena_printf(p->arena, "%lld", (long long)sums[i]));
    add_cell(p, money_text(p->arena, t->cost_nusd));
}

void usage_begin_table(struct usage_printer *p)
{
    p->columns = SUM_COLUMNS;
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (!has_group(p, g))
            continue;
        add_cell(p, heading(p->arena, slice_str(ledger_group_name((enum ledger_group)g))));
        p->columns++;
    }
    for (size_t i = 0; i < SUM_COLUMNS; i++)
        add_cell(p, slice_str(sum_headings[i]));
}

bool usage_add_total(void *ctx, const struct ledger_total *t)
{
    struct usage_printer *p = ctx;

    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (has_group(p, g))
            add_cell(p, printable(p->arena, t->names[g]));
    }
    add_sums(p, t);
    p->all.requests += t->requests;
    p->all.cost_nusd += t->cost_nusd;
    p->all.unpriced += t->unpriced;
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        p->all.usage.tokens[k] += t->usage.tokens[k];
    return true;
}

/* The sum of all: the name of the first column says what it is. */
static void add_sum_row(struct usage_printer *p)
{
    for (size_t i = 0; i + SUM_COLUMNS < p->columns; i++)
        add_cell(p, i ? SLICE("") : SLICE("total"));
    add_sums(p, &p->all);
}

/* In characters; those that are wider than others are not known here. */
static size_t width_of(struct slice cell)
{
    size_t width = 0;

    for (size_t i = 0; i < cell.len; i++)
        width += ((unsigned char)cell.ptr[i] & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct usage_printer *p, size_t column)
{
    size_t widest = 0;

    for (size_t i = column; i < p->count; i += p->columns) {
        size_t width = width_of(p->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* Names to the left, numbers to the right. */
static void print_cell(const struct usage_printer *p, size_t i, size_t width)
{
    int pad = (int)(width - width_of(p->cells[i]));
    size_t column = i % p->columns;

    if (column + SUM_COLUMNS < p->columns)
        fprintf(p->out, "%.*s%*s", SLICE_ARG(p->cells[i]), pad, "");
    else
        fprintf(p->out, "%*s%.*s", pad, "", SLICE_ARG(p->cells[i]));
    fputs(column + 1 < p->columns ? "  " : "\n", p->out);
}

void usage_print_table(struct usage_printer *p)
{
    size_t *widths = arena_array(p->arena, size_t, p->columns);

    if (p->columns > SUM_COLUMNS)
        add_sum_row(p);
    for (size_t c = 0; c < p->columns; c++)
        widths[c] = column_width(p, c);
    for (size_t i = 0; i < p->count; i++)
        print_cell(p, i, widths[i % p->columns]);
    if (p->all.unpriced)
        fprintf(p->out, "%lld of the requests had no price and count as free\n",
                (long long)p->all.unpriced);
}

/* ---- rows for people ---- */

#define ROW_HEADING "%-24s  %-12s  %-12s  %-28s  %-14s  %4s  %9s  %9s  %12s  %8s  %s\n"

void usage_print_row_heading(struct usage_printer *p)
{
    fprintf(p->out, ROW_HEADING, "STARTED", "USER", "KEY", "MODEL", "OUTCOME", "HTTP", "INPUT",
            "OUTPUT", "COST USD", "TOTAL MS", "ID");
}

bool usage_print_row(void *ctx, const struct ledger_row *row)
{
    struct usage_printer *p = ctx;
    const struct usage_record *r = &row->record;
    char started[CLOCK_TEXT_BYTES], cost[MONEY_TEXT_BYTES];
    struct arena a;

    arena_init(&a, 0);
    clock_format_unix_ms(r->started_unix_ms, started);
    fprintf(p->out,
            "%-24s  %-12.*s  %-12.*s  %-28.*s  %-14.*s  %4d  %9lld  %9lld  %12s  %8lld  %s\n",
            started, SLICE_ARG(printable(&a, r->user)), SLICE_ARG(printable(&a, r->key_label)),
            SLICE_ARG(printable(&a, r->model)), SLICE_ARG(row->outcome), r->http_status,
            (long long)r->usage.tokens[USAGE_INPUT], (long long)r->usage.tokens[USAGE_OUTPUT],
            money_format_usd(r->cost_nusd, cost).ptr, (long long)r->total_ms, r->id);
    arena_release(&a);
    return !ferror(p->out);
}

/* ---- JSON ---- */

static void put_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, slice_str(key));
    json_value_int(w, value);
}

static void put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, slice_str(key));
    json_value_bool(w, value);
}

/* What is not there is null. */
static void put_text(struct json_writer *w, const char *key, struct slice value)
{
    json_key(w, slice_str(key));
    if (value.len)
        json_value_string(w, value);
    else
        json_value_null(w);
}

static void put_int_or_null(struct json_writer *w, const char *key, int64_t value, int64_t nothing)
{
    json_key(w, slice_str(key));
    if (value == nothing)
        json_value_null(w);
    else
        json_value_int(w, value);
}

static void put_cost(struct json_writer *w, int64_t nusd)
{
    char text[MONEY_TEXT_BYTES];

    put_text(w, "cost_usd", money_format_usd(nusd, text));
}

/* A string: it is a digest, larger than what JavaScript's numbers hold. */
static void put_price_id(struct json_writer *w, int64_t id)
{
    char text[24] = "";

    if (id)
        snprintf(text, sizeof(text), "%lld", (long long)id);
    put_text(w, "price_id", slice_str(text));
}

static void put_kinds(struct json_writer *w, const struct chat_usage *usage)
{
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        put_int(w, usage_kind_name((enum usage_kind)k), usage->tokens[k]);
}

static struct json_writer begin_line(struct usage_printer *p)
{
    struct json_writer w = {.out = &p->line};

    buf_clear(&p->line);
    json_open_object(&w);
    return w;
}

static bool end_line(struct usage_printer *p, struct json_writer *w)
{
    json_close_object(w);
    buf_append_byte(&p->line, '\n');
    fwrite(buf_peek(&p->line).ptr, 1, buf_len(&p->line), p->out);
    return !ferror(p->out);
}

bool usage_print_total_json(void *ctx, const struct ledger_total *t)
{
    struct usage_printer *p = ctx;
    struct json_writer w = begin_line(p);

    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (has_group(p, g))
            put_text(&w, ledger_group_name((enum ledger_group)g), t->names[g]);
    }
    put_int(&w, "requests", t->requests);
    put_kinds(&w, &t->usage);
    put_cost(&w, t->cost_nusd);
    put_int(&w, "unpriced_requests", t->unpriced);
    put_int(&w, "attempts", t->attempts);
    put_int(&w, "first_byte_count", t->first_bytes);
    put_int(&w, "first_byte_ms", t->first_byte_ms);
    put_int(&w, "total_ms", t->total_ms);
    put_int(&w, "request_bytes", t->request_bytes);
    put_int(&w, "response_bytes", t->response_bytes);
    return end_line(p, &w);
}

static void put_names(struct json_writer *w, const struct ledger_row *row)
{
    const struct usage_record *r = &row->record;

    put_text(w, "user", r->user);
    put_text(w, "key", r->key_label);
    put_text(w, "provider", r->provider);
    put_text(w, "model", r->model);
    put_text(w, "alias", r->alias);
    put_text(w, "asked_model", r->asked_model);
    put_text(w, "operation", row->operation);
    put_text(w, "dialect", row->dialect);
    put_text(w, "upstream_dialect", row->upstream_dialect);
    put_text(w, "outcome", row->outcome);
    put_text(w, "err", row->err);
}

bool usage_print_row_json(void *ctx, const struct ledger_row *row)
{
    struct usage_printer *p = ctx;
    const struct usage_record *r = &row->record;
    struct json_writer w = begin_line(p);
    char started[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(r->started_unix_ms, started);
    put_text(&w, "id", slice_str(r->id));
    put_text(&w, "client_request_id", r->client_request_id);
    put_text(&w, "started_at", slice_str(started));
    put_names(&w, row);
    put_int(&w, "user_id", r->user_id);
    put_int(&w, "key_id", r->key_id);
    put_int(&w, "provider_id", r->provider_id);
    put_int(&w, "credential_id", r->credential_id);
    put_int_or_null(&w, "http_status", r->http_status, 0);
    put_int_or_null(&w, "upstream_status", r->upstream_status, 0);
    put_bool(&w, "stream", r->stream);
    put_int(&w, "attempts", r->attempts);
    put_kinds(&w, &r->usage);
    put_text(&w, "usage_source", row->source);
    put_cost(&w, r->cost_nusd);
    put_bool(&w, "priced", r->priced);
    put_price_id(&w, r->price_id);
    put_text(&w, "tier", row->tier);
    put_int_or_null(&w, "connect_ms", r->connect_ms, -1);
    put_int_or_null(&w, "first_byte_ms", r->first_byte_ms, -1);
    put_int_or_null(&w, "total_ms", r->total_ms, -1);
    put_int(&w, "request_bytes", r->request_bytes);
    put_int(&w, "response_bytes", r->response_bytes);
    return end_line(p, &w);
}
