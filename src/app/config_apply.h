/* config_apply.h - what the configuration file says, made true in the database. */
#ifndef APP_CONFIG_APPLY_H
#define APP_CONFIG_APPLY_H

#include "app/config.h"
#include "base/err.h"
#include "crypto/key.h"
#include "store/store.h"

enum apply_flag {
    APPLY_DELETE = 1, // of what the file declares, rows that it does not have go
};

/* A key that was generated, after all has been stored: the only time its text is to be had. */
typedef void apply_key_fn(void *ctx, struct slice user, struct slice label, struct slice text);

struct apply {
    struct store *store; // its key is set
    const struct key_hasher *hasher;
    const char *fingerprint; // of the master key
    unsigned flags;
    apply_key_fn *on_key;
    void *ctx;
    size_t added, changed, deleted; // filled in
};

/**
 * In one transaction: all of it or nothing.  Rows keep their ids: they are found
 * again by name, keys by digest (without a text: by label), credentials by label
 * (without one: by secret, then by position).  Of a row that is declared every
 * field is declared: an absent one has its default; except passwords and secrets,
 * which are kept where the file does not have them, and nested lists, which are
 * left alone where the file does not mention them.  Equal rows are not written.
 *
 * A provider whose channel or base URL changes loses the credentials that the
 * file does not give anew (hardening.md T26).
 *
 * ERR_BAD_REQUEST: c->problems says what and where.  Either way `c` is used up.
 */
enum err config_apply(const struct config *c, struct apply *a, struct err_info *e);

#endif
