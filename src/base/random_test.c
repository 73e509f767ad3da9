/* random_test.c - numbers, and the ids made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "base/array.h"
#include "base/hex.h"
#include "base/random.h"

#define IDS 20000

static void seed(struct random *r, uint64_t a)
{
    const uint64_t words[4] = {a, 2, 3, 4};

    random_seed(r, words);
}

static void test_seed(void **state)
{
    const uint64_t zeros[4] = {0};
    struct random a, b, c;
    size_t equal = 0, zero = 0;

    (void)state;
    seed(&a, 10);
    seed(&b, 10);
    seed(&c, 12);
    for (int i = 0; i < 1000; i++) {
        uint64_t n = random_next(&a);
        assert_true(n == random_next(&b));
        equal += n == random_next(&c);
    }
    assert_int_equal(equal, 0);
    random_seed(&a, zeros); // the state that never leaves itself is none of ours
    for (int i = 0; i < 1000; i++)
        zero += random_next(&a) == 0;
    assert_true(zero < 10);
}

static void test_below(void **state)
{
    static const uint64_t bounds[] = {1, 2, 3, 7, 10, 1000, UINT64_MAX};
    struct random r;
    size_t seen[10] = {0};

    (void)state;
    seed(&r, 1);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        for (int k = 0; k < 10000; k++)
            assert_true(random_below(&r, bounds[i]) < bounds[i]);
    }
    for (int k = 0; k < 100000; k++)
        seen[random_below(&r, 10)]++;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 9500, 10500); // five sigmas
}

/* RFC 9562, 5.7: 48 bits of milliseconds, version 7, variant 10. */
static void test_id_shape(void **state)
{
    static const struct {
        int64_t unix_ms;
        const char *start;
    } cases[] = {
        {0,               "00000000-0000-7"},
        {1,               "00000000-0001-7"},
        {1645557742000,   "017f22e2-79b0-7"}, // the RFC's own example (A.6)
        {1795363380000,   "01a203ff-1b20-7"},
        {281474976710655, "ffffffff-ffff-7"},
    };
    struct random r;

    (void)state;
    seed(&r, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int n = 0; n < 100; n++) {
            char id[ID_TEXT_BYTES + 1];

            memset(id, '#', sizeof(id));
            id_make(&r, cases[i].unix_ms, id);
            assert_int_equal(id[ID_TEXT_BYTES], '#');
            assert_int_equal(strlen(id), ID_TEXT_BYTES - 1);
            assert_memory_equal(id, cases[i].start, strlen(cases[i].start));
            assert_non_null(strchr("89ab", id[19]));
            for (size_t k = 0; k < ID_TEXT_BYTES - 1; k++) {
                if (k == 8 || k == 13 || k == 18 || k == 23)
                    assert_int_equal(id[k], '-');
                else
                    assert_non_null(strchr("0123456789abcdef", id[k]));
            }
        }
    }
}

static void test_ids_are_ordered_by_time(void **state)
{
    char before[ID_TEXT_BYTES] = "", id[ID_TEXT_BYTES];
    struct random r;

    (void)state;
    seed(&r, 1);
    for (int64_t ms = 1; ms < (int64_t)1 << 47; ms += ms / 3 + 1) {
        id_make(&r, ms, id);
        assert_true(strcmp(before, id) < 0);
        memcpy(before, id, sizeof(id));
    }
}

static void test_ids_as_bytes(void **state)
{
    static const char *const no_ids[] = {
        "",
        "019a0000-0000-7000-8000-00000000000",   // short
        "019a0000-0000-7000-8000-0000000000001", // long
        "019a0000-0000-7000-8000-00000000000g",
        "019a0000-0000-7000-8000-00000000000-",
        "019a000000000-7000-8000-000000000000",
        "019a0000-0000-7000-800-0000000000000",
    };
    unsigned char bytes[ID_BYTES], least[ID_BYTES], next[ID_BYTES];
    char id[ID_TEXT_BYTES], again[ID_TEXT_BYTES];
    struct random r;

    (void)state;
    seed(&r, 3);
    for (int64_t ms = 1; ms < (int64_t)1 << 47; ms += ms / 3 + 1) {
        id_make(&r, ms, id);
        assert_true(id_pack(slice_str(id), bytes));
        assert_int_equal(id_unix_ms(bytes), ms);
        id_unpack(bytes, again);
        assert_string_equal(again, id);
        id_at(ms, least);
        id_at(ms + 1, next);
        assert_true(memcmp(least, bytes, ID_BYTES) <= 0);
        assert_true(memcmp(bytes, next, ID_BYTES) < 0);
    }
    id_at(-1, least);
    assert_int_equal(id_unix_ms(least), 0);
    for (size_t i = 0; i < ARRAY_LEN(no_ids); i++)
        assert_false(id_pack(slice_str(no_ids[i]), bytes));
}

static void test_hex(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
        assert_int_equal(hex_value((char)c), at ? (at - digits) % 16 : -1);
    }
}

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, ID_TEXT_BYTES);
}

static void test_ids_are_unique(void **state)
{
    static char ids[IDS][ID_TEXT_BYTES];
    bool set[128] = {false}, clear[128] = {false};
    struct random r;

    (void)state;
    seed(&r, 77);
    for (size_t i = 0; i < IDS; i++) { // all of one millisecond
        id_make(&r, 1795363380000, ids[i]);
        for (size_t k = 0, bit = 0; k < ID_TEXT_BYTES - 1; k++) {
            unsigned digit =
                ids[i][k] > '9' ? (unsigned)(ids[i][k] - 'a' + 10) : (unsigned)(ids[i][k] - '0');
            for (unsigned b = 8; ids[i][k] != '-' && b; b /= 2, bit++)
                *(digit & b ? &set[bit] : &clear[bit]) = true;
        }
    }
    for (size_t bit = 0; bit < 128; bit++) // 74 of them are random
        assert_int_equal(set[bit] && clear[bit], bit >= 52 && bit != 64 && bit != 65);
    qsort(ids, IDS, sizeof(ids[0]), by_text);
    for (size_t i = 1; i < IDS; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_id_shape),
        cmocka_unit_test(test_ids_are_ordered_by_time),
        cmocka_unit_test(test_ids_are_unique),
        cmocka_unit_test(test_ids_as_bytes),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
