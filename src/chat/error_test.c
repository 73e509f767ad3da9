/* error_test.c - errors in the words of each dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/error.h"
#include "json/scan.h"

#define ID "0193-id"

/* The table of protocols/mapping.md, 5, and what spec.md decides above it. */
static const struct {
    enum err code;
    int openai, anthropic, gemini;
} statuses[] = {
    {ERR_BAD_REQUEST,      400, 400, 400},
    {ERR_BAD_KEY,          401, 401, 401},
    {ERR_QUOTA,            402, 402, 402},
    {ERR_FORBIDDEN,        403, 403, 403},
    {ERR_NOT_FOUND,        404, 404, 404},
    {ERR_MODEL_NOT_FOUND,  404, 404, 404},
    {ERR_CONFLICT,         409, 409, 409},
    {ERR_TOO_LARGE,        413, 413, 400},
    {ERR_RATE_LIMIT,       429, 429, 429},
    {ERR_INTERNAL,         500, 500, 500},
    {ERR_UNSUPPORTED,      501, 501, 501},
    {ERR_OVERLOADED,       503, 529, 503},
    {ERR_NO_CANDIDATE,     503, 529, 503},
    {ERR_LEDGER_FULL,      503, 529, 503},
    {ERR_UPSTREAM_KEY,     502, 502, 502},
    {ERR_UPSTREAM_BILLING, 502, 502, 502},
    {ERR_UPSTREAM_BUSY,    429, 429, 429},
    {ERR_UPSTREAM_DOWN,    502, 500, 500},
    {ERR_UPSTREAM_FAILED,  502, 500, 500},
    {ERR_UPSTREAM_TIMEOUT, 504, 504, 504},
    {ERR_UPSTREAM_FULL,    503, 529, 503},
    {ERR_NO_THREADS,       400, 400, 400},
    {ERR_UPSTREAM_REFUSED, 400, 400, 400},
    {ERR_CONTEXT_LENGTH,   400, 400, 400},
};

static void test_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        enum err code = statuses[i].code;

        assert_int_equal(error_status(DIALECT_OPENAI_CHAT, code), statuses[i].openai);
        assert_int_equal(error_status(DIALECT_OPENAI_RESPONSES, code), statuses[i].openai);
        assert_int_equal(error_status(DIALECT_OPENAI, code), statuses[i].openai);
        assert_int_equal(error_status(DIALECT_ANTHROPIC, code), statuses[i].anthropic);
        assert_int_equal(error_status(DIALECT_GEMINI, code), statuses[i].gemini);
    }
}

static const struct {
    enum dialect dialect;
    enum framing framing;
    enum err code;
    int retry_after_ms;
    const char *text, *body;
} bodies[] = {
    {DIALECT_OPENAI_CHAT,      FRAMING_BODY,  ERR_BAD_REQUEST,    0,    "a \"b\"",
     "{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"invalid_request_error\",\"param\":null,"
     "\"code\":null}}"                                                                           },
    {DIALECT_ANTHROPIC,        FRAMING_BODY,  ERR_CONTEXT_LENGTH, 0,    "maximum context length",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
     "\"prompt is too long: maximum context length\"},\"request_id\":\"" ID "\"}"                },
    {DIALECT_ANTHROPIC,        FRAMING_BODY,  ERR_CONTEXT_LENGTH, 0,    "prompt is too long: 3 > 2",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
     "\"prompt is too long: 3 > 2\"},\"request_id\":\"" ID "\"}"                                 },
    {DIALECT_OPENAI_RESPONSES, FRAMING_SSE,   ERR_RATE_LIMIT,     7000, "slow",
     "{\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\",\"param\":null,"
     "\"code\":\"rate_limit_exceeded\"}}"                                                        },
    {DIALECT_OPENAI,           FRAMING_BODY,  ERR_QUOTA,          0,    "",
     "{\"error\":{\"message\":\"the quota is used up; ask the administrator to raise it, or wait "
     "for its next period\",\"type\":\"insufficient_quota\",\"param\":null,"
     "\"code\":\"quota_exceeded\"}}"                                                             },
    {DIALECT_OPENAI_CHAT,      FRAMING_BODY,  ERR_UPSTREAM_KEY,   0,    "x",
     "{\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"param\":null,"
     "\"code\":\"upstream_error\"}}"                                                             },
    {DIALECT_ANTHROPIC,        FRAMING_BODY,  ERR_OVERLOADED,     0,    "x",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"},"
     "\"request_id\":\"" ID "\"}"                                                                },
    {DIALECT_ANTHROPIC,        FRAMING_BODY,  ERR_QUOTA,          0,    "x",
     "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"x\",\"details\":"
     "{\"error_code\":\"quota_exceeded\"}},\"request_id\":\"" ID "\"}"                           },
    {DIALECT_ANTHROPIC,        FRAMING_BODY,  ERR_NO_THREADS,     0,    "x",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x\","
     "\"details\":{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}},"
     "\"request_id\":\"" ID "\"}"                                                                },
    {DIALECT_GEMINI,           FRAMING_BODY,  ERR_BAD_KEY,        0,    "x",
     "{\"error\":{\"code\":401,\"message\":\"x\",\"status\":\"UNAUTHENTICATED\",\"details\":[]}}"},
    {DIALECT_GEMINI,           FRAMING_ARRAY, ERR_RATE_LIMIT,     6001, "x",
     "[{\"error\":{\"code\":429,\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":["
     "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"7s\"}]}}]"        },
};

static struct err_info error_of(enum err code, int retry_after_ms, const char *text)
{
    struct err_info e = {.code = code, .retry_after_ms = retry_after_ms};

    snprintf(e.text, sizeof(e.text), "%s", text);
    return e;
}

static void test_body(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct err_info e = error_of(bodies[i].code, bodies[i].retry_after_ms, bodies[i].text);

        buf_clear(&out);
        error_write_body(bodies[i].dialect, bodies[i].framing, &e, SLICE(ID), &out);
        buf_append_byte(&out, '\0');
        assert_string_equal(buf_peek(&out).ptr, bodies[i].body);
    }
    buf_release(&out);
}

