/* zstd_test.c - what went in comes out; what is no frame, or too large, does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/array.h"
#include "wire/zstd.h"

static struct buf packed(struct slice bytes)
{
    struct zstd_packer *p = zstd_packer_new();
    struct buf out = {0};

    zstd_pack(p, bytes, &out);
    zstd_packer_free(p);
    return out;
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 300000};
    char *bytes = malloc(300000);

    (void)state;
    for (size_t i = 0; i < 300000; i++)
        bytes[i] = (char)("{\"words\": [1, 2]}"[i % 17] ^ (i % 4099 ? 0 : 1));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf frame = packed(slice_of(bytes, sizes[i])), out = {0};
        struct err_info e = {0};
        assert_int_equal(zstd_unpack(buf_peek(&frame), sizes[i], &out, &e), ERR_NONE);
        assert_true(slice_eq(buf_peek(&out), slice_of(bytes, sizes[i])));
        assert_true(sizes[i] < 1000 || buf_len(&frame) < sizes[i] / 10);
        buf_release(&frame);
        buf_release(&out);
    }
    free(bytes);
}

/* One packer for many frames. */
static void test_again(void **state)
{
    struct zstd_packer *p = zstd_packer_new();
    struct buf first = {0}, second = {0};

    (void)state;
    zstd_pack(p, SLICE("the same words"), &first);
    zstd_pack(p, SLICE("others, between"), &second);
    buf_clear(&second);
    zstd_pack(p, SLICE("the same words"), &second);
    assert_true(slice_eq(buf_peek(&first), buf_peek(&second)));
    buf_release(&first);
    buf_release(&second);
    zstd_packer_free(p);
}

static void test_bomb(void **state)
{
    size_t size = (size_t)64 << 20;
    char *zeros = calloc(1, size);
    struct buf frame = packed(slice_of(zeros, size)), out = {0};
    struct err_info e = {0};

    (void)state;
    free(zeros);
    assert_true(buf_len(&frame) < 16384);
    buf_append(&out, SLICE("kept"));
    assert_int_equal(zstd_unpack(buf_peek(&frame), 100000, &out, &e), ERR_TOO_LARGE);
    assert_true(slice_eq(buf_peek(&out), SLICE("kept")));
    assert_true(out.cap < 1000000);
    buf_release(&frame);
    buf_release(&out);
}

/* Every cut, every changed byte, and what follows the end. */
static void test_damage(void **state)
{
    struct buf frame = packed(SLICE("some words that are long enough to be made smaller, smaller, "
                                    "smaller, smaller, smaller, smaller"));
    struct buf out = {0};
    size_t len = buf_len(&frame);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        struct err_info e = {0};
        assert_int_equal(zstd_unpack(slice_sub(buf_peek(&frame), 0, i), 1000, &out, &e),
                         ERR_DAMAGED);
        assert_int_equal(buf_len(&out), 0);
    }
    for (size_t i = 0; i < len; i++) {
        struct err_info e = {0};
        frame.data[frame.start + i] ^= 0x10;
        if (zstd_unpack(buf_peek(&frame), 1000, &out, &e) == ERR_NONE) // one bit means nothing
            assert_true(i == 4 && buf_len(&out));
        else
            assert_int_equal(buf_len(&out), 0);
        buf_clear(&out);
        frame.data[frame.start + i] ^= 0x10;
    }
    buf_append_byte(&frame, 'x');
    assert_int_equal(zstd_unpack(buf_peek(&frame), 1000, &out, &(struct err_info){0}), ERR_DAMAGED);
    buf_release(&frame);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
