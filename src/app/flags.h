/* flags.h - the values of a command's own flags. */
#ifndef APP_FLAGS_H
#define APP_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/commands.h"

/** NULL: it is not given. */
const char *flag_text(const struct command_context *x, const char *name);

/* Of a flag that is not given, `out` stays as it is.  False: what is wrong has been told. */

/** 24h, 7d, 30m or 90s ago; or a time in RFC 3339. */
bool flag_time(const struct command_context *x, const char *name, int64_t now_unix_ms,
               int64_t *out);

/** A number from 1 to `most`. */
bool flag_count(const struct command_context *x, const char *name, int64_t most, int64_t *out);

#endif
