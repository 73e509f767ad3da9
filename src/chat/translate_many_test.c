/*
 * translate_many_test.c - requests with very many of one thing cost what their length says.
 *
 * No time is asserted: work that grows with the square of the items takes minutes, and the time
 * limit of unit tests ends it.  CHAT_MANY_TIMES=1 prints what each case takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/translate.h"

#define MANY 20000
#define KEYS 9000 // of one object: JSON_MAX_KEYS is the scanner's limit

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

/* `each` stands between `head` and `tail` that many times, commas between.  # is its number, ~ a #. */
struct many {
    const char *why;
    enum dialect client;
    int count;
    const char *head, *each, *tail;
    const char *each2, *tail2; // a second list behind the first
};

static const struct many cases[] = {
#include "chat/translate_many_test.def"
};

static void append_many(struct buf *out, const char *each, int count)
{
    for (int i = 0; i < count; i++) {
        if (i)
            buf_append_byte(out, ',');
        for (const char *at = each; *at; at++) {
            if (*at == '#')
                buf_append_i64(out, i);
            else
                buf_append_byte(out, *at == '~' ? '#' : *at);
        }
    }
}

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void one(const struct many *c, struct slice body, enum dialect upstream, struct slice model)
{
    struct chat_target t = {
        .dialect = upstream, .model = model, .gates = chat_model_find(upstream, model)};
    struct chat_request request;
    struct err_info e = {0};
    struct buf out = {0};
    struct arena a;
    double began = seconds(), took;

    arena_init(&a, 0);
    if (translate_read(c->client, body, NULL, &a, &request, &e) == ERR_NONE)
        translate_write(&request, &t, &out, &e);
    arena_release(&a);
    took = seconds() - began;
    assert_true(e.code == ERR_NONE || e.code == ERR_BAD_REQUEST);
    if (getenv("CHAT_MANY_TIMES"))
        print_message("%-40s to %-16s %-14.*s %7.3f s %s\n", c->why, dialect_name(upstream),
                      SLICE_ARG(model), took, e.text);
    buf_release(&out);
}

static void test_many(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct many *c = &cases[i];
        struct buf body = {0};

        buf_append_str(&body, c->head);
        append_many(&body, c->each, c->count);
        buf_append_str(&body, c->tail);
        if (c->each2) {
            append_many(&body, c->each2, c->count);
            buf_append_str(&body, c->tail2);
        }
        for (size_t u = 0; u < ARRAY_LEN(dialects); u++)
            one(c, buf_peek(&body), dialects[u], SLICE("somebody"));
        buf_release(&body);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
