/* catalogue.h - what vendors charge for their models, where nobody has said otherwise. */
#ifndef POLICY_CATALOGUE_H
#define POLICY_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "policy/price.h"

/*
 * Immutable and counted: snapshots hold it for as long as they charge by it.  The binary
 * brings one along (src/policy/prices.json); an operator may put a file of the same form in
 * its place.
 */
struct catalogue;

struct catalogue_entry {
    struct slice vendor, id;
    const struct price *price; // NULL: it costs what we do not count, as hours of sound
    int64_t context_window;    // tokens; 0: not known
};

/** With one reference.  ERR_BAD_REQUEST names the entry and the key. */
enum err catalogue_parse(struct slice json, struct catalogue **out, struct err_info *e);

/** The one that is part of the binary, with one reference. */
struct catalogue *catalogue_builtin(void);

struct catalogue *catalogue_ref(struct catalogue *c);
void catalogue_unref(struct catalogue *c); // NULL is fine

/**
 * The entry for a model of that vendor, or NULL.  In this order: the id as it is; without
 * "models/", "publishers/.../models/" or the vendor's own name in front; that without its date
 * or "-latest"; what is left with "-latest", and with "-0".  Nothing else is looked through: a
 * fine-tuned model, a variant, an id of somebody else's has no price here.
 */
const struct catalogue_entry *catalogue_find(const struct catalogue *c, struct slice vendor,
                                             struct slice model);

bool catalogue_has_vendor(const struct catalogue *c, struct slice vendor);

typedef void catalogue_each_fn(void *ctx, const struct catalogue_entry *entry);

/** All entries of a vendor, in the order of the file. */
void catalogue_each(const struct catalogue *c, struct slice vendor, catalogue_each_fn *each,
                    void *ctx);

/** Whose prices hold for a channel's upstream; empty: nobody's. */
struct slice catalogue_vendor_of(const char *channel);

#endif
