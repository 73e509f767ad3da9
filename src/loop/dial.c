/* dial.c - opening a stream to a host: DNS, happy eyeballs, TCP, TLS. */
#include "loop/dial.h"

#include <assert.h>
#include <stdlib.h>

#include "base/panic.h"
#include "loop/dns.h"
#include "loop/stream_inside.h"
#include "loop/tls_inside.h"
#include "loop/tls_layer.h"

#define STAGGER_MS 250 // RFC 8305, 5: Connection Attempt Delay

/*
 *   dial_open --> RESOLVING --> CONNECTING --on_connect (the first)--> SECURING --> done
 *   dial_start_tls --> SECURING
 *   any --fail, dial_cancel--> gone
 */
enum dial_state { DIAL_RESOLVING, DIAL_CONNECTING, DIAL_SECURING };

struct dial {
    struct worker *worker;
    enum dial_state state;
    dial_done_fn *done;
    void *ctx;
    struct tls_client *tls; // a reference, or NULL
    unsigned port;
    bool allow_private;
    struct task start; // the first step runs from the loop
    struct timer deadline;
    struct timer stagger; // starts the next attempt beside those that hang
    struct dns_query *query;
    size_t count, next, active; // addresses, the next one to try, attempts under way
    struct address list[DNS_ADDRESSES_MAX];
    struct stream *attempts[DNS_ADDRESSES_MAX]; // NULL: not begun, or failed
    struct stream *stream;                      // SECURING
    char why[ERR_TEXT_BYTES / 2];               // the last attempt failed
    size_t host_len;
    char host[]; // NUL terminated
};

static void step(void *dial);
static void on_deadline(void *dial);
static void on_stagger(void *dial);

static struct dial *new_dial(struct worker *w, struct slice host, struct tls_client *tls,
                             int64_t deadline_at_ms)
{
    struct dial *d = calloc(1, sizeof(*d) + host.len + 1);

    if (!d)
        panic("out of memory: a dial");
    d->worker = w;
    d->tls = tls ? tls_client_ref(tls) : NULL;
    d->host_len = host.len;
    if (host.len)
        memcpy(d->host, host.ptr, host.len);
    task_init(&d->start, step, d);
    timer_init(&d->deadline, on_deadline, d);
    timer_init(&d->stagger, on_stagger, d);
    if (deadline_at_ms)
        timer_set(w, &d->deadline, deadline_at_ms);
    w->loop->open++;
    worker_wake(w, &d->start);
    return d;
}

static struct slice host_of(const struct dial *d)
{
    return slice_of(d->host, d->host_len);
}

/* Closes a stream that its owner never gets, or gets no more. */
static void drop(struct stream *s)
{
    stream_attach(s, NULL, NULL);
    stream_close(s, false);
}

static void drop_attempts(struct dial *d)
{
    for (size_t i = 0; i < d->next; i++) {
        if (d->attempts[i])
            drop(d->attempts[i]);
        d->attempts[i] = NULL;
    }
    d->active = 0;
}

void dial_cancel(struct dial *d)
{
    drop_attempts(d);
    if (d->stream)
        drop(d->stream);
    if (d->query)
        dns_cancel(d->query);
    task_cancel(&d->start);
    timer_clear(&d->deadline);
    timer_clear(&d->stagger);
    tls_client_free(d->tls);
    d->worker->loop->open--;
    free(d);
}

static void finish(struct dial *d, const struct err_info *e)
{
    dial_done_fn *done = d->done;
    struct stream *s = e ? NULL : d->stream;
    void *ctx = d->ctx;

    if (!e) {
        stream_attach(s, NULL, NULL);
        d->stream = NULL;
    }
    dial_cancel(d);
    done(ctx, s, e);
}

static void fail(struct dial *d, enum err code, const char *what, const char *why)
{
    struct err_info e = {0};

    err_set(&e, code, "%s %s: %s", what, d->host, why);
    finish(d, &e);
}

