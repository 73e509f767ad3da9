/* ledger_test.c - usage rows, what is added up from them, and reading both back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/ledger_inside.h"
#include "store/ledger_testing.h"

static void must(enum err err, const struct err_info *e)
{
    if (err)
        print_error("%s\n", e->text);
    assert_int_equal(err, ERR_NONE);
}

static void add(struct ledger *l, const struct usage_record *r)
{
    struct err_info e = {.code = ERR_NONE};

    must(ledger_add(l, r, &e), &e);
}

static void begin(struct ledger *l)
{
    struct err_info e = {.code = ERR_NONE};

    must(ledger_begin(l, &e), &e);
}

static void commit(struct ledger *l)
{
    struct err_info e = {.code = ERR_NONE};

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

/* Records of a few series, over some days, some of them twice. */
static struct usage_record any_record(struct random *random, int64_t now)
{
    static const char *const users[] = {"alice", "bob", "carol"};
    struct usage_record r = record_number(random_below(random, 3000));

    r.started_unix_ms = now - (int64_t)(number_of(r.id) * 100000); // three and a half days
    r.user = slice_str(users[number_of(r.id) % 3]);
    r.first_byte_ms = number_of(r.id) % 5 ? (int64_t)(number_of(r.id) % 700) : -1;
    return r;
}

#define ALL_TIME "9000000000000000"

/* Every roll-up, in every span and series, is the sum of its rows to the last unit. */
static void test_rollups_equal_rows(void **state)
{
    static const struct {
        const char *table, *span;
    } tables[] = {
        {"usage_quarter", "900000"  },
        {"usage_day",     "86400000"},
        {"usage_total",   ALL_TIME  },
    };
    struct random random;
    struct fixture f;
    struct ledger *l;

    (void)state;
    random_seed(&random, (const uint64_t[]){5, 6, 7, 8});
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t batch = 0; batch < 20; batch++) {
        begin(l);
        for (size_t i = 0; i < 400; i++) {
            struct usage_record r = any_record(&random, clock_unix_ms());
            add(l, &r);
        }
        if (batch % 5 == 4)
            ledger_rollback(l);
        else
            commit(l);
    }
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct buf sql = {.data = NULL};

        buf_printf(&sql, "SELECT count(*) FROM (SELECT at, series");
        for (unsigned s = 0; s < ROLLUP_SUMS; s++)
            buf_printf(&sql, ", %s", rollup_column(s));
        buf_printf(&sql, " FROM %s EXCEPT SELECT started_at / %s * %s, series, count(*)",
                   tables[i].table, tables[i].span, tables[i].span);
        for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
            buf_printf(&sql, ", sum(%s)", usage_kind_name((enum usage_kind)k));
        buf_append_str(&sql,
                       ", sum(cost_nusd), sum(NOT priced), sum(attempts), count(first_byte_ms),"
                       " coalesce(sum(first_byte_ms), 0), sum(total_ms), sum(request_bytes),"
                       " sum(response_bytes) FROM usage GROUP BY 1, 2)");
        buf_append_byte(&sql, '\0');
        assert_int_equal(query(l, buf_peek(&sql).ptr), 0);
        buf_release(&sql);
    }
    assert_true(query(l, "SELECT count(*) FROM usage") > 2000);
    assert_int_equal(query(l, "SELECT sum(requests) FROM usage_quarter"),
                     query(l, "SELECT count(*) FROM usage"));
    assert_int_equal(query(l, "SELECT sum(requests) FROM usage_day"),
                     query(l, "SELECT count(*) FROM usage"));
    ledger_close(l);
    fixture_remove(&f);
}

static void test_twice_is_once(void **state)
{
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t round = 0; round < 3; round++) {
        begin(l);
        for (uint64_t n = 0; n < 100; n++) {
            struct usage_record r = record_number(n);
            r.cost_nusd += (int64_t)round; // the first one stays
            add(l, &r);
            add(l, &r);
        }
        commit(l);
        assert_int_equal(ledger_added(l), round ? 0 : 100);
    }
    assert_int_equal(query(l, "SELECT count(*) FROM usage"), 100);
    assert_int_equal(query(l, "SELECT sum(requests) FROM usage_day"), 100);
    assert_int_equal(query(l, "SELECT sum(cost_nusd) FROM usage_day"), 99 * 100 / 2 * 1001);
    ledger_close(l);
    fixture_remove(&f);
}

