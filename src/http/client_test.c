/* client_test.c - calls to a scripted upstream: what is answered, what is used again, what is not. */
#include "http/client.h"

#include "http/test_kit.h"

#define REQUEST "POST /v1 HTTP/1.1\r\nhost: up\r\ncontent-length: 2\r\n\r\nhi"
#define ANSWER  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

struct fixture {
    struct worker *w;
    struct http_client *client;
    int listener;
    unsigned port;
};

/* One call and its owner. */
struct caller {
    struct fixture *f;
    struct http_target target;
    struct http_call call;
    struct task task;
    struct buf body;
    size_t wakes, heads;
    bool leave_body; // it is not read
    bool in_start;
    char type[32]; // content-type of the answer
};

static void pull(struct caller *c)
{
    struct slice bytes;

    while ((bytes = http_body_peek(&c->call.body)).len) {
        buf_append(&c->body, bytes);
        http_body_consume(&c->call.body, bytes.len);
    }
    http_call_want(&c->call);
}

static void on_wake(void *ctx)
{
    struct caller *c = ctx;

    assert_false(c->in_start);
    c->wakes++;
    if (c->call.state == CALL_ANSWERED && !c->leave_body)
        pull(c);
}

static void on_head(void *ctx, const struct head *head)
{
    struct caller *c = ctx;

    assert_false(c->in_start);
    c->heads++;
    snprintf(c->type, sizeof(c->type), "%.*s", SLICE_ARG(head_value(head, HEAD_CONTENT_TYPE)));
    assert_int_equal(head->status, c->call.status);
}

static void start(struct fixture *f, struct caller *c, const char *key, const char *method)
{
    static char first[] = "POST /v1 HTTP/1.1\r\nhost: up\r\n",
                second[] = "content-length: 2\r\n\r\n", third[] = "hi";

    buf_release(&c->body);
    *c = (struct caller){.f = f, .leave_body = c->leave_body};
    c->target = (struct http_target){.pool_key = slice_str(key),
                                     .host = SLICE("127.0.0.1"),
                                     .port = f->port,
                                     .allow_private = true};
    task_init(&c->task, on_wake, c);
    c->call.wake = &c->task;
    c->call.on_head = on_head;
    c->call.ctx = c;
    c->call.target = &c->target;
    c->call.method = slice_str(method);
    c->call.parts[0] = (struct iovec){first, strlen(first)};
    c->call.parts[1] = (struct iovec){second, strlen(second)};
    c->call.parts[2] = (struct iovec){third, strlen(third)};
    c->call.part_count = 3;
    c->call.connect_deadline_at_ms = clock_mono_ms() + PATIENCE_MS;
    c->in_start = true;
    http_call_start(f->client, &c->call);
    c->in_start = false;
}

static void finish(struct caller *c)
{
    http_call_finish(&c->call);
    assert_int_equal(c->call.state, CALL_IDLE);
    task_cancel(&c->task);
}

static void caller_free(struct caller *c)
{
    if (c->call.state != CALL_IDLE)
        finish(c);
    buf_release(&c->body);
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert(f);
    alarm(60);
    f->w = worker_new(0);
    f->client = http_client_new(f->w);
    f->listener = far_listen(&f->port);
    return f;
}

static void fixture_free(struct fixture *f)
{
    http_client_drain(f->client);
    RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    http_client_free(f->client);
    kit_end(f->w);
    close(f->listener);
    free(f);
}

/* The upstream takes the connection and has the whole request. */
static void take_request(struct fixture *f, struct far *up)
{
    if (up->fd <= 0)
        RUN_UNTIL(f->w, far_accept(up, f->listener));
    RUN_UNTIL(f->w, far_has(up, REQUEST));
    assert_true(slice_eq(buf_peek(&up->got), SLICE(REQUEST))); // once
    buf_clear(&up->got);
}

static bool is_over(struct caller *c)
{
    return c->call.state == CALL_FAILED ||
           (c->call.state == CALL_ANSWERED &&
            (http_body_ended(&c->call.body) || http_body_broken(&c->call.body)));
}

