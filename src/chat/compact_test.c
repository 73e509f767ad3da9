/* compact_test.c - conversations are summed up, and go on from the summary. */
#include "chat/compact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/translate.h"

static struct key_hasher hasher;
static const struct chat_seal seal = {&hasher, SLICE_INIT("7")};
static const struct chat_seal other = {&hasher, SLICE_INIT("8")};

/* Single quotes stand for double ones. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

/* What the model is asked ends in the demand, and wants no tools called. */
static void test_ask(void **state)
{
    static const struct {
        const char *in;
        enum chat_choice choice;
    } cases[] = {
        {"{'input':'Hi','text':{'format':{'type':'json_object'}}}",                 CHOICE_UNSET},
        {"{'input':'Hi','tools':[{'type':'function','name':'f','parameters':{}}]}", CHOICE_NONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct buf in = {0};
        struct chat_request r;
        struct chat_turn *last;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(
            translate_read(DIALECT_OPENAI_RESPONSES, quoted(cases[i].in, &in), &seal, &a, &r, &e),
            ERR_NONE);
        compact_ask(&r);
        last = list_entry(r.turns.prev, struct chat_turn, link);
        assert_int_equal(last->role, CHAT_USER);
        assert_true(slice_starts(list_entry(last->items.next, struct chat_item, link)->text.s,
                                 SLICE("Stop here and sum up")));
        assert_int_equal(r.choice, cases[i].choice);
        assert_int_equal(r.format.kind, FORMAT_UNSET);
        buf_release(&in);
        arena_release(&a);
    }
}

static const struct {
    const char *why;
    enum dialect upstream;
    const char *answer, *summary;
    enum err err;
} answers[] = {
#define C DIALECT_OPENAI_CHAT
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI
    {"Chat",                     C,
                            "{'choices':[{'index':0,'message':{'role':'assistant','reasoning_content':'hm','content':'All \\n is well.'},'finish_reason':'stop'}]}",
                            "All \n is well.",                                                                                                                                                                                 ERR_NONE           },
    {"Anthropic, in two blocks", A,
                            "{'type':'message','role':'assistant','content':[{'type':'thinking','thinking':'hm','signature':'s'},{'type':'text','text':'One. '},{'type':'text','text':'Two.'}],'stop_reason':'end_turn'}",
                            "One. Two.",                                                                                                                                                                                       ERR_NONE           },
    {"Gemini, cut off",          G,
                            "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true},{'text':'All of'}]},'finishReason':'MAX_TOKENS'}]}",
                            "All of",                                                                                                                                                                                          ERR_NONE           },
    {"nothing",                  C,
                            "{'choices':[{'index':0,'message':{'role':'assistant','content':null},'finish_reason':'stop'}]}",
                            "",                                                                                                                                                                                                ERR_UPSTREAM_BROKEN},
    {"no answer",                A, "[]",                                                                                                                                                           "", ERR_UPSTREAM_BROKEN},
#undef C
#undef A
#undef G
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct codec_decode_options o = {
            .now_unix = 1, .id = SLICE("x"), .upstream_model = SLICE("m")};
        struct buf in = {0}, summary = {0};
        struct err_info e = {0};

        if (compact_read_answer(answers[i].upstream, quoted(answers[i].answer, &in), &o, &summary,
                                &e) != answers[i].err)
            fail_msg("%s: %s %s", answers[i].why, err_name(e.code), e.text);
        if (!slice_eq(buf_peek(&summary), slice_str(answers[i].summary)))
            fail_msg("%s: %.*s", answers[i].why, SLICE_ARG(buf_peek(&summary)));
        buf_release(&in);
        buf_release(&summary);
    }
}

static struct slice write(const char *request, const char *summary, struct buf *out)
{
    static const struct chat_usage usage = {
        .tokens = {[USAGE_INPUT] = 5, [USAGE_OUTPUT] = 2}
    };
    struct buf body = {0};
    struct compaction c = {.request = quoted(request, &body),
                           .summary = slice_str(summary),
                           .id = SLICE("0192"),
                           .now_unix = 17,
                           .usage = &usage,
                           .seal = &seal};

    compact_write_answer(&c, out);
    buf_release(&body);
    return buf_peek(out);
}

/* The members of the answer's output, but for what differs from key to key. */
static const struct {
    const char *why, *request, *messages;
} kept[] = {
    {"a text",                    "{'input':'Hi \\u0041'}",
     "{'type':'message','role':'user','content':[{'type':'input_text','text':'Hi \\u0041'}]}"                                      },
    {"the user's messages alone",
     "{'input':[{'role':'user','content':'a'},{'type':'message','role':'assistant','content':[]},{'type':'function_call'},"
     "{'type':'message','role':'user','content':[{'type':'input_image','image_url':'u'}]},{'role':'developer','content':'d'}]}",
     "{'type':'message','role':'user','content':[{'type':'input_text','text':'a'}]}"
     "{'type':'message','role':'user','content':[{'type':'input_image','image_url':'u'}]}"                                         },
    {"none",                      "{}",                                                                                          ""},
    {"anything",                  "{'input':{'role':'user','content':'a'}}",                                                     ""},
    {"no JSON",                   "{'input':",                                                                                   ""},
};

static void test_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct buf out = {0}, got = {0}, want = {0};
        struct err_info e = {0};
        struct json *tree;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(json_parse(&a, write(kept[i].request, "s", &out), &tree, &e), ERR_NONE);
        json_for_each(item, json_member(tree, SLICE("output"))) {
            if (item->next)
                buf_append(&got, item->source);
            else
                assert_true(
                    slice_eq(json_str(&a, json_member(item, SLICE("type"))), SLICE("compaction")));
        }
        if (!slice_eq(buf_peek(&got), quoted(kept[i].messages, &want)))
            fail_msg("%s: %.*s", kept[i].why, SLICE_ARG(buf_peek(&got)));
        buf_release(&out);
        buf_release(&got);
        buf_release(&want);
        arena_release(&a);
    }
}

static void test_comes_back(void **state)
{
    struct buf out = {0};
    struct err_info e = {0};
    struct slice sealed, summary = {0};
    struct json *tree;
    struct arena a;
    char *bytes;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(json_parse(&a, write("{}", "Wörter \"und\"\nZeilen", &out), &tree, &e),
                     ERR_NONE);
    sealed = json_str(&a, json_member(json_first(json_member(tree, SLICE("output"))),
                                      SLICE("encrypted_content")));
    assert_true(compact_is(sealed));
    assert_false(compact_is(SLICE("gAAAAAB")));
    assert_true(compact_open(&seal, sealed, &a, &summary));
    assert_true(
        slice_eq(summary, SLICE("Summary of the conversation so far:\n\nWörter \"und\"\nZeilen")));
    assert_false(compact_open(&other, sealed, &a, &summary));
    for (size_t i = 0; i < sealed.len; i++) {
        sealed = arena_dup(&a, sealed);
        bytes = (char *)(uintptr_t)sealed.ptr;
        bytes[i] ^= 1;
        assert_false(compact_open(&seal, sealed, &a, &summary));
        assert_false(compact_open(&seal, slice_sub(sealed, 0, i), &a, &summary));
        bytes[i] ^= 1;
    }
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_comes_back),
    };
    unsigned char subkey[32] = {1, 2, 3};

    key_hasher_init(&hasher, subkey, sizeof(subkey));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
