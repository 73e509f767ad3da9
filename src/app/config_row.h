/* config_row.h - rows out of the configuration file, by their descriptors.  For config*.c. */
#ifndef APP_CONFIG_ROW_H
#define APP_CONFIG_ROW_H

#include "app/config.h"

/** Reads the list at `pair`, whose rows are of `type` and nested in `parent` (NULL: at the top). */
void config_read_list(struct config *c, enum row_type type, const struct yaml_pair *pair,
                      struct config_row *parent);

/** The map of settings: a row per key. */
void config_read_settings(struct config *c, const struct yaml_node *n);

/** One value into its place in r->row; false: it cannot be, which has been told. */
bool config_read_field(struct config *c, const struct field *f, const struct yaml_node *n,
                       struct config_row *r);

/** `scope` of a rule: "global", "provider/NAME" or "alias/NAME", and nothing else beside it. */
bool config_read_scope(struct config *c, const struct yaml_pair *pair, struct config_row *r);

/** A text; of a secret, "file:PATH" stands for what is in that file, without its line end. */
bool config_read_text(struct config *c, const char *key, const struct yaml_node *n, bool is_secret,
                      struct slice *out);

struct slice config_read_json(struct config *c, const struct yaml_node *n);

/** Says that a value must be `wanted`: "weight: must be a whole number, not text". */
void config_wrong_type(struct config *c, const char *key, const char *wanted,
                       const struct yaml_node *n);

/** Says that a key is not known `where`, and which one may have been meant. */
void config_unknown_key(struct config *c, const char *where, const struct yaml_pair *pair,
                        const char *const *keys, size_t count);

/** The `name` of a row of a kind that has one; a NULL pointer: it is not there. */
struct slice config_name(enum row_type type, const void *row);

/** Names that stand twice, and names of what is not there. */
void config_check_names(struct config *c, unsigned flags);

#endif
