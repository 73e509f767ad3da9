/* peek_test.c - members and items of JSON that is only looked at. */
#include "chat/peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *value;
    size_t count;
    bool is_empty;
    const char *a; // the member "a", raw; NULL: none
} cases[] = {
    {"{}",                                      0, true,  NULL    },
    {"[]",                                      0, true,  NULL    },
    {"[ \n ]",                                  0, true,  NULL    },
    {"[1]",                                     1, false, NULL    },
    {"[null, [1, 2], {\"a\": 3}, \"],\\\"[\"]", 4, false, NULL    },
    {"{\"a\":1}",                               1, false, "1"     },
    {"{\"b\": {\"a\": 1}, \"a\" : [2, 3] }",    2, false, "[2, 3]"},
    {"{\"a\":\"x\",\"a\":\"y\"}",               2, false, "\"x\"" },
    {"1",                                       0, false, NULL    },
    {"\"text\"",                                0, false, NULL    },
    {"null",                                    0, false, NULL    },
    {"",                                        0, false, NULL    },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice value = slice_str(cases[i].value), a = peek_get(value, SLICE("a"));

        if (peek_items(value) != cases[i].count || peek_is_empty(value) != cases[i].is_empty)
            fail_msg("%s: %zu", cases[i].value, peek_items(value));
        if (!a.ptr != !cases[i].a || !slice_eq(a, slice_str(cases[i].a)))
            fail_msg("%s: %.*s", cases[i].value, SLICE_ARG(a));
    }
}

/* What has an end too early has no more members than the whole. */
static void test_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice whole = slice_str(cases[i].value);
        for (size_t len = 0; len < whole.len; len++)
            assert_true(peek_items(slice_sub(whole, 0, len)) <= cases[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_any_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
