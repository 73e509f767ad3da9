/* serve.h - the running gateway: its threads and what they share. */
#ifndef APP_SERVE_H
#define APP_SERVE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "admin/ops.h"
#include "app/commands.h"
#include "app/control.h"
#include "exchange/exchange.h"
#include "exchange/gateway.h"
#include "loop/log_sink.h"
#include "store/journal_set.h"
#include "store/journal_sync.h"
#include "store/request_log.h"
#include "store/retention.h"
#include "store/writer.h"

struct serve;

/* One thread, one loop, one listener. */
struct serve_worker {
    struct serve *serve;
    struct worker *worker;
    struct gateway_worker *gw;
    struct listener_socket *listener;
    struct ops ops;
    struct timer drain_timer;
    pthread_t thread;
    bool is_running, is_draining;
};

struct serve {
    struct command_context *command;
    struct control control;
    struct gateway gateway;
    struct http_proxy proxy;
    struct policy_state *policy;
    struct journal_set *journals;
    struct writer *writer;
    struct request_log *requests;
    struct retention *retention;
    struct log_sink *log;
    struct tls_server *tls;
    struct serve_worker *workers;
    unsigned worker_count;
    unsigned port;             // the one that is listened on
    uint64_t version;          // of the snapshot published last
    struct limits limits;      // of that snapshot
    int64_t config_stamp;      // of the file, when it was read last
    bool is_stranded;          // the database is gone from its place, and it was said
    int64_t prices_stamp;      // of the catalogue's
    struct table noted_prices; // ids of the prices that the database knows
    struct arena noted_arena;  // theirs
    atomic_bool is_ready;
    bool terminal; // someone reads what is printed
};

/** Builds a snapshot from the database and hands it to every worker. */
enum err serve_publish(struct serve *s, struct err_info *e);

/** Applies the configuration file where it is managed; complains in the log. */
void serve_reconcile(struct serve *s);

/** Reads the catalogue of prices, for the snapshots built from now on. */
enum err serve_load_prices(struct serve *s, struct err_info *e);

/** The same while serving: one that is bad changes nothing, and is complained of in the log. */
void serve_reload_prices(struct serve *s);

/** Notes in the database whatever prices the snapshot brings that it does not know yet. */
void serve_note_prices(struct serve *s, const struct snapshot *snapshot);

/** For another database. */
void serve_forget_prices(struct serve *s);

/** Workers are made but do not run yet. */
enum err serve_workers_open(struct serve *s, struct snapshot *first, struct err_info *e);
enum err serve_workers_start(struct serve *s, struct err_info *e);

/** Stops accepting, waits for what runs (at most `timeout_ms`), then cuts; joins the threads. */
void serve_workers_stop(struct serve *s, int64_t timeout_ms);
void serve_workers_free(struct serve *s);

/** The whole text of /metrics. */
void serve_write_metrics(void *serve_worker, struct buf *out);

#endif
