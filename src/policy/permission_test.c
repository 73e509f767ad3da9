/* permission_test.c - compiled patterns answer as wire/glob.h does. */
#include "policy/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"
#include "wire/glob.h"

static const struct {
    const char *pattern;
    enum permit permit;
} patterns[] = {
    {"*",         PERMIT_ALL    },
    {"gpt-5",     PERMIT_LITERAL},
    {"a/b:c",     PERMIT_LITERAL},
    {"gpt-*",     PERMIT_PREFIX },
    {"openai/*",  PERMIT_PREFIX },
    {"**",        PERMIT_GLOB   },
    {"*-mini",    PERMIT_GLOB   },
    {"gpt-?",     PERMIT_GLOB   },
    {"g[p]t",     PERMIT_GLOB   },
    {"gpt\\*",    PERMIT_GLOB   },
    {"a\\**",     PERMIT_GLOB   },
    {"\xc3\xa9*", PERMIT_PREFIX },
    {"[a",        PERMIT_NOTHING},
};

static const char *const names[] = {
    "",   "*",   "gpt-5", "gpt-",         "gpt-5-mini", "GPT-5",    "gpt*",
    "a*", "a*b", "a/b:c", "openai/gpt-5", "gpt",        "\xc3\xa9", "\xc3\xa9t\xc3\xa9",
    "[a", "**",
};

static void test_as_glob(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct permission p = {0};
        permission_compile(&p, slice_str(patterns[i].pattern));
        assert_int_equal(p.permit, patterns[i].permit);
        for (size_t j = 0; j < ARRAY_LEN(names); j++) {
            bool expected = glob_match(slice_str(patterns[i].pattern), slice_str(names[j]));
            if (permission_admits(&p, NULL, slice_str(names[j]), slice_of(NULL, 0)) != expected)
                fail_msg("%s on %s", patterns[i].pattern, names[j]);
        }
    }
}

static const struct provider a =
                                 {
                                     .name = {"a", 1}
},
                             b = {.name = {"b", 1}};

/* Of a provider or of any; asked for one, or for any; with a bare name or without. */
static const struct {
    const struct provider *of, *asked;
    const char *pattern, *name, *bare;
    bool admits;
} cases[] = {
    {NULL, NULL, "m",   "m",   NULL, true },
    {NULL, &a,   "m",   "m",   NULL, true },
    {&a,   &a,   "m",   "m",   NULL, true },
    {&a,   NULL, "m",   "m",   NULL, true },
    {&a,   &b,   "m",   "m",   NULL, false},
    {&a,   &b,   "*",   "m",   "m",  false},
    {&a,   &a,   "m",   "a/m", NULL, false},
    {&a,   &a,   "m",   "a/m", "m",  true },
    {&a,   &a,   "a/m", "a/m", "m",  true },
    {NULL, &a,   "m",   "a/m", "m",  false},
    {NULL, &a,   "a/*", "a/m", "m",  true },
};

static void test_providers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct permission p = {.provider = cases[i].of};
        permission_compile(&p, slice_str(cases[i].pattern));
        if (permission_admits(&p, cases[i].asked, slice_str(cases[i].name),
                              slice_str(cases[i].bare)) != cases[i].admits)
            fail_msg("case %zu", i);
    }
}

static void test_strip(void **state)
{
    (void)state;
    assert_true(slice_eq(permission_strip(&a, SLICE("a/m")), SLICE("m")));
    assert_true(slice_eq(permission_strip(&a, SLICE("a/a/m")), SLICE("a/m")));
    assert_non_null(permission_strip(&a, SLICE("a/")).ptr);
    assert_null(permission_strip(&a, SLICE("a")).ptr);
    assert_null(permission_strip(&a, SLICE("ab/m")).ptr);
    assert_null(permission_strip(&a, SLICE("b/m")).ptr);
    assert_null(permission_strip(&a, SLICE("A/m")).ptr);
}

/* Whether any permission of the list admits the name there, asked one by one. */
static bool any_admits(const struct permission *list, size_t count, const struct provider *provider,
                       struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        const struct provider *strip = provider ? provider : list[i].provider;
        struct slice bare = strip ? permission_strip(strip, name) : slice_of(NULL, 0);
        if (permission_admits(&list[i], provider ? provider : list[i].provider, name, bare))
            return true;
    }
    return false;
}

static struct slice random_text(struct random *dice, struct arena *arena, bool pattern)
{
    static const char *const parts[] = {"a/", "b/", "c/", "m", "n", "-5", "*", "?", "[mn]", "["};
    size_t count = random_below(dice, 4);
    struct slice text = {"", 0};

    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%.*s%s", SLICE_ARG(text),
                            parts[random_below(dice, pattern ? ARRAY_LEN(parts) : 6)]);
    return text;
}

/* Sets of any length answer as their lists do, for each provider and for any. */
static void test_sets(void **state)
{
    enum { MOST = 60 };
    static const struct provider c = {
        .name = {"c", 1}
    };
    const struct provider *const providers[] = {NULL, &a, &b, &c};
    struct random dice;
    size_t admitted = 0, asked = 0;

    (void)state;
    random_seed(&dice, (uint64_t[4]){4, 3, 2, 1});
    for (int round = 0; round < 500; round++) {
        struct permission list[MOST] = {{0}};
        size_t count = random_below(&dice, MOST + 1);
        const struct permission_set *set;
        struct arena arena;

        arena_init(&arena, 0);
        for (size_t i = 0; i < count; i++) {
            permission_compile(&list[i], random_text(&dice, &arena, true));
            list[i].provider = providers[random_below(&dice, 3)]; // none of c
        }
        set = permission_set_new(&arena, list, count, 7);
        for (int n = 0; n < 40; n++) {
            struct slice name = random_text(&dice, &arena, false);
            bool anywhere = any_admits(list, count, NULL, name);
            assert_int_equal(permission_set_admits_anywhere(set, name), anywhere);
            for (size_t p = 1; p < ARRAY_LEN(providers); p++)
                assert_int_equal(permission_set_admits(set, providers[p], name,
                                                       permission_strip(providers[p], name)),
                                 any_admits(list, count, providers[p], name));
            admitted += anywhere;
            asked++;
        }
        arena_release(&arena);
    }
    assert_true(admitted > asked / 10 && admitted < asked * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_glob),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
