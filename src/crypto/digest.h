/* digest.h - SHA-256, for what only has to be the same again and not to be read. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/arena.h"
#include "base/slice.h"

#define DIGEST_HEX_BYTES 64

/** 64 hexadecimal digits, in the arena.  No key goes in: who knows `text` can make it again. */
struct slice digest_hex(struct arena *a, struct slice text);

#endif
