/* migrations.h - how the tables came to be what they are. */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

/**
 * Applies, each in a transaction of its own, what is missing.  ERR_NEWER when the
 * database has seen a migration that this binary does not know.
 */
enum err migrations_run(sqlite3 *db, struct err_info *e);

/** The number of the last migration this binary knows. */
int migrations_newest(void);

#endif
