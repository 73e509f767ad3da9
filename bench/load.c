/*
 * load.c - makes load and measures what comes back: bare epoll, one thread, one JSON line.
 *
 * Closed loop: each connection sends its next request when it has the whole answer.  With
 * --once each makes one request and ends: that many concurrent streams, opened --ramp per second.
 * Every answer must be 200, whole, and byte for byte like all others of the run (but for the
 * time in "created", which a translation fills in).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histogram.h"
#include "load_answer.h"
#include "load_body.h"

#define EVENTS       512
#define INPUT_BYTES  (256 * 1024)
#define SAMPLE_NS    100000000U // between two looks at the memory of --pid
#define FAILURES_MAX 1000
#define SECOND_NS    1000000000U

static struct options {
    unsigned port, pid;
    const struct load_kind *kind;
    const char *model, *path, *body_file;
    struct text headers;
    uint64_t connections, requests, ramp;
    uint64_t span_ns, timeout_ns, wait_up_ns;
    bool stream, once;
} options = {.model = "bench", .connections = 1, .timeout_ns = 60U * (uint64_t)SECOND_NS};

struct conn {
    int fd; // -1: closed
    bool is_writable, is_busy;
    size_t sent; // of the request
    uint64_t sent_at_ns, seen_at_ns;
    struct answer_reader answer;
};

static struct totals {
    uint64_t started, answered;
    uint64_t failed_connect, failed_status, failed_cut, failed_body;
    unsigned last_status; // of those that failed
    uint64_t bytes, reads;
    uint64_t rss_kib, anon_kib; // the most that --pid was seen to have
    uint64_t busy, busy_most;   // requests on their way
} totals;

static struct histogram latency, first, gap;
static struct reference reference;
static struct text request;
static struct conn *conns;
static uint64_t opened, begin_ns, end_ns, started_ns;
static int poll_fd, status_fd = -1;
static bool is_over; // no new requests
static char input[INPUT_BYTES];

static uint64_t failures(void)
{
    return totals.failed_connect + totals.failed_status + totals.failed_cut + totals.failed_body;
}

/* ---- one connection ---- */

static void conn_close(struct conn *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    answer_release(&c->answer);
    c->fd = -1;
    if (c->is_busy)
        totals.busy--;
    c->is_busy = false;
}

static void conn_fail(struct conn *c, uint64_t *counter)
{
    ++*counter;
    conn_close(c);
}

static void conn_write(struct conn *c)
{
    ssize_t n;

    while (c->is_writable && c->sent < request.len) {
        n = send(c->fd, request.bytes + c->sent, request.len - c->sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->sent += (size_t)n;
        } else if (errno == EAGAIN) {
            c->is_writable = false;
        } else {
            conn_fail(c, &totals.failed_cut);
            return;
        }
    }
}

static bool may_start(void)
{
    return !is_over && (!options.requests || totals.started < options.requests);
}

static void conn_start(struct conn *c)
{
    answer_begin(&c->answer);
    c->sent = 0;
    c->sent_at_ns = kit_now_ns();
    c->seen_at_ns = 0;
    c->is_busy = true;
    totals.started++;
    if (++totals.busy > totals.busy_most)
        totals.busy_most = totals.busy;
    conn_write(c);
}

static void conn_open(struct conn *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

    *c = (struct conn){.fd = kit_connect(options.port)};
    if (c->fd < 0) {
        totals.failed_connect++;
        return;
    }
    event.data.ptr = c;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        kit_die("epoll_ctl: %s", strerror(errno));
}

static void note_times(struct conn *c, uint64_t now)
{
    if (!c->answer.body_len)
        return; // no more than the head
    if (!c->seen_at_ns)
        histogram_add(&first, now - c->sent_at_ns);
    else
        histogram_add(&gap, now - c->seen_at_ns);
    c->seen_at_ns = now;
}

static void conn_finish(struct conn *c, uint64_t now)
{
    c->is_busy = false;
    totals.busy--;
    if (c->answer.status != 200) {
        totals.failed_status++;
        totals.last_status = c->answer.status;
    } else if (c->answer.differs) {
        totals.failed_body++;
    } else {
        totals.answered++;
        histogram_add(&latency, now - c->sent_at_ns);
    }
    if (!options.once && may_start() && failures() < FAILURES_MAX)
        conn_start(c);
    else if (options.once || !totals.busy)
        conn_close(c);
}

