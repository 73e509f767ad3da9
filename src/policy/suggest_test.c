/* suggest_test.c - distances between names; what is suggested is in route_test.c. */
#include "policy/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *a, *b;
    unsigned most, distance;
} cases[] = {
    {"",       "",        4, 0},
    {"a",      "",        4, 1},
    {"gpt-5",  "gpt-5",   4, 0},
    {"GPT-5",  "gpt-5",   4, 0},
    {"gpt5",   "gpt-5",   4, 1},
    {"gpt-6",  "gpt-5",   4, 1},
    {"gtp-5",  "gpt-5",   4, 2},
    {"kitten", "sitting", 4, 3},
    {"kitten", "sitting", 2, 3},
    {"abcdef", "uvwxyz",  3, 4},
    {"a",      "abcdefg", 3, 4},
};

static void test_distance(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice a = slice_str(cases[i].a), b = slice_str(cases[i].b);
        unsigned there = suggest_distance(a, b, cases[i].most);
        if (there != cases[i].distance || suggest_distance(b, a, cases[i].most) != there)
            fail_msg("%s %s: %u", cases[i].a, cases[i].b, there);
    }
}

static void test_long_names(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(suggest_distance(slice_of(text, 80), slice_of(text, 80), 4), 0);
    /* Longer ones are not compared at all. */
    assert_int_equal(suggest_distance(slice_of(text, 81), slice_of(text, 81), 4), 5);
    assert_int_equal(suggest_distance(slice_of(text, 400), slice_of(text, 1), 4), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
