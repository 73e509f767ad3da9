/* gateway.h - what exchanges share: of the process, and of their worker. */
#ifndef EXCHANGE_GATEWAY_H
#define EXCHANGE_GATEWAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "crypto/key.h"
#include "exchange/shelf.h"
#include "exchange/stats.h"
#include "http/client.h"
#include "http/server.h"
#include "loop/tls.h"
#include "loop/worker.h"
#include "policy/snapshot.h"
#include "store/file_desk.h"
#include "store/journal.h"
#include "store/journal_sync.h"
#include "store/request_log.h"

/* A TLS context for one ca_file; the list only grows, so that workers read it without a lock. */
struct gateway_ca {
    struct gateway_ca *next;
    struct tls_client *tls;
    struct slice file;
};

/*
 * One a process.  What a snapshot needs is there before the snapshot is published and
 * stays; the rest is immutable once workers run, the atomics aside.
 */
struct gateway {
    struct key_hasher *key_hasher;
    const struct key_hasher *envelope_hasher; // chat/envelope.h
    struct shelf *thoughts;                   // of models, by call, for clients that forget
    struct shelf *responses;                  // items of conversations, for response_ttl_ms
    struct tls_client *tls; // verifying, for upstreams without a ca_file of their own
    struct tls_client
        *tls_insecure;              // for providers with insecure_skip_verify, on private addresses
    struct tls_client *proxy_tls;   // for "https" proxies
    const struct http_proxy *proxy; // the process's; NULL: none
    atomic_int_fast64_t inflight_body_bytes;
    _Atomic(struct gateway_ca *) cas;
    struct request_log *request_log; // NULL: none
    struct file_desk *files;         // whose files at upstreams are; NULL: nobody may keep any
    const char *version;             // for user-agent
};

/** The context for that ca_file, or NULL: it could not be read when the snapshot came. */
struct tls_client *gateway_ca_find(struct gateway *g, struct slice file);

/**
 * Before a snapshot is published: makes the TLS contexts that its providers need and that
 * are not there yet.  One thread at a time.
 */
void gateway_prepare(struct gateway *g, const struct snapshot *s);
void gateway_release(struct gateway *g);

/* One a worker, touched by its thread only. */
struct gateway_worker {
    struct gateway *gateway;
    struct worker *worker;
    struct http_server *server;
    struct http_client *client;
    struct journal *journal;
    struct snapshot *snapshot; // the current one; running exchanges hold their own
    struct list exchanges;     // running
    bool is_stopping;          // the process is to end: nothing is done that no client waits for
    bool is_cut;               // what runs is cut off, since the process is to end
    size_t exchange_count;
    size_t errand_count; // questions to the files' desk that are not answered yet
    struct list spare;   // exchange structs waiting for their next life
    size_t spare_count;
    struct stats stats;
    struct buf scratch; // for head lines in the making; nobody keeps it across a call
};

struct gateway_worker *gateway_worker_new(struct gateway *g, struct worker *w,
                                          struct journal *journal, struct snapshot *snapshot);

/** No exchange may be running. */
void gateway_worker_free(struct gateway_worker *gw);

/** For new exchanges from now on; takes the reference. */
void gateway_worker_publish(struct gateway_worker *gw, struct snapshot *snapshot);

/** The process is to end: answers that nobody waits for are not listened to any more. */
void gateway_worker_stop(struct gateway_worker *gw);

/** Ends all that still run, as a shutdown does: clients are cut, records are written. */
void gateway_worker_cut(struct gateway_worker *gw);

#endif
