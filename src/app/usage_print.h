/* usage_print.h - usage as a table for people. */
#ifndef APP_USAGE_PRINT_H
#define APP_USAGE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/ledger.h"

#define USAGE_COLUMNS_MOST 16

/* What is printed into; the callbacks below take one as their context. */
struct usage_printer {
    FILE *out;
    struct arena *arena;
    unsigned groups; // of enum ledger_group
    enum ledger_step step;
    struct zone zone; // of the steps
    /* private */
    struct buf line;
    struct slice *cells;                        // [count], a row after another
    size_t names, numbers, columns, count, cap; // columns: names, then numbers, then the rest
    size_t widths[USAGE_COLUMNS_MOST];
    struct arena rows; // texts of the rows that are not printed yet
    struct ledger_total all;
};

/** Totals as a table, in the order in which they come, their sum last; printed at the end. */
void usage_begin_table(struct usage_printer *p);
bool usage_add_total(void *ctx, const struct ledger_total *t);
void usage_print_table(struct usage_printer *p);

/** Rows as a table, printed some at a time; those that are left, at the end. */
void usage_begin_rows(struct usage_printer *p);
bool usage_add_row(void *ctx, const struct ledger_row *row);
void usage_print_rows(struct usage_printer *p);

/** What a step is called: "2026-11-22", or "2026-11-22T17:00:00+01:00". */
struct slice usage_step_text(const struct usage_printer *p, int64_t unix_ms,
                             char out[ZONE_TEXT_BYTES]);

void usage_printer_release(struct usage_printer *p);

#endif
