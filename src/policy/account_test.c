/* account_test.c - every limit and quota: what passes, what does not, and what is said. */
#include "policy/account_test_kit.h"

#define SLOTS 4
#define STEPS 12

static const char noon[] = "2026-11-27T12:00:00Z"; // a Friday; time 0 of the steps

enum op { END, RESERVE, EXTEND, RAISE, SETTLE, RELEASE };

struct step {
    enum op op;
    int slot;
    int64_t at_ms, key_id;
    const char *names;
    int64_t tokens, nusd;
    const char *says; // "429 1000 text": status, retry-after, text; "": nothing
};

static const struct {
    const char *why, *rows;
    struct step steps[STEPS];
} cases[] = {
#include "policy/account_test.def"
};

static void take_step(struct world *w, struct reservation *slots, const struct step *step,
                      char out[ERR_TEXT_BYTES + 64])
{
    struct reservation *r = &slots[step->slot];
    struct err_info e = {0};
    struct reserve_ask ask;
    enum err err = ERR_NONE;

    if (step->op == RESERVE || step->op == EXTEND || step->op == RAISE) {
        ask = world_ask(w, step->key_id, step->names);
        ask.tokens = step->tokens;
        ask.cost_nusd = step->nusd;
        ask.now_ms = step->at_ms;
        ask.now_unix_ms = unix_ms(noon) + step->at_ms;
        if (step->op == RESERVE)
            *r = (struct reservation){.is_held = false};
        err = step->op == RESERVE  ? account_reserve(r, &ask, &w->a, &e)
              : step->op == EXTEND ? account_extend(r, &ask, &w->a, &e)
                                   : account_raise(r, &ask, &e);
        assert_int_equal(err, e.code);
    } else if (step->op == SETTLE) {
        account_settle(r, step->tokens, step->nusd, step->at_ms, unix_ms(noon) + step->at_ms);
    } else {
        account_release(r, step->at_ms);
    }
    out[0] = '\0';
    if (err)
        snprintf(out, ERR_TEXT_BYTES + 64, "%d %lld %s", err_http_status(err),
                 (long long)e.retry_after_ms, e.text);
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reservation slots[SLOTS] = {{.is_held = false}};
        struct world w = world_new(cases[i].rows);

        for (int s = 0; s < STEPS && cases[i].steps[s].op != END; s++) {
            char said[ERR_TEXT_BYTES + 64];
            take_step(&w, slots, &cases[i].steps[s], said);
            if (strcmp(said, cases[i].steps[s].says) != 0)
                fail_msg("%s, step %d: %s", cases[i].why, s + 1, said);
        }
        world_free(&w);
    }
}

/* Two requests by key 1; then one more is asked for: what the headers would say. */
static const struct {
    const char *why, *rows;
    int64_t tokens;
    bool settled; // the first two
    struct rate_status status;
} statuses[] = {
    {"none",               "",                                                     1,  true, {-1, 0, 0, -1, 0, 0}              },
    {"only requests",      "'rate_limit': [{'user': 1, 'rpm': 10}]",               1,  true, {10, 7, 61000, -1, 0, 0}          },
    {"refused",            "'rate_limit': [{'user': 1, 'rpm': 2}]",                1,  true, {2, 0, 61000, -1, 0, 0}           },
    {"tokens held",
     "'rate_limit': [{'user': 1, 'tpm': 100}]",                                    10,
     false,                                                                                  {-1, 0, 0, 100, 70, 61000}        },
    {"tokens settled",
     "'rate_limit': [{'user': 1, 'tpm': 100}]",                                    10,
     true,                                                                                   {-1, 0, 0, 100, 80, 61000}        },
    {"the tighter figure",
     "'rate_limit': [{'user': 1, 'rpm': 100, 'rpd': 6}]",                          1,
     true,                                                                                   {6, 3, 87840000, -1, 0, 0}        },
    {"the tighter row",
     "'rate_limit': [{'user': 1, 'rpm': 100}, {'key': 1, 'rpm': 8, 'tpd': 1000}]", 1,
     true,                                                                                   {8, 5, 61000, 1000, 989, 87840000}},
    {"nothing allowed",
     "'rate_limit': [{'user': 1, 'rpm': 3}, {'key': 1, 'rpd': 0}]",                1,
     true,                                                                                   {0, 0, 0, -1, 0, 0}               },
};

