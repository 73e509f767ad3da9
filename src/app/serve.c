/* serve.c - gproxy serve: everything is opened, started, watched over, and closed again. */
#include "app/serve.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/bootstrap.h"
#include "app/restore.h"
#include "app/trim.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"
#include "http/proxy.h"

#define LOOK_INTERVAL_MS 250 // how soon a change of rows or of the file is seen
#define FLUSH_TIMEOUT_MS 10000
#define CLOSE_TIMEOUT_MS 2000 // of the request log

/* ---- the snapshot ---- */

static void on_bad_row(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    (void)ctx;
    log_event(LOG_WARN, NULL, "row.skipped", "table=%s id=%lld why=\"%s\"", row_kind(type)->table,
              (long long)id, reason);
}

static struct snapshot *load_snapshot(struct serve *s, struct err_info *e)
{
    struct snapshot *snapshot = NULL;
    struct row_set rows;
    struct arena arena;
    uint64_t seed;

    crypto_random(&seed, sizeof(seed));
    arena_init(&arena, 0);
    if (store_load(s->control.store, &arena, &rows, on_bad_row, s, e) == ERR_NONE) {
        snapshot = snapshot_build(&rows, s->policy, ++s->version, seed, on_bad_row, s);
        gateway_prepare(&s->gateway, snapshot);
        serve_note_prices(s, snapshot);
        s->limits = snapshot->limits;
        request_log_retain(s->requests, s->limits.log.days, s->limits.log.max_bytes);
        retention_set(s->retention,
                      (struct retention_days){s->limits.usage_days, s->limits.audit_days});
    }
    arena_release(&arena);
    return snapshot;
}

/* What a worker is sent: its reference to the new snapshot. */
struct publication {
    struct serve_worker *to;
    struct snapshot *snapshot;
};

static void take_publication(void *ctx)
{
    struct publication *p = ctx;

    gateway_worker_publish(p->to->gw, p->snapshot);
    free(p);
}

enum err serve_publish(struct serve *s, struct err_info *e)
{
    struct snapshot *snapshot = load_snapshot(s, e);

    if (!snapshot)
        return e->code;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct publication *p = malloc(sizeof(*p));
        if (!p)
            return err_set(e, ERR_INTERNAL, "out of memory");
        *p = (struct publication){.to = &s->workers[i], .snapshot = snapshot_ref(snapshot)};
        worker_post(s->workers[i].worker, take_publication, p);
    }
    log_event(LOG_INFO, NULL, "config.published", "version=%llu users=%zu keys=%zu providers=%zu",
              (unsigned long long)s->version, snapshot->user_count, snapshot->keys.live,
              snapshot->providers.live);
    snapshot_unref(snapshot);
    return ERR_NONE;
}

static void publish_or_complain(struct serve *s)
{
    struct err_info e = {0};

    if (serve_publish(s, &e) != ERR_NONE)
        log_event(LOG_ERROR, NULL, "config.unreadable", "why=\"%s\"", err_info_text(&e));
}

/* ---- the configuration file ---- */

/* Something that changes when the file does; 0: there is none. */
static int64_t file_stamp(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st) != 0)
        return 0;
    return (int64_t)(((uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec) ^
                     ((uint64_t)st.st_ino << 40) ^ (uint64_t)st.st_size);
}

void serve_reconcile(struct serve *s)
{
    struct arena arena;

    s->config_stamp = file_stamp(s->command->options.config_path);
    arena_init(&arena, 0);
    if (!bootstrap_reconcile(&s->control, &s->command->options, &arena, NULL, s->command->err))
        log_event(LOG_ERROR, NULL, "config.refused", "file=\"%s\" why=\"nothing was changed\"",
                  s->command->options.config_path ? s->command->options.config_path : "");
    arena_release(&arena);
}

/* ---- opening ---- */

