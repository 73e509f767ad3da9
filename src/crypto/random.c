/* random.c - bytes that nobody can guess. */
#include "crypto/random.h"

#include <sodium.h>

bool crypto_init(void)
{
    return sodium_init() >= 0;
}

void crypto_random(void *out, size_t len)
{
    randombytes_buf(out, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void crypto_random_text(char *out, size_t len)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
    out[len] = '\0';
}