static bool nobody_waits(struct fixture *f)
{
    struct far other;

    if (!far_accept(&other, f->listener))
        return true;
    far_free(&other);
    return false;
}

/* A whole call that is answered; leaves its connection idle. */
static void call_once(struct fixture *f, struct far *up, const char *key)
{
    struct caller c = {0};

    start(f, &c, key, "POST");
    take_request(f, up);
    far_send(up, SLICE(ANSWER));
    RUN_UNTIL(f->w, is_over(&c));
    assert_true(slice_eq(buf_peek(&c.body), SLICE("hello")));
    finish(&c);
    caller_free(&c);
    kit_turns(f->w, 3);
}

enum end { END_NONE, END_ORDERLY, END_RESET };

struct answer {
    const char *why, *in;
    enum end end;
    const char *method;
    int status; // 0: failed
    const char *body;
    bool broken, kept;
    const char *text; // of the failure
};

static const struct answer answers[] = {
#define ANSWERED(why, in, end, method, status, body, broken, kept) \
    {why, in, end, method, status, body, broken, kept, NULL},
#define FAILED(why, in, end, text) {why, in, end, "POST", 0, "", false, false, text},
#include "http/client_test.def"
#undef ANSWERED
#undef FAILED
};

static void check_answer(struct fixture *f, const struct answer *a, size_t cut, size_t step)
{
    struct slice in = slice_str(a->in);
    struct caller c = {0};
    struct far up = {.fd = -1};

    start(f, &c, "key", a->method);
    assert_int_equal(c.call.state, CALL_CONNECTING);
    take_request(f, &up);
    assert_int_equal(c.call.state, CALL_AWAITING);
    assert_true(c.call.connected_at_ms > 0);
    assert_false(c.call.reused);
    for (size_t at = 0, n = cut; at < in.len; at += n, n = step) {
        struct slice piece = slice_sub(in, at, n);
        if (send(up.fd, piece.ptr, piece.len, MSG_NOSIGNAL) < 0)
            break; // it has heard enough
        n = piece.len;
        kit_turns(f->w, 2);
    }
    kit_turns(f->w, 3);
    if (a->end != END_NONE)
        far_close(&up, a->end == END_RESET);
    RUN_UNTIL(f->w, is_over(&c));
    if (a->status) {
        if (c.call.state != CALL_ANSWERED || c.call.status != a->status || c.heads != 1 ||
            !slice_eq(buf_peek(&c.body), slice_str(a->body)) ||
            http_body_broken(&c.call.body) != a->broken)
            fail_msg("%s, cut at %zu: status %d body '%.*s' %s", a->why, cut, c.call.status,
                     SLICE_ARG(buf_peek(&c.body)), c.call.why);
    } else if (c.call.state != CALL_FAILED || c.call.err != ERR_UPSTREAM_BROKEN || c.heads ||
               (a->text && !strstr(c.call.why, a->text))) {
        fail_msg("%s, cut at %zu: %s '%s'", a->why, cut, err_name(c.call.err), c.call.why);
    }
    finish(&c);
    kit_turns(f->w, 5);
    if (http_client_connections(f->client) != a->kept)
        fail_msg("%s, cut at %zu: %zu connections", a->why, cut,
                 http_client_connections(f->client));
    if (!a->kept && a->end == END_NONE)
        RUN_UNTIL(f->w, far_is_over(&up)); // the upstream hears of it
    far_free(&up);
    caller_free(&c);
    RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
}

static void test_answers(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        size_t len = strlen(answers[i].in);
        check_answer(f, &answers[i], len, len);
        check_answer(f, &answers[i], 1, 1);
        for (size_t cut = 1; cut < len; cut++)
            check_answer(f, &answers[i], cut, len);
    }
    fixture_free(f);
}