static unsigned default_workers(void)
{
    cpu_set_t set;
    int count = 1;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

static void open_log(struct serve *s)
{
    const struct options *o = &s->command->options;
    enum log_format format = o->log_format == OPTION_FORMAT_JSON ? LOG_JSON : LOG_TEXT;

    if (o->log_format == OPTION_FORMAT_AUTO && !isatty(STDERR_FILENO))
        format = LOG_JSON;
    s->log = log_sink_new(STDERR_FILENO);
    log_configure(o->log_level, format, log_sink_write, s->log);
}

static enum err open_ledger(struct serve *s, struct err_info *e)
{
    const struct options *o = &s->command->options;
    struct journal_limits journal = {
        .ring_bytes = (size_t)o->journal_ring_bytes,
        .spill_bytes = (uint64_t)o->journal_spill_bytes,
        .on_unknown = ON_UNKNOWN_RELEASE,
        .durable = o->ledger_mode == LEDGER_DURABLE,
    };
    struct journal_report report = {0};
    struct ledger *ledger;
    struct limits limits;

    if (ledger_open(o->dsn, 0, &ledger, e) != ERR_NONE)
        return e->code;
    if (ledger_settings(ledger, &limits, s->command->arena, e) == ERR_NONE) {
        journal.on_unknown = limits.on_unknown;
        journal_set_open(o->data_dir, s->worker_count, &journal, ledger, &report, &s->journals, e);
    }
    ledger_close(ledger);
    if (e->code)
        return e->code;
    if (report.settled || report.unknown || report.damaged_bytes)
        log_event(LOG_WARN, NULL, "ledger.replayed",
                  "settled=%llu unknown=%llu damaged_files=%llu damaged_bytes=%llu",
                  (unsigned long long)report.settled, (unsigned long long)report.unknown,
                  (unsigned long long)report.damaged_files,
                  (unsigned long long)report.damaged_bytes);
    return writer_start(s->journals, o->dsn, &s->writer, e);
}

static enum err open_gateway(struct serve *s, struct err_info *e)
{
    static const struct shelf_limits thoughts = {10000, (size_t)64 << 20, (size_t)64 << 10};
    static const struct shelf_limits responses = {20000, (size_t)256 << 20, (size_t)4 << 20};
    const struct options *o = &s->command->options;
    uint64_t seed;

    s->gateway.key_hasher = &s->control.hasher;
    s->gateway.envelope_hasher = &s->control.envelopes;
    crypto_random(&seed, sizeof(seed));
    s->gateway.thoughts = shelf_new(thoughts, seed);
    s->gateway.responses = shelf_new(responses, seed);
    s->gateway.version = GPROXY_VERSION;
    if (o->proxy && *o->proxy) {
        if (slice_starts(slice_str(o->proxy), SLICE("https:"))) {
            s->gateway.proxy_tls = tls_client_new(NULL, false, e);
            if (!s->gateway.proxy_tls)
                return e->code;
        }
        if (http_proxy_parse(slice_str(o->proxy), s->gateway.proxy_tls, s->command->arena,
                             &s->proxy, e) != ERR_NONE)
            return e->code;
        s->gateway.proxy = &s->proxy;
    }
    if (o->tls_cert || o->tls_key) {
        if (!o->tls_cert || !o->tls_key)
            return err_set(e, ERR_BAD_REQUEST, "--tls-cert and --tls-key go together");
        s->tls = tls_server_new(o->tls_cert, o->tls_key, e);
        if (!s->tls)
            return e->code;
    }
    return ERR_NONE;
}

/* What was spent and done before this process was there counts on. */
static enum err restore(struct serve *s, const struct snapshot *first, struct err_info *e)
{
    struct ledger *ledger;

    if (ledger_open(s->command->options.dsn, STORE_MUST_EXIST, &ledger, e) != ERR_NONE)
        return e->code;
    restore_accounts(ledger, s->policy, first, e);
    ledger_close(ledger);
    return e->code;
}

static enum err open_logs(struct serve *s, struct err_info *e)
{
    const char *path = request_log_path(s->command->options.data_dir, s->command->arena);
    struct request_log_limits limits = request_log_defaults;

    limits.max_bytes = INT64_MAX; // nothing is forgotten before the settings are known
    limits.days = 36500;
    if (request_log_open(path, &limits, &s->requests, e))
        return e->code;
    s->gateway.request_log = s->requests;
    return retention_start(s->command->options.dsn, &s->retention, e);
}

static enum err open_files(struct serve *s, struct err_info *e)
{
    return file_desk_open(s->command->options.dsn, &s->gateway.files, e);
}

static enum err open_all(struct serve *s, struct err_info *e)
{
    struct snapshot *first;
    enum err err;

    s->policy = policy_state_new();
    s->prices_stamp = file_stamp(s->command->options.prices);
    if (serve_load_prices(s, e) != ERR_NONE)
        return e->code;
    if (open_gateway(s, e) != ERR_NONE || open_ledger(s, e) != ERR_NONE ||
        open_logs(s, e) != ERR_NONE || open_files(s, e) != ERR_NONE)
        return e->code;
    first = load_snapshot(s, e);
    if (!first)
        return e->code;
    err = restore(s, first, e);
    if (err == ERR_NONE)
        err = serve_workers_open(s, first, e);
    snapshot_unref(first);
    return err;
}

static void close_all(struct serve *s)
{
    file_desk_close(s->gateway.files); // workers are there while it answers
    journal_sync_stop(s->journals);    // and while it wakes them
    serve_workers_free(s);
    if (s->writer)
        writer_stop(s->writer);
    if (s->journals)
        journal_set_close(s->journals);
    request_log_close(s->requests, CLOSE_TIMEOUT_MS);
    retention_stop(s->retention);
    gateway_release(&s->gateway);
    tls_server_free(s->tls);
    policy_state_free(s->policy);
    serve_forget_prices(s);
    control_close(&s->control);
}

/* ---- running ---- */

/* Signals come to the main thread alone, by sigtimedwait(). */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file-size limit is an error of the write, not the end
}

