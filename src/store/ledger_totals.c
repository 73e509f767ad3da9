/* ledger_totals.c - totals from roll-ups, by names and by steps of time in any zone. */
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "store/db.h"
#include "store/ledger_inside.h"

/* A part of a roll-up, read in the order of time. */
struct scan {
    const char *table;
    int64_t from, to; // Unix milliseconds, `to` not included
};

#define SCANS_MOST 3

/* What one combination of names adds up to, within the present step. */
struct group {
    struct slice names[LEDGER_GROUP_COUNT];
    int64_t sums[ROLLUP_SUMS];
    bool is_touched;
};

/* A series met before: what it is counted in. */
struct member {
    int64_t series;
    struct group *group; // NULL: the filter leaves it out
};

/*
 * Adding up is done here and not by SQL's GROUP BY: a step is then found once for all
 * rows that begin at a time, a series once for all its rows, and time zones are ours.
 */
struct totals {
    struct ledger *ledger;
    const struct ledger_filter *filter;
    struct zone zone;
    ledger_total_fn *each;
    void *ctx;
    struct arena arena;
    struct table members; // by series -> struct member
    struct table groups;  // by names, the length before each -> struct group
    struct group **touched;
    size_t touched_count, touched_cap;
    struct zone_slot slot; // the present step
    sqlite3_stmt *find_series;
    struct buf key;
    bool is_over; // the caller has seen enough
};

/* ---- which roll-ups answer ---- */

static int64_t down_to(int64_t unix_ms, int64_t span_ms)
{
    return unix_ms / span_ms * span_ms;
}

static int64_t up_to(int64_t unix_ms, int64_t span_ms)
{
    return unix_ms > INT64_MAX - span_ms ? INT64_MAX / span_ms * span_ms
                                         : (unix_ms + span_ms - 1) / span_ms * span_ms;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whole days from the days, what is left at both ends from quarters of an hour. */
static size_t plan_days(int64_t from, int64_t to, struct scan scans[SCANS_MOST])
{
    int64_t first = least(up_to(from, MS_PER_DAY), to), last = down_to(to, MS_PER_DAY);
    size_t count = 0;

    if (to == INT64_MAX || last < first)
        last = to == INT64_MAX ? to : first;
    if (from < first)
        scans[count++] = (struct scan){"usage_quarter", from, first};
    if (first < last)
        scans[count++] = (struct scan){"usage_day", first, last};
    if (last < to)
        scans[count++] = (struct scan){"usage_quarter", last, to};
    return count;
}

/* The fewest rows that can answer; the filter's bounds are widened to their spans. */
static size_t plan(struct ledger_filter *f, int64_t now_unix_ms, struct scan scans[SCANS_MOST])
{
    bool recent = f->since_unix_ms && f->since_unix_ms >= now_unix_ms - MS_PER_DAY;
    int64_t span = recent ? MS_PER_MINUTE : MS_PER_QUARTER, to;

    f->since_unix_ms = down_to(f->since_unix_ms, span);
    f->until_unix_ms = up_to(f->until_unix_ms, span);
    to = f->until_unix_ms ? f->until_unix_ms : INT64_MAX;
    if (f->step == LEDGER_WHOLE && !f->since_unix_ms && !f->until_unix_ms) {
        scans[0] = (struct scan){"usage_total", 0, INT64_MAX};
        return 1;
    }
    if (recent || f->step == LEDGER_BY_HOUR ||
        (f->step == LEDGER_BY_DAY && f->zone && !zone_is_utc(f->zone))) {
        scans[0] = (struct scan){recent ? "usage_minute" : "usage_quarter", f->since_unix_ms, to};
        return 1;
    }
    return plan_days(f->since_unix_ms, to, scans);
}

/* ---- who counts for what ---- */

static bool is_left_out(const struct ledger_filter *f, const struct slice names[LEDGER_GROUP_COUNT])
{
    struct slice wanted[LEDGER_GROUP_COUNT];

    ledger_filter_names(f, wanted);
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (wanted[g].ptr && !slice_eq(wanted[g], names[g]))
            return true;
    }
    return false;
}

/* Only the names that are asked for are kept; the others tell nothing apart. */
static struct group *group_of(struct totals *t, struct slice names[LEDGER_GROUP_COUNT])
{
    struct group *group;

