/* control_test.c - what a terminal would act on. */
#include "base/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    struct slice text;
    size_t len;
} cases[] = {
    {SLICE_INIT(""),         0},
    {SLICE_INIT("a"),        0},
    {SLICE_INIT(" "),        0},
    {SLICE_INIT("\0"),       1},
    {SLICE_INIT("\x1b[2J"),  1},
    {SLICE_INIT("\n"),       1},
    {SLICE_INIT("\x7f"),     1},
    {SLICE_INIT("\xc2\x80"), 2},
    {SLICE_INIT("\xc2\x9b"
                "A"),
     2                        },
    {SLICE_INIT("\xc2\x9f"), 2},
    {SLICE_INIT("\xc2\xa0"), 0}, // a space that does not break
    {SLICE_INIT("\xc3\x9b"), 0}, // a letter
    {SLICE_INIT("\xc2"),     0},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (control_len(cases[i].text) != cases[i].len)
            fail_msg("case %zu: %zu", i, control_len(cases[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