static void on_deadline(void *dial)
{
    struct dial *d = dial;

    switch (d->state) {
    case DIAL_RESOLVING:
        fail(d, ERR_UPSTREAM_TIMEOUT, "cannot look up", "no answer in time");
        break;
    case DIAL_CONNECTING:
        fail(d, ERR_UPSTREAM_TIMEOUT, "cannot connect to", "no answer in time");
        break;
    case DIAL_SECURING:
        fail(d, ERR_UPSTREAM_TIMEOUT, "no TLS with", "the handshake took too long");
        break;
    }
}

/* TLS. */

static void on_error(void *ctx, enum err err, const char *why)
{
    fail(ctx, err, "no TLS with", why);
}

static char *on_room(void *ctx, size_t *size)
{
    (void)ctx;
    (void)size;
    return NULL; // the owner reads, not we
}

static void on_read(void *ctx, size_t len)
{
    (void)ctx;
    (void)len;
}

static void ignore(void *ctx)
{
    (void)ctx;
}

static const struct stream_handler handshake_handler = {
    .on_room = on_room,
    .on_read = on_read,
    .on_eof = ignore,
    .on_error = on_error,
    .on_drained = ignore,
    .on_closed = ignore,
};

static void on_ready(void *ctx, const char *why)
{
    struct dial *d = ctx;

    if (why)
        fail(d, ERR_UPSTREAM_TLS, "no TLS with", why);
    else
        finish(d, NULL);
}

static void secure(struct dial *d)
{
    d->state = DIAL_SECURING;
    stream_attach(d->stream, &handshake_handler, d);
    tls_start_client(d->stream, d->tls, host_of(d), d->port, on_ready, d);
}

/* TCP. */

static void start_attempts(struct dial *d);

static void attempt_failed(struct dial *d, size_t i, int status)
{
    snprintf(d->why, sizeof(d->why), "%s", uv_strerror(status));
    drop(d->attempts[i]);
    d->attempts[i] = NULL;
    d->active--;
}

static void on_connect(uv_connect_t *req, int status)
{
    struct stream *s = container_of(req, struct stream, req.connect);
    struct dial *d = s->ctx;
    size_t i = 0;

    loop_refresh_now(s->worker);
    if (s->is.closing)
        return;
    while (d->attempts[i] != s)
        i++;
    if (status < 0) {
        attempt_failed(d, i, status);
        start_attempts(d);
        return;
    }
    if (i > 0)
        dns_prefer(d->worker, host_of(d), &d->list[i]);
    d->attempts[i] = NULL;
    d->stream = s;
    drop_attempts(d);
    timer_clear(&d->stagger);
    if (d->tls)
        secure(d);
    else
        finish(d, NULL);
}

static void attempt(struct dial *d, size_t i)
{
    struct stream *s = stream_new(d->worker, ERR_UPSTREAM_DOWN);
    int status;

    d->attempts[i] = s;
    d->active++;
    s->ctx = d; // without a handler: nothing but on_connect looks at it
    stream_set_peer(s, &d->list[i]);
    uv_tcp_nodelay(&s->tcp, 1);
    status = uv_tcp_connect(&s->req.connect, &s->tcp, &d->list[i].any, on_connect);
    if (status < 0)
        attempt_failed(d, i, status);
}

/* The next attempt begins when the last one has failed or has hung for STAGGER_MS. */
static void start_attempts(struct dial *d)
{
    size_t before = d->active;

    while (d->next < d->count && d->active == before)
        attempt(d, d->next++);
    if (d->next < d->count)
        timer_set(d->worker, &d->stagger, d->worker->now_ms + STAGGER_MS);
    else
        timer_clear(&d->stagger);
    if (d->active == 0)
        fail(d, ERR_UPSTREAM_DOWN, "cannot connect to", d->why);
}

static void on_stagger(void *dial)
{
    start_attempts(dial);
}

