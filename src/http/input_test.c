/* input_test.c - one borrowed buffer, held only while there is something in it. */
#include "http/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static void test_borrowing(void **state)
{
    struct worker *w = worker_new(0);
    struct http_input in = {0};
    size_t size = 0;
    char *first;

    (void)state;
    assert_int_equal(input_peek(&in).len, 0);
    input_rest(&in, w);
    input_release(&in, w);
    first = input_room(&in, w, &size);
    assert_int_equal(size, WORKER_BUFFER_BYTES);
    input_grew(&in, 10);
    input_rest(&in, w); // not while something is in it
    assert_ptr_equal(in.buffer, first);
    input_consume(&in, 10);
    assert_ptr_equal(in.buffer, first); // stays until it is told
    assert_ptr_equal(input_room(&in, w, &size), first);
    assert_int_equal(size, WORKER_BUFFER_BYTES); // empty: all of it again
    input_rest(&in, w);
    assert_null(in.buffer);
    assert_ptr_equal(worker_buffer_take(w), first); // it came back
    input_room(&in, w, &size);
    input_grew(&in, 1);
    input_release(&in, w);
    assert_null(in.buffer);
    assert_int_equal(in.start + in.end, 0);
    worker_buffer_give(w, first);
    worker_free(w);
}

static void test_full(void **state)
{
    struct worker *w = worker_new(0);
    struct http_input in = {0};
    size_t size;

    (void)state;
    memset(input_room(&in, w, &size), 'x', WORKER_BUFFER_BYTES);
    input_grew(&in, WORKER_BUFFER_BYTES - 1);
    assert_false(input_is_full(&in));
    assert_non_null(input_room(&in, w, &size));
    assert_int_equal(size, 1);
    input_grew(&in, 1);
    assert_true(input_is_full(&in));
    assert_null(input_room(&in, w, &size));
    input_consume(&in, 1);
    assert_false(input_is_full(&in));
    assert_non_null(input_room(&in, w, &size)); // moved to the front
    assert_int_equal(size, 1);
    assert_int_equal(in.start, 0);
    input_release(&in, w);
    worker_free(w);
}

/* Against a counter: every byte comes out once, in order; there is always room unless it is full. */
static void test_against_a_model(void **state)
{
    struct worker *w = worker_new(0);
    struct http_input in = {0};
    size_t sent = 0, got = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t size = 0, len, have = input_peek(&in).len;
        char *room = input_room(&in, w, &size);

        assert_int_equal(room == NULL, have == WORKER_BUFFER_BYTES);
        len = room ? random_below(&w->random, size + 1) : 0;
        for (size_t k = 0; k < len; k++)
            room[k] = (char)(sent++ % 251);
        input_grew(&in, len);
        len = random_below(&w->random, input_peek(&in).len + 1);
        for (size_t k = 0; k < len; k++)
            assert_int_equal((unsigned char)input_peek(&in).ptr[k], got++ % 251);
        input_consume(&in, len);
        if (i % 3 == 0)
            input_rest(&in, w);
        assert_int_equal(input_peek(&in).len, sent - got);
    }
    input_release(&in, w);
    worker_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borrowing),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