static void conn_read(struct conn *c)
{
    uint64_t now, body_len;
    ssize_t n;

    while (c->fd >= 0) {
        n = recv(c->fd, input, sizeof(input), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 && !c->is_busy) {
            conn_close(c); // between two requests a server may
            return;
        }
        if (n <= 0 || !c->is_busy) {
            conn_fail(c, &totals.failed_cut);
            return;
        }
        now = kit_now_ns();
        body_len = c->answer.body_len;
        totals.reads++;
        totals.bytes += (uint64_t)n;
        answer_feed(&c->answer, &reference, input, (size_t)n);
        if (c->answer.body_len > body_len)
            note_times(c, now);
        if (c->answer.state == ANSWER_BROKEN) {
            conn_fail(c, &totals.failed_cut);
            return;
        }
        if (c->answer.state == ANSWER_DONE)
            conn_finish(c, now);
        if ((size_t)n < sizeof(input))
            return; // more makes another event
    }
}

static void on_event(struct conn *c, uint32_t events)
{
    if (c->fd < 0)
        return; // closed earlier in this turn
    if (events & EPOLLERR) {
        conn_fail(c, c->is_busy ? &totals.failed_cut : &totals.failed_connect);
        return;
    }
    if (events & EPOLLOUT) {
        c->is_writable = true;
        if (c->is_busy)
            conn_write(c);
        else if (!c->sent_at_ns && may_start()) // it has just been connected
            conn_start(c);
    }
    if (c->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP)))
        conn_read(c);
}

/* ---- the run ---- */

/* How much memory --pid has, from its status file. */
static void sample_memory(void)
{
    char text[4096];
    const char *at;
    uint64_t kib;
    ssize_t n;

    if (status_fd < 0 || (n = pread(status_fd, text, sizeof(text) - 1, 0)) <= 0)
        return;
    text[n] = '\0';
    if ((at = strstr(text, "VmRSS:")) != NULL &&
        (kib = strtoull(at + 6, NULL, 10)) > totals.rss_kib)
        totals.rss_kib = kib;
    if ((at = strstr(text, "RssAnon:")) != NULL &&
        (kib = strtoull(at + 8, NULL, 10)) > totals.anon_kib)
        totals.anon_kib = kib;
}

/* Opens what is due by now; answers the nanoseconds until the next, UINT64_MAX: all are open. */
static uint64_t open_due(uint64_t now)
{
    uint64_t each = options.ramp ? SECOND_NS / options.ramp : 0;

    while (opened < options.connections) {
        if (begin_ns + opened * each > now)
            return begin_ns + opened * each - now;
        conn_open(&conns[opened++]);
    }
    return UINT64_MAX;
}

static bool is_finished(uint64_t now)
{
    if (now - begin_ns > options.timeout_ns || failures() >= FAILURES_MAX)
        return true;
    if (options.span_ns && now - begin_ns >= options.span_ns)
        is_over = true;
    if (totals.busy)
        return false;
    if (options.once)
        return totals.answered + failures() >= options.connections;
    return !may_start() || (opened == options.connections && failures() >= options.connections);
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    uint64_t now = kit_now_ns(), sampled_ns = 0, next;
    int count;

    begin_ns = now;
    while (!is_finished(now)) {
        next = open_due(now);
        if (now - sampled_ns >= SAMPLE_NS) {
            sampled_ns = now;
            sample_memory();
        }
        if (next > SAMPLE_NS)
            next = SAMPLE_NS;
        count = epoll_wait(poll_fd, events, EVENTS, (int)((next + 999999U) / 1000000U));
        if (count < 0 && errno != EINTR)
            kit_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < count; i++)
            on_event(events[i].data.ptr, events[i].events);
        now = kit_now_ns();
    }
    sample_memory();
    end_ns = now;
}

/* ---- what was seen ---- */

static uint64_t hash_of(const struct text *t)
{
    uint64_t hash = 14695981039346656037U; // FNV-1a

    for (size_t i = 0; i < t->len; i++)
        hash = (hash ^ (unsigned char)t->bytes[i]) * 1099511628211U;
    return hash;
}

static bool reference_is_good(void)
{
    const char *want = options.stream ? options.kind->last_event : options.kind->last_field;
    size_t len = reference.bytes.len, tail = options.stream && len > 400 ? 400 : len;

    return !*want || (reference.is_whole &&
                      memmem(reference.bytes.bytes + len - tail, tail, want, strlen(want)) != NULL);
}

