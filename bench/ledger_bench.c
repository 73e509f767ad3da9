/*
 * ledger_bench.c - how fast usage is written and asked for.
 *
 *     build-bench/bench/ledger-bench [ROWS]
 *
 * Writes rows as busy workers do, through journals and the writer's thread; then fills
 * a ledger with ROWS (a million) over 90 days, of 50 users, 100 keys and 20 models, and
 * asks what the console's pages ask, 50 times each.  Times are of the CPU, beside them
 * those of the clock: the first are to be believed where others are busy, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "kit.h"
#include "store/ledger.h"
#include "store/writer.h"

#define ASKED       50
#define USERS       50
#define KEYS        100
#define MODELS      20
#define PROVIDERS   4
#define DAYS        90
#define BATCH       4096
#define MS_PER_DAY  86400000LL
#define WORKERS     2
#define TIMED_OUT_S 600

static uint64_t seed = 42;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % sides;
}

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void check(enum err err, const struct err_info *e)
{
    if (err)
        kit_die("%s", e->text);
}

/* ---- rows ---- */

static char user_names[USERS][16], key_names[KEYS][16], model_names[MODELS][32];
static const char *const provider_names[PROVIDERS] = {"openai", "anthropic", "gemini", "deepseek"};

static void make_names(void)
{
    for (int i = 0; i < USERS; i++)
        snprintf(user_names[i], sizeof(user_names[i]), "user-%02d", i);
    for (int i = 0; i < KEYS; i++)
        snprintf(key_names[i], sizeof(key_names[i]), "key-%03d", i);
    for (int i = 0; i < MODELS; i++)
        snprintf(model_names[i], sizeof(model_names[i]), "some-model-%02d", i);
}

/* A key is of one user, and likes few models; one in thirty exchanges fails. */
static struct usage_record make_row(uint64_t n, int64_t at)
{
    unsigned key = dice(KEYS), model = (key * 7 + dice(4)) % MODELS, failed = dice(30) == 0;
    struct usage_record r = {
        .started_unix_ms = at,
        .user_id = key % USERS + 1,
        .key_id = key + 1,
        .provider_id = model % PROVIDERS + 1,
        .credential_id = model % PROVIDERS + 1,
        .outcome = failed ? OUTCOME_CLIENT_ABORT : OUTCOME_OK,
        .source = failed ? USAGE_ESTIMATED : USAGE_UPSTREAM,
        .http_status = 200,
        .upstream_status = 200,
        .stream = dice(2),
        .attempts = 1,
        .connect_ms = dice(30),
        .first_byte_ms = 300 + dice(900),
        .total_ms = 1500 + dice(20000),
        .request_bytes = 2000 + dice(100000),
        .response_bytes = 900 + dice(9000),
        .usage = {.tokens = {[USAGE_INPUT] = 100 + dice(9000),
                             [USAGE_CACHE_READ] = dice(50000),
                             [USAGE_OUTPUT] = dice(3000)}},
        .cost_nusd = 100000 + dice(90000000),
        .price_id = 0x123456789abcdef + model,
        .tier = dice(10) ? SERVICE_STANDARD : SERVICE_PRIORITY,
        .priced = true,
        .user = slice_str(user_names[key % USERS]),
        .key_label = slice_str(key_names[key]),
        .provider = slice_str(provider_names[model % PROVIDERS]),
        .model = slice_str(model_names[model]),
        .asked_model = slice_str(model_names[model]),
    };

    snprintf(r.id, sizeof(r.id), "%08x-%04x-7000-8000-%012llx", (unsigned)((uint64_t)at >> 16),
             (unsigned)((uint64_t)at & 0xffff), (unsigned long long)n);
    return r;
}

/* ---- writing ---- */

