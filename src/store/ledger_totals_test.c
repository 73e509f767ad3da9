/* ledger_totals_test.c - totals by anything and in any zone are the sums of the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/clock.h"
#include "store/ledger_inside.h"
#include "store/ledger_testing.h"

#define RECORDS 1000

static void must(enum err err, const struct err_info *e)
{
    if (err)
        print_error("%s\n", e->text);
    assert_int_equal(err, ERR_NONE);
}

static int64_t moment(const char *text)
{
    int64_t unix_ms;

    assert_true(clock_parse(slice_str(text), &unix_ms));
    return unix_ms;
}

static struct zone rule_zone(const char *rule)
{
    struct zone z;

    assert_true(zone_parse_rule(&z, slice_str(rule)));
    return z;
}

/* Any exchange of some weeks in which clocks change, a tenth of them failed. */
static struct usage_record any_record(struct random *random, uint64_t n, int64_t begin)
{
    static const char *const names[] = {"a", "b", "c", ""};
    struct usage_record r = record_number(n);

    r.started_unix_ms = begin + (int64_t)random_below(random, 40ull * MS_PER_DAY);
    r.user = slice_str(names[random_below(random, 3)]);
    r.key_label = slice_str(names[random_below(random, 3)]);
    r.provider = slice_str(names[random_below(random, 2)]);
    r.model = slice_str(names[random_below(random, 3)]);
    r.alias = slice_str(names[random_below(random, 4)]);
    r.outcome = random_below(random, 10) ? OUTCOME_OK
                                         : (enum outcome)random_below(random, OUTCOME_UNKNOWN + 1);
    r.cost_nusd = (int64_t)random_below(random, 1000000007);
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        r.usage.tokens[k] = (int64_t)random_below(random, 1000);
    return r;
}

static bool count_requests(void *ctx, const struct ledger_total *t)
{
    *(int64_t *)ctx += t->requests;
    return true;
}

static bool keep_last_step(void *ctx, const struct ledger_total *t)
{
    *(int64_t *)ctx = t->step_unix_ms;
    return true;
}

struct question {
    struct ledger_filter filter;
    const struct usage_record *records; // [RECORDS]
    int64_t last_step;
    uint64_t requests;
    int64_t cost_nusd;
};

static struct slice name_of(const struct usage_record *r, size_t group)
{
    const struct slice names[LEDGER_GROUP_COUNT] = {
        r->user, r->key_label, r->provider, r->model, r->alias, slice_str(outcome_name(r->outcome)),
    };

    return names[group];
}

static bool belongs(const struct question *q, const struct usage_record *r,
                    const struct ledger_total *t)
{
    struct slice wanted[LEDGER_GROUP_COUNT];

    if (t && q->filter.step &&
        (r->started_unix_ms < t->step_unix_ms || r->started_unix_ms >= t->step_end_unix_ms))
        return false;
    ledger_filter_names(&q->filter, wanted);
    if ((q->filter.user_id && q->filter.user_id != r->user_id) ||
        (q->filter.key_id && q->filter.key_id != r->key_id))
        return false;
    if ((q->filter.since_unix_ms && r->started_unix_ms < q->filter.since_unix_ms) ||
        (q->filter.until_unix_ms && r->started_unix_ms >= q->filter.until_unix_ms))
        return false;
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (wanted[g].ptr && !slice_eq(wanted[g], name_of(r, g)))
            return false;
        if (t && (q->filter.groups >> g & 1u) && !slice_eq(t->names[g], name_of(r, g)))
            return false;
    }
    return true;
}

static void add(struct ledger_total *t, const struct usage_record *r)
{
    t->requests++;
    t->cost_nusd += r->cost_nusd;
    t->unpriced += !r->priced;
    t->attempts += r->attempts;
    t->first_bytes += r->first_byte_ms >= 0;
    t->first_byte_ms += r->first_byte_ms >= 0 ? r->first_byte_ms : 0;
    t->total_ms += r->total_ms;
    t->request_bytes += r->request_bytes;
    t->response_bytes += r->response_bytes;
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        t->usage.tokens[k] += r->usage.tokens[k];
}

