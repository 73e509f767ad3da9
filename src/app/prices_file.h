/* prices_file.h - where the catalogue of prices comes from. */
#ifndef APP_PRICES_FILE_H
#define APP_PRICES_FILE_H

#include "policy/catalogue.h"
#include "policy/snapshot.h"

/**
 * Reads the file, or for NULL and "" answers what the binary brings along.  With one
 * reference; the reason for failing names the file.
 */
enum err prices_read(const char *path, struct catalogue **out, struct err_info *e);

/** Has snapshots charge by it from now on. */
enum err prices_use(const char *path, struct policy_state *state, struct err_info *e);

#endif
