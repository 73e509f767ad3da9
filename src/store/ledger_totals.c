/* ledger_totals.c - totals from roll-ups, by names and by steps of time in any zone. */
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "base/sum.h"
#include "store/db.h"
#include "store/ledger_inside.h"

/* What one combination of names adds up to, within the present step. */
struct group {
    struct slice names[LEDGER_GROUP_COUNT];
    int64_t sums[ROLLUP_SUMS];
    int64_t carried[ROLLUP_SUMS]; // of the next step
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

/* ---- who counts for what ---- */

/* Columns of a series, behind its names. */
enum { COLUMN_USER_ID = LEDGER_GROUP_COUNT, COLUMN_KEY_ID };

static bool is_left_out(const struct ledger_filter *f, sqlite3_stmt *series,
                        const struct slice names[LEDGER_GROUP_COUNT])
{
    struct slice wanted[LEDGER_GROUP_COUNT];

    if ((f->user_id && f->user_id != sqlite3_column_int64(series, COLUMN_USER_ID)) ||
        (f->key_id && f->key_id != sqlite3_column_int64(series, COLUMN_KEY_ID)))
        return true;
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
        m->group = is_left_out(t->filter, t->find_series, names) ? NULL : group_of(t, names);
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
    if (!t->is_over && total.requests > 0 && !t->each(t->ctx, &total))
        t->is_over = true;
}

static void end_step(struct totals *t)
{
    size_t kept = 0;

    if (t->touched_count)
        qsort(t->touched, t->touched_count, sizeof(struct group *), by_cost);
    for (size_t i = 0; i < t->touched_count; i++) {
        struct group *group = t->touched[i];

        tell(t, group);
        memcpy(group->sums, group->carried, sizeof(group->sums));
        memset(group->carried, 0, sizeof(group->carried));
        group->is_touched = group->sums[SUM_REQUESTS] != 0;
        if (group->is_touched)
            t->touched[kept++] = group;
    }
    t->touched_count = kept;
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

/* Where one sum has stopped at the largest number, so does all that is made of it. */
static void count(int64_t *sum, int64_t value, int sign)
{
    if (!sign || *sum == INT64_MAX)
        return;
    *sum = value == INT64_MAX ? value : sum_capped(*sum, sign > 0 ? value : -value);
}

/* Columns of a scan; the sums follow. */
enum { COLUMN_AT, COLUMN_SERIES, COLUMN_SUMS };

static enum err prepare_scan(struct totals *t, const char *table, sqlite3_stmt **out,
                             struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "SELECT at, series");
    for (unsigned i = 0; i < ROLLUP_SUMS; i++)
        buf_printf(&sql, ", %s", rollup_column(i));
    buf_printf(&sql, " FROM %s WHERE at >= ?1 AND at < ?2 ORDER BY at", table);
    return ledger_prepare(t->ledger->db, &sql, out, e);
}

/* How rows count: for this step and for the next, +1, -1 or not at all. */
struct sense {
    int now, next;
    bool enter; // each row's own step is entered first
};

static void enter_step(struct totals *t, int64_t at);

static enum err add_row(struct totals *t, sqlite3_stmt *st, struct sense sense, struct err_info *e)
{
    struct member *m;

    if (member_of(t, sqlite3_column_int64(st, COLUMN_SERIES), &m, e) || !m->group)
        return e->code;
    if (sense.enter)
        enter_step(t, sqlite3_column_int64(st, COLUMN_AT));
    touch(t, m->group);
    for (int i = 0; i < ROLLUP_SUMS; i++) {
        int64_t value = sqlite3_column_int64(st, COLUMN_SUMS + i);

        count(&m->group->sums[i], value, sense.now);
        count(&m->group->carried[i], value, sense.next);
    }
    return ERR_NONE;
}

static enum err scan(struct totals *t, sqlite3_stmt *st, int64_t from, int64_t to,
                     struct sense sense, struct err_info *e)
{
    int rc = SQLITE_DONE;

