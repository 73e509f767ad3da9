/* key.c - API keys and session tokens: made once, shown once, known only by their digest. */
#include "crypto/key.h"

#include <assert.h>
#include <sodium.h>

#include "base/secret.h"
#include "crypto/random.h"

#define MARK         "gp-"
#define PREFIX_BYTES 8
#define LEAST_BYTES  8
#define MOST_BYTES   512

typedef crypto_auth_hmacsha256_state hmac_state;

void key_hasher_init(struct key_hasher *h, const unsigned char *subkey, size_t subkey_len)
{
    hmac_state state;

    _Static_assert(sizeof(state) == sizeof(h->state), "libsodium's state fits exactly");
    crypto_auth_hmacsha256_init(&state, subkey, subkey_len);
    memcpy(h->state, &state, sizeof(state));
    secret_wipe(&state, sizeof(state));
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

void key_digest(const struct key_hasher *h, struct slice text, unsigned char out[KEY_DIGEST_BYTES])
{
    hmac_state state;

    memcpy(&state, h->state, sizeof(state));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.ptr, text.len);
    crypto_auth_hmacsha256_final(&state, out);
    secret_wipe(&state, sizeof(state));
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