static uint64_t count_events(void)
{
    uint64_t count = 0;

    for (size_t i = 0; i + 6 < reference.bytes.len; i++)
        count += !memcmp(reference.bytes.bytes + i, "\ndata:", 6);
    return count + (reference.bytes.len > 5 && !memcmp(reference.bytes.bytes, "data:", 5));
}

static void print_times(const char *name, const struct histogram *h)
{
    printf(",\"%s_count\":%llu,\"%s_min_us\":%.1f,\"%s_p50_us\":%.1f,\"%s_p90_us\":%.1f,"
           "\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f",
           name, (unsigned long long)h->count, name, (double)h->min / 1e3, name,
           (double)histogram_at(h, 0.5) / 1e3, name, (double)histogram_at(h, 0.9) / 1e3, name,
           (double)histogram_at(h, 0.99) / 1e3, name, (double)h->max / 1e3);
}

/* Errors are all that was started or should have been and is not answered well. */
static uint64_t print_results(void)
{
    double seconds = (double)(end_ns - begin_ns) / 1e9;
    uint64_t unfinished = totals.started - totals.answered - (failures() - totals.failed_connect);
    uint64_t errors = failures() + unfinished + !reference_is_good();

    if (options.once && totals.started < options.connections)
        errors += options.connections - totals.started;
    printf("{\"started\":%llu,\"answered\":%llu,\"errors\":%llu,\"unfinished\":%llu,"
           "\"failed_connect\":%llu,\"failed_status\":%llu,\"last_status\":%u,\"failed_cut\":%llu,"
           "\"failed_body\":%llu",
           (unsigned long long)totals.started, (unsigned long long)totals.answered,
           (unsigned long long)errors, (unsigned long long)unfinished,
           (unsigned long long)totals.failed_connect, (unsigned long long)totals.failed_status,
           totals.last_status, (unsigned long long)totals.failed_cut,
           (unsigned long long)totals.failed_body);
    printf(",\"seconds\":%.3f,\"rate\":%.0f,\"busy_most\":%llu,\"reads\":%llu,\"bytes\":%llu",
           seconds, (double)totals.answered / seconds, (unsigned long long)totals.busy_most,
           (unsigned long long)totals.reads, (unsigned long long)totals.bytes);
    printf(",\"request_bytes\":%zu,\"answer_bytes\":%zu,\"answer_events\":%llu,\"answer_hash\":"
           "\"%016llx\",\"rss_kib\":%llu,\"anon_kib\":%llu,\"up_us\":%.0f",
           request.len, reference.bytes.len, (unsigned long long)count_events(),
           (unsigned long long)hash_of(&reference.bytes), (unsigned long long)totals.rss_kib,
           (unsigned long long)totals.anon_kib, (double)(begin_ns - started_ns) / 1e3);
    print_times("latency", &latency);
    print_times("first", &first);
    print_times("gap", &gap);
    puts("}");
    return errors;
}

/* ---- beginning ---- */

static void read_file(struct text *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        kit_die("%s: %s", path, strerror(errno));
    while ((n = fread(input, 1, sizeof(input), f)) > 0)
        text_add(t, input, n);
    fclose(f);
}

static void make_request(void)
{
    const struct load_kind *kind = options.kind;
    struct text body = {0}, path = {0};
    const char *pattern = options.stream && kind->stream_path ? kind->stream_path : kind->path;
    const char *model = strstr(pattern, "%s");

    if (options.path)
        text_printf(&path, "%s", options.path);
    else if (model)
        text_printf(&path, "%.*s%s%s", (int)(model - pattern), pattern, options.model, model + 2);
    else
        text_printf(&path, "%s", pattern);
    if (options.body_file)
        read_file(&body, options.body_file);
    else if (kind->body)
        kind->body(&body, options.model, options.stream);
    text_printf(&request,
                "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: bench-load\r\n"
                "Accept: */*\r\n",
                kind->body ? "POST" : "GET", path.bytes, options.port);
    if (options.headers.len)
        text_add(&request, options.headers.bytes, options.headers.len);
    if (kind->body)
        text_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                    body.len);
    text_printf(&request, "\r\n");
    if (body.len)
        text_add(&request, body.bytes, body.len);
    free(body.bytes);
    free(path.bytes);
}

