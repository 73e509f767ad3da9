/* shape_calls_test.c - calls, results and their ids, for each target. */
#include <stdio.h>

#include "chat/shape_test_kit.h"

#define LONG40 "0123456789012345678901234567890123456789"
#define LONG64 LONG40 "012345678901234567890123"

static const struct kit_case pairs[] = {
    {"nothing to do",                           C, "A claude-opus-4-8", "u['x'] a[call(a,f,'{}')] u[result(a)['1'] 'so']",
     "u['x'] a[call(a,f,'{}')] u[result(a,f)['1'] 'so']",                                                                                                                                                          ""         },
    {"in the order of the calls, before words", C, "G gemini-3-pro",
     "a[call(a,f) call(b,g)] u['so' result(b)['2'] result(a)['1']]",                                                             "a[call(a,f) call(b,g)] u[result(a,f)['1'] result(b,g)['2'] 'so']",               ""         },
    {"results of several messages",             C, "C gpt-5",
     "a[call(a,f) call(b,g)] u[result(b)['2']] u[result(a)['1']] u['so']",                                                       "a[call(a,f) call(b,g)] u[result(a,f)['1'] result(b,g)['2']] u[] u['so']",        ""         },
    {"a late one",                              C, "R gpt-5",           "a[call(a,f)] s['now'] a['hm'] u['and' result(a)['1']]",
     "a[call(a,f)] u[result(a,f)['1']] s['now'] a['hm'] u['and']",                                                                                                                                                 ""         },
    {"none",                                    C, "A claude-opus-4-8", "a[call(a,f) call(b,g)] u[result(b)['2'] 'so']",
     "a[call(a,f) call(b,g)] u[error(a,f)['[no result available]'] result(b,g)['2'] 'so']",                                                                                                                        "~messages"},
    {"none, and nobody after it",               R, "G gemini-3-pro",    "u['x'] a[call(a,f)]",
     "u['x'] a[call(a,f)] u[error(a,f)['[no result available]']]",                                                                                                                                                 "~input"   },
    {"OpenAI is told of errors by text",        G, "C gpt-5",           "a[call(a,f)] a['x']",
     "a[call(a,f) 'x'] u[error(a,f)['Error: [no result available]']]",                                                                                                                                             "~contents"},
    {"Anthropic cannot go on from a call",      C, "A claude-opus-4-8", "u['x'] a['hm' call(a,f)]",
     "400 messages: the conversation ends with a tool call that has no result",                                                                                                                                    ""         },
    {"a result of no call",                     A, "C gpt-5",           "u[result(z)['1' image(b64:A,image/png) '2'] 'so']",
     "u['Tool result (z): 1\n2' image(b64:A,image/png) 'so']",                                                                                                                                                     "~messages"},
    {"of a tool whose name is known",           C, "A claude-opus-4-8", "u[result(z,f)['1']]",
     "u['Tool result (f): 1']",                                                                                                                                                                                    "~messages"},
    {"before its call",                         C, "A claude-opus-4-8", "u[result(a)['1']] a[call(a,f)] u['x']",
     "u['Tool result (a): 1'] a[call(a,f)] u[error(a,f)['[no result available]'] 'x']",                                                                                                                            "~messages"},
    {"Gemini has no such thing",                C, "G gemini-3-pro",    "u[result(z,f)['1']]",
     "400 messages: tool result without matching call",                                                                                                                                                            ""         },
    {"twice: the last counts",                  A, "R gpt-5",
     "a[call(a,f)] u[result(a)['1'] result(a)['2'] 'so'] u[result(a)['3']]",                                                     "a[call(a,f)] u[result(a,f)['3'] 'so'] u[]",                                      "~messages"},
    {"its mark stays",                          A, "A claude-opus-4-8", "a[call(a,f)] u[result(a)['1']@5m result(a)['2']]",
     "a[call(a,f)] u[result(a,f)['2']@5m]",                                                                                                                                                                        "~messages"},
    {"words behind calls are of one step",      R, "A claude-opus-4-8",
     "a['hm'] a[call(a,f)] u[] a/final['so'] a[call(b,g)] u[result(a)['1'] result(b)['2']]",                                     "a['hm'] a/final[call(a,f) 'so' call(b,g)] u[result(a,f)['1'] result(b,g)['2']]", ""         },
    {"two steps",                               R, "G gemini-3-pro",
     "a[call(a,f)] u[result(a)['1']] a[call(b,g)] u[result(b)['2']]",                                                            "a[call(a,f)] u[result(a,f)['1']] a[call(b,g)] u[result(b,g)['2']]",              ""         },
    {"errors",                                  A, "C gpt-5",
     "a[call(a,f) call(b,f) call(c,f) call(d,f)] "
     "u[error(a)['no'] error(b)['Error: no'] error(c)[] error(d)['Errors']]",                                                    "a[call(a,f) call(b,f) call(c,f) call(d,f)] "
     "u[error(a,f)['Error: no'] error(b,f)['Error: no'] error(c,f)['Error'] "
     "error(d,f)['Error: Errors']]",                                                                                                  ""         },
    {"errors are a flag",                       R, "A claude-opus-4-8", "a[call(a,f)] u[error(a)['no']]",
     "a[call(a,f)] u[error(a,f)['no']]",                                                                                                                                                                           ""         },
    {"calls by name alone",                     G, "A claude-opus-4-8",
     "a[call(,f,'{}') call(,g) call(,f)] u[result(,f)['1'] result(,f)['2'] result(,g)['3']]",                                    "a[call(toolu_F1,f,'{}') call(toolu_G1,g) call(toolu_F2,f)] "
     "u[result(toolu_F1,f)['1'] result(toolu_G1,g)['3'] result(toolu_F2,f)['2']]",                                    ""         },
    {"results by order alone",                  G, "C gpt-5",
     "a[call(x,f) call(y,g)] u[result()['1'] result()['2']]",                                                                    "a[call(x,f) call(y,g)] u[result(x,f)['1'] result(y,g)['2']]",                    ""         },
};

