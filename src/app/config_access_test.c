/* config_access_test.c - what users may do and spend, and rules, in the configuration file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "base/array.h"
#include "base/money.h"
#include "base/random.h"

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    return !strcmp(name, "ALICE_KEY") ? "alice-key-1" : "from-the-environment";
}

static const struct yaml_variables variables = {variable, NULL};

struct fixture {
    struct arena arena;
    struct problems problems;
    struct config *config;
    char *said;
};

static void parse(struct fixture *f, const char *text, unsigned flags)
{
    size_t len = 0;
    FILE *out;

    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 0);
    f->problems = (struct problems){.file = "f", .arena = &f->arena};
    f->config = config_parse(slice_str(text), &variables, flags, &f->problems);
    if (!f->problems.errors)
        config_warn(f->config);
    out = open_memstream(&f->said, &len);
    problems_print(&f->problems, out);
    fclose(out);
}

static void end(struct fixture *f)
{
    free(f->said);
    arena_release(&f->arena);
}

/* The example of the documentation, whole. */
static const char example[] =
    "config: { mode: managed }\n"
    "server: { host: 0.0.0.0, port: 8787 }\n"
    "providers:\n"
    "  - name: openai\n"
    "    channel: openai\n"
    "    settings: { base_url: \"https://api.openai.com\" }\n"
    "    credentials:\n"
    "      - { label: main, secret: { api_key: \"${OPENAI_API_KEY}\" }, weight: 100 }\n"
    "    models:\n"
    "      - { id: gpt-5.4-mini, price: { input: \"0.75\", output: \"4.50\", cache_read: \"0.075\" } "
    "}\n"
    "  - { name: groq, channel: groq, credentials: [ { secret: { api_key: \"${GROQ_API_KEY}\" } } "
    "], models: [ { id: llama-4 } ] }\n"
    "aliases:\n"
    "  - name: fast\n"
    "    strategy: failover\n"
    "    targets: [ { provider: openai, model: gpt-5.4-mini, tier: 0 }, { provider: groq, model: "
    "llama-4, tier: 1 } ]\n"
    "users:\n"
    "  - name: alice\n"
    "    admin: true\n"
    "    password: \"${ALICE_PASSWORD}\"\n"
    "    keys:\n"
    "      - { label: laptop, key: \"${ALICE_KEY}\", expires_at: \"2027-01-01T00:00:00Z\" }\n"
    "    permissions: [ { models: \"*\" }, { provider: groq, models: \"llama-*\" } ]\n"
    "    rate_limits: [ { models: \"gpt-*\", rpm: 60, tpm: 200000, max_concurrent: 8 } ]\n"
    "    quota: { usd: \"25.00\", period: month }\n"
    "rules:\n"
    "  - { scope: provider/openai, phase: outbound, action: set, path: "
    "\"stream_options.include_usage\", value: true }\n"
    "settings: { request_log: { downstream: metadata }, retention: { days: 30 } }\n";

static void test_example(void **state)
{
    const struct rate_limit_row *limit;
    const struct quota_row *quota;
    const struct rule_row *rule;
    struct fixture f;

    (void)state;
    parse(&f, example, 0);
    if (f.problems.errors)
        fail_msg("%s", f.said);
    limit = f.config->rows[ROW_RATE_LIMIT]->row;
    assert_ptr_equal(f.config->rows[ROW_RATE_LIMIT]->parent, f.config->rows[ROW_USER]);
    assert_true(slice_eq(limit->models, SLICE("gpt-*")));
    assert_int_equal(limit->rpm, 60);
    assert_int_equal(limit->rpd, ROW_NULL_INT);
    assert_int_equal(limit->max_concurrent, 8);
    quota = f.config->rows[ROW_QUOTA]->row;
    assert_int_equal(quota->usd_nusd, 25 * NUSD_PER_USD);
    assert_true(slice_eq(quota->period, SLICE("month")));
    rule = f.config->rows[ROW_RULE]->row;
    assert_true(slice_eq(f.config->rows[ROW_RULE]->provider.name, SLICE("openai")));
    assert_true(slice_eq(rule->value, SLICE("true")));
    assert_int_equal(rule->ordinal, 0);
    assert_true(f.config->sections & 1U << ROW_RULE);
    assert_false(f.config->sections & 1U << ROW_QUOTA);
    end(&f);
}

/* Rules of both places stand in the order of the file; null is a value of rules alone. */
static void test_orders(void **state)
{
    static const char text[] =
        "rules:\n"
        "- {phase: inbound, action: set, path: a, value: null, label: null}\n"
        "- {phase: inbound, action: set, path: b, value: 2, order: -7, scope: global}\n"
        "aliases:\n"
        "- {name: x, rules: [{phase: inbound, action: set, path: c, value: 3}]}\n"
        "- {name: y, rules: [{phase: outbound, action: set, path: d, value: 4}]}\n";
    static const int64_t orders[] = {0, -7, 0, 0};
    const struct config_row *r;
    struct fixture f;

    (void)state;
    parse(&f, text, 0);
    if (f.problems.errors)
        fail_msg("%s", f.said);
    r = f.config->rows[ROW_RULE];
    assert_true(slice_eq(((const struct rule_row *)r->row)->value, SLICE("null")));
    assert_null(((const struct rule_row *)r->row)->label.ptr);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++, r = r->next) {
        assert_non_null(r);
        assert_int_equal(((const struct rule_row *)r->row)->ordinal, orders[i]);
        assert_int_equal(r->parent != NULL, i >= 2);
    }
    assert_null(r);
    end(&f);
}

/* Each is one line: what is expected, and the whole of it. */
static const struct {
    const char *why, *in, *out;
} cases[] = {
#include "app/config_access_test.def"
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].in, 0);
        if (strcmp(f.said, cases[i].out) != 0)
            fail_msg("%s: %s\n%s", cases[i].why, cases[i].in, f.said);
        end(&f);
    }
}

/* Every cut of all of it, and changes of single bytes: rows or problems, nothing else. */
static void test_cuts_and_changes(void **state)
{
    static const char more[] =
        "prices: [{models: 'x*', provider: openai, price: {input: 1, per_call: '0.1'}}]\n"
        "aliases: [{name: b, price: {}, rules: [{phase: outbound, action: remove, path: 'a[*].b'}]}]\n"
        "users: [{name: v, keys: [{label: k, quota: [{usd: 1}], rate_limits: [{tpd: 1}]}],\n"
        "  file_permissions: [{provider: openai}]}]\n"
        "rules: [{alias: b, phase: inbound, action: replace, pattern: 'a(b)', replacement: $1,\n"
        "  filter: {users: v, models: ['*', x]}}]\n";
    static const char marks[] = "{}[]:,-&*!|>'\"%#\n \t\\$~?@`x1/\xff"; // and NUL, which ends it
    const char *const texts[] = {example, more};
    struct random random;

    (void)state;
    random_seed(&random, (const uint64_t[4]){1, 2, 3, 4});
    for (size_t i = 0; i < 2 * (sizeof(example) + 1000); i++) {
        const char *text = texts[i % 2];
        size_t len = strlen(text), cut = i / 2 < len ? i / 2 : len;
        char *copy = strndup(text, cut); // so that reading beyond is seen
        struct fixture f;
        for (int change = 0; cut == len && change < 3; change++)
            copy[random_below(&random, len)] = marks[random_below(&random, sizeof(marks))];
        parse(&f, copy, 0);
        assert_non_null(f.config);
        end(&f);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cuts_and_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
