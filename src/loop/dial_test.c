/* dial_test.c - reaching a host, or saying why not, in time. */
#include "loop/dial.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/array.h"
#include "loop/dns.h"
#include "loop/test_dns.h"
#include "loop/test_kit.h"

static const struct test_name names[] = {
    {"live.test",          {"127.0.0.1"},                    60, false},
    {"hangs-first.test",   {"127.0.0.2", "127.0.0.1"},       60, false},
    {"refused-first.test", {"127.0.0.3", "127.0.0.1"},       60, false},
    {"six-first.test",     {"::1", "127.0.0.1"},             60, false},
    {"all-hang.test",      {"127.0.0.2"},                    60, false},
    {"all-refused.test",   {"127.0.0.3", "127.0.0.4"},       60, false},
    {"metadata.test",      {"169.254.169.254", "fe80::1"},   60, false},
    {"rebind.test",        {"169.254.169.254", "127.0.0.1"}, 60, false},
    {"silent.test",        {NULL},                           60, true },
};

static struct test_dns server;

/* A listener whose queue is full: whoever connects next hangs. */
struct full {
    int listener, fillers[4];
};

static struct full fill(const char *host, unsigned port)
{
    struct full f = {.listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, host, &a.sin_addr);
    setsockopt(f.listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(f.listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f.listener, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(f.fillers); i++) {
        f.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(f.fillers[i], (struct sockaddr *)&a, sizeof(a));
    }
    usleep(10000);
    return f;
}

static void empty(struct full *f)
{
    for (size_t i = 0; i < ARRAY_LEN(f->fillers); i++)
        close(f->fillers[i]);
    close(f->listener);
}

static struct kit *new_kit(void)
{
    struct kit *k = kit_new(NULL);

    assert_true(dns_set_servers(k->w, server.where));
    return k;
}

static void test_outcomes(void **state)
{
    static const struct {
        const char *host;
        enum err code;
        const char *text;
        int at_least_ms, at_most_ms;
    } cases[] = {
        {"127.0.0.1",              ERR_NONE,             "",                                                0,   200},
        {"localhost",              ERR_NONE,             "",                                                0,   200},
        {"live.test",              ERR_NONE,             "",                                                0,   200},
        {"live.test.",             ERR_NONE,             "",                                                0,   200},
        {"::ffff:127.0.0.1",       ERR_NONE,             "",                                                0,   200},
        {"hangs-first.test",       ERR_NONE,             "",                                                240, 450},
        {"refused-first.test",     ERR_NONE,             "",                                                0,   200},
        {"six-first.test",         ERR_NONE,             "",                                                0,   200},
        {"rebind.test",            ERR_NONE,             "",                                                0,   200}, // by the address that is allowed
        {"all-hang.test",          ERR_UPSTREAM_TIMEOUT,
         "cannot connect to all-hang.test: no answer in time",                                              590, 900},
        {"silent.test",            ERR_UPSTREAM_TIMEOUT, "cannot look up silent.test: no answer in time",   590,
         900                                                                                                        },
        {"127.0.0.3",              ERR_UPSTREAM_DOWN,    "cannot connect to 127.0.0.3: connection refused", 0,   200},
        {"all-refused.test",       ERR_UPSTREAM_DOWN,
         "cannot connect to all-refused.test: connection refused",                                          0,   200},
        {"none.test",              ERR_UPSTREAM_DOWN,    "cannot look up none.test: Domain name not found", 0,   200},
        {"",                       ERR_UPSTREAM_DOWN,    "cannot connect to : not a host name and port",    0,   200},
        {".",                      ERR_UPSTREAM_DOWN,    "cannot connect to .: not a host name and port",   0,   200},
        {"169.254.169.254",        ERR_FORBIDDEN,
         "cannot connect to 169.254.169.254: the address 169.254.169.254 is not allowed here",              0,
         200                                                                                                        },
        {"metadata.test",          ERR_FORBIDDEN,        NULL,                                              0,   200},
        {"0.0.0.0",                ERR_FORBIDDEN,        NULL,                                              0,   200},
        {"::",                     ERR_FORBIDDEN,        NULL,                                              0,   200},
        {"::ffff:169.254.169.254", ERR_FORBIDDEN,        NULL,                                              0,   200},
        {"224.0.0.1",              ERR_FORBIDDEN,        NULL,                                              0,   200},
        {"fd00:ec2::254",          ERR_FORBIDDEN,        NULL,                                              0,   200},
    };
    struct kit *k = new_kit();
    struct full f = fill("127.0.0.2", k->port);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t before_ms = clock_mono_ms(), took_ms;
        struct dial_target target = {.host = slice_str(cases[i].host), .port = k->port};

        target.allow_private = true;
        target.deadline_at_ms = before_ms + 600;
        k->dialled = 0;
        k->failed = (struct err_info){0};
        k->dial = dial_open(k->w, &target, kit_on_dialled, k);
        RUN_UNTIL(k->w, k->dialled);
        took_ms = clock_mono_ms() - before_ms;
        if (k->failed.code != cases[i].code || took_ms < cases[i].at_least_ms ||
            took_ms > cases[i].at_most_ms ||
            (cases[i].text && strcmp(k->failed.text, cases[i].text) != 0))
            fail_msg("%s: %s '%s' after %d ms", cases[i].host, err_name(k->failed.code),
                     k->failed.text, (int)took_ms);
        if (k->failed.code == ERR_NONE) {
            assert_true(slice_eq(stream_peer(k->client.s), SLICE("127.0.0.1")));
            RUN_UNTIL(k->w, k->server.s);
            kit_close(&k->client, false);
            kit_close(&k->server, false);
            RUN_UNTIL(k->w, !k->client.s && !k->server.s);
        }
    }
    empty(&f);
    kit_free(k);
}

