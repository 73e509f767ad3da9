/* ledger_testing.h - what the tests of journal, ledger and writer share. */
#ifndef STORE_LEDGER_TESTING_H
#define STORE_LEDGER_TESTING_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/slice.h"
#include "store/journal_set.h"
#include "store/ledger.h"

/* A data directory of the test's own, and its database. */
struct fixture {
    char dir[64];
    char dsn[96];
};

static inline void fixture_make(struct fixture *f)
{
    snprintf(f->dir, sizeof(f->dir), "/tmp/gproxy-ledger-XXXXXX");
    if (!mkdtemp(f->dir))
        abort();
    snprintf(f->dsn, sizeof(f->dsn), "sqlite://%s/gproxy.db", f->dir);
}

static inline void write_nothing(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

/* What the cases provoke on purpose need not be read by whoever runs them. */
static inline void fixture_be_quiet(void)
{
    log_configure(LOG_ERROR, LOG_TEXT, write_nothing, NULL);
}

static inline void fixture_remove(const struct fixture *f)
{
    char command[256];

    snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", f->dir, f->dir);
    if (system(command))
        abort();
}

static inline struct ledger *fixture_ledger(const struct fixture *f)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger *l;

    if (ledger_open(f->dsn, 0, &l, &e)) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    return l;
}

/* Small, so that full and wrapped are a few records away. */
static inline struct journal_limits small_limits(void)
{
    return (struct journal_limits){.ring_bytes = 16384, .slot_count = 64};
}

static inline struct journal_set *fixture_journals(const struct fixture *f, unsigned workers,
                                                   struct journal_limits limits,
                                                   struct journal_report *report)
{
    struct err_info e = {.code = ERR_NONE};
    struct ledger *l = fixture_ledger(f);
    struct journal_set *set;

    if (journal_set_open(f->dir, workers, &limits, l, report, &set, &e)) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    ledger_close(l);
    return set;
}

/* Replays what is in the journal, as a start does. */
static inline struct journal_report fixture_replay(const struct fixture *f)
{
    struct journal_report report;

    journal_set_close(fixture_journals(f, 1, small_limits(), &report));
    return report;
}

/* The record of exchange number `n`, different from all others in every field that can be. */
static inline struct usage_record record_number(uint64_t n)
{
    static const char *const models[] = {"gpt-5.4-mini", "claude-opus-4-8", "llama-4"};
    struct usage_record r = {
        .started_unix_ms = 1790000000000 + (int64_t)n * 1000,
        .user_id = (int64_t)(n % 3) + 1,
        .key_id = (int64_t)(n % 5) + 1,
        .provider_id = 1,
        .credential_id = (int64_t)(n % 7),
        .operation = (enum operation)(n % OP_FILES),
        .dialect = (enum dialect)(n % DIALECT_COUNT),
        .upstream_dialect = DIALECT_ANTHROPIC,
        .outcome = n % 11 ? OUTCOME_OK : OUTCOME_TIMEOUT,
        .source = USAGE_UPSTREAM,
        .http_status = n % 11 ? 200 : 504,
        .upstream_status = 200,
        .stream = n % 2,
        .attempts = (unsigned)(1 + n % 3),
        .err = n % 11 ? ERR_NONE : ERR_UPSTREAM_TIMEOUT,
        .connect_ms = (int64_t)(n % 4) - 1,
        .first_byte_ms = (int64_t)(n % 100) - 1,
        .total_ms = (int64_t)(n % 1000),
        .request_bytes = 1500 + (int64_t)n,
        .response_bytes = 900,
        .cost_nusd = (int64_t)n * 1001,
        .priced = n % 4,
        .price_id = n % 4 ? (int64_t)(n % 4 << 60) - 5 : 0,
        .tier = (enum service_tier)(n % SERVICE_TIER_COUNT),
        .user = n % 3 ? SLICE("alice") : SLICE("bob"),
        .key_label = SLICE("laptop"),
        .provider = SLICE("openai"),
        .model = slice_str(models[n % 3]),
        .alias = n % 2 ? SLICE("fast") : SLICE(""),
        .asked_model = n % 2 ? SLICE("fast") : slice_str(models[n % 3]),
        .client_request_id = SLICE("client-1"),
    };

    snprintf(r.id, sizeof(r.id), "%08x-%04x-7000-8000-%012llx",
             (unsigned)((uint64_t)r.started_unix_ms >> 16),
             (unsigned)((uint64_t)r.started_unix_ms & 0xffff), (unsigned long long)n);
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++)
        r.usage.tokens[k] = (n + k) % 3 ? (int64_t)(n * (k + 1)) : 0;
    return r;
}

static inline uint64_t number_of(const char *id)
{
    return strtoull(id + 24, NULL, 16);
}

/* What the database holds: which numbers, and of those how many were never settled. */
struct census {
    uint64_t rows, unknown, wrong;
    unsigned char *seen; // [most]
    uint64_t most;
};

static inline bool count_row(void *ctx, const struct ledger_row *row)
{
    struct census *c = ctx;
    uint64_t n = number_of(row->record.id);
    struct usage_record want = record_number(n);

    c->rows++;
    if (slice_eq(row->outcome, SLICE("unknown"))) {
        c->unknown++;
        if (row->record.cost_nusd || row->record.usage.tokens[USAGE_INPUT])
            c->wrong++;
    } else if (row->record.cost_nusd != want.cost_nusd ||
               row->record.usage.tokens[USAGE_OUTPUT] != want.usage.tokens[USAGE_OUTPUT]) {
        c->wrong++;
    }
    if (n >= c->most || c->seen[n]++)
        c->wrong++;
    return true;
}

static inline struct census fixture_census(const struct fixture *f, unsigned char *seen,
                                           uint64_t most)
{
    struct census c = {.seen = seen, .most = most};
    struct ledger_filter all = {.limit = 0};
    struct err_info e = {.code = ERR_NONE};
    struct ledger *l = fixture_ledger(f);

    memset(seen, 0, most);
    if (ledger_rows(l, &all, count_row, &c, &e))
        abort();
    ledger_close(l);
    return c;
}

#endif
