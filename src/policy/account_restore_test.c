/* account_restore_test.c - what was used and spent before a restart is not forgotten. */
#include "policy/account_test_kit.h"

#define NOW_MS INT64_C(5000000) // the machine has run for less than two hours

static const char now_text[] = "2026-11-27T12:00:00Z";

/* What is left of a quota of 1 USD, found by asking. */
static int64_t left_of(const struct world *w, int64_t key_id, const char *at)
{
    struct reserve_ask ask = world_ask(w, key_id, "m");
    int64_t low = -1, high = 2000000000;

    ask.now_unix_ms = unix_ms(at);
    while (low + 1 < high) {
        struct reservation r = {.is_held = false};
        struct err_info e = {0};
        struct arena a;
        int64_t middle = low + (high - low) / 2;
        arena_init(&a, 0);
        ask.cost_nusd = middle;
        if (account_reserve(&r, &ask, &a, &e) == ERR_NONE)
            low = middle;
        else
            high = middle;
        account_release(&r, 0);
        arena_release(&a);
    }
    return low;
}

/* Spent within the period that began then; left of 1 USD at noon. */
static const struct {
    const char *why;
    enum quota_period period;
    const char *began;
    int64_t nusd, left; // left of -1: less than nothing
} spent[] = {
    {"in all",             PERIOD_TOTAL, "1970-01-01T00:00:00Z", 400000000,  600000000 },
    {"this month",         PERIOD_MONTH, "2026-11-01T00:00:00Z", 400000000,  600000000 },
    {"the month before",   PERIOD_MONTH, "2026-10-01T00:00:00Z", 400000000,  1000000000},
    {"this week",          PERIOD_WEEK,  "2026-11-23T00:00:00Z", 1000000000, 0         },
    {"the week before",    PERIOD_WEEK,  "2026-11-16T00:00:00Z", 1000000000, 1000000000},
    {"today",              PERIOD_DAY,   "2026-11-27T00:00:00Z", 1,          999999999 },
    {"yesterday",          PERIOD_DAY,   "2026-11-26T00:00:00Z", 1,          1000000000},
    {"more than there is", PERIOD_DAY,   "2026-11-27T00:00:00Z", INT64_MAX,  -1        },
    {"less than nothing",  PERIOD_DAY,   "2026-11-27T00:00:00Z", -5,         1000000000},
};

/* Before and after the snapshot; of the user and of the key. */
static void test_spent(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * ARRAY_LEN(spent); i++) {
        bool of_key = i % 2, before = i / 2 % 2;
        struct world w = {.state = policy_state_new()};
        int64_t began = unix_ms(spent[i / 4].began);
        char rows[128];

        snprintf(rows, sizeof(rows), "'quota': [{'%s': 1, 'usd': '1', 'period': '%s'}]",
                 of_key ? "key" : "user", period_name(spent[i / 4].period));
        arena_init(&w.a, 0);
        if (!before)
            world_build(&w, rows);
        account_restore_spent(w.state, of_key, 1, spent[i / 4].period, began, spent[i / 4].nusd);
        if (before)
            world_build(&w, rows);
        if (left_of(&w, 1, now_text) != spent[i / 4].left)
            fail_msg("%s, %s: %lld", spent[i / 4].why, of_key ? "key" : "user",
                     (long long)left_of(&w, 1, now_text));
        assert_int_equal(left_of(&w, 3, now_text), 1999999999); // bob has no quota
        world_free(&w);
    }
}

/* The ledger may have them in any order, and in several parts. */
static void test_spent_in_parts(void **state)
{
    struct world w = world_new("'quota': [{'user': 1, 'usd': '1', 'period': 'day'}]");
    const int64_t today = unix_ms("2026-11-27T00:00:00Z"), day = 86400000;

    (void)state;
    account_restore_spent(w.state, false, 1, PERIOD_DAY, today - day, 900000000);
    account_restore_spent(w.state, false, 1, PERIOD_DAY, today, 100000000);
    account_restore_spent(w.state, false, 1, PERIOD_DAY, today - day, 900000000);
    account_restore_spent(w.state, false, 1, PERIOD_DAY, today, 200000000);
    account_restore_spent(w.state, false, 99, PERIOD_DAY, today, 200000000); // gone
    account_restore_spent(w.state, true, 99, PERIOD_DAY, today, 200000000);
    assert_int_equal(left_of(&w, 1, now_text), 700000000);
    assert_int_equal(left_of(&w, 1, "2026-11-28T00:00:00Z"), 1000000000);
    world_free(&w);
}

