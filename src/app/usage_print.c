/* usage_print.c - usage as a table for people. */
#include "app/usage_print.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/money.h"
#include "base/panic.h"
#include "base/sum.h"

#define SUM_COLUMNS 7

static const char *const sum_headings[SUM_COLUMNS] = {
    "REQUESTS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "OTHER", "COST USD",
};

void usage_printer_release(struct usage_printer *p)
{
    free(p->cells);
    arena_release(&p->rows);
    buf_release(&p->line);
}

struct slice usage_step_text(const struct usage_printer *p, int64_t unix_ms,
                             char out[ZONE_TEXT_BYTES])
{
    struct slice text;

    zone_format(&p->zone, unix_ms, out);
    text = slice_str(out);
    return p->step == LEDGER_BY_DAY ? slice_cut(text, 'T', &(struct slice){NULL, 0}) : text;
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
    size_t len = 0;

    while (from.len) {
        size_t control = control_len(from);
        text[len++] = control ? '?' : from.ptr[0];
        from = slice_after(from, control ? control : 1);
    }
    return slice_of(text, len);
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

static int64_t sum_of(const int64_t *tokens, const enum usage_kind *kinds, size_t count)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum = sum_capped(sum, tokens[kinds[i]]);
    return sum;
}

static void add_sums(struct usage_printer *p, const struct ledger_total *t)
{
    static const enum usage_kind writes[] = {USAGE_CACHE_WRITE_5M, USAGE_CACHE_WRITE_30M,
                                             USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_12H};
    static const enum usage_kind other[] = {USAGE_AUDIO_IN, USAGE_IMAGE_IN, USAGE_AUDIO_OUT,
                                            USAGE_IMAGE_OUT};
    const int64_t *k = t->usage.tokens;
    const int64_t sums[SUM_COLUMNS - 1] = {
        t->requests,         k[USAGE_INPUT],
        k[USAGE_CACHE_READ], sum_of(k, writes, ARRAY_LEN(writes)),
        k[USAGE_OUTPUT],     sum_of(k, other, ARRAY_LEN(other)),
    };

    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        add_cell(p, arena_printf(p->arena, "%lld", (long long)sums[i]));
    add_cell(p, money_text(p->arena, t->cost_nusd));
}

void usage_begin_table(struct usage_printer *p)
{
    p->names = p->step != LEDGER_WHOLE;
    p->numbers = SUM_COLUMNS;
    if (p->step)
        add_cell(p, heading(p->arena, slice_str(ledger_step_name(p->step))));
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (!has_group(p, g))
            continue;
        add_cell(p, heading(p->arena, slice_str(ledger_group_name((enum ledger_group)g))));
        p->names++;
    }
    p->columns = p->names + p->numbers;
    for (size_t i = 0; i < SUM_COLUMNS; i++)
        add_cell(p, slice_str(sum_headings[i]));
}

bool usage_add_total(void *ctx, const struct ledger_total *t)
{
    struct usage_printer *p = ctx;
    char step[ZONE_TEXT_BYTES];

    if (p->step)
        add_cell(p, arena_dup(p->arena, usage_step_text(p, t->step_unix_ms, step)));
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (has_group(p, g))
            add_cell(p, printable(p->arena, t->names[g]));
    }
    add_sums(p, t);
    p->all.requests = sum_capped(p->all.requests, t->requests);
    p->all.cost_nusd = sum_capped(p->all.cost_nusd, t->cost_nusd);
    p->all.unpriced = sum_capped(p->all.unpriced, t->unpriced);
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        p->all.usage.tokens[k] = sum_capped(p->all.usage.tokens[k], t->usage.tokens[k]);
    return true;
}

/* The sum of all: the name of the first column says what it is. */
static void add_sum_row(struct usage_printer *p)
{
    for (size_t i = 0; i < p->names; i++)
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
    size_t widest = p->widths[column];

    for (size_t i = column; i < p->count; i += p->columns) {
        size_t width = width_of(p->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* Names to the left, numbers to the right; nothing behind the last. */
static void print_cell(const struct usage_printer *p, size_t i)
{
    size_t column = i % p->columns, last = p->columns - 1;
    int pad = (int)(p->widths[column] - width_of(p->cells[i]));
    bool is_number = column >= p->names && column < p->names + p->numbers;

    if (is_number)
        fprintf(p->out, "%*s", pad, "");
    fprintf(p->out, "%.*s", SLICE_ARG(p->cells[i]));
    if (!is_number && column != last)
        fprintf(p->out, "%*s", pad, "");
    fputs(column == last ? "\n" : "  ", p->out);
}

/* What has been gathered, at least as wide as what was printed before it. */
static void print_cells(struct usage_printer *p)
{
    for (size_t c = 0; c < p->columns; c++)
        p->widths[c] = column_width(p, c);
    for (size_t i = 0; i < p->count; i++)
        print_cell(p, i);
    p->count = 0;
}

void usage_print_table(struct usage_printer *p)
{
    if (p->names)
        add_sum_row(p);
    print_cells(p);
    if (p->all.unpriced)
        fprintf(p->out, "%lld of the requests had no price and count as free\n",
                (long long)p->all.unpriced);
}

/* ---- rows for people ---- */

#define ROWS_AT_ONCE 500 // have the same widths

static const char *const row_headings[] = {
    "STARTED", "USER",   "KEY",      "MODEL",    "OUTCOME", "HTTP",
    "INPUT",   "OUTPUT", "COST USD", "TOTAL MS", "ID",
};

#define ROW_NAMES   5
#define ROW_NUMBERS 5

static_assert(ARRAY_LEN(row_headings) == ROW_NAMES + ROW_NUMBERS + 1 &&
                  ARRAY_LEN(row_headings) <= USAGE_COLUMNS_MOST,
              "and the id");

void usage_begin_rows(struct usage_printer *p)
{
    p->columns = ARRAY_LEN(row_headings);
    p->names = ROW_NAMES;
    p->numbers = ROW_NUMBERS;
    for (size_t i = 0; i < ARRAY_LEN(row_headings); i++)
        add_cell(p, slice_str(row_headings[i]));
}

static void add_number(struct usage_printer *p, int64_t value)
{
    add_cell(p, arena_printf(&p->rows, "%lld", (long long)value));
}

bool usage_add_row(void *ctx, const struct ledger_row *row)
{
    struct usage_printer *p = ctx;
    const struct usage_record *r = &row->record;
    char started[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(r->started_unix_ms, started);
    add_cell(p, arena_dup(&p->rows, slice_str(started)));
    add_cell(p, printable(&p->rows, r->user));
    add_cell(p, printable(&p->rows, r->key_label));
    add_cell(p, printable(&p->rows, r->model));
    add_cell(p, printable(&p->rows, row->outcome));
    add_number(p, r->http_status);
    add_number(p, r->usage.tokens[USAGE_INPUT]);
    add_number(p, r->usage.tokens[USAGE_OUTPUT]);
    add_cell(p, money_text(&p->rows, r->cost_nusd));
    if (r->total_ms < 0)
        add_cell(p, SLICE("-"));
    else
        add_number(p, r->total_ms);
    add_cell(p, arena_dup(&p->rows, slice_str(r->id)));
    if (p->count >= ROWS_AT_ONCE * p->columns)
        usage_print_rows(p);
    return !ferror(p->out);
}

void usage_print_rows(struct usage_printer *p)
{
    print_cells(p);
    arena_release(&p->rows);
    arena_init(&p->rows, 0);
}
