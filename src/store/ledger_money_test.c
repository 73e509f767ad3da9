/* ledger_money_test.c - what rows cost, by which price, and what was ever spent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/journal_testing.h"
#include "store/ledger_inside.h"
#include "store/migration_ledger.h"

static void must(enum err err, const struct err_info *e)
{
    if (err)
        print_error("%s\n", e->text);
    assert_int_equal(err, ERR_NONE);
}

static void add_all(struct ledger *l, const struct usage_record *records, size_t count)
{
    struct err_info e = {.code = ERR_NONE};

    must(ledger_begin(l, &e), &e);
    for (size_t i = 0; i < count; i++)
        must(ledger_add(l, &records[i], &e), &e);
    must(ledger_commit(l, &e), &e);
}

static int64_t query(struct ledger *l, const char *sql)
{
    struct err_info e = {.code = ERR_NONE};
    int64_t value;

    // The view is for people; its functions may be used where the schema is trusted.
    must(db_run(l->db, "PRAGMA trusted_schema = ON", &e), &e);
    must(db_query_int(l->db, sql, -1, &value, &e), &e);
    return value;
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

/* The ledger's tables as they were before prices were kept, with two rows of one series. */
static void make_version_4(const struct fixture *f)
{
    static const char *const rows[] = {
        "INSERT INTO usage_series VALUES (7, 1, 2, 3, 'u', 'k', 'p', 'm', 'a', 'ok')",
        "INSERT INTO usage_shape VALUES (9, 7, 0, 'generate', 'openai_chat', 'openai_chat',"
        " 'upstream', '', 200, 200, 0, 1, 1, 'a')",
        "INSERT INTO usage_row VALUES ('01a0b8d8-6c00-7000-8000-000000000001', 9,"
        " '[1790000000000,1,2,3,4,5,60,7]', '')",
        "INSERT INTO usage_day VALUES (1789948800000, 7, 1, 7,0,0,0,0,0,0,0,0,0,0,0,0,"
        " 60, 0, 1, 1, 2, 3, 4, 5)",
        "INSERT INTO usage_day VALUES (1790035200000, 7, 2, 9223372036854775800,0,0,0,0,0,0,0,0,0,"
        "0,0,0, 50, 0, 1, 1, 2, 3, 4, 5)",
    };
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->dsn + strlen("sqlite://"), &db), SQLITE_OK);
    run(db, "CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " applied_at INTEGER NOT NULL) STRICT;"
            "INSERT INTO schema_migration VALUES (1, 'x', 0), (2, 'x', 0), (3, 'x', 0),"
            " (4, 'x', 0);"
            "CREATE TABLE setting (id INTEGER PRIMARY KEY, name TEXT, value TEXT);"
            "CREATE TABLE file_owner (provider_id INTEGER, file TEXT)");
    for (size_t i = 0; i < ARRAY_LEN(migration_ledger); i++)
        run(db, migration_ledger[i]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run(db, rows[i]);
    sqlite3_close(db);
}

static bool check_old_row(void *ctx, const struct ledger_row *row)
{
    ++*(size_t *)ctx;
    assert_int_equal(row->record.price_id, 0);
    assert_int_equal(row->record.cost_nusd, 60);
    assert_int_equal(row->record.usage.tokens[USAGE_INPUT], 7);
    assert_true(slice_eq(row->tier, SLICE("standard")));
    assert_true(slice_eq(row->record.asked_model, SLICE("a")));
    return true;
}

static void test_earlier_tables(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_filter any = {.limit = 0};
    struct fixture f;
    struct ledger *l;
    size_t count = 0;

    (void)state;
    fixture_make(&f);
    make_version_4(&f);
    l = fixture_ledger(&f);
    must(ledger_rows(l, &any, check_old_row, &count, &e), &e);
    assert_int_equal(count, 1);
    assert_int_equal(query(l, "SELECT cost_nusd FROM usage_total WHERE series = 7 AND at = 0"),
                     110);
    assert_int_equal(query(l, "SELECT requests FROM usage_total"), 3);
    assert_true(query(l, "SELECT input_tokens FROM usage_total") == INT64_MAX);
    assert_int_equal(query(l, "SELECT price_id FROM usage"), 0);
    ledger_close(l);
    fixture_remove(&f);
}

