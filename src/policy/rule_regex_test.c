/* rule_regex_test.c - regular expressions over text that strangers send. */
#include "policy/rule_regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *pattern, *replacement, *in, *out; // NULL: no match
} cases[] = {
    {"a",                     "b",           "banana",                   "bbnbnb"         },
    {"x",                     "y",           "banana",                   NULL             },
    {"(a)(n)?",               "<$2|$1>",     "banana",                   "b<n|a><n|a><|a>"},
    {"(?<first>\\w+) (\\w+)", "$2 ${first}", "one two",                  "two one"        },
    {"(a)",                   "${1}0$0",     "a",                        "a0a"            },
    {"a",                     "$$1",         "a",                        "$1"             },
    {"",                      "-",           "ab",                       "-a-b-"          },
    {"a*",                    "-",           "baac",                     "-b--c-"         },
    {"a*",                    "",            "",                         ""               },
    {"^",                     "> ",          "",                         "> "             },
    {"(?m)^",                 "> ",          "a\nb",                     "> a\n> b"       },
    {".",                     "x",           "\xc3\xa9\xf0\x9f\x98\x80", "xx"             },
    {"",                      ".",           "\xc3\xa9",                 ".\xc3\xa9."     },
    {"\xc3\x89",              "E",           "\xc3\x89\xc3\xa9",         "E\xc3\xa9"      },
    {"(?i)\xc3\x89",          "E",           "\xc3\x89\xc3\xa9",         "EE"             },
    {"(?<=a)b",               "c",           "abb",                      "acb"            },
    {"\\bcat\\b",             "dog",         "cat concat",               "dog concat"     },
    {"(*UCP)\\w+",            "w",           "\xc3\xa9t\xc3\xa9",        "w"              },
};

static void test_replace(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rule_regex *r;
        struct rule_matcher *m;
        struct err_info e = {0};
        struct buf out = {0};
        enum rule_match found;
        struct arena a;

        arena_init(&a, 0);
        if (rule_regex_compile(slice_str(cases[i].pattern), slice_str(cases[i].replacement), &a, &r,
                               &e))
            fail_msg("%s: %s", cases[i].pattern, e.text);
        m = rule_matcher_new(r);
        found = rule_matcher_replace(m, slice_str(cases[i].in), 1000, &out);
        if (found != (cases[i].out ? RULE_MATCH_SOME : RULE_MATCH_NONE) ||
            (cases[i].out && !slice_eq(buf_peek(&out), slice_str(cases[i].out))))
            fail_msg("%s on %s: %d %.*s", cases[i].pattern, cases[i].in, found,
                     SLICE_ARG(buf_peek(&out)));
        rule_matcher_free(m);
        buf_release(&out);
        arena_release(&a);
    }
}

static const struct {
    const char *pattern, *replacement, *error;
} bad[] = {
    {"a(b",     "",                      "pattern: character 4: missing closing parenthesis"                 },
    {"*",       "",                      "pattern: character 1: quantifier does not follow a repeatable item"},
    {"\\C",     "",                      "pattern: character 3: using \\C is disabled by the application"    },
    {"a",       "$1",                    "replacement: character 2: there is no such group"                  },
    {"(a)",     "x$2",                   "replacement: character 3: there is no such group"                  },
    {"(a)",     "${b}",                  "replacement: character 2: there is no such group"                  },
    {"(a)",     "${}",                   "replacement: character 2: there is no such group"                  },
    {"(a)",     "${1",                   "replacement: character 2: expected '}'"                            },
    {"a",       "$",                     "replacement: character 2: expected a number, {name} or another $"  },
    {"(?<n>a)", "$n",                    "replacement: character 2: expected a number, {name} or another $"  },
    {"(a)",     "$99999999999999999999", "replacement: character 2: there is no such group"                  },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct rule_regex *r;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(rule_regex_compile(slice_str(bad[i].pattern),
                                            slice_str(bad[i].replacement), &a, &r, &e),
                         ERR_BAD_REQUEST);
        assert_string_equal(e.text, bad[i].error);
        arena_release(&a);
    }
}

/*
 * Patterns that would run for minutes: exponential, and, worse, quadratic ones, which PCRE2's
 * own limits do not see.  That the test ends is part of it.
 */
static const char *const catastrophic[] = {"(a+)+$", "(a|aa)+$",  "a+$",
                                           "a*b",    "(?:a|b)*c", "(?:.*?a)*!!"};

static void test_steps_run_out(void **state)
{
    struct buf text = {0}, out = {0};

    (void)state;
    for (int i = 0; i < 200000; i++)
        buf_append_byte(&text, 'a');
    buf_append_str(&text, "!bc!");
    for (size_t i = 0; i < ARRAY_LEN(catastrophic); i++) {
        const struct rule_regex *r;
        struct rule_matcher *m;
        struct err_info e = {0};
        enum rule_match found;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(rule_regex_compile(slice_str(catastrophic[i]), SLICE("x"), &a, &r, &e),
                         ERR_NONE);
        m = rule_matcher_new(r);
        found = rule_matcher_replace(m, buf_peek(&text), 1 << 20, &out);
        if (found != RULE_MATCH_STEPS)
            fail_msg("%s: %d", catastrophic[i], found);
        rule_matcher_free(m);
        arena_release(&a);
    }
    buf_release(&text);
    buf_release(&out);
}

/* What is deep but not long goes through; so does a long text without backtracking. */
static void test_steps_suffice(void **state)
{
    static const char *const patterns[] = {"(?:a|b)+", "a", "[^!]+!", "(a)\\1"};
    struct buf text = {0}, out = {0};

    (void)state;
    for (int i = 0; i < 20000; i++)
        buf_append_byte(&text, 'a');
    buf_append_str(&text, "!");
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        const struct rule_regex *r;
        struct rule_matcher *m;
        struct err_info e = {0};
        enum rule_match found;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(rule_regex_compile(slice_str(patterns[i]), SLICE("x"), &a, &r, &e),
                         ERR_NONE);
        m = rule_matcher_new(r);
        found = rule_matcher_replace(m, buf_peek(&text), 1 << 20, &out);
        if (found != RULE_MATCH_SOME)
            fail_msg("%s: %d", patterns[i], found);
        rule_matcher_free(m);
        arena_release(&a);
    }
    buf_release(&text);
    buf_release(&out);
}

static void test_long(void **state)
{
    const struct rule_regex *r;
    struct rule_matcher *m;
    struct err_info e = {0};
    struct buf text = {0}, out = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(rule_regex_compile(SLICE("a"), SLICE("bbbb"), &a, &r, &e), ERR_NONE);
    m = rule_matcher_new(r);
    assert_int_equal(rule_matcher_replace(m, SLICE("aaa"), 12, &out), RULE_MATCH_SOME);
    assert_int_equal(rule_matcher_replace(m, SLICE("aaa"), 11, &out), RULE_MATCH_LONG);
    while (buf_len(&text) <= RULE_TEXT_BYTES)
        buf_append_str(&text, "xxxxxxxxxxxxxxxx");
    assert_int_equal(rule_matcher_replace(m, buf_peek(&text), SIZE_MAX, &out), RULE_MATCH_LONG);
    rule_matcher_free(m);
    buf_release(&text);
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_steps_run_out), cmocka_unit_test(test_steps_suffice),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
