/* count_test.c - requests counted here, and what counters answer. */
#include "chat/count.h"

#include "chat/shape_test_kit.h"
#include "chat/tokens.h"

#define GPT    "gpt-5.4"
#define CLAUDE "claude-opus-5-5"

/* Texts at OpenAI are exact (a word is a token here), elsewhere four bytes a token. */
static const struct {
    const char *why, *request, *model;
    int64_t tokens;
} cases[] = {
    {"nothing",              "",                                             CLAUDE, 0                               },
    {"a message",            "u['hello']",                                   GPT,    1 + 4 + 3                       },
    {"elsewhere",            "u['hello']",                                   CLAUDE, 2 + 8                           },
    {"escapes are decoded",  "u[\"\\u0068\\u0065\\u006c\\u006c\\u006f\"]",   GPT,    1 + 4 + 3                       },
    {"and elsewhere",        "u[\"\\u0068\\u0065\\u006c\\u006c\\u006f\"]",   CLAUDE, 2 + 8                           },
    {"system and turns",     "S['hello'] u['hello'] a['hello' !'hello']",    GPT,    4 + 3 * 4 + 3                   },
    {"a tool",               "T[hello] u['hello']",                          CLAUDE, 2 + 8 + 2 + COUNT_TOOL          },
    {"a picture",            "u[image(b64:AAAA,image/png)]",                 CLAUDE, 8 + COUNT_IMAGE                 },
    {"looked at coarsely",   "u[image(url:https://x/a.png,,,low)]",          CLAUDE, 8 + COUNT_IMAGE_LOW             },
    {"a file and its name",  "u[file(openai:file-1,application/pdf,a.pdf)]", CLAUDE,
     8 + COUNT_FILE + 2                                                                                              },
    {"a file of text",       "u[file(text:12345678)]",                       CLAUDE, 8 + 2                           },
    {"sound and film",       "u[audio(b64:AAAA) video(url:https://x/v)]",    CLAUDE,
     8 + COUNT_AUDIO + COUNT_VIDEO                                                                                   },
    {"thoughts, no secrets", "a[summary(12345678,openai:c2VjcmV0)]",         CLAUDE, 8 + 2                           },
    {"a call",               "a[call(c1,func,'{\"a\":1}')]",                 CLAUDE, 8 + COUNT_TOOL + 1 + 2          },
    {"a result",             "u[result(c1)['1234' image(b64:AAAA)]]",        CLAUDE, 8 + COUNT_TOOL + 1 + COUNT_IMAGE},
    {"a vendor's own",       "a[server(anthropic,12345678)]",                CLAUDE, 8 + 2                           },
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_request r;
        struct arena a;
        int64_t n;

        if (slice_eq(slice_str(cases[i].model), SLICE(GPT)) && !tokens_have(TOKENS_O200K))
            continue;
        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        kit_read(&r, cases[i].request);
        n = count_request(&r, slice_str(cases[i].model));
        if (n != cases[i].tokens)
            fail_msg("%s: %lld tokens, not %lld", cases[i].why, (long long)n,
                     (long long)cases[i].tokens);
        arena_release(&a);
    }
}

/* What shape has set counts, not what it was made from. */
static void test_shaped(void **state)
{
    struct chat_request r;
    struct chat_tool *t;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    t = chat_tool_new(&r, TOOL_FUNCTION);
    t->name = SLICE("name");
    t->description = text_plain(SLICE("12345678"));
    t->schema = SLICE("{\"type\":\"object\"}");
    r.format.schema = SLICE("{\"type\":1}");
    assert_int_equal(count_request(&r, SLICE(CLAUDE)), COUNT_TOOL + 1 + 2 + 5 + 3);
    t->sent_name = SLICE("nameless");
    t->sent_schema = SLICE("{}");
    r.format.sent_schema = SLICE("{}");
    assert_int_equal(count_request(&r, SLICE(CLAUDE)), COUNT_TOOL + 2 + 2 + 1 + 1);
    t->withheld = true;
    assert_int_equal(count_request(&r, SLICE(CLAUDE)), 1);
    t = chat_tool_new(&r, TOOL_SERVER);
    t->name = SLICE("a name that stands in there anyway");
    t->raw = SLICE("12345678");
    assert_int_equal(count_request(&r, SLICE(CLAUDE)), 1 + COUNT_TOOL + 2);
    arena_release(&a);
}