    buf_clear(&t->key);
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++) {
        if (!(t->filter->groups >> g & 1u))
            names[g] = slice_of(NULL, 0);
        buf_append(&t->key, slice_of((const char *)&names[g].len, sizeof(names[g].len)));
        buf_append(&t->key, names[g]);
    }
    group = table_get(&t->groups, buf_peek(&t->key));
    if (group)
        return group;
    group = arena_new(&t->arena, struct group);
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++)
        group->names[g] = names[g].ptr ? arena_dup(&t->arena, names[g]) : names[g];
    table_put(&t->groups, arena_dup(&t->arena, buf_peek(&t->key)), group);
    return group;
}

static enum err find_series(struct totals *t, struct member *m, struct err_info *e)
{
    struct slice names[LEDGER_GROUP_COUNT];
    int rc;

    sqlite3_bind_int64(t->find_series, 1, m->series);
    rc = sqlite3_step(t->find_series);
    if (rc == SQLITE_ROW) {
        for (int g = 0; g < LEDGER_GROUP_COUNT; g++)
            names[g] = db_column(t->find_series, g);
        m->group = is_left_out(t->filter, names) ? NULL : group_of(t, names);
    } else if (rc != SQLITE_DONE) {
        ledger_query_fail(t->ledger, e);
    }
    sqlite3_reset(t->find_series);
    return e->code;
}

static enum err member_of(struct totals *t, int64_t series, struct member **out, struct err_info *e)
{
    struct member *m = table_get(&t->members, slice_of((const char *)&series, sizeof(series)));

    if (!m) {
        m = arena_new(&t->arena, struct member);
        m->series = series;
        if (find_series(t, m, e))
            return e->code;
        table_put(&t->members, slice_of((const char *)&m->series, sizeof(m->series)), m);
    }
    *out = m;
    return ERR_NONE;
}

/* ---- adding up ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The dearest first, then the busiest, then by name. */
static int by_cost(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    int order = compare_numbers(y->sums[SUM_COST], x->sums[SUM_COST]);

    if (!order)
        order = compare_numbers(y->sums[SUM_REQUESTS], x->sums[SUM_REQUESTS]);
    for (size_t g = 0; !order && g < LEDGER_GROUP_COUNT; g++)
        order = slice_cmp(x->names[g], y->names[g]);
    return order;
}

static void tell(struct totals *t, struct group *group)
{
    const int64_t *sums = group->sums;
    struct ledger_total total = {
        .step_unix_ms = t->slot.begin_unix_ms,
        .step_end_unix_ms = t->slot.end_unix_ms,
        .requests = sums[SUM_REQUESTS],
        .cost_nusd = sums[SUM_COST],
        .unpriced = sums[SUM_UNPRICED],
        .attempts = sums[SUM_ATTEMPTS],
        .first_bytes = sums[SUM_FIRST_BYTES],
        .first_byte_ms = sums[SUM_FIRST_BYTE_MS],
        .total_ms = sums[SUM_TOTAL_MS],
        .request_bytes = sums[SUM_REQUEST_BYTES],
        .response_bytes = sums[SUM_RESPONSE_BYTES],
    };

    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        total.usage.tokens[k] = sums[SUM_KINDS + k];
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++)
        total.names[g] = group->names[g];
    if (!t->is_over && total.requests && !t->each(t->ctx, &total))
        t->is_over = true;
}

static void end_step(struct totals *t)
{
    if (t->touched_count)
        qsort(t->touched, t->touched_count, sizeof(struct group *), by_cost);
    for (size_t i = 0; i < t->touched_count; i++) {
        tell(t, t->touched[i]);
        memset(t->touched[i]->sums, 0, sizeof(t->touched[i]->sums));
        t->touched[i]->is_touched = false;
    }
    t->touched_count = 0;
}

/* Rows come in the order of time, so that one step is held at a time. */
static void enter_step(struct totals *t, int64_t at)
{
    static const enum zone_step steps[] = {
        [LEDGER_BY_MINUTE] = ZONE_MINUTE,
        [LEDGER_BY_HOUR] = ZONE_HOUR,
        [LEDGER_BY_DAY] = ZONE_DAY,
    };

    if (t->filter->step == LEDGER_WHOLE || at < t->slot.end_unix_ms)
        return;
    end_step(t);
    t->slot = zone_slot_at(&t->zone, steps[t->filter->step], at);
}

