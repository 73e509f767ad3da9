/* zone_file.h - time zones by name, from the system's files. */
#ifndef APP_ZONE_FILE_H
#define APP_ZONE_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/zone.h"

/**
 * "UTC" and "+05:45" need no file; "Europe/Berlin" is looked for in $TZDIR or
 * /usr/share/zoneinfo; "local" is the machine's own, as $TZ or /etc/localtime have it.
 * The file's bytes stand in `a`.  ERR_BAD_REQUEST: there is no such zone.
 */
enum err zone_load(struct slice name, struct arena *a, struct zone *out, struct err_info *e);

#endif
