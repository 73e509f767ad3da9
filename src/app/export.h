/* export.h - the rows of the control plane as a configuration file. */
#ifndef APP_EXPORT_H
#define APP_EXPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "policy/row.h"

/**
 * What config_parse() reads back to the same rows.  Fields with their initial value
 * are left out; so are secrets and password hashes unless `with_secrets`.  Keys are
 * written as digests, which belong to the secret key of `fingerprint`.
 */
void export_rows(const struct row_set *rows, const char *fingerprint, bool with_secrets,
                 struct buf *out);

#endif
