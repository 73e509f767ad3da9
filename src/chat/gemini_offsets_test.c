/* gemini_offsets_test.c - bytes and characters of text that goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/gemini_offsets.h"

static const struct {
    const char *text; // escaped
    int64_t bytes, characters;
} cases[] = {
    {"",                                                                           0,  0 },
    {"plain",                                                                      5,  5 },
    {"18 °C, clear",                                                              13, 12},
    {"°°°°°°°°°°°°°°°°°°°°x",                                  41, 21},
    {"twelve ascii then \\u00b0\\n\\ud83d\\ude00!",                                26, 22},
    {"long enough for a whole word of bits, then the sign ° and so on and so on", 74, 73},
};

/* Any cut gives the same, and every boundary goes there and back. */
static void test_offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_str(cases[i].text);

        for (size_t cut = 0; cut <= text.len; cut++) {
            struct gemini_offsets o = {0};

            if (slice_find(text, '\\') != SIZE_MAX)
                cut = text.len; // escapes come in one piece
            else if (cut < text.len && ((unsigned char)text.ptr[cut] & 0xC0) == 0x80)
                continue;
            gemini_offsets_add(&o, (struct chat_text){slice_sub(text, 0, cut), true});
            gemini_offsets_add(&o, (struct chat_text){slice_after(text, cut), true});
            assert_int_equal(o.bytes, cases[i].bytes);
            assert_int_equal(gemini_offsets_characters(&o, o.bytes), cases[i].characters);
            for (int64_t c = 0; c <= cases[i].characters; c++) {
                int64_t bytes = gemini_offsets_bytes(&o, c);
                assert_in_range(bytes, c, o.bytes);
                assert_int_equal(gemini_offsets_characters(&o, bytes), c);
            }
            assert_int_equal(gemini_offsets_characters(&o, o.bytes + 1), -1);
            assert_int_equal(gemini_offsets_bytes(&o, cases[i].characters + 1), -1);
            gemini_offsets_release(&o);
        }
    }
}

static void test_too_long(void **state)
{
    struct gemini_offsets o = {0};

    (void)state;
    while (o.bytes <= GEMINI_OFFSETS_MAX)
        gemini_offsets_add(&o, text_plain(SLICE("a hundred bytes or so, over and over again °")));
    assert_int_equal(gemini_offsets_characters(&o, 1), -1);
    assert_int_equal(gemini_offsets_bytes(&o, 1), -1);
    gemini_offsets_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
