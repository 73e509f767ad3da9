/* glob_test.c - what patterns match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/glob.h"

static const struct {
    const char *pattern, *text;
    bool matches;
} cases[] = {
    {"",                    "",                          true },
    {"",                    "a",                         false},
    {"a",                   "",                          false},
    {"gpt-4o",              "gpt-4o",                    true },
    {"gpt-4o",              "gpt-4o-mini",               false},
    {"gpt-4o",              "GPT-4o",                    false},
    {"*",                   "",                          true },
    {"*",                   "anything/at:all",           true },
    {"**",                  "",                          true },
    {"**",                  "ab",                        true },
    {"gpt-*",               "gpt-",                      true },
    {"gpt-*",               "gpt-4o",                    true },
    {"gpt-*",               "xgpt-4o",                   false},
    {"*-mini",              "gpt-4o-mini",               true },
    {"*-mini",              "gpt-4o-mini-x",             false},
    {"*-mini",              "-mini-mini",                true },
    {"*4*mini*",            "gpt-4o-mini",               true },
    {"*4*mini*",            "gpt-mini-4",                false},
    {"a*b*c",               "abbcbc",                    true },
    {"a*b*c",               "acb",                       false},
    {"a*a",                 "a",                         false},
    {"a*a",                 "aa",                        true },
    {"*/*",                 "openai/gpt",                true },
    {"?",                   "",                          false},
    {"?",                   "a",                         true },
    {"?",                   "ab",                        false},
    {"?",                   "\xc3\xa9",                  true },
    {"??",                  "\xc3\xa9",                  false},
    {"?",                   "\xe2\x82\xac",              true },
    {"*??",                 "\xe2\x82\xac",              false},
    {"*?",                  "\xe2\x82\xac",              true },
    {"?",                   "\xf0\x9f\x98\x80",          true },
    {"?",                   "\xff",                      true },
    {"??",                  "\xff\xfe",                  true },
    {"??",                  "\xe2\x82",                  true }, /* not UTF-8 */
    {"?",                   "\xe2\x82",                  false},
    {"??",                  "\xc0\x80",                  true },
    {"???",                 "\xed\xa0\x80",              true },
    {"????",                "\xf4\x90\x80\x80",          true },
    {"*\x82",               "\xe2\x82",                  true },
    {"*\x82*",              "\xe2\x82\xac",              false}, /* half of one */
    {"?b",                  "ab",                        true },
    {"*?",                  "",                          false},
    {"*?",                  "a",                         true },
    {"[abc]",               "b",                         true },
    {"[abc]",               "d",                         false},
    {"[abc]",               "",                          false},
    {"[abc]",               "bb",                        false},
    {"[a-c]",               "b",                         true },
    {"[a-c]",               "-",                         false},
    {"[a-c]x",              "cx",                        true },
    {"[-a]",                "-",                         true },
    {"[a-]",                "-",                         true },
    {"[a-]",                "b",                         false},
    {"[a-c-e]",             "-",                         true },
    {"[a-c-e]",             "d",                         false},
    {"[!a-c]",              "d",                         true },
    {"[!a-c]",              "b",                         false},
    {"[!a-c]",              "",                          false},
    {"[^a]",                "a",                         false},
    {"[^a]",                "^",                         true },
    {"[a^]",                "^",                         true },
    {"[a!]",                "!",                         true },
    {"[]]",                 "]",                         true },
    {"[]a]",                "a",                         true },
    {"[!]]",                "]",                         false},
    {"[!]]",                "a",                         true },
    {"[]-a]",               "^",                         true },
    {"[[]",                 "[",                         true },
    {"[*]",                 "*",                         true },
    {"[*]",                 "a",                         false},
    {"[?]",                 "a",                         false},
    {"[\\]]",               "]",                         true },
    {"[\\]]",               "\\",                        false},
    {"[a\\-c]",             "b",                         false},
    {"[a\\-c]",             "-",                         true },
    {"[\\!a]",              "!",                         true },
    {"[\\a-\\c]",           "b",                         true },
    {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9",                  true },
    {"[\xc3\xa0-\xc3\xbf]", "\xc3",                      false},
    {"[!a]",                "\xc3\xa9",                  true },
    {"[0-9][0-9]*",         "42b",                       true },
    {"[0-9][0-9]*",         "4b",                        false},
    {"*[0-9]",              "gpt-4",                     true },
    {"*[0-9]",              "gpt-",                      false},
    {"\\*",                 "*",                         true },
    {"\\*",                 "a",                         false},
    {"\\?",                 "?",                         true },
    {"\\[a]",               "[a]",                       true },
    {"\\\\",                "\\",                        true },
    {"\\a",                 "a",                         true },
    {"a\\*b*",              "a*bc",                      true },
    {"]",                   "]",                         true },
    {"a-z",                 "b",                         false},
    {"a*a*a*a*a*a*a*a*b",   "aaaaaaaaaaaaaaaaaaaaaaaac", false},
    {"[",                   "[",                         false},
    {"a[",                  "a[",                        false},
    {"[]",                  "]",                         false},
    {"[a",                  "a",                         false},
    {"[!]",                 "!",                         false},
    {"[z-a]",               "z",                         false},
    {"[\\]",                "]",                         false},
    {"\\",                  "\\",                        false},
    {"*\\",                 "\\",                        false},
};

static void test_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (glob_match(slice_str(cases[i].pattern), slice_str(cases[i].text)) != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
    }
}

static const struct {
    const char *pattern;
    bool valid, literal;
    size_t prefix, fixed;
} facts[] = {
    {"",          true,  true,  0, 0},
    {"gpt-4o",    true,  true,  6, 6},
    {"gpt-*",     true,  false, 4, 4},
    {"*-mini",    true,  false, 0, 5},
    {"a?",        true,  false, 1, 1},
    {"ab[c]d",    true,  false, 2, 3},
    {"a\\*b*",    true,  false, 3, 3},
    {"a\\b",      true,  false, 2, 2},
    {"\xc3\xa9*", true,  false, 2, 2},
    {"a]b",       true,  true,  3, 3},
    {"[",         false, false, 0, 0},
    {"a[b",       false, false, 1, 0},
    {"[]",        false, false, 0, 0},
    {"[!]",       false, false, 0, 0},
    {"[b-a]",     false, false, 0, 0},
    {"[a-b-\\]",  false, false, 0, 0},
    {"ab\\",      false, false, 2, 0},
};

static void test_facts(void **state)
{
    char text[GLOB_MAX_BYTES + 1];
    struct err_info e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        struct slice pattern = slice_str(facts[i].pattern);
        struct err_info why = {0};
        assert_int_equal(glob_validate(pattern, &why), facts[i].valid ? ERR_NONE : ERR_BAD_REQUEST);
        assert_int_equal(why.text[0] == '\0', facts[i].valid);
        assert_int_equal(glob_is_literal(pattern), facts[i].literal);
        assert_int_equal(glob_literal_prefix_len(pattern), facts[i].prefix);
        if (facts[i].valid)
            assert_int_equal(glob_literal_len(pattern), facts[i].fixed);
    }
    memset(text, 'a', sizeof(text));
    assert_int_equal(glob_validate(slice_of(text, GLOB_MAX_BYTES), &e), ERR_NONE);
    assert_int_equal(glob_validate(slice_of(text, GLOB_MAX_BYTES + 1), &e), ERR_BAD_REQUEST);
    assert_false(
        glob_match(slice_of(text, GLOB_MAX_BYTES + 1), slice_of(text, GLOB_MAX_BYTES + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
