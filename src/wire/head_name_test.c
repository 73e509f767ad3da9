/* head_name_test.c - every name is found, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/head_name.h"

static void test_every_name(void **state)
{
    char text[40];

    (void)state;
    assert_int_equal(head_name_text(HEAD_OTHER).len, 0);
    for (unsigned i = HEAD_OTHER + 1; i < HEAD_NAME_COUNT; i++) {
        struct slice name = head_name_text((enum head_name)i);
        assert_true(name.len > 0 && name.len < sizeof(text) - 1);
        assert_true(i == 1 || head_name_text((enum head_name)(i - 1)).len <= name.len);
        assert_int_equal(head_name_find(name), i);
        for (size_t at = 0; at < name.len; at++)
            text[at] = (char)(name.ptr[at] >= 'a' && name.ptr[at] <= 'z' ? name.ptr[at] - 32
                                                                         : name.ptr[at]);
        assert_int_equal(head_name_find(slice_of(text, name.len)), i);
    }
}

/* A name with one other byte in it is that name, in another case, or not that one. */
static void test_near_misses(void **state)
{
    char text[40];

    (void)state;
    for (unsigned i = HEAD_OTHER + 1; i < HEAD_NAME_COUNT; i++) {
        struct slice name = head_name_text((enum head_name)i);
        memcpy(text, name.ptr, name.len);
        text[name.len] = 'x';
        assert_int_not_equal(head_name_find(slice_of(text, name.len + 1)), i);
        assert_int_not_equal(head_name_find(slice_of(text, name.len - 1)), i);
        for (size_t at = 0; at < name.len; at++) {
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                assert_int_equal(head_name_find(slice_of(text, name.len)) == (enum head_name)i,
                                 slice_eq_nocase(slice_of(text, name.len), name));
            }
            text[at] = name.ptr[at];
        }
    }
    assert_int_equal(head_name_find(SLICE("")), HEAD_OTHER);
    assert_int_equal(head_name_find(slice_of(NULL, 0)), HEAD_OTHER);
    assert_int_equal(head_name_find(SLICE("x-a-name-that-is-longer-than-all-of-the-others")),
                     HEAD_OTHER);
}

static void test_traits(void **state)
{
    (void)state;
    assert_true(head_name_is_hop(HEAD_TRANSFER_ENCODING) &&
                head_name_is_once(HEAD_TRANSFER_ENCODING));
    assert_true(head_name_is_once(HEAD_HOST) && !head_name_is_hop(HEAD_HOST));
    assert_true(head_name_is_hop(HEAD_CONNECTION) && !head_name_is_once(HEAD_CONNECTION));
    assert_false(head_name_is_hop(HEAD_OTHER) || head_name_is_once(HEAD_OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name),
        cmocka_unit_test(test_near_misses),
        cmocka_unit_test(test_traits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
