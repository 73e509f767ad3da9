/* digest_test.c - SHA-256 as FIPS 180-4 has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "crypto/digest.h"

static const struct {
    const char *text, *hex;
} cases[] = {
    {"",    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
};

static void test_vectors(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(digest_hex(&a, slice_str(cases[i].text)).ptr, cases[i].hex);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
