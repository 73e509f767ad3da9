/* ops_test.c - what machines ask, over a real server. */
#include "admin/ops.h"

#include "http/test_kit.h"

struct fixture {
    struct ops ops;
    bool ready, others; // others: a path that is not one of these was asked for
};

static bool is_ready(void *ctx)
{
    return ((struct fixture *)ctx)->ready;
}

static void write_metrics(void *ctx, struct buf *out)
{
    (void)ctx;
    buf_append_str(out, "gproxy_up 1\n");
}

static bool is_admin(void *ctx, const struct head *head)
{
    (void)ctx;
    (void)head;
    return false; // nobody: loopback needs no key
}

static void on_request(void *ctx, struct http_request *r, const struct head *head)
{
    struct fixture *f = ctx;

    if (ops_answer(&f->ops, r, head))
        return;
    f->others = true;
    response_send(r, 404, (struct slice){0}, (struct slice){0});
}

static void on_refuse(void *ctx, struct http_request *r, const struct err_info *e)
{
    (void)ctx;
    response_send(r, err_http_status(e->code), (struct slice){0}, (struct slice){0});
}

static const struct {
    const char *method, *target;
    bool ready;
    int status; // 404: not one of these
    const char *type, *body;
} cases[] = {
    {"GET",    "/healthz",    true,  200, "application/json",          "{\"status\":\"ok\"}"                     },
    {"GET",    "/healthz",    false, 200, "application/json",          "{\"status\":\"ok\"}"                     },
    {"HEAD",   "/healthz",    true,  200, "application/json",          ""                                        },
    {"GET",    "/healthz?x=", true,  200, "application/json",          "{\"status\":\"ok\"}"                     },
    {"GET",    "/readyz",     true,  200, "application/json",          "{\"status\":\"ready\"}"                  },
    {"GET",    "/readyz",     false, 503, "application/json",          "{\"status\":\"not ready\"}"              },
    {"GET",    "/version",    true,  200, "application/json",
     "{\"name\":\"gproxy\",\"version\":\"1.2.3\"}"                                                               },
    {"GET",    "/metrics",    true,  200, "text/plain; version=0.0.4", "gproxy_up 1\n"                           },
    {"HEAD",   "/metrics",    true,  200, "text/plain; version=0.0.4", ""                                        },
    {"POST",   "/healthz",    true,  405, "application/json",          "{\"error\":\"this path takes GET only\"}"},
    {"DELETE", "/metrics",    true,  405, "application/json",
     "{\"error\":\"this path takes GET only\"}"                                                                  },
    {"GET",    "/healthz/",   true,  404, NULL,                        ""                                        },
    {"GET",    "/health",     true,  404, NULL,                        ""                                        },
    {"GET",    "/",           true,  404, NULL,                        ""                                        },
    {"GET",    "/Metrics",    true,  404, NULL,                        ""                                        },
};

static void test_answers(void **state)
{
    struct fixture f = {
        .ops = {"1.2.3", is_ready, write_metrics, is_admin, &f}
    };
    struct worker *w = worker_new(0);
    struct http_server *server =
        http_server_new(w, &http_server_defaults, (struct http_handler){on_request, on_refuse, &f});
    struct err_info e = {0};
    struct listener_socket *l =
        listener_open(w, "127.0.0.1", 0, NULL, http_server_accept, server, &e);

    (void)state;
    alarm(60);
    assert_non_null(l);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[128];
        struct head head;
        struct far c;
        size_t end;

        f.ready = cases[i].ready;
        f.others = false;
        snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
                 cases[i].method, cases[i].target);
        far_connect(&c, listener_port(l));
        far_send(&c, slice_str(request));
        RUN_UNTIL(w, far_is_over(&c));
        end = head_end(buf_peek(&c.got), 0);
        assert_true(end != SIZE_MAX);
        assert_int_equal(head_parse_response(slice_sub(buf_peek(&c.got), 0, end), &head, &e),
                         ERR_NONE);
        if (head.status != cases[i].status ||
            !slice_eq(slice_after(buf_peek(&c.got), end), slice_str(cases[i].body)) ||
            !slice_starts(head_value(&head, HEAD_CONTENT_TYPE), slice_str(cases[i].type)))
            fail_msg("%s %s: %.*s", cases[i].method, cases[i].target, SLICE_ARG(buf_peek(&c.got)));
        assert_int_equal(f.others, cases[i].status == 404);
        assert_int_equal(head.status == 405, head_get(&head, HEAD_ALLOW) != NULL);
        far_free(&c);
        RUN_UNTIL(w, http_server_connections(server) == 0);
    }
    listener_close(l);
    kit_end(w);
    http_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
