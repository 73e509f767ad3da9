/* pattern_test.c - a set of patterns answers as its patterns do, one by one. */
#include "policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/random.h"
#include "wire/glob.h"

/* Patterns, a name, which is best, and all that match. */
static const struct {
    const char *patterns, *name;
    long best;
    const char *each;
} cases[] = {
    {"",                  "gpt-5",      -1, ""     },
    {"*",                 "gpt-5",      0,  "0"    },
    {"* gpt-* gpt-5",     "gpt-5",      2,  "0 1 2"},
    {"* gpt-* gpt-5",     "gpt-5-mini", 1,  "0 1"  },
    {"* gpt-* gpt-5",     "claude",     0,  "0"    },
    {"gpt-5 gpt-5",       "gpt-5",      0,  "0 1"  },
    {"g* gpt-? gpt-5*",   "gpt-5",      2,  "0 1 2"},
    {"gpt-5* gpt-5*mini", "gpt-5-mini", 1,  "0 1"  }, // more literal text in all
    {"*-mini *i",         "gpt-5-mini", 0,  "0 1"  },
    {"*-mini g*",         "gpt-5-mini", 1,  "0 1"  }, // at the beginning counts first
    {"gp[t]-5 gpt-*",     "gpt-5",      1,  "0 1"  },
    {"a\\*b a*",          "a*b",        0,  "0 1"  }, // a literal behind its backslash
    {"a\\*b a*",          "a+b",        1,  "1"    },
    {"[ * gpt-5",         "gpt-5",      2,  "1 2"  }, // one that is not valid
    {"GPT-5",             "gpt-5",      -1, ""     },
    {"\xc3*",             "\xc3\xa9",   -1, ""     }, // half a character is another one
    {"\xc3\xa9*",         "\xc3\xa9t",  0,  "0"    },
};

static void on_match(void *ctx, size_t index)
{
    buf_printf(ctx, "%s%zu", buf_len(ctx) ? " " : "", index);
}

static size_t split(const char *text, struct slice *out)
{
    struct slice rest = slice_str(text);
    size_t count = 0;

    while (rest.len)
        out[count++] = slice_cut(rest, ' ', &rest);
    return count;
}

/* Each case as it is, and behind so many other patterns that the set is looked up in. */
static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t others = 0; others <= 20; others += 20) {
            struct slice patterns[32], name = slice_str(cases[i].name);
            size_t count = split(cases[i].patterns, patterns);
            const struct pattern_set *set;
            struct buf found = {0};
            struct arena a;

            arena_init(&a, 0);
            for (size_t o = 0; o < others; o++)
                patterns[count++] = arena_printf(&a, "other-%zu%s", o, o % 2 ? "*" : "");
            set = pattern_set_new(&a, patterns, count, 77);
            if (pattern_set_best(set, &name, 1) != cases[i].best)
                fail_msg("case %zu, %zu others: best", i, others);
            assert_int_equal(pattern_set_any(set, name), cases[i].best >= 0);
            pattern_set_each(set, name, on_match, &found);
            if (!slice_eq(buf_peek(&found), slice_str(cases[i].each)))
                fail_msg("case %zu, %zu others: %.*s", i, others, SLICE_ARG(buf_peek(&found)));
            buf_release(&found);
            arena_release(&a);
        }
    }
}

static void test_several_names(void **state)
{
    const struct slice patterns[] = {SLICE("*"), SLICE("gpt-*"), SLICE("openai/*")};
    const struct slice names[] = {SLICE("gpt-5"), SLICE("openai/gpt-5"), SLICE("x")};
    const struct pattern_set *set;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    set = pattern_set_new(&a, patterns, ARRAY_LEN(patterns), 1);
    assert_int_equal(pattern_set_best(set, names, 2), 2);
    assert_int_equal(pattern_set_best(set, names, 1), 1);
    assert_int_equal(pattern_set_best(set, names + 2, 1), 0);
    assert_int_equal(pattern_set_best(set, names, 0), -1);
    assert_int_equal(pattern_set_best(NULL, names, 2), -1);
    assert_false(pattern_set_any(NULL, names[0]));
    assert_true(pattern_set_matches(set, 1, names[0]));
    assert_false(pattern_set_matches(set, 2, names[0]));
    arena_release(&a);
}

/* Out of few letters, so that there are matches, and with all that patterns may hold. */
static struct slice random_text(struct random *dice, struct arena *a, bool pattern)
{
    static const char *const parts[] = {"a", "b",    "ab",   "-",   "\xc3\xa9", "*",
                                        "?", "[ab]", "[!a]", "\\*", "\\a",      "["};
    size_t count = random_below(dice, 7);
    struct slice text = {"", 0};

    for (size_t i = 0; i < count; i++) {
        uint64_t limit = !pattern ? 6 : random_below(dice, 30) ? 11 : 12;
        text = arena_printf(a, "%.*s%s", SLICE_ARG(text), parts[random_below(dice, limit)]);
    }
    return text;
}

