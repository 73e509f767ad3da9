/* config_warning.h - what config_warn() knows of the file.  For config_warn*.c. */
#ifndef APP_CONFIG_WARNING_H
#define APP_CONFIG_WARNING_H

#include "app/config.h"
#include "base/table.h"
#include "policy/limits.h"

struct warn {
    const struct config *c;
    struct table names;     // what clients may send: aliases, models, provider/model -> config_row
    struct table providers; // name -> config_row
    struct table matched;   // patterns that have been looked at, with their provider
    bool open;              // some enabled provider takes models that are not declared
    struct limits limits;   // with the file's settings
    struct catalogue *catalogue;
};

/** The provider of that name in the file, or NULL. */
const struct config_row *warn_provider_of(const struct warn *w, struct slice name);

/** Whether the provider refuses models that have no row. */
bool warn_is_closed(const struct warn *w, const struct config_row *provider);

/**
 * Whether a pattern matches a name that clients may send (`at`: to that provider, NULL: to any).
 * True, too, where the file does not say what there is.
 */
bool warn_matches(struct warn *w, struct slice pattern, const struct config_row *at);

/** Says that it does not. */
void warn_no_match(const struct warn *w, struct place at, struct slice pattern);

/** Whether something gives a price to that model of the provider. */
bool warn_is_priced(const struct warn *w, const struct config_row *provider, struct slice model);

/** Limits and quotas that do nothing, or more than was meant. */
void warn_access(struct warn *w);

/** Limits and prices that others always stand before. */
void warn_shadows(struct warn *w);

/** Rules that can never match. */
void warn_rules(struct warn *w);

#endif
