/* account_explain_test.c - every row that a request falls under, with its figures. */
#include "base/buf.h"
#include "base/money.h"
#include "policy/account_test_kit.h"

static void put_time(struct buf *out, int64_t at)
{
    char text[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(at, text);
    buf_printf(out, " %.10s", text);
}

static void put_usd(struct buf *out, int64_t nusd)
{
    char text[MONEY_TEXT_BYTES];

    money_format_usd(nusd, text);
    buf_printf(out, " %s", text);
}

/* "user alice quota 1 day: usd spent reserved adjustment left start end", or a rate limit. */
static void on_line(void *ctx, const struct account_line *line)
{
    static const char *const figures[FIGURE_COUNT] = {"rpm", "rpd", "tpm", "tpd", "concurrent"};
    struct buf *out = ctx;

    buf_printf(out, "%s '%.*s' %s %lld", line->of_key ? "key" : "user", SLICE_ARG(line->subject),
               line->is_quota ? "quota" : "limit", (long long)line->row_id);
    if (line->is_bad)
        buf_append_str(out, " bad");
    if (line->is_quota && !line->is_bad) {
        buf_printf(out, " %s:", period_name(line->period));
        put_usd(out, line->usd_nusd);
        put_usd(out, line->spent_nusd);
        put_usd(out, line->reserved_nusd);
        put_usd(out, line->adjustment_nusd);
        put_usd(out, line->left_nusd);
        put_time(out, line->starts_unix_ms);
        put_time(out, line->ends_unix_ms);
    }
    if (!line->is_quota && !line->is_bad) {
        buf_printf(out, " '%.*s'%s:", SLICE_ARG(line->models), line->counts ? " counts" : "");
        for (int f = 0; f < FIGURE_COUNT; f++) {
            if (line->figures[f].limit >= 0)
                buf_printf(out, " %s %lld %lld %lld", figures[f], (long long)line->figures[f].limit,
                           (long long)line->figures[f].used, (long long)line->figures[f].left);
        }
    }
    buf_append_str(out, "\n");
}

/* One request of 10 tokens and 0.2 USD has ended, as 30 and 0.3; one still runs. */
static const struct {
    const char *rows, *lines;
} cases[] = {
#include "policy/account_explain_test.def"
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = world_new(cases[i].rows);
        struct reserve_ask ask = world_ask(&w, 1, "gpt-5");
        struct reservation r[2] = {{.is_held = false}};
        struct err_info e = {0};
        struct buf lines = {0};

        ask.tokens = 10;
        ask.cost_nusd = 200000000;
        ask.now_unix_ms = unix_ms("2026-11-27T12:00:00Z");
        account_reserve(&r[0], &ask, &w.a, &e);
        account_settle(&r[0], 30, 300000000, 0, ask.now_unix_ms);
        account_reserve(&r[1], &ask, &w.a, &e);
        for (int again = 0; again < 2; again++) { // it changes nothing
            buf_release(&lines);
            account_explain(&ask, on_line, &lines);
            if (!slice_eq(buf_peek(&lines), slice_str(cases[i].lines)))
                fail_msg("case %zu:\n%.*s", i, SLICE_ARG(buf_peek(&lines)));
        }
        buf_release(&lines);
        world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
