/* slice_test.c - borrowed runs of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/slice.h"

static void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq(s, slice_str(expected)))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(s), expected ? expected : "nothing");
}

static void test_compare(void **state)
{
    static const struct {
        struct slice a, b;
        int order;
        bool nocase; // equal but for case
    } cases[] = {
        {SLICE_INIT(""),         SLICE_INIT(""),         0,  true },
        {{NULL, 0},              SLICE_INIT(""),         0,  true },
        {SLICE_INIT(""),         SLICE_INIT("a"),        -1, false},
        {SLICE_INIT("a"),        SLICE_INIT("b"),        -1, false},
        {SLICE_INIT("a"),        SLICE_INIT("ab"),       -1, false},
        {SLICE_INIT("b"),        SLICE_INIT("ab"),       1,  false},
        {SLICE_INIT("a\0a"),     SLICE_INIT("a\0b"),     -1, false},
        {SLICE_INIT("a\xff"),    SLICE_INIT("a\x01"),    1,  false}, // bytes have no sign
        {SLICE_INIT("A"),        SLICE_INIT("a"),        -1, true },
        {SLICE_INIT("X-Api"),    SLICE_INIT("x-aPI"),    -1, true },
        {SLICE_INIT("@["),       SLICE_INIT("`{"),       -1, false}, // beside the letters
        {SLICE_INIT("\xc4"),     SLICE_INIT("\xe4"),     -1, false}, // ASCII only
        {SLICE_INIT("same len"), SLICE_INIT("same lem"), 1,  false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice a = cases[i].a, b = cases[i].b;
        assert_int_equal(slice_cmp(a, b), cases[i].order);
        assert_int_equal(slice_cmp(b, a), -cases[i].order);
        assert_int_equal(slice_eq(a, b), cases[i].order == 0);
        assert_int_equal(slice_eq_nocase(a, b), cases[i].nocase);
        assert_int_equal(slice_eq_nocase(b, a), cases[i].nocase);
    }
}

static void test_sub(void **state)
{
    static const struct {
        const char *text;
        size_t from, len;
        const char *out;
    } cases[] = {
        {"abc", 0,        3,        "abc"},
        {"abc", 0,        0,        ""   },
        {"abc", 1,        1,        "b"  },
        {"abc", 1,        99,       "bc" },
        {"abc", 3,        1,        ""   },
        {"abc", 4,        1,        ""   },
        {"abc", SIZE_MAX, SIZE_MAX, ""   },
        {"abc", 1,        SIZE_MAX, "bc" },
        {"",    0,        1,        ""   },
        {NULL,  0,        1,        ""   },
        {NULL,  7,        SIZE_MAX, ""   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice s = slice_str(cases[i].text);
        assert_slice(slice_sub(s, cases[i].from, cases[i].len), cases[i].out);
        if (cases[i].len == SIZE_MAX)
            assert_slice(slice_after(s, cases[i].from), cases[i].out);
    }
    assert_null(slice_sub(slice_str(NULL), 0, 0).ptr); // absent stays absent
    assert_non_null(slice_after(SLICE("abc"), 3).ptr);
}

static void test_starts_ends(void **state)
{
    static const struct {
        const char *text, *part;
        bool starts, starts_nocase, ends;
    } cases[] = {
        {"",       "",       true,  true,  true },
        {"abc",    "",       true,  true,  true },
        {"abc",    NULL,     true,  true,  true },
        {NULL,     "",       true,  true,  true },
        {"",       "a",      false, false, false},
        {"abc",    "ab",     true,  true,  false},
        {"abc",    "AB",     false, true,  false},
        {"abc",    "bc",     false, false, true },
        {"abc",    "abc",    true,  true,  true },
        {"abc",    "abcd",   false, false, false},
        {"abc",    "zabc",   false, false, false},
        {"Bearer", "bearer", false, true,  false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice s = slice_str(cases[i].text), part = slice_str(cases[i].part);
        assert_int_equal(slice_starts(s, part), cases[i].starts);
        assert_int_equal(slice_starts_nocase(s, part), cases[i].starts_nocase);
        assert_int_equal(slice_ends(s, part), cases[i].ends);
    }
}

#define NOWHERE SIZE_MAX

static void test_find(void **state)
{
    static const struct {
        struct slice text, needle;
        size_t at, byte, last; // of the needle; of its first byte
    } cases[] = {
        {SLICE_INIT("hello"),    SLICE_INIT("l"),      2,       2,       3      },
        {SLICE_INIT("hello"),    SLICE_INIT("lo"),     3,       2,       3      },
        {SLICE_INIT("hello"),    SLICE_INIT("hello"),  0,       0,       0      },
        {SLICE_INIT("hello"),    SLICE_INIT("hello!"), NOWHERE, 0,       0      },
        {SLICE_INIT("hello"),    SLICE_INIT("x"),      NOWHERE, NOWHERE, NOWHERE},
        {SLICE_INIT(""),         SLICE_INIT("x"),      NOWHERE, NOWHERE, NOWHERE},
        {{NULL, 0},              SLICE_INIT("x"),      NOWHERE, NOWHERE, NOWHERE},
        {SLICE_INIT("aab"),      SLICE_INIT("ab"),     1,       0,       1      },
        {SLICE_INIT("a\0b\0"),   SLICE_INIT("\0b"),    1,       1,       3      },
        {SLICE_INIT("\xff\xfe"), SLICE_INIT("\xfe"),   1,       1,       1      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(slice_find_slice(cases[i].text, cases[i].needle), cases[i].at);
        assert_int_equal(slice_find(cases[i].text, cases[i].needle.ptr[0]), cases[i].byte);
        assert_int_equal(slice_find_last(cases[i].text, cases[i].needle.ptr[0]), cases[i].last);
    }
    assert_int_equal(slice_find_slice(SLICE("abc"), SLICE("")), 0);
    assert_int_equal(slice_find_slice((struct slice){0}, (struct slice){0}), 0);
}

static void test_trim(void **state)
{
    static const struct {
        const char *in, *out, *of_lines;
    } cases[] = {
        {"",             "",             ""       },
        {" ",            "",             ""       },
        {" \t \t",       "",             ""       },
        {"a",            "a",            "a"      },
        {" a",           "a",            "a"      },
        {"a ",           "a",            "a"      },
        {"\t a b \t",    "a b",          "a b"    },
        {" \na\r ",      "\na\r",        "a"      },
        {"\r\n\t a\n b", "\r\n\t a\n b", "a\n b"  },
        {"\n\r\n",       "\n\r\n",       ""       },
        {"\v\fa\v",      "\v\fa\v",      "\v\fa\v"},
        {NULL,           "",             ""       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(slice_trim(slice_str(cases[i].in)), cases[i].out);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(slice_trim_lines(slice_str(cases[i].in)), cases[i].of_lines);
    assert_int_equal(slice_trim_lines(slice_of("\0 ", 2)).len, 1);
}

static void test_cut(void **state)
{
    static const struct {
        const char *in, *before, *rest;
    } cases[] = {
        {"a,b",   "a", "b"  },
        {"a,b,c", "a", "b,c"},
        {",b",    "",  "b"  },
        {"a,",    "a", ""   },
        {",",     "",  ""   },
        {"a",     "a", ""   },
        {"",      "",  ""   },
        {NULL,    "",  ""   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice s = slice_str(cases[i].in), rest;
        assert_slice(slice_cut(s, ',', &rest), cases[i].before);
        assert_slice(rest, cases[i].rest);
        assert_slice(slice_cut(s, ',', &s), cases[i].before); // the rest may replace the whole
        assert_slice(s, cases[i].rest);
    }
}

static void test_to_u64(void **state)
{
    static const struct {
        struct slice in;
        bool ok;
        uint64_t out;
    } cases[] = {
        {SLICE_INIT("0"),                     true,  0             },
        {SLICE_INIT("007"),                   true,  7             },
        {SLICE_INIT("42"),                    true,  42            },
        {SLICE_INIT("18446744073709551615"),  true,  UINT64_MAX    },
        {SLICE_INIT("18446744073709551614"),  true,  UINT64_MAX - 1},
        {SLICE_INIT("18446744073709551616"),  false, 0             },
        {SLICE_INIT("18446744073709551620"),  false, 0             },
        {SLICE_INIT("99999999999999999999"),  false, 0             },
        {SLICE_INIT("100000000000000000000"), false, 0             },
        {SLICE_INIT(""),                      false, 0             },
        {{NULL, 0},                           false, 0             },
        {SLICE_INIT("-1"),                    false, 0             },
        {SLICE_INIT("+1"),                    false, 0             },
        {SLICE_INIT(" 1"),                    false, 0             },
        {SLICE_INIT("1 "),                    false, 0             },
        {SLICE_INIT("1.0"),                   false, 0             },
        {SLICE_INIT("1e3"),                   false, 0             },
        {SLICE_INIT("0x1"),                   false, 0             },
        {SLICE_INIT("1\0"),                   false, 0             },
        {SLICE_INIT("/"),                     false, 0             },
        {SLICE_INIT(":"),                     false, 0             },
        {SLICE_INIT("\xb1"),                  false, 0             },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t out = 0;
        if (slice_to_u64(cases[i].in, &out) != cases[i].ok || out != cases[i].out)
            fail_msg("'%.*s'", SLICE_ARG(cases[i].in));
    }
}

/* Against libc's, over texts of few letters, where much is nearly found, at the heap's borders. */
static void test_find_any(void **unused)
{
    uint64_t state = 88172645463325252u;

    (void)unused;
    for (int round = 0; round < 20000; round++) {
        char *text, needle[9];
        size_t len, needle_len;
        const char *wanted;
        struct slice s;
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        len = state % 70;
        needle_len = 1 + state / 70 % sizeof(needle);
        text = malloc(len ? len : 1);
        for (size_t i = 0; i < len; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            text[i] = (char)('a' + state % 3);
        }
        for (size_t i = 0; i < needle_len; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            needle[i] = (char)('a' + state % 2);
        }
        s = slice_of(text, len);
        wanted = len ? memmem(text, len, needle, needle_len) : NULL;
        assert_int_equal(slice_find_slice(s, slice_of(needle, needle_len)),
                         wanted ? (size_t)(wanted - text) : SIZE_MAX);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_any), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_sub),      cmocka_unit_test(test_starts_ends),
        cmocka_unit_test(test_find),     cmocka_unit_test(test_trim),
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_to_u64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
