/* schema_test.c - what becomes of schemas on the way to each vendor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/schema.h"
#include "json/scan.h"

/* JSON in the tables here has single quotes, so that it can be read. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

enum to { GEMINI, ANTHROPIC, OPENAI };

static struct slice convert(struct arena *a, enum to to, struct slice raw)
{
    struct slice out = {0};

    switch (to) {
    case GEMINI: return schema_for_gemini(a, raw);
    case ANTHROPIC: return schema_for_anthropic(a, raw, &out) ? out : SLICE("unfit");
    case OPENAI: return schema_for_openai_strict(a, raw);
    }
    return out;
}

static const struct {
    const char *why;
    enum to to;
    const char *in, *out;
} cases[] = {
#define CASE(why, to, in, out) {why, to, in, out},
#include "chat/schema_test_cases.def"
#undef CASE
};

static void test_cases(void **state)
{
    struct buf in = {0}, want = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice raw = quoted(cases[i].in, &in), out;
        bool same = strcmp(cases[i].out, "=") == 0;
        struct arena a;

        arena_init(&a, 0);
        out = convert(&a, cases[i].to, raw);
        if (same ? out.ptr != raw.ptr : !slice_eq(out, quoted(cases[i].out, &want)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(out));
        if (cases[i].to == OPENAI)
            assert_int_equal(schema_is_strict(raw), same);
        arena_release(&a);
    }
    buf_release(&in);
    buf_release(&want);
}

/* What was made needs nothing more: a second time is the same. */
static void test_twice(void **state)
{
    struct buf in = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice once, again;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        once = convert(&a, cases[i].to, quoted(cases[i].in, &in));
        again = convert(&a, cases[i].to, once);
        if (!slice_eq(once, SLICE("unfit")) &&
            (again.ptr != once.ptr || json_scan(once, NULL, 0, NULL, &e) != ERR_NONE))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(again));
        arena_release(&a);
    }
    buf_release(&in);
}

static const struct {
    const char *why, *in;
    unsigned top;
    bool wrapped;
    const char *out;
} tops[] = {
    {"an object",                    "{'type': 'object'}",                                                         SCHEMA_TOP_BARE,   false, "="                                      },
    {"OpenAI wants its properties",  "{'type':'object'}",                                                          SCHEMA_TOP_LISTED, false,
     "{'type':'object','properties':{}}"                                                                                                                                              },
    {"nothing",                      "",                                                                           0,                 false, "{'type':'object','properties':{}}"      },
    {"null",                         "null",                                                                       0,                 false, "{'type':'object','properties':{}}"      },
    {"anything",                     "{}",                                                                         0,                 false, "{'type':'object','properties':{}}"      },
    {"no type",                      "{'properties':{'a':{}}}",                                                    0,                 false, "{'properties':{'a':{}},'type':'object'}"},
    {"or null",                      "{'type':['object','null'],'properties':{}}",                                 0,                 false,
     "{'type':'object','properties':{}}"                                                                                                                                              },
    {"an array",                     "{'type':'array','items':{}}",                                                0,                 true,
     "{'type':'object','properties':{'value':{'type':'array','items':{}}},"
     "'required':['value']}"                                                                                                                                                          },
    {"strict",                       "{'type':'string'}",                                                          SCHEMA_TOP_CLOSED, true,
     "{'type':'object','properties':{'value':{'type':'string'}},'required':['value'],"
     "'additionalProperties':false}"                                                                                                                                                  },
    {"definitions stay at the top",
     "{'type':'array','items':{'$ref':'#/$defs/A'},'$defs':{'A':{}}}",                                             0,                 true,
     "{'type':'object','properties':{'value':{'type':'array','items':{'$ref':'#/$defs/A'}}},"
     "'required':['value'],'$defs':{'A':{}}}"                                                                                                                                         },
    {"a choice of objects",          "{'type':'object','anyOf':[{'title':'a'}]}",                                  SCHEMA_TOP_BARE,   true,
     "{'type':'object','properties':{'value':{'type':'object','anyOf':[{'title':'a'}]}},"
     "'required':['value']}"                                                                                                                                                          },
    {"a choice of what is required",
     "{'type':'object','properties':{'a':{}},'anyOf':[{'required':['a']}],'description':'d'}",                     SCHEMA_TOP_BARE,   false,
     "{'type':'object','properties':{'a':{}},"
     "'description':'d\\nanyOf: [{\\\"required\\\":[\\\"a\\\"]}]'}"                                                                                                                   },
    {"a choice may stay",            "{'type':'object','anyOf':[{'title':'a'}]}",                                  0,                 false, "="                                      },
    {"a reference",                  "{'$ref':'#/$defs/A','$defs':{'A':{'type':'object','properties':{'a':{}}}}}",
     SCHEMA_TOP_BARE,                                                                                                                 false,
     "{'$defs':{'A':{'type':'object','properties':{'a':{}}}},'type':'object',"
     "'properties':{'a':{}}}"                                                                                                                                                         },
    {"a reference in a circle",      "{'$ref':'#/$defs/A','$defs':{'A':{'$ref':'#/$defs/A'}}}",                    0,                 false,
     "{'$defs':{'A':{'$ref':'#/$defs/A'}},'type':'object','properties':{}}"                                                                                                           },
};