static void test_head_is_shown(void **state)
{
    struct fixture *f = fixture_new();
    struct caller c = {0};
    struct far up = {.fd = -1};

    (void)state;
    start(f, &c, "key", "POST");
    take_request(f, &up);
    far_send(&up, SLICE("HTTP/1.1 103 Early Hints\r\ncontent-type: no\r\n\r\n"));
    kit_turns(f->w, 5);
    assert_int_equal(c.call.state, CALL_AWAITING);
    far_send(&up,
             SLICE("HTTP/1.1 404 Not Found\r\ncontent-type: text/x\r\ncontent-length: 0\r\n\r\n"));
    RUN_UNTIL(f->w, c.call.state == CALL_ANSWERED);
    assert_string_equal(c.type, "text/x");
    assert_int_equal(c.heads, 1);
    caller_free(&c);
    far_free(&up);
    fixture_free(f);
}

static void test_head_too_large(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (int over = 0; over < 2; over++) {
        struct caller c = {0};
        struct buf in = {0};
        struct far up = {.fd = -1};

        start(f, &c, "key", "POST");
        take_request(f, &up);
        buf_append_str(&in, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: ");
        while (buf_len(&in) < WORKER_BUFFER_BYTES - 4 + (size_t)over)
            buf_append_byte(&in, 'x');
        buf_append_str(&in, "\r\n\r\n");
        far_send(&up, buf_peek(&in));
        RUN_UNTIL(f->w, is_over(&c));
        assert_int_equal(c.call.state, over ? CALL_FAILED : CALL_ANSWERED);
        if (over)
            assert_string_equal(c.call.why, "the provider's answer has too large a head");
        caller_free(&c);
        buf_release(&in);
        far_free(&up);
        RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    }
    fixture_free(f);
}

static void test_refused(void **state)
{
    struct fixture *f = fixture_new();
    struct caller c = {0};

    (void)state;
    close(f->listener);
    start(f, &c, "key", "POST");
    RUN_UNTIL(f->w, c.call.state == CALL_FAILED);
    assert_int_equal(c.call.err, ERR_UPSTREAM_DOWN);
    assert_int_equal(c.call.connected_at_ms, 0);
    RUN_UNTIL(f->w, c.wakes);
    caller_free(&c);
    c.leave_body = false;
    start(f, &c, "key", "POST"); // finished before the reason came
    finish(&c);
    kit_run_for(f->w, 20);
    assert_int_equal(c.wakes, 0);
    f->listener = far_listen(&f->port);
    fixture_free(f);
}

/* The same connection, over and over. */
static void test_reuse(void **state)
{
    struct fixture *f = fixture_new();
    struct far up = {.fd = -1};

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct caller c = {0};

        start(f, &c, "key", "POST");
        assert_int_equal(c.call.reused, i > 0);
        assert_int_equal(c.call.state, i > 0 ? CALL_AWAITING : CALL_CONNECTING);
        take_request(f, &up);
        far_send(&up, SLICE(ANSWER));
        RUN_UNTIL(f->w, is_over(&c));
        assert_true(c.call.connected_at_ms > 0);
        finish(&c);
        caller_free(&c);
        assert_int_equal(http_client_connections(f->client), 1);
    }
    assert_true(nobody_waits(f));
    far_free(&up);
    fixture_free(f);
}

static void test_newest_first(void **state)
{
    struct fixture *f = fixture_new();
    struct caller calls[3] = {0};
    struct far ups[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        ups[i] = (struct far){.fd = -1};
        start(f, &calls[i], "key", "POST");
        take_request(f, &ups[i]);
    }
    for (size_t i = 0; i < 3; i++) { // idle in this order: 1, 2, 0
        size_t at = (i + 1) % 3;
        far_send(&ups[at], SLICE(ANSWER));
        RUN_UNTIL(f->w, is_over(&calls[at]));
        finish(&calls[at]);
    }
    for (size_t i = 0; i < 3; i++) {
        start(f, &calls[i], "key", "POST");
        assert_true(calls[i].call.reused);
        take_request(f, &ups[(3 - i) % 3]); // 0, 2, 1
    }
    assert_int_equal(http_client_connections(f->client), 3);
    for (size_t i = 0; i < 3; i++) {
        caller_free(&calls[i]);
        far_free(&ups[i]);
    }
    fixture_free(f);
}

