/* serve_metrics.c - /metrics: exchanges, ledger, process. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/serve.h"
#include "policy/account.h"

static void write_gauge(struct buf *out, const char *name, const char *type, const char *help,
                        double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.10g\n", name, help, name, type, name, value);
}

static void write_ledger(const struct writer *writer, struct buf *out)
{
    struct writer_stats stats;

    writer_read_stats(writer, &stats);
    write_gauge(out, "gproxy_ledger_rows_total", "counter", "Usage rows written to the database.",
                (double)stats.rows_written);
    write_gauge(out, "gproxy_ledger_lag_records", "gauge",
                "Records settled and not yet in the database.", (double)stats.lag_records);
    write_gauge(out, "gproxy_ledger_lag_seconds", "gauge", "Age of the oldest of them.",
                (double)stats.lag_ms / 1000.0);
    write_gauge(out, "gproxy_ledger_errors_total", "counter", "Database transactions that failed.",
                (double)stats.db_errors);
    write_gauge(out, "gproxy_ledger_spilled_bytes", "gauge",
                "Records in files, waiting for the database.", (double)stats.spilled_bytes);
}

static void write_sync(const struct journal_set *set, struct buf *out)
{
    struct journal_sync_stats stats;

    journal_sync_read_stats(set, &stats);
    write_gauge(out, "gproxy_ledger_syncs_total", "counter",
                "Times that the journal was brought to the disk for those who wait for it.",
                (double)stats.syncs);
    write_gauge(out, "gproxy_ledger_sync_errors_total", "counter", "Times that this failed.",
                (double)stats.errors);
}

static void write_request_log(const struct request_log *log, struct buf *out)
{
    struct request_log_stats stats;

    request_log_read_stats(log, &stats);
    write_gauge(out, "gproxy_request_log_entries_total", "counter",
                "Entries written to the request log.", (double)stats.written);
    write_gauge(out, "gproxy_request_log_dropped_total", "counter",
                "Entries that the request log could not take or write.", (double)stats.dropped);
    write_gauge(out, "gproxy_request_log_errors_total", "counter",
                "Times that the request log could not be written.", (double)stats.errors);
    write_gauge(out, "gproxy_request_log_waiting_bytes", "gauge",
                "Memory of entries that are not written yet.", (double)stats.memory_bytes);
    if (stats.rows < 0)
        return; // there is no file
    write_gauge(out, "gproxy_request_log_rows", "gauge", "Entries in the request log.",
                (double)stats.rows);
    write_gauge(out, "gproxy_request_log_bytes", "gauge", "Size of the request log's file.",
                (double)stats.bytes);
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long long size = 0, resident = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void write_process(const struct serve *s, struct buf *out)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    write_gauge(out, "process_cpu_seconds_total", "counter", "CPU time of the process.",
                (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    write_gauge(out, "process_resident_memory_bytes", "gauge", "Memory in use.", resident_bytes());
    write_gauge(out, "gproxy_log_lines_dropped_total", "counter",
                "Log lines that the sink could not take.", (double)log_sink_dropped(s->log));
    write_gauge(out, "gproxy_snapshot_version", "gauge", "Of the configuration in force.",
                (double)s->version);
    buf_printf(out,
               "# HELP gproxy_build_info The version.\n# TYPE gproxy_build_info gauge\n"
               "gproxy_build_info{version=\"%s\"} 1\n",
               s->gateway.version);
}

static void write_limits(const struct policy_state *policy, struct buf *out)
{
    buf_append_str(out, "# HELP gproxy_limits_hit_total Requests refused by a limit or a quota of "
                        "their user or key.\n# TYPE gproxy_limits_hit_total counter\n");
    for (int i = 0; i < LIMIT_KIND_COUNT; i++) {
        enum limit_kind kind = (enum limit_kind)i;
        buf_printf(out, "gproxy_limits_hit_total{limit=\"%s\"} %llu\n", limit_kind_name(kind),
                   (unsigned long long)policy_state_limits_hit(policy, kind));
    }
}

void serve_write_metrics(void *serve_worker, struct buf *out)
{
    const struct serve_worker *sw = serve_worker;
    const struct serve *s = sw->serve;
    const struct stats *all[256];
    size_t count = 0;

    for (unsigned i = 0; i < s->worker_count && count < 256; i++)
        all[count++] = &s->workers[i].gw->stats;
    stats_write(all, count, out);
    write_limits(s->policy, out);
    write_ledger(s->writer, out);
    write_sync(s->journals, out);
    write_request_log(s->requests, out);
    write_process(s, out);
}
