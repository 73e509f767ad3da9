/* apply_access_test.c - limits, quotas, prices and rules: from the file, again, and out again. */
#include "app/apply_testing.h"

#include "base/array.h"
#include "base/money.h"
#include "base/random.h"

#define PROVIDERS                                                          \
    "providers:\n- {name: p, channel: echo}\n- {name: q, channel: echo}\n" \
    "aliases:\n- {name: a, targets: [{provider: p, model: m}]%s}\n- {name: b}\n"

static const char first[] =
    "providers: [{name: p, channel: echo}, {name: q, channel: echo}]\n"
    "prices:\n"
    "- {models: 'x*', price: {input: 1}}\n"
    "- {provider: p, models: 'x*', price: {input: 2}}\n"
    "users:\n"
    "- name: u\n"
    "  rate_limits: [{rpm: 10}, {models: 'x*', rpm: 5, tpd: 7}]\n"
    "  quota: [{usd: 5, period: day}, {usd: 50, period: month}]\n"
    "  file_permissions: [{provider: p}, {provider: q}]\n"
    "  keys: [{key: longenough, rate_limits: [{rpm: 1}], quota: {usd: '0.5'}}]\n";

/* Other values, another order, and something less: ids stay with what they are of. */
static const char second[] =
    "providers: [{name: q, channel: echo}, {name: p, channel: echo}]\n"
    "prices:\n"
    "- {provider: p, models: 'x*', price: {input: 3}}\n"
    "- {models: 'x*', price: {input: 4}}\n"
    "users:\n"
    "- name: u\n"
    "  rate_limits: [{models: 'x*', max_concurrent: 2}, {models: '*', rpm: 11}]\n"
    "  quota: {usd: 60, period: month}\n"
    "  file_permissions: [{provider: q}]\n"
    "  keys: [{key: longenough, rate_limits: [{rpm: 2}]}]\n";

static void test_identity(void **state)
{
    struct fixture *f = *state;
    const struct rate_limit_row *limits;
    const struct quota_row *quotas;
    const struct price_row *prices;
    int64_t any, some, of_key, price_any, price_p, month, key_quota, file_q;

    apply_good(f, first, 0);
    any = id_of(f, ROW_RATE_LIMIT, 0);
    some = id_of(f, ROW_RATE_LIMIT, 1);
    of_key = id_of(f, ROW_RATE_LIMIT, 2);
    price_any = id_of(f, ROW_PRICE, 0);
    price_p = id_of(f, ROW_PRICE, 1);
    month = id_of(f, ROW_QUOTA, 1);
    key_quota = id_of(f, ROW_QUOTA, 2);
    file_q = id_of(f, ROW_FILE_PERMISSION, 1);
    apply_good(f, first, APPLY_DELETE);
    assert_int_equal(f->run.added + f->run.changed + f->run.deleted, 0);

    apply_good(f, second, APPLY_DELETE);
    assert_int_equal(f->run.added, 0);
    assert_int_equal(f->run.deleted, 2); // the day's quota and one file permission
    limits = ROWS(&f->rows, ROW_RATE_LIMIT, struct rate_limit_row);
    assert_int_equal(f->rows.counts[ROW_RATE_LIMIT], 3);
    assert_int_equal(limits[0].head.id, any);
    assert_int_equal(limits[0].rpm, 11);
    assert_int_equal(limits[1].head.id, some);
    assert_int_equal(limits[1].max_concurrent, 2);
    assert_int_equal(limits[1].rpm, ROW_NULL_INT); // absent is its default
    assert_int_equal(limits[2].head.id, of_key);
    assert_int_equal(limits[2].rpm, 2);
    assert_int_equal(limits[2].user_id, ROW_NULL_INT);
    assert_int_equal(limits[2].key_id, id_of(f, ROW_KEY, 0));
    quotas = ROWS(&f->rows, ROW_QUOTA, struct quota_row);
    assert_int_equal(f->rows.counts[ROW_QUOTA], 2); // the key's list is not mentioned: it stays
    assert_int_equal(quotas[0].head.id, month);
    assert_int_equal(quotas[0].usd_nusd, 60 * NUSD_PER_USD);
    assert_int_equal(quotas[1].head.id, key_quota);
    prices = ROWS(&f->rows, ROW_PRICE, struct price_row);
    assert_int_equal(prices[0].head.id, price_any);
    assert_true(slice_eq(prices[0].price, SLICE("{\"input\":4}")));
    assert_int_equal(prices[1].head.id, price_p);
    assert_true(slice_eq(prices[1].price, SLICE("{\"input\":3}")));
    assert_int_equal(f->rows.counts[ROW_FILE_PERMISSION], 1);
    assert_int_equal(id_of(f, ROW_FILE_PERMISSION, 0), file_q);
}

