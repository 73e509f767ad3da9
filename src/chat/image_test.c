/* image_test.c - prompts for pictures as conversations, and the pictures in what is answered. */
#include "chat/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define G DIALECT_GEMINI
#define R DIALECT_OPENAI_RESPONSES

/* Single quotes stand for double ones. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

/* `out` is what goes upstream, or the error; `dropped` the fields that are noted. */
static const struct {
    const char *why;
    enum dialect upstream;
    const char *in, *out, *dropped;
} requests[] = {
#define REQUEST(why, upstream, in, out, dropped) {why, upstream, in, out, dropped},
#include "chat/image_test_requests.def"
#undef REQUEST
};

static struct slice notes_of(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    list_for_each(at, &r->notes) {
        if (buf_len(out))
            buf_append_byte(out, ' ');
        buf_append(out, list_entry(at, struct chat_note, link)->field);
    }
    return buf_peek(out);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct chat_target t = {.dialect = requests[i].upstream, .model = SLICE("m")};
        struct buf in = {0}, want = {0}, got = {0};
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI);
        if (image_write_request(&r, quoted(requests[i].in, &in), &t, &got, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_BAD_REQUEST);
            buf_append_str(&got, e.text);
        }
        if (!slice_eq(buf_peek(&got), quoted(requests[i].out, &want)))
            fail_msg("%s: %.*s", requests[i].why, SLICE_ARG(buf_peek(&got)));
        if (!slice_eq(notes_of(&r, &got), slice_str(requests[i].dropped)))
            fail_msg("%s: dropped %.*s", requests[i].why, SLICE_ARG(buf_peek(&got)));
        buf_release(&in);
        buf_release(&want);
        buf_release(&got);
        arena_release(&a);
    }
}

static const struct {
    const char *why;
    enum dialect upstream;
    bool has_usage;
    const char *in, *out; // or the error
} answers[] = {
#define ANSWER(why, upstream, has_usage, in, out) {why, upstream, has_usage, in, out},
#include "chat/image_test_answers.def"
#undef ANSWER
};

static void test_answers(void **state)
{
    static const struct chat_usage usage = {
        .tokens = {[USAGE_INPUT] = 5, [USAGE_CACHE_READ] = 2, [USAGE_IMAGE_OUT] = 1290}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct buf in = {0}, want = {0}, got = {0};
        struct err_info e = {0};

        if (image_write_answer(answers[i].upstream, quoted(answers[i].in, &in), 17,
                               answers[i].has_usage ? &usage : NULL, &got, &e) != ERR_NONE) {
            buf_clear(&got);
            buf_append_str(&got, e.text);
        }
        if (!slice_eq(buf_peek(&got), quoted(answers[i].out, &want)))
            fail_msg("%s: %.*s", answers[i].why, SLICE_ARG(buf_peek(&got)));
        buf_release(&in);
        buf_release(&want);
        buf_release(&got);
    }
}

/* What the tool of Responses used stands beside what the model did. */
static void test_usage(void **state)
{
    static const char answer[] =
        "{'tool_usage':{'image_gen':{'input_tokens':9,'input_tokens_details':{'image_tokens':4,"
        "'text_tokens':5},'output_tokens':1000,'total_tokens':1009}}}";
    struct chat_usage usage = {
        .tokens = {[USAGE_INPUT] = 20, [USAGE_OUTPUT] = 3}
    };
    struct buf json = {0};

    (void)state;
    image_read_usage(G, quoted(answer, &json), &usage);
    assert_int_equal(usage.tokens[USAGE_INPUT], 20);
    image_read_usage(R, buf_peek(&json), &usage);
    assert_int_equal(usage.tokens[USAGE_INPUT], 25);
    assert_int_equal(usage.tokens[USAGE_IMAGE_IN], 4);
    assert_int_equal(usage.tokens[USAGE_OUTPUT], 3);
    assert_int_equal(usage.tokens[USAGE_IMAGE_OUT], 1000);
    buf_release(&json);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
