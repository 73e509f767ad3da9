/* buf_test.c - bytes that grow at the end and leave at the front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/random.h"

static void test_empty(void **state)
{
    struct buf b = {0};

    (void)state;
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_peek(&b).len, 0);
    assert_null(buf_peek(&b).ptr);
    buf_append(&b, (struct slice){0});
    assert_null(b.data); // nothing for nothing
    buf_consume(&b, 0);
    buf_clear(&b);
    assert_non_null(buf_reserve(&b, 0));
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
    assert_null(b.data);
    buf_release(&b);
}

/* Against a plain array: whatever is done, the content is the same. */
static void test_against_a_model(void **state)
{
    static char stream[400000];
    const uint64_t seed[4] = {1, 2, 3, 4};
    struct random r;

    (void)state;
    for (size_t i = 0; i < sizeof(stream); i++)
        stream[i] = (char)(i * 7 + i / 251);
    random_seed(&r, seed);
    for (int round = 0; round < 20; round++) {
        struct buf b = {0};
        size_t from = 0, to = 0;

        while (to + 3000 < sizeof(stream)) {
            size_t len = random_below(&r, round % 2 ? 3000 : 40);
            char *room;

            switch (random_below(&r, 5)) {
            case 0: buf_append(&b, slice_of(stream + to, len)); break;
            case 1:
                len = 1;
                buf_append_byte(&b, stream[to]);
                break;
            case 2:
                room = buf_reserve(&b, len + 100); // more than is used of it
                memcpy(room, stream + to, len);
                buf_grew(&b, len);
                break;
            case 3:
                len = 0;
                buf_clear(&b);
                from = to;
                break;
            default: {
                size_t less = random_below(&r, buf_len(&b) + 1);
                len = 0;
                buf_consume(&b, less);
                from += less;
                break;
            }
            }
            to += len;
            if (buf_len(&b) != to - from ||
                memcmp(b.data ? b.data + b.start : "", stream + from, to - from) != 0)
                fail_msg("round %d at %zu: another content", round, to);
            assert_true(b.end <= b.cap);
        }
        buf_release(&b);
    }
}

static void test_room_in_front_is_used_again(void **state)
{
    struct buf b = {0};
    const char *data;

    (void)state;
    memset(buf_reserve(&b, 256), 'a', 256);
    buf_grew(&b, 256);
    data = b.data;
    assert_int_equal(b.cap, 256);
    buf_consume(&b, 200);
    buf_append_str(&b, "0123456789");
    assert_ptr_equal(b.data, data);
    assert_int_equal(b.cap, 256);
    assert_int_equal(buf_len(&b), 66);
    buf_consume(&b, 66);
    assert_int_equal(b.start, 0); // empty: back to the beginning
    assert_int_equal(b.end, 0);
    buf_release(&b);
}

/* A long queue that moves along by single bytes is not copied for each of them. */
static void test_a_full_queue_moves_cheaply(void **state)
{
    static const size_t kept[] = {100, 129, 200, 250, 255};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct buf b = {0};
        size_t moves = 0;

        memset(buf_reserve(&b, 256), 'q', 256);
        buf_grew(&b, 256);
        buf_consume(&b, 256 - kept[i]);
        for (size_t n = 0; n < 10000; n++) {
            size_t start = b.start;
            buf_append_byte(&b, 'q');
            moves += b.start < start;
            buf_consume(&b, 1);
        }
        if (moves > 10000 / 50)
            fail_msg("%zu bytes kept: moved %zu times", kept[i], moves);
        assert_int_equal(buf_len(&b), kept[i]);
        assert_true(b.cap <= 1024);
        buf_release(&b);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0,         "0"                   },
        {7,         "7"                   },
        {-1,        "-1"                  },
        {10,        "10"                  },
        {99,        "99"                  },
        {1000000,   "1000000"             },
        {INT64_MAX, "9223372036854775807" },
        {INT64_MIN, "-9223372036854775808"},
    };
    struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        buf_append_i64(&b, cases[i].value);
        assert_true(slice_eq(buf_peek(&b), slice_str(cases[i].text)));
    }
    buf_clear(&b);
    buf_append_u64(&b, UINT64_MAX);
    buf_append_byte(&b, ' ');
    buf_append_u64(&b, 0);
    assert_true(slice_eq(buf_peek(&b), SLICE("18446744073709551615 0")));
    buf_release(&b);
}

/* At every fill of the buffer, so that the line end falls on the last byte too. */
static void test_printf(void **state)
{
    (void)state;
    for (size_t filled = 0; filled < 300; filled++) {
        struct buf b = {0};

        memset(buf_reserve(&b, filled), 'x', filled);
        buf_grew(&b, filled);
        buf_printf(&b, "%s=%d", "value", 1234);
        buf_printf(&b, "%s", "");
        assert_int_equal(buf_len(&b), filled + 10);
        assert_true(slice_eq(slice_after(buf_peek(&b), filled), SLICE("value=1234")));
        buf_release(&b);
    }
}

static void test_long_printf(void **state)
{
    struct buf b = {0};

    (void)state;
    buf_printf(&b, "%0*d", 5000, 1);
    assert_int_equal(buf_len(&b), 5000);
    assert_int_equal(b.data[0], '0');
    assert_int_equal(b.data[4999], '1');
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_room_in_front_is_used_again),
        cmocka_unit_test(test_a_full_queue_moves_cheaply),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_long_printf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