/* Gemini's object counts in the place of the text that was made of it. */
static void test_result_object(void **state)
{
    struct chat_request r;
    struct chat_item *item;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_GEMINI);
    kit_read(&r, "u[result(c)['{\"a\":1}' image(b64:AAAA)]]");
    item = list_entry(list_entry(r.turns.next, struct chat_turn, link)->items.next,
                      struct chat_item, link);
    item->result.object = SLICE("{\"a\":1}");
    assert_int_equal(count_request(&r, SLICE(CLAUDE)), 8 + COUNT_TOOL + 2 + COUNT_IMAGE);
    arena_release(&a);
}

/* Of many long texts not all are counted, and none is forgotten. */
static void test_long(void **state)
{
    enum { TEXTS = 8 };
    struct chat_request r;
    struct chat_turn *turn;
    struct arena a;
    struct buf text = {0};
    int64_t one;

    (void)state;
    while (buf_len(&text) < TOKENS_EXACT_BYTES)
        buf_append_str(&text, "Of long requests only so much is looked at. ");
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    turn = chat_turn_new(&r, CHAT_USER);
    chat_item_text(&a, &turn->items, text_plain(buf_peek(&text)));
    one = count_request(&r, SLICE(GPT));
    for (int i = 1; i < TEXTS; i++)
        chat_item_text(&a, &turn->items, text_plain(buf_peek(&text)));
    assert_in_range(count_request(&r, SLICE(GPT)), TEXTS * (one - 10), TEXTS * (one + 10));
    arena_release(&a);
    buf_release(&text);
}

static const struct {
    enum dialect upstream;
    const char *body;
    int64_t tokens; // -1: none
} answers[] = {
    {DIALECT_ANTHROPIC,        "{\"input_tokens\":12}",                                         12},
    {DIALECT_ANTHROPIC,        "{\"input_tokens\":12,\"context_management\":{\"a\":1}}",        12},
    {DIALECT_OPENAI_RESPONSES, "{\"object\":\"response.input_tokens\",\"input_tokens\":\"7\"}", 7 },
    {DIALECT_GEMINI,           " {\"totalTokens\": 31, \"promptTokensDetails\": []}\n",         31},
    {DIALECT_GEMINI,           "{\"input_tokens\":12}",                                         -1},
    {DIALECT_ANTHROPIC,        "{\"input_tokens\":null}",                                       -1},
    {DIALECT_ANTHROPIC,        "{\"input_tokens\":12",                                          -1},
    {DIALECT_ANTHROPIC,        "[12]",                                                          -1},
    {DIALECT_ANTHROPIC,        "",                                                              -1},
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        int64_t n = -1;
        bool found = count_read_answer(answers[i].upstream, slice_str(answers[i].body), &n);

        if (n != answers[i].tokens || found != (n >= 0))
            fail_msg("%s: %lld", answers[i].body, (long long)n);
    }
}

static const struct {
    enum dialect client;
    const char *body;
} written[] = {
    {DIALECT_ANTHROPIC,        "{\"input_tokens\":5}"                                     },
    {DIALECT_OPENAI_RESPONSES, "{\"object\":\"response.input_tokens\",\"input_tokens\":5}"},
    {DIALECT_GEMINI,           "{\"totalTokens\":5}"                                      },
};

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        struct buf out = {0};
        int64_t n = 0;

        count_write_answer(written[i].client, 5, &out);
        if (!slice_eq(buf_peek(&out), slice_str(written[i].body)))
            fail_msg("%.*s", SLICE_ARG(buf_peek(&out)));
        assert_true(count_read_answer(written[i].client, buf_peek(&out), &n) && n == 5);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),      cmocka_unit_test(test_shaped),
        cmocka_unit_test(test_result_object), cmocka_unit_test(test_long),
        cmocka_unit_test(test_read),          cmocka_unit_test(test_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