static bool check_total(void *ctx, const struct ledger_total *got)
{
    struct question *q = ctx;
    struct ledger_total want = *got;

    memset(&want.requests, 0, sizeof(want) - offsetof(struct ledger_total, requests));
    for (size_t i = 0; i < RECORDS; i++) {
        if (belongs(q, &q->records[i], got))
            add(&want, &q->records[i]);
    }
    assert_memory_equal(&want, got, sizeof(want));
    assert_true(got->step_unix_ms >= q->last_step);
    if (q->filter.step)
        assert_int_equal(zone_slot_at(q->filter.zone,
                                      q->filter.step == LEDGER_BY_DAY ? ZONE_DAY : ZONE_HOUR,
                                      got->step_unix_ms)
                             .begin_unix_ms,
                         got->step_unix_ms);
    q->last_step = got->step_unix_ms;
    q->requests += (uint64_t)got->requests;
    q->cost_nusd += got->cost_nusd;
    return true;
}

static void ask(struct ledger *l, struct question *q)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_total all = {.requests = 0};

    q->last_step = INT64_MIN;
    q->requests = 0;
    q->cost_nusd = 0;
    must(ledger_totals(l, &q->filter, clock_unix_ms(), check_total, q, &e), &e);
    for (size_t i = 0; i < RECORDS; i++) {
        if (belongs(q, &q->records[i], NULL))
            add(&all, &q->records[i]);
    }
    assert_int_equal(q->requests, all.requests); // none is missing
    assert_int_equal(q->cost_nusd, all.cost_nusd);
}

/* Every grouping, every step, in places whose clocks change in between or are odd. */
static void test_totals_equal_rows(void **state)
{
    static const char *const rules[] = {
        "UTC0",         "CET-1CEST,M3.5.0,M10.5.0/3",           "EST5EDT,M3.2.0,M11.1.0",
        "<+0545>-5:45", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<-12>12",
    };
    static struct usage_record records[RECORDS];
    const int64_t begin = moment("2026-03-01T00:00:00Z");
    struct err_info e = {.code = ERR_NONE};
    struct random random;
    struct fixture f;
    struct ledger *l;

    (void)state;
    random_seed(&random, (const uint64_t[]){11, 12, 13, 14});
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (uint64_t n = 0; n < RECORDS; n++)
        records[n] = any_record(&random, n, begin);
    for (size_t round = 0; round < 2; round++) { // the second adds nothing
        for (size_t i = 0; i < RECORDS; i++) {
            if (i % 100 == 0)
                must(ledger_begin(l, &e), &e);
            must(ledger_add(l, &records[i], &e), &e);
            if (i % 100 == 99)
                must(ledger_commit(l, &e), &e);
        }
    }
    for (size_t i = 0; i < 200; i++) {
        struct zone zone = rule_zone(rules[i % ARRAY_LEN(rules)]);
        struct question q = {
            .filter = {.groups = (unsigned)random_below(&random, 1u << LEDGER_GROUP_COUNT),
                       .zone = &zone},
            .records = records,
        };

        if (i % 3)
            q.filter.step = i % 3 == 1 ? LEDGER_BY_DAY : LEDGER_BY_HOUR;
        if (i % 5 == 1)
            q.filter.user = SLICE("b");
        if (i % 5 == 2)
            q.filter.outcome = SLICE("timeout");
        if (i % 6 == 5)
            q.filter.user_id = 2;
        if (i % 9 == 5)
            q.filter.key_id = 4;
        if (i % 7 == 3)
            q.filter.alias = SLICE("");
        if (i % 4 > 1)
            q.filter.since_unix_ms = begin + (int64_t)random_below(&random, 30ull * MS_PER_DAY);
        if (i % 4 > 0)
            q.filter.until_unix_ms =
                begin + (int64_t)random_below(&random, 40ull * MS_PER_DAY) / 7 * 7;
        ask(l, &q);
    }
    ledger_close(l);
    fixture_remove(&f);
}

