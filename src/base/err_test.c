/* err_test.c - the table of reasons, and keeping the first one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

static void test_rows(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_NONE), "NONE");
    assert_string_equal(err_name(ERR_UPSTREAM_BUSY), "UPSTREAM_BUSY");
    assert_int_equal(err_http_status(ERR_UPSTREAM_BUSY), 429);
    assert_int_equal(err_failover(ERR_UPSTREAM_BUSY), FAILOVER_CREDENTIAL);
    assert_int_equal(err_failover(ERR_UPSTREAM_DOWN), FAILOVER_TARGET);
    assert_int_equal(err_failover(ERR_BAD_REQUEST), FAILOVER_STOP);
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const char *name = err_name((enum err)code), *text = err_text((enum err)code);

        assert_in_range(err_http_status((enum err)code), 400, 599);
        assert_true(name[0] && text[0] && strlen(text) < ERR_TEXT_BYTES);
        assert_null(strpbrk(text, "\"\\\n")); // goes into JSON and headers as it is
        for (int other = ERR_NONE; other < code; other++)
            assert_string_not_equal(name, err_name((enum err)other));
        if (err_failover((enum err)code) != FAILOVER_STOP)
            assert_memory_equal(name, "UPSTREAM_", 9);
    }
}

static void test_first_reason_stands(void **state)
{
    struct err_info e = {0};

    (void)state;
    assert_string_equal(err_info_text(&e), "");
    assert_int_equal(err_set(&e, ERR_QUOTA, "%d left", 0), ERR_QUOTA);
    assert_int_equal(err_set(&e, ERR_INTERNAL, "never seen"), ERR_QUOTA);
    assert_int_equal(e.code, ERR_QUOTA);
    assert_string_equal(err_info_text(&e), "0 left");
}

static void test_text(void **state)
{
    char long_text[1000];
    struct err_info e = {.code = ERR_QUOTA};

    (void)state;
    assert_string_equal(err_info_text(&e), "the quota is used up"); // nothing better to say
    memset(long_text, 'x', sizeof(long_text));
    e = (struct err_info){0};
    err_set(&e, ERR_INTERNAL, "%.*s", (int)sizeof(long_text), long_text);
    assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
    e = (struct err_info){0};
    err_set(&e, ERR_METHOD, "%s", "");
    assert_string_equal(err_info_text(&e), err_text(ERR_METHOD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_first_reason_stands),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
