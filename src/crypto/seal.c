/* seal.c - secrets at rest: readable where they were put, or not at all. */
#include "crypto/seal.h"

#include <sodium.h>
#include <stdio.h>

#include "base/panic.h"
#include "crypto/keep.h"
#include "crypto/random.h"

#define VERSION     "v1:"
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define BASE64      sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* "credential/17/secret" */
struct place_text {
    char bytes[160];
    size_t len;
};

static struct place_text place_write(struct seal_place p)
{
    struct place_text text;
    int len =
        snprintf(text.bytes, sizeof(text.bytes), "%s/%lld/%s", p.table, (long long)p.id, p.column);

    if (len < 0 || (size_t)len >= sizeof(text.bytes))
        panic("seal: the name of table %s is too long", p.table);
    text.len = (size_t)len;
    return text;
}

void seal_key_init(struct seal_key *key, const struct master_key *m)
{
    _Static_assert(SUBKEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the cipher's key");
    master_key_derive(m, SUBKEY_SEAL, key->bytes);
}

void seal_key_wipe(struct seal_key *key)
{
    secret_wipe(key, sizeof(*key));
}

void seal(const struct seal_key *key, struct seal_place place, struct secret plain, struct buf *out)
{
    struct place_text at = place_write(place);
    struct slice text = secret_reveal(plain);
    size_t len = NONCE_BYTES + text.len + TAG_BYTES;
    size_t encoded = sodium_base64_encoded_len(len, BASE64); // its NUL counted
    struct buf box = {0};
    unsigned char *nonce = (unsigned char *)buf_reserve(&box, len);

    crypto_random(nonce, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        nonce + NONCE_BYTES, NULL, (const unsigned char *)text.ptr, text.len,
        (const unsigned char *)at.bytes, at.len, NULL, nonce, key->bytes);
    buf_append_str(out, VERSION);
    sodium_bin2base64(buf_reserve(out, encoded), encoded, nonce, len, BASE64);
    buf_grew(out, encoded - 1);
    buf_release(&box);
}

/* "v2:...", and so on. */
static bool names_version(struct slice sealed)
{
    struct slice rest, version = slice_cut(sealed, ':', &rest);
    uint64_t number;

    return version.len < sealed.len && slice_starts(version, SLICE("v")) &&
           slice_to_u64(slice_after(version, 1), &number);
}

/* The bytes of "v1:..." into `box`, as long as they are at least a nonce and a tag. */
static enum err unpack(struct slice sealed, struct seal_place place, struct buf *box,
                       struct err_info *e)
{
    struct slice text = slice_after(sealed, sizeof(VERSION) - 1);
    size_t len;

    if (!slice_starts(sealed, SLICE(VERSION))) {
        if (names_version(sealed))
            return err_set(e, ERR_NEWER, "%s %lld: %s was sealed by a newer version", place.table,
                           (long long)place.id, place.column);
        return err_set(e, ERR_DAMAGED, "%s %lld: %s is not sealed", place.table,
                       (long long)place.id, place.column);
    }
    if (sodium_base642bin((unsigned char *)buf_reserve(box, text.len + 1), text.len + 1, text.ptr,
                          text.len, NULL, &len, NULL, BASE64) != 0 ||
        len < NONCE_BYTES + TAG_BYTES)
        return err_set(e, ERR_DAMAGED, "%s %lld: the sealed %s is damaged", place.table,
                       (long long)place.id, place.column);
    buf_grew(box, len);
    return ERR_NONE;
}

enum err seal_open(const struct seal_key *key, struct seal_place place, struct slice sealed,
                   struct arena *a, struct secret *out, struct err_info *e)
{
    struct place_text at = place_write(place);
    struct buf packed = {0};
    enum err err = unpack(sealed, place, &packed, e);
    struct slice box = buf_peek(&packed);
    const unsigned char *nonce = (const unsigned char *)box.ptr;
    size_t len;
    char *plain;

    if (err)
        goto release;
    len = box.len - NONCE_BYTES - TAG_BYTES;
    plain = secret_room(a, len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)plain, NULL, NULL, nonce + NONCE_BYTES, box.len - NONCE_BYTES,
            (const unsigned char *)at.bytes, at.len, nonce, key->bytes) != 0) {
        err = err_set(e, ERR_DAMAGED,
                      "%s %lld: the sealed %s does not open: another secret key, or a changed row",
                      place.table, (long long)place.id, place.column);
        goto release;
    }
    *out = secret_of(slice_of(plain, len));
release:
    buf_release(&packed);
    return err;
}
