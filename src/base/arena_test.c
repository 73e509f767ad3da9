/* arena_test.c - memory that goes at once: where it stands, how much, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/array.h"

static const size_t sizes[] = {0,    1,    2,    3,     7,     8,       24,
                               1000, 1024, 5000, 16384, 70000, 1 << 20, (1 << 20) + 1};

static void test_alignment(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            unsigned char *p = arena_alloc(&a, sizes[i], align);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            for (size_t k = 0; k < sizes[i]; k += 97)
                assert_int_equal(p[k], 0);
            if (sizes[i])
                memset(p, 0xa5, sizes[i]);
            arena_alloc(&a, 1, 1); // so that the next one has to be moved
        }
    }
    arena_release(&a);
}

/* Each piece keeps what was written into it, whatever comes after. */
static void test_pieces_do_not_overlap(void **state)
{
    struct {
        unsigned char *at;
        size_t len;
    } pieces[600];
    struct arena a;
    size_t total = 0;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i].len = sizes[i % 11] + i % 5;
        pieces[i].at = arena_alloc_raw(&a, pieces[i].len, (size_t)1 << (i % 5));
        memset(pieces[i].at, (int)(i % 251), pieces[i].len);
        total += pieces[i].len;
        assert_true(a.used >= total);
        assert_true(a.used <= total + (i + 1) * 16); // padding is all that is added
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t k = 0; k < pieces[i].len; k++)
            assert_int_equal(pieces[i].at[k], i % 251);
    }
    arena_release(&a);
    assert_int_equal(a.used, 0);
}

static void test_limit(void **state)
{
    static const struct {
        size_t limit, used, ask;
        bool given;
    } cases[] = {
        {0,    0,    1 << 20,      true },
        {100,  0,    100,          true },
        {100,  0,    101,          false},
        {100,  40,   60,           true },
        {100,  40,   61,           false},
        {100,  100,  0,            true },
        {100,  100,  1,            false},
        {100,  4000, 1,            false}, // our own needs went beyond it
        {100,  4000, 0,            false},
        {4096, 0,    SIZE_MAX,     false},
        {4096, 1,    SIZE_MAX,     false},
        {0,    0,    SIZE_MAX,     false},
        {0,    0,    SIZE_MAX - 8, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        size_t used;
        char *p;

        arena_init(&a, cases[i].limit);
        arena_alloc(&a, cases[i].used, 1); // the limit is not for these
        used = a.used;
        assert_int_equal(used, cases[i].used);
        p = arena_try_alloc(&a, cases[i].ask, 1);
        if ((p != NULL) != cases[i].given)
            fail_msg("row %zu: %s", i, p ? "given" : "refused");
        if (p && cases[i].ask)
            p[cases[i].ask - 1] = 1;
        assert_int_equal(a.used, used + (p ? cases[i].ask : 0)); // a refusal costs nothing
        assert_int_equal(a.limit, cases[i].limit);
        arena_release(&a);
    }
}

/* A big thing gets a chunk of its own, and the chunk in use before stays in use. */
static void test_big_chunk_stands_behind(void **state)
{
    struct arena a;
    char *first, *big, *second;

    (void)state;
    arena_init(&a, 0);
    first = arena_alloc(&a, 16, 1);
    big = arena_alloc(&a, 100000, 1);
    second = arena_alloc(&a, 16, 1);
    assert_ptr_equal(second, first + 16);
    memset(big, 1, 100000);
    big = arena_alloc(&a, 200000, 64); // and again, with a list behind it
    assert_int_equal((uintptr_t)big % 64, 0);
    memset(big, 2, 200000);
    assert_ptr_equal(arena_alloc(&a, 16, 1), first + 32);
    arena_release(&a);
}

/* Thousands of small things take few chunks: neighbours stand side by side. */
static void test_chunks_grow(void **state)
{
    struct arena a;
    char *last;
    size_t jumps = 0;

    (void)state;
    arena_init(&a, 0);
    last = arena_alloc(&a, 32, 8);
    for (size_t i = 0; i < 100000; i++) {
        char *p = arena_alloc(&a, 32, 8);
        jumps += p != last + 32;
        last = p;
    }
    assert_true(jumps < 20);
    arena_release(&a);
}

struct note {
    struct arena *arena;
    char *log;
    char letter;
    bool again;
};

static void take_note(void *ctx)
{
    struct note *n = ctx;
    size_t len = strlen(n->log);

    n->log[len] = n->letter;
    if (n->again) { // one more may be asked for while they run
        struct note *next = arena_new(n->arena, struct note);
        *next = (struct note){.log = n->log, .letter = (char)(n->letter + 1)};
        arena_defer(n->arena, take_note, next);
    }
}

static void test_defers_run_newest_first(void **state)
{
    char log[16] = "";
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (char letter = 'a'; letter <= 'd'; letter++) {
        struct note *n = arena_new(&a, struct note); // the memory is still there when they run
        *n = (struct note){.arena = &a, .log = log, .letter = letter, .again = letter == 'd'};
        arena_defer(&a, take_note, n);
        arena_alloc(&a, 3000, 1);
    }
    assert_string_equal(log, "");
    arena_release(&a);
    assert_string_equal(log, "decba");
    arena_release(&a);
    assert_string_equal(log, "decba"); // once
}

static void test_used_again_after_release(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 5000);
    for (int round = 0; round < 3; round++) {
        assert_non_null(arena_try_alloc(&a, 4000, 1));
        assert_null(arena_try_alloc(&a, 4000, 1));
        arena_release(&a);
        assert_null(a.newest);
        assert_null(a.defers);
        assert_int_equal(a.used, 0);
        assert_int_equal(a.limit, 5000);
    }
}

