/* rule_apply_test.c - what the rules that match make of a body. */
#include "policy/rule_test_kit.h"

#include "base/array.h"

#define ROW(action, path, value) \
    "{'phase':'outbound','action':'" action "','path':\"" path "\"" value "}"
#define SET(path, value, in, out, why)     {ROW("set", path, ",'value':" value), in, out, why},
#define DEFAULT(path, value, in, out, why) {ROW("default", path, ",'value':" value), in, out, why},
#define APPEND(path, value, in, out, why)  {ROW("append", path, ",'value':" value), in, out, why},
#define REMOVE(path, in, out, why)         {ROW("remove", path, ""), in, out, why},

static const struct {
    const char *rule, *in, *out, *why;
} paths[] = {
#include "policy/rule_apply_test_paths.def"
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct rule_matches m;
        struct kit_answer k;
        struct arena a;
        const char *out = paths[i].out ? paths[i].out : paths[i].in;

        arena_init(&a, 0);
        m = kit_rules(&a, paths[i].rule);
        k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, kit_quotes(&a, paths[i].in));
        if (k.e.code)
            fail_msg("%s: %s", paths[i].rule, k.e.text);
        if (!slice_eq(k.body, kit_quotes(&a, out)))
            fail_msg("%s on %s: %.*s", paths[i].rule, paths[i].in, SLICE_ARG(k.body));
        assert_string_equal(kit_why(&k), paths[i].why);
        assert_int_equal(k.result.changed, paths[i].out != NULL);
        assert_int_equal(k.result.outcome_count, 1);
        assert_int_equal(k.result.outcomes[0].changed, paths[i].out != NULL);
        assert_null(k.result.body.ptr); // one rule never needs a copy
        arena_release(&a);
    }
}

#define OUT(rest) "{'phase':'outbound'," rest "}"

/* Several rules: what they make together, and whether the text had to be written anew. */
static const struct {
    const char *why, *rules, *in, *out;
    bool is_written;
} several[] = {
    {"members of their own",
     OUT("'action':'set','path':'a','value':1") "," OUT("'action':'remove','path':'b'") "," OUT(
         "'action':'set','path':'c','value':3") "," OUT("'action':'default','path':'d','value':4"),
     "{'b':2,'a':0}",                                "{'a':1,'c':3,'d':4}",                                     false},
    {"removing all, making new",
     OUT("'action':'remove','path':'a'") "," OUT("'action':'remove','path':'b'") "," OUT(
         "'action':'set','path':'c','value':3"),
     "{'a':1,'b':2}",                                "{'c':3}",                                                 false},
    {"the same member",
     OUT("'action':'set','path':'a.x','value':1") "," OUT("'action':'set','path':'a.y','value':2"),
     "{}",                                           "{'a':{'x':1,'y':2}}",                                     true },
    {"one sees the other",
     OUT("'action':'remove','path':'a'") "," OUT("'action':'default','path':'a','value':2"),
     "{'a':1,'z':[ ]}",                              "{'z':[ ],'a':2}",                                         true },
    {"appended one by one",
     OUT("'action':'append','path':'a','value':1") "," OUT(
         "'action':'append','path':'a','value':2") "," OUT("'action':'append','path':'a','value':3"),
     "{}",                                           "{'a':[1,2,3]}",                                           true },
    {"a path, then what it led to",
     OUT("'action':'set','path':'messages[0].content','value':'aa'") "," OUT(
         "'action':'replace','pattern':'a','replacement':'b'") "," OUT("'action':'set','path':'top_p','value':1"),
     "{'messages':[{'role':'user'}]}",               "{'messages':[{'role':'user','content':'bb'}],'top_p':1}",
     true                                                                                                            },
    {"text and a member elsewhere",
     OUT("'action':'replace','pattern':'a','replacement':'b'") "," OUT(
         "'action':'set','path':'top_p','value':1"),
     "{'messages':[{'role':'user','content':'a'}]}", "{'messages':[{'role':'user','content':'b'}],'top_p':1}",  false},
};

static void test_several(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(several); i++) {
        struct rule_matches m;
        struct kit_answer k;
        struct arena a;

        arena_init(&a, 0);
        m = kit_rules(&a, several[i].rules);
        k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, kit_quotes(&a, several[i].in));
        if (!slice_eq(k.body, kit_quotes(&a, several[i].out)))
            fail_msg("%s: %.*s", several[i].why, SLICE_ARG(k.body));
        assert_int_equal(k.result.body.ptr != NULL, several[i].is_written);
        arena_release(&a);
    }
}

