/* rule_cache_test.c - marks on the prompts of Anthropic's upstreams. */
#include "policy/rule_test_kit.h"

#include "base/array.h"

#define CASE(rules, in, out, why) {rules, in, out, why},

static const struct {
    const char *rules, *in, *out, *why;
} breakpoints[] = {
#include "policy/rule_cache_test.def"
};

#undef CASE
#define CASE(in, out, why) {in, out, why},

static const struct {
    const char *in, *out, *why;
} magic[] = {
#include "policy/rule_magic_test.def"
};

static void check(struct arena *a, const struct rule_matches *m, const char *in, const char *out,
                  const char *why)
{
    struct kit_answer k = kit_apply(a, m, DIALECT_ANTHROPIC, OP_GENERATE, kit_quotes(a, in));

    if (!slice_eq(k.body, kit_quotes(a, out ? out : in)))
        fail_msg("%s: %.*s", in, SLICE_ARG(k.body));
    if (strcmp(kit_why(&k), why) != 0)
        fail_msg("%s: %s", in, kit_why(&k));
    assert_int_equal(k.result.changed, out != NULL);
    assert_null(k.result.body.ptr);
}

static void test_breakpoints(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(breakpoints); i++) {
        struct rule_matches m;
        struct arena a;

        arena_init(&a, 0);
        m = kit_rules(&a, breakpoints[i].rules);
        check(&a, &m, breakpoints[i].in, breakpoints[i].out, breakpoints[i].why);
        arena_release(&a);
    }
}

static void test_magic(void **state)
{
    const struct rule_matches m = {.magic_strings = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(magic); i++) {
        struct arena a;

        arena_init(&a, 0);
        check(&a, &m, magic[i].in, magic[i].out, magic[i].why);
        arena_release(&a);
    }
}

/* What rules see has been through the magic strings. */
static void test_order(void **state)
{
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(
        &a, CP("'target':'system'") "," CP(
                "'target':'messages'") ","
                                       "{'phase':'outbound','action':'system','value':'more'}");
    m.magic_strings = true;
    k = kit_apply(&a, &m, DIALECT_ANTHROPIC, OP_GENERATE,
                  kit_quotes(&a, "{'system':'" AUTO "s','messages':[{'content':'a'}]}"));
    assert_true(slice_eq(k.body, kit_quotes(&a, "{'system':[" TM("s", MARK) "," T(
                                                    "more") "],'messages':["
                                                            "{'content':[" TM("a", MARK) "]}]}")));
    assert_int_equal(k.result.outcome_count, 4);
    assert_null(k.result.outcomes[0].rule);
    assert_true(slice_eq(rule_describe(NULL, &a), SLICE("magic strings")));
    arena_release(&a);
}

static void test_other_dialects(void **state)
{
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, CP("'target':'messages'"));
    m.magic_strings = true;
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE,
                  kit_quotes(&a, "{'messages':[{'role':'user','content':'a" AUTO "'}]}"));
    assert_false(k.result.changed);
    k = kit_apply(&a, &m, DIALECT_ANTHROPIC, OP_EMBED, SLICE("{\"messages\":[]}"));
    assert_string_equal(kit_why(&k), "the upstream speaks another dialect, or has no prompt");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breakpoints),
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_other_dialects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