/* The same exchange in another tier, or by another price, is told apart. */
static void test_price_and_tier(void **state)
{
    struct usage_record r[3] = {record_number(1), record_number(1), record_number(1)};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    r[1].id[35] = 'a';
    r[1].price_id = 77;
    r[2].id[35] = 'b';
    r[2].tier = SERVICE_BATCH;
    add_all(l, r, 3);
    assert_int_equal(query(l, "SELECT count(*) FROM usage_shape"), 3);
    assert_int_equal(query(l, "SELECT count(*) FROM usage_series"), 1);
    assert_int_equal(query(l, "SELECT count(*) FROM usage WHERE price_id = 77"), 1);
    assert_int_equal(query(l, "SELECT count(*) FROM usage WHERE tier = 'batch'"), 1);
    ledger_close(l);
    fixture_remove(&f);
}

static bool keep_total(void *ctx, const struct ledger_total *t)
{
    *(struct ledger_total *)ctx = *t;
    return true;
}

/* Figures out of all bounds stop at the largest number; the ledger goes on. */
static void test_hostile_figures(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_filter filter = {.groups = 0};
    struct usage_record r[4];
    struct ledger_total total;
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = record_number(1);
        r[i].id[35] = (char)('a' + i);
        r[i].cost_nusd = i == 3 ? -5 : INT64_MAX - 1;
        r[i].request_bytes = i == 3 ? INT64_MIN : INT64_MAX;
        r[i].usage.tokens[USAGE_OUTPUT] = i == 3 ? -1 : INT64_MAX;
        r[i].usage.tokens[USAGE_INPUT] = i == 3 ? INT64_MIN : 1;
    }
    add_all(l, r, 1);
    add_all(l, r + 1, 1);                            // onto what the tables hold
    r[2].started_unix_ms += 5 * MS_PER_DAY;          // beside it
    r[3].user = SLICE("another"), r[3].user_id = 99; // and in another series
    add_all(l, r + 2, 2);
    must(ledger_totals(l, &filter, 0, keep_total, &total, &e), &e);
    assert_int_equal(total.requests, 4);
    assert_true(total.cost_nusd == INT64_MAX);
    assert_true(total.request_bytes == INT64_MAX);
    assert_true(total.usage.tokens[USAGE_OUTPUT] == INT64_MAX);
    assert_int_equal(total.usage.tokens[USAGE_INPUT], 3);
    assert_int_equal(query(l, "SELECT min(input_tokens) FROM usage"), 0);
    assert_int_equal(query(l, "SELECT min(cost_nusd) FROM usage"), 0);
    ledger_close(l);
    fixture_remove(&f);
}

