/* server_test.c - connections, requests and answers over real sockets. */
#include "http/server.h"

#include "http/test_kit.h"
#include "loop/wheel.h"

#define KIB 1024

/* What the handler does with a request is in its path. */
enum duty { DUTY_HELLO, DUTY_ECHO, DUTY_HOLD, DUTY_POUR };

struct job {
    struct fixture *f;
    struct http_request *r; // NULL once it was answered
    struct task task;
    enum duty duty;
    struct buf body;
    size_t wakes, poured;
    bool is_free; // this slot may be used
};

struct fixture {
    struct worker *w;
    struct http_server *server;
    struct listener_socket *listener;
    unsigned port;
    size_t requests, refusals, pour_bytes;
    struct job jobs[32];
    struct job *last;
};

static void pour(struct job *j)
{
    static char piece[4000];

    while (j->poured < j->f->pour_bytes && response_has_room(j->r)) {
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (char)((j->poured + i) % 251);
        response_write(j->r, slice_of(piece, sizeof(piece)));
        j->poured += sizeof(piece);
    }
    http_server_flush(j->f->server);
}

static void job_end(struct job *j)
{
    j->r = NULL;
    j->is_free = true;
}

static void job_run(void *ctx)
{
    struct job *j = ctx;
    struct slice bytes;

    j->wakes++;
    switch (j->duty) {
    case DUTY_HELLO:
    case DUTY_HOLD: return;
    case DUTY_POUR:
        pour(j);
        if (j->poured >= j->f->pour_bytes || j->r->gone) {
            response_end(j->r);
            job_end(j);
        }
        return;
    case DUTY_ECHO: break;
    }
    while ((bytes = http_body_peek(&j->r->body)).len) {
        buf_append(&j->body, bytes);
        http_body_consume(&j->r->body, bytes.len);
    }
    if (http_body_broken(&j->r->body)) {
        response_abort(j->r);
        job_end(j);
    } else if (http_body_ended(&j->r->body)) {
        response_send(j->r, 200, SLICE("content-type: text/plain\r\n"), buf_peek(&j->body));
        job_end(j);
    } else {
        http_request_want_body(j->r);
    }
}

static struct job *job_begin(struct fixture *f, struct http_request *r, enum duty duty)
{
    struct job *j = f->jobs;

    while (!j->is_free)
        j++;
    buf_release(&j->body);
    *j = (struct job){.f = f, .r = r, .duty = duty};
    task_init(&j->task, job_run, j);
    r->wake = &j->task;
    f->last = j;
    return j;
}

static bool path_is(const struct head *head, const char *path)
{
    return slice_eq(head->path, slice_str(path));
}

static void on_request(void *ctx, struct http_request *r, const struct head *head)
{
    struct fixture *f = ctx;

    f->requests++;
    assert_true(slice_eq(http_request_peer(r), SLICE("127.0.0.1")));
    assert_ptr_equal(http_request_server(r), f->server);
    if (path_is(head, "/echo")) {
        job_run(job_begin(f, r, DUTY_ECHO));
    } else if (path_is(head, "/hold")) {
        job_begin(f, r, DUTY_HOLD);
    } else if (path_is(head, "/pour")) {
        response_start(r, 200, (struct slice){0}, -1);
        worker_wake(f->w, &job_begin(f, r, DUTY_POUR)->task);
    } else if (path_is(head, "/chunks")) {
        response_start(r, 200, SLICE("x-a: b\r\n"), -1);
        response_write(r, SLICE("one"));
        response_write(r, SLICE(""));
        response_write(r, SLICE("sixteen bytes...."));
        response_end(r);
    } else if (path_is(head, "/length")) {
        response_start(r, 201, (struct slice){0}, 6);
        response_write(r, SLICE("one"));
        response_write(r, SLICE("two"));
        response_end(r);
    } else if (path_is(head, "/abort")) {
        response_start(r, 200, (struct slice){0}, -1);
        response_write(r, SLICE("part"));
        response_abort(r);
    } else if (path_is(head, "/short")) {
        response_start(r, 200, (struct slice){0}, 10);
        response_write(r, SLICE("short"));
        response_end(r);
    } else if (path_is(head, "/204")) {
        response_send(r, 204, (struct slice){0}, (struct slice){0});
    } else if (path_is(head, "/304")) { // whoever relays it may know no length
        response_start(r, 304, SLICE("etag: x\r\n"), -1);
        response_end(r);
    } else {
        response_send(r, 200, (struct slice){0}, head->path);
    }
}

