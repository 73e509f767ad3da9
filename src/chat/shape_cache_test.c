/* shape_cache_test.c - marks of prompt caching, for each target. */
#include "chat/shape_test_kit.h"

static const struct kit_case cases[] = {
    {"Anthropic's own",                   A, "A claude-opus-4-8", "S['be'@1h] T[f g@1h] u['a'@5m]",
     "S['be'@1h] T[f g@1h] u['a'@5m]",                                                                                                                                                                 ""                       },
    {"OpenAI's, toward Anthropic",        R, "A claude-opus-4-8", "S['be'@12h] u['a'@30m]",
     "S['be'@1h] u['a'@5m]",                                                                                                                                                                           ""                       },
    {"Anthropic's, toward Responses",     A, "R gpt-5.6",         "S['be'@1h] u['a'@5m]",
     "S['be'@12h] u['a'@30m]",                                                                                                                                                                         ""                       },
    {"toward Chat",                       A, "C gpt-5.6",         "S['be'@1h] u['a'@5m]",                                "S['be'@30m] u['a'@30m]",                                                     ""                       },
    {"OpenAI's own",                      R, "C gpt-5.6",         "S['be'@12h] u['a'@30m]",                              "S['be'@12h] u['a'@30m]",                                                     ""                       },
    {"older models cache by themselves",  A, "R gpt-5",           "S['be'@1h] T[f@5m] u['a'@5m]",
     "S['be'] T[f] u['a']",                                                                                                                                                                            "cache_control"          },
    {"others, too",                       A, "C/compatible x",    "u['a' result(a)['b'@5m]@5m]",                         "u['a' result(a)['b']]",
     "cache_control"                                                                                                                                                                                                            },
    {"so does Gemini",                    R, "G gemini-3-pro",    "u['a'@30m]",                                          "u['a']",                                                                     "prompt_cache_breakpoint"},
    {"the last four count",               A, "A claude-opus-4-8",
     "S['a'@5m 'b'@5m] T[f@5m] u['c'@5m] a['d'] u['e'@5m]",                                                              "S['a'@5m 'b'@5m] T[f] u['c'@5m] a['d'] u['e'@5m]",                           "~cache_control"         },
    {"of many",                           A, "A claude-opus-4-8", "u['a'@5m 'b'@5m 'c'@5m 'd'@5m 'e'@5m 'f'@5m 'g'@5m]",
     "u['a' 'b' 'c' 'd'@5m 'e'@5m 'f'@5m 'g'@5m]",                                                                                                                                                     "~cache_control"         },
    {"an hour after minutes",             A, "A claude-opus-4-8", "S['a'@1h 'b'@5m] u['c'@1h]",
     "S['a'@1h 'b'@5m] u['c'@5m]",                                                                                                                                                                     "~cache_control"         },
    {"never on thoughts",                 A, "A claude-opus-4-8", "u['a'] a[raw('hm',anthropic:s)@5m 'b']",
     "u['a'@5m] a[raw('hm',anthropic:s) 'b']",                                                                                                                                                         "~cache_control"         },
    {"the longer of two",                 A, "A claude-opus-4-8", "u['a'@5m] a[raw('hm',anthropic:s)@1h 'b']",
     "u['a'@1h] a[raw('hm',anthropic:s) 'b']",                                                                                                                                                         "~cache_control"         },
    {"on calls and results",              A, "A claude-opus-4-8", "a[call(a,f)@5m] u[result(a,f)['b'@5m 'c']]",
     "a[call(a,f)@5m] u[result(a,f)['b' 'c']@5m]",                                                                                                                                                     ""                       },
    {"OpenAI: on parts of content alone", A, "R gpt-5.6",
     "T[f@5m] u['a'] a['b' call(a,f)@5m] u[result(a,f)['b' 'c']@5m result(b,f)[]@1h]",                                   "T[f] u['a'@30m] a['b' call(a,f)] u[result(a,f)['b' 'c'@12h] result(b,f)[]]", "cache_control"          },
    {"Chat's assistant has parts",        A, "C gpt-5.6",         "u['a'] a['b'@5m call(a,f)]",
     "u['a'] a['b'@30m call(a,f)]",                                                                                                                                                                    ""                       },
};

static void test_cases(void **state)
{
    (void)state;
    kit_run(cases, ARRAY_LEN(cases), shape_cache);
}

static const struct {
    const char *why, *target, *in, *out;
    enum chat_cache asked, wanted;
    bool route;
} automatic[] = {
    {"asked for",                     "A claude-opus-4-8", "u['a']",                         "u['a']",     CACHE_1H,   CACHE_1H,   false},
    {"by the route",                  "A claude-opus-4-8", "u['a']",                         "u['a']",     CACHE_NONE, CACHE_5M,   true },
    {"not beside the client's marks", "A claude-opus-4-8", "u['a'@1h]",                      "u['a'@1h]",  CACHE_NONE,
     CACHE_NONE,                                                                                                                   true },
    {"it is one of four",             "A claude-opus-4-8", "u['a'@5m 'b'@5m 'c'@5m 'd'@5m]",
     "u['a' 'b'@5m 'c'@5m 'd'@5m]",                                                                        CACHE_5M,   CACHE_5M,   false},
    {"and the last",                  "A claude-opus-4-8", "u['a'@5m]",                      "u['a'@5m]",  CACHE_1H,   CACHE_5M,   false},
    {"others do it unasked",          "R gpt-5.6",         "u['a'@5m]",                      "u['a'@30m]", CACHE_5M,   CACHE_NONE, true },
    {"all of them",                   "G gemini-3-pro",    "u['a']",                         "u['a']",     CACHE_5M,   CACHE_NONE, true },
};

static void test_automatic(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(automatic); i++) {
        struct chat_target t = kit_target(automatic[i].target);
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        print_message("%s\n", automatic[i].why);
        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_ANTHROPIC);
        kit_read(&r, automatic[i].in);
        r.auto_cache = automatic[i].asked;
        t.auto_cache = automatic[i].route;
        assert_int_equal(shape_cache(&r, &t, &e), ERR_NONE);
        assert_string_equal(kit_print(&r, &out), automatic[i].out);
        assert_int_equal(r.auto_cache, automatic[i].wanted);
        arena_release(&a);
    }
    buf_release(&out);
}

/* A tool that is not sent carries no mark. */
static void test_withheld(void **state)
{
    struct chat_target t = kit_target("A claude-opus-4-8");
    struct err_info e = {0};
    struct buf out = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_ANTHROPIC);
    kit_read(&r, "T[f g@5m] u['a']");
    list_entry(r.tools.prev, struct chat_tool, link)->withheld = true;
    assert_int_equal(shape_cache(&r, &t, &e), ERR_NONE);
    assert_string_equal(kit_print(&r, &out), "T[f@5m g] u['a']");
    arena_release(&a);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_automatic),
        cmocka_unit_test(test_withheld),
    };
    return cmocka_run_group_tests_name("shape_cache", tests, NULL, NULL);
}
