/* usage_lines.c - usage for programs: JSON or CSV, a line each. */
#include "app/usage_lines.h"

#include <assert.h>

#include "base/clock.h"
#include "base/money.h"
#include "json/write.h"

enum cell_kind { CELL_NULL, CELL_TEXT, CELL_INT, CELL_BOOL };

struct cell {
    const char *name;
    enum cell_kind kind;
    int64_t number;
    struct slice text;
};

/* One object or one line: what is written is the same in both. */
struct cells {
    struct cell at[64];
    size_t count;
    char cost[MONEY_TEXT_BYTES], time[ZONE_TEXT_BYTES], price_id[24];
};

/* ---- what a line holds ---- */

static void put(struct cells *c, struct cell cell)
{
    assert(c->count < sizeof(c->at) / sizeof(*c->at));
    c->at[c->count++] = cell;
}

static void put_int(struct cells *c, const char *name, int64_t value)
{
    put(c, (struct cell){
               name, CELL_INT, value, {NULL, 0}
    });
}

static void put_bool(struct cells *c, const char *name, bool value)
{
    put(c, (struct cell){
               name, CELL_BOOL, value, {NULL, 0}
    });
}

/* What is not there is null. */
static void put_text(struct cells *c, const char *name, struct slice value)
{
    put(c, (struct cell){name, value.len ? CELL_TEXT : CELL_NULL, 0, value});
}

static void put_int_or_null(struct cells *c, const char *name, int64_t value, int64_t nothing)
{
    put(c, (struct cell){
               name, value == nothing ? CELL_NULL : CELL_INT, value, {NULL, 0}
    });
}

static void put_kinds(struct cells *c, const struct chat_usage *usage)
{
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        put_int(c, usage_kind_name((enum usage_kind)k), usage->tokens[k]);
}

static void put_cost(struct cells *c, int64_t nusd)
{
    put_text(c, "cost_usd", money_format_usd(nusd, c->cost));
}

/* A string: it is a digest, larger than what JavaScript's numbers hold. */
static void put_price_id(struct cells *c, int64_t id)
{
    c->price_id[0] = '\0';
    if (id)
        snprintf(c->price_id, sizeof(c->price_id), "%lld", (long long)id);
    put_text(c, "price_id", slice_str(c->price_id));
}

static void gather_total(struct cells *c, const struct usage_printer *p,
                         const struct ledger_total *t)
{
    c->count = 0;
    if (p->step)
        put_text(c, ledger_step_name(p->step), usage_step_text(p, t->step_unix_ms, c->time));
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (p->groups >> g & 1u)
            put_text(c, ledger_group_name((enum ledger_group)g), t->names[g]);
    }
    put_int(c, "requests", t->requests);
    put_kinds(c, &t->usage);
    put_cost(c, t->cost_nusd);
    put_int(c, "unpriced_requests", t->unpriced);
    put_int(c, "attempts", t->attempts);
    put_int(c, "first_byte_count", t->first_bytes);
    put_int(c, "first_byte_ms", t->first_byte_ms);
    put_int(c, "total_ms", t->total_ms);
    put_int(c, "request_bytes", t->request_bytes);
    put_int(c, "response_bytes", t->response_bytes);
}

static void put_names(struct cells *c, const struct ledger_row *row)
{
    const struct usage_record *r = &row->record;

    put_text(c, "user", r->user);
    put_text(c, "key", r->key_label);
    put_text(c, "provider", r->provider);
    put_text(c, "model", r->model);
    put_text(c, "alias", r->alias);
    put_text(c, "asked_model", r->asked_model);
    put_text(c, "operation", row->operation);
    put_text(c, "dialect", row->dialect);
    put_text(c, "upstream_dialect", row->upstream_dialect);
    put_text(c, "outcome", row->outcome);
    put_text(c, "err", row->err);
}

