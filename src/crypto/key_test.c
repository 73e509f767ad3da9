/* key_test.c - digests against RFC 4231, and the shape of keys. */
#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "crypto/random.h"

/* RFC 4231, 4: a byte repeated, or the text itself where `count` is 0. */
struct bytes {
    const char *text;
    size_t count;
};

static const struct {
    const char *why;
    struct bytes key, data;
    const char *digest;
} vectors[] = {
    {"4.2",
     {"\x0b", 20},
     {"Hi There", 0},
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4.3",
     {"Jefe", 0},
     {"what do ya want for nothing?", 0},
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"4.4",
     {"\xaa", 20},
     {"\xdd", 50},
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"4.7",
     {"\xaa", 131},
     {"Test Using Larger Than Block-Size Key - Hash Key First", 0},
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

static struct slice spell(struct bytes b, char out[256])
{
    if (b.count == 0)
        return slice_str(b.text);
    memset(out, b.text[0], b.count);
    return slice_of(out, b.count);
}

static void hex(const unsigned char digest[KEY_DIGEST_BYTES], char out[2 * KEY_DIGEST_BYTES + 1])
{
    for (size_t i = 0; i < KEY_DIGEST_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char room[256], more[256], text[2 * KEY_DIGEST_BYTES + 1];
        unsigned char digest[KEY_DIGEST_BYTES];
        struct slice key = spell(vectors[i].key, room);
        struct key_hasher h;

        key_hasher_init(&h, (const unsigned char *)key.ptr, key.len);
        for (int again = 0; again < 2; again++) { // the kept state must stay as it is
            key_digest(&h, spell(vectors[i].data, more), digest);
            hex(digest, text);
            if (strcmp(text, vectors[i].digest) != 0)
                fail_msg("RFC 4231 %s: %s", vectors[i].why, text);
        }
    }
}

static void test_purposes_differ(void **state)
{
    unsigned char a[KEY_DIGEST_BYTES], b[KEY_DIGEST_BYTES], c[KEY_DIGEST_BYTES];
    struct master_key one, other;
    struct key_hasher h;

    (void)state;
    master_key_generate(&one);
    master_key_generate(&other);
    key_hasher_init_from(&h, &one, SUBKEY_KEY_DIGEST);
    key_digest(&h, SLICE("gp-x"), a);
    key_hasher_init_from(&h, &one, SUBKEY_SESSION);
    key_digest(&h, SLICE("gp-x"), b);
    key_hasher_init_from(&h, &other, SUBKEY_KEY_DIGEST);
    key_digest(&h, SLICE("gp-x"), c);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, c, sizeof(a));
    key_digest(&h, slice_of(NULL, 0), a); // an empty text has a digest too
    assert_memory_not_equal(a, c, sizeof(a));
}

static void test_generate(void **state)
{
    char a[KEY_TEXT_BYTES], b[KEY_TEXT_BYTES];

    (void)state;
    key_generate(a);
    key_generate(b);
    assert_int_equal(strlen(a), KEY_TEXT_BYTES - 1);
    assert_memory_equal(a, "gp-", 3);
    assert_string_not_equal(a, b);
    assert_true(key_is_valid(slice_str(a)));
    assert_true(slice_eq(key_prefix(slice_str(a)), slice_of(a, 8)));
}

static const struct {
    const char *why, *text;
    bool ok;
    const char *prefix;
} keys[] = {
    {"eight characters",   "12345678",         true,  "1234"    },
    {"sixteen characters", "sk-1234567890abc", true,  "sk-12345"},
    {"seven characters",   "1234567",          false, "123"     },
    {"nothing",            "",                 false, ""        },
    {"a space",            "12345 678",        false, "1234"    },
    {"a line end",         "12345678\n",       false, "1234"    },
    {"not ASCII",          "12345678\xc3\xa9", false, "12345"   },
};

static void test_own_keys(void **state)
{
    char longest[513];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct slice text = slice_str(keys[i].text);
        if (key_is_valid(text) != keys[i].ok)
            fail_msg("%s", keys[i].why);
        if (!slice_eq(key_prefix(text), slice_str(keys[i].prefix)))
            fail_msg("%s: prefix", keys[i].why);
    }
    memset(longest, 'k', sizeof(longest));
    assert_true(key_is_valid(slice_of(longest, 512)));
    assert_false(key_is_valid(slice_of(longest, 513)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_purposes_differ),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_own_keys),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
