/* price_version_test.c - prices are noted once, and read back. */
#include "store/price_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64], dsn[128], path[112];

static int set_up(void **state)
{
    struct err_info e = {0};
    struct store *s;

    snprintf(dir, sizeof(dir), "/tmp/price_version_test.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/gproxy.db", dir);
    snprintf(dsn, sizeof(dsn), "sqlite://%s", path);
    if (store_open(dsn, 0, &s, &e))
        return -1;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    store_close(*state);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    return system(command);
}

static struct slice find(struct store *s, int64_t id, struct arena *a)
{
    struct err_info e = {0};
    struct slice text;

    if (store_find_price(s, id, a, &text, &e))
        assert_int_equal(e.code, ERR_NOT_FOUND);
    return text;
}

static void test_note(void **state)
{
    struct err_info e = {0};
    struct store *s = *state, *other;
    struct arena a;

    arena_init(&a, 0);
    assert_null(find(s, 7, &a).ptr);
    assert_int_equal(store_note_price(s, 7, SLICE("{\"input\":\"1\"}"), 1000, &e), ERR_NONE);
    assert_int_equal(store_note_price(s, 7, SLICE("{\"input\":\"2\"}"), 2000, &e), ERR_NONE);
    assert_int_equal(store_note_price(s, INT64_MAX, SLICE("{}"), 2000, &e), ERR_NONE);
    assert_int_equal(store_open(dsn, STORE_MUST_EXIST, &other, &e), ERR_NONE);
    assert_true(slice_eq(find(other, 7, &a), SLICE("{\"input\":\"1\"}"))); // the first stands
    assert_true(slice_eq(find(other, INT64_MAX, &a), SLICE("{}")));
    assert_null(find(other, 8, &a).ptr);
    store_close(other);
    arena_release(&a);
}

/* It is no change of the configuration: nobody has to load it again. */
static void test_is_no_change(void **state)
{
    struct err_info e = {0};
    struct store *s = *state, *other;
    struct row_set rows;
    struct arena a;

    arena_init(&a, 0);
    assert_int_equal(store_open(dsn, STORE_MUST_EXIST, &other, &e), ERR_NONE);
    assert_int_equal(store_load(s, &a, &rows, NULL, NULL, &e), ERR_NONE);
    assert_int_equal(store_load(other, &a, &rows, NULL, NULL, &e), ERR_NONE);
    assert_int_equal(store_note_price(s, 9, SLICE("{}"), 1000, &e), ERR_NONE);
    assert_false(store_changed(s));
    assert_false(store_changed(other));
    store_close(other);
    arena_release(&a);
}

static void test_transaction(void **state)
{
    struct err_info e = {0};
    struct store *s = *state;
    struct arena a;

    arena_init(&a, 0);
    assert_int_equal(store_begin(s, &e), ERR_NONE);
    assert_int_equal(store_note_price(s, 11, SLICE("{}"), 1000, &e), ERR_NONE);
    store_rollback(s);
    assert_null(find(s, 11, &a).ptr);
    assert_int_equal(store_begin(s, &e), ERR_NONE);
    assert_int_equal(store_note_price(s, 11, SLICE("{}"), 1000, &e), ERR_NONE);
    assert_int_equal(store_commit(s, &e), ERR_NONE);
    assert_non_null(find(s, 11, &a).ptr);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_note, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_is_no_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transaction, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