/* What was put right by hand, and when, is none of the file's business. */
static void test_adjustments_stay(void **state)
{
    struct fixture *f = *state;
    struct quota_row quota;
    struct err_info e = {0};
    char *text;

    apply_good(f, first, 0);
    quota = ROWS(&f->rows, ROW_QUOTA, struct quota_row)[1];
    quota.adjustment_nusd = -3 * NUSD_PER_USD;
    quota.adjusted_unix_ms = 1790000000000;
    assert_int_equal(store_put(f->control.store, ROW_QUOTA, &quota, &e), ERR_NONE);
    apply_good(f, first, APPLY_DELETE);
    assert_int_equal(f->run.added + f->run.changed + f->run.deleted, 0);
    apply_good(f, second, APPLY_DELETE);
    quota = ROWS(&f->rows, ROW_QUOTA, struct quota_row)[0];
    assert_int_equal(quota.usd_nusd, 60 * NUSD_PER_USD);
    assert_int_equal(quota.adjustment_nusd, -3 * NUSD_PER_USD);
    assert_int_equal(quota.adjusted_unix_ms, 1790000000000);
    text = export(f, true);
    assert_null(strstr(text, "adjust"));
    free(text);
}

/* A section that is declared is the truth about it, and others are left alone. */
static void test_sections(void **state)
{
    struct fixture *f = *state;
    char text[512];

    snprintf(text, sizeof(text),
             PROVIDERS // NOLINT: a format of ours
             "rules: [{phase: inbound, action: remove, path: x}]\n"
             "prices: [{models: y, price: {input: 1}}]",
             ", rules: [{phase: inbound, action: remove, path: y}]");
    apply_good(f, text, 0);
    assert_int_equal(f->rows.counts[ROW_RULE], 2);
    apply_good(f, "users: []", APPLY_DELETE);
    assert_int_equal(f->run.deleted, 0);

    /* The list of one alias is about that alias alone; the section is about all. */
    apply_good(f, "rules: [{scope: alias/b, phase: inbound, action: remove, path: z}]", 0);
    apply_good(f, "aliases: [{name: a, rules: []}, {name: b}]", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_RULE], 2);
    apply_good(f, "rules: [{phase: inbound, action: remove, path: x}]\nprices:", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_RULE], 1);
    assert_int_equal(f->rows.counts[ROW_PRICE], 0);
    apply_good(f, "rules:", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_RULE], 0);

    /* With its provider or alias a rule goes. */
    apply_good(f,
               "rules: [{scope: alias/b, phase: inbound, action: remove, path: z},\n"
               "  {scope: provider/q, phase: outbound, action: remove, path: z}]",
               0);
    apply_good(f, "aliases: [{name: a}]\nproviders: [{name: p, channel: echo}]", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_RULE], 0);
}

static const struct {
    const char *why, *in, *said;
    unsigned flags;
} refused[] = {
    {"an alias that is not there",
     "users: [{name: v}]\nrules: [{alias: z, phase: inbound, action: remove, path: x}]",                             "f:2:17: there is no alias \"z\"",    0           },
    {"one that this would delete",
     "aliases: [{name: b}]\nusers: [{name: v}]\nrules: [{scope: alias/a, phase: inbound, action: remove, path: x}]",
     "f:3:17: there is no alias \"a\"",                                                                                                                    APPLY_DELETE},
    {"a provider that is not there",
     "users: [{name: v}]\nprices: [{provider: z, models: x, price: {}}]",                                            "f:2:21: there is no provider \"z\"", 0           },
    {"a bad limit",                  "users: [{name: v}, {name: u, rate_limits: [{rpm: -1}]}]",                      "f:1:50: rpm: ",                      0           },
};

static void test_refused_as_a_whole(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    apply_good(f, first, 0);
    apply_good(f, "aliases: [{name: a}]", 0);
    before = export(f, true);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (!apply(f, refused[i].in, refused[i].flags) || !strstr(f->said, refused[i].said))
            fail_msg("%s: %s", refused[i].why, f->said);
        after = export(f, true);
        if (strcmp(before, after) != 0)
            fail_msg("%s: changed something", refused[i].why);
        free(after);
    }
    free(before);
}