    sqlite3_bind_int64(st, 1, from);
    sqlite3_bind_int64(st, 2, to);
    while (!t->is_over && !e->code && (rc = sqlite3_step(st)) == SQLITE_ROW)
        add_row(t, st, sense, e);
    if (!e->code && !t->is_over && rc != SQLITE_DONE)
        ledger_query_fail(t->ledger, e);
    sqlite3_reset(st);
    return e->code;
}

/* ---- steps that are hours or minutes, and what is one roll-up's: row after row ---- */

static struct zone_slot slot_at(const struct totals *t, int64_t at)
{
    static const enum zone_step steps[] = {
        [LEDGER_BY_MINUTE] = ZONE_MINUTE,
        [LEDGER_BY_HOUR] = ZONE_HOUR,
        [LEDGER_BY_DAY] = ZONE_DAY,
    };

    if (t->filter->step == LEDGER_WHOLE)
        return (struct zone_slot){t->filter->since_unix_ms, t->filter->until_unix_ms};
    return zone_slot_at(&t->zone, steps[t->filter->step], at);
}

/* Rows come in the order of time, so that one step is held at a time. */
static void enter_step(struct totals *t, int64_t at)
{
    if (t->filter->step == LEDGER_WHOLE || at < t->slot.end_unix_ms)
        return;
    end_step(t);
    t->slot = slot_at(t, at);
}

static enum err walk_rows(struct totals *t, const char *table, int64_t from, int64_t to,
                          struct err_info *e)
{
    sqlite3_stmt *st;

    if (prepare_scan(t, table, &st, e))
        return e->code;
    t->slot = (struct zone_slot){t->filter->since_unix_ms, t->filter->until_unix_ms};
    if (t->filter->step)
        t->slot.end_unix_ms = INT64_MIN;
    scan(t, st, from, to, (struct sense){.now = 1, .enter = true}, e);
    sqlite3_finalize(st);
    if (!e->code)
        end_step(t);
    return e->code;
}

/* ---- longer spans: by the day of UTC, and what is over or missing at both ends ---- */

/*
 * What was before a moment is what was before the midnight next to it, and some quarters of
 * an hour between the two, more or less.  A span is the difference of two moments.  So a day
 * in Berlin is read as a row of each series and those of two hours instead of twenty-four.
 */
struct days {
    sqlite3_stmt *day, *quarter;
};

static int64_t nearest_midnight(int64_t unix_ms)
{
    return (unix_ms + MS_PER_DAY / 2) / MS_PER_DAY * MS_PER_DAY;
}

/* Quarters between a moment and the midnight next to it. */
static enum err scan_cut(struct totals *t, const struct days *d, int64_t at, struct sense sense,
                         struct err_info *e)
{
    int64_t midnight = nearest_midnight(at);

    if (midnight <= at)
        return scan(t, d->quarter, midnight, at, sense, e);
    sense.now = -sense.now;
    sense.next = -sense.next;
    return scan(t, d->quarter, at, midnight, sense, e);
}

/* The first day at or after `from` of which anything is known; INT64_MAX: there is none. */
static enum err first_day(struct totals *t, int64_t from, int64_t *out, struct err_info *e)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "SELECT min(at) FROM usage_day WHERE at >= %lld", (long long)from);
    return db_query_int(t->ledger->db, sql, INT64_MAX, out, e);
}

static enum err step_over(struct totals *t, const struct days *d, int64_t from, int64_t to,
                          struct err_info *e)
{
    const struct sense once = {.now = 1}, end = {.now = 1, .next = -1};

    if (scan(t, d->day, nearest_midnight(from), nearest_midnight(to), once, e) ||
        scan_cut(t, d, to, end, e))
        return e->code;
    end_step(t);
    return ERR_NONE;
}

/* After a step of which nothing is left: to the next one that may hold something. */
static enum err skip(struct totals *t, int64_t *at, struct err_info *e)
{
    int64_t day;

    if (t->touched_count)
        return ERR_NONE;
    if (first_day(t, nearest_midnight(*at) - MS_PER_DAY, &day, e))
        return e->code;
    if (day == INT64_MAX)
        *at = INT64_MAX;
    else if (t->filter->step && slot_at(t, day - MS_PER_DAY).begin_unix_ms > *at)
        *at = slot_at(t, day - MS_PER_DAY).begin_unix_ms;
    return ERR_NONE;
}

