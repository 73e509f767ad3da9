/* dns.c - names to addresses, cached: c-ares on libuv. */
#include "loop/dns.h"

#include <ares.h>
#include <assert.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/table.h"
#include "loop/loop.h"

#define NAME_MAX_BYTES 255
#define NAMES_MAX      1024 // beyond, what nobody waits for is forgotten
#define TTL_MIN_MS     1000
#define TTL_MAX_MS     60000
#define SERVER_WAIT_MS 2000 // for the first try; c-ares doubles it
#define SERVER_TRIES   3
#define LOOK_EVERY_MS  1000 // at c-ares' own deadlines, when it names none

/*
 * A name: nothing known --dns_ask--> asking --on_answer--> known (until expires_at_ms)
 * or, without an answer, forgotten.
 */
struct dns_name {
    struct dns *dns;
    bool asking;
    struct task ask; // c-ares may answer at once, and nobody is called from inside dns_ask()
    int64_t expires_at_ms;
    struct list queries; // of struct dns_query
    size_t count;
    struct address list[DNS_ADDRESSES_MAX];
    char text[]; // NUL terminated
};

struct dns_query {
    struct list link;
    dns_done_fn *done;
    void *ctx;
};

/* A socket of c-ares, while it is open. */
struct dns_socket {
    uv_poll_t poll;
    struct dns *dns;
    struct list link;
    ares_socket_t fd;
};

struct dns {
    struct worker *worker;
    ares_channel channel;
    struct table names; // text -> struct dns_name
    struct list sockets;
    struct timer timer; // set while questions are under way
    size_t asking;
};

/* Sockets. */