/* Equal keys share, others never do, however alike. */
static void test_pool_keys(void **state)
{
    static const char *const keys[] = {"a", "b", "", "aa", "a ", "A"};
    struct fixture *f = fixture_new();
    struct far ups[ARRAY_LEN(keys)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        ups[i] = (struct far){.fd = -1};
        call_once(f, &ups[i], keys[i]); // on a connection of its own
        assert_int_equal(http_client_connections(f->client), i + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char copy[8]; // the key's bytes are another call's
        snprintf(copy, sizeof(copy), "%s", keys[i]);
        call_once(f, &ups[i], copy);
    }
    assert_int_equal(http_client_connections(f->client), ARRAY_LEN(keys));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        far_free(&ups[i]);
    fixture_free(f);
}

/* The upstream closes an idle connection just as a request goes out on it: another one is tried. */
static void test_stale(void **state)
{
    static const enum end ends[] = {END_ORDERLY, END_RESET};
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct far up = {.fd = -1}, fresh = {.fd = -1};
        struct caller c = {0};

        call_once(f, &up, "key");
        start(f, &c, "key", "POST");
        assert_true(c.call.reused);
        take_request(f, &up);
        far_close(&up, ends[i] == END_RESET);
        take_request(f, &fresh); // the same bytes again
        assert_false(c.call.reused);
        assert_int_equal(c.call.state, CALL_AWAITING);
        far_send(&fresh, SLICE(ANSWER));
        RUN_UNTIL(f->w, is_over(&c));
        assert_true(slice_eq(buf_peek(&c.body), SLICE("hello")));
        assert_int_equal(c.heads, 1);
        finish(&c);
        kit_turns(f->w, 5);
        assert_int_equal(http_client_connections(f->client), 1);
        call_once(f, &fresh, "key");
        far_free(&up);
        far_free(&fresh);
        caller_free(&c);
        RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    }
    fixture_free(f);
}

static void test_stale_once_only(void **state)
{
    struct fixture *f = fixture_new();
    struct far up = {.fd = -1}, fresh = {.fd = -1};
    struct caller c = {0};

    (void)state;
    call_once(f, &up, "key");
    start(f, &c, "key", "POST");
    take_request(f, &up);
    far_close(&up, true);
    take_request(f, &fresh);
    far_close(&fresh, false);
    RUN_UNTIL(f->w, c.call.state == CALL_FAILED);
    assert_int_equal(c.call.err, ERR_UPSTREAM_BROKEN);
    kit_run_for(f->w, 30);
    assert_true(nobody_waits(f));
    far_free(&up);
    far_free(&fresh);
    caller_free(&c);
    fixture_free(f);
}

/* Once a byte of an answer came, the request may have been carried out: no second try. */
static void test_not_stale_after_a_byte(void **state)
{
    static const char *const bytes[] = {"H", "HTTP/1.1 100 Continue\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\n"};
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        struct far up = {.fd = -1};
        struct caller c = {0};

        call_once(f, &up, "key");
        start(f, &c, "key", "POST");
        take_request(f, &up);
        far_send(&up, slice_str(bytes[i]));
        kit_turns(f->w, 5);
        far_close(&up, i == 1);
        RUN_UNTIL(f->w, c.call.state == CALL_FAILED);
        kit_run_for(f->w, 20);
        assert_true(nobody_waits(f));
        far_free(&up);
        caller_free(&c);
    }
    fixture_free(f);
}

/* What happens to an idle connection ends it; the next call does not meet it. */
static void test_idle_ends(void **state)
{
    static const struct {
        const char *junk;
        enum end end;
    } rows[] = {
        {"",     END_ORDERLY},
        {"",     END_RESET  },
        {"x",    END_NONE   },
        {ANSWER, END_NONE   },
    };
    struct fixture *f = fixture_new();

    (void)state;
    for (int looked = 0; looked < 2; looked++) { // has the loop seen it before the next call?
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct far up = {.fd = -1}, fresh = {.fd = -1};
            struct caller c = {0};

            call_once(f, &up, "key");
            far_send(&up, slice_str(rows[i].junk));
            if (rows[i].end != END_NONE)
                far_close(&up, rows[i].end == END_RESET);
            if (looked)
                RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
            start(f, &c, "key", "POST");
            if (c.call.reused)
                fail_msg("row %zu, looked %d", i, looked);
            take_request(f, &fresh);
            far_send(&fresh, SLICE("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnew"));
            RUN_UNTIL(f->w, is_over(&c));
            assert_true(slice_eq(buf_peek(&c.body), SLICE("new")));
            caller_free(&c);
            far_free(&up);
            far_free(&fresh);
            RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
        }
    }
    fixture_free(f);
}