#define CHAT_ERROR \
    "{\"message\":\"x\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_error\"}"

static const struct {
    enum dialect dialect;
    enum framing framing;
    bool first;
    const char *bytes;
} streams[] = {
    {DIALECT_OPENAI_CHAT,      FRAMING_SSE,   false, "data: {\"error\":" CHAT_ERROR "}\n\n" },
    {DIALECT_OPENAI_RESPONSES, FRAMING_SSE,   false,
     "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,\"code\":\"upstream_error\","
     "\"message\":\"x\",\"param\":null,\"error\":" CHAT_ERROR "}\n\n"                       },
    {DIALECT_ANTHROPIC,        FRAMING_SSE,   false,
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"},"
     "\"request_id\":\"" ID "\"}\n\n"                                                       },
    {DIALECT_GEMINI,           FRAMING_SSE,   false,
     "data: {\"error\":{\"code\":500,\"message\":\"x\",\"status\":\"INTERNAL\",\"details\":[]}}"
     "\n\n"                                                                                 },
    {DIALECT_GEMINI,           FRAMING_ARRAY, false,
     ",{\"error\":{\"code\":500,\"message\":\"x\",\"status\":\"INTERNAL\",\"details\":[]}}]"},
    {DIALECT_GEMINI,           FRAMING_ARRAY, true,
     "[{\"error\":{\"code\":500,\"message\":\"x\",\"status\":\"INTERNAL\",\"details\":[]}}]"},
    {DIALECT_OPENAI_CHAT,      FRAMING_BODY,  false, ""                                     },
};

static void test_stream(void **state)
{
    struct err_info e = error_of(ERR_UPSTREAM_DOWN, 0, "x");
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        buf_clear(&out);
        error_write_stream(streams[i].dialect, streams[i].framing, &e, SLICE(ID), streams[i].first,
                           &out);
        buf_append_byte(&out, '\0');
        assert_string_equal(buf_peek(&out).ptr, streams[i].bytes);
    }
    buf_release(&out);
}

/* Every code has words in every dialect, and whatever text comes along, it stays JSON. */
static void test_every_code(void **state)
{
    static const char *const texts[] = {"", "plain", "cut in half \xc3",
                                        "line\nand \x01 \"quote\\"};
    struct buf out = {0};

    (void)state;
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        for (int d = 0; d < DIALECT_COUNT; d++)
            for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
                struct err_info e = error_of((enum err)code, 0, texts[t]), bad = {0};
                const struct json_want wants[] = {
                    {{"error", 5}, true}
                };
                struct json_span error;

                buf_clear(&out);
                error_write_body((enum dialect)d, FRAMING_BODY, &e, slice_str(ID), &out);
                assert_int_equal(json_scan(buf_peek(&out), wants, 1, &error, &bad), ERR_NONE);
                assert_true(error.end > error.start);
                assert_true(error_status((enum dialect)d, (enum err)code) >= 400);
                assert_int_equal(slice_find_slice(buf_peek(&out), slice_str("\"type\":null")),
                                 SIZE_MAX);
            }
    buf_release(&out);
}

static void test_names(void **state)
{
    enum dialect d;

    (void)state;
    for (int i = 0; i < DIALECT_COUNT; i++) {
        assert_true(dialect_parse(slice_str(dialect_name((enum dialect)i)), &d));
        assert_int_equal(d, i);
    }
    assert_false(dialect_parse(SLICE("openai_chat "), &d));
    assert_false(dialect_parse(SLICE(""), &d));
    for (int i = 0; i < OP_COUNT; i++)
        assert_non_null(operation_name((enum operation)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status), cmocka_unit_test(test_body),
        cmocka_unit_test(test_stream), cmocka_unit_test(test_every_code),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
