/* dns_test.c - names to addresses: what is asked, kept, shared and forgotten. */
#include "loop/dns.h"

#include "base/array.h"
#include "loop/test_dns.h"
#include "loop/test_kit.h"

static const struct test_name names[] = {
    {"one.test",    {"192.0.2.1"},                                            300, false},
    {"both.test",   {"2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3"}, 300, false},
    {"six.test",    {"2001:db8::6"},                                          300, false},
    {"brief.test",  {"192.0.2.9"},                                            0,   false},
    {"empty.test",  {NULL},                                                   300, false},
    {"*.many.test", {"192.0.2.7"},                                            300, false},
    {"silent.test", {NULL},                                                   300, true },
};

static struct test_dns server;

struct answer {
    unsigned calls;
    char text[256], why[128];
};

static void on_done(void *ctx, const struct address *list, size_t count, const char *why)
{
    struct answer *a = ctx;
    size_t len = 0;

    a->calls++;
    a->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char text[ADDRESS_TEXT_BYTES];
        address_format(&list[i], text);
        len += (size_t)snprintf(a->text + len, sizeof(a->text) - len, "%s%s", i ? " " : "", text);
    }
    snprintf(a->why, sizeof(a->why), "%s", count ? "" : why);
}

static struct worker *new_worker(void)
{
    struct worker *w = worker_new(0);

    alarm(60);
    assert_true(dns_set_servers(w, server.where));
    server.questions = 0;
    return w;
}

static bool has(const struct answer *a, const char *address)
{
    return strstr(a->text, address) != NULL;
}

static void test_answers(void **state)
{
    static const struct {
        const char *host, *one, *another, *why;
    } cases[] = {
        {"one.test",   "192.0.2.1",   "",          ""                                       },
        {"both.test",  "2001:db8::2", "192.0.2.3", ""                                       },
        {"six.test",   "2001:db8::6", "",          ""                                       },
        {"ONE.test",   "192.0.2.1",   "",          ""                                       },
        {"none.test",  "",            "",          "Domain name not found"                  },
        {"empty.test", "",            "",          "DNS server returned answer with no data"},
    };
    struct worker *w = new_worker();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = {0};

        assert_non_null(dns_ask(w, slice_str(cases[i].host), on_done, &a));
        assert_int_equal(a.calls, 0); // never from inside the call
        RUN_UNTIL(w, a.calls);
        if (!has(&a, cases[i].one) || !has(&a, cases[i].another) ||
            strcmp(a.why, cases[i].why) != 0)
            fail_msg("%s: [%s] %s", cases[i].host, a.text, a.why);
        assert_int_equal(a.calls, 1);
    }
    kit_end(w);
}

static void test_literals_and_localhost(void **state)
{
    static const struct {
        const char *host, *first;
        size_t count;
    } cases[] = {
        {"127.0.0.1",     "127.0.0.1",   1},
        {"2001:db8::1",   "2001:db8::1", 1},
        {"localhost",     "127.0.0.1",   2},
        {"LocalHost.",    "127.0.0.1",   2},
        {"api.localhost", "127.0.0.1",   2},
        {"notlocalhost",  "",            0},
        {"one.test",      "",            0},
        {"",              "",            0},
    };
    struct worker *w = worker_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address list[DNS_ADDRESSES_MAX];
        char text[ADDRESS_TEXT_BYTES] = "";
        size_t count = dns_peek(w, slice_str(cases[i].host), list);

        if (count)
            address_format(&list[0], text);
        if (count != cases[i].count || strcmp(text, cases[i].first) != 0)
            fail_msg("%s: %zu %s", cases[i].host, count, text);
    }
    assert_null(w->loop->dns); // nothing was asked, nothing was made
    kit_end(w);
}

