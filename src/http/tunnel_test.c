/* tunnel_test.c - through proxies: HTTP CONNECT and SOCKS5, any cut of their replies. */
#include "http/tunnel.h"

#include "http/client.h"
#include "http/proxy.h"
#include "http/server.h"
#include "http/test_kit.h"
#include "loop/test_certs.h"

#define REQUEST "GET / HTTP/1.1\r\nhost: up.test\r\n\r\n"
#define ANSWER  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
#define HOUR    3600L

struct talk {
    const char *why, *scheme, *user, *password, *host;
    struct slice expect[3], reply[3]; // a reply that ends in "CLOSE" ends the connection
    const char *text;                 // NULL: the way is open
};

#define THREE(a, b, c)                              \
    {                                               \
        SLICE_INIT(a), SLICE_INIT(b), SLICE_INIT(c) \
    }
#define SHUT(why, scheme, user, pass, host, e1, r1, e2, r2, e3, r3, text) \
    {why, scheme, user, pass, host, THREE(e1, e2, e3), THREE(r1, r2, r3), text},
#define OPEN(why, scheme, user, pass, host, e1, r1, e2, r2, e3, r3) \
    {why, scheme, user, pass, host, THREE(e1, e2, e3), THREE(r1, r2, r3), NULL},

static const struct talk talks[] = {
#include "http/tunnel_test.def"
};

struct fixture {
    struct worker *w;
    struct http_client *client;
    int listener;
    unsigned port;
    struct arena arena;
    struct http_proxy proxy;
    struct http_target target;
    struct http_call call;
    struct task task;
    size_t wakes;
    struct buf body;
};

static void on_wake(void *ctx)
{
    struct fixture *f = ctx;
    struct slice bytes;

    f->wakes++;
    if (f->call.state != CALL_ANSWERED)
        return;
    while ((bytes = http_body_peek(&f->call.body)).len) {
        buf_append(&f->body, bytes);
        http_body_consume(&f->call.body, bytes.len);
    }
    http_call_want(&f->call);
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert(f);
    alarm(60);
    arena_init(&f->arena, 0);
    f->w = worker_new(0);
    f->client = http_client_new(f->w);
    f->listener = far_listen(&f->port);
    task_init(&f->task, on_wake, f);
    return f;
}

static void fixture_free(struct fixture *f)
{
    http_client_drain(f->client);
    RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
    http_client_free(f->client);
    kit_end(f->w);
    close(f->listener);
    arena_release(&f->arena);
    buf_release(&f->body);
    free(f);
}

/* A call to `host` behind the proxy that the far side plays. */
static void start(struct fixture *f, const char *scheme, const char *user, const char *password,
                  const char *host, struct tls_client *tls)
{
    static char request[] = REQUEST;
    struct err_info e = {0};
    struct slice url = arena_printf(&f->arena, "%s://%s%s%s%s127.0.0.1:%u", scheme, user,
                                    user[0] ? ":" : "", password, user[0] ? "@" : "", f->port);

    assert_int_equal(http_proxy_parse(url, NULL, &f->arena, &f->proxy, &e), ERR_NONE);
    f->target = (struct http_target){.pool_key = SLICE("key"),
                                     .host = slice_str(host),
                                     .port = 8080,
                                     .tls = tls,
                                     .proxy = &f->proxy};
    buf_clear(&f->body);
    f->wakes = 0;
    f->call = (struct http_call){.wake = &f->task,
                                 .ctx = f,
                                 .target = &f->target,
                                 .method = SLICE("GET"),
                                 .parts = {{request, strlen(request)}},
                                 .part_count = 1,
                                 .connect_deadline_at_ms = clock_mono_ms() + 10000};
    http_call_start(f->client, &f->call);
    assert_int_equal(f->call.state, CALL_CONNECTING);
}

static void finish(struct fixture *f)
{
    http_call_finish(&f->call);
    task_cancel(&f->task);
}