/* Paths of the rules of one scope as they run, one letter each: by order, then by id. */
static const char *run_order(struct fixture *f, int64_t provider_id, int64_t alias_id)
{
    const struct rule_row *rules = ROWS(&f->rows, ROW_RULE, struct rule_row), *next, *last = NULL;
    struct buf out = {.data = NULL};
    const char *text;

    do {
        next = NULL;
        for (size_t i = 0; i < f->rows.counts[ROW_RULE]; i++) {
            const struct rule_row *r = &rules[i];
            bool after = !last || r->ordinal > last->ordinal ||
                         (r->ordinal == last->ordinal && r->head.id > last->head.id);
            if (r->provider_id == provider_id && r->alias_id == alias_id && after &&
                (!next || r->ordinal < next->ordinal)) // the first of them has the lowest id
                next = r;
        }
        if (next)
            buf_append(&out, next->path);
        last = next;
    } while (next);
    text = arena_dup(&f->arena, buf_peek(&out)).ptr;
    buf_release(&out);
    return text;
}

static int64_t rule_id_of(const struct fixture *f, const char *path)
{
    const struct rule_row *rules = ROWS(&f->rows, ROW_RULE, struct rule_row);

    for (size_t i = 0; i < f->rows.counts[ROW_RULE]; i++) {
        if (slice_eq(rules[i].path, slice_str(path)))
            return rules[i].head.id;
    }
    return 0;
}

#define RULE(path) "- {phase: inbound, action: remove, path: " path "}\n"
#define RULE_AT(path, order) \
    "- {phase: inbound, action: remove, path: " path ", order: " order "}\n"

/* One file after another: the order in which rules run is the file's, whatever was before. */
static const struct {
    const char *why, *in, *order;
    const char *same; // whose ids are those of the file before
} steps[] = {
    {"a first file",            "rules:\n" RULE("a") RULE("b") RULE("c"),                     "abc",                                                       ""                                                                                                                                            },
    {"the same",                "rules:\n" RULE("a") RULE("b") RULE("c"),                     "abc",                                                       "abc"                                                                                                                                         },
    {"one at the end",          "rules:\n" RULE("a") RULE("b") RULE("c") RULE("d"),           "abcd",                                                      "abc"                                                                                                                                         },
    {"one in the middle",       "rules:\n" RULE("a") RULE("e") RULE("b") RULE("c") RULE("d"), "aebcd",
     "a"                                                                                                                                                                                                                                                                                                 },
    {"one less",                "rules:\n" RULE("a") RULE("b") RULE("c") RULE("d"),           "abcd",                                                      "abcd"                                                                                                                                        },
    {"another order",           "rules:\n" RULE("d") RULE("a") RULE("b") RULE("c"),           "dabc",                                                      "d"                                                                                                                                           },
    {"numbers, which may move", "rules:\n" RULE_AT("c",                                       "3") RULE_AT("b",                                            "2") RULE_AT("a",                                                                                                                               "1"),
     "abc", "abc"},
    {"by other numbers",                     "rules:\n" RULE_AT("a",                                                                            "9") RULE_AT("c",                                                                                                                                       "3") RULE_AT("b",                                                                                                                                                                                                                                                                    "2"), "bca",
     "abc"},
    {"with one between",
     "rules:\n" RULE_AT("a","9") RULE_AT("c","3") RULE_AT("d","5") RULE_AT("b", "2"), "bcda",
     "abc"},
    {"equal numbers",                         "rules:\n" RULE_AT("a",                                                                    "2") RULE_AT("b",                                                                                                                               "2") RULE_AT("c",                                                                                                                                                                                                                                                                                    "2"), "abc", "a"},
    {"equal numbers, and one in the middle",
     "rules:\n" RULE_AT("a",                                                                 "2") RULE_AT("e",                                                                                                                      "2") RULE_AT("b",                                                                                                                                                                                                                                                                                                "2") RULE_AT("c", "2"), "aebc",
     "a"},
    {"some with numbers",           "rules:\n" RULE("a") RULE_AT("e",                         "-1") RULE("b") RULE_AT("c", "1"),
     "eabc", "ace"},
    {"twice the same",                    "rules:\n" RULE("a") RULE("b") RULE("a"),                                                                             "aba",                                                                                                                                        ""                                                                                                                                                                                                                                                },
    {"twice the same again",         "rules:\n" RULE("a") RULE("b") RULE("a"),"aba","ab"},
};