/* A body that was not read to its end: the connection is of no use to another. */
static void test_unread_body(void **state)
{
    static const char *const ins[] = {
        ANSWER,
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    };
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ins); i++) {
        struct caller c = {.leave_body = true};
        struct far up = {.fd = -1};

        start(f, &c, "key", "POST");
        take_request(f, &up);
        far_send(&up, slice_str(ins[i]));
        RUN_UNTIL(f->w, c.call.state == CALL_ANSWERED);
        if (i) // some of it
            http_body_consume(&c.call.body, http_body_peek(&c.call.body).len ? 1 : 0);
        finish(&c);
        RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
        RUN_UNTIL(f->w, far_is_over(&up));
        far_free(&up);
        caller_free(&c);
    }
    fixture_free(f);
}

/* Over in every state: nothing is called afterwards, nothing is left over. */
static void test_cancel(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (int stage = 0; stage < 6; stage++) {
        struct far up = {.fd = -1};
        struct caller c = {.leave_body = true};
        size_t wakes;

        start(f, &c, "key", "POST");
        if (stage == 1)
            kit_turn(f->w);
        if (stage >= 2)
            take_request(f, &up);
        if (stage == 3) {
            far_send(&up, SLICE("HTTP/1.1 2"));
            kit_turns(f->w, 5);
        }
        if (stage >= 4) {
            far_send(&up, SLICE("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello"));
            RUN_UNTIL(f->w, c.call.state == CALL_ANSWERED);
        }
        if (stage == 5) {
            far_close(&up, true);
            kit_turns(f->w, 5);
        }
        wakes = c.wakes;
        finish(&c);
        kit_run_for(f->w, 10);
        assert_int_equal(c.wakes, wakes);
        assert_int_equal(http_client_connections(f->client), 0);
        if (up.fd < 0 && stage < 2)
            far_accept(&up, f->listener);
        if (up.fd >= 0)
            RUN_UNTIL(f->w, far_is_over(&up));
        far_free(&up);
        caller_free(&c);
    }
    fixture_free(f);
}

/* Idle ones go at once, a running one with the end of its answer. */
static void test_drain(void **state)
{
    struct fixture *f = fixture_new();
    struct far idle = {.fd = -1}, busy = {.fd = -1};
    struct caller c = {0};

    (void)state;
    call_once(f, &idle, "idle");
    start(f, &c, "busy", "POST");
    take_request(f, &busy);
    http_client_drain(f->client);
    RUN_UNTIL(f->w, far_is_over(&idle));
    RUN_UNTIL(f->w, http_client_connections(f->client) == 1);
    far_send(&busy, SLICE(ANSWER)); // it may end in peace
    RUN_UNTIL(f->w, is_over(&c));
    assert_true(slice_eq(buf_peek(&c.body), SLICE("hello")));
    finish(&c);
    RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    far_free(&idle);
    far_free(&busy);
    caller_free(&c);
    fixture_free(f);
}

/* A body that nobody takes stays with the upstream; when it is taken all of it comes. */
static void test_back_pressure(void **state)
{
    static char in[24 << 20]; // more than the kernel takes
    struct fixture *f = fixture_new();
    struct caller c = {.leave_body = true};
    struct far up = {.fd = -1};
    size_t head, before, got = 0;

    (void)state;
    head = (size_t)snprintf(in, sizeof(in), "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n",
                            sizeof(in) - 60);
    for (size_t i = head; i < sizeof(in); i++)
        in[i] = (char)((i - head) % 251);
    start(f, &c, "key", "POST");
    take_request(f, &up);
    for (int i = 0; i < 50; i++) {
        far_push(&up, slice_of(in, head + sizeof(in) - 60));
        kit_run_for(f->w, 2);
    }
    before = up.sent;
    assert_true(before < sizeof(in) - 1000000);
    assert_true(c.wakes < 20); // and nobody spins
    while (!is_over(&c)) {
        struct slice bytes = http_body_peek(&c.call.body);
        for (size_t i = 0; i < bytes.len; i++, got++)
            assert_int_equal((unsigned char)bytes.ptr[i], got % 251);
        http_body_consume(&c.call.body, bytes.len);
        http_call_want(&c.call);
        far_push(&up, slice_of(in, head + sizeof(in) - 60));
        kit_turn(f->w);
    }
    assert_int_equal(got, sizeof(in) - 60);
    finish(&c);
    assert_int_equal(http_client_connections(f->client), 1);
    caller_free(&c);
    far_free(&up);
    fixture_free(f);
}

