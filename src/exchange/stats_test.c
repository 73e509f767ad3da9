/* stats_test.c - counters of several workers as one text. */
#include "exchange/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"

static struct slice written(const struct stats *const *all, size_t count, struct buf *out)
{
    buf_clear(out);
    stats_write(all, count, out);
    return buf_peek(out);
}

/* The value of a sample, named as it stands in its line; -1: it is not there. */
static double sample(struct slice text, const char *name)
{
    while (text.len) {
        struct slice line = slice_cut(text, '\n', &text);
        size_t len = strlen(name);
        char value[64];

        if (!slice_starts(line, slice_str(name)) || line.len <= len || line.ptr[len] != ' ')
            continue;
        snprintf(value, sizeof(value), "%.*s", SLICE_ARG(slice_after(line, len + 1)));
        return strtod(value, NULL);
    }
    return -1;
}

/* How many lines begin like that. */
static size_t sample_count(struct slice text, struct slice start)
{
    size_t count = 0;

    while (text.len)
        count += slice_starts(slice_cut(text, '\n', &text), start);
    return count;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9');
}

/* The text format of Prometheus 0.0.4: HELP, TYPE, then that metric's samples, no sample twice. */
static void check_format(struct slice text)
{
    struct slice all = text, metric = {0}, type = {0};

    assert_true(slice_ends(text, SLICE("\n")));
    while (text.len) {
        struct slice line = slice_cut(text, '\n', &text), name, rest;
        char number[64], *end;
        size_t len = 0;

        if (slice_starts(line, SLICE("# HELP "))) {
            metric = slice_cut(slice_after(line, 7), ' ', &rest);
            assert_true(rest.len > 0);
            line = slice_cut(text, '\n', &text);
            assert_true(slice_starts(line, SLICE("# TYPE ")));
            name = slice_cut(slice_after(line, 7), ' ', &type);
            assert_true(slice_eq(name, metric));
            assert_true(slice_eq(type, SLICE("counter")) || slice_eq(type, SLICE("gauge")) ||
                        slice_eq(type, SLICE("histogram")));
            assert_int_equal(slice_eq(type, SLICE("counter")), slice_ends(metric, SLICE("_total")));
            continue;
        }
        assert_true(slice_starts(line, metric));
        while (len < line.len && is_name_char(line.ptr[len]))
            len++;
        rest = slice_after(line, len);
        if (!slice_eq(slice_sub(line, 0, len), metric)) {
            name = slice_sub(line, metric.len, len - metric.len);
            assert_true(slice_eq(type, SLICE("histogram")));
            assert_true(slice_eq(name, SLICE("_bucket")) || slice_eq(name, SLICE("_sum")) ||
                        slice_eq(name, SLICE("_count")));
        }
        if (rest.ptr[0] == '{') {
            size_t close = slice_find(rest, '}');
            assert_true(close != SIZE_MAX && rest.ptr[close - 1] == '"');
            rest = slice_after(rest, close + 1);
        }
        assert_int_equal(rest.ptr[0], ' ');
        snprintf(number, sizeof(number), "%.*s", SLICE_ARG(slice_after(rest, 1)));
        assert_true(strtod(number, &end) >= 0 && end != number && *end == '\0');
        assert_true(sample_count(all, slice_sub(line, 0, line.len - strlen(number))) == 1);
    }
}

static void test_empty(void **state)
{
    static struct stats s;
    const struct stats *all[] = {&s};
    struct buf out = {0};
    struct slice text = written(all, 1, &out);

    (void)state;
    check_format(text);
    assert_true(sample(text, "gproxy_in_flight") == 0);
    assert_true(sample(text, "gproxy_request_duration_seconds_count") == 0);
    assert_true(sample(text, "gproxy_exchanges_total{outcome=\"ok\"}") == 0);
    check_format(written(all, 0, &out));
    buf_release(&out);
}