static void on_refuse(void *ctx, struct http_request *r, const struct err_info *e)
{
    struct fixture *f = ctx;

    f->refusals++;
    response_send(r, err_http_status(e->code), (struct slice){0}, slice_str(err_name(e->code)));
}

static struct fixture *fixture_new(const struct http_server_limits *limits)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err_info e = {0};

    assert(f);
    alarm(60);
    for (size_t i = 0; i < ARRAY_LEN(f->jobs); i++)
        f->jobs[i].is_free = true;
    f->w = worker_new(0);
    f->server = http_server_new(f->w, limits ? limits : &http_server_defaults,
                                (struct http_handler){on_request, on_refuse, f});
    f->listener = listener_open(f->w, "127.0.0.1", 0, NULL, http_server_accept, f->server, &e);
    assert_non_null(f->listener);
    f->port = listener_port(f->listener);
    return f;
}

static void fixture_free(struct fixture *f)
{
    http_server_cut(f->server);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    listener_close(f->listener);
    kit_end(f->w);
    http_server_free(f->server);
    for (size_t i = 0; i < ARRAY_LEN(f->jobs); i++)
        buf_release(&f->jobs[i].body);
    free(f);
}

/* Answers without their date, which must be one. */
static struct slice without_dates(struct slice s)
{
    static char text[256 * KIB];
    size_t at, len = 0;

    while ((at = slice_find_slice(s, SLICE("date: "))) != SIZE_MAX) {
        struct slice date = slice_sub(s, at, 37);
        struct tm tm;
        assert_true(slice_ends(date, SLICE(" GMT\r\n")));
        assert_non_null(strptime(date.ptr, "date: %a, %d %b %Y %H:%M:%S GMT", &tm));
        memcpy(text + len, s.ptr, at);
        len += at;
        s = slice_after(s, at + 37);
    }
    if (s.len)
        memcpy(text + len, s.ptr, s.len);
    return slice_of(text, len + s.len);
}

#define OK_2(path) "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" path
#define REFUSED(status, len, name) \
    "HTTP/1.1 " status "\r\ncontent-length: " len "\r\nconnection: close\r\n\r\n" name

static const struct {
    const char *why, *in, *out;
    bool closes; // the server's FIN follows
} cases[] = {
#define EXCHANGE(why, in, out, closes) {why, in, out, closes},
#include "http/server_test.def"
#undef EXCHANGE
};

/* Sends in pieces of `step` bytes, the first one `first`; expects the answers. */
static void exchange(struct fixture *f, size_t i, size_t first, size_t step)
{
    struct slice in = slice_str(cases[i].in), out = slice_str(cases[i].out);
    int64_t until_ms = clock_mono_ms() + 1000;
    struct far c;

    far_connect(&c, f->port);
    for (size_t at = 0, n = first; at < in.len && !c.reset; at += n, n = step) {
        struct slice piece = slice_sub(in, at, n);
        n = piece.len;
        if (send(c.fd, piece.ptr, piece.len, MSG_NOSIGNAL) < 0)
            break; // refused before its end
        kit_turns(f->w, 2);
    }
    RUN_UNTIL(f->w, (without_dates(far_read(&c)).len >= out.len &&
                     (!cases[i].closes || far_is_over(&c))) ||
                        clock_mono_ms() > until_ms);
    kit_turns(f->w, 2);
    far_read(&c);
    if (!slice_eq(without_dates(buf_peek(&c.got)), out))
        fail_msg("%s, %zu then %zu bytes at a time: %.*s", cases[i].why, first, step,
                 SLICE_ARG(buf_peek(&c.got)));
    assert_false(c.reset);
    assert_int_equal(c.eof, cases[i].closes);
    far_free(&c);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
}

