/* gateway.c - what exchanges share. */
#include "exchange/gateway.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "exchange/exchange.h"

struct tls_client *gateway_ca_find(struct gateway *g, struct slice file)
{
    struct gateway_ca *ca = atomic_load_explicit(&g->cas, memory_order_acquire);

    while (ca && !slice_eq(ca->file, file))
        ca = ca->next;
    return ca ? ca->tls : NULL;
}

static void add_ca(struct gateway *g, struct slice file)
{
    struct err_info e = {0};
    struct gateway_ca *ca = malloc(sizeof(*ca) + file.len + 1);
    char *name = (char *)(ca + 1);

    if (!ca)
        panic("out of memory: a TLS context");
    memcpy(name, file.ptr, file.len);
    name[file.len] = '\0';
    ca->file = slice_of(name, file.len);
    ca->tls = tls_client_new(name, false, &e);
    if (!ca->tls) {
        log_event(LOG_ERROR, NULL, "tls.ca_file", "file=\"%s\" why=\"%s\"", name,
                  err_info_text(&e));
        free(ca);
        return;
    }
    ca->next = atomic_load_explicit(&g->cas, memory_order_relaxed);
    atomic_store_explicit(&g->cas, ca, memory_order_release);
}

/* Reading the system's authorities takes time and memory: only who needs them pays. */
static void add_tls(struct tls_client **tls, bool insecure)
{
    struct err_info e = {0};

    if (*tls)
        return;
    *tls = tls_client_new(NULL, insecure, &e);
    if (!*tls)
        log_event(LOG_ERROR, NULL, "tls.unusable", "why=\"%s\"", err_info_text(&e));
}

void gateway_prepare(struct gateway *g, const struct snapshot *s)
{
    const struct table_entry *e;

    for (size_t at = 0; (e = table_next(&s->providers, &at));) {
        const struct provider *p = e->value;
        if (!p->base.is_tls)
            continue;
        if (p->insecure_skip_verify)
            add_tls(&g->tls_insecure, true);
        else if (!p->ca_file.len)
            add_tls(&g->tls, false);
        else if (!gateway_ca_find(g, p->ca_file))
            add_ca(g, p->ca_file);
    }
}

void gateway_release(struct gateway *g)
{
    struct gateway_ca *ca = atomic_load(&g->cas);

    while (ca) {
        struct gateway_ca *next = ca->next;
        tls_client_free(ca->tls);
        free(ca);
        ca = next;
    }
    atomic_store(&g->cas, NULL);
    tls_client_free(g->tls);
    shelf_free(g->thoughts);
    shelf_free(g->responses);
    g->thoughts = g->responses = NULL;
    tls_client_free(g->tls_insecure);
    tls_client_free(g->proxy_tls);
}

struct gateway_worker *gateway_worker_new(struct gateway *g, struct worker *w,
                                          struct journal *journal, struct snapshot *snapshot)
{
    struct gateway_worker *gw = calloc(1, sizeof(*gw));

    if (!gw)
        panic("out of memory: a worker");
    gw->gateway = g;
    gw->worker = w;
    gw->journal = journal;
    gw->snapshot = snapshot;
    gw->client = http_client_new(w);
    list_init(&gw->exchanges);
    list_init(&gw->spare);
    return gw;
}

void gateway_worker_publish(struct gateway_worker *gw, struct snapshot *snapshot)
{
    struct snapshot *old = gw->snapshot;

    gw->snapshot = snapshot;
    snapshot_unref(old);
}

void gateway_worker_stop(struct gateway_worker *gw)
{
    gw->is_stopping = true;
    list_for_each(at, &gw->exchanges) {
        struct exchange *x = list_entry(at, struct exchange, link);
        if (x->relay.is_draining)
            exchange_wake(x);
    }
}

void gateway_worker_cut(struct gateway_worker *gw)
{
    gw->is_cut = true;
    list_for_each(at, &gw->exchanges) {
        struct exchange *x = list_entry(at, struct exchange, link);
        /* Else it has ended another way, and its record waits for room, or its client is gone. */
        if (!x->failed && !x->relay.is_draining)
            x->outcome = OUTCOME_SHUTDOWN;
        exchange_wake(x);
    }
}

void gateway_worker_free(struct gateway_worker *gw)
{
    if (!gw)
        return;
    assert(!gw->exchange_count && !gw->errand_count);
    exchange_free_spares(gw);
    buf_release(&gw->scratch);
    http_client_free(gw->client);
    snapshot_unref(gw->snapshot);
    free(gw);
}
