/* usage_read_test.c - figures of upstreams that lie are bent until they make sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/peek.h"
#include "chat/usage_read.h"

typedef bool read_fn(struct slice object, struct chat_usage *usage);

/* What stands for the figure is '#'; the others are sane. */
static const struct {
    read_fn *read;
    const char *object;
    int64_t input, output; // the sane whole, where the figure is a part of it; -1: it is none
} shapes[] = {
#define SHAPE(read, object, input, output) {read, object, input, output},
#include "chat/usage_read_test.def"
#undef SHAPE
};

static const char *const values[] = {
    "-1",
    "-9223372036854775808",
    "1e300",
    "-1e300",
    "0.5",
    "12.99",
    "9223372036854775807",
    "1e-300",
    "18446744073709551616",
    "\"12\"",
    "\"-5\"",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[1]]]]",
    "\"\"",
    "\"x\"",
    "1e99999999999",
    "99999999999999999999",
};

static struct slice filled(const char *object, const char *value, struct buf *out)
{
    buf_clear(out);
    for (; *object; object++) {
        if (*object == '#')
            buf_append_str(out, value);
        else
            buf_append_byte(out, *object);
    }
    return buf_peek(out);
}

static int64_t input_of(const int64_t *tokens)
{
    int64_t sum = 0;

    for (int i = USAGE_INPUT; i <= USAGE_IMAGE_IN; i++)
        sum += tokens[i];
    return sum;
}

static int64_t output_of(const int64_t *tokens)
{
    return tokens[USAGE_OUTPUT] + tokens[USAGE_AUDIO_OUT] + tokens[USAGE_IMAGE_OUT];
}

static void test_hostile(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            struct slice object = filled(shapes[i].object, values[v], &text);
            struct chat_usage usage = {0};

            assert_true(shapes[i].read(object, &usage));
            for (int k = 0; k < USAGE_KIND_COUNT; k++)
                if (usage.tokens[k] < 0 || usage.tokens[k] > PEEK_COUNT_MAX)
                    fail_msg("%.*s", SLICE_ARG(object));
            if (usage.tokens[USAGE_REASONING] > usage.tokens[USAGE_OUTPUT] ||
                (shapes[i].input >= 0 && input_of(usage.tokens) != shapes[i].input) ||
                (shapes[i].output >= 0 && output_of(usage.tokens) != shapes[i].output))
                fail_msg("%.*s", SLICE_ARG(object));
        }
    buf_release(&text);
}

/* What is no object with a figure leaves everything as it was. */
static void test_none(void **state)
{
    static read_fn *const readers[] = {usage_read_openai, usage_read_images, usage_read_anthropic,
                                       usage_read_gemini};
    static const char *const nothing[] = {
        "", "null", "[]", "7", "\"x\"", "{}", "{\"x\":{\"y\":[1]}}", "[[", "{\"", "{"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        for (size_t n = 0; n < ARRAY_LEN(nothing); n++) {
            struct chat_usage usage = {
                .tokens = {[USAGE_INPUT] = 5, [USAGE_REASONING] = 1}
            };

            assert_false(readers[i](slice_str(nothing[n]), &usage));
            assert_int_equal(usage.tokens[USAGE_INPUT], 5);
            assert_int_equal(usage.tokens[USAGE_REASONING], 1);
        }
}

static void test_searches(void **state)
{
    static const struct {
        const char *model;
        int64_t queries, billed;
    } cases[] = {
        {"gemini-2.5-pro",                     3, 1},
        {"models/gemini-1.5-flash",            3, 1},
        {"publishers/google/gemini-2.0-flash", 0, 0},
        {"gemini-3-pro-preview",               3, 3},
        {"gemini-3.1-flash",                   1, 1},
        {"",                                   2, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(usage_gemini_searches(slice_str(cases[i].model), cases[i].queries),
                         cases[i].billed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_searches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