static void test_exchanges(void **state)
{
    struct fixture *f = fixture_new(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].in);
        exchange(f, i, len, len);
        exchange(f, i, 1, 1);
        for (size_t cut = 1; cut < len; cut++)
            exchange(f, i, cut, len);
    }
    fixture_free(f);
}

static void test_pipelining(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct buf in = {0}, out = {0};
    struct far c;

    (void)state;
    for (int i = 0; i < 20; i++) { // short ones and longer ones, bodies that are read or not
        if (i % 3 == 2)
            buf_printf(&in, "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n%0*d",
                       2000 + i, 2000 + i, i);
        else
            buf_printf(&in, "POST /%02d HTTP/1.1\r\nhost: h\r\ncontent-length: 500\r\n\r\n%0*d", i,
                       500, i);
        if (i % 3 == 2)
            buf_printf(
                &out,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%0*d",
                2000 + i, 2000 + i, i);
        else
            buf_printf(&out, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n/%02d", i);
    }
    far_connect(&c, f->port);
    far_send(&c, buf_peek(&in)); // more than one buffer holds
    RUN_UNTIL(f->w, without_dates(far_read(&c)).len >= buf_len(&out));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), buf_peek(&out)));
    assert_int_equal(f->requests, 20);
    far_free(&c);
    buf_release(&in);
    buf_release(&out);
    fixture_free(f);
}

/* FIN behind a request does not take its answer away when that is given at once. */
static void test_half_closed(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far c;

    (void)state;
    far_connect(&c, f->port);
    far_send(&c, SLICE("GET /a HTTP/1.1\r\nhost: h\r\n\r\n"));
    far_shut(&c);
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), SLICE(OK_2("/a"))));
    assert_true(c.eof);
    far_free(&c);
    far_connect(&c, f->port); // and half a head is none
    far_send(&c, SLICE("GET /a HT"));
    far_shut(&c);
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_int_equal(buf_len(&c.got), 0);
    far_free(&c);
    fixture_free(f);
}

static void test_continue(void **state)
{
    static const char head[] = "POST /echo HTTP/1.1\r\nhost: h\r\n"
                               "expect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    static const char answer[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
    struct fixture *f = fixture_new(NULL);
    struct far c;

    (void)state;
    far_connect(&c, f->port);
    far_send(&c, slice_str(head));
    RUN_UNTIL(f->w, far_has(&c, interim));
    kit_turns(f->w, 5);
    assert_int_equal(far_read(&c).len, strlen(interim)); // once, and nothing else
    far_send(&c, SLICE("he"));
    kit_turns(f->w, 5);
    assert_int_equal(far_read(&c).len, strlen(interim));
    far_send(&c, SLICE("llo"));
    RUN_UNTIL(f->w, far_has(&c, "hello"));
    buf_consume(&c.got, strlen(interim));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), slice_str(answer)));

    buf_clear(&c.got); // who does not wait is not told
    far_send(&c, slice_str(head));
    far_send(&c, SLICE("hello"));
    RUN_UNTIL(f->w, far_has(&c, "hello"));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), slice_str(answer)));
    far_free(&c);
    fixture_free(f);
}

/* Nobody asked for the body: the answer is the final one, without 100. */
static void test_no_continue(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far c;

    (void)state;
    far_connect(&c, f->port);
    far_send(
        &c,
        SLICE("POST /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"));
    RUN_UNTIL(f->w, far_has(&c, "/a"));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), SLICE(OK_2("/a"))));
    buf_clear(&c.got);
    far_send(&c, SLICE("helloGET /b HTTP/1.1\r\nhost: h\r\n\r\n")); // the body comes all the same
    RUN_UNTIL(f->w, far_has(&c, "/b"));
    assert_int_equal(f->refusals, 0);
    far_free(&c);
    fixture_free(f);
}

