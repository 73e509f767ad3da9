/* limits_test.c - settings, by their names and in groups. */
#include "policy/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static void test_defaults(void **state)
{
    struct limits l;

    (void)state;
    limits_set_defaults(&l);
    assert_int_equal(l.max_body_bytes, 64 << 20);
    assert_int_equal(l.max_inflight_body_bytes, 1 << 30);
    assert_int_equal(l.max_answer_buffer_bytes, 64 << 10);
    assert_int_equal(l.max_attempts, 6);
    assert_int_equal(l.drain_on_abort.ms, 0);
    assert_int_equal(l.drain_on_abort.max_bytes, 1 << 20);
    assert_int_equal(l.timeouts.connect_ms, 10000);
    assert_int_equal(l.timeouts.first_byte_ms, 300000);
    assert_int_equal(l.timeouts.idle_ms, 120000);
    assert_int_equal(l.timeouts.request_ms, 600000);
    assert_true(l.allow_private);
    assert_true(slice_eq(l.cors_origins, SLICE("*")));
}

static const struct {
    const char *name, *json, *error;
} cases[] = {
#include "policy/limits_test.def"
};

static void test_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct limits l, before;
        struct arena a;

        arena_init(&a, 0);
        memset(&l, 0, sizeof(l)); // the padding too: it is compared
        limits_set_defaults(&l);
        before = l;
        limits_set(&l, slice_str(cases[i].name), slice_str(cases[i].json), &a, &e);
        if (strcmp(e.text, cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s = %s: %s", cases[i].name, cases[i].json, e.text);
        if (cases[i].error) {
            assert_int_equal(l.max_body_bytes, before.max_body_bytes);
            assert_int_equal(l.timeouts.idle_ms, before.timeouts.idle_ms); // all of it or nothing
        }
        arena_release(&a);
    }
}

static void test_values(void **state)
{
    struct err_info e = {0};
    struct limits l;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    limits_set_defaults(&l);
    assert_int_equal(limits_set(&l, SLICE("network"), SLICE("{\"allow_private\":false}"), &a, &e),
                     0);
    assert_int_equal(limits_set(&l, SLICE("timeouts"), SLICE("{\"idle_ms\":5}"), &a, &e), 0);
    assert_int_equal(limits_set(&l, SLICE("cors_origins"), SLICE("\"https://x\""), &a, &e), 0);
    assert_false(l.allow_private);
    assert_int_equal(l.timeouts.idle_ms, 5);
    assert_int_equal(l.timeouts.connect_ms, 10000);
    assert_true(slice_eq(l.cors_origins, SLICE("https://x")));
    assert_int_equal(timeouts_read(&l.timeouts, SLICE("{\"request_ms\":7}"), &a, &e), ERR_NONE);
    assert_int_equal(l.timeouts.request_ms, 7);
    assert_int_equal(l.timeouts.idle_ms, 5);
    assert_int_equal(timeouts_read(&l.timeouts, SLICE("{\"idle_ms\":9,\"x\":7}"), &a, &e),
                     ERR_BAD_REQUEST);
    assert_int_equal(l.timeouts.idle_ms, 5);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
