/* scrub_test.c - an upstream's words without what belongs to the operator's account. */
#include "exchange/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "json/scan.h"

#define OWN "own+Key/0123456789"

static const struct {
    const char *in, *out;
} cases[] = {
    {"",                                                  ""                                          },
    {"nothing to hide",                                   "nothing to hide"                           },
    {OWN,                                                 "***"                                       },
    {"{\"message\":\"bad key: " OWN "\"}",                "{\"message\":\"bad key: ***\"}"            },
    {OWN " and " OWN,                                     "*** and ***"                               },
    {"key=" OWN "&x=1",                                   "key=***&x=1"                               },
    {"prefix-" OWN,                                       "prefix-***"                                }, // wherever it stands
    {OWN "tail",                                          "***tail"                                   },
    {"own+Key/012345678",                                 "own+Key/012345678"                         }, // not all of it
    {"Incorrect API key provided: sk-proj-abcdef123456.", "Incorrect API key provided: ***"           },
    {"sk-ant-api03-abcDEF_123-456",                       "***"                                       },
    {"sk-ab**********cdef",                               "***"                                       }, // as OpenAI shortens it
    {"'sk-abcdef'",                                       "'***'"                                     },
    {"\"AIzaSyA-1234567890\"",                            "\"***\""                                   },
    {"ya29.a0AfH6SMBx",                                   "***"                                       },
    {"gsk_0123456789",                                    "***"                                       },
    {"xai-0123456789",                                    "***"                                       },
    {"nvapi-0123456789",                                  "***"                                       },
    {"org-AbCdEf123",                                     "***"                                       },
    {"in organization org-AbCdEf123 on tokens",           "in organization *** on tokens"             },
    {"project proj_0123456789",                           "project ***"                               },
    {"Bearer abcdef0123456789",                           "***"                                       },
    {"bearer token required",                             "bearer token required"                     },
    {"Bearer",                                            "Bearer"                                    },
    {"sk-short",                                          "sk-short"                                  }, // a word
    {"a task-oriented disk-based risk-free thing",        "a task-oriented disk-based risk-free thing"},
    {"org-wide",                                          "org-wide"                                  },
    {"someone@example.com",                               "***"                                       },
    {"mail some.one+tag@mail.example.com now",            "mail *** now"                              },
    {"{\"a\":\"bob@x.org\"}",                             "{\"a\":\"***\"}"                           },
    {"a @ b, @name, x@",                                  "a @ b, @name, x@"                          },
    {"a@b@c",                                             "***@c"                                     },
 /* JSON's escapes are no part of a word */
    {"{\"m\":\"provided:\\nsk-proj-abcdef123456\"}",      "{\"m\":\"provided:\\n***\"}"               },
    {"{\"m\":\"provided:\\t" OWN "\"}",                   "{\"m\":\"provided:\\t***\"}"               },
    {"{\"m\":\"\\u0022sk-proj-abcdef123456\\u0022\"}",    "{\"m\":\"\\u0022***\\u0022\"}"             },
    {"C:\\sk-abcdef123456",                               "C:\\***"                                   },
    {"{\"m\":\"to:\\nbob@example.com\"}",                 "{\"m\":\"to:\\n***\"}"                     },
    {"{\"m\":\"\\u003cbob@example.com\\u003e\"}",         "{\"m\":\"\\u003c***\\u003e\"}"             },
    {"{\"m\":\"\\\\sk-proj-abcdef123456\"}",              "{\"m\":\"\\\\***\"}"                       },
};

static void test_cases(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice in = slice_str(cases[i].in);
        struct err_info e = {0};
        struct buf out = {0};

        scrub(in, secret_of(SLICE(OWN)), &out);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out))) {
            print_error("%s: %.*s\n", cases[i].in, SLICE_ARG(buf_peek(&out)));
            failed++;
        }
        if (cases[i].in[0] == '{' && json_scan(in, NULL, 0, NULL, &e) == ERR_NONE &&
            json_scan(buf_peek(&out), NULL, 0, NULL, &e) != ERR_NONE) {
            print_error("%s: no JSON any more: %.*s\n", cases[i].in, SLICE_ARG(buf_peek(&out)));
            failed++;
        }
        buf_release(&out);
    }
    assert_int_equal(failed, 0);
}

static void test_no_key_of_ours(void **state)
{
    struct buf out = {0};

    (void)state;
    buf_append_str(&out, "before ");
    scrub(SLICE("x sk-abcdef1234 y"), secret_of((struct slice){0}), &out);
    assert_true(slice_eq(buf_peek(&out), SLICE("before x *** y")));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_key_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
