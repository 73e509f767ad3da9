/*
 * mock.c - a fast upstream for measurements: bare epoll, one thread, answers rendered before.
 *
 *     bench-mock PORT[,delay=MS][,chunks=N][,interval=MS][,size=BYTES][,chunk-size=BYTES]...
 *
 * Each argument is one port and how it behaves.  The path names the vendor: /messages is
 * Anthropic's, :generateContent and :streamGenerateContent are Gemini's, /responses is OpenAI's
 * and so is everything else, Chat Completions.  A body with "stream":true among its first bytes gets a stream.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mock_answer.h"

#define LOOK_BYTES   2048 // of a body, to see what is asked for
#define INPUT_BYTES  (256 * 1024)
#define HEAD_BYTES   (64 * 1024)
#define EVENTS       512
#define PROFILES     32
#define FULL_SECONDS 1000000000U

enum conn_state { CONN_READING, CONN_BODY, CONN_WAITING, CONN_WRITING };

struct conn {
    int fd;
    enum conn_state state;
    const struct server *server;
    const struct answer *answer;
    size_t piece;       // of the answer, the one that is being written or waits
    size_t written;     // of the answer's bytes
    uint64_t body_left; // of the request
    bool is_readable;   // input came while an answer was on its way
    struct text stash;  // a head that came in parts
    uint64_t due_ns;    // CONN_WAITING
    struct queue *queue;
    struct conn *next, *prev;
};

/* All in one queue wait equally long, so that the first in is the first out. */
struct queue {
    struct conn *first, *last;
    uint64_t wait_ns;
};

struct server {
    int fd;
    struct profile profile;
    struct answer whole[VENDOR_COUNT], stream[VENDOR_COUNT];
    struct queue *delay, *interval;
};

static struct server servers[PROFILES];
static struct queue queues[2 * PROFILES];
static size_t server_count;
static int poll_fd;
static char input[INPUT_BYTES];

/* ---- waiting ---- */

static void queue_add(struct queue *q, struct conn *c, uint64_t due_ns)
{
    c->state = CONN_WAITING;
    c->due_ns = due_ns;
    c->queue = q;
    c->next = NULL;
    c->prev = q->last;
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
}

static void queue_remove(struct conn *c)
{
    struct queue *q = c->queue;

    if (!q)
        return;
    if (c->prev)
        c->prev->next = c->next;
    else
        q->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        q->last = c->prev;
    c->queue = NULL;
}

/* ---- connections ---- */

static void conn_close(struct conn *c)
{
    queue_remove(c);
    close(c->fd);
    free(c->stash.bytes);
    free(c);
}

/* Writes what is due.  False: the connection is gone. */
static bool conn_write(struct conn *c)
{
    const struct answer *a = c->answer;
    size_t end = a->ends[c->piece];
    ssize_t n;

    c->state = CONN_WRITING;
    while (c->written < end) {
        n = send(c->fd, a->bytes.bytes + c->written, end - c->written, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return true; // goes on when there is room
        if (n < 0) {
            conn_close(c);
            return false;
        }
        c->written += (size_t)n;
    }
    if (++c->piece == a->pieces)
        c->state = CONN_READING;
    else
        queue_add(c->server->interval, c, c->due_ns + c->server->interval->wait_ns);
    return true;
}

/* The whole request is here. */
static bool conn_answer(struct conn *c)
{
    const struct queue *delay = c->server->delay;

    c->piece = 0;
    c->written = 0;
    if (!delay->wait_ns && c->answer->pieces == 1)
        return conn_write(c);
    c->due_ns = kit_now_ns();
    if (!delay->wait_ns)
        return conn_write(c);
    queue_add(c->server->delay, c, c->due_ns + delay->wait_ns);
    return true;
}

static bool has(const char *p, size_t len, const char *what)
{
    return memmem(p, len, what, strlen(what)) != NULL;
}

/* The value of content-length in a head that ends at `end`; 0 without one. */
static uint64_t content_length(const char *head, const char *end)
{
    static const char name[] = "content-length:";
    const char *line = head;

    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((size_t)(end - line) > sizeof(name) && !strncasecmp(line, name, sizeof(name) - 1))
            return strtoull(line + sizeof(name) - 1, NULL, 10);
    }
    return 0;
}

static const struct answer *choose(const struct server *s, const char *head, const char *body,
                                   size_t body_len)
{
    size_t line_len = strcspn(head, "\r");
    bool stream = has(body, body_len, "\"stream\":true") || has(body, body_len, "\"stream\": true");
    enum vendor vendor = VENDOR_OPENAI;

    if (has(head, line_len, "/messages")) {
        vendor = VENDOR_ANTHROPIC;
    } else if (has(head, line_len, "/responses")) {
        vendor = VENDOR_RESPONSES;
    } else if (has(head, line_len, "enerateContent")) {
        vendor = VENDOR_GEMINI;
        stream = has(head, line_len, ":streamGenerateContent");
    }
    return stream ? &s->stream[vendor] : &s->whole[vendor];
}

enum parsed { PARSED_ENOUGH, PARSED_MORE, PARSED_WRONG };

/* Reads a head and the beginning of its body, which are NUL-terminated. */
static enum parsed conn_parse(struct conn *c, const char *p, size_t len)
{
    const char *end = memmem(p, len, "\r\n\r\n", 4);
    uint64_t body_len;
    size_t head_len, have;

    if (!end)
        return len < HEAD_BYTES ? PARSED_MORE : PARSED_WRONG;
    head_len = (size_t)(end - p) + 4;
    have = len - head_len;
    body_len = content_length(p, end + 2);
    if (have > body_len)
        return PARSED_WRONG; // nobody here pipelines
    if (have < body_len && have < LOOK_BYTES)
        return PARSED_MORE;
    c->answer = choose(c->server, p, p + head_len, have < LOOK_BYTES ? have : LOOK_BYTES);
    c->body_left = body_len - have;
    return PARSED_ENOUGH;
}

