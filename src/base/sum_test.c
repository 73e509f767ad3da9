/* sum_test.c - adding without wrapping. */
#include "base/sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

static void test_edges(void **state)
{
    static const struct {
        int64_t a, b, sum;
    } cases[] = {
        {0,             0,         0        },
        {2,             -5,        -3       },
        {INT64_MAX,     0,         INT64_MAX},
        {INT64_MAX - 1, 1,         INT64_MAX},
        {INT64_MAX,     1,         INT64_MAX},
        {INT64_MAX,     INT64_MAX, INT64_MAX},
        {INT64_MAX,     INT64_MIN, -1       },
        {INT64_MIN,     -1,        INT64_MIN},
        {INT64_MIN,     INT64_MIN, INT64_MIN},
        {INT64_MIN + 1, -1,        INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(sum_capped(cases[i].a, cases[i].b), cases[i].sum);
        assert_int_equal(sum_capped(cases[i].b, cases[i].a), cases[i].sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
