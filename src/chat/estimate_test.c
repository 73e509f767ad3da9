/* estimate_test.c - tokens of what was seen, where nobody has said how many they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/count.h"
#include "chat/estimate.h"
#include "chat/listener.h"
#include "chat/sample.h"
#include "chat/tokens.h"

#define ENGLISH "It was the best of times, it was the worst of times, it was the age of wisdom. "
#define RUSSIAN "Все счастливые семьи похожи друг на друга, каждая несчастливая семья по-своему. "
#define CHINESE "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。"
#define HINDI   "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। "
#define CODE    "for (size_t i = 0; i < ARRAY_LEN(texts); i++) { total += texts[i].len; }\n"

static const char *const texts[] = {ENGLISH, RUSSIAN, CHINESE, HINDI, CODE};
static const char *const models[] = {"gpt-5", "gpt-4", "claude-opus-4-5", "gemini-2.5-pro", ""};

static int64_t tokens_of(const char *model, struct slice text)
{
    return tokens_count(estimate_vocabulary(slice_str(model)), text);
}

/* In pieces of `step` bytes. */
static void take(struct text_sample *s, struct slice text, size_t step)
{
    for (; text.len; text = slice_after(text, step))
        sample_add(s, slice_sub(text, 0, step), false);
}

/* What fits is counted exactly, in whatever pieces it came. */
static void test_whole(void **state)
{
    struct arena a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t m = 0; m < ARRAY_LEN(models); m++)
            for (size_t step = 1; step < 9; step += 3) {
                struct slice text = slice_str(texts[i]);
                struct text_sample s = {.arena = &a};

                arena_init(&a, 0);
                take(&s, text, step);
                assert_int_equal(sample_tokens(&s, slice_str(models[m]), (int64_t)text.len),
                                 tokens_of(models[m], text));
                arena_release(&a);
            }
}

/* Of what does not fit, the rest is taken to be like its start; memory is taken once. */
static void test_long(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct text_sample s = {0};
        struct buf text = {0};
        struct arena a;
        int64_t exact, about;
        size_t used;

        while (buf_len(&text) < 50000)
            buf_append_str(&text, texts[i]);
        arena_init(&a, 0);
        s.arena = &a;
        take(&s, slice_sub(buf_peek(&text), 0, 10), 10);
        used = a.used;
        take(&s, slice_after(buf_peek(&text), 10), 37);
        assert_int_equal(a.used, used);
        exact = tokens_of("gpt-5", buf_peek(&text));
        about = sample_tokens(&s, SLICE("gpt-5"), (int64_t)buf_len(&text));
        assert_in_range(about, exact - exact / 20, exact + exact / 20);
        arena_release(&a);
        buf_release(&text);
    }
}

/* What is shorter once its escapes are undone is no less a part of a text that goes on. */
static void test_escaped_part(void **state)
{
    struct arena a;
    struct text_sample s = {.arena = &a};
    struct buf text = {0};

    (void)state;
    arena_init(&a, 0);
    while (buf_len(&text) < 40 * SAMPLE_BYTES)
        buf_append_str(&text, "some words\\n");
    sample_add(&s, buf_peek(&text), true);
    assert_true(s.len < SAMPLE_BYTES);
    assert_true(sample_tokens(&s, SLICE("gpt-5"), (int64_t)(40 * s.len)) >
                39 * sample_tokens(&s, SLICE("gpt-5"), (int64_t)s.len));
    buf_release(&text);
    arena_release(&a);
}

/* Nothing was kept. */
static void test_none(void **state)
{
    struct text_sample s = {0};

    (void)state;
    sample_add(&s, SLICE("abcdefgh"), false);
    assert_int_equal(sample_tokens(&s, SLICE("gpt-5"), 9), 3);
    assert_int_equal(sample_tokens(&s, SLICE("gpt-5"), 0), 0);
    assert_int_equal(sample_tokens(&s, SLICE("gpt-5"), -7), 0);
}

/* Escapes are undone, those that are none do no harm. */
static void test_escapes(void **state)
{
    struct arena a;
    struct text_sample s = {.arena = &a};
    struct buf hostile = {0};

    (void)state;
    arena_init(&a, 0);
    sample_add(&s, SLICE("caf\\u00e9\\n\\\"x\\\""), true);
    assert_int_equal(s.len, 9);
    assert_memory_equal(s.bytes, "caf\xc3\xa9\n\"x\"", 9);
    while (buf_len(&hostile) < 4 * SAMPLE_BYTES)
        buf_append_str(&hostile, "\\u");
    sample_add(&s, buf_peek(&hostile), true);
    assert_in_range(s.len, SAMPLE_BYTES, 2 * SAMPLE_BYTES);
    sample_add(&s, buf_peek(&hostile), true);
    assert_in_range(s.len, SAMPLE_BYTES, 2 * SAMPLE_BYTES);
    assert_true(sample_tokens(&s, SLICE("gpt-5"), INT64_MAX) > 0);
    buf_release(&hostile);
    arena_release(&a);
}

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI

