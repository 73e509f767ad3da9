/* envelope_body_test.c - envelopes leave a body, and nothing else does. */
#include "chat/envelope_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static struct key_hasher hasher;
static const struct chat_seal seal = {
    .hasher = &hasher, .tenant = {"7", 1}
};
static const struct chat_seal other = {
    .hasher = &hasher, .tenant = {"8", 1}
};

/* In the cases: single quotes for double ones, and letters in angles for envelopes. */
static const struct {
    char letter;
    bool foreign_tenant;
    struct chat_reasoning r;
} envelopes[] = {
    {'A', false, {.vendor = VENDOR_ANTHROPIC, .secret = SLICE_INIT("asig")}                       },
    {'O', false, {.vendor = VENDOR_OPENAI, .secret = SLICE_INIT("oenc"), .id = SLICE_INIT("rs_1")}},
    {'G', false, {.vendor = VENDOR_GEMINI, .secret = SLICE_INIT("gsig")}                          },
    {'X', true,  {.vendor = VENDOR_ANTHROPIC, .secret = SLICE_INIT("asig")}                       },
};

static const struct {
    const char *why;
    enum dialect dialect;
    const char *model, *in, *out;
} cases[] = {
#define A DIALECT_ANTHROPIC
#define R DIALECT_OPENAI_RESPONSES
#define G DIALECT_GEMINI
    {"an own one",                           A, "",
                            "{'messages':[{'content':[{'type':'thinking','thinking':'t','signature':'<A>'},{'a':1 }]}]}",
                            "{'messages':[{'content':[{'type':'thinking','thinking':'t','signature':'asig'},{'a':1 }]}]}"                                                                                         },
    {"a foreign one",                        A, "m2",
                            "{'model':'m', 'messages':[{'content':[{'type':'thinking','signature':'<O>'},{'a':1}]}]}",
                            "{'model':'m2','messages':[{'content':[{'a':1}]}]}"                                                                                                                                   },
    {"another tenant's",                     A, "",   "{'messages':[{'content':[{'signature':'<X>'},{'a':1}]}]}",
                            "{'messages':[{'content':[{'a':1}]}]}"                                                                                                                                                },
    {"redacted",                             A, "",
                            "{'messages':[{'content':[{'type':'redacted_thinking','data':'<G>'},{'data':'<A>'}]}]}",
                            "{'messages':[{'content':[{'data':'asig'}]}]}"                                                                                                                                        },
    {"a message without anything else",      A, "",
                            "{'messages':[{'x':1},{'content':[{'signature':'<G>'}]}]}",                                                           "{'messages':[{'x':1}]}"                                        },
    {"text and oddities stay",               A, "",
                            "{'messages':[{'content':'<A>'},7,{'content':[8,'<A>']}],'z':1}",                                                     "{'messages':[{'content':'<A>'},7,{'content':[8,'<A>']}],'z':1}"},
    {"an own item",                          R, "",
                            "{'input':[{'type':'reasoning','id':'x','encrypted_content':'<O>'},{'id':'fc_1'}]}",
                            "{'input':[{'type':'reasoning','id':'rs_1','encrypted_content':'oenc'},{'id':'fc_1'}]}"                                                                                               },
    {"a foreign item",                       R, "",
                            "{'input':[{'type':'reasoning','id':'x','encrypted_content':'<A>'},{'id':'fc_1','n':1},{'role':'user'},{'id':'y'}]}",
                            "{'input':[{'n':1},{'role':'user'},{'id':'y'}]}"                                                                                                                                      },
    {"a conversation compacted here",        R, "",
                            "{'input':[{'type':'compaction','id':'cmp_1','encrypted_content':'<C>'},{'id':'fc_1'}]}",
                            "{'input':[{'role':'user','content':'Summary of the conversation so far:\\n\\nAll is well.'},{'id':'fc_1'}]}"                                                                         },
    {"an own signature",                     G, "",   "{'contents':[{'parts':[{'text':'a','thoughtSignature':'<g>'}]}]}",
                            "{'contents':[{'parts':[{'text':'a','thoughtSignature':'gsig'}]}]}"                                                                                                                   },
    {"a foreign one on text, and on a call", G, "",
                            "{'contents':[{'parts':[{'text':'a','thoughtSignature':'<a>'},{'functionCall':{},'thought_signature':'<a>'}]}]}",
                            "{'contents':[{'parts':[{'text':'a'},{'functionCall':{},'thought_signature':'skip_thought_signature_validator'}]}]}"                                                                  },
#undef A
#undef R
#undef G
};

/* A small letter: as Gemini's fields have it. */
static void put_envelope(struct buf *out, char letter)
{
    if (letter == 'C')
        envelope_seal(&seal, SLICE("pxc1."), SLICE("All is well."), out);
    for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
        const struct chat_seal *s = envelopes[i].foreign_tenant ? &other : &seal;
        if (envelopes[i].letter == letter)
            envelope_write(s, &envelopes[i].r, out);
        else if ((envelopes[i].letter | 0x20) == letter)
            envelope_write_base64(s, &envelopes[i].r, out);
    }
}

static void expand(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (text[0] == '<' && text[2] == '>') {
            put_envelope(out, text[1]);
            text += 2;
        } else {
            buf_append_byte(out, *text == '\'' ? '"' : *text);
        }
    }
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf in = {0}, want = {0}, out = {0};
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        expand(cases[i].in, &in);
        expand(cases[i].out, &want);
        assert_true(envelope_in_body(cases[i].dialect, buf_peek(&in)));
        assert_int_equal(envelope_open_body(cases[i].dialect, buf_peek(&in),
                                            slice_str(cases[i].model), &seal, &a, &out, &e),
                         ERR_NONE);
        if (!slice_eq(buf_peek(&out), buf_peek(&want)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(buf_peek(&out)));
        buf_release(&in);
        buf_release(&want);
        buf_release(&out);
        arena_release(&a);
    }
}

static void test_needed(void **state)
{
    (void)state;
    assert_false(envelope_in_body(DIALECT_ANTHROPIC, SLICE("{\"signature\":\"abc\"}")));
    assert_false(envelope_in_body(DIALECT_OPENAI_CHAT, SLICE("{\"signature\":\"pxs1.abc\"}")));
    assert_false(envelope_in_body(DIALECT_GEMINI, SLICE("{\"signature\":\"pxs1.abc\"}")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_needed),
    };
    unsigned char subkey[32] = {1, 2, 3};

    key_hasher_init(&hasher, subkey, sizeof(subkey));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
