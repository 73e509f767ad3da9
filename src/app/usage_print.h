/* usage_print.h - usage as a table for people or as JSON, a line each. */
#ifndef APP_USAGE_PRINT_H
#define APP_USAGE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/ledger.h"

/* What is printed into; the callbacks below take one as their context. */
struct usage_printer {
    FILE *out;
    struct arena *arena;
    unsigned groups; // of enum ledger_group
    /* private */
    struct buf line;
    struct slice *cells; // [count], a row after another, the heading first
    size_t columns, count, cap;
    struct ledger_total all;
};

/** Totals as a table, in the order in which they come, their sum last; printed at the end. */
void usage_begin_table(struct usage_printer *p);
bool usage_add_total(void *ctx, const struct ledger_total *t);
void usage_print_table(struct usage_printer *p);

/** One line for people; the heading first. */
void usage_print_row_heading(struct usage_printer *p);
bool usage_print_row(void *ctx, const struct ledger_row *row);

/** One JSON object a line. */
bool usage_print_total_json(void *ctx, const struct ledger_total *t);
bool usage_print_row_json(void *ctx, const struct ledger_row *row);

void usage_printer_release(struct usage_printer *p);

#endif
