/* cmd_quota.c - gproxy quota: what may be spent, what was, and putting it right by hand. */
#include <string.h>

#include "app/actor.h"
#include "app/catch_up.h"
#include "app/flags.h"
#include "app/session.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/sum.h"
#include "policy/period.h"
#include "json/write.h"

/* ---- whose it is ---- */

/* The user of a quota, or of its key. */
static const struct user_row *user_of(const struct session *s, const struct quota_row *q)
{
    const struct key_row *key;

    if (q->user_id != ROW_NULL_INT)
        return row_set_find(&s->rows, ROW_USER, q->user_id);
    key = row_set_find(&s->rows, ROW_KEY, q->key_id);
    return key ? row_set_find(&s->rows, ROW_USER, key->user_id) : NULL;
}

/* ---- figures ---- */

static int64_t left_of(const struct quota_row *q, int64_t spent, int64_t adjustment)
{
    return sum_capped(q->usd_nusd - spent, -adjustment);
}

static enum quota_period period_of(const struct quota_row *q)
{
    enum quota_period period = PERIOD_TOTAL;

    period_parse(q->period, &period);
    return period;
}

/* Of a period that is over it counts no longer. */
static int64_t adjustment_of(const struct quota_row *q, int64_t now)
{
    enum quota_period period = period_of(q);

    if (q->adjustment_nusd == ROW_NULL_INT)
        return 0;
    if (period == PERIOD_TOTAL)
        return q->adjustment_nusd;
    if (q->adjusted_unix_ms == ROW_NULL_INT ||
        period_index(period, q->adjusted_unix_ms) != period_index(period, now))
        return 0;
    return q->adjustment_nusd;
}

/* All that list shows. */
struct listing {
    struct session *s;
    int64_t now;
    int64_t *spent_nusd; // of each quota, in its period
};

static void note_spending(void *ctx, const struct ledger_spent *spent)
{
    const int64_t nusd[PERIOD_COUNT] = {[PERIOD_TOTAL] = spent->total_nusd,
                                        [PERIOD_DAY] = spent->day_nusd,
                                        [PERIOD_WEEK] = spent->week_nusd,
                                        [PERIOD_MONTH] = spent->month_nusd};
    struct listing *l = ctx;
    const struct quota_row *quotas = ROWS(&l->s->rows, ROW_QUOTA, struct quota_row);

    for (size_t i = 0; i < l->s->rows.counts[ROW_QUOTA]; i++) {
        if ((spent->is_key ? quotas[i].key_id : quotas[i].user_id) == spent->id)
            l->spent_nusd[i] = nusd[period_of(&quotas[i])];
    }
}

static bool read_spending(struct listing *l)
{
    struct command_context *x = l->s->x;
    struct err_info e = {.code = ERR_NONE};
    struct ledger *ledger;

    l->spent_nusd = arena_array(x->arena, int64_t, l->s->rows.counts[ROW_QUOTA] + 1);
    if (ledger_open(x->options.dsn, STORE_MUST_EXIST, &ledger, &e)) {
        command_failed(x, &e);
        return false;
    }
    catch_up(x, ledger);
    l->now = clock_unix_ms();
    ledger_spending(ledger, l->now, note_spending, l, &e);
    ledger_close(ledger);
    if (e.code)
        command_failed(x, &e);
    return !e.code;
}

/* ---- list ---- */

static void print_json(struct listing *l, const struct quota_row *q, int64_t spent)
{
    const struct user_row *user = user_of(l->s, q);
    int64_t adjustment = adjustment_of(q, l->now);
    struct buf out = {.data = NULL};
    struct json_writer w = {.out = &out};

    json_open_object(&w);
    json_put_string(&w, "user", user ? user->name : SLICE(""));
    if (q->key_id != ROW_NULL_INT) {
        json_put_int(&w, "key", q->key_id);
    }
    json_put_string(&w, "period", q->period);
    json_put_usd(&w, "usd", q->usd_nusd);
    json_put_usd(&w, "spent", spent);
    json_put_usd(&w, "adjustment", adjustment);
    json_put_usd(&w, "left", left_of(q, spent, adjustment));
    json_close_object(&w);
    fprintf(l->s->x->out, "%.*s\n", SLICE_ARG(buf_peek(&out)));
    buf_release(&out);
}

static void print_line(struct listing *l, const struct quota_row *q, int64_t spent)
{
    const struct user_row *user = user_of(l->s, q);
    int64_t adjustment = adjustment_of(q, l->now);
    const int64_t nusd[] = {q->usd_nusd, spent, adjustment, left_of(q, spent, adjustment)};
    char text[MONEY_TEXT_BYTES], key[24] = "-";

    if (q->key_id != ROW_NULL_INT)
        snprintf(key, sizeof(key), "%lld", (long long)q->key_id);
    fprintf(l->s->x->out, "%-24.*s %6s %-6.*s", SLICE_ARG(user ? user->name : SLICE("?")), key,
            SLICE_ARG(q->period));
    for (size_t i = 0; i < ARRAY_LEN(nusd); i++)
        fprintf(l->s->x->out, " %14.*s", SLICE_ARG(money_format_usd(nusd[i], text)));
    fputc('\n', l->s->x->out);
}