static void on_socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_socket(struct dns_socket *s)
{
    list_remove(&s->link);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static void schedule(struct dns *d)
{
    struct timeval left = {LOOK_EVERY_MS / 1000, 0};

    if (!d->asking) {
        timer_clear(&d->timer);
        return;
    }
    ares_timeout(d->channel, &left, &left);
    timer_set(d->worker, &d->timer,
              d->worker->now_ms + left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

static void on_timer(void *dns)
{
    struct dns *d = dns;

    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    schedule(d);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct dns_socket *s = poll->data;
    struct dns *d = s->dns;
    bool readable = status < 0 || (events & UV_READABLE),
         writable = status < 0 || (events & UV_WRITABLE);
    ares_socket_t fd = s->fd;

    loop_refresh_now(d->worker);
    ares_process_fd(d->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    schedule(d);
}

static struct dns_socket *find_socket(struct dns *d, ares_socket_t fd)
{
    list_for_each(at, &d->sockets) {
        struct dns_socket *s = list_entry(at, struct dns_socket, link);
        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static struct dns_socket *add_socket(struct dns *d, ares_socket_t fd)
{
    struct dns_socket *s = calloc(1, sizeof(*s));

    if (!s)
        panic("out of memory: a resolver socket");
    if (uv_poll_init(&d->worker->loop->uv, &s->poll, fd) != 0) {
        free(s);
        return NULL; // the question will time out
    }
    s->poll.data = s;
    s->dns = d;
    s->fd = fd;
    list_push_back(&d->sockets, &s->link);
    return s;
}

/* c-ares says what it waits for; nothing at all means that it closes the socket. */
static void on_interest(void *dns, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = dns;
    struct dns_socket *s = find_socket(d, fd);

    if (!readable && !writable) {
        if (s)
            close_socket(s);
        return;
    }
    if (!s)
        s = add_socket(d, fd);
    if (s)
        uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                      on_socket);
}

/* Names. */

static void free_name(struct dns *d, struct dns_name *n)
{
    task_cancel(&n->ask);
    table_remove(&d->names, slice_str(n->text));
    free(n);
}

/* Makes room: what has expired goes, and when that is nothing, whatever nobody waits for. */
static void forget(struct dns *d)
{
    for (int pass = 0; pass < 2 && d->names.live >= NAMES_MAX; pass++) {
        const struct table_entry *entry;
        size_t at = 0;

        while ((entry = table_next(&d->names, &at)) != NULL) {
            struct dns_name *n = entry->value;
            if (!n->asking && (pass == 1 || n->expires_at_ms <= d->worker->now_ms))
                free_name(d, n);
        }
    }
}

static void take_addresses(struct dns_name *n, const struct ares_addrinfo *answer)
{
    int64_t ttl_ms = TTL_MAX_MS;

    n->count = 0;
    for (const struct ares_addrinfo_node *at = answer->nodes; at; at = at->ai_next) {
        struct address *a = &n->list[n->count];

        if (n->count == DNS_ADDRESSES_MAX ||
            (at->ai_family != AF_INET && at->ai_family != AF_INET6))
            continue;
        *a = (struct address){.v6 = {.sin6_family = AF_UNSPEC}};
        memcpy(&a->any, at->ai_addr, at->ai_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6));
        address_set_port(a, 0);
        n->count++;
        if ((int64_t)at->ai_ttl * 1000 < ttl_ms)
            ttl_ms = (int64_t)at->ai_ttl * 1000;
    }
    if (ttl_ms < TTL_MIN_MS)
        ttl_ms = TTL_MIN_MS;
    n->expires_at_ms = n->dns->worker->now_ms + ttl_ms;
}

/* The name may be gone, or be asked for again, while the answer is being told. */
static void tell(struct list *waiting, const struct address *list, size_t count, const char *why)
{
    while (!list_is_empty(waiting)) {
        struct dns_query *q = list_entry(waiting->next, struct dns_query, link);
        dns_done_fn *done = q->done;
        void *ctx = q->ctx;

        dns_cancel(q);
        done(ctx, list, count, why);
    }
}

static void on_answer(void *name, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct dns_name *n = name;
    const char *why = ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status);
    struct address list[DNS_ADDRESSES_MAX];
    struct list waiting;
    size_t count;

    (void)timeouts;
    n->asking = false;
    n->dns->asking--;
    n->count = 0;
    if (status == ARES_SUCCESS && answer)
        take_addresses(n, answer);
    ares_freeaddrinfo(answer);
    count = n->count;
    memcpy(list, n->list, count * sizeof(*list));
    list_init(&waiting);
    list_append(&waiting, &n->queries);
    if (count == 0)
        free_name(n->dns, n);
    tell(&waiting, list, count, why);
}

static void ask_servers(void *name)
{
    const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC};
    struct dns_name *n = name;
    struct dns *d = n->dns;

    ares_getaddrinfo(d->channel, n->text, NULL, &hints, on_answer, n);
    schedule(d);
}

static struct dns_name *find_name(struct dns *d, struct slice host)
{
    struct dns_name *n = table_get(&d->names, host);

    if (n)
        return n;
    forget(d);
    n = calloc(1, sizeof(*n) + host.len + 1);
    if (!n)
        panic("out of memory: a host name");
    n->dns = d;
    list_init(&n->queries);
    task_init(&n->ask, ask_servers, n);
    memcpy(n->text, host.ptr, host.len);
    table_put(&d->names, slice_of(n->text, host.len), n);
    return n;
}

static void library_init(void)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        panic("c-ares does not start");
}

static struct dns *resolver(struct worker *w)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ares_options options = {.timeout = SERVER_WAIT_MS, .tries = SERVER_TRIES};
    struct dns *d = w->loop->dns;

    if (d)
        return d;
    pthread_once(&once, library_init);
    d = calloc(1, sizeof(*d));
    if (!d)
        panic("out of memory: a resolver");
    d->worker = w;
    table_init(&d->names, random_next(&w->random));
    list_init(&d->sockets);
    timer_init(&d->timer, on_timer, d);
    options.sock_state_cb = on_interest;
    options.sock_state_cb_data = d;
    if (ares_init_options(&d->channel, &options,
                          ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
        ARES_SUCCESS)
        panic("c-ares makes no resolver");
    return w->loop->dns = d;
}

bool dns_set_servers(struct worker *w, const char *servers)
{
    return ares_set_servers_ports_csv(resolver(w)->channel, servers) == ARES_SUCCESS;
}

/* RFC 6761, 6.3: never asked of a server.  IPv4 first: most local servers listen there only. */
static size_t peek_localhost(struct address list[DNS_ADDRESSES_MAX])
{
    address_parse(SLICE("127.0.0.1"), 0, &list[0]);
    address_parse(SLICE("::1"), 0, &list[1]);
    return 2;
}

static bool is_localhost(struct slice host)
{
    static const struct slice suffix = {".localhost", 10};

    if (slice_ends(host, SLICE(".")))
        host.len--;
    return slice_eq_nocase(host, SLICE("localhost")) ||
           (host.len > suffix.len &&
            slice_eq_nocase(slice_after(host, host.len - suffix.len), suffix));
}

size_t dns_peek(struct worker *w, struct slice host, struct address list[DNS_ADDRESSES_MAX])
{
    struct dns *d = w->loop->dns;
    struct dns_name *n;

    if (address_parse(host, 0, &list[0]))
        return 1;
    if (is_localhost(host))
        return peek_localhost(list);
    n = d ? table_get(&d->names, host) : NULL;
    if (!n || n->asking || n->expires_at_ms <= w->now_ms)
        return 0;
    memcpy(list, n->list, n->count * sizeof(*list));
    return n->count;
}

static bool same_host(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

void dns_prefer(struct worker *w, struct slice host, const struct address *a)
{
    struct dns_name *n = w->loop->dns ? table_get(&w->loop->dns->names, host) : NULL;

    for (size_t i = 1; n && i < n->count; i++) {
        if (same_host(&n->list[i], a)) {
            struct address better = n->list[i];
            memmove(&n->list[1], &n->list[0], i * sizeof(*n->list));
            n->list[0] = better;
            return;
        }
    }
}

struct dns_query *dns_ask(struct worker *w, struct slice host, dns_done_fn *done, void *ctx)
{
    struct dns *d = resolver(w);
    struct dns_query *q;
    struct dns_name *n;

    if (host.len == 0 || host.len > NAME_MAX_BYTES || slice_find(host, '\0') != SIZE_MAX)
        return NULL;
    q = malloc(sizeof(*q));
    if (!q)
        panic("out of memory: a question");
    *q = (struct dns_query){.done = done, .ctx = ctx};
    n = find_name(d, host);
    list_push_back(&n->queries, &q->link);
    if (!n->asking) {
        n->asking = true;
        d->asking++;
        worker_wake(w, &n->ask);
    }
    return q;
}

void dns_cancel(struct dns_query *q)
{
    list_remove(&q->link);
    free(q);
}

void dns_free(struct dns *d)
{
    const struct table_entry *entry;
    size_t at = 0;

    if (!d)
        return;
    ares_destroy(d->channel); // answers every question: nobody is waiting
    while (!list_is_empty(&d->sockets))
        close_socket(list_entry(d->sockets.next, struct dns_socket, link));
    timer_clear(&d->timer);
    while ((entry = table_next(&d->names, &at)) != NULL)
        free_name(d, entry->value);
    table_release(&d->names);
    free(d);
}
