/* tokens_test.c - tokens, counted and estimated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/tokens.h"
#include "chat/tokens_merge.h"

/* Texts and how many tokens they are. */
static const struct {
    const char *why;
    struct slice text;
    int64_t o200k, cl100k;
} cases[] = {
#define CASE(why, text, o200k, cl100k) {why, SLICE_INIT(text), o200k, cl100k},
#include "chat/tokens_test.def"
#undef CASE
};

/* The same many times over; no piece is longer than TOKENS_MERGE_BYTES. */
static const struct {
    struct slice text;
    int times;
    int64_t o200k, cl100k;
} repeats[] = {
    {SLICE_INIT("a"),          2000, 250,  250 },
    {SLICE_INIT(" "),          2000, 17,   16  },
    {SLICE_INIT("="),          2000, 31,   31  },
    {SLICE_INIT("中"),        600,  600,  600 },
    {SLICE_INIT("-+"),         1000, 129,  129 },
    {SLICE_INIT("xyzzyplugh"), 200,  800,  800 },
    {SLICE_INIT("ab cd\n"),    3000, 9000, 9000},
    {SLICE_INIT("1"),          1999, 667,  667 },
    {SLICE_INIT("é"),         1000, 1000, 1000},
    {SLICE_INIT("\u0301"),     900,  900,  900 },
    {SLICE_INIT("ACAB"),       500,  1000, 1000},
};

static void expect(enum tokens_vocabulary v, struct slice text, int64_t wanted, const char *why)
{
    if (tokens_have(v) && tokens_count(v, text) != wanted)
        fail_msg("%s (%d): %lld tokens, not %lld", why, v, (long long)tokens_count(v, text),
                 (long long)wanted);
}

static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(TOKENS_O200K, cases[i].text, cases[i].o200k, cases[i].why);
        expect(TOKENS_CL100K, cases[i].text, cases[i].cl100k, cases[i].why);
    }
}

static void test_repeats(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(repeats); i++) {
        struct buf text = {0};

        for (int n = 0; n < repeats[i].times; n++)
            buf_append(&text, repeats[i].text);
        expect(TOKENS_O200K, buf_peek(&text), repeats[i].o200k, repeats[i].text.ptr);
        expect(TOKENS_CL100K, buf_peek(&text), repeats[i].cl100k, repeats[i].text.ptr);
        buf_release(&text);
    }
}

/* Bytes that are no text are counted too, and none beyond them is looked at. */
static void test_any_bytes(void **state)
{
    static const char odd[] =
        "\xff\xc3\xe4\xb8 \xf0\x9f\x91 'l\xe4\xb8\xad\xed\xa0\x80\xc0\xaf'\xc5";

    (void)state;
    for (size_t from = 0; from < sizeof(odd); from++) {
        for (size_t len = 1; from + len <= sizeof(odd) - 1; len++) {
            struct buf copy = {0};
            int64_t n;

            buf_append(&copy, slice_of(odd + from, len));
            for (int v = TOKENS_NONE; v <= TOKENS_CL100K; v++) {
                n = tokens_count((enum tokens_vocabulary)v, buf_peek(&copy));
                assert_true(n > 0 && n <= (int64_t)len);
            }
            buf_release(&copy);
        }
    }
}

/* One unbroken run is merged in parts: a few tokens more, and no more steps than bytes. */
static void test_long_run(void **state)
{
    const size_t len = 100 * TOKENS_MERGE_BYTES;
    struct buf run = {0};
    int64_t n;

    (void)state;
    memset(buf_reserve(&run, len), 'a', len);
    buf_grew(&run, len);
    n = tokens_count(TOKENS_O200K, buf_peek(&run));
    if (tokens_have(TOKENS_O200K)) // eight letters each, where it is merged as one
        assert_in_range(n, len / 8, len / 8 + 100);
    buf_release(&run);
}

