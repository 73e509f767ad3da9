/* password.c - passwords, as Argon2id. */
#include "crypto/password.h"

#include <sodium.h>

#include "base/secret.h"

/* OWASP's password storage cheat sheet, read 2026-11: m=19 MiB, t=2, p=1. */
#define MEMORY_BYTES ((size_t)19 << 20)
#define PASSES       2

#define MOST_MEMORY_KIB ((uint64_t)1 << 20)
#define MOST_PASSES     ((uint64_t)100)
#define MOST_LANES      ((uint64_t)16)

/* Of the same cost as ours; nobody knows a password for it. */
#define DECOY                                                \
    "$argon2id$v=19$m=19456,t=2,p=1$Z3Byb3h5IGRlY295IGhhcw$" \
    "Z3Byb3h5IGRlY295IGhhc2ggdGhhdCBubyBwYXNzd28"

bool password_hash(struct slice password, char out[PASSWORD_HASH_BYTES])
{
    _Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_STRBYTES, "libsodium writes so many");
    return crypto_pwhash_str_alg(out, password.len ? password.ptr : "", password.len, PASSES,
                                 MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool password_looks_phc(struct slice text)
{
    return slice_starts(text, SLICE("$argon2"));
}

/* "m=19456" with the name given, up to `most`. */
static bool read_cost(struct slice pair, struct slice name, uint64_t most)
{
    uint64_t value;

    return slice_starts(pair, name) && slice_to_u64(slice_after(pair, name.len), &value) &&
           value > 0 && value <= most;
}

/* libsodium wants its strings NUL terminated and in a field of their full size. */
static bool copy_phc(struct slice text, char out[PASSWORD_HASH_BYTES])
{
    if (text.len >= PASSWORD_HASH_BYTES || slice_find(text, '\0') != SIZE_MAX)
        return false;
    memset(out, 0, PASSWORD_HASH_BYTES);
    memcpy(out, text.ptr, text.len);
    return true;
}

bool password_is_phc(struct slice text)
{
    char phc[PASSWORD_HASH_BYTES];
    struct slice rest, costs, kind;

    if (text.len == 0 || text.ptr[0] != '$' || !copy_phc(text, phc))
        return false;
    kind = slice_cut(slice_after(text, 1), '$', &rest);
    if (!slice_eq(kind, SLICE("argon2id")) && !slice_eq(kind, SLICE("argon2i")))
        return false;
    if (!slice_eq(slice_cut(rest, '$', &rest), SLICE("v=19")))
        return false;
    costs = slice_cut(rest, '$', &rest);
    return read_cost(slice_cut(costs, ',', &costs), SLICE("m="), MOST_MEMORY_KIB) &&
           read_cost(slice_cut(costs, ',', &costs), SLICE("t="), MOST_PASSES) &&
           read_cost(costs, SLICE("p="), MOST_LANES) &&
           crypto_pwhash_str_needs_rehash(phc, PASSES, MEMORY_BYTES) != -1;
}

bool password_verify(struct slice phc, struct slice password)
{
    char copy[PASSWORD_HASH_BYTES];
    bool usable = phc.len && password_is_phc(phc) && copy_phc(phc, copy);
    bool matches;

    if (!usable)
        copy_phc(SLICE(DECOY), copy);
    matches = crypto_pwhash_str_verify(copy, password.len ? password.ptr : "", password.len) == 0;
    secret_wipe(copy, sizeof(copy));
    return usable && matches;
}