/* Takes `len` bytes that stand in `input`.  False: the connection is gone. */
static bool conn_take(struct conn *c, size_t len)
{
    enum parsed parsed;

    if (c->state == CONN_BODY) {
        if (len > c->body_left) {
            conn_close(c);
            return false;
        }
        c->body_left -= len;
    } else {
        if (c->stash.len) {
            text_add(&c->stash, input, len);
            parsed = conn_parse(c, c->stash.bytes, c->stash.len);
        } else {
            input[len] = '\0';
            parsed = conn_parse(c, input, len);
            if (parsed == PARSED_MORE)
                text_add(&c->stash, input, len);
        }
        if (parsed == PARSED_WRONG) {
            conn_close(c);
            return false;
        }
        if (parsed == PARSED_MORE)
            return true;
        c->stash.len = 0;
        c->state = CONN_BODY;
    }
    return c->body_left > 0 || conn_answer(c);
}

/* Reads until there is no more, or an answer is on its way.  False: the connection is gone. */
static bool conn_read(struct conn *c)
{
    ssize_t n;

    c->is_readable = false;
    for (;;) {
        n = recv(c->fd, input, sizeof(input) - 1, 0);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            conn_close(c);
            return false;
        }
        if (!conn_take(c, (size_t)n))
            return false;
        if ((size_t)n < sizeof(input) - 1) // that was all; more makes another event
            return true;
        if (c->state > CONN_BODY) {
            c->is_readable = true;
            return true;
        }
    }
}

static void on_event(struct conn *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
        conn_close(c); // whoever stops sending wants no answer
        return;
    }
    if ((events & EPOLLOUT) && c->state == CONN_WRITING && !conn_write(c))
        return;
    if (!(events & EPOLLIN) && !c->is_readable)
        return;
    if (c->state <= CONN_BODY)
        conn_read(c);
    else
        c->is_readable = true;
}

static void accept_all(struct server *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    struct conn *c;
    int fd;

    while ((fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        c = calloc(1, sizeof(*c));
        if (!c)
            kit_die("out of memory");
        c->fd = fd;
        c->server = s;
        event.data.ptr = c;
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
            kit_die("epoll_ctl: %s", strerror(errno));
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        kit_die("accept: %s", strerror(errno));
}

/* ---- the loop ---- */

/* Writes what has come due; answers the milliseconds until the next is, -1: nothing waits. */
static int run_due(void)
{
    uint64_t now = 0, next = UINT64_MAX;

    for (size_t i = 0; i < 2 * server_count; i++) {
        struct conn *c = queues[i].first;

        if (c && !now)
            now = kit_now_ns();
        for (; c && c->due_ns <= now; c = queues[i].first) {
            queue_remove(c);
            if (conn_write(c) && c->state == CONN_READING && c->is_readable)
                conn_read(c);
        }
        if (c && c->due_ns < next)
            next = c->due_ns;
    }
    return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000U + 1);
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    int count, timeout_ms = -1;

    for (;;) {
        count = epoll_wait(poll_fd, events, EVENTS, timeout_ms);
        if (count < 0 && errno != EINTR)
            kit_die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            struct server *s = events[i].data.ptr;

            if (s >= servers && s < servers + PROFILES)
                accept_all(s);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        timeout_ms = run_due();
    }
}

/* ---- beginning ---- */

static void read_setting(struct profile *p, char *setting)
{
    char *value = strchr(setting, '=');

    if (!value)
        kit_die("'%s': a setting is NAME=NUMBER", setting);
    *value++ = '\0';
    if (!strcmp(setting, "delay"))
        p->delay_ns = kit_number(setting, value, FULL_SECONDS) * 1000000U;
    else if (!strcmp(setting, "interval"))
        p->interval_ns = kit_number(setting, value, FULL_SECONDS) * 1000000U;
    else if (!strcmp(setting, "chunks"))
        p->chunks = kit_number(setting, value, 1000000);
    else if (!strcmp(setting, "size"))
        p->size = kit_number(setting, value, 1U << 30);
    else if (!strcmp(setting, "chunk-size"))
        p->chunk_size = kit_number(setting, value, 1U << 20);
    else
        kit_die("'%s' is no setting", setting);
}

static void open_server(struct server *s, char *argument)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    char *rest = NULL, *setting = strtok_r(argument, ",", &rest);

    s->profile = (struct profile){.chunks = 20, .chunk_size = 16, .size = 130};
    s->profile.port = (unsigned)kit_number("port", setting ? setting : "", 65535);
    while ((setting = strtok_r(NULL, ",", &rest)) != NULL)
        read_setting(&s->profile, setting);
    for (int v = 0; v < VENDOR_COUNT; v++) {
        answer_render(&s->whole[v], (enum vendor)v, false, &s->profile);
        answer_render(&s->stream[v], (enum vendor)v, true, &s->profile);
    }
    s->delay = &queues[2 * (s - servers)];
    s->delay->wait_ns = s->profile.delay_ns;
    s->interval = s->delay + 1;
    s->interval->wait_ns = s->profile.interval_ns;
    s->fd = kit_listen(s->profile.port);
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, s->fd, &event) != 0)
        kit_die("epoll_ctl: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > PROFILES)
        kit_die("usage: bench-mock PORT[,delay=MS][,chunks=N][,interval=MS][,size=BYTES]"
                "[,chunk-size=BYTES]...");
    signal(SIGPIPE, SIG_IGN);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 1; i < argc; i++)
        open_server(&servers[server_count++], argv[i]);
    run();
}
