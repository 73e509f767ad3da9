/* record_test.c - the names of outcomes, which are stored and never change. */
#include "policy/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(OUTCOME_OK), "ok");
    assert_string_equal(outcome_name(OUTCOME_UPSTREAM_ERROR), "upstream_error");
    assert_string_equal(outcome_name(OUTCOME_UPSTREAM_CUT), "upstream_cut");
    assert_string_equal(outcome_name(OUTCOME_CLIENT_ABORT), "client_abort");
    assert_string_equal(outcome_name(OUTCOME_TIMEOUT), "timeout");
    assert_string_equal(outcome_name(OUTCOME_SHUTDOWN), "shutdown");
    assert_string_equal(outcome_name(OUTCOME_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