static void test_cache(void **state)
{
    struct address list[DNS_ADDRESSES_MAX];
    struct worker *w = new_worker();
    struct answer a = {0};

    (void)state;
    dns_ask(w, SLICE("one.test"), on_done, &a);
    RUN_UNTIL(w, a.calls == 1);
    assert_int_equal(server.questions, 1);
    assert_int_equal(dns_peek(w, SLICE("one.test"), list), 1);
    assert_int_equal(address_port(&list[0]), 0);
    w->now_ms += 59000;
    assert_int_equal(dns_peek(w, SLICE("one.test"), list), 1);
    w->now_ms += 1001; // a minute at most, whatever the TTL
    assert_int_equal(dns_peek(w, SLICE("one.test"), list), 0);
    dns_ask(w, SLICE("one.test"), on_done, &a);
    RUN_UNTIL(w, a.calls == 2);
    assert_int_equal(server.questions, 2);

    dns_ask(w, SLICE("brief.test"), on_done, &a);
    RUN_UNTIL(w, a.calls == 3);
    assert_int_equal(dns_peek(w, SLICE("brief.test"), list), 1);
    w->now_ms += 1001; // TTL 0 counts as a second
    assert_int_equal(dns_peek(w, SLICE("brief.test"), list), 0);

    dns_ask(w, SLICE("none.test"), on_done, &a);
    RUN_UNTIL(w, a.calls == 4);
    assert_int_equal(dns_peek(w, SLICE("none.test"), list), 0);
    kit_end(w);
}

static void test_shared_question(void **state)
{
    struct worker *w = new_worker();
    struct answer answers[5] = {0};
    struct dns_query *late[3];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        dns_ask(w, SLICE("one.test"), on_done, &answers[i]);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        RUN_UNTIL(w, answers[i].calls == 1);
        assert_string_equal(answers[i].text, "192.0.2.1");
    }
    assert_int_equal(server.questions, 1);
    for (size_t i = 0; i < ARRAY_LEN(late); i++) { // who comes later joins too
        late[i] = dns_ask(w, SLICE("silent.test"), on_done, &answers[i]);
        kit_run_for(w, 30);
    }
    assert_int_equal(server.questions, 2);
    for (size_t i = 0; i < ARRAY_LEN(late); i++)
        dns_cancel(late[i]);
    kit_end(w);
}

static struct {
    struct worker *w;
    struct dns_query *other;
    struct answer again;
} chain;

static void ask_again(void *ctx, const struct address *list, size_t count, const char *why)
{
    on_done(ctx, list, count, why);
    dns_cancel(chain.other);
    dns_ask(chain.w, SLICE("none.test"), on_done, &chain.again);
}

/* One who is told asks again, and takes back another's question. */
static void test_callback_changes_things(void **state)
{
    struct answer a = {0}, b = {0};

    (void)state;
    chain.w = new_worker();
    dns_ask(chain.w, SLICE("none.test"), ask_again, &a);
    chain.other = dns_ask(chain.w, SLICE("none.test"), on_done, &b);
    RUN_UNTIL(chain.w, chain.again.calls);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(chain.again.calls, 1);
    kit_end(chain.w);
}

static void test_cancel(void **state)
{
    struct worker *w = new_worker();
    struct answer a = {0};
    struct dns_query *q = dns_ask(w, SLICE("one.test"), on_done, &a);

    (void)state;
    dns_cancel(q); // before it was asked
    q = dns_ask(w, SLICE("silent.test"), on_done, &a);
    kit_run_for(w, 50);
    dns_cancel(q);
    kit_run_for(w, 20);
    assert_int_equal(a.calls, 0);
    kit_end(w); // does not wait for the server
}

static void test_not_names(void **state)
{
    struct worker *w = new_worker();
    char longest[300];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_null(dns_ask(w, SLICE(""), on_done, NULL));
    assert_null(dns_ask(w, SLICE("a\0b"), on_done, NULL));
    assert_null(dns_ask(w, slice_of(longest, sizeof(longest)), on_done, NULL));
    assert_false(dns_set_servers(w, "nonsense"));
    kit_end(w);
}

/* Many names: the cache stays bounded, and still works. */
static void test_bounded(void **state)
{
    struct address list[DNS_ADDRESSES_MAX];
    struct worker *w = new_worker();
    struct answer a = {0};
    unsigned known = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.many.test", i);
        dns_ask(w, slice_str(name), on_done, &a);
        if (i % 50 == 49)
            RUN_UNTIL(w, a.calls == i + 1);
    }
    for (unsigned i = 0; i < 3000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.many.test", i);
        known += dns_peek(w, slice_str(name), list) == 1;
    }
    assert_in_range(known, 100, 1100);
    assert_int_equal(dns_peek(w, SLICE("n2999.many.test"), list), 1);
    kit_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_literals_and_localhost),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_shared_question),
        cmocka_unit_test(test_callback_changes_things),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_not_names),
        cmocka_unit_test(test_bounded),
    };
    int failed;

    dns_start(&server, names, ARRAY_LEN(names));
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    dns_stop(&server);
    return failed;
}
