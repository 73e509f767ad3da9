/* rule_find_test.c - which rules are for a request, and in which order. */
#include "policy/rule_test_kit.h"

#include "base/array.h"

#define OUT(rest) "{'phase':'outbound','action':'remove','path':'a'" rest "}"
#define IN(rest)  "{'phase':'inbound','action':'remove','path':'a'" rest "}"

static struct rule_matches find(struct arena *a, const char *rules, const struct rule_request *q)
{
    struct rule_matches all = kit_rules(a, rules);
    const struct rule_list *lists[3] = {rule_list_new(all.rules, all.count, 7, a), NULL, NULL};

    return rules_find(lists, q, a);
}

static const struct rule_request asked = {
    .phase = RULE_OUTBOUND,
    .operation = OP_GENERATE,
    .client = DIALECT_OPENAI_CHAT,
    .upstream = DIALECT_ANTHROPIC,
    .model = SLICE_INIT("gpt-5"),
    .user = SLICE_INIT("ann"),
};

static const struct {
    const char *rule;
    bool matches;
} filters[] = {
    {OUT(""),                                                                    true },
    {OUT(",'filter':{}"),                                                        true },
    {IN(""),                                                                     false},
    {OUT(",'filter':{'models':'gpt-5'}"),                                        true },
    {OUT(",'filter':{'models':'GPT-5'}"),                                        false},
    {OUT(",'filter':{'models':['x','gpt-*']}"),                                  true },
    {OUT(",'filter':{'models':['x','y']}"),                                      false},
    {OUT(",'filter':{'operations':'generate'}"),                                 true },
    {OUT(",'filter':{'operations':['embed','image','compact','count_tokens']}"), false},
    {OUT(",'filter':{'dialects':['gemini','openai_chat']}"),                     true },
    {OUT(",'filter':{'dialects':'anthropic'}"),                                  false},
    {OUT(",'filter':{'upstream_dialects':'anthropic'}"),                         true },
    {OUT(",'filter':{'upstream_dialects':['openai_chat','openai_responses']}"),  false},
    {OUT(",'filter':{'users':'ann'}"),                                           true },
    {OUT(",'filter':{'users':['bob','a[n]?']}"),                                 true },
    {OUT(",'filter':{'users':'bob'}"),                                           false},
    {OUT(",'filter':{'users':'ann','models':'gpt-5','dialects':'openai_chat'}"), true },
    {OUT(",'filter':{'users':'bob','models':'gpt-5'}"),                          false},
    {OUT(",'filter':{'users':'ann','models':'gpt-4'}"),                          false},
};

static void test_filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct arena a;
        struct rule_matches m;

        arena_init(&a, 0);
        m = find(&a, filters[i].rule, &asked);
        if (m.count != filters[i].matches)
            fail_msg("%s: %zu", filters[i].rule, m.count);
        assert_false(m.magic_strings);
        arena_release(&a);
    }
}

/* By order, then scope, then id; a rule that several of its patterns find is there once. */
static void test_order(void **state)
{
    static const char rules[] =
        OUT(",'order':5") "," OUT(",'order':-1,'alias':1,'filter':{'models':['gpt-*','*-5']}") "," OUT(",'filter':{'users':['a*','*n']}") "," OUT(
            ",'alias':1") "," OUT(",'provider':1,'filter':{'models':'gpt-5'}") "," OUT("");
    static const int64_t expected[] = {2, 3, 6, 5, 4, 1};
    const struct rule_list *lists[3];
    struct rule_matches all, m;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    all = kit_rules(&a, rules);
    lists[0] = rule_list_new(all.rules, 3, 7, &a);
    lists[1] = rule_list_new(all.rules + 3, 3, 7, &a);
    lists[2] = rule_list_new(NULL, 0, 7, &a);
    assert_null(lists[2]);
    m = rules_find(lists, &asked, &a);
    assert_int_equal(m.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < m.count; i++)
        assert_int_equal(rule_id(m.rules[i]), expected[i]);
    arena_release(&a);
}

static void test_none(void **state)
{
    const struct rule_list *lists[3] = {NULL, NULL, NULL};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(rules_find(lists, &asked, &a).count, 0);
    assert_int_equal(a.used, 0); // and cost nothing
    arena_release(&a);
}

/* Ten thousand rules for other models and users are not looked at. */
static void test_many(void **state)
{
    struct buf rules = {0};
    struct rule_matches m;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&rules, OUT(",'filter':{'models':'model-%d'}") ",", i);
        buf_printf(&rules, OUT(",'filter':{'users':'user-%d'}") ",", i);
    }
    buf_append_str(&rules, OUT(",'filter':{'models':'gpt-5'}") "," OUT(""));
    buf_append_byte(&rules, '\0');
    m = find(&a, rules.data, &asked);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.considered, 2);
    buf_release(&rules);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