/* Until somebody listens. */
static void wait_until_up(void)
{
    const struct timespec pause = {.tv_nsec = 500000};
    uint64_t since = kit_now_ns();
    struct epoll_event event = {.events = EPOLLOUT};
    int fd, count, error;
    socklen_t len = sizeof(error);

    for (;;) {
        fd = kit_connect(options.port);
        if (fd >= 0) {
            epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
            count = epoll_wait(poll_fd, &event, 1, 100);
            error = count == 1 ? 0 : ETIMEDOUT;
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
            close(fd);
            if (count == 1 && !error && !(event.events & EPOLLERR))
                return;
        }
        if (kit_now_ns() - since > options.wait_up_ns)
            kit_die("nobody listens on port %u", options.port);
        nanosleep(&pause, NULL);
    }
}

static const struct option names[] = {
    {"port",        required_argument, NULL, 'p'},
    {"kind",        required_argument, NULL, 'k'},
    {"model",       required_argument, NULL, 'm'},
    {"path",        required_argument, NULL, 'P'},
    {"body",        required_argument, NULL, 'b'},
    {"header",      required_argument, NULL, 'H'},
    {"connections", required_argument, NULL, 'c'},
    {"requests",    required_argument, NULL, 'n'},
    {"seconds",     required_argument, NULL, 's'},
    {"ramp",        required_argument, NULL, 'r'},
    {"timeout",     required_argument, NULL, 't'},
    {"pid",         required_argument, NULL, 'i'},
    {"wait-up",     required_argument, NULL, 'w'},
    {"stream",      no_argument,       NULL, 'S'},
    {"once",        no_argument,       NULL, 'o'},
    {NULL,          0,                 NULL, 0  },
};

static const char usage[] =
    "usage: bench-load --port PORT --kind chat|agent|messages|gemini|get [--stream] [--model NAME]\n"
    "       [--connections N] [--requests N | --seconds N | --once [--ramp PER-SECOND]]\n"
    "       [--header 'Name: value']... [--path PATH] [--body FILE] [--timeout SECONDS]\n"
    "       [--wait-up SECONDS] [--pid PID-WHOSE-MEMORY-IS-WATCHED]";

static void take_option(int name, const char *value)
{
    switch (name) {
    case 'p': options.port = (unsigned)kit_number("--port", value, 65535); break;
    case 'k': options.kind = load_kind_find(value); break;
    case 'm': options.model = value; break;
    case 'P': options.path = value; break;
    case 'b': options.body_file = value; break;
    case 'H': text_printf(&options.headers, "%s\r\n", value); break;
    case 'c': options.connections = kit_number("--connections", value, 60000); break;
    case 'n': options.requests = kit_number("--requests", value, 1000000000); break;
    case 's': options.span_ns = kit_number("--seconds", value, 3600) * SECOND_NS; break;
    case 'r': options.ramp = kit_number("--ramp", value, 1000000); break;
    case 't': options.timeout_ns = kit_number("--timeout", value, 3600) * SECOND_NS; break;
    case 'i': options.pid = (unsigned)kit_number("--pid", value, 1U << 22); break;
    case 'w': options.wait_up_ns = kit_number("--wait-up", value, 3600) * SECOND_NS; break;
    case 'S': options.stream = true; break;
    case 'o': options.once = true; break;
    default: kit_die("%s", usage);
    }
}

static void take_options(int argc, char **argv)
{
    struct text path = {0};
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
        take_option(name, optarg);
    if (!options.port || !options.kind || !options.connections || optind < argc)
        kit_die("%s", usage);
    if (!options.requests && !options.span_ns && !options.once)
        options.requests = 1;
    if (!options.once && options.requests && options.requests < options.connections)
        options.connections = options.requests;
    if (!options.pid)
        return;
    text_printf(&path, "/proc/%u/status", options.pid);
    status_fd = open(path.bytes, O_RDONLY | O_CLOEXEC);
    if (status_fd < 0)
        kit_die("%s: %s", path.bytes, strerror(errno));
    free(path.bytes);
}

int main(int argc, char **argv)
{
    started_ns = kit_now_ns();
    signal(SIGPIPE, SIG_IGN);
    take_options(argc, argv);
    make_request();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc(options.connections, sizeof(*conns));
    if (poll_fd < 0 || !conns)
        kit_die("out of memory");
    if (options.wait_up_ns)
        wait_until_up();
    run();
    return print_results() ? 1 : 0;
}
