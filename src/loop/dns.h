/* dns.h - names to addresses, cached.  Private to loop/. */
#ifndef LOOP_DNS_H
#define LOOP_DNS_H

#include <stddef.h>

#include "base/slice.h"
#include "loop/address.h"
#include "loop/worker.h"

/*
 * One resolver per worker, made when the first name is asked for: c-ares, which
 * reads /etc/resolv.conf and /etc/hosts.  Answers are kept for their TTL, at
 * least a second and at most a minute.  Those who ask for the same name at the
 * same time share one question.
 */
struct dns;
struct dns_query;

#define DNS_ADDRESSES_MAX 16

/* `count` 0: there is no answer, `why` says so.  The addresses are borrowed; their port is 0. */
typedef void dns_done_fn(void *ctx, const struct address *list, size_t count, const char *why);

/**
 * What is known without asking: literal addresses, "localhost", the cache.  Answers
 * how many addresses were written to `list`; 0 when dns_ask() is needed.
 */
size_t dns_peek(struct worker *w, struct slice host, struct address list[DNS_ADDRESSES_MAX]);

/** Answers NULL when `host` cannot be a name.  `done` is called once, from the loop. */
struct dns_query *dns_ask(struct worker *w, struct slice host, dns_done_fn *done, void *ctx);

/** This address could be reached: it stands first as long as the answer is kept. */
void dns_prefer(struct worker *w, struct slice host, const struct address *a);

/** `done` will not be called. */
void dns_cancel(struct dns_query *q);

/** Asks these servers from now on, "127.0.0.1:5353,[::1]:53", instead of the system's. */
bool dns_set_servers(struct worker *w, const char *servers);

/** For the end of the worker's loop; nobody may be waiting any more. */
void dns_free(struct dns *d);

#endif
