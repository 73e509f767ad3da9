/* rule_talk_test.c - what rules do to the texts of conversations, in every dialect. */
#include "policy/rule_test_kit.h"

#include "base/array.h"

#define OUT(rest)                         "{'phase':'outbound'," rest "}"
#define CASE(rule, dialect, in, out, why) {OUT(rule), DIALECT_##dialect, in, out, why},

static const struct {
    const char *rule;
    enum dialect dialect;
    const char *in, *out, *why;
} cases[] = {
#include "policy/rule_talk_test.def"
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *out = cases[i].out ? cases[i].out : cases[i].in;
        struct rule_matches m;
        struct kit_answer k;
        struct arena a;

        arena_init(&a, 0);
        m = kit_rules(&a, cases[i].rule);
        k = kit_apply(&a, &m, cases[i].dialect, OP_GENERATE, kit_quotes(&a, cases[i].in));
        if (!slice_eq(k.body, kit_quotes(&a, out)))
            fail_msg("%s on %s: %.*s", cases[i].rule, cases[i].in, SLICE_ARG(k.body));
        assert_string_equal(kit_why(&k), cases[i].why);
        assert_int_equal(k.result.changed, cases[i].out != NULL);
        assert_null(k.result.body.ptr);
        arena_release(&a);
    }
}

/* Other operations have other bodies; counting has the same as generating, but for Gemini. */
static void test_operations(void **state)
{
    const struct slice body = SLICE("{\"messages\":[],\"input\":\"cat\",\"contents\":[]}");
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, OUT("'action':'system','value':'B'"));
    k = kit_apply(&a, &m, DIALECT_GEMINI, OP_EMBED, body);
    assert_string_equal(kit_why(&k), "this operation has no system prompt");
    k = kit_apply(&a, &m, DIALECT_GEMINI, OP_COUNT_TOKENS, body);
    assert_string_equal(kit_why(&k), "what is counted has no system prompt");
    k = kit_apply(&a, &m, DIALECT_ANTHROPIC, OP_COUNT_TOKENS, body);
    assert_true(k.result.changed);
    k = kit_apply(&a, &m, DIALECT_OPENAI_RESPONSES, OP_COMPACT, body);
    assert_true(k.result.changed);
    m = kit_rules(&a, OUT("'action':'replace','pattern':'cat'"));
    k = kit_apply(&a, &m, DIALECT_OPENAI_RESPONSES, OP_IMAGE, body);
    assert_string_equal(kit_why(&k), "this operation has no texts");
    arena_release(&a);
}

/* A text that would take for ever: nothing is done, also not what was done before. */
static void test_catastrophe(void **state)
{
    struct buf body = {0};
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    buf_append_str(&body, "{\"messages\":[{\"content\":\"aab\"},{\"content\":\"");
    for (int i = 0; i < 50000; i++)
        buf_append_byte(&body, 'a');
    buf_append_str(&body, "!b!\"}]}");
    m = kit_rules(&a, OUT("'action':'replace','pattern':'(a+)+b','replacement':'x'"));
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, buf_peek(&body));
    assert_false(k.result.changed);
    assert_string_equal(kit_why(&k), "the pattern takes too many steps on this text");
    buf_release(&body);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_catastrophe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