/* A series that was added and rolled back is not remembered; one that differs by ids is another. */
static void test_series(void **state)
{
    struct usage_record r = record_number(1);
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    begin(l);
    add(l, &r);
    ledger_rollback(l);
    assert_int_equal(query(l, "SELECT count(*) FROM usage_series"), 0);
    begin(l);
    add(l, &r);
    r.id[35] = 'a';
    r.user_id++; // renamed away, and another took the name
    add(l, &r);
    r.id[35] = 'b';
    r.alias = SLICE("f");
    r.model = SLICE("ast"); // the same bytes in a row
    add(l, &r);
    r.id[35] = 'c';
    r.alias = SLICE("fa");
    r.model = SLICE("st");
    add(l, &r);
    commit(l);
    assert_int_equal(query(l, "SELECT count(*) FROM usage_series"), 4);
    assert_int_equal(query(l, "SELECT count(DISTINCT series) FROM usage"), 4);
    ledger_close(l);
    fixture_remove(&f);
}

struct gathered {
    struct ledger_total totals[64];
    char names[64][LEDGER_GROUP_COUNT][32];
    size_t count;
};

static bool gather(void *ctx, const struct ledger_total *t)
{
    struct gathered *g = ctx;

    assert_true(g->count < 64);
    for (size_t i = 0; i < LEDGER_GROUP_COUNT; i++)
        snprintf(g->names[g->count][i], 32, "%.*s", SLICE_ARG(t->names[i]));
    g->totals[g->count++] = *t;
    return true;
}

static struct gathered totals_of(struct ledger *l, struct ledger_filter filter, int64_t now)
{
    struct gathered g = {.count = 0};
    struct err_info e = {.code = ERR_NONE};

    must(ledger_totals(l, &filter, now, gather, &g, &e), &e);
    return g;
}

static void test_totals(void **state)
{
    const int64_t day = 1790035200000, now = day + 3 * MS_PER_DAY; // 2026-09-22
    struct fixture f;
    struct ledger *l;
    struct gathered g;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    begin(l);
    for (uint64_t n = 0; n < 12; n++) {
        struct usage_record r = record_number(n);

        r.started_unix_ms = day + (int64_t)n * 6 * 60 * MS_PER_MINUTE; // four a day
        r.user = n % 4 ? SLICE("alice") : SLICE("bob");
        r.cost_nusd = 1 << n;
        r.usage.tokens[USAGE_INPUT] = (int64_t)n;
        r.first_byte_ms = n % 2 ? 10 : -1;
        r.priced = n != 5;
        add(l, &r);
    }
    commit(l);

    g = totals_of(l, (struct ledger_filter){.groups = 0}, now);
    assert_int_equal(g.count, 1);
    assert_int_equal(g.totals[0].requests, 12);
    assert_int_equal(g.totals[0].cost_nusd, (1 << 12) - 1);
    assert_int_equal(g.totals[0].usage.tokens[USAGE_INPUT], 66);
    assert_int_equal(g.totals[0].first_bytes, 6);
    assert_int_equal(g.totals[0].first_byte_ms, 60);
    assert_int_equal(g.totals[0].unpriced, 1);

    g = totals_of(l, (struct ledger_filter){.groups = 1u << LEDGER_BY_USER}, now);
    assert_int_equal(g.count, 2);
    assert_string_equal(g.names[0][LEDGER_BY_USER], "alice"); // dearest first
    assert_int_equal(g.totals[0].requests, 9);
    assert_int_equal(g.totals[1].cost_nusd, 1 + (1 << 4) + (1 << 8));

    g = totals_of(l, (struct ledger_filter){.step = LEDGER_BY_DAY}, now);
    assert_int_equal(g.count, 3);
    assert_int_equal(g.totals[1].step_unix_ms, day + MS_PER_DAY);
    assert_int_equal(g.totals[1].step_end_unix_ms, day + 2 * MS_PER_DAY);
    assert_int_equal(g.totals[1].requests, 4);

    // From a quarter of an hour on; the last row is within the last day.
    g = totals_of(l, (struct ledger_filter){.since_unix_ms = day + 6 * 60 * MS_PER_MINUTE + 5},
                  now);
    assert_int_equal(g.totals[0].requests, 11);
    g = totals_of(l,
                  (struct ledger_filter){.since_unix_ms = day + 7 * 60 * MS_PER_MINUTE,
                                         .until_unix_ms = day + MS_PER_DAY},
                  now);
    assert_int_equal(g.totals[0].requests, 2);
    g = totals_of(
        l, (struct ledger_filter){.user = SLICE("bob"), .until_unix_ms = day + MS_PER_DAY}, now);
    assert_int_equal(g.totals[0].requests, 1);
    g = totals_of(l, (struct ledger_filter){.user = SLICE("nobody")}, now);
    assert_int_equal(g.count, 0);
    ledger_close(l);
    fixture_remove(&f);
}

