/* embed_test.c - embeddings between OpenAI's endpoint and Gemini's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/embed.h"

/* `out` is what goes upstream, or the error; `notes` are divided by spaces. */
static const struct {
    const char *why;
    enum dialect client;
    enum err code;
    const char *body, *out, *notes;
} requests[] = {
#define REQUEST(why, client, code, body, out, notes) \
    {why, DIALECT_##client, ERR_##code, body, out, notes},
#include "chat/embed_test_requests.def"
#undef REQUEST
};

static void print_notes(const struct chat_request *r, struct buf *out)
{
    list_for_each(at, &r->notes) {
        if (buf_len(out))
            buf_append_byte(out, ' ');
        buf_append(out, list_entry(at, struct chat_note, link)->field);
    }
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct buf out = {0}, notes = {0};
        struct err_info e = {0};
        struct chat_request r;
        struct embed embed;
        struct arena a;
        enum err code;

        arena_init(&a, 0);
        chat_request_init(&r, &a, requests[i].client);
        code = embed_write_request(&r, slice_str(requests[i].body), SLICE("m-1"), &embed, &out, &e);
        print_notes(&r, &notes);
        if (code != ERR_NONE) {
            buf_clear(&out);
            buf_append_str(&out, e.text);
        }
        if (code != requests[i].code || !slice_eq(buf_peek(&out), slice_str(requests[i].out)) ||
            !slice_eq(buf_peek(&notes), slice_str(requests[i].notes)))
            fail_msg("%s: %s\n%.*s\nnotes: %.*s", requests[i].why, err_name(code),
                     SLICE_ARG(buf_peek(&out)), SLICE_ARG(buf_peek(&notes)));
        buf_release(&out);
        buf_release(&notes);
        arena_release(&a);
    }
}

static const struct {
    const char *why;
    struct embed embed;
    enum err code;
    const char *body, *out;
    int64_t tokens;
    enum usage_source source;
} answers[] = {
#define TO_GEMINI(n, text)                                    \
    {                                                         \
        .to_gemini = true, .count = (n), .text_bytes = (text) \
    }
#define TO_GEMINI_BASE64(n)                                \
    {                                                      \
        .to_gemini = true, .count = (n), .as_base64 = true \
    }
#define TO_OPENAI(n, text)                 \
    {                                      \
        .count = (n), .text_bytes = (text) \
    }
#define TO_OPENAI_ONE              \
    {                              \
        .count = 1, .is_one = true \
    }
#define ANSWER(why, embed, code, body, out, tokens, source) \
    {why, embed, ERR_##code, body, out, tokens, USAGE_##source},
#include "chat/embed_test_answers.def"
#undef ANSWER
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        enum usage_source source;
        struct chat_usage usage;
        struct err_info e = {0};
        struct buf out = {0};
        enum err code = embed_write_answer(&answers[i].embed, slice_str(answers[i].body),
                                           SLICE("mine"), &out, &usage, &source, &e);

        if (code != ERR_NONE) {
            buf_clear(&out);
            buf_append_str(&out, e.text);
        }
        if (code != answers[i].code || !slice_eq(buf_peek(&out), slice_str(answers[i].out)))
            fail_msg("%s: %s\n%.*s", answers[i].why, err_name(code), SLICE_ARG(buf_peek(&out)));
        if (code == ERR_NONE &&
            (usage.tokens[USAGE_INPUT] != answers[i].tokens || source != answers[i].source))
            fail_msg("%s: %lld tokens, %s", answers[i].why, (long long)usage.tokens[USAGE_INPUT],
                     usage_source_name(source));
        buf_release(&out);
    }
}

/* As many as one may ask for at once. */
static void test_limits(void **state)
{
    static const struct {
        enum dialect client;
        const char *before, *each, *after;
        size_t count;
        enum err code;
    } cases[] = {
        {DIALECT_OPENAI, "{\"input\":[",    "\"a\"",                                        "]}", 100, ERR_NONE       },
        {DIALECT_OPENAI, "{\"input\":[",    "\"a\"",                                        "]}", 101, ERR_BAD_REQUEST},
        {DIALECT_GEMINI, "{\"requests\":[", "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "]}",
         2048,                                                                                         ERR_NONE       },
        {DIALECT_GEMINI, "{\"requests\":[", "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "]}",
         2049,                                                                                         ERR_BAD_REQUEST},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body = {0}, out = {0};
        struct err_info e = {0};
        struct chat_request r;
        struct embed embed;
        struct arena a;

        buf_append_str(&body, cases[i].before);
        for (size_t n = 0; n < cases[i].count; n++) {
            if (n)
                buf_append_byte(&body, ',');
            buf_append_str(&body, cases[i].each);
        }
        buf_append_str(&body, cases[i].after);
        arena_init(&a, 0);
        chat_request_init(&r, &a, cases[i].client);
        assert_int_equal(embed_write_request(&r, buf_peek(&body), SLICE("m"), &embed, &out, &e),
                         cases[i].code);
        if (cases[i].code == ERR_NONE)
            assert_int_equal(embed.count, cases[i].count);
        arena_release(&a);
        buf_release(&body);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