static const char limits[] =
    "'rate_limit': [{'user': 1, 'rpm': 100, 'rpd': 1000, 'tpm': 10000, 'tpd': 100000},"
    " {'user': 1, 'models': 'fast', 'rpm': 100, 'rpd': 1000},"
    " {'user': 1, 'models': 'b/*', 'rpm': 100, 'rpd': 1000},"
    " {'key': 1, 'models': 'gpt-*', 'rpm': 100, 'rpd': 1000}]";

/* Seven requests and 70 tokens; then what row 1 to 4 say they have used. */
static const struct {
    const char *why;
    struct account_traffic traffic;
    int64_t minutes_ago;
    const char *used; // "row: rpm rpd tpm tpd;" of each that has any
} traffic[] = {
#include "policy/account_restore_test.def"
};

struct used {
    int64_t of_row[5][FIGURE_COUNT]; // by row id
};

static void on_line(void *ctx, const struct account_line *line)
{
    struct used *used = ctx;

    for (int f = 0; f < FIGURE_COUNT; f++)
        used->of_row[line->row_id][f] = line->figures[f].used;
}

/* Of all rows: each name is asked about that some row is for. */
static struct used all_used(const struct world *w)
{
    static const char *const names[] = {"fast@a/fast", "x@b/x", "gpt-5@a/gpt-5"};
    struct used used = {.of_row = {{0}}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct reserve_ask ask = world_ask(w, 1, names[i]);
        ask.now_ms = NOW_MS;
        account_explain(&ask, on_line, &used);
    }
    return used;
}

static void test_traffic(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(traffic); i++) {
        struct world w = world_new(limits);
        struct account_traffic t = traffic[i].traffic;
        int64_t now = unix_ms(now_text);
        char text[256] = "";
        struct used used;
        int at = 0;

        t.requests = 7;
        t.tokens = 70;
        t.at_unix_ms = now - 60000 * traffic[i].minutes_ago;
        account_restore_traffic(w.s, &t, NOW_MS, now);
        used = all_used(&w);
        for (int row = 1; row < 5; row++) {
            const int64_t *of = used.of_row[row];
            if (of[FIGURE_RPM] || of[FIGURE_RPD] || of[FIGURE_TPM] || of[FIGURE_TPD])
                at += snprintf(text + at, sizeof(text) - (size_t)at, "%d: %lld %lld %lld %lld;",
                               row, (long long)of[FIGURE_RPM], (long long)of[FIGURE_RPD],
                               (long long)of[FIGURE_TPM], (long long)of[FIGURE_TPD]);
        }
        if (strcmp(text, traffic[i].used) != 0)
            fail_msg("%s: %s", traffic[i].why, text);
        world_free(&w);
    }
}

/* Counted as of its end: a minute that began 100 s ago counts for 20 s more, in full. */
static void test_minute_ends_late(void **state)
{
    struct world w = world_new("'rate_limit': [{'user': 1, 'rpm': 1}]");
    int64_t now = unix_ms(now_text);
    struct account_traffic t = {.user_id = 1, .at_unix_ms = now - 100000, .requests = 1};
    struct reserve_ask ask = world_ask(&w, 1, "m");

    (void)state;
    account_restore_traffic(w.s, &t, NOW_MS, now);
    for (int64_t after_ms = 0; after_ms <= 22000; after_ms += 500) {
        struct reservation r = {.is_held = false};
        struct err_info e = {0};
        ask.now_ms = NOW_MS + after_ms;
        if (account_reserve(&r, &ask, &w.a, &e) == ERR_NONE)
            assert_true(after_ms >= 20000);
        else
            assert_true(after_ms < 22000);
        account_release(&r, ask.now_ms);
    }
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spent),
        cmocka_unit_test(test_spent_in_parts),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_minute_ends_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
