/* wait_test.c - how long threads wait. */
#include "store/wait.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"

static void test_moments(void **state)
{
    static const int64_t spans_ms[] = {0, 1, 999, 1000, 1001, 86400000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans_ms); i++) {
        for (int n = 0; n < 1000; n++) { // from all parts of a second
            int64_t before_ns = clock_mono_ns(), span_ns = spans_ms[i] * 1000000, until_ns;
            struct timespec until = wait_until(spans_ms[i]);
            assert_in_range(until.tv_nsec, 0, 999999999);
            until_ns = (int64_t)until.tv_sec * 1000000000 + until.tv_nsec;
            assert_true(until_ns >= before_ns + span_ns);
            assert_true(until_ns <= clock_mono_ns() + span_ns);
        }
    }
}

/* Never earlier than it should: with another clock it would be at once, or never. */
static void test_condition(void **state)
{
    int64_t begin_ms = clock_mono_ms();
    struct timespec until = wait_until(20);
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int rc = 0;

    (void)state;
    wait_init(&wake);
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_lock(&lock);
    while (!rc)
        rc = pthread_cond_timedwait(&wake, &lock, &until);
    pthread_mutex_unlock(&lock);
    assert_int_equal(rc, ETIMEDOUT);
    assert_true(clock_mono_ms() >= begin_ms + 19);
    pthread_mutex_destroy(&lock);
    pthread_cond_destroy(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