/* What becomes of three that run at the crash; the last of them reserved nothing. */
static void test_unknown(void **state)
{
    static const struct {
        enum on_unknown on_unknown;
        int64_t cost, estimated, with_price;
    } cases[] = {
        {ON_UNKNOWN_RELEASE,         0,   0, 0},
        {ON_UNKNOWN_CHARGE_ESTIMATE, 300, 2, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct journal_limits limits = small_limits();
        struct journal_report report;
        struct journal_set *set;
        struct fixture f;
        struct ledger *l;

        fixture_make(&f);
        limits.on_unknown = cases[i].on_unknown;
        set = fixture_journals(&f, 1, limits, &report);
        for (uint64_t n = 1; n <= 3; n++) {
            struct usage_record r = record_number(n);

            r.cost_nusd = n == 3 ? 0 : (int64_t)n * 100;
            assert_int_not_equal(journal_intent(journal_set_worker(set, 0), &r), JOURNAL_NO_SLOT);
        }
        journal_set_close(set);
        for (size_t again = 0; again < 2; again++)
            journal_set_close(fixture_journals(&f, 1, limits, &report));
        l = fixture_ledger(&f);
        assert_int_equal(query(l, "SELECT sum(cost_nusd) FROM usage"), cases[i].cost);
        assert_int_equal(query(l, "SELECT sum(cost_nusd) FROM usage_total"), cases[i].cost);
        assert_int_equal(query(l, "SELECT count(*) FROM usage WHERE usage_source = 'estimated'"),
                         cases[i].estimated);
        assert_int_equal(query(l, "SELECT count(*) FROM usage WHERE price_id != 0"),
                         cases[i].with_price);
        assert_int_equal(query(l, "SELECT count(*) FROM usage JOIN usage_series s"
                                  " ON s.id = series WHERE s.outcome = 'unknown'"),
                         3);
        ledger_close(l);
        fixture_remove(&f);
    }
}

static void test_settings(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct limits limits;
    struct arena arena;
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    arena_init(&arena, 0);
    l = fixture_ledger(&f);
    must(ledger_settings(l, &limits, &arena, &e), &e);
    assert_int_equal(limits.on_unknown, ON_UNKNOWN_RELEASE);
    run(l->db, "INSERT INTO setting (created_at, updated_at, name, value) VALUES"
               " (0, 0, 'nonsense', '1'), (0, 0, 'on_unknown', '\"charge_estimate\"'),"
               " (0, 0, 'max_attempts', '\"many\"')");
    must(ledger_settings(l, &limits, &arena, &e), &e);
    assert_int_equal(limits.on_unknown, ON_UNKNOWN_CHARGE_ESTIMATE);
    assert_int_equal(limits.max_attempts, 6);
    ledger_close(l);
    arena_release(&arena);
    fixture_remove(&f);
}

struct spending {
    struct ledger_spent users[3], keys[6]; // by id
    size_t count;
};

static void keep_spending(void *ctx, const struct ledger_spent *s)
{
    struct spending *all = ctx;

    assert_in_range(s->id, 1, s->is_key ? 5 : 2);
    *(s->is_key ? &all->keys[s->id] : &all->users[s->id]) = *s;
    all->count++;
}

static void assert_spent(const struct ledger_spent *s, int64_t day, int64_t week, int64_t month,
                         int64_t total)
{
    assert_int_equal(s->day_nusd, day);
    assert_int_equal(s->week_nusd, week);
    assert_int_equal(s->month_nusd, month);
    assert_int_equal(s->total_nusd, total);
}

/* Weeks begin on Monday and months on the first, whichever comes earlier, all in UTC. */
static void test_spending(void **state)
{
    static const struct {
        const char *now, *started;
        bool day, week, month;
    } cases[] = {
        {"2026-11-26T12:00:00Z", "2026-11-26T00:00:00Z", true,  true,  true }, // a Thursday
        {"2026-11-26T12:00:00Z", "2026-11-25T23:59:59Z", false, true,  true },
        {"2026-11-26T12:00:00Z", "2026-11-23T00:00:00Z", false, true,  true },
        {"2026-11-26T12:00:00Z", "2026-11-22T23:59:59Z", false, false, true },
        {"2026-11-26T12:00:00Z", "2026-11-01T00:00:00Z", false, false, true },
        {"2026-11-26T12:00:00Z", "2026-10-31T23:59:59Z", false, false, false},
        {"2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", false, true,  false}, // a Friday
        {"2027-01-01T00:00:00Z", "2026-12-27T23:59:59Z", false, false, false},
        {"2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", true,  true,  true },
        {"2028-02-29T23:59:59Z", "2028-02-29T00:00:00Z", true,  true,  true },
        {"2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z", false, true,  false}, // a clock set back
        {"2026-11-30T00:00:00Z", "2026-11-29T23:59:59Z", false, false, true }, // a Monday
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct usage_record r = record_number(i);
        struct err_info e = {.code = ERR_NONE};
        struct spending all = {.count = 0};
        struct fixture f;
        struct ledger *l;
        int64_t now;

        assert_true(clock_parse(slice_str(cases[i].now), &now));
        assert_true(clock_parse(slice_str(cases[i].started), &r.started_unix_ms));
        r.user_id = 2;
        r.key_id = 4;
        r.cost_nusd = 7;
        fixture_make(&f);
        l = fixture_ledger(&f);
        add_all(l, &r, 1);
        must(ledger_spending(l, now, keep_spending, &all, &e), &e);
        assert_int_equal(all.count, 2);
        assert_spent(&all.users[2], cases[i].day ? 7 : 0, cases[i].week ? 7 : 0,
                     cases[i].month ? 7 : 0, 7);
        assert_spent(&all.keys[4], cases[i].day ? 7 : 0, cases[i].week ? 7 : 0,
                     cases[i].month ? 7 : 0, 7);
        ledger_close(l);
        fixture_remove(&f);
    }
}

/* Whoever is there under several names, models and keys; what cost nothing is not told. */
static void test_spending_of_many(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct spending all = {.count = 0};
    struct usage_record r[300];
    int64_t users[3] = {0}, keys[6] = {0}, now = 1790000000000;
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = record_number(i);
        r[i].started_unix_ms = now;
        r[i].user_id = (int64_t)i % 3; // 0: nobody's
        r[i].user = i % 2 ? SLICE("new name") : SLICE("old name");
        r[i].key_id = r[i].user_id ? (int64_t)i % 6 : 0;
        r[i].cost_nusd = r[i].key_id == 5 ? 0 : r[i].cost_nusd;
        users[r[i].user_id] += r[i].cost_nusd;
        keys[r[i].key_id] += r[i].cost_nusd;
    }
    add_all(l, r, ARRAY_LEN(r));
    add_all(l, r, ARRAY_LEN(r)); // a crash before they were acknowledged
    must(ledger_spending(l, now, keep_spending, &all, &e), &e);
    assert_int_equal(all.count, 2 + 3);
    for (size_t u = 1; u <= 2; u++)
        assert_spent(&all.users[u], users[u], users[u], users[u], users[u]);
    for (size_t k = 1; k <= 4; k++)
        assert_spent(&all.keys[k], keys[k], keys[k], keys[k], keys[k]);
    ledger_close(l);
    fixture_remove(&f);
}

