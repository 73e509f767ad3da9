/* digest.c - SHA-256, for what only has to be the same again and not to be read. */
#include "crypto/digest.h"

#include <sodium.h>

struct slice digest_hex(struct arena *a, struct slice text)
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    char *hex = arena_alloc_raw(a, DIGEST_HEX_BYTES + 1, 1);

    crypto_hash_sha256(bytes, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(hex, DIGEST_HEX_BYTES + 1, bytes, sizeof(bytes));
    return slice_of(hex, DIGEST_HEX_BYTES);
}
