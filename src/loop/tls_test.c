/* tls_test.c - TLS on both sides: who is believed, what is resumed, how it ends. */
#include "loop/tls.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/array.h"
#include "loop/stream_inside.h"
#include "loop/test_certs.h"
#include "loop/test_kit.h"

#define HOUR 3600L

static struct test_cert authority, other_authority, good, stranger, expired, early, self_signed,
    by_ip;
static struct tls_client *client;
static const char big[1 << 20];

static int set_up(void **state)
{
    struct err_info e = {0};

    (void)state;
    authority = certs_make("test authority", NULL, NULL, -HOUR, HOUR);
    other_authority = certs_make("other authority", NULL, NULL, -HOUR, HOUR);
    good = certs_make("good", "DNS:localhost,DNS:api.localhost,DNS:*.wild.localhost", &authority,
                      -HOUR, HOUR);
    stranger = certs_make("stranger", "DNS:localhost", &other_authority, -HOUR, HOUR);
    expired = certs_make("expired", "DNS:localhost", &authority, -2 * HOUR, -HOUR);
    early = certs_make("early", "DNS:localhost", &authority, HOUR, 2 * HOUR);
    self_signed = certs_make("self", "DNS:localhost", NULL, -HOUR, HOUR);
    by_ip = certs_make("by ip", "IP:127.0.0.1", &authority, -HOUR, HOUR);
    client = tls_client_new(authority.cert_file, false, &e);
    assert_string_equal(e.text, "");
    return 0;
}

static int tear_down(void **state)
{
    struct test_cert *all[] = {&authority, &other_authority, &good,        &stranger,
                               &expired,   &early,           &self_signed, &by_ip};

    (void)state;
    tls_client_free(client);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        certs_free(all[i]);
    return 0;
}

static struct kit *kit_with(const struct test_cert *c)
{
    struct err_info e = {0};
    struct tls_server *server = tls_server_new(c->cert_file, c->key_file, &e);
    struct kit *k;

    assert_non_null(server);
    k = kit_new(server);
    return k;
}

static void free_kit(struct kit *k)
{
    struct tls_server *server = k->server_tls;

    kit_free(k);
    tls_server_free(server);
}

static void test_certificates(void **state)
{
    static const struct {
        const struct test_cert *cert;
        const char *host, *text; // text "": it is believed
    } cases[] = {
        {&good,        "localhost",     ""                                                               },
        {&good,        "localhost.",    ""                                                               },
        {&good,        "LOCALHOST",     ""                                                               },
        {&good,        "api.localhost", ""                                                               },
        {&by_ip,       "127.0.0.1",     ""                                                               },
        {&good,        "127.0.0.1",
         "no TLS with 127.0.0.1: certificate verify failed: IP address mismatch"                         },
        {&by_ip,       "localhost",
         "no TLS with localhost: certificate verify failed: hostname mismatch"                           },
        {&good,        "a.b.localhost",
         "no TLS with a.b.localhost: certificate verify failed: hostname mismatch"                       },
        {&stranger,    "localhost",
         "no TLS with localhost: certificate verify failed: self-signed certificate in certificate chain"},
        {&self_signed, "localhost",
         "no TLS with localhost: certificate verify failed: self-signed certificate"                     },
        {&expired,     "localhost",
         "no TLS with localhost: certificate verify failed: certificate has expired"                     },
        {&early,       "localhost",
         "no TLS with localhost: certificate verify failed: certificate is not yet valid"                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit *k = kit_with(cases[i].cert);

        kit_dial(k, cases[i].host, client);
        RUN_UNTIL(k->w, k->dialled);
        if (strcmp(k->failed.text, cases[i].text) != 0)
            fail_msg("%s: '%s'", cases[i].host, k->failed.text);
        assert_int_equal(k->failed.code, cases[i].text[0] ? ERR_UPSTREAM_TLS : ERR_NONE);
        if (cases[i].text[0]) {
            RUN_UNTIL(k->w, k->server.errors); // it was told by an alert
            assert_int_equal(k->server.err, ERR_CLIENT_GONE);
            assert_int_equal(k->server.got, 0);
        }
        free_kit(k);
    }
}

static void test_insecure(void **state)
{
    struct kit *k = kit_with(&self_signed);
    struct err_info e = {0};
    struct tls_client *insecure = tls_client_new(NULL, true, &e);
    struct dial_target public = {.host = SLICE("192.0.2.1"), .port = 9, .tls = insecure};

    (void)state;
    kit_connect(k, "127.0.0.1", insecure);
    assert_true(stream_is_tls(k->client.s) && stream_is_tls(k->server.s));
    k->dialled = 0;
    dial_open(k->w, &public, kit_on_dialled, k);
    RUN_UNTIL(k->w, k->dialled);
    assert_int_equal(k->failed.code, ERR_FORBIDDEN); // hardening.md T25
    tls_client_free(insecure);
    free_kit(k);
}

static void test_bytes(void **state)
{
    struct kit *k = kit_with(&good);
    struct iovec parts[] = {
        {(char[]){"ab"},   2},
        {NULL,             0},
        {(char[]){"cdef"}, 4}
    };
    size_t total = 5 + 6;

    (void)state;
    kit_connect(k, "localhost", client);
    k->server.echo = true;
    kit_write(&k->client, "hello", 5);
    stream_write(k->client.s, parts, ARRAY_LEN(parts));
    RUN_UNTIL(k->w, k->client.got == total);
    assert_string_equal(k->client.start, "helloabcdef");
    for (int i = 0; i < 4; i++, total += sizeof(big))
        kit_write(&k->client, big, sizeof(big));
    RUN_UNTIL(k->w, k->client.got == total);
    assert_int_equal(stream_queued(k->client.s), 0);
    assert_true(stream_sent(k->client.s) > total); // ciphertext
    free_kit(k);
}

/* Every size of room, and an owner that stops in the middle of a record. */
static void test_rooms(void **state)
{
    static const size_t rooms[] = {1, 2, 7, 100, 16383, 16384};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        struct kit *k = kit_with(&good);
        size_t total = rooms[i] * 20 < 3000 ? 3000 : rooms[i] * 20;

        k->server.room_size = rooms[i];
        kit_connect(k, "localhost", client);
        for (size_t sent = 0; sent < total; sent += total / 5)
            kit_write(&k->client, big, total / 5);
        RUN_UNTIL(k->w, k->server.got > total / 10);
        stream_read_stop(k->server.s);
        kit_run_for(k->w, 10);
        stream_read_start(k->server.s);
        RUN_UNTIL(k->w, k->server.got == total / 5 * 5);
        kit_run_for(k->w, 5);
        assert_int_equal(k->server.rooms, k->server.reads); // asked for only when there are bytes
        free_kit(k);
    }
}

