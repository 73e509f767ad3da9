/* rule_test.c - rules out of their rows. */
#include "policy/rule_test_kit.h"

#include "base/array.h"

#define CASE(rule, error) {"{" rule "}", error},

static const struct {
    const char *rule, *error;
} cases[] = {
#include "policy/rule_test.def"
};

static void test_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct row_set set;
        struct arena a;

        arena_init(&a, 0);
        set = kit_rows(&a, cases[i].rule);
        row_validate(ROW_RULE, set.rows[ROW_RULE], &e);
        if (strcmp(e.text, cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].rule, e.text);
        assert_int_equal(e.code, cases[i].error ? ERR_BAD_REQUEST : ERR_NONE);
        arena_release(&a);
    }
}

/* A value so deep that no body could hold it is refused, not met in traffic. */
static void test_depth(void **state)
{
    struct rule_row row = {
        .phase = SLICE("outbound"), .action = SLICE("set"), .path = SLICE("a.b")};
    struct err_info e = {0};
    struct buf value = {0};

    (void)state;
    row.provider_id = row.alias_id = row.nth = ROW_NULL_INT;
    for (int i = 0; i < 98; i++)
        buf_append_byte(&value, '[');
    for (int i = 0; i < 98; i++)
        buf_append_byte(&value, ']');
    row.value = buf_peek(&value);
    assert_int_equal(rule_check(&row, &e), ERR_NONE);
    row.path = SLICE("a.b.c");
    assert_int_equal(rule_check(&row, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.text, "value: is nested too deeply");
    buf_release(&value);
}

static void test_describe(void **state)
{
    static const char rules[] =
        "{'phase':'outbound','action':'set','path':'a[0].b','value':1,'label':'strict mode'},"
        "{'phase':'outbound','action':'replace','pattern':'x'},"
        "{'phase':'outbound','action':'header','name':'x-y'},"
        "{'phase':'outbound','action':'cache_breakpoint','target':'top_level'}";
    static const char *const expected[] = {"rule 1 (strict mode): set a[0].b", "rule 2: replace",
                                           "rule 3: header x-y",
                                           "rule 4: cache_breakpoint top_level"};
    struct rule_matches m;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    m = kit_rules(&a, rules);
    for (size_t i = 0; i < m.count; i++)
        assert_true(slice_eq(rule_describe(m.rules[i], &a), slice_str(expected[i])));
    arena_release(&a);
}

/* ---- in the snapshot ---- */

struct complaints {
    char text[1024];
};

static void on_complaint(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    struct complaints *c = ctx;
    size_t at = strlen(c->text);

    snprintf(c->text + at, sizeof(c->text) - at, "%s %lld: %s\n", row_kind(type)->table,
             (long long)id, reason);
}

static size_t count(const struct rule_list *list, enum rule_phase phase, struct arena *a)
{
    const struct rule_request q = {.phase = phase, .model = SLICE("m"), .user = SLICE("u")};
    const struct rule_list *lists[3] = {NULL, list, NULL};

    return rules_find(lists, &q, a).count;
}

static void test_snapshot(void **state)
{
    static const char rows[] =
        "{'provider':[{'name':'p','channel':'echo'},{'name':'off','channel':'echo','enabled':false},"
        "{'name':'m','channel':'anthropic','settings':{'magic_strings':true}}],"
        "'alias':[{'name':'fast'},{'name':'slow'}],"
        "'rule':[{'phase':'inbound','action':'remove','path':'a'},"
        "{'phase':'outbound','action':'remove','path':'a'},"
        "{'phase':'outbound','action':'remove','path':'a','provider':1},"
        "{'phase':'inbound','action':'remove','path':'a','alias':1},"
        "{'phase':'inbound','action':'remove','path':'b','alias':1},"
        "{'phase':'inbound','action':'remove','path':'b','alias':1,'enabled':false},"
        "{'phase':'outbound','action':'remove','path':'a','provider':2},"
        "{'phase':'outbound','action':'remove','path':'a','provider':7},"
        "{'phase':'outbound','action':'remove','path':'a['}]}";
    struct policy_state *policy = policy_state_new();
    struct complaints complaints = {""};
    const struct provider *p;
    const struct alias *fast, *slow;
    struct snapshot *s;
    struct row_set set;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    set = rows_from_json(&a, rows);
    s = snapshot_build(&set, policy, 1, 7, on_complaint, &complaints);
    p = table_get(&s->providers, SLICE("p"));
    fast = table_get(&s->aliases, SLICE("fast"));
    slow = table_get(&s->aliases, SLICE("slow"));
    assert_int_equal(count(s->rules, RULE_INBOUND, &a), 1);
    assert_int_equal(count(s->rules, RULE_OUTBOUND, &a), 1);
    assert_int_equal(count(p->rules, RULE_OUTBOUND, &a), 1);
    assert_int_equal(count(fast->rules, RULE_INBOUND, &a), 2);
    assert_null(slow->rules);
    assert_false(p->magic_strings);
    p = table_get(&s->providers, SLICE("m"));
    assert_true(p->magic_strings);
    assert_string_equal(complaints.text,
                        "rule 8: there is no provider 7\n"
                        "rule 9: path: character 3: expected a number, * or a key in quotes\n");
    snapshot_unref(s);
    policy_state_free(policy);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