static void test_private_is_refused(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "live.test", "rebind.test",
                                        "10.0.0.1",  "::1",       "fd12::1",   "::ffff:10.1.1.1"};
    struct kit *k = new_kit();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct dial_target target = {.host = slice_str(hosts[i]), .port = k->port};

        k->dialled = 0;
        k->failed = (struct err_info){0};
        k->dial = dial_open(k->w, &target, kit_on_dialled, k);
        RUN_UNTIL(k->w, k->dialled);
        if (k->failed.code != ERR_FORBIDDEN)
            fail_msg("%s: %s", hosts[i], k->failed.text);
    }
    assert_int_equal(k->accepted, 0);
    kit_free(k);
}

/* At any moment: `done` is not called, nothing is left over, and nothing leaks. */
static void test_cancel(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",        "live.test",     "silent.test",
                                        "hangs-first.test", "all-hang.test", "none.test"};
    struct kit *k = new_kit();
    struct full f = fill("127.0.0.2", k->port);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        for (int turns = 0; turns < 6; turns++) {
            kit_dial(k, hosts[i], NULL);
            for (int turn = 0; turn < turns && !k->dialled; turn++)
                uv_run(&k->w->loop->uv, UV_RUN_NOWAIT);
            if (!k->dialled) {
                dial_cancel(k->dial);
                k->dial = NULL;
                kit_run_for(k->w, 10);
                assert_int_equal(k->dialled, 0);
            }
            if (k->client.s)
                kit_close(&k->client, false);
            kit_run_for(k->w, 5);
            if (k->server.s)
                kit_close(&k->server, false);
            kit_run_for(k->w, 5);
        }
    }
    kit_dial(k, "hangs-first.test", NULL);
    kit_run_for(k->w, 100);
    dial_cancel(k->dial); // between the first attempt and the second
    k->dial = NULL;
    kit_run_for(k->w, 300);
    assert_int_equal(k->dialled, 0);
    empty(&f);
    kit_free(k);
}

/* The deadline has passed before it begins. */
static void test_late(void **state)
{
    struct kit *k = new_kit();
    struct dial_target target = {.host = SLICE("silent.test"), .port = 1, .deadline_at_ms = 1};

    (void)state;
    k->dial = dial_open(k->w, &target, kit_on_dialled, k);
    assert_int_equal(k->dialled, 0);
    RUN_UNTIL(k->w, k->dialled);
    assert_int_equal(k->failed.code, ERR_UPSTREAM_TIMEOUT);
    kit_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_private_is_refused),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_late),
    };
    int failed;

    dns_start(&server, names, ARRAY_LEN(names));
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    dns_stop(&server);
    return failed;
}
