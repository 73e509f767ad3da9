/* openai_shared_test.c - what Chat Completions and Responses have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/openai_shared.h"
#include "chat/usage_read.h"

#define TEST(i, cr, w5, w30, w1, w12, ai, ii, out, rea, ao, io) \
    {                                                           \
        {                                                       \
            i, cr, w5, w30, w1, w12, ai, ii, out, rea, ao, io   \
        }                                                       \
    }

/* What is written is read back; 5m and 1h are no times of OpenAI's and come back as 30m. */
static const struct chat_usage usages[] = {
    TEST(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    TEST(9, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0),
    TEST(10, 2000, 0, 500, 0, 0, 0, 0, 3, 2, 0, 0),
    TEST(1, 2, 0, 3, 0, 4, 5, 6, 7, 7, 8, 9),
    TEST(((int64_t)1 << 50), ((int64_t)1 << 50), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
};

static void test_usage_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        for (int responses = 0; responses < 2; responses++) {
            struct buf out = {0};
            struct json_writer w = {.out = &out};
            struct chat_usage again = {
                {1, 1, 1}
            };

            if (responses)
                openai_responses_usage_write(&w, &usages[i]);
            else
                openai_chat_usage_write(&w, &usages[i]);
            assert_true(usage_read_openai(buf_peek(&out), &again));
            for (size_t kind = 0; kind < USAGE_KIND_COUNT; kind++) {
                if (again.tokens[kind] != usages[i].tokens[kind])
                    fail_msg("%zu: %s in %.*s", i, usage_kind_name((enum usage_kind)kind),
                             SLICE_ARG(buf_peek(&out)));
            }
            buf_release(&out);
        }
    }
}

static void test_usage_text(void **state)
{
    struct chat_usage u = TEST(10, 2000, 200, 300, 0, 0, 0, 0, 3, 1, 0, 0);
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    (void)state;
    openai_chat_usage_write(&w, &u);
    assert_true(slice_eq(
        buf_peek(&out),
        SLICE("{\"prompt_tokens\":2510,\"completion_tokens\":3,\"total_tokens\":2513,"
              "\"prompt_tokens_details\":{\"cached_tokens\":2000,\"cache_write_tokens\":500},"
              "\"completion_tokens_details\":{\"reasoning_tokens\":1}}")));
    buf_clear(&out);
    w.comma = false;
    openai_responses_usage_write(&w, &u);
    assert_true(slice_eq(
        buf_peek(&out),
        SLICE("{\"input_tokens\":2510,"
              "\"input_tokens_details\":{\"cached_tokens\":2000,\"cache_write_tokens\":500},"
              "\"output_tokens\":3,\"output_tokens_details\":{\"reasoning_tokens\":1},"
              "\"total_tokens\":2513}")));
    buf_release(&out);
}

static const struct {
    const char *error;
    enum err code;
    const char *message;
} errors[] = {
    {"{\"message\":\"Slow\",\"code\":\"rate_limit_exceeded\"}",                               ERR_UPSTREAM_BUSY,    "Slow"       },
    {"{\"type\":\"insufficient_quota\",\"code\":null}",                                       ERR_UPSTREAM_BILLING, ""           },
    {"{\"message\":\"Overloaded.\",\"type\":\"server_error\",\"code\":\"overloaded\"}",
     ERR_UPSTREAM_FULL,                                                                                             "Overloaded."},
    {"{\"message\":\"long\",\"type\":\"invalid_request_error\","
     "\"code\":\"context_length_exceeded\"}",                                            ERR_CONTEXT_LENGTH,   "long"       },
    {"{\"message\":\"key\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}",
     ERR_UPSTREAM_KEY,                                                                                              "key"        },
    {"{\"code\":429,\"message\":\"a\\u00e9\"}",                                               ERR_UPSTREAM_BUSY,    "a\xc3\xa9"  },
    {"{\"code\":503}",                                                                        ERR_UPSTREAM_FULL,    ""           },
    {"{\"code\":502}",                                                                        ERR_UPSTREAM_FAILED,  ""           },
    {"{\"code\":1e999}",                                                                      ERR_UPSTREAM_FAILED,  ""           },
    {"{\"message\":{\"x\":1},\"code\":[],\"type\":7}",                                        ERR_UPSTREAM_FAILED,  ""           },
    {"\"all of it\"",                                                                         ERR_UPSTREAM_FAILED,  "all of it"  },
    {"true",                                                                                  ERR_UPSTREAM_FAILED,  ""           },
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct buf message = {0};
        enum err code = openai_error_read(slice_str(errors[i].error), &message);

        if (code != errors[i].code || !slice_eq(buf_peek(&message), slice_str(errors[i].message)))
            fail_msg("%s: %s %.*s", errors[i].error, err_name(code), SLICE_ARG(buf_peek(&message)));
        buf_release(&message);
    }
    assert_true(openai_error_is_none(SLICE("null")));
    assert_false(openai_error_is_none(SLICE("{}")));
}

static void test_tiers(void **state)
{
    (void)state;
    for (int tier = TIER_AUTO; tier <= TIER_SCALE; tier++) {
        const char *name = openai_tier_name((enum chat_tier)tier);
        assert_int_equal(openai_tier_parse(slice_str(name)), tier);
    }
    assert_int_equal(openai_tier_parse(SLICE("fast")), TIER_PRIORITY);
    assert_int_equal(openai_tier_parse(SLICE("bulk")), TIER_UNSET);
    assert_null(openai_tier_name(TIER_UNSET));
}

static const struct {
    const char *json;
    enum chat_cache breakpoint, control;
} marks[] = {
    {"{\"mode\":\"explicit\"}",                 CACHE_30M,  CACHE_5M  },
    {"{\"mode\":\"explicit\",\"ttl\":\"12h\"}", CACHE_12H,  CACHE_5M  },
    {"{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", CACHE_30M,  CACHE_1H  },
    {"{\"ttl\":7}",                             CACHE_30M,  CACHE_5M  },
    {"null",                                    CACHE_NONE, CACHE_NONE},
    {"true",                                    CACHE_NONE, CACHE_NONE},
};

static void test_marks(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        struct err_info e = {0};
        struct json *mark;

        assert_int_equal(json_parse(&a, slice_str(marks[i].json), &mark, &e), ERR_NONE);
        assert_int_equal(openai_breakpoint_read(mark), marks[i].breakpoint);
        assert_int_equal(openai_cache_control_read(mark), marks[i].control);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_usage_comes_back),
        cmocka_unit_test(test_usage_text),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
