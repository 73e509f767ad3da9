/* rule_test_kit.h - rules for tests, written as JSON, and what they make of a body. */
#ifndef POLICY_RULE_TEST_KIT_H
#define POLICY_RULE_TEST_KIT_H

#include "policy/rows_test.h"
#include "policy/rule.h"

/* Single quotes stand for double ones. */
static inline struct slice kit_quotes(struct arena *a, const char *text)
{
    size_t len = strlen(text);
    char *copy = arena_alloc(a, len + 1, 1);

    for (size_t i = 0; i < len; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    return slice_of(copy, len);
}

/* `rules` is the inside of a list of rows: {'phase': 'inbound', ...}, {...}. */
static inline struct row_set kit_rows(struct arena *a, const char *rules)
{
    return rows_from_json(a, (const char *)arena_printf(a, "{'rule': [%s]}", rules).ptr);
}

/* All of them match, in the order in which they are written. */
static inline struct rule_matches kit_rules(struct arena *a, const char *rules)
{
    struct row_set set = kit_rows(a, rules);
    const struct rule_row *rows = ROWS(&set, ROW_RULE, struct rule_row);
    size_t count = set.counts[ROW_RULE];
    const struct rule **all = arena_array(a, const struct rule *, count + 1);
    struct err_info e = {0};

    for (size_t i = 0; i < count; i++) {
        if (rule_compile(&rows[i], a, &all[i], &e))
            fail_msg("%s: %s", rules, e.text);
    }
    return (struct rule_matches){.count = count, .rules = all};
}

struct kit_answer {
    struct rule_result result;
    struct err_info e;
    struct slice body; // whatever the way
    bool is_spliced;   // it is edits over the text that came
};

/* What comes out is JSON, and the result says truly whether it is another text. */
static inline struct kit_answer kit_apply(struct arena *a, const struct rule_matches *m,
                                          enum dialect dialect, enum operation op,
                                          struct slice body)
{
    struct kit_answer k = {.is_spliced = false};
    struct err_info e = {0};
    struct json_splice splice;
    struct buf out = {0};

    json_splice_init(&splice, a, body);
    if (rules_apply(m, dialect, op, body, &splice, a, &k.result, &k.e))
        return k;
    json_splice_to_buf(&splice, &out);
    k.body = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    k.is_spliced = splice.count > 0;
    assert_int_equal(json_scan(k.body, NULL, 0, NULL, &e), ERR_NONE);
    assert_true(!k.result.body.ptr == (splice.text.ptr == body.ptr));
    assert_true(!k.is_spliced || !k.result.body.ptr);
    if (!k.result.changed)
        assert_true(slice_eq(k.body, body));
    return k;
}

/* The first reason that was given, or "". */
static inline const char *kit_why(const struct kit_answer *k)
{
    for (size_t i = 0; i < k->result.outcome_count; i++) {
        if (k->result.outcomes[i].why)
            return k->result.outcomes[i].why;
    }
    return "";
}

#endif