struct traffic {
    int64_t requests, tokens, newest;
    size_t count;
};

static void keep_traffic(void *ctx, const struct ledger_traffic *t)
{
    struct traffic *all = ctx;

    assert_true(t->minute_unix_ms >= all->newest);
    assert_int_equal(t->user_id, 2);
    assert_int_equal(t->key_id, 4);
    assert_int_equal(t->provider_id, 1);
    assert_true(slice_eq(t->alias, SLICE("fast")));
    assert_true(slice_eq(t->provider, SLICE("openai")));
    assert_true(slice_starts(t->model, SLICE("m-")));
    all->newest = t->minute_unix_ms;
    all->requests += t->requests;
    all->tokens += t->tokens;
    all->count++;
}

static void test_traffic(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct traffic all = {.count = 0};
    struct usage_record r[90];
    int64_t now = clock_unix_ms() / MS_PER_MINUTE * MS_PER_MINUTE + 30000;
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = record_number(1);
        r[i].id[35] = (char)('0' + i);
        r[i].started_unix_ms = now - (int64_t)(i / 3) * MS_PER_MINUTE;
        r[i].user_id = 2;
        r[i].key_id = 4;
        r[i].model = i % 3 == 2 ? SLICE("m-2") : SLICE("m-1");
        for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
            r[i].usage.tokens[k] = 1;
    }
    add_all(l, r, ARRAY_LEN(r));
    must(ledger_traffic(l, now - 9 * MS_PER_MINUTE, keep_traffic, &all, &e), &e);
    assert_int_equal(all.requests, 30); // the minute that it is in is told whole
    assert_int_equal(all.count, 20);    // a row a model and minute
    assert_int_equal(all.tokens, 30 * (USAGE_KIND_COUNT - 2));
    ledger_close(l);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_earlier_tables),   cmocka_unit_test(test_price_and_tier),
        cmocka_unit_test(test_hostile_figures),  cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_settings),         cmocka_unit_test(test_spending),
        cmocka_unit_test(test_spending_of_many), cmocka_unit_test(test_traffic),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
