/* master.h - the one secret of an installation, and the keys made of it. */
#ifndef CRYPTO_MASTER_H
#define CRYPTO_MASTER_H

#include <stdbool.h>

#include "base/slice.h"

#define MASTER_KEY_BYTES 32
#define SUBKEY_BYTES     32

/*
 * Comes from --secret-key or from a file of mode 0600 in the data directory; reading
 * those is the app's.  Whoever holds it opens every sealed secret, so its owner wipes
 * it with secret_wipe() as soon as the subkeys are made.
 */
struct master_key {
    unsigned char bytes[MASTER_KEY_BYTES];
};

/* What a subkey is for.  The numbers are part of what is stored: they never change. */
enum subkey {
    SUBKEY_SEAL = 1,        // crypto/seal.h
    SUBKEY_KEY_DIGEST = 2,  // digests of API keys, crypto/key.h
    SUBKEY_SESSION = 3,     // digests of session tokens
    SUBKEY_FINGERPRINT = 4, // tells one master key from another
    SUBKEY_ENVELOPE = 5,    // MACs of chat/envelope.h
};

/**
 * Takes 64 hex digits, or 32 bytes in base64 (either alphabet, padding or not), with
 * spaces and line ends around them; false when it is neither.
 */
bool master_key_parse(struct slice text, struct master_key *out);

void master_key_generate(struct master_key *out);

/** As hex, for the key file: 64 digits and a NUL. */
#define MASTER_KEY_TEXT_BYTES 65
void master_key_format(const struct master_key *m, char out[MASTER_KEY_TEXT_BYTES]);

void master_key_derive(const struct master_key *m, enum subkey purpose,
                       unsigned char out[SUBKEY_BYTES]);

/** 16 hex digits that may be stored and shown: they say which key sealed a database. */
#define MASTER_KEY_FINGERPRINT_BYTES 17
void master_key_fingerprint(const struct master_key *m, char out[MASTER_KEY_FINGERPRINT_BYTES]);

#endif