/* A second signal does not wait: what is settled is in the journal already. */
static void *second_signal(void *ctx)
{
    const sigset_t *set = ctx;
    int signal_number;

    do {
        if (sigwait(set, &signal_number) != 0)
            return NULL;
    } while (signal_number == SIGHUP);
    _exit(128 + signal_number);
}

/* Each request holds two descriptors: as many as the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Where another file stands in the database's place, that one is the database from now on. */
static void follow_database(struct serve *s)
{
    struct err_info e = {0};
    struct store *store;
    struct arena arena;

    if (!store_has_moved(s->control.store)) {
        s->is_stranded = false;
        return;
    }
    arena_init(&arena, 0);
    if (control_connect(&s->command->options, &arena, &store, &e) == ERR_NONE) {
        store_close(s->control.store);
        s->control.store = store;
        serve_forget_prices(s);
        log_event(LOG_WARN, NULL, "database.replaced", "dsn=\"%s\"", s->command->options.dsn);
    } else if (!s->is_stranded) {
        log_event(LOG_ERROR, NULL, "database.gone", "why=\"%s\"", err_info_text(&e));
        s->is_stranded = true; // said once, not some times a second
    }
    arena_release(&arena);
}

static bool prices_changed(struct serve *s)
{
    int64_t stamp = file_stamp(s->command->options.prices);

    if (!stamp || stamp == s->prices_stamp)
        return false;
    s->prices_stamp = stamp;
    serve_reload_prices(s);
    return true;
}

static void look_around(struct serve *s)
{
    const char *path = s->command->options.config_path;

    follow_database(s);
    if (path && file_stamp(path) != s->config_stamp && file_stamp(path))
        serve_reconcile(s);
    if (prices_changed(s) || store_changed(s->control.store))
        publish_or_complain(s);
}

/* Until SIGTERM or SIGINT. */
static int watch_over(struct serve *s, const sigset_t *set)
{
    const struct timespec interval = {.tv_nsec = LOOK_INTERVAL_MS * 1000000L};

    for (;;) {
        int got = sigtimedwait(set, NULL, &interval);
        if (got == SIGTERM || got == SIGINT)
            return got;
        if (got == SIGHUP) {
            serve_reconcile(s);
            serve_reload_prices(s);
            publish_or_complain(s);
        } else {
            look_around(s);
        }
    }
}

