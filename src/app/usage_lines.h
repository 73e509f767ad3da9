/* usage_lines.h - usage for programs: JSON or CSV, a line each. */
#ifndef APP_USAGE_LINES_H
#define APP_USAGE_LINES_H

#include "app/usage_print.h"

/** One JSON object a line; the context is a struct usage_printer. */
bool usage_print_total_json(void *ctx, const struct ledger_total *t);
bool usage_print_row_json(void *ctx, const struct ledger_row *row);

/** RFC 4180, the names of the columns first; the columns are those of the objects above. */
void usage_print_total_csv_heading(struct usage_printer *p);
void usage_print_row_csv_heading(struct usage_printer *p);
bool usage_print_total_csv(void *ctx, const struct ledger_total *t);
bool usage_print_row_csv(void *ctx, const struct ledger_row *row);

#endif
