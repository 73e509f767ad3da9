/* shape_turns_test.c - how conversations begin, alternate and end, for each target. */
#include "chat/shape_test_kit.h"

#define NEXT           "Continue from exactly where the previous assistant message stopped."
#define REMINDER(text) "'<system-reminder>" text "</system-reminder>'"

static const struct kit_case cleaning[] = {
    {"nothing to do",                          C, "A claude-opus-4-8", "S['be'] u['a'] a['b'] u['c']",
     "S['be'] u['a'] a['b'] u['c']",                                                                                                                                                                   ""         },
    {"empty texts go",                         C, "A claude-opus-4-8", "S['' 'be'] u['a' ''] a['' 'b'] u['c']",
     "S['be'] u['a'] a['b'] u['c']",                                                                                                                                                                   ""         },
    {"so do turns of them",                    C, "G gemini-3-pro",    "u['a'] a[''] u['b'] a[] u['' '']",               "u['a' 'b']",
     ""                                                                                                                                                                                                           },
    {"OpenAI's user may say nothing",          A, "C gpt-5",           "u['' ''] a['' ''] u['']",                        "u[''] u['']",                                                                ""         },
    {"Anthropic refuses white space",          C, "A claude-opus-4-8",
     "u[\" \\n\\t\" 'a'] a[\"\\\\n\"] u['b']",                                                                           "u['a'] a['\\n'] u['b']",                                                     ""         },
    {"others do not",                          A, "C gpt-5",           "u[' ' 'a']",                                     "u[' ' 'a']",                                                                 ""         },
    {"a mark moves to the item before",        C, "A claude-opus-4-8",
     "S['be' ''@1h] u['a'] a[''@5m] u['c']",                                                                             "S['be'@1h] u['a'@5m 'c']",                                                   ""         },
    {"inside results",                         A, "A claude-opus-4-8", "u['x'] a[call(a,f)] u[result(a,f)[''@5m]]",
     "u['x'] a[call(a,f)] u[result(a,f)[]@5m]",                                                                                                                                                        ""         },
    {"refusals are text",                      C, "A claude-opus-4-8", "u['a'] a[!'no'] u['b']",                         "u['a'] a['no'] u['b']",
     ""                                                                                                                                                                                                           },
    {"or what they were",                      C, "R gpt-5",           "u['a'] a[!'no'] u['b']",                         "u['a'] a[!'no'] u['b']",                                                     ""         },
    {"a header of Claude Code",                A, "C gpt-5",           "S['x-anthropic-billing-header: 1' 'be'] u['a']",
     "S['be'] u['a']",                                                                                                                                                                                 ""         },
    {"other vendors' tools",                   A, "G gemini-3-pro",    "u['a'] a[server(anthropic,'{}') 'b'] u['c']",
     "u['a'] a['b'] u['c']",                                                                                                                                                                           "~messages"},
    {"own tools",                              R, "R gpt-5",           "u['a'] a[server(openai,'{}') 'b'] u['c']",
     "u['a'] a[server(openai,'{}') 'b'] u['c']",                                                                                                                                                       ""         },
    {"which Chat has no words for",            R, "C gpt-5",           "u['a'] a[server(openai,'{}') 'b']",
     "u['a'] a['b']",                                                                                                                                                                                  "~input"   },
    {"a summary of another vendor",            R, "A claude-opus-4-8",
     "u['a'] a[server(openai,'{\"type\":\"compaction\"}')] u['b']",                                                      "400 input: a compaction item can only be read by the provider that made it", ""         },
    {"thoughts with nothing behind them",      A, "A claude-opus-4-8",
     "u['a'] a['b' raw('hm',anthropic:s)] u['c'] a[raw('hm',anthropic:s)] u['d']",                                       "u['a'] a['b'] u['c' 'd']",                                                   ""         },
    {"are of the next turn",                   R, "R gpt-5",           "u['a'] a[summary('hm',openai:s)] a['b']",
     "u['a'] a[summary('hm',openai:s) 'b']",                                                                                                                                                           ""         },
    {"a message of thoughts",                  C, "C deepseek-v4",     "u['a'] a[raw('hm')] u['b'] a['c' raw('hm')]",
     "u['a'] u['b'] a['c' raw('hm')]",                                                                                                                                                                 ""         },
    {"signed and empty: Gemini wants it back", G, "G gemini-3-pro",
     "u['a'] a[redacted(,gemini:s) ''] u['b']",                                                                          "u['a'] a[redacted(,gemini:s) ''] u['b']",                                    ""         },
};

