/* veto_test.c - what a body may not ask for. */
#include "exchange/veto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI
#define O DIALECT_OPENAI

#define ADVISOR "{\"type\":\"advisor_20260301\",\"name\":\"advisor\",\"model\":\"m\"}"
#define ESCAPED "{\"name\":\"advisor\",\"mo\\u0064el\":\"m\"}"
#define CUSTOM  "{\"name\":\"model\",\"input_schema\":{\"model\":{}}}"

static const struct {
    enum dialect dialect;
    const char *background, *models, *fallbacks, *tools; // NULL: absent
    const char *refused;                                 // the text begins so; NULL: it is not
} cases[] = {
    {R, NULL,    NULL,      NULL,   NULL,                       NULL         },
    {R, "true",  NULL,      NULL,   NULL,                       "background:"},
    {R, "1",     NULL,      NULL,   NULL,                       "background:"},
    {R, "\"a\"", NULL,      NULL,   NULL,                       "background:"},
    {R, "false", NULL,      NULL,   NULL,                       NULL         },
    {R, "null",  NULL,      NULL,   NULL,                       NULL         },
    {O, "\"a\"", NULL,      NULL,   NULL,                       NULL         }, // of a picture
    {C, NULL,    "[\"m\"]", NULL,   NULL,                       "models:"    },
    {C, NULL,    "\"m\"",   NULL,   NULL,                       "models:"    },
    {R, NULL,    "{}",      NULL,   NULL,                       "models:"    },
    {C, NULL,    "[ ]",     NULL,   NULL,                       NULL         },
    {C, NULL,    "null",    NULL,   NULL,                       NULL         },
    {A, NULL,    NULL,      "[{}]", NULL,                       "fallbacks:" },
    {C, NULL,    NULL,      "[0]",  NULL,                       "fallbacks:" },
    {A, NULL,    NULL,      "[]",   NULL,                       NULL         },
    {A, NULL,    NULL,      NULL,   "[" ADVISOR "]",            "tools:"     },
    {A, NULL,    NULL,      NULL,   "[" CUSTOM "," ESCAPED "]", "tools:"     },
    {A, NULL,    NULL,      NULL,   "[" CUSTOM ",null,1]",      NULL         },
    {A, NULL,    NULL,      NULL,   "[{\"model\":null}]",       NULL         },
    {A, NULL,    NULL,      NULL,   "{\"model\":1}",            NULL         },
    {R, NULL,    NULL,      NULL,   "[" ADVISOR "]",            NULL         }, // pictures have one
    {G, "true",  "[1]",     "[1]",  "[" ADVISOR "]",            NULL         },
};

static struct slice text_of(const char *json)
{
    return json ? slice_str(json) : slice_of(NULL, 0);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct veto_members m = {
            .background = text_of(cases[i].background),
            .models = text_of(cases[i].models),
            .fallbacks = text_of(cases[i].fallbacks),
            .tools = text_of(cases[i].tools),
        };
        struct err_info e = {0};
        enum err err = veto_check(cases[i].dialect, &m, &e);

        if (err != (cases[i].refused ? ERR_BAD_REQUEST : ERR_NONE) ||
            (err && !slice_starts(slice_str(e.text), slice_str(cases[i].refused))))
            fail_msg("case %zu: %s", i, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
