/*
 * translate_property_test.c - what holds of every request (mapping.md 9.1 and 9.4), seen on
 * thousands of conversations: pseudo-random, the same at every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chat/rules_test_kit.h"
#include "chat/talk_test_kit.h"
#include "chat/translate.h"

#define TALKS 2000

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

static const char *const models[] = {
    "somebody",        "claude-3-7-sonnet", "claude-opus-4-6",
    "claude-opus-4-8", "claude-fable-5-1",  "gemini-2.0-flash",
    "gemini-2.5-pro",  "gemini-4-pro",      "gemma-3-27b",
    "gpt-4o",          "gpt-5.6",           "mistral-large",
    "deepseek-v4",     "kimi-k2-thinking",
};

static struct chat_target target(enum dialect d, const char *model)
{
    return (struct chat_target){
        .dialect = d, .model = slice_str(model), .gates = chat_model_find(d, slice_str(model))};
}

/* One way; false: it was refused, and `e` says why. */
static bool pass(enum dialect client, struct slice body, const struct chat_target *t,
                 struct arena *a, struct buf *out, struct err_info *e)
{
    struct chat_request r;

    return translate_read(client, body, NULL, a, &r, e) == ERR_NONE &&
           translate_write(&r, t, out, e) == ERR_NONE;
}

static void hear(enum dialect d, struct slice body, struct arena *a, struct buf *out)
{
    struct err_info e = {0};
    struct chat_request r;

    if (translate_read(d, body, NULL, a, &r, &e) != ERR_NONE)
        fail_msg("%s: %s: %.*s", dialect_name(d), e.text, SLICE_ARG(body));
    talk_hear_request(&r, out);
}

static void there_and_back(const struct talk *talk, enum dialect x, enum dialect y)
{
    struct buf body = {0}, there = {0}, back = {0}, before = {0}, after = {0};
    struct chat_target to_y = target(y, "somebody"), to_x = target(x, "somebody");
    struct err_info e = {0};
    struct arena a;

    arena_init(&a, 0);
    talk_write(talk, x, &body);
    if (!pass(x, buf_peek(&body), &to_y, &a, &there, &e) ||
        !pass(y, buf_peek(&there), &to_x, &a, &back, &e))
        fail_msg("%s to %s and back: %s\n%.*s", dialect_name(x), dialect_name(y), e.text,
                 SLICE_ARG(buf_peek(&body)));
    hear(x, buf_peek(&body), &a, &before);
    hear(x, buf_peek(&back), &a, &after);
    if (!slice_eq(buf_peek(&before), buf_peek(&after)))
        fail_msg("%s to %s and back:\n%.*s---- there\n%.*s\n---- back\n%.*s", dialect_name(x),
                 dialect_name(y), SLICE_ARG(buf_peek(&before)), SLICE_ARG(buf_peek(&there)),
                 SLICE_ARG(buf_peek(&after)));
    arena_release(&a);
    buf_release(&body);
    buf_release(&there);
    buf_release(&back);
    buf_release(&before);
    buf_release(&after);
}

static void test_there_and_back(void **state)
{
    struct talk talk;

    (void)state;
    for (uint64_t seed = 0; seed < TALKS; seed++) {
        talk_make(&talk, seed);
        for (size_t x = 0; x < ARRAY_LEN(dialects); x++) {
            for (size_t y = 0; y < ARRAY_LEN(dialects); y++)
                there_and_back(&talk, dialects[x], dialects[y]);
        }
    }
}

/* Whether it went; the rules hold if so, and a second time gives the same. */
static bool obeys(const struct talk *talk, enum dialect x, enum dialect y, const char *model)
{
    struct chat_target t = target(y, model);
    struct buf body = {0}, once = {0}, twice = {0};
    struct err_info e = {0};
    const char *wrong = NULL;
    struct arena a;
    bool went;

    arena_init(&a, 0);
    talk_write(talk, x, &body);
    went = pass(x, buf_peek(&body), &t, &a, &once, &e);
    if (went)
        wrong = rules_check(y, &a, buf_peek(&once));
    else if ((e.code != ERR_BAD_REQUEST && e.code != ERR_TOO_LARGE) || !e.text[0])
        wrong = "it is refused without a reason";
    if (went && (!pass(x, buf_peek(&body), &t, &a, &twice, &e) ||
                 !slice_eq(buf_peek(&once), buf_peek(&twice))))
        wrong = "a second time is another";
    if (wrong) {
        fprintf(stderr, "%s to %s, %s: %s\n%.*s\n----\n%.*s\n", dialect_name(x), dialect_name(y),
                model, wrong, SLICE_ARG(buf_peek(&body)), SLICE_ARG(buf_peek(&once)));
        fail();
    }
    arena_release(&a);
    buf_release(&body);
    buf_release(&once);
    buf_release(&twice);
    return went;
}

static void test_vendors_rules(void **state)
{
    size_t went = 0, all = 0;
    struct talk talk;

    (void)state;
    for (uint64_t seed = 0; seed < 2 * TALKS; seed++) {
        talk_make(&talk, seed);
        talk_spoil(&talk);
        for (size_t x = 0; x < ARRAY_LEN(dialects); x++) {
            for (size_t y = 0; y < ARRAY_LEN(dialects); y++) {
                size_t model = talk_dice(&talk, ARRAY_LEN(models));
                went += obeys(&talk, dialects[x], dialects[y], models[model]);
                all++;
            }
        }
    }
    assert_true(went > all / 2); // else nothing was seen
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_vendors_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