static enum err walk_spans(struct totals *t, const struct days *d, int64_t from, int64_t to,
                           struct err_info *e)
{
    int64_t at = from;

    if (scan_cut(t, d, from, (struct sense){.now = -1}, e))
        return e->code;
    while (!t->is_over && !skip(t, &at, e) && at < to) {
        int64_t end;

        t->slot = slot_at(t, at);
        end = t->filter->step && t->slot.end_unix_ms < to ? t->slot.end_unix_ms : to;
        if (step_over(t, d, at, end, e))
            break;
        at = end;
    }
    return e->code;
}

static enum err walk_days(struct totals *t, int64_t from, int64_t to, struct err_info *e)
{
    struct days d = {NULL, NULL};
    int64_t last;

    if (db_query_int(t->ledger->db, "SELECT max(at) FROM usage_day", 0, &last, e))
        return e->code;
    to = to < last + MS_PER_DAY ? to : last + MS_PER_DAY;
    if (!prepare_scan(t, "usage_day", &d.day, e) &&
        !prepare_scan(t, "usage_quarter", &d.quarter, e))
        walk_spans(t, &d, from, to, e);
    sqlite3_finalize(d.day);
    sqlite3_finalize(d.quarter);
    return e->code;
}

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

/* The fewest rows that can answer; the filter's bounds are widened to their spans. */
static enum err walk(struct totals *t, struct ledger_filter *f, int64_t now_unix_ms,
                     struct err_info *e)
{
    bool recent = f->since_unix_ms && f->since_unix_ms >= now_unix_ms - MS_PER_DAY;
    int64_t span = recent ? MS_PER_MINUTE : MS_PER_QUARTER, to;

    f->since_unix_ms = down_to(f->since_unix_ms, span);
    f->until_unix_ms = up_to(f->until_unix_ms, span);
    to = f->until_unix_ms ? f->until_unix_ms : INT64_MAX;
    if (f->step == LEDGER_WHOLE && !f->since_unix_ms && !f->until_unix_ms)
        return walk_rows(t, "usage_total", 0, INT64_MAX, e);
    if (recent)
        return walk_rows(t, "usage_minute", f->since_unix_ms, to, e);
    if (f->step == LEDGER_BY_HOUR)
        return walk_rows(t, "usage_quarter", f->since_unix_ms, to, e);
    return walk_days(t, f->since_unix_ms, to, e);
}

static enum err add_up(struct totals *t, struct ledger_filter *f, int64_t now_unix_ms,
                       struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "SELECT ");
    for (size_t g = 0; g < LEDGER_GROUP_COUNT; g++)
        buf_printf(&sql, "s.%s, ", ledger_group_name((enum ledger_group)g));
    buf_append_str(&sql, "s.user_id, s.key_id FROM usage_series s WHERE s.id = ?1");
    if (ledger_prepare(t->ledger->db, &sql, &t->find_series, e))
        return e->code;
    walk(t, f, now_unix_ms, e);
    sqlite3_finalize(t->find_series);
    return e->code;
}

enum err ledger_totals(struct ledger *l, struct ledger_filter *filter, int64_t now_unix_ms,
                       ledger_total_fn *each, void *ctx, struct err_info *e)
{
    struct totals t = {.ledger = l, .filter = filter, .each = each, .ctx = ctx};

    if (filter->step == LEDGER_BY_MINUTE &&
        (!filter->since_unix_ms || filter->since_unix_ms < now_unix_ms - MS_PER_DAY))
        return err_set(e, ERR_BAD_REQUEST, "minutes are kept for a day: ask for no more by minute");
    if (filter->zone)
        t.zone = *filter->zone;
    arena_init(&t.arena, 0);
    if (!ledger_query_begin(l, e)) {
        add_up(&t, filter, now_unix_ms, e);
        ledger_query_end(l);
    }
    table_release(&t.members);
    table_release(&t.groups);
    arena_release(&t.arena);
    buf_release(&t.key);
    free(t.touched);
    return e->code;
}
