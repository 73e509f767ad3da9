/* bill.h - what one exchange has cost, line by line. */
#ifndef APP_BILL_H
#define APP_BILL_H

#include <stdbool.h>

#include "app/commands.h"

/**
 * Prints the row of an exchange and the lines that its cost is the sum of, by the price as it
 * was then.  Answers the exit code.
 */
int bill_print(struct command_context *x, const char *exchange, bool as_json);

#endif
