/* table_test.c - a hash table from byte strings to pointers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"
#include "base/table.h"

static char names[4000][12];
static int values[4000];

static int make_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        snprintf(names[i], sizeof(names[i]), "name-%zu", i);
    return 0;
}

static struct slice name(size_t i)
{
    return slice_str(names[i]);
}

static void test_empty(void **state)
{
    struct table t;
    size_t at = 0;

    (void)state;
    table_init(&t, 1);
    assert_null(table_get(&t, SLICE("a")));
    assert_null(table_remove(&t, SLICE("a")));
    assert_null(table_next(&t, &at));
    table_release(&t);
}

static void test_keys(void **state)
{
    static const struct slice keys[] = {
        SLICE_INIT(""),         SLICE_INIT("a"),         SLICE_INIT("b"),
        SLICE_INIT("ab"),       SLICE_INIT("a\0"),       SLICE_INIT("a\0b"),
        SLICE_INIT("12345678"), SLICE_INIT("123456789"), SLICE_INIT("1234567"),
        SLICE_INIT("\0\0\0\0"), SLICE_INIT("\0\0\0\0\0")};
    struct table t;

    (void)state;
    table_init(&t, 7);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_null(table_put(&t, keys[i], &values[i]));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_ptr_equal(table_get(&t, keys[i]), &values[i]);
    assert_ptr_equal(table_get(&t, (struct slice){0}), &values[0]);
    assert_ptr_equal(table_put(&t, SLICE("a"), &values[100]), &values[1]);
    assert_ptr_equal(table_get(&t, SLICE("a")), &values[100]);
    assert_int_equal(t.live, ARRAY_LEN(keys));
    table_release(&t);
    assert_null(table_get(&t, SLICE("a")));
}

/* Growth, and that order of insertion survives it. */
static void test_many(void **state)
{
    const struct table_entry *e;
    struct table t;
    size_t at = 0, seen = 0;

    (void)state;
    table_init(&t, 99);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_null(table_put(&t, name(i), &values[i]));
        assert_int_equal(t.live, i + 1);
        assert_true(t.live * 4 <= t.slot_count * 3);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_ptr_equal(table_get(&t, name(i)), &values[i]);
    while ((e = table_next(&t, &at))) {
        assert_ptr_equal(e->value, &values[seen]);
        assert_true(slice_eq(e->key, name(seen)));
        seen++;
    }
    assert_int_equal(seen, ARRAY_LEN(names));
    table_release(&t);
}

/* Names whose slots are all the same: they stand in one long probe. */
static void test_collisions(void **state)
{
    size_t same[12], count = 0;
    struct table t;

    (void)state;
    table_init(&t, 5);
    for (size_t i = 0; i < ARRAY_LEN(names) && count < ARRAY_LEN(same); i++) {
        if ((hash_bytes(5, name(i)) & 15) == 14)
            same[count++] = i;
    }
    assert_int_equal(count, ARRAY_LEN(same));
    for (size_t i = 0; i < 11; i++)
        table_put(&t, name(same[i]), &values[i]);
    assert_int_equal(t.slot_count, 16);
    assert_null(table_get(&t, name(same[11])));
    for (size_t i = 0; i < 11; i += 2)
        assert_ptr_equal(table_remove(&t, name(same[i])), &values[i]);
    for (size_t i = 0; i < 11; i++)
        assert_ptr_equal(table_get(&t, name(same[i])), i % 2 ? &values[i] : NULL);
    for (size_t i = 0; i < 11; i += 2)
        assert_null(table_put(&t, name(same[i]), &values[50 + i]));
    for (size_t i = 0; i < 11; i++)
        assert_ptr_equal(table_get(&t, name(same[i])), &values[i % 2 ? i : 50 + i]);
    table_release(&t);
}

static void test_removed_and_put_again(void **state)
{
    const struct table_entry *e;
    struct table t;
    size_t at = 0;

    (void)state;
    table_init(&t, 3);
    for (size_t i = 0; i < 5; i++)
        table_put(&t, name(i), &values[i]);
    assert_ptr_equal(table_remove(&t, name(1)), &values[1]);
    assert_null(table_remove(&t, name(1)));
    assert_int_equal(t.live, 4);
    assert_null(table_put(&t, name(1), &values[11]));                  // it stands at the end now
    assert_ptr_equal(table_put(&t, name(0), &values[10]), &values[0]); // it keeps its place
    for (size_t i = 0; i < 5; i++) {
        static const size_t order[] = {10, 2, 3, 4, 11};
        e = table_next(&t, &at);
        assert_ptr_equal(e->value, &values[order[i]]);
    }
    assert_null(table_next(&t, &at));
    table_release(&t);
}

/* One in, one out, for a long time: the holes are swept and the table stays small. */
static void test_churn_stays_small(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 3);
    for (size_t i = 0; i < 100000; i++) {
        assert_null(table_put(&t, name(i % 4000), &values[0]));
        if (i >= 5)
            assert_non_null(table_remove(&t, name((i - 5) % 4000)));
    }
    assert_int_equal(t.live, 5);
    assert_int_equal(t.slot_count, 16);
    table_release(&t);
}

/* Against a plain array. */
static void test_against_a_model(void **state)
{
    const uint64_t seed[4] = {9, 8, 7, 6};
    int *model[300] = {NULL};
    struct random r;
    struct table t;
    size_t live = 0;

    (void)state;
    random_seed(&r, seed);
    table_init(&t, 42);
    for (size_t n = 0; n < 200000; n++) {
        size_t i = random_below(&r, ARRAY_LEN(model));
        int *value = &values[random_below(&r, 4000)];

        switch (random_below(&r, n / 20000 % 2 ? 3 : 5)) { // it grows, and it shrinks
        case 0: assert_ptr_equal(table_get(&t, name(i)), model[i]); break;
        case 1:
        case 2:
            assert_ptr_equal(table_remove(&t, name(i)), model[i]);
            live -= model[i] != NULL;
            model[i] = NULL;
            break;
        default:
            assert_ptr_equal(table_put(&t, name(i), value), model[i]);
            live += model[i] == NULL;
            model[i] = value;
        }
        assert_int_equal(t.live, live);
    }
    for (size_t i = 0; i < ARRAY_LEN(model); i++)
        assert_ptr_equal(table_get(&t, name(i)), model[i]);
    table_release(&t);
}

/* Equal seeds give equal hashes; seeds, lengths and single bits all tell. */
static void test_hash(void **state)
{
    char bytes[40] = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint64_t h = hash_bytes(1, slice_of(bytes, len));
        assert_true(h == hash_bytes(1, slice_of(bytes, len)));
        assert_true(h != hash_bytes(2, slice_of(bytes, len)));
        assert_true(h != hash_bytes(1, slice_of(bytes, len + 1)));
        for (size_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] = (char)(1 << bit % 8);
            assert_true(h != hash_bytes(1, slice_of(bytes, len)));
            bytes[bit / 8] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_removed_and_put_again),
        cmocka_unit_test(test_churn_stays_small),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, make_names, NULL);
}
