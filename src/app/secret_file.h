/* secret_file.h - where the master key comes from. */
#ifndef APP_SECRET_FILE_H
#define APP_SECRET_FILE_H

#include <stdbool.h>

#include "app/options.h"
#include "base/err.h"
#include "crypto/master.h"

/**
 * The key of --secret-key; else the one in the data directory's `secret.key`, which
 * is made (mode 0600) when it is not there and `may_make` allows it.  Sets `made` to
 * its path then, in `a`.  A key file that others may read is refused.
 */
enum err secret_key_load(const struct options *o, bool may_make, struct arena *a,
                         struct master_key *out, const char **made, struct err_info *e);

#endif