static void test_broken_off(void **state)
{
    static const struct {
        const char *path, *got;
    } rows[] = {
        {"/abort", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n"},
        {"/short", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"                },
    };
    struct fixture *f = fixture_new(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[128];
        struct far c;

        far_connect(&c, f->port);
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nhost: h\r\n\r\n", rows[i].path);
        far_send(&c, slice_str(request));
        RUN_UNTIL(f->w, far_is_over(&c));
        assert_true(c.reset); // and not a FIN, which would end an HTTP/1.0 answer
        assert_true(slice_starts(slice_str(rows[i].got), without_dates(buf_peek(&c.got))));
        far_free(&c);
        RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    }
    fixture_free(f);
}

/* A rest of up to 64 KiB is read for the connection's sake; more of it closes the connection. */
static void test_unread_bodies(void **state)
{
    static const struct {
        size_t len;
        bool kept;
    } rows[] = {
        {1,             true },
        {16 * KIB,      true },
        {40 * KIB,      true },
        {64 * KIB,      true },
        {64 * KIB + 1,  false},
        {200 * KIB,     false},
        {4 * KIB * KIB, false},
    };
    struct fixture *f = fixture_new(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf in = {0};
        size_t before_ms = (size_t)clock_mono_ms();
        struct far c;

        buf_printf(&in, "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: %zu\r\n\r\n", rows[i].len);
        far_connect(&c, f->port);
        far_send(&c, buf_peek(&in)); // the head first: the answer does not wait for the body
        RUN_UNTIL(f->w, far_has(&c, "/a"));
        assert_int_equal(far_has(&c, "connection: close"), !rows[i].kept);
        buf_clear(&in);
        memset(buf_reserve(&in, rows[i].len), '0', rows[i].len);
        buf_grew(&in, rows[i].len);
        if (rows[i].kept)
            buf_append_str(&in, "GET /b HTTP/1.1\r\nhost: h\r\n\r\n");
        c.sent = 0;
        RUN_UNTIL(f->w, (far_push(&c, buf_peek(&in)), c.sent == buf_len(&in)) || c.reset);
        if (rows[i].kept)
            RUN_UNTIL(f->w, far_has(&c, "/b"));
        else
            RUN_UNTIL(f->w, far_is_over(&c));
        if (c.reset || (size_t)clock_mono_ms() - before_ms > 1500)
            fail_msg("%zu bytes: reset %d after %zu ms", rows[i].len, c.reset,
                     (size_t)clock_mono_ms() - before_ms);
        far_free(&c);
        buf_release(&in);
        RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    }
    fixture_free(f);
}

/* A client that sends all of its long request before it reads still finds the answer. */
static void test_answer_outlives_a_long_request(void **state)
{
    static char in[16 * KIB * KIB]; // more than the kernel takes
    struct fixture *f = fixture_new(NULL);
    int64_t before_ms = clock_mono_ms();
    struct far c;

    (void)state;
    snprintf(in, sizeof(in), "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999\r\n\r\n");
    far_connect(&c, f->port);
    RUN_UNTIL(f->w, (far_push(&c, slice_of(in, sizeof(in))), c.sent == sizeof(in)) || c.reset);
    assert_false(c.reset);
    far_shut(&c);
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_true(c.eof);
    assert_true(far_has(&c, "/a"));
    assert_true(clock_mono_ms() - before_ms < 1500);
    far_free(&c);
    fixture_free(f);
}

/* The same where the buffer is full of it when the answer comes: refused, or thought about. */
static void test_answer_outlives_a_full_buffer(void **state)
{
    static char in[16 * KIB * KIB];

    (void)state;
    for (int held = 0; held < 2; held++) {
        struct fixture *f = fixture_new(NULL);
        int64_t before_ms;
        struct far c;

        snprintf(in, 100, "POST /hold HTTP/1.1\r\n%s\r\n",
                 held ? "host: h\r\ncontent-length: 99999999\r\n" : "");
        far_connect(&c, f->port);
        far_push(&c, slice_of(in, sizeof(in)));
        if (held) {
            RUN_UNTIL(f->w, f->last && input_is_full(f->last->r->body.in));
            response_send(f->last->r, 413, (struct slice){0}, (struct slice){0});
            job_end(f->last);
        }
        before_ms = clock_mono_ms();
        RUN_UNTIL(f->w, (far_push(&c, slice_of(in, sizeof(in))), c.sent == sizeof(in)) || c.reset);
        if (!c.reset)
            far_shut(&c);
        RUN_UNTIL(f->w, far_is_over(&c));
        if (c.reset || clock_mono_ms() - before_ms > 1500)
            fail_msg("held %d: reset %d after %d ms", held, c.reset,
                     (int)(clock_mono_ms() - before_ms));
        assert_true(far_has(&c, held ? "HTTP/1.1 413 " : "BAD_REQUEST"));
        far_free(&c);
        fixture_free(f);
    }
}

static void test_head_too_large(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct buf in = {0};
    struct far c;

    (void)state;
    buf_append_str(&in, "GET /a HTTP/1.1\r\nhost: h\r\nx-long: ");
    while (buf_len(&in) < WORKER_BUFFER_BYTES - 4)
        buf_append_byte(&in, 'x');
    far_connect(&c, f->port); // the longest that fits
    far_send(&c, buf_peek(&in));
    far_send(&c, SLICE("\r\n\r\n"));
    RUN_UNTIL(f->w, far_has(&c, "/a"));
    buf_clear(&c.got);
    far_send(&c, buf_peek(&in)); // and one byte more
    far_send(&c, SLICE("x\r\n\r\n"));
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_true(far_has(&c, "HTTP/1.1 431 "));
    assert_true(c.eof);
    far_free(&c);
    buf_release(&in);
    fixture_free(f);
}

/* A client that does not read: writing stops, and goes on when it reads again. */
static void test_back_pressure(void **state)
{
    static const size_t total = 20 * KIB * KIB / 4000 * 4000;
    struct fixture *f = fixture_new(NULL);
    size_t got = 0, stopped_at;
    struct far c;

    (void)state;
    f->pour_bytes = total;
    far_connect(&c, f->port);
    far_send(&c, SLICE("GET /pour HTTP/1.0\r\n\r\n"));
    RUN_UNTIL(f->w, f->requests == 1);
    kit_run_for(f->w, 100);
    stopped_at = f->last->poured;
    assert_in_range(stopped_at, 1, total - 1); // what the kernel takes, and the limit
    assert_false(response_has_room(f->last->r));
    kit_run_for(f->w, 50);
    assert_int_equal(f->last->poured, stopped_at);
    assert_true(f->last->wakes < 20); // nobody spins meanwhile
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_true(c.eof);
    got = slice_find_slice(buf_peek(&c.got), SLICE("\r\n\r\n")) + 4;
    assert_int_equal(buf_len(&c.got) - got, total);
    for (size_t i = 0; i < total; i++) {
        if ((unsigned char)c.got.data[c.got.start + got + i] != i % 251)
            fail_msg("another byte at %zu", i);
    }
    far_free(&c);
    fixture_free(f);
}

/* While the handler thinks: it is told, and the connection goes when it lets go. */
static void test_client_gone(void **state)
{
    struct fixture *f = fixture_new(NULL);

    (void)state;
    for (int how = 0; how < 8; how++) {
        bool reset = how & 1, started = how & 2, with_body = how & 4;
        struct far c;

        far_connect(&c, f->port);
        far_send(&c, with_body
                         ? SLICE("POST /hold HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nhalf")
                         : SLICE("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n"));
        f->last = NULL;
        RUN_UNTIL(f->w, f->last);
        if (started) {
            response_start(f->last->r, 200, (struct slice){0}, -1);
            response_write(f->last->r, SLICE("some"));
            http_server_flush(f->server);
        }
        far_close(&c, reset);
        RUN_UNTIL(f->w, f->last->r->gone);
        RUN_UNTIL(f->w, f->last->wakes);
        assert_true(response_has_room(f->last->r)); // writing goes nowhere, so it need not wait
        if (with_body) {
            assert_true(slice_eq(http_body_peek(&f->last->r->body), SLICE("half")));
            http_body_consume(&f->last->r->body, 4);
            http_body_peek(&f->last->r->body);
            assert_true(http_body_broken(&f->last->r->body));
        }
        if (!started)
            response_start(f->last->r, 200, (struct slice){0}, 100);
        response_write(f->last->r, SLICE("more"));
        if (how % 3)
            response_end(f->last->r);
        else
            response_abort(f->last->r);
        job_end(f->last);
        RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
        far_free(&c);
    }
    fixture_free(f);
}

/* Two requests on one connection: the second waits for the first one's answer. */
static void test_one_after_another(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far c;

    (void)state;
    far_connect(&c, f->port);
    far_send(&c, SLICE("GET /hold HTTP/1.1\r\nhost: h\r\n\r\nGET /b HTTP/1.1\r\nhost: h\r\n\r\n"));
    RUN_UNTIL(f->w, f->last);
    kit_turns(f->w, 5);
    assert_int_equal(f->requests, 1);
    response_send(f->last->r, 200, (struct slice){0}, SLICE("/h"));
    job_end(f->last);
    RUN_UNTIL(f->w, far_has(&c, "/b"));
    assert_true(slice_eq(without_dates(buf_peek(&c.got)), SLICE(OK_2("/h") OK_2("/b"))));
    far_free(&c);
    fixture_free(f);
}

static void test_draining(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far fresh, idle, busy, half;

    (void)state;
    far_connect(&fresh, f->port); // has said nothing yet
    far_connect(&idle, f->port);
    far_connect(&busy, f->port);
    far_connect(&half, f->port);
    far_send(&idle, SLICE("GET /a HTTP/1.1\r\nhost: h\r\n\r\n"));
    far_send(&busy, SLICE("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n"));
    far_send(&half, SLICE("GET /a HTTP/1.1\r\nho"));
    RUN_UNTIL(f->w, http_server_connections(f->server) == 4 && far_has(&idle, "/a") && f->last);
    kit_turns(f->w, 5);
    http_server_drain(f->server);
    RUN_UNTIL(f->w, far_is_over(&fresh) && far_is_over(&idle));
    assert_true(fresh.eof && idle.eof);
    kit_turns(f->w, 5);
    assert_false(far_is_over(&busy) || far_is_over(&half));
    response_send(f->last->r, 200, (struct slice){0}, SLICE("/h"));
    job_end(f->last);
    far_send(&half, SLICE("st: h\r\n\r\n"));
    RUN_UNTIL(f->w, far_is_over(&busy) && far_is_over(&half));
    assert_true(busy.eof && half.eof);
    assert_true(far_has(&busy, "connection: close\r\n\r\n/h"));
    assert_true(far_has(&half, "connection: close\r\n\r\n/a"));
    far_free(&fresh);
    far_free(&idle);
    far_free(&busy);
    far_free(&half);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    fixture_free(f);
}

static void test_too_many(void **state)
{
    struct http_server_limits limits = http_server_defaults;
    struct fixture *f;
    struct far a, b, c;

    (void)state;
    limits.max_connections = 2;
    f = fixture_new(&limits);
    far_connect(&a, f->port);
    far_connect(&b, f->port);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 2);
    far_connect(&c, f->port);
    RUN_UNTIL(f->w, far_is_over(&c));
    assert_int_equal(http_server_connections(f->server), 2);
    far_free(&c);
    far_free(&a);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 1);
    far_connect(&c, f->port); // there is a place again
    far_send(&c, SLICE("GET /a HTTP/1.1\r\nhost: h\r\n\r\n"));
    RUN_UNTIL(f->w, far_has(&c, "/a"));
    far_free(&b);
    far_free(&c);
    fixture_free(f);
}