/* What stands beyond the limit is taken to be like what stands before it. */
static void test_beyond_limit(void **state)
{
    const struct slice line = SLICE("one two three four five six seven eight\n");
    struct buf text = {0};
    int64_t whole, four;

    (void)state;
    while (buf_len(&text) < TOKENS_EXACT_BYTES)
        buf_append(&text, line);
    whole = tokens_count(TOKENS_O200K, slice_sub(buf_peek(&text), 0, TOKENS_EXACT_BYTES));
    while (buf_len(&text) < 4 * TOKENS_EXACT_BYTES)
        buf_append(&text, line);
    four = tokens_count(TOKENS_O200K, slice_sub(buf_peek(&text), 0, 4 * TOKENS_EXACT_BYTES));
    assert_true(four == 4 * whole);
    buf_release(&text);
}

static void test_estimate(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate(0), 0);
    assert_int_equal(tokens_estimate(1), 1);
    assert_int_equal(tokens_estimate(8), 2);
    assert_int_equal(tokens_estimate(9), 3);
    assert_true(tokens_estimate(INT64_MAX) == INT64_MAX / 4 + 1);
    assert_false(tokens_have(TOKENS_NONE));
    assert_int_equal(tokens_count(TOKENS_NONE, SLICE("")), 0);
    assert_int_equal(tokens_count(TOKENS_NONE, SLICE("antidisestablishment")), 5);
    if (!tokens_have(TOKENS_O200K)) // the same where there is none in the binary
        assert_int_equal(tokens_count(TOKENS_O200K, SLICE("antidisestablishment")), 5);
    assert_true(tokens_have(TOKENS_O200K) == tokens_have(TOKENS_CL100K));
}

static const struct {
    const char *model;
    enum tokens_vocabulary vocabulary;
} models[] = {
    {"gpt-4o",                             TOKENS_O200K },
    {"gpt-4o-mini-2024-07-18",             TOKENS_O200K },
    {"gpt-4.1",                            TOKENS_O200K },
    {"GPT-5.4-mini",                       TOKENS_O200K },
    {"gpt-oss-120b",                       TOKENS_O200K },
    {"gpt-6-sol",                          TOKENS_O200K },
    {"openai/gpt-5",                       TOKENS_O200K },
    {"ft:gpt-4o-2024-08-06:acme::1",       TOKENS_O200K },
    {"ft:gpt-3.5-turbo-0125:acme::1",      TOKENS_CL100K},
    {"chatgpt-4o-latest",                  TOKENS_O200K },
    {"codex-mini-latest",                  TOKENS_O200K },
    {"computer-use-preview",               TOKENS_O200K },
    {"o1",                                 TOKENS_O200K },
    {"o3-mini",                            TOKENS_O200K },
    {"o4-mini-deep-research",              TOKENS_O200K },
    {"gpt-4",                              TOKENS_CL100K},
    {"gpt-4-turbo-2024-04-09",             TOKENS_CL100K},
    {"gpt-3.5-turbo",                      TOKENS_CL100K},
    {"gpt-35-turbo",                       TOKENS_CL100K},
    {"text-embedding-3-small",             TOKENS_CL100K},
    {"",                                   TOKENS_NONE  },
    {"o",                                  TOKENS_NONE  },
    {"o3x",                                TOKENS_NONE  },
    {"olmo-2",                             TOKENS_NONE  },
    {"claude-opus-5-5",                    TOKENS_NONE  },
    {"gemini-3-pro",                       TOKENS_NONE  },
    {"openai/",                            TOKENS_NONE  },
    {"deepseek-ai/DeepSeek-V4-Flash-1107", TOKENS_NONE  },
};

static void test_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (tokens_vocabulary_for(slice_str(models[i].model)) != models[i].vocabulary)
            fail_msg("%s: %d", models[i].model,
                     (int)tokens_vocabulary_for(slice_str(models[i].model)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),       cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_any_bytes),    cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_beyond_limit), cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_models),
    };

    if (!tokens_have(TOKENS_O200K))
        print_message("built without vocabularies: counts are not compared\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
