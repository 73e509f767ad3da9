/* redact_test.c - secrets by name, by owner and by shape; and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/array.h"
#include "wire/redact.h"

static const struct secret own_list[] = {
    {SLICE_INIT("hunter22/+x")}, {SLICE_INIT("qwertz")}, {SLICE_INIT("the")}};
static const struct redact_own own = {own_list, ARRAY_LEN(own_list)};

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool secret;
    } cases[] = {
        {"authorization",                                                        true },
        {"Proxy-Authorization",                                                  true },
        {"X-Api-Key",                                                            true },
        {"x-goog-api-key",                                                       true },
        {"api-key",                                                              true },
        {"Cookie",                                                               true },
        {"set-cookie",                                                           true },
        {"openai-insecure-api-key",                                              true },
        {"x-amz-security-token",                                                 true },
        {"x-client-secret",                                                      true },
        {"sec-websocket-protocol",                                               true },
        {"session_id",                                                           true },
        {"key",                                                                  true },
        {"access_token",                                                         true },
        {"x-a-name-that-is-longer-than-any-header-that-we-have-ever-heard-of-x", true },
        {"content-type",                                                         false},
        {"anthropic-version",                                                    false},
        {"anthropic-ratelimit-tokens-remaining",                                 false},
        {"x-ratelimit-limit-tokens",                                             false},
        {"retry-after",                                                          false},
        {"x-request-id",                                                         false},
        {"user-agent",                                                           false},
        {"",                                                                     false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (redact_is_secret_name(slice_str(cases[i].name)) != cases[i].secret)
            fail_msg("%s", cases[i].name);
    }
}

struct text_case {
    const char *why, *in, *out;
};

static void check(const struct text_case *c,
                  void (*run)(struct slice, struct redact_own, struct buf *))
{
    struct buf out = {0};

    run(slice_str(c->in), own, &out);
    if (!slice_eq(buf_peek(&out), slice_str(c->out)))
        fail_msg("%s: \"%.*s\", not \"%s\"", c->why, SLICE_ARG(buf_peek(&out)), c->out);
    buf_release(&out);
}

static const struct text_case texts[] = {
    {"nothing",                            "",                                                                     ""                              },
    {"prose",                              "Hello, world: a basic understanding of keys.",
     "Hello, world: a basic understanding of keys."                                                                                                },
    {"OpenAI",                             "key sk-proj-abcdef123456 and",                                         "key *** and"                   },
    {"twice",                              "sk-aaaaaaaa sk-bbbbbbbb",                                              "*** ***"                       },
    {"Anthropic, in JSON",                 "{\"k\":\"sk-ant-api03-xxyyzz\"}",                                      "{\"k\":\"***\"}"               },
    {"Google",                             "AIzaSyA1234567",                                                       "***"                           },
    {"ours",                               "gp-0123456789abcdefghij",                                              "***"                           },
    {"a word like ours",                   "gp-practice",                                                          "gp-practice"                   },
    {"inside a word",                      "task-something-long",                                                  "task-something-long"           },
    {"behind an escape",                   "\"a\\nsk-123456789\"",                                                 "\"a\\n***\""                   },
    {"behind an escaped quote",            "{\"a\":\"{\\\"k\\\":\\\"sk-123456789\\\"}\"}",
     "{\"a\":\"{\\\"k\\\":\\\"***\\\"}\"}"                                                                                                         },
    {"behind a code point",                "\"\\u0041sk-123456789\"",                                              "\"\\u0041***\""                },
    {"bearer",                             "authorization: Bearer abc.def/ghi+12=",                                "authorization: Bearer ***"     },
    {"basic",                              "basic dXNlcjpwYXNz",                                                   "basic ***"                     },
    {"GitHub",                             "ghp_0123456789abcdef",                                                 "***"                           },
    {"AWS",                                "AKIAIOSFODNN7EXAMPLE",                                                 "***"                           },
    {"web token",                          "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y",                        "x *** y"                       },
    {"JSON in base64 alone",               "eyJhIjoxfQ",                                                           "eyJhIjoxfQ"                    },
    {"private key",                        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
     "***-----END RSA PRIVATE KEY-----"                                                                                                            },
    {"private key, cut",                   "-----BEGIN PRIVATE KEY-----\\nMIIE",                                   "***"                           },
    {"user in a URL",                      "see https://bob:pw@host/x?y=1",                                        "see https://***@host/x?y=1"    },
    {"password with an at",                "http://bob:p@w@host",                                                  "http://***@host"               },
    {"URL without",                        "https://host/a@b",                                                     "https://host/a@b"              },
    {"named, JSON",                        "{\"api_key\": \"0123456789abcdef\", \"n\": 1}",
     "{\"api_key\": \"***\", \"n\": 1}"                                                                                                            },
    {"named, nested JSON",                 "\"{\\\"client_secret\\\":\\\"0123456789abcdef\\\"}\"",
     "\"{\\\"client_secret\\\":\\\"***\\\"}\""                                                                                                     },
    {"named, form",                        "a=1&access_token=0123456789abcdef&b=2",                                "a=1&access_token=***&b=2"      },
    {"hex behind key=",                    "key=deadbeefdeadbeefdeadbeef",                                         "key=***"                       },
    {"a number of that name",              "{\"key\": 123456789012345}",                                           "{\"key\": 123456789012345}"    },
    {"a value that begins with an escape", "{\"key\": \"\\u0041bcdef0123456\"}",
     "{\"key\": \"\\u0041bcdef0123456\"}"                                                                                                          },
    {"private key in JSON",                "{\"k\":\"-----BEGIN PRIVATE KEY-----\\nMIIE\", \"b\": 1}",
     "{\"k\":\"***\", \"b\": 1}"                                                                                                                   },
    {"counts",                             "\"max_tokens\": 1000000000000",                                        "\"max_tokens\": 1000000000000" },
    {"token of a model",                   "{\"token\":\" international\"}",                                       "{\"token\":\" international\"}"},
    {"own",                                "xxhunter22/+xyy",                                                      "xx***yy"                       },
    {"own, twice",                         "qwertzqwertz",                                                         "******"                        },
    {"own, cut at the end",                "so hunter22",                                                          "so ***"                        },
    {"own, hardly begun",                  "so hun",                                                               "so hun"                        },
    {"too short to be looked for",         "the the",                                                              "the the"                       },
    {"bytes that are no text",             "\xff\x01sk-12345678\xfe",                                              "\xff\x01***\xfe"               },
};

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check(&texts[i], redact_text);
}

/* Wherever a text is cut, nothing is read behind its end and it does not get longer but by marks. */
static void test_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t len = strlen(texts[i].in);
        for (size_t cut = 0; cut <= len; cut++) {
            char *copy = test_malloc(cut + 1);
            struct buf out = {0};
            memcpy(copy, texts[i].in, cut);
            redact_text(slice_of(copy, cut), own, &out);
            assert_true(buf_len(&out) <= cut * 3);
            assert_true(slice_find_slice(buf_peek(&out), SLICE("hunter22/+x")) == SIZE_MAX);
            buf_release(&out);
            test_free(copy);
        }
    }
}