/* As many as a worker's ring takes; what the writer's thread spends is what the rest does not. */
static void measure_writer(const char *dir, const char *dsn, uint64_t rows)
{
    struct err_info e = {.code = ERR_NONE};
    struct journal_report report;
    struct journal_set *set;
    struct ledger *l;
    struct writer *w;
    struct writer_stats stats;
    int64_t began, cpu, own;

    check(ledger_open(dsn, 0, &l, &e), &e);
    check(journal_set_open(dir, WORKERS, NULL, l, &report, &set, &e), &e);
    ledger_close(l);
    check(writer_start(set, dsn, &w, &e), &e);
    began = clock_mono_ns();
    cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t n = 0; n < rows; n++) {
        struct usage_record r = make_row(n, clock_unix_ms());
        const struct timespec nap = {.tv_nsec = 1000000};

        while (!journal_settle(journal_set_worker(set, n % WORKERS), JOURNAL_NO_SLOT, &r))
            nanosleep(&nap, NULL);
    }
    if (!writer_flush(w, TIMED_OUT_S * 1000))
        kit_die("the writer does not keep up");
    own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    writer_read_stats(w, &stats);
    if (stats.rows_written != rows)
        kit_die("%llu rows were written", (unsigned long long)stats.rows_written);
    printf("writer: %llu rows, %.0f a second of its CPU, %.0f a second of the clock\n",
           (unsigned long long)rows, (double)rows * 1e9 / (double)own,
           (double)rows * 1e9 / (double)(clock_mono_ns() - began));
    writer_stop(w);
    journal_set_close(set);
}

static void fill(struct ledger *l, uint64_t rows, int64_t now)
{
    struct err_info e = {.code = ERR_NONE};
    int64_t began = clock_mono_ns();

    for (uint64_t n = 0; n < rows; n++) {
        int64_t at = now - DAYS * MS_PER_DAY +
                     (int64_t)((double)n / (double)rows * (double)(DAYS * MS_PER_DAY));
        struct usage_record r = make_row(n, at);

        if (n % BATCH == 0)
            check(ledger_begin(l, &e), &e);
        check(ledger_add(l, &r, &e), &e);
        if (n % BATCH == BATCH - 1 || n + 1 == rows)
            check(ledger_commit(l, &e), &e);
    }
    printf("filled: %llu rows over %d days in %.1f s\n", (unsigned long long)rows, DAYS,
           (double)(clock_mono_ns() - began) / 1e9);
}

/* ---- asking ---- */

static bool count_total(void *ctx, const struct ledger_total *t)
{
    (void)t;
    ++*(size_t *)ctx;
    return true;
}

static bool count_row(void *ctx, const struct ledger_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
    return true;
}

static void count_spent(void *ctx, const struct ledger_spent *spent)
{
    (void)spent;
    ++*(size_t *)ctx;
}

enum what { TOTALS, ROWS, SPENDING };

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void print_times(int64_t times[ASKED])
{
    qsort(times, ASKED, sizeof(*times), by_time);
    printf("  %8.1f %8.1f", (double)times[ASKED / 2] / 1e6, (double)times[ASKED * 95 / 100] / 1e6);
}

static void ask(struct ledger *l, const char *name, enum what what, struct ledger_filter asked,
                int64_t now)
{
    int64_t cpu[ASKED], wall[ASKED];
    struct err_info e = {.code = ERR_NONE};
    size_t answers = 0;

    for (size_t i = 0; i < ASKED; i++) {
        struct ledger_filter f = asked;

        answers = 0;
        cpu[i] = -cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        wall[i] = -clock_mono_ns();
        switch (what) {
        case TOTALS: check(ledger_totals(l, &f, now, count_total, &answers, &e), &e); break;
        case ROWS: check(ledger_rows(l, &f, count_row, &answers, &e), &e); break;
        case SPENDING: check(ledger_spending(l, now, count_spent, &answers, &e), &e); break;
        }
        cpu[i] += cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        wall[i] += clock_mono_ns();
    }
    printf("%-38s %7zu", name, answers);
    print_times(cpu);
    print_times(wall);
    printf("\n");
}

