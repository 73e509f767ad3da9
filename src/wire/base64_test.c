/* base64_test.c - bytes as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/base64.h"

/* RFC 4648, 10, and what the two alphabets differ in. */
static const struct {
    const char *bytes, *standard, *url_bare;
} cases[] = {
    {"",                 "",         ""        },
    {"f",                "Zg==",     "Zg"      },
    {"fo",               "Zm8=",     "Zm8"     },
    {"foo",              "Zm9v",     "Zm9v"    },
    {"foob",             "Zm9vYg==", "Zm9vYg"  },
    {"fooba",            "Zm9vYmE=", "Zm9vYmE" },
    {"foobar",           "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf",     "+/+/",     "-_-_"    },
    {"\xff\xff\xff\xff", "/////w==", "_____w"  },
};

static void test_both_ways(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice bytes = slice_str(cases[i].bytes);
        buf_clear(&out);
        base64_encode(bytes, BASE64_STANDARD, BASE64_PADDED, &out);
        assert_true(slice_eq(buf_peek(&out), slice_str(cases[i].standard)));
        buf_clear(&out);
        base64_encode(bytes, BASE64_URL, BASE64_BARE, &out);
        assert_true(slice_eq(buf_peek(&out), slice_str(cases[i].url_bare)));
        buf_clear(&out);
        assert_true(
            base64_decode(slice_str(cases[i].standard), BASE64_STANDARD, BASE64_PADDED, &out));
        assert_true(slice_eq(buf_peek(&out), bytes));
        buf_clear(&out);
        assert_true(base64_decode(slice_str(cases[i].url_bare), BASE64_URL, BASE64_BARE, &out));
        assert_true(slice_eq(buf_peek(&out), bytes));
    }
    buf_release(&out);
}

static const struct {
    const char *text;
    bool padded, bare, either;
} strict[] = {
    {"Zg==",      true,  false, true },
    {"Zg",        false, true,  true },
    {"Zm9v",      true,  true,  true },
    {"Zg=",       false, false, false},
    {"Zg===",     false, false, false},
    {"Z",         false, false, false},
    {"Z===",      false, false, false},
    {"=",         false, false, false},
    {"==",        false, false, false},
    {"====",      false, false, false},
    {"Zm9v=",     false, false, false},
    {"Zm9v====",  false, false, false},
    {"Zg==Zg==",  false, false, false},
    {"Zh==",      false, false, false}, /* bits left over */
    {"Zh",        false, false, false},
    {"Zm9=",      false, false, false},
    {"Zm9",       false, false, false},
    {"Zm 9v",     false, false, false},
    {"Zm9v\n",    false, false, false},
    {"Zm9v Zg==", false, false, false},
    {"Zm9-",      false, false, false}, /* the other alphabet's */
    {"Zm9\xc3",   false, false, false},
};

static void test_strict(void **state)
{
    struct buf out = {0};

    (void)state;
    buf_append_byte(&out, '.');
    for (size_t i = 0; i < ARRAY_LEN(strict); i++) {
        struct slice text = slice_str(strict[i].text);
        const bool wanted[] = {
            [BASE64_PADDED] = strict[i].padded,
            [BASE64_BARE] = strict[i].bare,
            [BASE64_EITHER] = strict[i].either,
        };
        for (unsigned p = 0; p < ARRAY_LEN(wanted); p++) {
            bool is_fine = base64_decode(text, BASE64_STANDARD, (enum base64_padding)p, &out);
            if (is_fine != wanted[p])
                fail_msg("'%s' with padding rule %u", strict[i].text, p);
            if (!is_fine)
                assert_true(slice_eq(buf_peek(&out), SLICE(".")));
            out.end = out.start + 1;
        }
    }
    assert_false(base64_decode(SLICE("A\0AA"), BASE64_STANDARD, BASE64_PADDED, &out));
    buf_release(&out);
}

static void test_every_length(void **state)
{
    struct buf text = {0}, back = {0};
    char bytes[100];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(i * 89 + len * 7);
        buf_clear(&text);
        buf_clear(&back);
        base64_encode(slice_of(bytes, len), BASE64_URL, len % 2 ? BASE64_PADDED : BASE64_BARE,
                      &text);
        assert_true(base64_decode(buf_peek(&text), BASE64_URL, BASE64_EITHER, &back));
        assert_true(slice_eq(buf_peek(&back), slice_of(bytes, len)));
    }
    buf_release(&text);
    buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
