/* master_test.c - texts of master keys, and what is made of them. */
#include "crypto/master.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "crypto/random.h"

#define HEX "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef"

static const struct {
    const char *why, *in;
    bool ok;
} cases[] = {
#include "crypto/master_test.def"
};

static void test_parse(void **state)
{
    static const unsigned char first[] = {0x00, 0x11, 0x22, 0x33, 0x44};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct master_key key;
        char text[MASTER_KEY_TEXT_BYTES];

        memset(&key, 0xaa, sizeof(key));
        if (master_key_parse(slice_str(cases[i].in), &key) != cases[i].ok)
            fail_msg("%s", cases[i].why);
        if (!cases[i].ok)
            continue;
        assert_memory_equal(key.bytes, first, sizeof(first));
        master_key_format(&key, text);
        assert_string_equal(text, HEX);
    }
}

static void test_round_trip(void **state)
{
    struct master_key a, b;
    char text[MASTER_KEY_TEXT_BYTES];

    (void)state;
    master_key_generate(&a);
    master_key_format(&a, text);
    assert_true(master_key_parse(slice_str(text), &b));
    assert_memory_equal(&a, &b, sizeof(a));
    master_key_generate(&b);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

/* What is stored depends on these bytes: they never change.  The figure is Python's BLAKE2b's. */
static void test_subkeys_stay(void **state)
{
    unsigned char keys[4][SUBKEY_BYTES];
    struct master_key m;
    char print[MASTER_KEY_FINGERPRINT_BYTES];

    (void)state;
    assert_true(master_key_parse(SLICE(HEX), &m));
    for (int i = 0; i < 4; i++) {
        master_key_derive(&m, (enum subkey)(i + 1), keys[i]);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], SUBKEY_BYTES);
    }
    master_key_fingerprint(&m, print);
    assert_string_equal(print, "1b0f20fb0e1b9763");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_subkeys_stay),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
