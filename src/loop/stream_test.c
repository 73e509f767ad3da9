/* stream_test.c - a stream in each of its states, over loopback. */
#include "loop/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/log.h"
#include "loop/test_kit.h"

static const char big[1 << 20];

static void test_echo(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    assert_true(slice_eq(stream_peer(k->server.s), SLICE("127.0.0.1")));
    assert_true(slice_eq(stream_peer(k->client.s), SLICE("127.0.0.1")));
    assert_ptr_equal(stream_worker(k->server.s), k->w);
    assert_false(stream_is_tls(k->server.s) || stream_tls_resumed(k->server.s));
    k->server.echo = true;
    for (int i = 0; i < 5; i++) {
        kit_write(&k->client, "hello", 5);
        RUN_UNTIL(k->w, k->client.got == 5u * (unsigned)(i + 1));
    }
    assert_string_equal(k->client.start, "hellohellohellohellohello");
    assert_int_equal(stream_sent(k->client.s), 25);
    assert_string_equal(k->client.order, "r"); // nothing was ever queued
    kit_free(k);
}

static void test_parts(void **state)
{
    struct kit *k = kit_new(NULL);
    struct iovec parts[] = {
        {(char[]){"ab"},  2},
        {NULL,            0},
        {(char[]){"c"},   1},
        {(char[]){"def"}, 3}
    };

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    assert_int_equal(stream_write(k->client.s, parts, ARRAY_LEN(parts)), 0);
    assert_int_equal(stream_write(k->client.s, parts, 0), 0);
    RUN_UNTIL(k->w, k->server.got == 6);
    assert_string_equal(k->server.start, "abcdef");
    kit_free(k);
}

/* A peer that does not read: bytes queue, and go in order once it does. */
static void test_back_pressure(void **state)
{
    struct kit *k = kit_new(NULL);
    size_t written = 0;
    uint64_t sent;

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    stream_read_stop(k->server.s);
    while (stream_queued(k->client.s) < 4 * sizeof(big)) {
        kit_write(&k->client, big, sizeof(big));
        written += sizeof(big);
    }
    kit_run_for(k->w, 60);
    sent = stream_sent(k->client.s);
    kit_run_for(k->w, 60);
    assert_int_equal(stream_sent(k->client.s), sent); // stands still: a slow reader is seen
    assert_int_equal(sent + stream_queued(k->client.s), written);
    assert_int_equal(k->server.got, 0);
    assert_int_equal(k->client.drained, 0);
    kit_write(&k->client, "!", 1);
    stream_read_start(k->server.s);
    RUN_UNTIL(k->w, k->client.drained);
    RUN_UNTIL(k->w, k->server.got == written + 1);
    assert_int_equal(stream_queued(k->client.s), 0);
    assert_int_equal(stream_sent(k->client.s), written + 1);
    assert_int_equal(k->client.drained, 1);
    kit_free(k);
}

static void test_half_close(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    stream_read_stop(k->server.s);
    kit_write(&k->client, big, sizeof(big)); // more than the kernel takes
    kit_write(&k->client, big, sizeof(big));
    kit_write(&k->client, big, sizeof(big));
    kit_write(&k->client, big, sizeof(big));
    assert_true(stream_queued(k->client.s) > 0);
    stream_shutdown(k->client.s);
    stream_shutdown(k->client.s);
    stream_read_start(k->server.s);
    RUN_UNTIL(k->w, k->server.eofs);
    assert_int_equal(k->server.got, 4 * sizeof(big)); // the queue went first
    kit_write(&k->server, "still here", 10);
    RUN_UNTIL(k->w, k->client.got == 10);
    stream_shutdown(k->server.s);
    RUN_UNTIL(k->w, k->client.eofs);
    assert_string_equal(k->client.order, "dre");
    assert_string_equal(k->server.order, "re");
    stream_read_start(k->client.s); // changes nothing
    kit_run_for(k->w, 20);
    assert_int_equal(k->client.eofs, 1);
    kit_free(k);
}

static void test_reset_by_peer(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    kit_close(&k->client, true);
    kit_close(&k->client, true);
    RUN_UNTIL(k->w, k->server.errors);
    assert_string_equal(k->server.order, "!");
    assert_int_equal(k->server.err, ERR_CLIENT_GONE);
    assert_string_equal(k->server.why, "connection reset by peer");
    assert_int_equal(stream_write(k->server.s, &(struct iovec){(char[]){"x"}, 1}, 1), 0);
    kit_run_for(k->w, 20);
    assert_int_equal(k->server.errors, 1);
    kit_free(k);
}

static void test_reset_towards_client(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    kit_close(&k->server, true);
    RUN_UNTIL(k->w, k->client.errors);
    assert_int_equal(k->client.err, ERR_UPSTREAM_DOWN);
    kit_free(k);
}