/* Days of 23 and of 25 hours, from a request every hour on the hour. */
static void test_changing_clocks(void **state)
{
    static const struct {
        const char *begin;
        int64_t before, that_day, after;
    } cases[] = {
        {"2026-03-28T00:00:00Z", 24, 23, 24},
        {"2026-10-24T00:00:00Z", 24, 25, 24},
    };
    struct zone berlin = rule_zone("CET-1CEST,M3.5.0,M10.5.0/3");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {.code = ERR_NONE};
        int64_t counts[3], begin = moment(cases[i].begin) - MS_PER_DAY;
        struct fixture f;
        struct ledger *l;

        fixture_make(&f);
        l = fixture_ledger(&f);
        must(ledger_begin(l, &e), &e);
        for (uint64_t n = 0; n < 120; n++) {
            struct usage_record r = record_number(n);

            r.started_unix_ms = begin + (int64_t)n * 60 * MS_PER_MINUTE;
            must(ledger_add(l, &r, &e), &e);
        }
        must(ledger_commit(l, &e), &e);
        for (int day = 0; day < 3; day++) {
            int64_t noon = moment(cases[i].begin) + day * MS_PER_DAY + 12 * 60 * MS_PER_MINUTE;
            struct zone_slot slot = zone_slot_at(&berlin, ZONE_DAY, noon);
            struct ledger_filter filter = {.since_unix_ms = slot.begin_unix_ms,
                                           .until_unix_ms = slot.end_unix_ms,
                                           .step = LEDGER_BY_DAY,
                                           .zone = &berlin};

            counts[day] = 0;
            must(ledger_totals(l, &filter, clock_unix_ms(), count_requests, &counts[day], &e), &e);
        }
        assert_int_equal(counts[0], cases[i].before);
        assert_int_equal(counts[1], cases[i].that_day);
        assert_int_equal(counts[2], cases[i].after);
        ledger_close(l);
        fixture_remove(&f);
    }
}

static bool check_bounds(void *ctx, const struct ledger_total *t)
{
    assert_in_range(t->requests, 1, 2);
    assert_int_equal(t->cost_nusd, t->requests * 5);
    assert_true(t->usage.tokens[USAGE_INPUT] == INT64_MAX || t->usage.tokens[USAGE_INPUT] == 7);
    *(int64_t *)ctx += t->usage.tokens[USAGE_INPUT] == INT64_MAX;
    return true;
}

/* A figure out of all bounds near midnight leaves the days around it without negative ones. */
static void test_hostile_midnight(void **state)
{
    static const char *const moments[] = {
        "2026-09-20T21:00:00Z", "2026-09-21T21:00:00Z", "2026-09-21T22:30:00Z",
        "2026-09-22T12:00:00Z", "2026-09-24T00:00:00Z",
    };
    struct zone berlin = rule_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    struct ledger_filter filter = {.step = LEDGER_BY_DAY, .zone = &berlin};
    struct err_info e = {.code = ERR_NONE};
    int64_t hostile = 0, requests = 0;
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    must(ledger_begin(l, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        struct usage_record r = record_number(i);

        r.started_unix_ms = moment(moments[i]);
        r.cost_nusd = 5;
        r.usage.tokens[USAGE_INPUT] = i == 2 ? INT64_MAX : 7;
        must(ledger_add(l, &r, &e), &e);
    }
    must(ledger_commit(l, &e), &e);
    must(ledger_totals(l, &filter, clock_unix_ms(), check_bounds, &hostile, &e), &e);
    must(ledger_totals(l, &filter, clock_unix_ms(), count_requests, &requests, &e), &e);
    assert_in_range(hostile, 1, 2);
    assert_int_equal(requests, ARRAY_LEN(moments));
    ledger_close(l);
    fixture_remove(&f);
}

static void test_minutes_of_earlier(void **state)
{
    int64_t now = clock_unix_ms();
    const int64_t since[] = {0, now - MS_PER_DAY - 1};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    for (size_t i = 0; i < ARRAY_LEN(since); i++) {
        struct ledger_filter filter = {.since_unix_ms = since[i], .step = LEDGER_BY_MINUTE};
        struct err_info e = {.code = ERR_NONE};
        int64_t count = 0;

        assert_int_equal(ledger_totals(l, &filter, now, count_requests, &count, &e),
                         ERR_BAD_REQUEST);
        assert_non_null(strstr(e.text, "a day"));
    }
    ledger_close(l);
    fixture_remove(&f);
}

/* The last hours by the minute and by the hour, from what is kept by the minute. */
static void test_recent_steps(void **state)
{
    int64_t now = clock_unix_ms(), last = 0;
    struct err_info e = {.code = ERR_NONE};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    must(ledger_begin(l, &e), &e);
    for (uint64_t n = 0; n < 180; n++) {
        struct usage_record r = record_number(n);

        r.started_unix_ms = now - (int64_t)n * MS_PER_MINUTE;
        must(ledger_add(l, &r, &e), &e);
    }
    must(ledger_commit(l, &e), &e);
    for (int step = LEDGER_BY_MINUTE; step <= LEDGER_BY_DAY; step++) {
        struct ledger_filter filter = {.since_unix_ms = now - 90 * MS_PER_MINUTE,
                                       .step = (enum ledger_step)step};
        int64_t requests = 0;

        must(ledger_totals(l, &filter, now, count_requests, &requests, &e), &e);
        assert_int_equal(requests, 91);
        must(ledger_totals(l, &filter, now, keep_last_step, &last, &e), &e);
        assert_true(last <= now && last > now - 2 * MS_PER_DAY);
    }
    ledger_close(l);
    fixture_remove(&f);
}

struct page {
    char ids[50][ID_TEXT_BYTES];
    size_t count;
};

static bool gather_page(void *ctx, const struct ledger_row *row)
{
    struct page *page = ctx;

    memcpy(page->ids[page->count++], row->record.id, ID_TEXT_BYTES);
    return true;
}

static struct page page_of(struct ledger *l, struct ledger_filter filter)
{
    struct err_info e = {.code = ERR_NONE};
    struct page page = {.count = 0};

    must(ledger_rows(l, &filter, gather_page, &page, &e), &e);
    return page;
}

/* Pages forward and back, with a filter, meet every row once. */
static void test_pages(void **state)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger_filter filter = {.user = SLICE("bob"), .limit = 7};
    struct fixture f;
    struct page page;
    struct ledger *l;
    uint64_t next = 0;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    must(ledger_begin(l, &e), &e);
    for (uint64_t n = 0; n < 300; n++) {
        struct usage_record r = record_number(n);
        must(ledger_add(l, &r, &e), &e);
    }
    must(ledger_commit(l, &e), &e);
    filter.after = SLICE("0");
    do {
        page = page_of(l, filter);
        for (size_t i = 0; i < page.count; i++, next += 3)
            assert_int_equal(number_of(page.ids[i]), next);
        filter.after = slice_of(page.ids[page.count - 1], ID_TEXT_BYTES - 1);
    } while (page.count == 7);
    assert_int_equal(next, 300);
    filter.after = slice_of(NULL, 0);
    filter.before = SLICE("g");
    do {
        page = page_of(l, filter); // its rows still come in the order of time
        for (size_t i = page.count; i-- > 0;)
            assert_int_equal(number_of(page.ids[i]), next -= 3);
        filter.before = slice_of(page.ids[0], ID_TEXT_BYTES - 1);
    } while (page.count == 7);
    assert_int_equal(next, 0);
    page = page_of(l, (struct ledger_filter){.user_id = 2, .key_id = 5, .limit = 50});
    assert_int_equal(page.count, 20); // of 300 every fifteenth
    for (size_t i = 0; i < page.count; i++)
        assert_int_equal(number_of(page.ids[i]) % 15, 4);
    ledger_close(l);
    fixture_remove(&f);
}