static void test_sums(void **state)
{
    static struct stats workers[3];
    const struct stats *all[3];
    struct buf out = {0};
    struct slice text;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stats *s = &workers[i];

        all[i] = s;
        stats_add(&s->requests[DIALECT_ANTHROPIC][OP_GENERATE], 10 + i);
        stats_add(&s->requests[DIALECT_COUNT - 1][OP_COUNT - 1], 1);
        stats_add(&s->errors[ERR_RATE_LIMIT], i);
        stats_add(&s->errors[ERR_COUNT - 1], 1);
        stats_add(&s->outcomes[OUTCOME_OK], 100);
        stats_add(&s->outcomes[OUTCOME_UNKNOWN], 7);
        stats_add(&s->tokens[0], 1000);
        stats_add(&s->cost_nusd, 500000000);
        stats_add(&s->unpriced, 2);
        stats_add(&s->attempts, 4);
        stats_add(&s->connections_opened, 5);
        atomic_store(&s->in_flight, i == 0 ? 3 : -1); // a sum may be of anything
        histogram_add(&s->duration, 5);
        histogram_add(&s->first_byte, 2500);
    }
    text = written(all, 3, &out);
    check_format(text);
    assert_true(
        sample(text, "gproxy_requests_total{dialect=\"anthropic\",operation=\"generate\"}") == 33);
    assert_true(sample(text, "gproxy_requests_total{dialect=\"openai\",operation=\"files\"}") == 3);
    assert_true(sample(text, "gproxy_requests_total{dialect=\"gemini\",operation=\"generate\"}") ==
                -1);
    assert_true(sample(text, "gproxy_errors_total{cause=\"RATE_LIMIT\"}") == 3);
    assert_true(sample(text, "gproxy_errors_total{cause=\"NEWER\"}") == 3);
    assert_true(sample(text, "gproxy_exchanges_total{outcome=\"ok\"}") == 300);
    assert_true(sample(text, "gproxy_exchanges_total{outcome=\"unknown\"}") == 21);
    assert_true(sample(text, "gproxy_tokens_total{kind=\"input_tokens\"}") == 3000);
    assert_true(sample(text, "gproxy_cost_usd_total") == 1.5);
    assert_true(sample(text, "gproxy_unpriced_total") == 6);
    assert_true(sample(text, "gproxy_attempts_total") == 12);
    assert_true(sample(text, "gproxy_upstream_connections_total") == 15);
    assert_true(sample(text, "gproxy_in_flight") == 1);
    assert_true(sample(text, "gproxy_request_duration_seconds_count") == 3);
    assert_true(sample(text, "gproxy_request_duration_seconds_sum") == 0.015);
    assert_true(sample(text, "gproxy_time_to_first_byte_seconds_bucket{le=\"1\"}") == 0);
    assert_true(sample(text, "gproxy_time_to_first_byte_seconds_bucket{le=\"2.5\"}") == 3);
    buf_release(&out);
}

/* Which bucket is the first one that counts it. */
static void test_buckets(void **state)
{
    static const struct {
        int64_t ms;
        const char *below, *le; // `below` does not have it
        double sum;
    } cases[] = {
        {-5,      NULL,    "0.001", 0       },
        {0,       NULL,    "0.001", 0       },
        {1,       NULL,    "0.001", 0.001   },
        {2,       "0.001", "0.002", 0.002   },
        {3,       "0.002", "0.005", 0.003   },
        {10,      "0.005", "0.01",  0.010   },
        {11,      "0.01",  "0.025", 0.011   },
        {250,     "0.1",   "0.25",  0.250   },
        {1000,    "0.5",   "1",     1.0     },
        {1001,    "1",     "2.5",   1.001   },
        {30000,   "10",    "30",    30      },
        {120000,  "30",    "120",   120     },
        {120001,  "120",   "+Inf",  120.001 },
        {9999999, "120",   "+Inf",  9999.999},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stats *s = calloc(1, sizeof(*s));
        const struct stats *all[] = {s};
        char name[96], prefix[] = "gproxy_request_duration_seconds";
        struct buf out = {0};
        struct slice text;

        histogram_add(&s->duration, cases[i].ms);
        text = written(all, 1, &out);
        check_format(text);
        if (cases[i].below) {
            snprintf(name, sizeof(name), "%s_bucket{le=\"%s\"}", prefix, cases[i].below);
            assert_true(sample(text, name) == 0);
        }
        snprintf(name, sizeof(name), "%s_bucket{le=\"%s\"}", prefix, cases[i].le);
        if (sample(text, name) != 1)
            fail_msg("%lld ms: not in %s", (long long)cases[i].ms, name);
        assert_true(sample(text, "gproxy_request_duration_seconds_bucket{le=\"+Inf\"}") == 1);
        snprintf(name, sizeof(name), "%s_sum", prefix);
        assert_true(sample(text, name) == cases[i].sum);
        buf_release(&out);
        free(s);
    }
}

/* Every bucket holds all that the ones before it hold. */
static void test_cumulative(void **state)
{
    static struct stats s;
    const struct stats *all[] = {&s};
    struct buf out = {0};
    struct slice text;
    double before = 0;
    size_t buckets = 0;

    (void)state;
    for (int64_t ms = 0; ms < 200000; ms += 37)
        histogram_add(&s.duration, ms);
    text = written(all, 1, &out);
    while (text.len) {
        struct slice line = slice_cut(text, '\n', &text), count;
        char number[32];

        if (!slice_starts(line, SLICE("gproxy_request_duration_seconds_bucket")))
            continue;
        slice_cut(line, ' ', &count);
        snprintf(number, sizeof(number), "%.*s", SLICE_ARG(count));
        assert_true(strtod(number, NULL) >= before);
        before = strtod(number, NULL);
        buckets++;
    }
    assert_int_equal(buckets, STATS_BUCKETS);
    assert_true(before == (200000 + 36) / 37);
    assert_true(before == sample(buf_peek(&out), "gproxy_request_duration_seconds_count"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