static void test_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct world w = world_new(statuses[i].rows);
        struct reserve_ask ask = world_ask(&w, 1, "m");
        struct reservation r[3] = {{.is_held = false}};
        const struct rate_status *expected = &statuses[i].status, *status = &r[2].status;
        struct err_info e = {0};

        ask.tokens = statuses[i].tokens;
        for (int n = 0; n < 3; n++) {
            account_reserve(&r[n], &ask, &w.a, &e);
            if (statuses[i].settled && n < 2)
                account_settle(&r[n], 5, 0, 0, 0);
        }
        if (status->limit_requests != expected->limit_requests ||
            status->left_requests != expected->left_requests ||
            status->reset_requests_ms != expected->reset_requests_ms ||
            status->limit_tokens != expected->limit_tokens ||
            status->left_tokens != expected->left_tokens ||
            status->reset_tokens_ms != expected->reset_tokens_ms)
            fail_msg("%s: %lld %lld %lld, %lld %lld %lld", statuses[i].why,
                     (long long)status->limit_requests, (long long)status->left_requests,
                     (long long)status->reset_requests_ms, (long long)status->limit_tokens,
                     (long long)status->left_tokens, (long long)status->reset_tokens_ms);
        world_free(&w);
    }
}

#define NO_PRICE "there is no price for \"m\", and "
#define ALICE    NO_PRICE "user \"alice\" has a quota to keep: it may not be used"
#define LAPTOP   NO_PRICE "key \"laptop\" has a quota to keep: it may not be used"
#define NOBODY   NO_PRICE "none may be used without"

static const struct {
    enum unpriced unpriced;
    bool is_priced;
    const char *rows, *says;
} unpriced[] = {
    {UNPRICED_DENY_UNDER_QUOTA, false, "",                                      NULL  },
    {UNPRICED_DENY_UNDER_QUOTA, false, "'quota': [{'user': 1, 'usd': '9'}]",    ALICE },
    {UNPRICED_DENY_UNDER_QUOTA, false, "'quota': [{'key': 1, 'usd': '9'}]",     LAPTOP},
    {UNPRICED_DENY_UNDER_QUOTA, false, "'quota': [{'key': 2, 'usd': '9'}]",     NULL  },
    {UNPRICED_DENY_UNDER_QUOTA, true,  "'quota': [{'user': 1, 'usd': '9'}]",    NULL  },
    {UNPRICED_DENY,             false, "",                                      NOBODY},
    {UNPRICED_DENY,             false, "'quota': [{'user': 1, 'usd': '9'}]",    NOBODY},
    {UNPRICED_DENY,             true,  "",                                      NULL  },
    {UNPRICED_ALLOW,            false, "'quota': [{'user': 1, 'usd': '0'}]",    NULL  }, // costs 0
    {UNPRICED_DENY_UNDER_QUOTA, false, "'quota': [{'user': 1, 'period': 'x'}]", ALICE }, // a bad one
};

static void test_unpriced(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unpriced); i++) {
        struct world w = world_new(unpriced[i].rows);
        struct reserve_ask ask = world_ask(&w, 1, "m");
        struct reservation r = {.is_held = false};
        struct err_info e = {0};
        enum err err;

        ask.unpriced = unpriced[i].unpriced;
        ask.is_priced = unpriced[i].is_priced;
        ask.cost_nusd = 5;
        err = account_reserve(&r, &ask, &w.a, &e);
        assert_int_equal(err, unpriced[i].says ? ERR_QUOTA : ERR_NONE);
        assert_int_equal(r.is_held, !err);
        assert_int_equal(r.cost_nusd, ask.is_priced ? 5 : 0);
        assert_string_equal(e.text, unpriced[i].says ? unpriced[i].says : "");
        assert_int_equal(policy_state_limits_hit(w.state, LIMIT_UNPRICED), err != ERR_NONE);
        if (!err) { // another candidate, without a price this time
            ask.is_priced = false;
            err = account_extend(&r, &ask, &w.a, &e);
            assert_int_equal(err, unpriced[i].is_priced ? ERR_QUOTA : ERR_NONE);
            assert_true(r.is_held);
        }
        world_free(&w);
    }
}

/* A row for each reason, and which counter it moves. */
static const struct {
    enum limit_kind kind;
    const char *name, *rows;
} kinds[] = {
    {LIMIT_RPM,        "rpm",        "'rate_limit': [{'user': 1, 'rpm': 0}]"           },
    {LIMIT_RPD,        "rpd",        "'rate_limit': [{'user': 1, 'rpd': 0}]"           },
    {LIMIT_TPM,        "tpm",        "'rate_limit': [{'user': 1, 'tpm': 0}]"           },
    {LIMIT_TPD,        "tpd",        "'rate_limit': [{'user': 1, 'tpd': 0}]"           },
    {LIMIT_CONCURRENT, "concurrent", "'rate_limit': [{'user': 1, 'max_concurrent': 0}]"},
    {LIMIT_QUOTA,      "quota",      "'quota': [{'user': 1, 'usd': '0'}]"              },
    {LIMIT_BAD_ROW,    "bad_row",    "'rate_limit': [{'user': 1}]"                     },
};