/* What was in use stays for the next time, if it is no larger than that; the rest goes. */
static void test_reset(void **state)
{
    static const struct {
        size_t ask, keep;
        bool kept;
    } cases[] = {
        {100,   8192, true },
        {3000,  8192, true },
        {3000,  1024, false},
        {20000, 8192, false},
        {100,   0,    false},
    };
    struct arena a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        void *first, *again;

        arena_init(&a, 30000);
        first = arena_alloc(&a, cases[i].ask, 1);
        arena_reset(&a, cases[i].keep);
        assert_int_equal(a.used, 0);
        assert_int_equal(a.limit, 30000);
        assert_int_equal(a.newest != NULL, cases[i].kept);
        again = memset(arena_alloc(&a, cases[i].ask, 1), 1, cases[i].ask);
        if (cases[i].kept)
            assert_ptr_equal(again, first);
        memset(arena_alloc(&a, 20000, 8), 1, 20000); // beside it, not in its place
        arena_release(&a);
        assert_null(a.newest);
    }
}

static void test_text(void **state)
{
    struct slice s, empty;
    char long_text[3000];
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    s = arena_dup(&a, SLICE("a\0b"));
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, "a\0b\0", 4);
    empty = arena_dup(&a, (struct slice){0});
    assert_int_equal(empty.len, 0);
    assert_non_null(empty.ptr);
    assert_int_equal(empty.ptr[0], 0);
    s = arena_printf(&a, "%s", "");
    assert_int_equal(s.len, 0);
    assert_int_equal(s.ptr[0], 0);
    s = arena_printf(&a, "%d-%s", 42, "x");
    assert_true(slice_eq(s, SLICE("42-x")));
    assert_int_equal(s.ptr[4], 0);
    memset(long_text, 'y', sizeof(long_text));
    s = arena_printf(&a, "%.*s|", (int)sizeof(long_text), long_text);
    assert_int_equal(s.len, sizeof(long_text) + 1);
    assert_int_equal(s.ptr[sizeof(long_text)], '|');
    assert_int_equal(s.ptr[s.len], 0);
    arena_release(&a);
}

static void test_arrays(void **state)
{
    struct arena a;
    int64_t *numbers;

    (void)state;
    arena_init(&a, 10); // not for arrays of our own
    numbers = arena_array(&a, int64_t, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], 0);
    assert_int_equal((uintptr_t)numbers % _Alignof(int64_t), 0);
    assert_non_null(arena_array(&a, int64_t, 0));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_big_chunk_stands_behind),
        cmocka_unit_test(test_chunks_grow),
        cmocka_unit_test(test_defers_run_newest_first),
        cmocka_unit_test(test_used_again_after_release),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