static int list(struct session *s, const char *name)
{
    const struct quota_row *quotas = ROWS(&s->rows, ROW_QUOTA, struct quota_row);
    const struct user_row *only = name ? session_user(s, name) : NULL;
    bool json = flag_text(s->x, "json") != NULL;
    struct listing l = {.s = s};

    if ((name && !only) || !read_spending(&l))
        return EXIT_FAILED;
    if (!json)
        fprintf(s->x->out, "%-24s %6s %-6s %14s %14s %14s %14s\n", "USER", "KEY", "PERIOD", "USD",
                "SPENT", "ADJUSTED", "LEFT");
    for (size_t i = 0; i < s->rows.counts[ROW_QUOTA]; i++) {
        if (only && user_of(s, &quotas[i]) != only)
            continue;
        (json ? print_json : print_line)(&l, &quotas[i], l.spent_nusd[i]);
    }
    return EXIT_GOOD;
}

/* ---- adjust ---- */

struct adjustment {
    const char *user;
    int64_t key_id;
    const char *period, *reason;
    int64_t nusd;
};

static bool read_adjustment(struct command_context *x, const char *user, struct adjustment *out)
{
    struct slice usd = slice_str(flag_text(x, "usd"));
    bool negative = slice_starts(usd, SLICE("-"));
    enum quota_period period;

    *out = (struct adjustment){
        .user = user, .period = flag_text(x, "period"), .reason = flag_text(x, "reason")};
    if (!flag_count(x, "key", INT64_MAX, &out->key_id))
        return false;
    if (!user == !out->key_id)
        command_misused(x, "name a user, or a key with --key ID");
    else if (!usd.ptr ||
             !money_parse_usd(slice_after(usd, negative || slice_starts(usd, SLICE("+"))),
                              &out->nusd))
        command_misused(x, "--usd is what to add to what was spent: -5.00 gives five dollars back");
    else if (!out->reason || !*out->reason)
        command_misused(x, "say why with --reason TEXT, for the audit log");
    else if (out->period && !period_parse(slice_str(out->period), &period))
        command_misused(x, "--period is total, day, week or month");
    else {
        out->nusd = negative ? -out->nusd : out->nusd;
        return true;
    }
    return false;
}

/* The only one, or that of the period; what is wrong has been told. */
static struct quota_row *find(struct session *s, const struct adjustment *a)
{
    struct quota_row *quotas = s->rows.rows[ROW_QUOTA], *found = NULL;
    const struct user_row *user = a->user ? session_user(s, a->user) : NULL;
    size_t count = 0;

    if (a->user && !user)
        return NULL;
    for (size_t i = 0; i < s->rows.counts[ROW_QUOTA]; i++) {
        struct quota_row *q = &quotas[i];
        if (user ? q->user_id != user->head.id : q->key_id != a->key_id)
            continue;
        if (a->period && !slice_eq(q->period, slice_str(a->period)))
            continue;
        found = q;
        count++;
    }
    if (count == 1)
        return found;
    fprintf(s->x->err, count ? "gproxy: there are several quotas: say which with --period\n"
                             : "gproxy: there is no such quota\n");
    return NULL;
}

static int adjust_locked(struct session *s, const struct adjustment *a)
{
    int64_t now = clock_unix_ms(), sum;
    struct err_info e = {.code = ERR_NONE};
    struct quota_row *q;

    /* As the row is now: another one may have adjusted it. */
    if (store_load(s->control.store, s->x->arena, &s->rows, NULL, NULL, &e))
        return command_failed(s->x, &e);
    q = find(s, a);
    if (!q)
        return EXIT_FAILED;
    if (__builtin_add_overflow(adjustment_of(q, now), a->nusd, &sum)) {
        fprintf(s->x->err, "gproxy: that is more money than there is\n");
        return EXIT_FAILED;
    }
    q->adjustment_nusd = sum;
    q->adjusted_unix_ms = now;
    return session_put(s, ROW_QUOTA, q);
}

static int adjust(struct session *s, const char *user)
{
    struct err_info e = {.code = ERR_NONE};
    struct adjustment a;
    int code;

    if (!read_adjustment(s->x, user, &a))
        return EXIT_USAGE;
    actor_is_caller(s->control.store, a.reason);
    if (store_begin(s->control.store, &e))
        return command_failed(s->x, &e);
    code = adjust_locked(s, &a);
    if (code == EXIT_GOOD && store_commit(s->control.store, &e))
        code = command_failed(s->x, &e);
    if (code != EXIT_GOOD)
        store_rollback(s->control.store);
    return code;
}

int cmd_quota(struct command_context *x, int argc, char **argv)
{
    bool listing = argc >= 1 && argc <= 2 && !strcmp(argv[0], "list");
    bool adjusting = argc >= 1 && argc <= 2 && !strcmp(argv[0], "adjust");
    const char *user = argc == 2 ? argv[1] : NULL;
    struct session s;
    int code;

    if (!listing && !adjusting)
        return command_misused(x, "%s", argc ? "not one of its forms" : "what about quotas?");
    if (!session_open(&s, x, STORE_MUST_EXIST))
        return EXIT_FAILED;
    code = listing ? list(&s, user) : adjust(&s, user);
    session_close(&s);
    return code;
}