static void stop_on_read(void *ctx, size_t len)
{
    struct peer *p = ctx;

    kit_on_read(ctx, len);
    stream_read_stop(p->s);
}

/* Stops after every piece: what was deciphered or read ahead waits, and is not lost. */
static void test_stop_and_go(void **state)
{
    struct kit *k = kit_with(&good);
    struct stream_handler handler = kit_handler;
    size_t seen = 0, steps = 0;

    (void)state;
    handler.on_read = stop_on_read;
    k->server.room_size = 5000;
    kit_connect(k, "localhost", client);
    stream_attach(k->server.s, &handler, &k->server);
    kit_write(&k->client, big, 100000);
    stream_shutdown(k->client.s);
    while (seen < 100000) {
        RUN_UNTIL(k->w, k->server.got > seen);
        seen = k->server.got;
        kit_run_for(k->w, 2);
        assert_int_equal(k->server.got, seen);
        assert_int_equal(k->server.eofs, 0);
        stream_read_start(k->server.s);
        steps++;
    }
    assert_true(steps >= 20);
    RUN_UNTIL(k->w, k->server.eofs);
    assert_string_equal(k->server.order, "re");
    free_kit(k);
}

static void test_back_pressure(void **state)
{
    struct kit *k = kit_with(&good);
    size_t written = 0;

    (void)state;
    kit_connect(k, "localhost", client);
    stream_read_stop(k->server.s);
    while (stream_queued(k->client.s) < 2 * sizeof(big)) {
        kit_write(&k->client, big, sizeof(big));
        written += sizeof(big);
    }
    kit_run_for(k->w, 50);
    assert_int_equal(k->server.got, 0);
    assert_int_equal(k->client.drained, 0);
    stream_shutdown(k->client.s);
    stream_read_start(k->server.s);
    RUN_UNTIL(k->w, k->server.eofs);
    assert_int_equal(k->server.got, written);
    assert_int_equal(k->client.drained, 1);
    free_kit(k);
}

static void test_half_close(void **state)
{
    struct kit *k = kit_with(&good);

    (void)state;
    kit_connect(k, "localhost", client);
    kit_write(&k->client, "bye", 3);
    stream_shutdown(k->client.s);
    RUN_UNTIL(k->w, k->server.eofs);
    assert_int_equal(k->server.got, 3);
    kit_write(&k->server, "bye bye", 7);
    stream_shutdown(k->server.s);
    RUN_UNTIL(k->w, k->client.eofs);
    assert_string_equal(k->client.start, "bye bye");
    assert_int_equal(k->client.errors + k->server.errors, 0);
    free_kit(k);
}