static void ask_all(struct ledger *l, int64_t now)
{
    const unsigned user = 1u << LEDGER_BY_USER, model = 1u << LEDGER_BY_MODEL;
    int64_t month = now / MS_PER_DAY * MS_PER_DAY - 29 * MS_PER_DAY;
    struct zone berlin;

    if (!zone_parse_rule(&berlin, SLICE("CET-1CEST,M3.5.0,M10.5.0/3")))
        kit_die("no time zone");
    printf("%-38s %7s  %8s %8s  %8s %8s\n", "question", "answers", "CPU p50", "p95 ms", "p50",
           "p95 ms");
    ask(l, "24 h by hour", TOTALS,
        (struct ledger_filter){.since_unix_ms = now - MS_PER_DAY + 1000, .step = LEDGER_BY_HOUR},
        now);
    ask(l, "24 h by hour and model, Berlin", TOTALS,
        (struct ledger_filter){.since_unix_ms = now - MS_PER_DAY + 1000,
                               .step = LEDGER_BY_HOUR,
                               .groups = model,
                               .zone = &berlin},
        now);
    ask(l, "30 days by day and model, UTC", TOTALS,
        (struct ledger_filter){.since_unix_ms = month, .step = LEDGER_BY_DAY, .groups = model},
        now);
    ask(l, "30 days by day and model, Berlin", TOTALS,
        (struct ledger_filter){
            .since_unix_ms = month, .step = LEDGER_BY_DAY, .groups = model, .zone = &berlin},
        now);
    ask(l, "30 days by user", TOTALS,
        (struct ledger_filter){.since_unix_ms = now - 30 * MS_PER_DAY, .groups = user}, now);
    ask(l, "30 days of one user by day, Berlin", TOTALS,
        (struct ledger_filter){.since_unix_ms = month,
                               .step = LEDGER_BY_DAY,
                               .zone = &berlin,
                               .user = SLICE("user-07")},
        now);
    ask(l, "90 days by day, Berlin", TOTALS,
        (struct ledger_filter){
            .since_unix_ms = now - DAYS * MS_PER_DAY, .step = LEDGER_BY_DAY, .zone = &berlin},
        now);
    ask(l, "all time by user and model", TOTALS, (struct ledger_filter){.groups = user | model},
        now);
    ask(l, "newest 100 rows", ROWS, (struct ledger_filter){.limit = 100}, now);
    ask(l, "newest 1000 rows of one user", ROWS,
        (struct ledger_filter){.limit = 1000, .user = SLICE("user-07")}, now);
    ask(l, "newest 100 rows of nobody", ROWS,
        (struct ledger_filter){.limit = 100, .user = SLICE("nobody")}, now);
    ask(l, "newest 100 rows of 30 days ago", ROWS,
        (struct ledger_filter){.limit = 100, .until_unix_ms = now - 30 * MS_PER_DAY}, now);
    ask(l, "spending of all users and keys", SPENDING, (struct ledger_filter){.limit = 0}, now);
}

static void drop_line(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? kit_number("ROWS", argv[1], 100000000) : 1000000;
    char dir[] = "/tmp/ledger-bench-XXXXXX", dsn[64], command[64];
    struct err_info e = {.code = ERR_NONE};
    int64_t now = clock_unix_ms();
    struct ledger *l;

    log_configure(LOG_ERROR, LOG_TEXT, drop_line, NULL);
    if (!mkdtemp(dir))
        kit_die("no directory in /tmp");
    make_names();
    snprintf(dsn, sizeof(dsn), "sqlite://%s/writer.db", dir);
    measure_writer(dir, dsn, rows);
    snprintf(dsn, sizeof(dsn), "sqlite://%s/usage.db", dir);
    check(ledger_open(dsn, 0, &l, &e), &e);
    fill(l, rows, now);
    ledger_close(l); // a page is read by a connection of its own
    check(ledger_open(dsn, 0, &l, &e), &e);
    ask_all(l, now);
    ledger_close(l);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command) ? 1 : 0;
}