/* Time, which the tests make pass. */

static void test_idle_and_head_timeouts(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far quiet, idle, slow;

    (void)state;
    far_connect(&quiet, f->port);
    far_connect(&idle, f->port);
    far_connect(&slow, f->port);
    far_send(&idle, SLICE("GET /a HTTP/1.1\r\nhost: h\r\n\r\n"));
    far_send(&slow, SLICE("GET /a HTTP/1.1\r\n"));
    RUN_UNTIL(f->w, http_server_connections(f->server) == 3 && far_has(&idle, "/a"));
    kit_turns(f->w, 5);
    kit_pass(f->w, 29000);
    far_send(&slow, SLICE("host: h\r\n")); // a byte now and then does not help
    kit_turns(f->w, 5);
    assert_false(far_is_over(&slow));
    kit_pass(f->w, 1500);
    RUN_UNTIL(f->w, far_is_over(&slow));
    assert_true(far_has(&slow, "HTTP/1.1 408 "));
    assert_true(slow.eof);
    kit_pass(f->w, 43500); // 74 s
    assert_false(far_is_over(&quiet) || far_is_over(&idle));
    kit_pass(f->w, 1500);
    RUN_UNTIL(f->w, far_is_over(&quiet) && far_is_over(&idle));
    assert_int_equal(buf_len(&quiet.got), 0);
    far_free(&quiet);
    far_free(&idle);
    far_free(&slow);
    fixture_free(f);
}

