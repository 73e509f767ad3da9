/* control.h - the database and the keys that open it, together. */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include <stdbool.h>

#include "app/options.h"
#include "base/err.h"
#include "crypto/key.h"
#include "crypto/master.h"
#include "crypto/seal.h"
#include "store/store.h"

struct control {
    struct store *store;
    struct key_hasher hasher;    // of API keys
    struct key_hasher envelopes; // chat/envelope.h
    char fingerprint[MASTER_KEY_FINGERPRINT_BYTES];
    const char *made_key_file; // the secret key was made now, in this file: worth a warning
};

/**
 * Opens the database that the options name, with the secret key of --secret-key or
 * of the key file, which is made when neither is there and the database is new.
 * `flags` as store_open().  Texts stand in `a`.
 */
enum err control_open(struct control *c, const struct options *o, unsigned flags, struct arena *a,
                      struct err_info *e);
void control_close(struct control *c);

/** One more connection to the same database, with the same keys: for another thread. */
enum err control_connect(const struct options *o, struct arena *a, struct store **out,
                         struct err_info *e);

#endif