/* The last day is answered from minutes, exactly to the minute. */
static void test_minutes(void **state)
{
    int64_t now = clock_unix_ms();
    struct ledger_filter filter = {.since_unix_ms = now - 30 * MS_PER_MINUTE};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    begin(l);
    for (uint64_t n = 0; n < 60; n++) {
        struct usage_record r = record_number(n);
        r.started_unix_ms = now - (int64_t)n * MS_PER_MINUTE;
        add(l, &r);
    }
    struct usage_record old = record_number(99);
    old.started_unix_ms = now - 2 * MS_PER_DAY;
    add(l, &old);
    commit(l);
    assert_int_equal(totals_of(l, filter, now).totals[0].requests, 31);
    assert_int_equal(query(l, "SELECT sum(requests) FROM usage_minute"), 60); // the old one went
    ledger_close(l);
    fixture_remove(&f);
}

struct ids {
    uint64_t numbers[128];
    size_t count, most;
};

static bool gather_id(void *ctx, const struct ledger_row *row)
{
    struct ids *ids = ctx;

    ids->numbers[ids->count++] = number_of(row->record.id);
    return ids->count < ids->most;
}

static struct ids rows_of(struct ledger *l, struct ledger_filter filter)
{
    struct ids ids = {.most = 128};
    struct err_info e = {.code = ERR_NONE};

    must(ledger_rows(l, &filter, gather_id, &ids, &e), &e);
    return ids;
}