/* The proxy's part: each step's words must come, exactly; the reply goes in two pieces or in bytes. */
static void play(struct fixture *f, struct far *proxy, const struct talk *t, size_t cut)
{
    for (size_t i = 0; i < ARRAY_LEN(t->expect) && t->expect[i].len; i++) {
        struct slice expect = t->expect[i], reply = t->reply[i];
        bool closes = slice_ends(reply, SLICE("CLOSE"));

        RUN_UNTIL(f->w, far_read(proxy).len >= expect.len || f->call.state == CALL_FAILED);
        if (!slice_eq(buf_peek(&proxy->got), expect))
            fail_msg("%s, cut at %zu: step %zu: '%.*s'", t->why, cut, i,
                     SLICE_ARG(buf_peek(&proxy->got)));
        buf_clear(&proxy->got);
        if (closes)
            reply.len -= 5;
        for (size_t at = 0, n; at < reply.len; at += n) {
            n = cut == 0 ? 1 : at || cut > reply.len ? reply.len : cut;
            n = slice_sub(reply, at, n).len;
            if (send(proxy->fd, reply.ptr + at, n, MSG_NOSIGNAL) < 0)
                break; // it has heard enough
            kit_turns(f->w, 2);
        }
        if (closes)
            far_shut(proxy);
    }
}

static void check_talk(struct fixture *f, const struct talk *t, size_t cut)
{
    struct far proxy = {.fd = -1};

    start(f, t->scheme, t->user, t->password, t->host, NULL);
    RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
    play(f, &proxy, t, cut);
    if (t->text) {
        RUN_UNTIL(f->w, f->call.state == CALL_FAILED || far_read(&proxy).len);
        if (f->call.err != ERR_UPSTREAM_DOWN || !strstr(f->call.why, t->text))
            fail_msg("%s, cut at %zu: %s '%s'", t->why, cut, err_name(f->call.err), f->call.why);
        RUN_UNTIL(f->w, far_is_over(&proxy));
        assert_int_equal(buf_len(&proxy.got), 0); // the request did not go to it
    } else {
        RUN_UNTIL(f->w, far_has(&proxy, REQUEST));
        assert_true(slice_eq(buf_peek(&proxy.got), SLICE(REQUEST)));
        far_send(&proxy, SLICE(ANSWER));
        RUN_UNTIL(f->w, buf_len(&f->body) == 5);
    }
    finish(f);
    far_free(&proxy);
    RUN_UNTIL(f->w, http_client_connections(f->client) == 0);
}

static void test_talks(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        size_t longest = 1;
        for (size_t k = 0; k < ARRAY_LEN(talks[i].reply); k++) {
            if (talks[i].reply[k].len > longest)
                longest = talks[i].reply[k].len;
        }
        for (size_t cut = 0; cut <= longest; cut++) // 0: byte by byte
            check_talk(f, &talks[i], cut);
    }
    fixture_free(f);
}

/* What stands behind the proxy's reply was not said by the target: it is refused, not read. */
static void test_bytes_behind_the_reply(void **state)
{
    static const struct {
        const char *scheme;
        struct slice first, second;
    } rows[] = {
        {"http",   SLICE_INIT("HTTP/1.1 200 OK\r\n\r\nX"),       SLICE_INIT("")                                         },
        {"http",   SLICE_INIT("HTTP/1.1 200 OK\r\n\r\n" ANSWER), SLICE_INIT("")                                         },
        {"socks5", SLICE_INIT("\x05\x00"),                       SLICE_INIT("\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34X")},
        {"socks5", SLICE_INIT("\x05\x00"),
         SLICE_INIT("\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34" ANSWER)                                                  },
    };
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct far proxy = {.fd = -1};

        start(f, rows[i].scheme, "", "", "up.test", NULL);
        RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
        RUN_UNTIL(f->w, far_read(&proxy).len);
        buf_clear(&proxy.got);
        far_send(&proxy, rows[i].first);
        if (rows[i].second.len) {
            RUN_UNTIL(f->w, far_read(&proxy).len);
            buf_clear(&proxy.got);
            far_send(&proxy, rows[i].second);
        }
        RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
        assert_string_equal(f->call.why, "the proxy's answer is not valid");
        finish(f);
        far_free(&proxy);
    }
    fixture_free(f);
}

