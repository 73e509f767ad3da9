/* error_read_test.c - what upstreams say when they fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/error_read.h"
#include "wire/sse.h"
#include "json/tree.h"

static const struct {
    enum dialect upstream;
    int http_status;
    const char *body;
    enum err kind;
    int retry_after_ms;
    const char *message, *type, *code;
} cases[] = {
#define CASE(upstream, status, body, kind, retry, message, type, code) \
    {DIALECT_##upstream, status, body, ERR_##kind, retry, message, type, code},
#include "chat/error_read_test.def"
#undef CASE
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct upstream_error e;

        error_read(cases[i].upstream, cases[i].http_status, slice_str(cases[i].body), &e);
        if (e.kind != cases[i].kind || e.retry_after_ms != cases[i].retry_after_ms ||
            strcmp(e.message, cases[i].message) != 0 || strcmp(e.type, cases[i].type) != 0 ||
            strcmp(e.code, cases[i].code) != 0)
            fail_msg("%s: %s %d ms, '%s' '%s' '%s'", cases[i].body, err_name(e.kind),
                     (int)e.retry_after_ms, e.message, e.type, e.code);
    }
}

static struct json *read_fixture(struct arena *a, const char *name, enum dialect d)
{
    static const char *const dialects[] = {"chat", "responses", "anthropic", "gemini"};
    struct buf text = {0};
    struct err_info e = {0};
    struct json *v;
    char path[512];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s.%s.json", SOURCE_ROOT, name,
             dialects[d]);
    file = fopen(path, "rb");
    assert_non_null(file);
    while ((len = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        buf_grew(&text, len);
    fclose(file);
    assert_int_equal(json_parse(a, arena_dup(a, buf_peek(&text)), &v, &e), ERR_NONE);
    buf_release(&text);
    return v;
}

/* Fixture 13: a whole answer. */
static void test_error_fixture(void **state)
{
    (void)state;
    for (int d = 0; d <= DIALECT_GEMINI; d++) {
        struct upstream_error e;
        struct arena a;
        struct json *response;

        arena_init(&a, 0);
        response = json_member(read_fixture(&a, "13-error", (enum dialect)d), SLICE("response"));
        error_read((enum dialect)d, 429, json_member(response, SLICE("body"))->source, &e);
        assert_int_equal(e.kind, ERR_UPSTREAM_BUSY);
        assert_string_equal(e.message, "Rate limit reached.");
        assert_int_equal(e.retry_after_ms, d == DIALECT_GEMINI ? 7000 : 0);
        arena_release(&a);
    }
}

/* Fixture 14: the last event of a stream. */
static void test_stream_fixture(void **state)
{
    (void)state;
    for (int d = 0; d <= DIALECT_GEMINI; d++) {
        struct sse_cutter cutter = {0};
        struct sse_event event;
        struct upstream_error e = {0};
        struct slice text;
        struct arena a;
        struct json *stream;

        arena_init(&a, 0);
        stream = json_member(read_fixture(&a, "14-stream-error", (enum dialect)d), SLICE("stream"));
        text = json_str(&a, json_member(stream, SLICE("text")));
        while (sse_next(&cutter, text, &event) == SSE_EVENT) {
            error_read((enum dialect)d, 200, event.data, &e);
            text = slice_after(text, event.raw.len);
        }
        if (e.kind != ERR_UPSTREAM_FULL && e.kind != ERR_UPSTREAM_FAILED)
            fail_msg("%s: %s", dialect_name((enum dialect)d), err_name(e.kind));
        assert_string_equal(e.message, "Overloaded.");
        sse_cutter_release(&cutter);
        arena_release(&a);
    }
}

static void test_daily(void **state)
{
    struct upstream_error e;

    (void)state;
    error_read(
        DIALECT_GEMINI, 429,
        SLICE("[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\","
              "\"details\":[{\"violations\":[{\"quotaId\":\"RequestsPerDayPerModel\"}]},"
              "{\"retryDelay\":\"1.25s\"}]}}]"),
        &e);
    assert_true(e.daily);
    assert_int_equal(e.retry_after_ms, 1250);
    error_read(DIALECT_GEMINI, 429, SLICE("{}"), &e);
    assert_false(e.daily);
}

/* A message is cut where a character ends, and stays one line. */
static void test_long_message(void **state)
{
    struct buf body = {0};
    struct upstream_error e;
    size_t len;

    (void)state;
    buf_append(&body, SLICE("{\"error\":{\"message\":\"a\\n\\u0000"));
    for (int i = 0; i < 2000; i++)
        buf_append(&body, SLICE("\xe2\x82\xac"));
    buf_append(&body, SLICE("\",\"param\":\"messages[1]\"}}"));
    error_read(DIALECT_OPENAI_CHAT, 400, buf_peek(&body), &e);
    len = strlen(e.message);
    assert_memory_equal(e.message, "a  \xe2", 4);
    assert_true(len > sizeof(e.message) - 4 && (len - 3) % 3 == 0);
    assert_string_equal(e.param, "messages[1]");
    buf_release(&body);
}

/* Any bytes are some error, and never none. */
static void test_any_bytes(void **state)
{
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "[]",
        "[[]]",
        "{\"error\":null}",
        "{\"error\":[1]}",
        "\xff\xfe",
        "{\"error\":{\"message\":{},\"code\":[],\"type\":1e999,\"details\":[1,{\"violations\":2}]}}",
        "{\"error\":{\"code\":99999999999999999999}}",
        "{\"response\":7}"};
    static const int statuses[] = {-1, 0, 200, 302, 400, 499, 500, 599, 600};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (size_t s = 0; s < ARRAY_LEN(statuses); s++)
            for (int d = 0; d < DIALECT_COUNT; d++) {
                struct upstream_error e;
                error_read((enum dialect)d, statuses[s], slice_str(bodies[i]), &e);
                assert_int_not_equal(e.kind, ERR_NONE);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),         cmocka_unit_test(test_error_fixture),
        cmocka_unit_test(test_stream_fixture), cmocka_unit_test(test_daily),
        cmocka_unit_test(test_long_message),   cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