/* Writing to one who has gone while nobody reads: told from the loop, once. */
static void test_write_fails(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    kit_run_for(k->w, 10);
    stream_read_stop(k->server.s);
    kit_close(&k->client, true);
    RUN_UNTIL(k->w, k->client.closed);
    for (int i = 0; i < 3; i++) {
        kit_write(&k->server, "x", 1);
        kit_run_for(k->w, 10);
    }
    RUN_UNTIL(k->w, k->server.errors);
    assert_int_equal(k->server.errors, 1);
    assert_int_equal(k->server.eofs, 0);
    kit_free(k);
}

/* A peer that answers early and goes: its answer is read before the failed write is told. */
static void test_early_answer(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    stream_read_stop(k->server.s);
    kit_write(&k->client, "request", 7);
    kit_run_for(k->w, 20);
    kit_write(&k->server, "no", 2);
    kit_close(&k->server, false); // with bytes unread: the kernel resets
    for (int i = 0; i < 3; i++)
        kit_write(&k->client, big, sizeof(big));
    RUN_UNTIL(k->w, k->client.errors || k->client.eofs);
    assert_string_equal(k->client.start, "no");
    assert_string_equal(k->client.order, "r!");
    kit_free(k);
}

static void test_reading_stops(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    kit_connect(k, "127.0.0.1", NULL);
    stream_read_stop(k->server.s);
    kit_write(&k->client, "abc", 3);
    kit_run_for(k->w, 30);
    assert_int_equal(k->server.got, 0);
    k->server.refuse_room = true;
    stream_read_start(k->server.s);
    kit_run_for(k->w, 30);
    assert_int_equal(k->server.got, 0);
    k->server.refuse_room = false;
    kit_run_for(k->w, 30);
    assert_int_equal(k->server.got, 0); // a refusal stops reading
    stream_read_start(k->server.s);
    stream_read_stop(k->server.s);
    stream_read_start(k->server.s);
    RUN_UNTIL(k->w, k->server.got == 3);
    kit_free(k);
}

static void test_small_rooms(void **state)
{
    struct kit *k = kit_new(NULL);

    (void)state;
    k->server.room_size = 1;
    kit_connect(k, "127.0.0.1", NULL);
    kit_write(&k->client, "one byte at a time", 18);
    RUN_UNTIL(k->w, k->server.got == 18);
    assert_string_equal(k->server.start, "one byte at a time");
    kit_run_for(k->w, 20);
    assert_int_equal(k->server.reads, 18);
    assert_int_equal(k->server.rooms, 18); // room is asked for only when there are bytes
    kit_free(k);
}

/* Closing from inside each callback. */
static void test_close_inside(void **state)
{
    static const struct {
        const char *why, *order;
        bool read, eof, drained, full_room;
    } cases[] = {
        {"on_read",              "rc",  true,  false, false, false},
        {"on_read, a full room", "rc",  true,  false, false, true },
        {"on_eof",               "rec", false, true,  false, false},
        {"on_drained",           "dc",  false, false, true,  false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit *k = kit_new(NULL);

        k->server.close_on_read = cases[i].read;
        k->server.close_on_eof = cases[i].eof;
        k->server.close_on_drained = cases[i].drained;
        k->server.room_size = cases[i].full_room ? 3 : 0;
        kit_connect(k, "127.0.0.1", NULL);
        if (cases[i].drained) {
            for (int n = 0; n < 8; n++)
                kit_write(&k->server, big, sizeof(big));
        } else {
            kit_write(&k->client, "hello", 5);
            stream_shutdown(k->client.s);
        }
        RUN_UNTIL(k->w, k->server.closed);
        if (strcmp(k->server.order, cases[i].order) != 0)
            fail_msg("%s: %s", cases[i].why, k->server.order);
        kit_free(k);
    }
}

/* What is queued is dropped, and on_closed comes all the same. */
static void test_close_with_a_queue(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct kit *k = kit_new(NULL);

        kit_connect(k, "127.0.0.1", NULL);
        stream_read_stop(k->server.s);
        for (int n = 0; n < 8; n++)
            kit_write(&k->client, big, sizeof(big));
        kit_run_for(k->w, 10);
        assert_true(stream_queued(k->client.s) > 0);
        kit_close(&k->client, reset);
        RUN_UNTIL(k->w, k->client.closed);
        assert_string_equal(k->client.order, "c");
        kit_free(k);
    }
}

static void close_at_once(void *ctx, struct stream *s)
{
    struct kit *k = ctx;

    k->accepted++;
    stream_close(s, false); // never attached
    if (k->accepted == 2)
        listener_close(k->listener);
}

static void test_close_in_accept(void **state)
{
    struct kit *k = kit_new(NULL);
    struct err_info e = {0};

    (void)state;
    listener_close(k->listener);
    k->listener = listener_open(k->w, "127.0.0.1", 0, NULL, close_at_once, k, &e);
    assert_non_null(k->listener);
    k->port = listener_port(k->listener);
    for (unsigned i = 1; i <= 2; i++) {
        kit_dial(k, "127.0.0.1", NULL);
        RUN_UNTIL(k->w, k->dialled && k->accepted == i);
        stream_read_start(k->client.s);
        RUN_UNTIL(k->w, k->client.eofs == i);
        kit_close(&k->client, false);
        RUN_UNTIL(k->w, k->client.closed == i);
    }
    kit_end(k->w);
    free(k);
}

