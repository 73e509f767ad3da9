/* shelf_test.c - a shelf: its bounds, its tenants, its threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "exchange/shelf.h"

#define TTL_MS 1000

static struct slice get(struct shelf *s, int64_t tenant, const char *id, int64_t now_ms,
                        struct arena *a)
{
    struct slice value = {0};

    shelf_get(s, tenant, slice_str(id), now_ms, a, &value);
    return value;
}

static void test_put_get(void **state)
{
    struct shelf *s = shelf_new(((struct shelf_limits){100, 10000, 100}), 7);
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    shelf_put(s, 1, SLICE("call_1"), SLICE("one"), TTL_MS, 0);
    shelf_put(s, 2, SLICE("call_1"), SLICE("two"), TTL_MS, 0);
    assert_true(slice_eq(get(s, 1, "call_1", 1, &a), SLICE("one")));
    assert_true(slice_eq(get(s, 2, "call_1", 1, &a), SLICE("two")));
    assert_null(get(s, 3, "call_1", 1, &a).ptr); // another tenant's is not there
    assert_null(get(s, 1, "call_2", 1, &a).ptr);
    shelf_put(s, 1, SLICE("call_1"), SLICE("new"), TTL_MS, 2);
    assert_true(slice_eq(get(s, 1, "call_1", 3, &a), SLICE("new")));
    arena_release(&a);
    shelf_free(s);
}

static void test_time(void **state)
{
    struct shelf *s = shelf_new((struct shelf_limits){100, 1000, 100}, 7);
    struct arena a;
    size_t entries, bytes;

    (void)state;
    arena_init(&a, 0);
    shelf_put(s, 1, SLICE("c"), SLICE("v"), TTL_MS, 0);
    assert_non_null(get(s, 1, "c", TTL_MS - 1, &a).ptr); // which makes it young again
    assert_non_null(get(s, 1, "c", 2 * TTL_MS - 2, &a).ptr);
    assert_null(get(s, 1, "c", 3 * TTL_MS - 2, &a).ptr);
    shelf_figures(s, &entries, &bytes);
    assert_int_equal(entries, 0);
    assert_int_equal(bytes, 0);
    arena_release(&a);
    shelf_free(s);
}

/* Whatever comes, there is never more than was agreed, and the used ones stay. */
static void test_bounds(void **state)
{
    struct shelf *s = shelf_new((struct shelf_limits){64, 6400, 100}, 7);
    char id[32], value[101] = {0};
    size_t entries, bytes, most = 0;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    shelf_put(s, 1, SLICE("dear"), SLICE("v"), TTL_MS, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "call_%d", i);
        shelf_put(s, 1, slice_str(id), slice_of(value, (size_t)(i % 101)), TTL_MS, 0);
        assert_non_null(get(s, 1, "dear", 0, &a).ptr);
        shelf_figures(s, &entries, &bytes);
        assert_true(entries <= 64 && bytes <= 6400);
        most = entries > most ? entries : most;
    }
    assert_true(most > 32);
    shelf_put(s, 1, SLICE("long"), slice_of(value, 101), TTL_MS, 0);
    assert_null(get(s, 1, "long", 0, &a).ptr);
    shelf_put(s, 1, SLICE(""), SLICE("v"), TTL_MS, 0);
    assert_null(get(s, 1, "", 0, &a).ptr);
    arena_release(&a);
    shelf_free(s);
}

#define ROUNDS 20000

struct job {
    struct shelf *s;
    int64_t tenant;
    int wrong;
};

/* Both threads work on the same few ids, each as its own tenant. */
static void *work(void *arg)
{
    struct job *job = arg;
    char id[32], value[32];

    for (int i = 0; i < ROUNDS; i++) {
        struct slice found;
        struct arena a;

        arena_init(&a, 0);
        snprintf(id, sizeof(id), "call_%d", i % 40);
        snprintf(value, sizeof(value), "%d of %d", i % 40, (int)job->tenant);
        if (i % 3 == 0)
            shelf_put(job->s, job->tenant, slice_str(id), slice_str(value), TTL_MS, i);
        else if (shelf_get(job->s, job->tenant, slice_str(id), i, &a, &found))
            job->wrong += !slice_eq(found, slice_str(value));
        arena_release(&a);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct shelf *s = shelf_new((struct shelf_limits){48, 6400, 100}, 7);
    struct job jobs[2] = {
        {s, 1, 0},
        {s, 2, 0}
    };
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].wrong, 0);
    }
    shelf_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