static void test_rule_order(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t before[256] = {0};
        for (unsigned char c = 'a'; c <= 'e'; c++)
            before[c] = rule_id_of(f, (const char[2]){(char)c, '\0'});
        apply_good(f, steps[i].in, APPLY_DELETE);
        if (strcmp(run_order(f, ROW_NULL_INT, ROW_NULL_INT), steps[i].order) != 0)
            fail_msg("%s: they run as %s", steps[i].why, run_order(f, ROW_NULL_INT, ROW_NULL_INT));
        for (const char *c = steps[i].same; *c; c++) {
            if (rule_id_of(f, (const char[2]){*c, '\0'}) != before[(unsigned char)*c])
                fail_msg("%s: %c has another id", steps[i].why, *c);
        }
        apply_good(f, steps[i].in, APPLY_DELETE);
        if (f->run.added + f->run.changed + f->run.deleted)
            fail_msg("%s: not the same again", steps[i].why);
    }
}

/* Scopes do not count for each other; what is changed in place keeps its id. */
static void test_rule_scopes(void **state)
{
    static const char rules[] = "config: {mode: managed}\nrules:\n"
                                "- {scope: provider/p, phase: outbound, action: remove, path: %s}\n"
                                "- {scope: alias/a, phase: outbound, action: remove, path: c}\n"
                                "- {phase: outbound, action: remove, path: d}\n"
                                "- {provider: p, phase: outbound, action: remove, path: b}\n"
                                "- {provider: q, phase: outbound, action: remove, path: e}\n";
    struct fixture *f = *state;
    char text[1024];
    int64_t a, b, c, d, e, p, alias;

    snprintf(text, sizeof(text), PROVIDERS, ""); // NOLINT: a format of ours
    apply_good(f, text, 0);
    snprintf(text, sizeof(text), rules, "a"); // NOLINT: a format of ours
    apply_good(f, text, 0);
    a = rule_id_of(f, "a");
    b = rule_id_of(f, "b");
    c = rule_id_of(f, "c");
    d = rule_id_of(f, "d");
    e = rule_id_of(f, "e");
    p = id_of(f, ROW_PROVIDER, 0);
    alias = id_of(f, ROW_ALIAS, 0);
    assert_string_equal(run_order(f, p, ROW_NULL_INT), "ab");
    assert_string_equal(run_order(f, ROW_NULL_INT, alias), "c");

    snprintf(text, sizeof(text), rules, "z"); // NOLINT: a format of ours
    apply_good(f, text, APPLY_DELETE);
    assert_int_equal(f->run.changed, 1);
    assert_int_equal(f->run.added + f->run.deleted, 0);
    assert_int_equal(rule_id_of(f, "z"), a);

    /* The alias's rule moves into the alias; a new one for q comes first. */
    snprintf(text, sizeof(text), // NOLINT: a format of ours
             PROVIDERS "rules:\n"
                       "- {scope: provider/q, phase: outbound, action: remove, path: x}\n"
                       "- {scope: provider/q, phase: outbound, action: remove, path: e}\n"
                       "- {phase: outbound, action: remove, path: d}\n"
                       "- {provider: p, phase: outbound, action: remove, path: b}\n",
             ", rules: [{phase: outbound, action: remove, path: c}]");
    apply_good(f, text, APPLY_DELETE);
    assert_int_equal(rule_id_of(f, "b"), b);
    assert_int_equal(rule_id_of(f, "c"), c);
    assert_int_equal(rule_id_of(f, "d"), d);
    assert_true(rule_id_of(f, "e") > e);
    assert_int_equal(rule_id_of(f, "z"), 0);
    assert_string_equal(run_order(f, id_of(f, ROW_PROVIDER, 1), ROW_NULL_INT), "xe");
}

/* All kinds of rows, and rules of each action. */
static const char everything[] =
    "providers: [{name: p, channel: echo, models: [{id: m, price: {input: 1}}]}, {name: q, channel: echo}]\n"
    "aliases:\n"
    "- {name: a, price: {output: '0.1'}, targets: [{provider: p, model: m}], rules: [\n"
    "    {phase: outbound, action: set, path: reasoning.effort, value: high, label: 'a: \"variant\"'},\n"
    "    {phase: outbound, action: default, path: 'a[*].b[0]', value: [1, null, {x: '$${y}'}], order: -5}]}\n"
    "- {name: b, enabled: false}\n"
    "users:\n"
    "- {name: u, permissions: [{models: '*'}], rate_limits: [{models: 'p/*', rpm: 0}, {tpm: 5}],\n"
    "   quota: [{usd: 0}, {usd: '0.000000001', period: week}], file_permissions: [{provider: q}],\n"
    "   keys: [{key: longenough, rate_limits: [{models: '[!a-c]*', max_concurrent: 1}],\n"
    "           quota: {usd: 1000000000, period: day}}]}\n"
    "prices:\n"
    "- {models: '*', price: {input: '0.5', cache_write: 1, per_call: '0.01'}}\n"
    "- {provider: q, models: 'n', price: {}}\n"
    "rules:\n"
    "- {phase: inbound, action: set, path: x, value: null, enabled: false}\n"
    "- {phase: inbound, action: set, path: x, value: 'true'}\n"
    "- {scope: provider/p, phase: outbound, action: remove, path: 'tools[2]', order: 1000000}\n"
    "- {scope: alias/b, phase: outbound, action: append, path: stop, value: ' : #'}\n"
    "- {phase: inbound, action: replace, pattern: '(?i)\\bsecret\\s+(\\w+)(!?)', replacement: '$1 $${2}',\n"
    "   filter: {models: ['gpt-*', a], users: [u], operations: [generate]}}\n"
    "- {phase: outbound, action: header, name: x-team, value: blue}\n"
    "- {phase: outbound, action: header, name: x-other, value: null}\n"
    "- {phase: inbound, action: system, value: \"Be brief.\\nNow.\", place: prepend}\n"
    "- {phase: outbound, action: cache_breakpoint, target: messages, position: nth, index: 2, ttl: 1h}\n"
    "- {phase: outbound, action: cache_breakpoint, target: system}\n"
    "settings: {unpriced: deny, retention: {days: 3, usage_days: 400}, request_log.upstream: bodies}\n";