static const struct kit_case ids[] = {
    {"Anthropic's alphabet",               C, "A claude-opus-4-8", "a[call(a.b:c,f)] u[result(a.b:c)['1']]",
     "a[call(a_b_c_HASH,f)] u[result(a_b_c_HASH,f)['1']]",                                                                                                                                                             ""         },
    {"Anthropic's length",                 C, "A claude-opus-4-8",
     "a[call(" LONG64 "x,f)] u[result(" LONG64 "x)[]]",
     "a[call(" LONG40 "0123456789012345678_HASH,f)] u[result(" LONG40
     "0123456789012345678_HASH,f)[]]",                                                                                                                                                                                 ""         },
    {"Chat's length",                      A, "C gpt-5",           "a[call(" LONG40 ",f) call(" LONG40 "x,f)]",
     "a[call(" LONG40 ",f) call(call_LONG,f)] "
     "u[error(" LONG40 ",f)['Error: [no result available]'] "
     "error(call_LONG,f)['Error: [no result available]']]",                                                                                                                                                            "~messages"},
    {"Responses' length",                  A, "R gpt-5",           "a[call(" LONG64 ",f)] u[result(" LONG64 ")[]]",
     "a[call(" LONG64 ",f)] u[result(" LONG64 ",f)[]]",                                                                                                                                                                ""         },
    {"Gemini takes any",                   A, "G gemini-3-pro",    "a[call(" LONG64 "/x,f)] u[result(" LONG64 "/x)[]]",
     "a[call(" LONG64 "/x,f)] u[result(" LONG64 "/x,f)[]]",                                                                                                                                                            ""         },
    {"the n-th result is the n-th call's", C, "C gpt-5",
     "a[call(c,f)] u[result(c)['1']] a[call(c,g)] u[result(c)['2']]",                                                         "a[call(c,f)] u[result(c,f)['1']] a[call(call_SECOND,g)] u[result(call_SECOND,g)['2']]", ""         },
    {"also within a step",                 C, "R gpt-5",           "a[call(c,f) call(c,g)] u[result(c)['1'] result(c)['2']]",
     "a[call(c,f) call(call_SECOND,g)] u[result(c,f)['1'] result(call_SECOND,g)['2']]",                                                                                                                                ""         },
};

/* Digits of hashes are not worth knowing: words in capitals stand for them, equal for equal. */
static void mask(const char *in, const char *wanted, struct buf *out)
{
    static const char *const words[] = {"HASH", "LONG", "SECOND", "F1", "F2", "G1"};
    static const size_t lengths[] = {4, 24, 24, 24, 24, 24};
    char seen[ARRAY_LEN(words)][32] = {{0}};

    buf_clear(out);
    while (*in && *wanted) {
        size_t w = 0;
        while (w < ARRAY_LEN(words) && strncmp(wanted, words[w], strlen(words[w])) != 0)
            w++;
        if (w == ARRAY_LEN(words)) {
            buf_append_byte(out, *in);
            in++, wanted++;
            continue;
        }
        assert_true(strlen(in) >= lengths[w]);
        if (!seen[w][0])
            memcpy(seen[w], in, lengths[w]);
        assert_memory_equal(seen[w], in, lengths[w]);
        buf_append_str(out, words[w]);
        in += lengths[w];
        wanted += strlen(words[w]);
    }
    buf_append_str(out, in);
    buf_append_byte(out, '\0');
}

static void run_masked(const struct kit_case *cases, size_t count)
{
    struct buf out = {0}, masked = {0};

    for (size_t i = 0; i < count; i++) {
        struct chat_target t = kit_target(cases[i].target);
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        print_message("%s\n", cases[i].why);
        arena_init(&a, 0);
        chat_request_init(&r, &a, cases[i].client);
        kit_read(&r, cases[i].in);
        if (shape_calls(&r, &t, &e) != ERR_NONE) {
            assert_memory_equal(cases[i].out, "400 ", 4);
            assert_non_null(strstr(e.text, cases[i].out + 4));
        } else {
            mask(kit_print(&r, &out), cases[i].out, &masked);
            assert_string_equal(buf_peek(&masked).ptr, cases[i].out);
            assert_string_equal(kit_print_notes(&r, &out), cases[i].notes);
        }
        arena_release(&a);
    }
    buf_release(&out);
    buf_release(&masked);
}

