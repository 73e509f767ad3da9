/* key.c - API keys and session tokens: made once, shown once, known only by their digest. */
#include "crypto/key.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/random.h"

#define MARK         "gp-"
#define PREFIX_BYTES 8
#define LEAST_BYTES  8
#define MOST_BYTES   512

#define BLOCK_BYTES SHA256_CBLOCK

/* HMAC (RFC 2104) after its key: what the inner and the outer hash have taken in. */
struct hmac_start {
    SHA256_CTX inner, outer;
};

static void absorb_pad(SHA256_CTX *hash, const unsigned char *key, size_t key_len,
                       unsigned char pad)
{
    unsigned char block[BLOCK_BYTES];

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < key_len; i++)
        block[i] ^= key[i];
    SHA256_Init(hash);
    SHA256_Update(hash, block, sizeof(block));
    secret_wipe(block, sizeof(block));
}

void key_hasher_init(struct key_hasher *h, const unsigned char *subkey, size_t subkey_len)
{
    struct hmac_start start;
    unsigned char folded[KEY_DIGEST_BYTES];

    _Static_assert(sizeof(start) == sizeof(h->state), "two states of SHA-256 fit exactly");
    if (subkey_len > BLOCK_BYTES) { // a longer key stands for its digest
        SHA256(subkey, subkey_len, folded);
        subkey = folded;
        subkey_len = sizeof(folded);
    }
    absorb_pad(&start.inner, subkey, subkey_len, 0x36);
    absorb_pad(&start.outer, subkey, subkey_len, 0x5c);
    memcpy(h->state, &start, sizeof(start));
    secret_wipe(&start, sizeof(start));
    secret_wipe(folded, sizeof(folded));
}

void key_hasher_init_from(struct key_hasher *h, const struct master_key *m, enum subkey purpose)
{
    unsigned char subkey[SUBKEY_BYTES];

    master_key_derive(m, purpose, subkey);
    key_hasher_init(h, subkey, sizeof(subkey));
    secret_wipe(subkey, sizeof(subkey));
}

void key_hasher_wipe(struct key_hasher *h)
{
    secret_wipe(h, sizeof(*h));
}

/*
 * With OpenSSL's SHA-256, which uses the processor's own instructions where it has them:
 * a third of a microsecond less per request than libsodium's.  The old interface, since
 * the new one allocates for each digest.
 */
void key_digest(const struct key_hasher *h, struct slice text, unsigned char out[KEY_DIGEST_BYTES])
{
    struct hmac_start start;
    unsigned char inner[KEY_DIGEST_BYTES];

    memcpy(&start, h->state, sizeof(start));
    SHA256_Update(&start.inner, text.ptr, text.len);
    SHA256_Final(inner, &start.inner);
    SHA256_Update(&start.outer, inner, sizeof(inner));
    SHA256_Final(out, &start.outer);
    secret_wipe(&start, sizeof(start));
}

void key_generate(char out[KEY_TEXT_BYTES])
{
    const size_t mark = sizeof(MARK) - 1;

    memcpy(out, MARK, mark);
    crypto_random_text(out + mark, KEY_TEXT_BYTES - 1 - mark);
}

bool key_is_valid(struct slice text)
{
    if (text.len < LEAST_BYTES || text.len > MOST_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return false;
    }
    return true;
}

struct slice key_prefix(struct slice text)
{
    return slice_sub(text, 0, text.len / 2 < PREFIX_BYTES ? text.len / 2 : PREFIX_BYTES);
}
