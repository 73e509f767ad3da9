/* text_test.c - text.c against tables, and its fast ways against its slow one. */
#include "json/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define LONG_TEXT 200

static const struct {
    const char *why, *in;
    size_t len, fault;
} cases[] = {
    {"empty",                 "",                                     0, SIZE_MAX},
    {"ASCII with NUL",        "a\0b",                                 3, SIZE_MAX},
    {"all lengths",           "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, SIZE_MAX},
    {"first of two",          "\xC2\x80",                             2, SIZE_MAX},
    {"overlong two",          "\xC1\xBF",                             2, 0       },
    {"overlong NUL",          "x\xC0\x80",                            3, 1       },
    {"first of three",        "\xE0\xA0\x80",                         3, SIZE_MAX},
    {"overlong three",        "\xE0\x9F\xBF",                         3, 0       },
    {"before surrogates",     "\xED\x9F\xBF",                         3, SIZE_MAX},
    {"first surrogate",       "\xED\xA0\x80",                         3, 0       },
    {"last surrogate",        "ab\xED\xBF\xBF",                       5, 2       },
    {"after surrogates",      "\xEE\x80\x80",                         3, SIZE_MAX},
    {"last of three",         "\xEF\xBF\xBF",                         3, SIZE_MAX},
    {"first of four",         "\xF0\x90\x80\x80",                     4, SIZE_MAX},
    {"overlong four",         "\xF0\x8F\xBF\xBF",                     4, 0       },
    {"last",                  "\xF4\x8F\xBF\xBF",                     4, SIZE_MAX},
    {"beyond the last",       "\xF4\x90\x80\x80",                     4, 0       },
    {"F5",                    "\xF5\x80\x80\x80",                     4, 0       },
    {"FF",                    "a\xFF",                                2, 1       },
    {"lone continuation",     "a\x80",                                2, 1       },
    {"two cut short",         "a\xC3",                                2, 1       },
    {"three cut short",       "\xE2\x82",                             2, 0       },
    {"four cut short",        "\xF0\x9F\x98",                         3, 0       },
    {"two before ASCII",      "\xC3(",                                2, 0       },
    {"three before ASCII",    "\xE2\x82(",                            3, 0       },
    {"one continuation more", "\xC3\xA9\xA9",                         3, 2       },
};

/* Each case alone, and at every place of a text that spans several blocks. */
static void test_utf8(void **state)
{
    char text[LONG_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = cases[i].len, want = cases[i].fault;

        assert_int_equal(json_utf8_fault(slice_of(cases[i].in, len)), want);
        for (size_t at = 0; at + len <= LONG_TEXT; at++) {
            memset(text, 'x', sizeof(text));
            memcpy(text + at, cases[i].in, len);
            if (json_utf8_fault(slice_of(text, LONG_TEXT)) != (want == SIZE_MAX ? want : want + at))
                fail_msg("%s, at %zu", cases[i].why, at);
            if (json_utf8_fault(slice_of(text, at + len)) != (want == SIZE_MAX ? want : want + at))
                fail_msg("%s, at %zu at the end", cases[i].why, at);
        }
    }
}

/* By the definition: decode, and see that encoding gives the same bytes back. */
static bool is_sequence(const unsigned char *p, size_t len)
{
    static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    uint32_t rune = len == 1 ? p[0] : p[0] ^ lead[len];
    char back[4];

    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return false;
        rune = rune << 6 | (p[i] & 0x3F);
    }
    return rune < 0x110000 && !(rune >= 0xD800 && rune < 0xE000) &&
           json_utf8_put(rune, back) == len && memcmp(back, p, len) == 0;
}

/* All pairs of bytes, with all continuations that may tell something behind them. */
static void test_every_start(void **state)
{
    static const unsigned char tails[] = {0x00, 0x7F, 0x80, 0x8F, 0x90,
                                          0x9F, 0xA0, 0xBF, 0xC2, 0xFF};
    unsigned char text[80];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (unsigned n = 0; n < 65536 * ARRAY_LEN(tails); n++) {
        unsigned char p[4] = {(unsigned char)(n % 256), (unsigned char)(n / 256 % 256),
                              tails[n / 65536], 0x80};
        size_t want = 0, len;

        for (len = 1; len <= 4 && !want; len++) {
            if (is_sequence(p, len))
                want = len;
        }
        assert_int_equal(json_utf8_len(slice_of((const char *)p, 4)), want);
        memcpy(text + 30, p, 4); // across the middle of a block
        text[34] = 'x';
        if (want == 4)
            assert_int_equal(json_utf8_fault(slice_of((const char *)text, 80)), SIZE_MAX);
        else if (want == 0)
            assert_int_equal(json_utf8_fault(slice_of((const char *)text, 80)), 30);
    }
}

static void test_plain_len(void **state)
{
    static const char stops[] = {'"', '\\', '\0', '\n', 0x1F};
    char text[80];

    (void)state;
    assert_int_equal(json_plain_len(slice_of(NULL, 0)), 0);
    for (size_t len = 0; len <= sizeof(text); len++) {
        for (size_t at = 0; at <= len; at++) {
            memset(text, at % 2 ? '\x7F' : '\xE9', sizeof(text));
            if (at < len)
                text[at] = stops[at % ARRAY_LEN(stops)];
            assert_int_equal(json_plain_len(slice_of(text, len)), at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_every_start),
        cmocka_unit_test(test_plain_len),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