static void test_targets(void **state)
{
    static const struct text_case cases[] = {
        {"no query",        "/v1/chat/completions",                            "/v1/chat/completions"},
        {"key",             "/v1beta/models/m:generateContent?key=AB&alt=sse",
         "/v1beta/models/m:generateContent?key=***&alt=sse"                                          },
        {"own in the path", "https://h/qwertz/x?a=b",                          "https://h/***/x?a=b" },
        {"by shape",        "/x?a=sk-123456789",                               "/x?a=***"            },
        {"empty parts",     "/x?&&a",                                          "/x?&&a"              },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i], redact_target);
}

static void test_lines(void **state)
{
    static const struct text_case cases[] = {
        {"a request",
         "POST /v1/x:y?key=a HTTP/1.1\r\nhost: h\r\nAuthorization: Bearer short\r\nx: qwertz!\r\n\r\n",
         "POST /v1/x:y?key=***\nhost: h\nAuthorization: ***\nx: ***!\n"                                                                    },
        {"an answer",      "set-cookie: a=b\r\nretry-after: 3\r\n",                                     "set-cookie: ***\nretry-after: 3\n"},
        {"no end of line", "cookie: a",                                                                 "cookie: ***\n"                    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i], redact_lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),   cmocka_unit_test(test_text),
        cmocka_unit_test(test_any_cut), cmocka_unit_test(test_targets),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
