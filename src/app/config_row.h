/* config_row.h - rows out of the configuration file, by their descriptors.  For config.c. */
#ifndef APP_CONFIG_ROW_H
#define APP_CONFIG_ROW_H

#include "app/config.h"

/** Reads the list at `pair`, whose rows are of `type` and nested in `parent` (NULL: at the top). */
void config_read_list(struct config *c, enum row_type type, const struct yaml_pair *pair,
                      struct config_row *parent);

/** The map of settings: a row per key. */
void config_read_settings(struct config *c, const struct yaml_node *n);

/** Says that a key is not known `where`, and which one may have been meant. */
void config_unknown_key(struct config *c, const char *where, const struct yaml_pair *pair,
                        const char *const *keys, size_t count);

/** Names that stand twice, and names of what is not there. */
void config_check_names(struct config *c, unsigned flags);

#endif