static void test_pairs(void **state)
{
    (void)state;
    run_masked(pairs, ARRAY_LEN(pairs));
}

static void test_ids(void **state)
{
    (void)state;
    run_masked(ids, ARRAY_LEN(ids));
}

static void shape_text(const char *target, const char *text, struct buf *out)
{
    struct chat_target t = kit_target(target);
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_GEMINI);
    kit_read(&r, text);
    assert_int_equal(shape_calls(&r, &t, &e), ERR_NONE);
    kit_print(&r, out);
    arena_release(&a);
}

/* Prompt caches go by the bytes: what comes later changes nothing before it. */
static void test_longer_history_begins_the_same(void **state)
{
    struct buf shorter = {0}, longer = {0};

    (void)state;
    shape_text("A claude-opus-4-8", "u['x'] a[call(,f) call(c,f) call(c,f)] u[result(,f)['1']]",
               &shorter);
    shape_text("A claude-opus-4-8",
               "u['x'] a[call(,f) call(c,f) call(c,f)] u[result(,f)['1']] a[call(,f) call(c,f)] "
               "u[result(,f)['2']]",
               &longer);
    assert_memory_equal(shorter.data, longer.data, buf_len(&shorter) - 1);
    buf_release(&shorter);
    buf_release(&longer);
}

/* A client that sends back an id which we made of another one, and that one twice again. */
static void test_made_ids_are_not_made_twice(void **state)
{
    char id[64] = "", second[64] = "", again[192];
    struct buf out = {0};

    (void)state;
    shape_text("C gpt-5", "a[call(c,f) call(c,g)] u[result(c)[] result(c)[]]", &out);
    assert_int_equal(sscanf(buf_peek(&out).ptr, "a[call(c,f) call(%63[^,],g)]", id), 1);
    snprintf(again, sizeof(again), "a[call(%s,f) call(c,f) call(c,g)] u['x']", id);
    shape_text("C gpt-5", again, &out);
    assert_int_equal(
        sscanf(buf_peek(&out).ptr, "a[call(%*[^,],f) call(c,f) call(%63[^,],g)]", second), 1);
    assert_string_not_equal(second, id);
    buf_release(&out);
}

static void test_mistral(void **state)
{
    struct buf out = {0};
    const char *text;

    (void)state;
    shape_text("C/compatible mistral-large-latest", "a[call(abcDEF123,f)] u[result(abcDEF123)[]]",
               &out);
    assert_string_equal(buf_peek(&out).ptr, "a[call(abcDEF123,f)] u[result(abcDEF123,f)[]]");
    shape_text("C/compatible mistral-large-latest", "a[call(call_1,f)] u[result(call_1)[]]", &out);
    text = buf_peek(&out).ptr;
    assert_int_equal(strspn(text + strlen("a[call("), "abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
                     9);
    buf_release(&out);
}

/* Raw response objects of Gemini's results are text elsewhere. */
static void test_objects(void **state)
{
    static const struct {
        const char *target, *out;
    } cases[] = {
        {"G gemini-3-pro",    "a[call(c,f)] u[result(c,f)[]]"           },
        {"A claude-opus-4-8", "a[call(c,f)] u[result(c,f)['{\"a\":1}']]"},
    };
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = kit_target(cases[i].target);
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_GEMINI);
        kit_read(&r, "a[call(c,f)] u[result(c)[]]");
        list_entry(list_entry(r.turns.prev, struct chat_turn, link)->items.next, struct chat_item,
                   link)
            ->result.object = SLICE("{\"a\":1}");
        assert_int_equal(shape_calls(&r, &t, &e), ERR_NONE);
        assert_string_equal(kit_print(&r, &out), cases[i].out);
        arena_release(&a);
    }
    buf_release(&out);
}

/* All with one id, all results at the end: seconds, not minutes, even under sanitizers. */
static void test_many(void **state)
{
    enum { MANY = 50000 };
    struct chat_target t = kit_target("C gpt-5");
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;
    size_t calls = 0;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    for (int i = 0; i < MANY; i++)
        kit_read(&r, "a[call(call_0,f)] u['x']");
    for (int i = 0; i < MANY; i++)
        kit_read(&r, "u[result(call_0)['1']]");
    assert_int_equal(shape_calls(&r, &t, &e), ERR_NONE);
    list_for_each(at, &r.turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role != CHAT_ASSISTANT)
            continue;
        calls++;
        assert_int_equal(list_entry(list_entry(at->next, struct chat_turn, link)->items.next,
                                    struct chat_item, link)
                             ->kind,
                         CHAT_RESULT);
    }
    assert_int_equal(calls, MANY);
    assert_true(list_is_empty(&r.notes));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_longer_history_begins_the_same),
        cmocka_unit_test(test_made_ids_are_not_made_twice),
        cmocka_unit_test(test_mistral),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("shape_calls", tests, NULL, NULL);
}