/* A reply without an end is not listened to for ever. */
static void test_endless_reply(void **state)
{
    struct fixture *f = fixture_new();
    struct far proxy = {.fd = -1};

    (void)state;
    start(f, "http", "", "", "up.test", NULL);
    RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
    far_send(&proxy, SLICE("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 100 && f->call.state == CALL_CONNECTING; i++) {
        if (send(proxy.fd, "x-more: of the same, on and on and on and on and on\r\n", 53,
                 MSG_NOSIGNAL) < 0)
            break;
        kit_turns(f->w, 2);
    }
    RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
    assert_int_equal(f->call.err, ERR_UPSTREAM_DOWN);
    finish(f);
    far_free(&proxy);
    fixture_free(f);
}

static void test_reset(void **state)
{
    static const char *const schemes[] = {"http", "socks5"};
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct far proxy = {.fd = -1};

        start(f, schemes[i], "", "", "up.test", NULL);
        RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
        RUN_UNTIL(f->w, far_read(&proxy).len);
        far_close(&proxy, true);
        RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
        assert_int_equal(f->call.err, ERR_UPSTREAM_DOWN);
        finish(f);
        far_free(&proxy);
    }
    fixture_free(f);
}

static void test_no_proxy_there(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    close(f->listener);
    start(f, "http", "", "", "up.test", NULL);
    RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
    assert_int_equal(f->call.err, ERR_UPSTREAM_DOWN);
    finish(f);
    f->listener = far_listen(&f->port);
    fixture_free(f);
}

/* A proxy that takes the connection and then says nothing: the deadline is for it too. */
static void test_silent_proxy(void **state)
{
    static const char *const schemes[] = {"http", "socks5"};
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct far proxy = {.fd = -1};

        start(f, schemes[i], "", "", "up.test", NULL);
        RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
        RUN_UNTIL(f->w, far_read(&proxy).len);
        kit_pass(f->w, 9000);
        assert_int_equal(f->call.state, CALL_CONNECTING);
        kit_pass(f->w, 2000);
        RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
        assert_int_equal(f->call.err, ERR_UPSTREAM_TIMEOUT);
        finish(f);
        far_free(&proxy);
    }
    fixture_free(f);
}

static void test_cancel(void **state)
{
    static const char *const schemes[] = {"http", "socks5"};
    struct fixture *f = fixture_new();

    (void)state;
    for (int stage = 0; stage < 8; stage++) {
        struct far proxy = {.fd = -1};
        size_t wakes;

        start(f, schemes[stage % 2], "", "", "up.test", NULL);
        if (stage / 2 == 1)
            kit_turn(f->w);
        if (stage / 2 >= 2) {
            RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
            RUN_UNTIL(f->w, far_read(&proxy).len);
        }
        if (stage / 2 == 3) { // half a reply
            far_send(&proxy, stage % 2 ? SLICE("\x05") : SLICE("HTTP/1.1 200"));
            kit_turns(f->w, 5);
        }
        wakes = f->wakes;
        finish(f);
        kit_run_for(f->w, 10);
        assert_int_equal(f->wakes, wakes);
        if (proxy.fd < 0)
            far_accept(&proxy, f->listener);
        if (proxy.fd >= 0)
            RUN_UNTIL(f->w, far_is_over(&proxy));
        far_free(&proxy);
    }
    fixture_free(f);
}

/* TLS to the target begins behind the tunnel, and the proxy sees none of what is said. */

static void answer_hello(void *ctx, struct http_request *r, const struct head *head)
{
    (void)ctx;
    (void)head;
    response_send(r, 200, (struct slice){0}, SLICE("hello"));
}

static void refuse(void *ctx, struct http_request *r, const struct err_info *e)
{
    (void)ctx;
    response_send(r, 400, (struct slice){0}, slice_str(err_info_text(e)));
}

/* Carries bytes on; keeps those from the client. */
static void carry(struct far *from, struct far *to, struct buf *seen)
{
    struct slice bytes = far_read(from);

    if (bytes.len) {
        far_send(to, bytes);
        if (seen)
            buf_append(seen, bytes);
        buf_clear(&from->got);
    }
}