static void test_tops(void **state)
{
    struct buf in = {0}, want = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
        struct slice raw = quoted(tops[i].in, &in), out;
        bool same = strcmp(tops[i].out, "=") == 0, wrapped;
        struct arena a;

        arena_init(&a, 0);
        out = schema_as_object(&a, raw, tops[i].top, &wrapped);
        if (same ? out.ptr != raw.ptr : !slice_eq(out, quoted(tops[i].out, &want)))
            fail_msg("%s: %.*s", tops[i].why, SLICE_ARG(out));
        assert_int_equal(wrapped, tops[i].wrapped);
        arena_release(&a);
    }
    buf_release(&in);
    buf_release(&want);
}

/* "A0" refers to "A1" twice, that to "A2" twice, ...: as written in place, 2^30 schemas. */
static void append_bomb(struct buf *out, const char *body)
{
    buf_append_str(out, "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/A0\"}},"
                        "\"$defs\":{");
    for (int i = 0; i < 30; i++) {
        buf_printf(out, "%s\"A%d\":{", i ? "," : "", i);
        for (const char *c = body; *c; c++) {
            if (*c == '%')
                buf_printf(out, "#/$defs/A%d", i + 1);
            else
                buf_append_byte(out, *c);
        }
        buf_append_byte(out, '}');
    }
    buf_append_str(out, ",\"A30\":{\"type\":\"string\"}}}");
}

static void test_bounded(void **state)
{
    static const char *const bodies[] = {
        "\"anyOf\":[{\"$ref\":\"%\"},{\"$ref\":\"%\"}]",
        "\"title\":\"t\",\"minimum\":1,\"allOf\":[{\"$ref\":\"%\"},{\"$ref\":\"%\"}]",
        ("\"properties\":{\"a\":{\"x\":1,\"allOf\":[{\"$ref\":\"%\"}]},"
         "\"b\":{\"$ref\":\"%\",\"type\":\"string\"}}"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf bomb = {0};

        append_bomb(&bomb, bodies[i]);
        for (enum to to = GEMINI; to <= OPENAI; to++) {
            struct slice out;
            struct arena a;

            arena_init(&a, 0);
            out = convert(&a, to, buf_peek(&bomb));
            assert_true(out.len <= 8 * buf_len(&bomb) + 131072);
            arena_release(&a);
        }
        buf_release(&bomb);
    }
}

/* As deep as JSON may be, and any bytes at all. */
static void test_hostile(void **state)
{
    struct buf deep = {0};
    struct arena a;
    bool wrapped;

    (void)state;
    for (int i = 0; i < 127; i++)
        buf_append_str(&deep, i % 2 ? "[" : "{\"anyOf\":");
    buf_append_str(&deep, "{}");
    for (int i = 126; i >= 0; i--)
        buf_append_str(&deep, i % 2 ? "]" : "}");
    arena_init(&a, 0);
    for (enum to to = GEMINI; to <= OPENAI; to++) {
        static const char *const odd[] = {"",
                                          "{",
                                          "[]",
                                          "\"a\"",
                                          "true",
                                          "{\"$ref\":1}",
                                          "{\"allOf\":[1,{\"allOf\":{}}]}",
                                          "{\"type\":{},\"required\":{\"a\":1},\"format\":[]}",
                                          "{\"$ref\":\"#/~\",\"$defs\":[]}",
                                          "{\"$defs\":3}"};

        convert(&a, to, buf_peek(&deep));
        for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
            convert(&a, to, slice_str(odd[i]));
            schema_as_object(&a, slice_str(odd[i]), 7, &wrapped);
        }
    }
    arena_release(&a);
    buf_release(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_twice),   cmocka_unit_test(test_tops),
        cmocka_unit_test(test_bounded), cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
