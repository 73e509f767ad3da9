/* seal.h - secrets at rest: readable where they were put, or not at all. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "crypto/master.h"

/*
 * XChaCha20-Poly1305 with a random nonce.  Text, so that it fits any column:
 * "v1:" and base64 (URL alphabet, no padding) of nonce, ciphertext and tag.
 */
struct seal_key {
    unsigned char bytes[SUBKEY_BYTES];
};

/* Bound into the seal: what is moved to another row or column does not open there. */
struct seal_place {
    const char *table, *column; // without '/'
    int64_t id;                 // of the row
};

void seal_key_init(struct seal_key *key, const struct master_key *m);
void seal_key_wipe(struct seal_key *key);

void seal(const struct seal_key *key, struct seal_place place, struct secret plain,
          struct buf *out);

/**
 * The secret stands in `a` with a NUL after it and is wiped when `a` goes.  ERR_DAMAGED: changed,
 * from another place, or sealed with another master key; ERR_NEWER: a format not known here.
 */
enum err seal_open(const struct seal_key *key, struct seal_place place, struct slice sealed,
                   struct arena *a, struct secret *out, struct err_info *e);

#endif
