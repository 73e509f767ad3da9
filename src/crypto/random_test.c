/* random_test.c - bytes that nobody can guess. */
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_differs(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0}, zero[32] = {0};

    (void)state;
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_true(crypto_equal(a, a, sizeof(a)));
    assert_false(crypto_equal(a, b, sizeof(a)));
    b[0] = (unsigned char)(a[0] ^ 1);
    assert_true(crypto_equal(a, b, 0));
    assert_false(crypto_equal(a, b, 1));
}

/* Every character turns up, about as often as every other. */
static void test_text_is_even(void **state)
{
    enum { ROUNDS = 1000, LEN = 62 };
    unsigned seen[256] = {0};
    char text[LEN + 1];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        crypto_random_text(text, LEN);
        assert_int_equal(strlen(text), LEN);
        for (int j = 0; j < LEN; j++)
            seen[(unsigned char)text[j]]++;
    }
    for (int c = 0; c < 256; c++) {
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            assert_in_range(seen[c], 800, 1200); // some 6 standard deviations
        else
            assert_int_equal(seen[c], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differs),
        cmocka_unit_test(test_text_is_even),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