static void test_listen_errors(void **state)
{
    static const struct {
        const char *host, *text;
        unsigned port;
    } cases[] = {
        {"no.such.host", "cannot listen on no.such.host port 1: not an IP address and port",  1    },
        {"127.0.0.1",    "cannot listen on 127.0.0.1 port 65536: not an IP address and port", 65536},
        {"203.0.113.1",  "cannot listen on 203.0.113.1 port 7: address not available",        7    },
    };
    struct worker *w = worker_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};

        assert_null(listener_open(w, cases[i].host, cases[i].port, NULL, close_at_once, NULL, &e));
        assert_string_equal(e.text, cases[i].text);
        assert_int_equal(e.code, ERR_IO);
    }
    kit_end(w);
}

/* Two workers' listeners share a port. */
static void test_shared_port(void **state)
{
    struct worker *w = worker_new(0);
    struct err_info e = {0};
    struct listener_socket *a = listener_open(w, "::1", 0, NULL, close_at_once, NULL, &e), *b;

    (void)state;
    if (!a)
        a = listener_open(w, "127.0.0.1", 0, NULL, close_at_once, NULL, &(struct err_info){0});
    b = listener_open(w, e.code ? "127.0.0.1" : "::1", listener_port(a), NULL, close_at_once, NULL,
                      &e);
    assert_non_null(b);
    assert_int_equal(listener_port(a), listener_port(b));
    listener_close(a);
    listener_close(b);
    listener_close(b);
    kit_end(w);
}

static int64_t cpu_ms(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static int connect_raw(int fd, unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static void drop_line(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

/* Takes every descriptor of a small limit but `spare`. */
static int fill_descriptors(int filler[256], int spare)
{
    struct rlimit limit;
    int filled = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 200;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (filled < 256 && (filler[filled] = open("/dev/null", O_RDONLY)) >= 0)
        filled++;
    assert_in_range(filled, 10, 255);
    for (; spare > 0; spare--)
        close(filler[--filled]);
    return filled;
}

static void free_descriptors(const int *filler, int filled)
{
    struct rlimit limit;

    while (filled > 0)
        close(filler[--filled]);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void make_sockets(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true((fds[i] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
}

/* No descriptor left: peers are turned away by means of the reserve one, nothing spins. */
static void test_no_descriptors(void **state)
{
    struct kit *k = kit_new(NULL);
    int fds[5], filler[256], filled;
    int64_t cpu_before_ms;

    (void)state;
    log_configure(LOG_INFO, LOG_TEXT, drop_line, NULL);
    make_sockets(fds, ARRAY_LEN(fds));
    filled = fill_descriptors(filler, 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        assert_int_equal(connect_raw(fds[i], k->port), 0);
    cpu_before_ms = cpu_ms();
    kit_run_for(k->w, 200);
    assert_true(cpu_ms() - cpu_before_ms < 100);
    assert_int_equal(k->accepted, 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) { // each was told
        char c;
        assert_int_equal(recv(fds[i], &c, 1, MSG_DONTWAIT), 0);
        close(fds[i]);
    }
    free_descriptors(filler, filled);
    kit_connect(k, "127.0.0.1", NULL);
    log_configure(LOG_INFO, LOG_TEXT, NULL, NULL);
    kit_free(k);
}

/* Not even a reserve one: the listener rests for a moment, nothing spins. */
static void test_no_reserve(void **state)
{
    struct kit *k = kit_new(NULL);
    struct err_info e = {0};
    int fd, filler[256], filled;
    int64_t cpu_before_ms;

    (void)state;
    make_sockets(&fd, 1);
    listener_close(k->listener);
    filled = fill_descriptors(filler, 1);
    k->listener = listener_open(k->w, "127.0.0.1", 0, NULL, kit_on_accept, k, &e); // takes the last
    assert_non_null(k->listener);
    k->port = listener_port(k->listener);
    assert_int_equal(connect_raw(fd, k->port), 0);
    cpu_before_ms = cpu_ms();
    kit_run_for(k->w, 300);
    assert_true(cpu_ms() - cpu_before_ms < 100);
    assert_int_equal(k->accepted, 0);
    free_descriptors(filler, filled);
    RUN_UNTIL(k->w, k->accepted == 1); // it had only to wait
    close(fd);
    kit_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_reset_by_peer),
        cmocka_unit_test(test_reset_towards_client),
        cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_reading_stops),
        cmocka_unit_test(test_small_rooms),
        cmocka_unit_test(test_close_inside),
        cmocka_unit_test(test_close_with_a_queue),
        cmocka_unit_test(test_close_in_accept),
        cmocka_unit_test(test_listen_errors),
        cmocka_unit_test(test_shared_port),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_no_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
