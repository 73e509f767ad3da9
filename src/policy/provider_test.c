/* provider_test.c - turns among a provider's credentials. */
#include "policy/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "base/array.h"
#include "base/buf.h"

#define MANY 70000

/* A provider whose credentials have these weights; ids are their places, from 0 on. */
static struct provider make(struct arena *a, const int64_t *weights, size_t count)
{
    struct provider p = {.credential_count = count,
                         .next_credential = arena_new(a, atomic_uint),
                         .credentials = arena_array(a, struct credential, count + 1)};

    for (size_t i = 0; i < count; i++)
        p.credentials[i] = (struct credential){.id = (int64_t)i, .weight = weights[i]};
    provider_order_turns(&p, a);
    return p;
}

/* One round of turns, by the ids of credentials. */
static const struct {
    int64_t weights[4];
    size_t count;
    const char *round;
} rounds[] = {
    {{0},                 0, ""        },
    {{100},               1, "0"       },
    {{0},                 1, "0"       },
    {{100, 100},          2, "01"      },
    {{7, 7, 7},           3, "012"     },
    {{5, 1, 1},           3, "0010200" },
    {{1, 2},              2, "101"     },
    {{200, 100},          2, "010"     },
    {{10000, 5000, 2500}, 3, "0102010" },
    {{2, 0, 1},           3, "020"     },
    {{0, 100, 0, 100},    4, "13"      },
    {{0, 0, 0},           3, "012"     },
    {{3, 3, 1, 1},        4, "01201301"},
};

static void test_rounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        struct buf order = {0};
        struct provider p;
        struct arena a;

        arena_init(&a, 0);
        p = make(&a, rounds[i].weights, rounds[i].count);
        for (size_t turn = 0; turn < p.turn_count; turn++)
            buf_append_i64(&order, p.credentials[p.turns[turn]].id);
        if (!slice_eq(buf_peek(&order), slice_str(rounds[i].round)))
            fail_msg("%zu: %.*s", i, SLICE_ARG(buf_peek(&order)));
        buf_release(&order);
        arena_release(&a);
    }
}

/* Every try of every turn: each credential once, the one whose turn it is first, weight 0 last. */
static void test_picks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        struct provider p;
        struct arena a;

        arena_init(&a, 0);
        p = make(&a, rounds[i].weights, rounds[i].count);
        for (size_t turn = 0; turn < 2 * p.turn_count; turn++) {
            unsigned first = 99, seen = 0;
            int64_t before = 0;
            for (size_t tried = 0; tried < p.credential_count; tried++) {
                const struct credential *c = provider_pick(&p, tried, &first);
                if (!tried && p.credential_count > 1)
                    assert_int_equal(c->id, rounds[i].round[turn % p.turn_count] - '0');
                assert_false(seen & 1U << c->id);
                assert_false(tried && c->weight > 0 && before == 0);
                seen |= 1U << c->id;
                before = c->weight;
            }
            assert_int_equal(seen, (1U << p.credential_count) - 1);
        }
        arena_release(&a);
    }
}

/* Shares that do not fit are kept as nearly as they can be, and nobody is left out. */
static const struct {
    int64_t weights[3];
    size_t count, most[3], least[3];
} shares[] = {
    {{10000, 1},       2, {1023, 1},     {1000, 1}    },
    {{3001, 1000},     2, {770, 258},    {766, 254}   },
    {{9999, 10000, 3}, 3, {513, 513, 2}, {509, 509, 1}},
    {{1, 1023},        2, {1, 1023},     {1, 1023}    },
    {{1, 1024},        2, {1, 1023},     {1, 1021}    },
};

static void test_shares(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        size_t counts[3] = {0};
        struct provider p;
        struct arena a;

        arena_init(&a, 0);
        p = make(&a, shares[i].weights, shares[i].count);
        assert_true(p.turn_count <= PROVIDER_MAX_TURNS);
        for (size_t turn = 0; turn < p.turn_count; turn++)
            counts[p.turns[turn]]++;
        for (size_t j = 0; j < shares[i].count; j++) {
            if (counts[j] < shares[i].least[j] || counts[j] > shares[i].most[j])
                fail_msg("%zu: credential %zu has %zu turns", i, j, counts[j]);
        }
        arena_release(&a);
    }
}

/* More credentials than a round has turns: one each, whatever the weights. */
static void test_many(void **state)
{
    static const size_t counts[] = {PROVIDER_MAX_TURNS, PROVIDER_MAX_TURNS + 1, MANY};
    static int64_t weights[MANY];

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        weights[i] = 1 + (int64_t)i % 10000;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        size_t most = counts[i] > UINT16_MAX ? UINT16_MAX : counts[i];
        unsigned first;
        struct provider p;
        struct arena a;

        arena_init(&a, 0);
        p = make(&a, weights, counts[i]);
        assert_int_equal(p.turn_count, most);
        for (size_t turn = 0; turn < p.turn_count && i; turn++)
            assert_int_equal(p.turns[turn], turn);
        atomic_store(p.next_credential, (unsigned)most - 1);
        assert_int_equal(provider_pick(&p, 0, &first)->id, most - 1);
        assert_int_equal(provider_pick(&p, 1, &first)->id, (first + 1) % counts[i]);
        arena_release(&a);
    }
}

/* The counter runs over without harm. */
static void test_counter_wraps(void **state)
{
    static const int64_t weights[] = {2, 1};
    unsigned first = 0;
    struct provider p;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    p = make(&a, weights, 2);
    atomic_store(p.next_credential, UINT_MAX);
    for (int i = 0; i < 3; i++)
        assert_true(provider_pick(&p, 0, &first)->id < 2);
    assert_int_equal(atomic_load(p.next_credential), 2);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),        cmocka_unit_test(test_picks),
        cmocka_unit_test(test_shares),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_counter_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