static bool dawdle(void *ctx, const struct ledger_row *row)
{
    const struct timespec nap = {.tv_nsec = 100000};

    (void)ctx;
    (void)row;
    nanosleep(&nap, NULL);
    return true;
}

static bool dawdle_over_total(void *ctx, const struct ledger_total *t)
{
    (void)t;
    return dawdle(ctx, NULL);
}

static bool pass_row(void *ctx, const struct ledger_row *row)
{
    (void)ctx;
    (void)row;
    return true;
}

/* Whoever holds up the statement, here the caller, is told so; the next question is answered. */
static void test_time_limit(void **state)
{
    struct ledger_filter all = {.limit = 0};
    struct err_info e = {.code = ERR_NONE};
    struct fixture f;
    struct ledger *l;

    (void)state;
    fixture_make(&f);
    l = fixture_ledger(&f);
    must(ledger_begin(l, &e), &e);
    for (uint64_t n = 0; n < 3000; n++) {
        struct usage_record r = record_number(n);
        must(ledger_add(l, &r, &e), &e);
    }
    must(ledger_commit(l, &e), &e);
    ledger_set_time_limit(l, 1);
    assert_int_equal(ledger_rows(l, &all, dawdle, NULL, &e), ERR_OVERLOADED);
    e = (struct err_info){.code = ERR_NONE};
    all.step = LEDGER_BY_HOUR;
    all.groups = 63;
    assert_int_equal(ledger_totals(l, &all, 0, dawdle_over_total, NULL, &e), ERR_OVERLOADED);
    e = (struct err_info){.code = ERR_NONE};
    ledger_set_time_limit(l, 0);
    must(ledger_rows(l, &all, pass_row, NULL, &e), &e);
    ledger_close(l);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals_equal_rows), cmocka_unit_test(test_changing_clocks),
        cmocka_unit_test(test_hostile_midnight),  cmocka_unit_test(test_minutes_of_earlier),
        cmocka_unit_test(test_recent_steps),      cmocka_unit_test(test_pages),
        cmocka_unit_test(test_time_limit),
    };

    fixture_be_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