static void test_key_that_stands_twice(void **state)
{
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, OUT("'action':'remove','path':'a.b'"));
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE,
                  SLICE("{\"a\":{\"b\":1,\"\\u0062\":2}}"));
    assert_int_equal(k.e.code, ERR_BAD_REQUEST);
    assert_string_equal(k.e.text, "b: stands twice in one object");
    arena_release(&a);
}

static void test_headers(void **state)
{
    static const char rules[] = OUT("'action':'header','name':'anthropic-beta','value':'one'") "," OUT(
        "'action':'header','name':'x-gone'") "," OUT("'action':'header','name':'Anthropic-Beta','value':' two\\t'");
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, rules);
    k = kit_apply(&a, &m, DIALECT_ANTHROPIC, OP_GENERATE, SLICE("{}"));
    assert_false(k.result.changed);
    assert_int_equal(k.result.header_count, 2);
    assert_true(slice_eq(k.result.headers[0].name, SLICE("Anthropic-Beta")));
    assert_true(slice_eq(k.result.headers[0].value, SLICE("two")));
    assert_true(slice_eq(k.result.headers[1].name, SLICE("x-gone")));
    assert_null(k.result.headers[1].value.ptr);
    arena_release(&a);
}

static void test_model(void **state)
{
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, "{'phase':'inbound','action':'set','path':'model','value':'g\\u0070t'}");
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, SLICE("{\"model\":\"old\"}"));
    assert_true(slice_eq(k.result.model, SLICE("gpt")));
    assert_true(slice_eq(k.body, SLICE("{\"model\":\"g\\u0070t\"}")));
    k = kit_apply(&a, &m, DIALECT_GEMINI, OP_GENERATE, SLICE("{\"contents\":[]}"));
    assert_true(slice_eq(k.result.model, SLICE("gpt")));
    assert_false(k.result.changed); // it is in the path
    arena_release(&a);
}

/* A rule that would make the body far too long does nothing, and those after it still do. */
static void test_growth(void **state)
{
    struct buf body = {0}, rules = {0};
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    buf_append(&rules, SLICE("{'phase':'outbound','action':'set','path':'a[*].b','value':'"));
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&rules, 'x');
    buf_append(&rules, SLICE("'},{'phase':'outbound','action':'set','path':'c','value':1}"));
    buf_append_byte(&rules, '\0');
    buf_append(&body, SLICE("{\"a\":[{}"));
    for (int i = 0; i < 1000; i++)
        buf_append(&body, SLICE(",{}"));
    buf_append(&body, SLICE("]}"));
    m = kit_rules(&a, rules.data);
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, buf_peek(&body));
    assert_int_equal(k.body.len, buf_len(&body) + strlen(",\"c\":1"));
    assert_string_equal(kit_why(&k), "the body would become too long");
    buf_release(&body);
    buf_release(&rules);
    arena_release(&a);
}

/*
 * After so many edits the next rule begins anew: had each of its own, further in front, to move
 * all of these, a client could make a request that takes minutes.
 */
static void test_many_edits(void **state)
{
    struct buf body = {0};
    struct rule_matches m;
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    buf_append_str(&body, "{\"b\":[{}");
    for (int i = 1; i < 40000; i++)
        buf_append_str(&body, ",{}");
    buf_append_str(&body, "],\"a\":[{}");
    for (int i = 1; i < 40000; i++)
        buf_append_str(&body, ",{}");
    buf_append_str(&body, "]}");
    m = kit_rules(&a, OUT("'action':'set','path':'a[*].x','value':1") "," OUT(
                          "'action':'set','path':'b[*].x','value':1"));
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, buf_peek(&body));
    assert_int_equal(k.body.len, buf_len(&body) + 80000 * strlen("\"x\":1"));
    assert_non_null(k.result.body.ptr);
    buf_release(&body);
    arena_release(&a);
}

/* Null is a value like others, where a row can hold it. */
static void test_null(void **state)
{
    struct rule_row row = {.phase = SLICE("outbound"),
                           .action = SLICE("set"),
                           .path = SLICE("a"),
                           .value = SLICE("null")};
    const struct rule *rule;
    const struct rule_matches m = {.count = 1, .rules = &rule};
    struct err_info e = {0};
    struct kit_answer k;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    row.provider_id = row.alias_id = row.nth = ROW_NULL_INT;
    assert_int_equal(rule_compile(&row, &a, &rule, &e), ERR_NONE);
    k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, SLICE("{\"a\":1}"));
    assert_true(slice_eq(k.body, SLICE("{\"a\":null}")));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),      cmocka_unit_test(test_several),
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_key_that_stands_twice),
        cmocka_unit_test(test_model),      cmocka_unit_test(test_growth),
        cmocka_unit_test(test_many_edits), cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
