/* retention_test.c - what is old goes, in small steps; what is not, and the totals, stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/ledger_testing.h"
#include "store/retention.h"

#define START_MS 1790000000000 // record_number(0); each is a second later
#define ROWS     2500

static int64_t ask(const struct fixture *f, const char *sql)
{
    struct err_info e = {0};
    int64_t value = -1;
    sqlite3 *db;

    assert_int_equal(db_open(f->dsn, 0, &db, &e), ERR_NONE);
    assert_int_equal(db_query_int(db, sql, -1, &value, &e), ERR_NONE);
    sqlite3_close(db);
    return value;
}

static void add_rows(const struct fixture *f)
{
    struct ledger *l = fixture_ledger(f);
    struct err_info e = {0};

    assert_int_equal(ledger_begin(l, &e), ERR_NONE);
    for (uint64_t n = 0; n < ROWS; n++) {
        struct usage_record r = record_number(n);
        assert_int_equal(ledger_add(l, &r, &e), ERR_NONE);
    }
    assert_int_equal(ledger_commit(l, &e), ERR_NONE);
    ledger_close(l);
}

/* One line of the audit log for each second. */
static void add_lines(const struct fixture *f)
{
    ask(f, "WITH RECURSIVE n (v) AS (SELECT 0 UNION ALL SELECT v + 1 FROM n WHERE v < 2499)"
           " INSERT INTO audit_log (at, actor_kind, actor, origin, action, kind, row_id, name,"
           " note) SELECT 1790000000000 + v * 1000, 'cli', '', '', 'create', 'user', 1, '', ''"
           " FROM n");
}

static int64_t step(const struct fixture *f, struct retention_days days, int64_t now)
{
    struct err_info e = {0};
    int64_t removed = -1;

    assert_int_equal(retention_step(f->dsn, days, now, &removed, &e), ERR_NONE);
    return removed;
}

static void test_steps(void **state)
{
    struct fixture f;
    int64_t now = START_MS + 2200 * 1000 + 3 * DAY_MS, cost;

    (void)state;
    fixture_make(&f);
    add_rows(&f);
    add_lines(&f);
    cost = ask(&f, "SELECT sum(cost_nusd) FROM usage_day");
    assert_true(cost > 0);
    assert_int_equal(step(&f, (struct retention_days){0, 0}, now), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM usage_row"), ROWS);
    assert_int_equal(step(&f, (struct retention_days){4, 0}, now), 0); // none is so old
    assert_int_equal(step(&f, (struct retention_days){3, 0}, now), RETENTION_STEP_ROWS);
    assert_int_equal(ask(&f, "SELECT count(*) FROM usage_row"), ROWS - 1000);
    assert_int_equal(step(&f, (struct retention_days){3, 0}, now), RETENTION_STEP_ROWS);
    assert_int_equal(step(&f, (struct retention_days){3, 0}, now), 200);
    assert_int_equal(step(&f, (struct retention_days){3, 0}, now), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM usage_row"), 300);
    assert_int_equal(ask(&f, "SELECT sum(cost_nusd) FROM usage_day"), cost);
    assert_int_equal(ask(&f, "SELECT count(*) FROM audit_log"), ROWS);
    assert_int_equal(step(&f, (struct retention_days){0, 3}, now), RETENTION_STEP_ROWS);
    assert_int_equal(step(&f, (struct retention_days){0, 3}, now), RETENTION_STEP_ROWS);
    assert_int_equal(step(&f, (struct retention_days){0, 3}, now), 200);
    assert_int_equal(ask(&f, "SELECT min(at) FROM audit_log"), START_MS + 2200 * 1000);
    fixture_remove(&f);
}

/* Lines of the year 2001, whatever the date is today. */
static void test_thread(void **state)
{
    const struct timespec nap = {.tv_nsec = 10000000};
    struct retention *r;
    struct err_info e = {0};
    struct fixture f;

    (void)state;
    fixture_make(&f);
    add_lines(&f);
    ask(&f, "UPDATE audit_log SET at = at - 800000000000");
    assert_int_equal(retention_start(f.dsn, &r, &e), ERR_NONE);
    retention_set(r, (struct retention_days){1, 0});
    retention_set(r, (struct retention_days){1, 1});
    while (ask(&f, "SELECT count(*) FROM audit_log"))
        nanosleep(&nap, NULL);
    retention_stop(r);
    retention_stop(NULL);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_thread),
    };
    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