/* An end that nobody vouches for is an error: somebody may have cut the connection. */
static void test_truncated(void **state)
{
    struct kit *k = kit_with(&good);
    uv_os_fd_t fd;

    (void)state;
    kit_connect(k, "localhost", client);
    kit_write(&k->server, "half a bo", 9);
    RUN_UNTIL(k->w, k->client.got == 9);
    uv_fileno((uv_handle_t *)&k->server.s->tcp, &fd);
    shutdown(fd, SHUT_WR); // a FIN, without close_notify
    RUN_UNTIL(k->w, k->client.errors);
    assert_int_equal(k->client.err, ERR_UPSTREAM_TLS);
    assert_string_equal(k->client.why, "the connection ended without a TLS close_notify");
    assert_int_equal(k->client.eofs, 0);
    free_kit(k);
}

static void test_garbage(void **state)
{
    struct kit *k = kit_with(&good);

    (void)state;
    kit_connect(k, "localhost", client);
    stream_send(k->server.s, &(struct iovec){(char[]){"HTTP/1.1 200 OK\r\n"}, 17}, 1); // below TLS
    RUN_UNTIL(k->w, k->client.errors);
    assert_int_equal(k->client.err, ERR_UPSTREAM_TLS);
    RUN_UNTIL(k->w, k->server.errors); // the alert
    free_kit(k);
}

static void test_close_and_reset(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct kit *k = kit_with(&good);

        kit_connect(k, "localhost", client);
        kit_close(&k->client, reset);
        RUN_UNTIL(k->w, k->server.eofs || k->server.errors);
        assert_string_equal(k->server.order, reset ? "!" : "e"); // close_notify unless reset
        free_kit(k);
    }
}

static void test_resumption(void **state)
{
    struct kit *k = kit_with(&good);
    struct err_info e = {0};
    struct tls_client *fresh = tls_client_new(authority.cert_file, false, &e);
    static const char *const hosts[] = {"localhost", "localhost", "api.localhost", "localhost"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        k->server.got = k->client.got = 0;
        kit_connect(k, hosts[i], fresh);
        assert_int_equal(stream_tls_resumed(k->client.s), i == 1 || i == 3);
        k->server.echo = true;
        kit_write(&k->client, "x", 1); // the ticket comes with the answer
        RUN_UNTIL(k->w, k->client.got);
        assert_int_equal(stream_tls_resumed(k->server.s), i == 1 || i == 3);
        kit_close(&k->client, i == 0); // even a reset one can be resumed
        RUN_UNTIL(k->w, !k->client.s);
        kit_close(&k->server, false);
        RUN_UNTIL(k->w, !k->server.s);
    }
    tls_client_free(fresh);
    free_kit(k);
}

/* A session is no way around verification: another context does not know it. */
static void test_sessions_stay_apart(void **state)
{
    struct kit *k = kit_with(&stranger);
    struct err_info e = {0};
    struct tls_client *insecure = tls_client_new(NULL, true, &e);

    (void)state;
    kit_connect(k, "localhost", insecure);
    k->server.echo = true;
    kit_write(&k->client, "x", 1);
    RUN_UNTIL(k->w, k->client.got);
    kit_close(&k->client, false);
    kit_close(&k->server, false);
    RUN_UNTIL(k->w, !k->server.s && !k->client.s);
    kit_dial(k, "localhost", client);
    RUN_UNTIL(k->w, k->dialled);
    assert_int_equal(k->failed.code, ERR_UPSTREAM_TLS);
    tls_client_free(insecure);
    free_kit(k);
}

/* The server speaks first: what it writes before the handshake is over waits for it. */
static void speak_first(void *ctx, struct stream *s)
{
    struct kit *k = ctx;

    kit_on_accept(ctx, s);
    kit_write(&k->server, "220 hello", 9);
    assert_int_equal(stream_queued(s), 9);
    stream_shutdown(s);
}

static void test_early_write(void **state)
{
    struct kit *k = kit_with(&good);
    struct err_info e = {0};

    (void)state;
    listener_close(k->listener);
    k->listener = listener_open(k->w, "127.0.0.1", 0, k->server_tls, speak_first, k, &e);
    k->port = listener_port(k->listener);
    kit_connect(k, "localhost", client);
    RUN_UNTIL(k->w, k->client.eofs);
    assert_string_equal(k->client.start, "220 hello");
    assert_string_equal(k->client.order, "re");
    assert_int_equal(k->server.drained, 1);
    free_kit(k);
}

