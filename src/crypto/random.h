/* random.h - bytes that nobody can guess. */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/** Once, before any other thread runs and before anything else of this room; false: no entropy. */
bool crypto_init(void);

/** For keys, nonces and tokens; ids and jitter take base/random.h. */
void crypto_random(void *out, size_t len);

/** Whether two runs of `len` bytes are the same, in a time that does not say where they differ. */
bool crypto_equal(const void *a, const void *b, size_t len);

/** `len` characters of [0-9A-Za-z], evenly chosen, and a NUL: 43 of them are 256 bits. */
void crypto_random_text(char *out, size_t len);

#endif
