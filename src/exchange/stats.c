/* stats.c - counters of one worker, summed when they are read. */
#include "exchange/stats.h"

#include "base/array.h"
#include "chat/usage.h"

static const int64_t bounds_ms[STATS_BUCKETS - 1] = {
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 120000};

void histogram_add(struct histogram *h, int64_t ms)
{
    size_t i = 0;

    while (i < ARRAY_LEN(bounds_ms) && ms > bounds_ms[i])
        i++;
    stats_add(&h->buckets[i], 1);
    stats_add(&h->sum_ms, ms > 0 ? (uint64_t)ms : 0);
}

/* Sums the counter that stands `offset` bytes into each worker's. */
static uint64_t sum(const struct stats *const *all, size_t count, size_t offset)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)all[i] + offset;
        total += atomic_load_explicit((const atomic_uint_fast64_t *)at, memory_order_relaxed);
    }
    return total;
}

#define SUM(field) sum(all, count, offsetof(struct stats, field))
#define SUM_AT(field, i) \
    sum(all, count, offsetof(struct stats, field) + (i) * sizeof(atomic_uint_fast64_t))

static void write_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_histogram(const struct stats *const *all, size_t count, size_t offset,
                            const char *name, const char *help, struct buf *out)
{
    size_t buckets = offset + offsetof(struct histogram, buckets);
    uint64_t below = 0;

    write_head(out, name, "histogram", help);
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        below += sum(all, count, buckets + i * sizeof(atomic_uint_fast64_t));
        if (i < ARRAY_LEN(bounds_ms))
            buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds_ms[i] / 1000.0,
                       (unsigned long long)below);
        else
            buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)below);
    }
    buf_printf(out, "%s_sum %.3f\n%s_count %llu\n", name,
               (double)sum(all, count, offset + offsetof(struct histogram, sum_ms)) / 1000.0, name,
               (unsigned long long)below);
}

static void write_requests(const struct stats *const *all, size_t count, struct buf *out)
{
    write_head(out, "gproxy_requests_total", "counter",
               "Requests taken, by dialect and operation.");
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        for (size_t op = 0; op < OP_COUNT; op++) {
            uint64_t n = SUM_AT(requests, d * OP_COUNT + op);
            if (n)
                buf_printf(out, "gproxy_requests_total{dialect=\"%s\",operation=\"%s\"} %llu\n",
                           dialect_name((enum dialect)d), operation_name((enum operation)op),
                           (unsigned long long)n);
        }
    }
    write_head(out, "gproxy_errors_total", "counter", "Requests that failed, by cause.");
    for (size_t i = ERR_NONE + 1; i < ERR_COUNT; i++) {
        uint64_t n = SUM_AT(errors, i);
        if (n)
            buf_printf(out, "gproxy_errors_total{cause=\"%s\"} %llu\n", err_name((enum err)i),
                       (unsigned long long)n);
    }
    write_head(out, "gproxy_exchanges_total", "counter", "Exchanges recorded, by outcome.");
    for (size_t i = 0; i <= OUTCOME_UNKNOWN; i++)
        buf_printf(out, "gproxy_exchanges_total{outcome=\"%s\"} %llu\n",
                   outcome_name((enum outcome)i), (unsigned long long)SUM_AT(outcomes, i));
}

static void write_money(const struct stats *const *all, size_t count, struct buf *out)
{
    write_head(out, "gproxy_tokens_total", "counter", "Tokens and tool uses accounted, by kind.");
    for (size_t i = 0; i < USAGE_KIND_COUNT; i++)
        buf_printf(out, "gproxy_tokens_total{kind=\"%s\"} %llu\n",
                   usage_kind_name((enum usage_kind)i), (unsigned long long)SUM_AT(tokens, i));
    write_head(out, "gproxy_cost_usd_total", "counter", "Cost of the accounted exchanges.");
    buf_printf(out, "gproxy_cost_usd_total %.9f\n", (double)SUM(cost_nusd) / 1e9);
    write_head(out, "gproxy_unpriced_total", "counter", "Exchanges recorded without a price.");
    buf_printf(out, "gproxy_unpriced_total %llu\n", (unsigned long long)SUM(unpriced));
    write_head(out, "gproxy_unaccounted_total", "counter",
               "Exchanges served without a record, because the ledger was full.");
    buf_printf(out, "gproxy_unaccounted_total %llu\n", (unsigned long long)SUM(unaccounted));
}

void stats_write(const struct stats *const *all, size_t count, struct buf *out)
{
    int64_t in_flight = 0;

    for (size_t i = 0; i < count; i++)
        in_flight += atomic_load_explicit(&all[i]->in_flight, memory_order_relaxed);
    write_requests(all, count, out);
    write_money(all, count, out);
    write_head(out, "gproxy_attempts_total", "counter", "Upstream attempts made.");
    buf_printf(out, "gproxy_attempts_total %llu\n", (unsigned long long)SUM(attempts));
    write_head(out, "gproxy_upstream_connections_total", "counter", "Upstream connections opened.");
    buf_printf(out, "gproxy_upstream_connections_total %llu\n",
               (unsigned long long)SUM(connections_opened));
    write_head(out, "gproxy_in_flight", "gauge", "Exchanges running now.");
    buf_printf(out, "gproxy_in_flight %lld\n", (long long)in_flight);
    write_histogram(all, count, offsetof(struct stats, duration), "gproxy_request_duration_seconds",
                    "From the request's head to the end of its answer.", out);
    write_histogram(all, count, offsetof(struct stats, first_byte),
                    "gproxy_time_to_first_byte_seconds",
                    "From the request's head to the first byte of an upstream's answer.", out);
}