/* CONNECT through a proxy: first plain bytes, then TLS on the same stream. */
static void test_start_tls(void **state)
{
    static const struct {
        const char *host;
        bool fine, cancel;
    } cases[] = {
        {"localhost", true,  false},
        {"elsewhere", false, false},
        {"localhost", true,  true },
        {"",          false, false}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit *k = kit_with(&good);
        struct stream *s;

        kit_dial(k, "127.0.0.1", NULL);
        RUN_UNTIL(k->w, k->dialled);
        stream_read_start(k->client.s);
        s = k->client.s;
        k->client.s = NULL;
        k->dialled = 0;
        k->dial = dial_start_tls(s, slice_str(cases[i].host), client, clock_mono_ms() + 1000,
                                 kit_on_dialled, k);
        assert_int_equal(k->dialled, 0);
        if (cases[i].cancel) {
            kit_run_for(k->w, 1);
            if (k->dial)
                dial_cancel(k->dial);
            k->dial = NULL;
            free_kit(k);
            continue;
        }
        RUN_UNTIL(k->w, k->dialled);
        assert_int_equal(k->failed.code == ERR_NONE, cases[i].fine);
        if (cases[i].fine) {
            stream_read_start(k->client.s);
            k->server.echo = true;
            kit_write(&k->client, "hi", 2);
            RUN_UNTIL(k->w, k->client.got == 2);
        }
        free_kit(k);
    }
}

/* Accepts and says nothing: the deadline covers the handshake. */
static void test_handshake_deadline(void **state)
{
    struct kit *k = kit_new(NULL); // plain: it does not answer a ClientHello
    struct dial_target target = {.host = SLICE("localhost"), .tls = client, .allow_private = true};

    (void)state;
    target.port = k->port;
    target.deadline_at_ms = clock_mono_ms() + 100;
    k->dial = dial_open(k->w, &target, kit_on_dialled, k);
    RUN_UNTIL(k->w, k->dialled);
    assert_int_equal(k->failed.code, ERR_UPSTREAM_TIMEOUT);
    assert_string_equal(k->failed.text, "no TLS with localhost: the handshake took too long");
    kit_free(k);
}

/* A server that is not one. */
static void test_not_tls(void **state)
{
    static const struct {
        const char *say, *text;
        bool close;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS with localhost: wrong version number",                          false},
        {"",                                 "no TLS with localhost: the connection ended during the TLS handshake", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit *k = kit_new(NULL);

        kit_dial(k, "localhost", client);
        RUN_UNTIL(k->w, k->server.got > 0);
        kit_write(&k->server, cases[i].say, strlen(cases[i].say));
        if (cases[i].close)
            stream_shutdown(k->server.s);
        RUN_UNTIL(k->w, k->dialled);
        assert_int_equal(k->failed.code, ERR_UPSTREAM_TLS);
        assert_string_equal(k->failed.text, cases[i].text);
        kit_free(k);
    }
}

/* TLS 1.1 is refused, by both sides' rules. */
static void test_old_version(void **state)
{
    struct kit *k = kit_with(&good);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char *hello;
    long len;

    (void)state;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_set_security_level(ssl, 0);
    SSL_set_min_proto_version(ssl, TLS1_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
    SSL_set_bio(ssl, in, out);
    SSL_connect(ssl);
    len = BIO_get_mem_data(out, &hello);
    assert_true(len > 0);
    kit_dial(k, "127.0.0.1", NULL); // plain: the test speaks TLS itself
    RUN_UNTIL(k->w, k->dialled && k->server.s);
    kit_write(&k->client, hello, (size_t)len);
    RUN_UNTIL(k->w, k->server.errors);
    assert_string_equal(k->server.why, "unsupported protocol");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    free_kit(k);
}

static void test_contexts_fail(void **state)
{
    struct err_info e = {0};

    (void)state;
    assert_null(tls_server_new("/nowhere", good.key_file, &e));
    assert_string_equal(e.text, "cannot use the certificate /nowhere: no such file or directory");
    e = (struct err_info){0};
    assert_null(tls_server_new(good.cert_file, "/nowhere", &e));
    e = (struct err_info){0};
    assert_null(tls_server_new(good.cert_file, stranger.key_file, &e));
    assert_non_null(strstr(e.text, "key values mismatch"));
    e = (struct err_info){0};
    assert_null(tls_client_new(good.key_file, false, &e));
    assert_non_null(strstr(e.text, "cannot read certificates"));
    tls_server_free(NULL);
    tls_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_insecure),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_rooms),
        cmocka_unit_test(test_stop_and_go),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_close_and_reset),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_sessions_stay_apart),
        cmocka_unit_test(test_early_write),
        cmocka_unit_test(test_start_tls),
        cmocka_unit_test(test_handshake_deadline),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_contexts_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
