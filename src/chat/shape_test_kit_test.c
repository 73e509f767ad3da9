/* shape_test_kit_test.c - the notation says what it is meant to, and is printed as it was read. */
#include "chat/shape_test_kit.h"

static const char *const cases[] = {
    "u['hi']",
    "S['be brief' 'and kind'@1h] T[f g@5m] u['hi' image(b64:AA==,image/png)@1h]",
    "a/final['well' call(c1,f,'{}') !'no'] u[result(c1)['done' image(url:https://x/a.png)] 'so']",
    "u[error(c2,g)['no']@5m result()[]] s['be polite'] a[]",
    "a[summary('hm',anthropic:sig,,claude) raw('hm') redacted(,openai:enc,rs_1) call(,f)]",
    "a[custom(c,f,'free, text (so)') server(gemini,'{}')] u[file(openai:file-1,,'a.pdf')]",
    "u[audio(b64:AA,audio/wav) video(url:https://x/v,,,low) file(text:some words,text/plain)]",
};

static void test_prints_as_read(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        kit_read(&r, cases[i]);
        assert_string_equal(kit_print(&r, &out), cases[i]);
        arena_release(&a);
    }
    buf_release(&out);
}

static void test_escaped_text(void **state)
{
    struct buf out = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    kit_read(&r, "u[\"a\\nb\"]");
    assert_string_equal(kit_print(&r, &out), "u['a\nb']");
    chat_note(&r, "seed");
    chat_note_degraded(&r, "tools");
    assert_string_equal(kit_print_notes(&r, &out), "seed ~tools");
    arena_release(&a);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_as_read),
        cmocka_unit_test(test_escaped_text),
    };
    return cmocka_run_group_tests_name("shape_test_kit", tests, NULL, NULL);
}
