/* password_test.c - passwords, and what passes for the hash of one. */
#include "crypto/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "crypto/random.h"

/* "password" and the salt "somesalt" in the reference implementation's test.c, version 19. */
#define REFERENCE \
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

static void test_hash(void **state)
{
    char a[PASSWORD_HASH_BYTES], b[PASSWORD_HASH_BYTES];

    (void)state;
    assert_true(password_hash(SLICE("hunter2"), a));
    assert_true(password_hash(SLICE("hunter2"), b));
    assert_string_not_equal(a, b);
    assert_true(slice_starts(slice_str(a), SLICE("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_true(password_is_phc(slice_str(a)));
    assert_true(password_verify(slice_str(a), SLICE("hunter2")));
    assert_false(password_verify(slice_str(a), SLICE("hunter3")));
    assert_false(password_verify(slice_str(a), SLICE("")));
    assert_true(password_hash(SLICE("nul\0inside"), a));
    assert_false(password_verify(slice_str(a), SLICE("nul")));
    assert_true(password_hash(slice_of(NULL, 0), a));
    assert_true(password_verify(slice_str(a), SLICE("")));
}

static void test_others(void **state)
{
    (void)state;
    assert_true(password_verify(SLICE(REFERENCE), SLICE("password")));
    assert_false(password_verify(SLICE(REFERENCE), SLICE("Password")));
    assert_false(password_verify(SLICE(""), SLICE("")));
    assert_false(password_verify(slice_of(NULL, 0), SLICE("x")));
    assert_false(password_verify(SLICE("plain"), SLICE("plain")));
}

#define SALT_AND_HASH "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

static const struct {
    const char *why, *text;
    bool looks, is;
} texts[] = {
#include "crypto/password_test.def"
};

static void test_phc(void **state)
{
    char long_one[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct slice text = slice_str(texts[i].text);
        if (password_looks_phc(text) != texts[i].looks || password_is_phc(text) != texts[i].is)
            fail_msg("%s", texts[i].why);
    }
    memset(long_one, 'A', sizeof(long_one));
    memcpy(long_one, REFERENCE, sizeof(REFERENCE) - 1);
    assert_false(password_is_phc(slice_of(long_one, sizeof(long_one))));
    for (size_t cut = 0; cut < sizeof(REFERENCE) - 2; cut++)
        password_is_phc(slice_of(REFERENCE, cut)); // whatever it says, it reads no further
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_phc),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