/* A request longer than the kernel takes, answered before all of it was sent: not used again. */
static void test_long_request(void **state)
{
    static char body[24 << 20];
    struct fixture *f = fixture_new();

    (void)state;
    for (int early = 0; early < 2; early++) {
        struct caller c = {0};
        struct far up = {.fd = -1};
        size_t len;

        start(f, &c, early ? "a" : "b", "POST");
        c.call.parts[2] = (struct iovec){body, sizeof(body)};
        RUN_UNTIL(f->w, far_accept(&up, f->listener));
        len = c.call.parts[0].iov_len + c.call.parts[1].iov_len + sizeof(body);
        if (!early)
            RUN_UNTIL(f->w, far_read(&up).len == len);
        far_send(&up, SLICE(ANSWER));
        RUN_UNTIL(f->w, is_over(&c));
        assert_true(slice_eq(buf_peek(&c.body), SLICE("hello")));
        finish(&c);
        kit_turns(f->w, 5);
        assert_int_equal(http_client_connections(f->client), early ? 0 : 1);
        caller_free(&c);
        far_free(&up);
        RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    }
    fixture_free(f);
}

/* Time, which the tests make pass. */

static void test_idle_timeout(void **state)
{
    struct fixture *f = fixture_new();
    struct far up = {.fd = -1}, second = {.fd = -1};

    (void)state;
    call_once(f, &up, "key");
    kit_pass(f->w, 50000);
    call_once(f, &up, "key"); // it lives on with every use
    kit_pass(f->w, 50000);
    assert_int_equal(http_client_connections(f->client), 1);
    call_once(f, &second, "other");
    for (int s = 0; s < 15; s++)
        kit_pass(f->w, 1000);
    assert_int_equal(http_client_connections(f->client), 1);
    RUN_UNTIL(f->w, far_is_over(&up));
    for (int s = 0; s < 60; s++)
        kit_pass(f->w, 1000);
    RUN_UNTIL(f->w, far_is_over(&second));
    assert_int_equal(http_client_connections(f->client), 0);
    far_free(&up);
    far_free(&second);
    fixture_free(f);
}

/* After an hour a connection is not used again, so that a moved upstream is found. */
static void test_old_age(void **state)
{
    struct fixture *f = fixture_new();
    struct far up = {.fd = -1}, fresh = {.fd = -1};

    (void)state;
    for (int s = 0; s < 3570; s += 30) {
        call_once(f, &up, "key");
        kit_pass(f->w, 30000);
    }
    call_once(f, &up, "key");
    kit_pass(f->w, 29000);
    call_once(f, &up, "key");
    kit_pass(f->w, 2000);
    call_once(f, &fresh, "key");
    RUN_UNTIL(f->w, far_is_over(&up));
    far_free(&up);
    far_free(&fresh);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),         cmocka_unit_test(test_head_is_shown),
        cmocka_unit_test(test_head_too_large),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reuse),           cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_pool_keys),       cmocka_unit_test(test_stale),
        cmocka_unit_test(test_stale_once_only), cmocka_unit_test(test_not_stale_after_a_byte),
        cmocka_unit_test(test_idle_ends),       cmocka_unit_test(test_unread_body),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_drain),
        cmocka_unit_test(test_back_pressure),   cmocka_unit_test(test_long_request),
        cmocka_unit_test(test_idle_timeout),    cmocka_unit_test(test_old_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
