/* model_test.c - ids of models, and what is known about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/model.h"

#define E(name) (1u << EFFORT_##name)
#define LMH     (E(LOW) | E(MEDIUM) | E(HIGH))
#define UP      (LMH | E(XHIGH) | E(MAX))

static const struct {
    enum dialect upstream;
    const char *id;
    enum chat_family family;
    enum chat_control control;
    uint32_t efforts, has, lacks; // traits
    int64_t max_output;
} cases[] = {
#define CASE(upstream, id, family, control, efforts, has, lacks, out) \
    {DIALECT_##upstream, id, FAMILY_##family, CONTROL_##control, efforts, has, lacks, out},
#include "chat/model_test.def"
#undef CASE
};

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct chat_model *m = chat_model_find(cases[i].upstream, slice_str(cases[i].id));

        if (m->family != cases[i].family || m->control != cases[i].control ||
            m->efforts != cases[i].efforts || (m->traits & cases[i].has) != cases[i].has ||
            m->traits & cases[i].lacks || m->max_output != cases[i].max_output)
            fail_msg("%s: family %d control %d efforts %x traits %x max %lld", cases[i].id,
                     m->family, m->control, m->efforts, m->traits, (long long)m->max_output);
    }
}

static const struct {
    enum dialect upstream;
    const char *a, *b;
} same[] = {
    {DIALECT_ANTHROPIC,        "claude-opus-4-6",   "us.anthropic.claude-opus-4-6-v1:0"                      },
    {DIALECT_ANTHROPIC,        "claude-opus-4-6",   "anthropic/claude-opus-4.6"                              },
    {DIALECT_ANTHROPIC,        "claude-opus-4-6",   "Claude-Opus-4-6[1m]"                                    },
    {DIALECT_ANTHROPIC,        "claude-haiku-4-5",  "claude-haiku-4-5@20251001"                              },
    {DIALECT_ANTHROPIC,        "claude-haiku-4-5",  "claude-haiku-4-5-20251001"                              },
    {DIALECT_ANTHROPIC,        "claude-sonnet-4",   "claude-sonnet-4-20250514"                               },
    {DIALECT_ANTHROPIC,        "claude-opus-4",     "claude-opus-4-0"                                        },
    {DIALECT_ANTHROPIC,        "claude-3-5-sonnet", "anthropic.claude-3-5-sonnet-20241022-v2:0"              },
    {DIALECT_GEMINI,           "gemini-3-pro",      "models/gemini-3-pro-preview-11-2025"                    },
    {DIALECT_GEMINI,           "gemini-2.5-flash",  "publishers/google/models/gemini-2.5-flash-preview-05-20"},
    {DIALECT_OPENAI_CHAT,      "gpt-5",             "openai/gpt-5-2025-08-07"                                },
    {DIALECT_OPENAI_CHAT,      "gpt-4o",            "ft:gpt-4o-2024-08-06:us::abc"                           },
    {DIALECT_OPENAI_CHAT,      "gpt-4",             "gpt-4-0613"                                             },
    {DIALECT_OPENAI_RESPONSES, "gpt-5.6",           "gpt-5.6-mini"                                           },
    {DIALECT_OPENAI_CHAT,      "deepseek-v4-flash", "deepseek-ai/DeepSeek-V4-Flash-1107"                     },
};

static void test_looked_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        const struct chat_model *a = chat_model_find(same[i].upstream, slice_str(same[i].a));
        const struct chat_model *b = chat_model_find(same[i].upstream, slice_str(same[i].b));

        if (a != b)
            fail_msg("%s is not %s", same[i].b, same[i].a);
    }
}

static const struct {
    const char *id;
    enum chat_effort wanted, gives;
} efforts[] = {
    {"gpt-6-sol",     EFFORT_MINIMAL, EFFORT_LOW    }, // not NONE, though that is the next lower
    {"gpt-6-sol",     EFFORT_MAX,     EFFORT_MAX    },
    {"gpt-6-sol",     EFFORT_NONE,    EFFORT_NONE   },
    {"gpt-5",         EFFORT_NONE,    EFFORT_MINIMAL},
    {"gpt-5",         EFFORT_MAX,     EFFORT_HIGH   },
    {"gpt-5.2",       EFFORT_MAX,     EFFORT_XHIGH  },
    {"o3",            EFFORT_NONE,    EFFORT_LOW    },
    {"gpt-5-pro",     EFFORT_LOW,     EFFORT_HIGH   },
    {"gpt-4.1",       EFFORT_HIGH,    EFFORT_UNSET  },
    {"gpt-6-sol",     EFFORT_UNSET,   EFFORT_UNSET  },
    {"grok-4.20-pro", EFFORT_LOW,     EFFORT_UNSET  },
};

static void test_effort(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++) {
        const struct chat_model *m = chat_model_find(DIALECT_OPENAI_CHAT, slice_str(efforts[i].id));
        if (chat_model_effort(m, efforts[i].wanted) != efforts[i].gives)
            fail_msg("%s: %d gives %d", efforts[i].id, efforts[i].wanted,
                     chat_model_effort(m, efforts[i].wanted));
    }
}

/* Whatever stands for an id is some model, and no byte beyond it is looked at. */
static void test_any_id(void **state)
{
    char odd[400];

    (void)state;
    assert_non_null(chat_model_find(DIALECT_GEMINI, slice_of(NULL, 0)));
    for (size_t n = 0; n < sizeof(odd); n++) {
        odd[n] = (char)("o4-9gpt/\xff.v1"[n % 13]);
        for (int d = 0; d < DIALECT_COUNT; d++)
            assert_non_null(chat_model_find((enum dialect)d, slice_of(odd, n)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_looked_through),
        cmocka_unit_test(test_effort),
        cmocka_unit_test(test_any_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
