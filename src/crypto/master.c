/* master.c - the one secret of an installation, and the keys made of it. */
#include "crypto/master.h"

#include <sodium.h>

#include "base/array.h"
#include "base/secret.h"

/* Part of what is stored, as the numbers of enum subkey are. */
static const char context[crypto_kdf_CONTEXTBYTES + 1] = "gproxy_1";

static bool parse_hex(struct slice s, struct master_key *out)
{
    size_t len;

    return s.len == 2 * (size_t)MASTER_KEY_BYTES &&
           sodium_hex2bin(out->bytes, sizeof(out->bytes), s.ptr, s.len, NULL, &len, NULL) == 0 &&
           len == MASTER_KEY_BYTES;
}

static bool parse_base64(struct slice s, struct master_key *out)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL,
        sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE,
        sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    };
    size_t len;

    for (size_t i = 0; s.len && i < ARRAY_LEN(variants); i++) {
        if (sodium_base642bin(out->bytes, sizeof(out->bytes), s.ptr, s.len, NULL, &len, NULL,
                              variants[i]) == 0 &&
            len == MASTER_KEY_BYTES)
            return true;
    }
    return false;
}

bool master_key_parse(struct slice text, struct master_key *out)
{
    struct slice s = slice_trim_lines(text);

    if (parse_hex(s, out) || parse_base64(s, out))
        return true;
    secret_wipe(out, sizeof(*out));
    return false;
}

void master_key_generate(struct master_key *out)
{
    crypto_kdf_keygen(out->bytes);
}

void master_key_format(const struct master_key *m, char out[MASTER_KEY_TEXT_BYTES])
{
    sodium_bin2hex(out, MASTER_KEY_TEXT_BYTES, m->bytes, sizeof(m->bytes));
}

void master_key_derive(const struct master_key *m, enum subkey purpose,
                       unsigned char out[SUBKEY_BYTES])
{
    _Static_assert(MASTER_KEY_BYTES == crypto_kdf_KEYBYTES, "libsodium's KDF takes such keys");
    crypto_kdf_derive_from_key(out, SUBKEY_BYTES, purpose, context, m->bytes);
}

void master_key_fingerprint(const struct master_key *m, char out[MASTER_KEY_FINGERPRINT_BYTES])
{
    unsigned char subkey[SUBKEY_BYTES];

    master_key_derive(m, SUBKEY_FINGERPRINT, subkey);
    sodium_bin2hex(out, MASTER_KEY_FINGERPRINT_BYTES, subkey, MASTER_KEY_FINGERPRINT_BYTES / 2);
    secret_wipe(subkey, sizeof(subkey));
}