static void round_trip(struct fixture *f)
{
    char *before = export(f, true), *after;

    apply_good(f, before, APPLY_DELETE);
    if (f->run.added + f->run.changed + f->run.deleted)
        fail_msg("an import of an export changed something: %s", before);
    apply_good(f, "providers:\naliases:\nusers:\nprices:\nrules:\nsettings:", APPLY_DELETE);
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++)
        assert_int_equal(f->rows.counts[type], 0);
    apply_good(f, before, 0);
    after = export(f, true);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void test_export(void **state)
{
    struct fixture *f = *state;

    apply_good(f, everything, 0);
    assert_int_equal(f->rows.counts[ROW_RULE], 12);
    round_trip(f);
}

static struct slice pick(struct random *r, const char *const *texts, size_t count)
{
    return slice_str(texts[random_below(r, count)]);
}

/* Rules of any look, made by hand and so in any order. */
static void put_rule(struct fixture *f, struct random *r)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "[]",
                                         "{\"a\":\"~\"}",
                                         "\"no\"",
                                         "-1.50e3",
                                         "\"${X}\"",
                                         "\"\\u0001\\n\\\"\"",
                                         " { \"\\u0061\" : [ 1 , \"\\u0041\\/\", { } ] } ",
                                         "\"\xe2\x80\xa8\""};
    static const char *const labels[] = {NULL, "",         "x: y", "- x",    "null",
                                         "7",  "\xc3\xa4", "'\"%", "${A:-b}"};
    static const char *const paths[] = {"a", "a.b[0].c", "a[*].b"};
    struct err_info e = {0};
    struct rule_row rule;

    row_set_defaults(row_kind(ROW_RULE), &rule);
    rule.phase = random_below(r, 2) ? SLICE("inbound") : SLICE("outbound");
    rule.action = SLICE("set");
    rule.path = pick(r, paths, ARRAY_LEN(paths));
    rule.value = pick(r, values, ARRAY_LEN(values));
    rule.label = pick(r, labels, ARRAY_LEN(labels));
    rule.ordinal = (int64_t)random_below(r, 3) - 1;
    rule.enabled = random_below(r, 2);
    switch (random_below(r, 3)) {
    case 0:
        rule.provider_id = id_of(f, ROW_PROVIDER, random_below(r, 2));
        rule.phase = SLICE("outbound"); // those of providers are
        break;
    case 1: rule.alias_id = id_of(f, ROW_ALIAS, random_below(r, 2)); break;
    default: break;
    }
    if (store_put(f->control.store, ROW_RULE, &rule, &e))
        fail_msg("%s", err_info_text(&e));
}

static void test_export_of_any_rules(void **state)
{
    struct fixture *f = *state;
    struct random random;
    char text[512];

    random_seed(&random, (const uint64_t[4]){5, 6, 7, 8});
    snprintf(text, sizeof(text), PROVIDERS, ""); // NOLINT: a format of ours
    for (int i = 0; i < 8; i++) {
        apply_good(f, text, 0);
        for (size_t count = random_below(&random, 40); count; count--)
            put_rule(f, &random);
        round_trip(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_identity),   TEST(test_adjustments_stay),
        TEST(test_sections),   TEST(test_refused_as_a_whole),
        TEST(test_rule_order), TEST(test_rule_scopes),
        TEST(test_export),     TEST(test_export_of_any_rules),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