static void test_rows(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_filter any = {.limit = 0};
    struct ids ids = {.most = 3};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    begin(l);
    for (uint64_t n = 100; n > 0; n--) { // not in order
        struct usage_record r = record_number(n);
        add(l, &r);
    }
    commit(l);

    ids = rows_of(l, any);
    assert_int_equal(ids.count, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(ids.numbers[i], i + 1);
    ids = rows_of(l, (struct ledger_filter){.limit = 5});
    assert_int_equal(ids.count, 5);
    assert_int_equal(ids.numbers[0], 96);
    ids = rows_of(l, (struct ledger_filter){.since_unix_ms = 1790000000000 + 90 * 1000});
    assert_int_equal(ids.count, 11);
    ids = rows_of(l, (struct ledger_filter){.until_unix_ms = 1790000000000 + 10 * 1000});
    assert_int_equal(ids.count, 9);
    ids = rows_of(l, (struct ledger_filter){.user = SLICE("bob"), .limit = 2});
    assert_int_equal(ids.numbers[0], 96);
    assert_int_equal(ids.numbers[1], 99);
    ids = (struct ids){.most = 3}; // the caller has seen enough
    must(ledger_rows(l, &any, gather_id, &ids, &e), &e);
    assert_int_equal(ids.count, 3);
    ledger_close(l);
    fixture_remove(&f);
}

static bool check_fields(void *ctx, const struct ledger_row *row)
{
    struct usage_record want = record_number(number_of(row->record.id));
    const struct usage_record *got = &row->record;

    ++*(size_t *)ctx;
    assert_int_equal(got->started_unix_ms, want.started_unix_ms);
    assert_int_equal(got->user_id, want.user_id);
    assert_int_equal(got->key_id, want.key_id);
    assert_int_equal(got->credential_id, want.credential_id);
    assert_int_equal(got->http_status, want.http_status);
    assert_int_equal(got->upstream_status, want.upstream_status);
    assert_int_equal(got->stream, want.stream);
    assert_int_equal(got->attempts, want.attempts);
    assert_int_equal(got->connect_ms, want.connect_ms);
    assert_int_equal(got->first_byte_ms, want.first_byte_ms);
    assert_int_equal(got->total_ms, want.total_ms);
    assert_int_equal(got->request_bytes, want.request_bytes);
    assert_int_equal(got->response_bytes, want.response_bytes);
    assert_int_equal(got->cost_nusd, want.cost_nusd);
    assert_int_equal(got->priced, want.priced);
    assert_int_equal(got->price_id, want.price_id);
    assert_memory_equal(&got->usage, &want.usage, sizeof(got->usage));
    assert_true(slice_eq(got->user, want.user));
    assert_true(slice_eq(got->key_label, want.key_label));
    assert_true(slice_eq(got->provider, want.provider));
    assert_true(slice_eq(got->model, want.model));
    assert_true(slice_eq(got->alias, want.alias));
    assert_true(slice_eq(got->asked_model, want.asked_model));
    assert_true(slice_eq(got->client_request_id, want.client_request_id));
    assert_true(slice_eq(row->operation, slice_str(operation_name(want.operation))));
    assert_true(slice_eq(row->dialect, slice_str(dialect_name(want.dialect))));
    assert_true(slice_eq(row->outcome, slice_str(outcome_name(want.outcome))));
    assert_true(slice_eq(row->source, SLICE("upstream")));
    assert_true(slice_eq(row->tier, slice_str(service_tier_name(want.tier))));
    assert_true(slice_eq(row->err, slice_str(want.err ? err_name(want.err) : NULL)));
    return true;
}

static void test_fields_come_back(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_filter any = {.limit = 0};
    struct fixture f;
    struct ledger *l;
    size_t count = 0;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    begin(l);
    for (uint64_t n = 0; n < 200; n++) {
        struct usage_record r = record_number(n);
        add(l, &r);
    }
    commit(l);
    must(ledger_rows(l, &any, check_fields, &count, &e), &e);
    assert_int_equal(count, 200);
    ledger_close(l);
    fixture_remove(&f);
}

/* Rows written into a file that nobody can find any more would be lost. */
static void test_moved_away(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct fixture f;
    struct ledger *l;
    char path[96];

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    snprintf(path, sizeof(path), "%s/gproxy.db", f.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ledger_begin(l, &e), ERR_IO);
    assert_false(ledger_may_recover(l));
    ledger_close(l);
    fixture_remove(&f);
}

static void test_groups(void **state)
{
    enum ledger_step step;
    enum ledger_group g;

    (void)state;
    for (unsigned i = 0; i < LEDGER_GROUP_COUNT; i++) {
        assert_true(ledger_group_parse(slice_str(ledger_group_name((enum ledger_group)i)), &g));
        assert_int_equal(g, i);
    }
    assert_false(ledger_group_parse(SLICE("users"), &g));
    assert_true(ledger_group_parse(SLICE("status"), &g));
    assert_int_equal(g, LEDGER_BY_OUTCOME);
    for (int i = LEDGER_BY_MINUTE; i <= LEDGER_BY_DAY; i++) {
        assert_true(ledger_step_parse(slice_str(ledger_step_name((enum ledger_step)i)), &step));
        assert_int_equal(step, i);
    }
    assert_false(ledger_step_parse(SLICE("week"), &step));
    assert_false(ledger_step_parse(SLICE(""), &step));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollups_equal_rows),
        cmocka_unit_test(test_twice_is_once),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_minutes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_fields_come_back),
        cmocka_unit_test(test_moved_away),
        cmocka_unit_test(test_groups),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
