/* catalogue_inside.h - how entries of the catalogue become prices.  Private to catalogue*.c. */
#ifndef POLICY_CATALOGUE_INSIDE_H
#define POLICY_CATALOGUE_INSIDE_H

#include <stdbool.h>

#include "policy/catalogue.h"
#include "json/tree.h"

/* The file that this binary brings along, and a NUL. */
extern const char catalogue_data[];

/**
 * Writes the entry as a price object (policy/price.h) into `a`; `vendor` is what holds for all
 * models of its vendor, or NULL.  A NULL pointer where it names no price that we could charge.
 */
enum err catalogue_price_text(const struct json *entry, const struct json *vendor, struct arena *a,
                              struct slice *out, struct err_info *e);

#endif