static void gather_row(struct cells *c, const struct ledger_row *row)
{
    const struct usage_record *r = &row->record;

    c->count = 0;
    clock_format_unix_ms(r->started_unix_ms, c->time);
    put_text(c, "id", slice_str(r->id));
    put_text(c, "client_request_id", r->client_request_id);
    put_text(c, "started_at", slice_str(c->time));
    put_names(c, row);
    put_int(c, "user_id", r->user_id);
    put_int(c, "key_id", r->key_id);
    put_int(c, "provider_id", r->provider_id);
    put_int(c, "credential_id", r->credential_id);
    put_int_or_null(c, "http_status", r->http_status, 0);
    put_int_or_null(c, "upstream_status", r->upstream_status, 0);
    put_bool(c, "stream", r->stream);
    put_int(c, "attempts", r->attempts);
    put_kinds(c, &r->usage);
    put_text(c, "usage_source", row->source);
    put_cost(c, r->cost_nusd);
    put_bool(c, "priced", r->priced);
    put_price_id(c, r->price_id);
    put_text(c, "tier", row->tier);
    put_int_or_null(c, "connect_ms", r->connect_ms, -1);
    put_int_or_null(c, "first_byte_ms", r->first_byte_ms, -1);
    put_int_or_null(c, "total_ms", r->total_ms, -1);
    put_int(c, "request_bytes", r->request_bytes);
    put_int(c, "response_bytes", r->response_bytes);
}

/* ---- how it is written ---- */

static bool write_line(struct usage_printer *p)
{
    fwrite(buf_peek(&p->line).ptr, 1, buf_len(&p->line), p->out);
    return !ferror(p->out);
}

static bool write_json(struct usage_printer *p, const struct cells *c)
{
    struct json_writer w = {.out = &p->line};

    buf_clear(&p->line);
    json_open_object(&w);
    for (size_t i = 0; i < c->count; i++) {
        const struct cell *cell = &c->at[i];

        json_key(&w, slice_str(cell->name));
        switch (cell->kind) {
        case CELL_NULL: json_value_null(&w); break;
        case CELL_TEXT: json_value_string(&w, cell->text); break;
        case CELL_INT: json_value_int(&w, cell->number); break;
        case CELL_BOOL: json_value_bool(&w, cell->number); break;
        }
    }
    json_close_object(&w);
    buf_append_byte(&p->line, '\n');
    return write_line(p);
}

static bool contains_any(struct slice text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(bytes, text.ptr[i], strlen(bytes)))
            return true;
    }
    return false;
}

/*
 * A name may be anything that a client sent.  What a spreadsheet would run as a formula
 * gets an apostrophe in front, which makes it text (OWASP, CSV injection).
 */
static void write_csv_text(struct buf *line, struct slice text)
{
    bool formula = text.len && memchr("=+-@\t\r", text.ptr[0], 6);
    bool quoted = contains_any(text, ",\"\r\n");

    if (quoted)
        buf_append_byte(line, '"');
    if (formula)
        buf_append_byte(line, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_append_byte(line, '"');
        buf_append_byte(line, text.ptr[i]);
    }
    if (quoted)
        buf_append_byte(line, '"');
}

static bool write_csv(struct usage_printer *p, const struct cells *c, bool heading)
{
    buf_clear(&p->line);
    for (size_t i = 0; i < c->count; i++) {
        const struct cell *cell = &c->at[i];

        if (i)
            buf_append_byte(&p->line, ',');
        if (heading) {
            buf_append_str(&p->line, cell->name);
            continue;
        }
        switch (cell->kind) {
        case CELL_NULL: break;
        case CELL_TEXT: write_csv_text(&p->line, cell->text); break;
        case CELL_INT: buf_printf(&p->line, "%lld", (long long)cell->number); break;
        case CELL_BOOL: buf_append_str(&p->line, cell->number ? "true" : "false"); break;
        }
    }
    buf_append_str(&p->line, "\r\n");
    return write_line(p);
}

bool usage_print_total_json(void *ctx, const struct ledger_total *t)
{
    struct cells c;

    gather_total(&c, ctx, t);
    return write_json(ctx, &c);
}

bool usage_print_row_json(void *ctx, const struct ledger_row *row)
{
    struct cells c;

    gather_row(&c, row);
    return write_json(ctx, &c);
}

void usage_print_total_csv_heading(struct usage_printer *p)
{
    const struct ledger_total none = {.requests = 0};
    struct cells c;

    gather_total(&c, p, &none);
    write_csv(p, &c, true);
}

void usage_print_row_csv_heading(struct usage_printer *p)
{
    const struct ledger_row none = {.record = {.id = ""}};
    struct cells c;

    gather_row(&c, &none);
    write_csv(p, &c, true);
}

bool usage_print_total_csv(void *ctx, const struct ledger_total *t)
{
    struct cells c;

    gather_total(&c, ctx, t);
    return write_csv(ctx, &c, false);
}

bool usage_print_row_csv(void *ctx, const struct ledger_row *row)
{
    struct cells c;

    gather_row(&c, row);
    return write_csv(ctx, &c, false);
}
