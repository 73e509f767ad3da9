/* key.h - API keys and session tokens: made once, shown once, known only by their digest. */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "crypto/master.h"

#define KEY_DIGEST_BYTES 32

/*
 * HMAC-SHA-256 under a subkey of the master key: a stolen database neither gives
 * keys away nor lets guesses be tried.  The state after the subkey is kept, so that
 * a digest costs two rounds of SHA-256 less.  Read-only after init: threads share it.
 */
struct key_hasher {
    /* private */
    uint64_t state[28]; // of the inner and the outer hash
};

void key_hasher_init(struct key_hasher *h, const unsigned char *subkey, size_t subkey_len);

/** The hasher of API keys (SUBKEY_KEY_DIGEST) or of session tokens (SUBKEY_SESSION). */
void key_hasher_init_from(struct key_hasher *h, const struct master_key *m, enum subkey purpose);
void key_hasher_wipe(struct key_hasher *h);

void key_digest(const struct key_hasher *h, struct slice text, unsigned char out[KEY_DIGEST_BYTES]);

/** A new key: "gp-" and 256 bits as 43 letters and digits; 46 bytes and a NUL. */
#define KEY_TEXT_BYTES 47
void key_generate(char out[KEY_TEXT_BYTES]);

/** Whether an operator's own key will do: 8 to 512 printable ASCII characters, no space. */
bool key_is_valid(struct slice text);

/** What may be shown of a key: its first eight characters, at most half of it. */
struct slice key_prefix(struct slice text);

#endif