static const struct kit_case instructions[] = {
    {"OpenAI has them anywhere",         A, "C gpt-5",             "u['a'] s['now'] a['b'] s['then']",
     "u['a'] s['now'] a['b'] s['then']",                                                                                                                                        ""         },
    {"new Claude behind the user",       R, "A claude-opus-4-8",   "u['a'] s['now'] s['too'] a['b'] u['c']",
     "u['a'] s['now' 'too'] a['b'] u['c']",                                                                                                                                     ""         },
    {"elsewhere it is a reminder",       C, "A claude-opus-4-8",   "u['a'] a['b'] s['now' 'too'] u['c']",
     "u['a'] a['b'] u[" REMINDER("now") " " REMINDER("too") " 'c']",                                                                                                            "~messages"},
    {"behind that there may be another", C, "A claude-opus-4-8",   "u['a'] a['b'] s['now'] s['too']",
     "u['a'] a['b'] u[" REMINDER("now") "] s['too']",                                                                                                                           "~messages"},
    {"older Claude: behind the results", A, "A claude-sonnet-4-6",
     "u['x'] a[call(a,f)] u[result(a,f)['1']] s['now'] u['b']",                                              "u['x'] a[call(a,f)] u[result(a,f)['1'] " REMINDER("now") " 'b']", "~messages"},
    {"at the end",                       C, "A claude-sonnet-4-6", "u['a'] s['now']",                        "u['a' " REMINDER("now") "]",
     "~messages"                                                                                                                                                                           },
    {"Gemini: plain text of the user",   R, "G gemini-3-pro",      "u['a'] s['now'] a['b']",
     "u['a' 'now'] a['b']",                                                                                                                                                     "~input"   },
    {"first of all",                     C, "G gemini-3-pro",      "S['be'] s['now'] u['a']",                "S['be' 'now'] u['a']",
     "~messages"                                                                                                                                                                           },
    {"empty ones",                       C, "R gpt-5",             "S[''] u['a'] s[''] a['b']",              "u['a'] a['b']",                                                   ""         },
    {"no place for system text",         C, "G gemma-3-27b-it",    "S['be' 'good'] u['a'] a['b']",
     "u['be' 'good' 'a'] a['b']",                                                                                                                                               "~messages"},
    {"Responses wants input",            C, "R gpt-5",             "S['be']",                                "s['be']",                                                         ""         },
    {"Chat does not",                    R, "C gpt-5",             "S['be']",                                "S['be']",                                                         ""         },
};

static const struct kit_case orders[] = {
    {"neighbours are one turn",       C, "A claude-opus-4-8", "u['a'] u['b'] a['c'] a['d'] u['e']",
     "u['a' 'b'] a['c' 'd'] u['e']",                                                                                                                                                           ""         },
    {"signed parts stay apart",       G, "G gemini-3-pro",
     "u['x'] a[redacted(,gemini:s) 'a'] a[redacted(,gemini:t) 'b']",                                "u['x'] a[redacted(,gemini:s) 'a' redacted(,gemini:t) 'b']",                               ""         },
    {"OpenAI takes them as they are", A, "C gpt-5",           "u['a'] u['b'] a['c'] a['d']",
     "u['a'] u['b'] a['c'] a['d']",                                                                                                                                                            ""         },
    {"a greeting",                    C, "A claude-opus-4-8", "S['be'] a['hi' 'you'] u['a']",
     "S['be' 'Assistant opened with: hi\n\nyou'] u['a']",                                                                                                                                      "~messages"},
    {"toward Gemini",                 C, "G gemini-3-pro",    "a['hi'] s['be'] a['ho'] u['a']",
     "S['Assistant opened with: hi' 'be' 'Assistant opened with: ho'] u['a']",                                                                                                                 "~messages"},
    {"OpenAI takes it",               A, "R gpt-5",           "a['hi'] u['a']",                     "a['hi'] u['a']",                                                                          ""         },
    {"calls cannot be first",         C, "G gemini-3-pro",
     "a['hm' call(a,f) call(b,g)] u[result(a,f)['1'] result(b,g)['2'] 'so'] a['b']",                "S['Assistant opened with: hm'] u['Tool result (f): 1' 'Tool result (g): 2' 'so'] a['b']",
     "~messages"                                                                                                                                                                                          },
    {"nobody but the assistant",      C, "A claude-opus-4-8", "S['be'] a['hi']",
     "400 messages: the model's provider needs at least one message of the user",                                                                                                              ""         },
    {"nobody at all",                 G, "A claude-opus-4-8", "S['be'] u['']",                      "400 contents: ",                                                                          ""         },
    {"nobody, to Gemini",             C, "G gemini-3-pro",    "S['be']",                            "400 messages: ",                                                                          ""         },
};

static const struct kit_case ends[] = {
    {"a prefill without space behind it", C, "A claude-sonnet-4-5", "u['a'] a[\"{ \\n\"]",
     "u['a'] a['{']",                                                                                                                   ""         },
    {"which new Claude refuses",          C, "A claude-opus-4-8",   "u['a'] a['{ ']",
     "u['a'] a['{ '] u['" NEXT "']",                                                                                                    "~messages"},
    {"so does Gemini 4",                  R, "G gemini-4-pro",      "u['a'] a['{ ']",                  "u['a'] a['{ '] u['Continue.']",
     "~input"                                                                                                                                      },
    {"not Gemini 3",                      R, "G gemini-3-pro",      "u['a'] a['{ ']",                  "u['a'] a['{ ']",                ""         },
    {"nor OpenAI",                        A, "C gpt-5",             "u['a'] a['{ ']",                  "u['a'] a['{ ']",                ""         },
    {"a thought is no prefill",           A, "A claude-sonnet-4-5", "u['a'] a[raw('hm',anthropic:s)]",
     "u['a']",                                                                                                                          ""         },
};

static void test_cleaning(void **state)
{
    (void)state;
    kit_run(cleaning, ARRAY_LEN(cleaning), shape_turns);
}

static void test_instructions(void **state)
{
    (void)state;
    kit_run(instructions, ARRAY_LEN(instructions), shape_turns);
}

static void test_orders(void **state)
{
    (void)state;
    kit_run(orders, ARRAY_LEN(orders), shape_turns);
}

static void test_ends(void **state)
{
    (void)state;
    kit_run(ends, ARRAY_LEN(ends), shape_turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cleaning),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests_name("shape_turns", tests, NULL, NULL);
}