struct expectation {
    const struct slice *patterns;
    struct slice name;
    size_t next;
};

/* All before it that are left out do not match. */
static void on_expected(void *ctx, size_t index)
{
    struct expectation *x = ctx;

    while (x->next < index)
        assert_false(glob_match(x->patterns[x->next++], x->name));
    assert_true(glob_match(x->patterns[x->next++], x->name));
}

/* No wildcard that no backslash stands before. */
static bool is_exact(struct slice p)
{
    for (size_t i = 0; i < p.len; i++) {
        if (p.ptr[i] == '\\')
            i++;
        else if (p.ptr[i] == '*' || p.ptr[i] == '?' || p.ptr[i] == '[')
            return false;
    }
    return true;
}

/* Whether no pattern that matches is more specific, as the header says, than `best`. */
static void check_best(const struct slice *patterns, size_t count, struct slice name, long best)
{
    for (size_t i = 0; i < count; i++) {
        struct slice p = patterns[i], b;
        if (!glob_match(p, name))
            continue;
        assert_true(best >= 0);
        b = patterns[best];
        if (is_exact(b))
            continue;
        assert_false(is_exact(p));
        assert_true(glob_literal_prefix_len(p) <= glob_literal_prefix_len(b));
        if (glob_literal_prefix_len(p) == glob_literal_prefix_len(b))
            assert_true(glob_literal_len(p) <= glob_literal_len(b));
        if (slice_eq(p, b))
            assert_true((long)i >= best);
    }
    if (best >= 0)
        assert_true(glob_match(patterns[best], name));
}

static void check_random(size_t count, size_t names, uint64_t seed)
{
    const struct pattern_set *set;
    struct slice *patterns;
    struct random dice;
    struct arena a;

    arena_init(&a, 0);
    random_seed(&dice, (uint64_t[4]){seed, count, 3, 4});
    patterns = arena_array(&a, struct slice, count);
    for (size_t i = 0; i < count; i++)
        patterns[i] = random_text(&dice, &a, true);
    set = pattern_set_new(&a, patterns, count, seed);
    for (size_t n = 0; n < names; n++) {
        struct expectation x = {.patterns = patterns, .name = random_text(&dice, &a, false)};
        bool any = false;

        pattern_set_each(set, x.name, on_expected, &x);
        for (; x.next < count; x.next++)
            assert_false(glob_match(patterns[x.next], x.name));
        for (size_t i = 0; i < count; i++)
            any |= glob_match(patterns[i], x.name);
        assert_int_equal(pattern_set_any(set, x.name), any);
        check_best(patterns, count, x.name, pattern_set_best(set, &x.name, 1));
    }
    arena_release(&a);
}

static void test_as_glob(void **state)
{
    static const size_t counts[] = {0, 1, 7, 8, 9, 10, 40, 200};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        for (uint64_t seed = 1; seed <= 5; seed++)
            check_random(counts[i], 100, seed);
    }
}

/* The pattern of that number, or a name that it alone matches. */
static struct slice numbered(struct arena *a, size_t i, bool pattern)
{
    if (i % 50)
        return i % 2 ? arena_printf(a, "m-%zu", i)
                     : arena_printf(a, "p-%zu-%s", i, pattern ? "*" : "x");
    return i % 100 ? arena_printf(a, "%s-s%zu", pattern ? "*" : "y", i)
                   : arena_printf(a, "g%s-%zu?", pattern ? "[x]" : "x", i);
}

/* Ten thousand, of each of which some name is asked for. */
static void test_many(void **state)
{
    enum { COUNT = 10000 };
    const struct pattern_set *set;
    struct slice *patterns;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    patterns = arena_array(&a, struct slice, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        patterns[i] = numbered(&a, i, true);
    set = pattern_set_new(&a, patterns, COUNT, 99);
    for (size_t i = 0; i < COUNT; i++) {
        struct slice name = numbered(&a, i, false);
        if (pattern_set_best(set, &name, 1) != (long)i)
            fail_msg("%.*s", SLICE_ARG(name));
    }
    for (size_t i = 0; i < COUNT; i += 331) {
        struct expectation x = {.patterns = patterns, .name = numbered(&a, i, false)};
        pattern_set_each(set, x.name, on_expected, &x);
        for (; x.next < COUNT; x.next++)
            assert_false(glob_match(patterns[x.next], x.name));
    }
    arena_release(&a);
}

/* More matches than are put in order at once. */
static void test_many_matches(void **state)
{
    enum { COUNT = 500 };
    struct slice patterns[COUNT];
    struct expectation x = {.patterns = patterns, .name = SLICE("abc")};
    const struct pattern_set *set;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT; i++)
        patterns[i] = i % 3 ? SLICE("a*") : SLICE("x*");
    set = pattern_set_new(&a, patterns, COUNT, 5);
    pattern_set_each(set, x.name, on_expected, &x);
    assert_int_equal(x.next, COUNT);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_several_names),
        cmocka_unit_test(test_as_glob),      cmocka_unit_test(test_many),
        cmocka_unit_test(test_many_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