static void touch(struct totals *t, struct group *group)
{
    if (group->is_touched)
        return;
    group->is_touched = true;
    if (t->touched_count == t->touched_cap) {
        t->touched_cap = t->touched_cap ? t->touched_cap * 2 : 64;
        t->touched = realloc(t->touched, t->touched_cap * sizeof(struct group *));
        if (!t->touched)
            panic("out of memory: totals");
    }
    t->touched[t->touched_count++] = group;
}

/* Columns of a scan; the sums follow. */
enum { COLUMN_AT, COLUMN_SERIES, COLUMN_SUMS };

static enum err add_row(struct totals *t, sqlite3_stmt *st, struct err_info *e)
{
    struct member *m;

    if (member_of(t, sqlite3_column_int64(st, COLUMN_SERIES), &m, e) || !m->group)
        return e->code;
    enter_step(t, sqlite3_column_int64(st, COLUMN_AT));
    touch(t, m->group);
    for (int i = 0; i < ROLLUP_SUMS; i++)
        m->group->sums[i] = db_plus(m->group->sums[i], sqlite3_column_int64(st, COLUMN_SUMS + i));
    return ERR_NONE;
}

static enum err run_scan(struct totals *t, const struct scan *scan, struct err_info *e)
{
    struct buf sql = {.data = NULL};
    sqlite3_stmt *st;
    int rc = SQLITE_DONE;

    buf_append_str(&sql, "SELECT at, series");
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        buf_printf(&sql, ", %s", rollup_column(i));
    buf_printf(&sql, " FROM %s WHERE at >= ?1 AND at < ?2 ORDER BY at", scan->table);
    if (ledger_prepare(t->ledger->db, &sql, &st, e))
        return e->code;
    sqlite3_bind_int64(st, 1, scan->from);
    sqlite3_bind_int64(st, 2, scan->to);
    while (!t->is_over && !e->code && (rc = sqlite3_step(st)) == SQLITE_ROW)
        add_row(t, st, e);
    if (!e->code && !t->is_over && rc != SQLITE_DONE)
        ledger_query_fail(t->ledger, e);
    sqlite3_finalize(st);
    return e->code;
}

static enum err add_up(struct totals *t, const struct scan *scans, size_t count, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "SELECT ");
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++)
        buf_printf(&sql, "%ss.%s", g ? ", " : "", ledger_group_name((enum ledger_group)g));
    buf_append_str(&sql, " FROM usage_series s WHERE s.id = ?1");
    if (ledger_prepare(t->ledger->db, &sql, &t->find_series, e))
        return e->code;
    for (size_t i = 0; i < count && !t->is_over; i++) {
        if (run_scan(t, &scans[i], e))
            return e->code;
    }
    end_step(t);
    return ERR_NONE;
}

enum err ledger_totals(struct ledger *l, struct ledger_filter *filter, int64_t now_unix_ms,
                       ledger_total_fn *each, void *ctx, struct err_info *e)
{
    struct totals t = {
        .ledger = l,
        .filter = filter,
        .each = each,
        .ctx = ctx,
        .slot = {.end_unix_ms = INT64_MIN},
    };
    struct scan scans[SCANS_MOST];
    size_t count;

    if (filter->step == LEDGER_BY_MINUTE &&
        (!filter->since_unix_ms || filter->since_unix_ms < now_unix_ms - MS_PER_DAY))
        return err_set(e, ERR_BAD_REQUEST, "minutes are kept for a day: ask for no more by minute");
    if (filter->zone)
        t.zone = *filter->zone;
    if (filter->step == LEDGER_WHOLE)
        t.slot = (struct zone_slot){0, 0};
    count = plan(filter, now_unix_ms, scans);
    arena_init(&t.arena, 0);
    if (!ledger_query_begin(l, e)) {
        add_up(&t, scans, count, e);
        sqlite3_finalize(t.find_series);
        ledger_query_end(l);
    }
    table_release(&t.members);
    table_release(&t.groups);
    arena_release(&t.arena);
    buf_release(&t.key);
    free(t.touched);
    return e->code;
}