static void announce(struct serve *s, struct bootstrap *made)
{
    const struct options *o = &s->command->options;
    struct err_info e = {0};
    const char *file = NULL;
    FILE *terminal = isatty(STDOUT_FILENO) ? stdout : NULL;

    if (terminal)
        fprintf(terminal, "gproxy %s listens on %s://%s:%u\n", GPROXY_VERSION,
                s->tls ? "https" : "http", o->host, s->port);
    if (made->key_text[0] &&
        bootstrap_show(made, o, s->port, terminal, s->command->arena, &file, &e) != ERR_NONE)
        log_event(LOG_ERROR, NULL, "bootstrap.unshown", "why=\"%s\"", err_info_text(&e));
    if (file)
        log_event(LOG_INFO, NULL, "bootstrap.shown", "file=\"%s\"", file);
    if (terminal)
        fflush(terminal);
    log_event(LOG_INFO, NULL, "listening", "host=%s port=%u workers=%u tls=%d version=%s", o->host,
              s->port, s->worker_count, s->tls != NULL, GPROXY_VERSION);
}

static int run(struct serve *s, struct bootstrap *made, sigset_t *signals)
{
    struct err_info e = {0};
    int64_t timeout_ms;
    pthread_t impatient;
    int got;

    trim_keep_some();
    if (serve_workers_start(s, &e) != ERR_NONE)
        return command_failed(s->command, &e);
    atomic_store(&s->is_ready, true);
    announce(s, made);
    trim_memory();
    got = watch_over(s, signals);
    atomic_store(&s->is_ready, false);
    timeout_ms = s->command->options.shutdown_timeout_s >= 0
                     ? s->command->options.shutdown_timeout_s * 1000
                     : s->limits.shutdown_timeout_ms;
    log_event(LOG_INFO, NULL, "shutdown.begun", "signal=%d timeout_ms=%lld", got,
              (long long)timeout_ms);
    if (pthread_create(&impatient, NULL, second_signal, signals) == 0)
        pthread_detach(impatient);
    serve_workers_stop(s, timeout_ms);
    if (!writer_flush(s->writer, FLUSH_TIMEOUT_MS))
        log_event(LOG_WARN, NULL, "ledger.unflushed", "why=\"what is left stays in the journal\"");
    log_event(LOG_INFO, NULL, "shutdown.done", "signal=%d", got);
    return EXIT_GOOD;
}

int cmd_serve(struct command_context *x, int argc, char **argv)
{
    struct serve s = {.command = x, .port = (unsigned)x->options.port};
    struct bootstrap made = {0};
    struct err_info e = {0};
    sigset_t signals;
    int code = EXIT_GOOD;

    (void)argv;
    if (argc > 1)
        return command_misused(x, "serve takes no arguments");
    block_signals(&signals);
    raise_descriptors();
    s.worker_count = x->options.workers ? (unsigned)x->options.workers : default_workers();
    if (control_open(&s.control, &x->options, 0, x->arena, &e) != ERR_NONE)
        return command_failed(x, &e);
    s.config_stamp = file_stamp(x->options.config_path);
    if (!bootstrap_prepare(&s.control, &x->options, x->arena, &made, x->err, &code)) {
        control_close(&s.control);
        return code;
    }
    open_log(&s);
    if (s.control.made_key_file)
        log_event(LOG_WARN, NULL, "secret_key.made",
                  "file=\"%s\" why=\"keep a copy: without it "
                  "stored credentials cannot be opened\"",
                  s.control.made_key_file);
    code = open_all(&s, &e) == ERR_NONE ? run(&s, &made, &signals) : command_failed(x, &e);
    close_all(&s);
    log_sink_free(s.log);
    log_configure(x->options.log_level, LOG_TEXT, NULL, NULL);
    return code;
}