static void test_hits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct world w = world_new(kinds[i].rows);
        struct reserve_ask ask = world_ask(&w, 1, "m");

        ask.cost_nusd = 1;
        for (int n = 0; n < 3; n++) {
            struct reservation r = {.is_held = false};
            struct err_info e = {0};
            assert_int_not_equal(account_reserve(&r, &ask, &w.a, &e), ERR_NONE);
        }
        for (int k = 0; k < LIMIT_KIND_COUNT; k++)
            assert_int_equal(policy_state_limits_hit(w.state, (enum limit_kind)k),
                             k == (int)kinds[i].kind ? 3 : 0);
        assert_string_equal(limit_kind_name(kinds[i].kind), kinds[i].name);
        world_free(&w);
    }
    assert_string_equal(limit_kind_name(LIMIT_UNPRICED), "unpriced");
}

static enum err reserve(struct world *w, struct reservation *r, const char *names, int64_t tokens,
                        int64_t nusd)
{
    struct reserve_ask ask = world_ask(w, 1, names);
    struct err_info e = {0};

    ask.tokens = tokens;
    ask.cost_nusd = nusd;
    *r = (struct reservation){.is_held = false};
    return account_reserve(r, &ask, &w->a, &e);
}

/* What was counted stays when rows change, also what they did not speak of before. */
static void test_rows_change(void **state)
{
    struct world w = world_new("'rate_limit': [{'user': 1, 'models': 'm', 'rpm': 2, 'tpm': 100,"
                               " 'max_concurrent': 9}]");
    struct snapshot *before = snapshot_ref(w.s);
    struct reservation one, two, three;

    (void)state;
    assert_int_equal(reserve(&w, &one, "m", 60, 7), ERR_NONE);
    assert_int_equal(reserve(&w, &two, "m", 20, 8), ERR_NONE);
    world_build(&w, "'rate_limit': [{'user': 1, 'rpm': 3, 'rpd': 1, 'tpm': 99,"
                    " 'max_concurrent': 3}], 'quota': [{'user': 1, 'usd': '0.00000002'},"
                    " {'key': 1, 'usd': '0.00000002', 'period': 'month'}]");
    assert_int_equal(reserve(&w, &three, "x", 20, 6), ERR_QUOTA); // 7 and 8 are held of 20
    assert_int_equal(reserve(&w, &three, "x", 20, 5), ERR_RATE_LIMIT);
    assert_int_equal(policy_state_limits_hit(w.state, LIMIT_TPM), 1);
    assert_int_equal(reserve(&w, &three, "x", 19, 5), ERR_NONE); // the third of three
    account_release(&three, 0);
    account_settle(&one, 60, 0, 0, 0);
    world_build(&w, "'rate_limit': [{'user': 1, 'rpm': 9, 'max_concurrent': 1}]");
    assert_int_equal(reserve(&w, &three, "x", 1, 5), ERR_RATE_LIMIT); // `two` still runs
    assert_int_equal(policy_state_limits_hit(w.state, LIMIT_CONCURRENT), 1);
    account_release(&two, 0);
    assert_int_equal(reserve(&w, &three, "x", 1, 5), ERR_NONE);
    snapshot_unref(before);
    world_free(&w);
}

static void test_key_changes_hands(void **state)
{
    struct world w = world_new("");
    struct snapshot *before = snapshot_ref(w.s);
    struct reservation one, two;
    struct row_set set;

    (void)state;
    assert_int_equal(reserve(&w, &one, "m", 1, 7), ERR_NONE);
    account_settle(&one, 1, 7, 0, 0);
    assert_int_equal(reserve(&w, &two, "m", 1, 100), ERR_NONE);
    set = rows_from_json(&w.a, "{'user': [{'name': 'alice'}, {'name': 'bob'}],"
                               " 'key': [{'user': 2, 'digest': '1', 'prefix': 'p'}],"
                               " 'quota': [{'key': 1, 'usd': '0.000000010'}]}");
    snapshot_unref(w.s);
    w.s = snapshot_build(&set, w.state, 2, 42, NULL, NULL);
    account_settle(&two, 1, 100, 0, 0); // goes to whose it was
    assert_int_equal(reserve(&w, &one, "m", 1, 4), ERR_QUOTA);
    assert_int_equal(reserve(&w, &one, "m", 1, 3), ERR_NONE);
    snapshot_unref(before);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),       cmocka_unit_test(test_status),
        cmocka_unit_test(test_unpriced),    cmocka_unit_test(test_hits),
        cmocka_unit_test(test_rows_change), cmocka_unit_test(test_key_changes_hands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