/* Waiting for the body: a slow one is cut, one that keeps the pace is not. */
static void test_slow_body(void **state)
{
    static const char head[] = "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n";
    static char second[4096];
    struct fixture *f = fixture_new(NULL);
    struct far slow, steady;

    (void)state;
    far_connect(&slow, f->port);
    far_connect(&steady, f->port);
    far_send(&slow, slice_str(head));
    far_send(&steady, slice_str(head));
    RUN_UNTIL(f->w, f->requests == 2);
    for (int s = 0; s < 60; s++) {
        far_send(&steady, slice_of(second, 1100));
        if (s < 9)
            far_send(&slow, slice_of(second, 100));
        kit_turns(f->w, 5);
        kit_pass(f->w, 1000);
        if (s == 8)
            assert_false(far_is_over(&slow)); // it has its grace
    }
    RUN_UNTIL(f->w, far_is_over(&slow));
    assert_false(far_is_over(&steady));
    assert_int_equal(http_server_connections(f->server), 1);
    far_free(&slow);
    far_free(&steady);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    fixture_free(f);
}

/* A client that takes less than a little of its answer in a minute is cut. */
static void test_slow_reader(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far c;

    (void)state;
    f->pour_bytes = (size_t)64 * KIB * KIB;
    far_connect(&c, f->port);
    far_send(&c, SLICE("GET /pour HTTP/1.1\r\nhost: h\r\n\r\n"));
    RUN_UNTIL(f->w, f->requests == 1);
    kit_run_for(f->w, 50);
    for (int s = 0; s < 55; s += 5)
        kit_pass(f->w, 5000);
    assert_false(f->last->is_free);
    for (int s = 0; s < 20; s += 5)
        kit_pass(f->w, 5000);
    assert_true(f->last->is_free); // it was told, and has let go
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    far_free(&c);
    fixture_free(f);
}

/* Who promised a body and does not send it, or does not close after the last answer, is cut. */
static void test_leftovers(void **state)
{
    struct fixture *f = fixture_new(NULL);
    struct far owing, staying;

    (void)state;
    far_connect(&owing, f->port);
    far_connect(&staying, f->port);
    far_send(&owing, SLICE("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n"));
    far_send(&staying, SLICE("GET /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"));
    RUN_UNTIL(f->w, far_has(&owing, "/a") && far_has(&staying, "/a"));
    kit_turns(f->w, 5);
    assert_int_equal(http_server_connections(f->server), 2);
    kit_pass(f->w, 2500);
    assert_int_equal(http_server_connections(f->server), 1);
    kit_pass(f->w, 9000);
    RUN_UNTIL(f->w, http_server_connections(f->server) == 0);
    far_free(&owing);
    far_free(&staying);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_no_continue),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_unread_bodies),
        cmocka_unit_test(test_answer_outlives_a_long_request),
        cmocka_unit_test(test_answer_outlives_a_full_buffer),
        cmocka_unit_test(test_head_too_large),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_idle_and_head_timeouts),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_leftovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
