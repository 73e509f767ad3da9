/* password.h - passwords, as Argon2id. */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>

#include "base/slice.h"

/** A PHC string, NUL included. */
#define PASSWORD_HASH_BYTES 128

/**
 * 19 MiB, two passes: some 20 ms and never on a loop's thread (hardening.md T19).
 * False when there is no memory for it.
 */
bool password_hash(struct slice password, char out[PASSWORD_HASH_BYTES]);

/** An empty `phc` (no such user, no password) answers false after the same work. */
bool password_verify(struct slice phc, struct slice password);

/** Whether the text claims to be an Argon2 PHC string, so that it is not taken for a password. */
bool password_looks_phc(struct slice text);

/**
 * Whether password_verify() can work with it: Argon2id or Argon2i, well formed, and of a
 * cost (at most 1 GiB and 100 passes) that cannot stall the process.
 */
bool password_is_phc(struct slice text);

#endif