static void test_tls_behind_the_proxy(void **state)
{
    struct test_cert authority = certs_make("authority", NULL, NULL, -HOUR, HOUR);
    struct test_cert cert = certs_make("up", "DNS:up.test", &authority, -HOUR, HOUR);
    struct err_info e = {0};
    struct tls_client *tls = tls_client_new(authority.cert_file, false, &e);
    struct tls_server *server_tls = tls_server_new(cert.cert_file, cert.key_file, &e);
    static const struct {
        const char *host;
        enum err err;
    } rows[] = {
        {"up.test",    ERR_NONE        },
        {"other.test", ERR_UPSTREAM_TLS}, // its certificate is another one
    };

    (void)state;
    assert_string_equal(e.text, "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture *f = fixture_new();
        struct http_server *server = http_server_new(
            f->w, &http_server_defaults, (struct http_handler){answer_hello, refuse, NULL});
        struct listener_socket *l =
            listener_open(f->w, "127.0.0.1", 0, server_tls, http_server_accept, server, &e);
        struct far proxy = {.fd = -1}, behind;
        struct buf seen = {0};

        start(f, "http", "", "", rows[i].host, tls);
        RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
        RUN_UNTIL(f->w, far_has(&proxy, "\r\n\r\n"));
        kit_turns(f->w, 5);
        assert_true(slice_ends(far_read(&proxy), SLICE(":8080\r\n\r\n"))); // and no TLS yet
        buf_clear(&proxy.got);
        far_connect(&behind, listener_port(l));
        far_send(&proxy, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
        RUN_UNTIL(f->w, (carry(&proxy, &behind, &seen), carry(&behind, &proxy, NULL),
                         buf_len(&f->body) == 5 || f->call.state == CALL_FAILED));
        assert_int_equal(seen.data[seen.start], 0x16); // a TLS handshake
        assert_true(slice_find_slice(buf_peek(&seen), SLICE("GET /")) == SIZE_MAX);
        assert_int_equal(f->call.err, rows[i].err);
        if (!rows[i].err)
            assert_true(slice_eq(buf_peek(&f->body), SLICE("hello")));
        finish(f);
        far_free(&proxy);
        far_free(&behind);
        buf_release(&seen);
        RUN_UNTIL(f->w, http_server_connections(server) == 0);
        listener_close(l);
        http_server_free(server);
        fixture_free(f);
    }
    tls_client_free(tls);
    tls_server_free(server_tls);
    certs_free(&authority);
    certs_free(&cert);
}

/* In the midst of the handshake behind the tunnel: silence until the deadline, and cancelling. */
static void test_tls_cut_short(void **state)
{
    struct err_info e = {0};
    struct tls_client *tls = tls_client_new(NULL, true, &e);

    (void)state;
    for (int how = 0; how < 3; how++) {
        struct fixture *f = fixture_new();
        struct far proxy = {.fd = -1};

        start(f, "http", "", "", "up.test", tls);
        RUN_UNTIL(f->w, far_accept(&proxy, f->listener));
        RUN_UNTIL(f->w, far_read(&proxy).len);
        buf_clear(&proxy.got);
        far_send(&proxy, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
        RUN_UNTIL(f->w, far_read(&proxy).len); // the handshake's first words
        if (how == 0) {
            kit_pass(f->w, 11000);
            RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
            assert_int_equal(f->call.err, ERR_UPSTREAM_TIMEOUT);
        } else if (how == 1) {
            far_close(&proxy, true);
            RUN_UNTIL(f->w, f->call.state == CALL_FAILED);
        }
        finish(f);
        kit_run_for(f->w, 10);
        if (proxy.fd >= 0)
            RUN_UNTIL(f->w, far_is_over(&proxy));
        far_free(&proxy);
        fixture_free(f);
    }
    tls_client_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks),          cmocka_unit_test(test_bytes_behind_the_reply),
        cmocka_unit_test(test_endless_reply),  cmocka_unit_test(test_reset),
        cmocka_unit_test(test_no_proxy_there), cmocka_unit_test(test_silent_proxy),
        cmocka_unit_test(test_cancel),         cmocka_unit_test(test_tls_behind_the_proxy),
        cmocka_unit_test(test_tls_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