/* Addresses. */

static bool is_allowed(const struct dial *d, const struct address *a)
{
    switch (address_kind(a)) {
    case ADDRESS_PUBLIC: return !d->tls || !tls_client_is_insecure(d->tls);
    case ADDRESS_PRIVATE: return d->allow_private;
    case ADDRESS_FORBIDDEN: return false;
    }
    return false;
}

static const struct address *next_of_family(const struct address *list, size_t count, size_t *at,
                                            int family)
{
    while (*at < count && list[*at].any.sa_family != family)
        ++*at;
    return *at < count ? &list[(*at)++] : NULL;
}

/* RFC 8305, 4: the families take turns, beginning with that of the first address. */
static void choose(struct dial *d, const struct address *list, size_t count)
{
    int family = list[0].any.sa_family, other = family == AF_INET ? AF_INET6 : AF_INET;
    size_t at = 0, other_at = 0;

    for (bool more = true; more;) {
        const struct address *a = next_of_family(list, count, &at, family);
        const struct address *b = next_of_family(list, count, &other_at, other);

        if (a && is_allowed(d, a))
            d->list[d->count++] = *a;
        if (b && is_allowed(d, b))
            d->list[d->count++] = *b;
        more = a || b;
    }
    for (size_t i = 0; i < d->count; i++)
        address_set_port(&d->list[i], d->port);
}

static void connect_to(struct dial *d, const struct address *list, size_t count)
{
    char text[ADDRESS_TEXT_BYTES];

    d->state = DIAL_CONNECTING;
    choose(d, list, count);
    if (d->count) {
        start_attempts(d);
        return;
    }
    address_format(&list[0], text);
    snprintf(d->why, sizeof(d->why), "the address %s is not allowed here", text);
    fail(d, ERR_FORBIDDEN, "cannot connect to", d->why);
}

static void on_addresses(void *ctx, const struct address *list, size_t count, const char *why)
{
    struct dial *d = ctx;

    d->query = NULL;
    if (count)
        connect_to(d, list, count);
    else
        fail(d, ERR_UPSTREAM_DOWN, "cannot look up", why);
}

static void resolve(struct dial *d)
{
    struct address list[DNS_ADDRESSES_MAX];
    size_t count = dns_peek(d->worker, host_of(d), list);

    if (count)
        connect_to(d, list, count);
    else if (!(d->query = dns_ask(d->worker, host_of(d), on_addresses, d)))
        fail(d, ERR_UPSTREAM_DOWN, "cannot look up", "not a host name");
}

static void step(void *dial)
{
    struct dial *d = dial;

    if (!tls_host_ok(host_of(d)) || d->port > 65535)
        fail(d, ERR_UPSTREAM_DOWN, "cannot connect to", "not a host name and port");
    else if (d->state == DIAL_RESOLVING)
        resolve(d);
    else if (d->stream->is.failed || d->stream->is.ended || d->stream->broken_why)
        fail(d, ERR_UPSTREAM_DOWN, "no TLS with", "the connection ended before it began");
    else
        secure(d);
}

struct dial *dial_open(struct worker *w, const struct dial_target *target, dial_done_fn *done,
                       void *ctx)
{
    struct dial *d = new_dial(w, target->host, target->tls, target->deadline_at_ms);

    d->done = done;
    d->ctx = ctx;
    d->port = target->port;
    d->allow_private = target->allow_private;
    return d;
}

struct dial *dial_start_tls(struct stream *s, struct slice host, struct tls_client *tls,
                            int64_t deadline_at_ms, dial_done_fn *done, void *ctx)
{
    struct dial *d = new_dial(stream_worker(s), host, tls, deadline_at_ms);

    d->done = done;
    d->ctx = ctx;
    d->state = DIAL_SECURING;
    d->stream = s;
    stream_read_stop(s);
    stream_attach(s, &handshake_handler, d);
    return d;
}