static const struct {
    enum dialect dialect;
    const char *body;
} bodies[] = {
    {C, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" ENGLISH "\"}]}"},
    {R, "{\"model\":\"m\",\"input\":\"" ENGLISH "\"}"                                     },
    {A, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"" //
     ENGLISH "\"}]}"                                                               },
    {G, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" ENGLISH "\"}]}]}"     },
};

/* One text is as many tokens in every dialect, and a little around it. */
static void test_input(void **state)
{
    struct slice text = slice_str(ENGLISH);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (size_t m = 0; m < ARRAY_LEN(models); m++) {
            struct arena a;
            int64_t tokens;

            arena_init(&a, 0);
            tokens = estimate_input(bodies[i].dialect, OP_GENERATE, slice_str(bodies[i].body),
                                    slice_str(models[m]), NULL, &a);
            if (tokens_have(TOKENS_O200K))
                assert_int_equal(tokens, tokens_of(models[m], text) + COUNT_MESSAGE + COUNT_REPLY);
            else
                assert_int_equal(tokens, tokens_of("", text) + COUNT_MESSAGE_OTHER);
            arena_release(&a);
        }
}

/* Of a long request not all is counted, and the rest is like it. */
static void test_long_input(void **state)
{
    struct buf body = {0};
    struct arena a;
    int64_t tokens, exact;

    (void)state;
    arena_init(&a, 0);
    buf_append_str(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    while (buf_len(&body) < 6 * ESTIMATE_EXACT_BYTES)
        buf_append_str(&body, RUSSIAN);
    exact = tokens_of("gpt-5", slice_after(buf_peek(&body), 40));
    buf_append_str(&body, "\"}]}");
    tokens = estimate_input(C, OP_GENERATE, buf_peek(&body), SLICE("gpt-5"), NULL, &a);
    assert_in_range(tokens, exact - exact / 50, exact + exact / 50 + 20);
    buf_release(&body);
    arena_release(&a);
}

/* What cannot be read, or is too long to be, is taken to be like its pieces. */
static void test_sampled(void **state)
{
    struct buf body = {0};
    struct arena a;
    int64_t tokens, exact;

    (void)state;
    arena_init(&a, 0);
    tokens = estimate_input(C, OP_GENERATE, SLICE("{\"messages\":7,\"x\":\"some words\"}"),
                            SLICE("gpt-5"), NULL, &a);
    assert_in_range(tokens, 5, 16);
    tokens = estimate_input(DIALECT_OPENAI, OP_EMBED, SLICE("{\"input\":[\"one\",\"two three\"]}"),
                            SLICE("text-embedding-3-small"), NULL, &a);
    assert_in_range(tokens, 5, 16);

    buf_append_str(&body,
                   "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"");
    while (buf_len(&body) < 3 * ESTIMATE_WHOLE_BYTES)
        buf_append_str(&body, RUSSIAN);
    exact = (int64_t)buf_len(&body) / (int64_t)strlen(RUSSIAN) * tokens_of("gpt-5", SLICE(RUSSIAN));
    buf_append_str(&body,
                   "\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    for (size_t i = 0; i < 2 * ESTIMATE_WHOLE_BYTES; i++)
        buf_append_byte(&body, 'A');
    buf_append_str(&body, "\"}}]}]}");
    tokens = estimate_input(C, OP_GENERATE, buf_peek(&body), SLICE("gpt-5"), NULL, &a);
    assert_in_range(tokens, exact - exact / 5, exact + exact / 5 + 2000);
    assert_true(a.used < ESTIMATE_WHOLE_BYTES);
    buf_release(&body);
    arena_release(&a);
}

/* Text is as many tokens in escapes. */
static void test_escaped_input(void **state)
{
    struct buf plain = {0}, escaped = {0};
    struct arena a;
    int64_t tokens;

    (void)state;
    arena_init(&a, 0);
    buf_append_str(&plain, "{\"input\":\"");
    buf_append_str(&escaped, "{\"input\":\"");
    while (buf_len(&plain) < 2 * ESTIMATE_WHOLE_BYTES) {
        buf_append_str(&plain, "\xe5\xa4\xa9\xe5\x9c\xb0");
        buf_append_str(&escaped, "\\u5929\\u5730");
    }
    buf_append_str(&plain, "\"}");
    buf_append_str(&escaped, "\"}");
    tokens = estimate_input(R, OP_GENERATE, buf_peek(&plain), SLICE("gpt-5"), NULL, &a);
    assert_in_range(estimate_input(R, OP_GENERATE, buf_peek(&escaped), SLICE("gpt-5"), NULL, &a),
                    tokens - tokens / 10, tokens + tokens / 10);
    buf_release(&plain);
    buf_release(&escaped);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_long),
        cmocka_unit_test(test_none),          cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escaped_part),  cmocka_unit_test(test_input),
        cmocka_unit_test(test_sampled),       cmocka_unit_test(test_long_input),
        cmocka_unit_test(test_escaped_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
