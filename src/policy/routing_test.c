/* routing_test.c - what providers do with each operation and dialect. */
#include "policy/routing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

/* What a provider held to `only` speaks, in the order of enum dialect: CHAT RESPONSES ... */
static const struct {
    enum dialect only;
    bool speaks[DIALECT_COUNT];
} dialects[] = {
  /*                          chat   responses anthropic gemini openai */
    {DIALECT_OPENAI_CHAT,      {true, false, false, false, true} },
    {DIALECT_OPENAI_RESPONSES, {false, true, false, false, true} },
    {DIALECT_ANTHROPIC,        {false, false, true, false, false}},
    {DIALECT_GEMINI,           {false, false, false, true, false}},
    {DIALECT_OPENAI,           {true, true, false, false, true}  },
    {DIALECT_COUNT,            {true, true, true, true, true}    },
};

static void test_speaks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        for (int d = 0; d < DIALECT_COUNT; d++) {
            if (routing_speaks(dialects[i].only, (enum dialect)d) != dialects[i].speaks[d])
                fail_msg("row %zu, dialect %s", i, dialect_name((enum dialect)d));
        }
    }
}

/*
 * The cells of chat, responses, anthropic and gemini: "=" passes, "!" unsupported, "." local,
 * else the first letter of the dialect that upstream hears (c r a g o).
 */
static const struct {
    const char *channel;
    enum dialect only;
    bool prefer_chat;
    const char *routing; // single quotes stand for double ones
    const char *generate, *count;
    const char *embed; // openai, gemini
    const char *err;
} tables[] = {
#define ANY DIALECT_COUNT
    {"openai",    ANY,                 false, NULL,                                                            "==rr", "!=rr", "=o", NULL              },
    {"openai",    ANY,                 true,  NULL,                                                            "==cc", "!=rr", "=o", NULL              },
    {"anthropic", ANY,                 false, NULL,                                                            "aa=a", "!a=a", "!!", NULL              },
    {"aistudio",  ANY,                 false, NULL,                                                            "ggg=", "!gg=", "g=", NULL              },
    {"custom",    ANY,                 false, NULL,                                                            "====", "!===", "==", NULL              },
    {"custom",    DIALECT_OPENAI_CHAT, false, NULL,                                                            "=ccc", "!...", "=o", NULL              },
    {"custom",    DIALECT_GEMINI,      false, NULL,                                                            "ggg=", "!gg=", "g=", NULL              },
    {"echo",      ANY,                 false, NULL,                                                            "====", "====", "==", NULL              },
    {"custom",    ANY,                 false, "{'template':'chat-completions-only'}",                          "=ccc", "!...", "=o", NULL              },
    {"custom",    ANY,                 false, "{'template':'claude-only'}",                                    "aa=a", "!a=a", "!!", NULL              },
    {"custom",    ANY,                 false, "{'generate/gemini':'unsupported','template':'responses-only'}", "r=r!",
                             "!=rr",                                                                                                                   "=o", NULL              },
    {"openai",    ANY,                 false, "{'generate/anthropic':'openai_chat'}",                          "==cr", "!=rr", "=o", NULL              },
    {"openai",    ANY,                 false, "{'generate/openai_chat':'openai_responses'}",                   "r=rr", "!=rr", "=o",
                             NULL                                                                                                                                              },
    {"openai",    ANY,                 false, "{'count_tokens/anthropic':'local'}",                            "==rr", "!=.r", "=o", NULL              },
    {"openai",    ANY,                 false, "{'embed/gemini':'unsupported'}",                                "==rr", "!=rr", "=!", NULL              },
    {"openai",    ANY,                 false, "{'generate/openai_chat':'passthrough'}",                        "==rr", "!=rr", "=o", NULL              },
    {"openai",    ANY,                 false, "{'generate/openai_chat':'openai_chat'}",                        "==rr", "!=rr", "=o", NULL              },
    {"openai",    ANY,                 false, "{'generate/anthropic':'passthrough'}",                          NULL,   NULL,   NULL,
                             "routing.generate/anthropic"                                                                                                                      },
    {"openai",    ANY,                 false, "{'generate/anthropic':'gemini'}",                               NULL,   NULL,   NULL,
                             "routing.generate/anthropic"                                                                                                                      },
    {"openai",    ANY,                 false, "{'generate/anthropic':'local'}",                                NULL,   NULL,   NULL,
                             "routing.generate/anthropic"                                                                                                                      },
    {"openai",    ANY,                 false, "{'generate/anthropic':7}",                                      NULL,   NULL,   NULL,
                             "routing.generate/anthropic"                                                                                                                      },
    {"openai",    ANY,                 false, "{'make/anthropic':'local'}",                                    NULL,   NULL,   NULL,
                             "routing.make/anthropic"                                                                                                                          },
    {"openai",    ANY,                 false, "{'generate':'local'}",                                          NULL,   NULL,   NULL, "routing.generate"},
    {"openai",    ANY,                 false, "{'template':'claude-only'}",                                    NULL,   NULL,   NULL, "routing.template"},
    {"openai",    ANY,                 false, "{'template':'best'}",                                           NULL,   NULL,   NULL, "routing.template"},
    {"openai",    ANY,                 false, "[]",                                                            NULL,   NULL,   NULL, "routing"         },
#undef ANY
};

static char letter(struct cell c)
{
    switch (c.kind) {
    case CELL_UNSUPPORTED: return '!';
    case CELL_PASSTHROUGH: return '=';
    case CELL_LOCAL: return '.';
    case CELL_TRANSFORM: break;
    }
    return "crago"[c.to];
}

static void expect_cells(size_t row, const struct routing *r, enum operation op, const char *want,
                         const enum dialect *order)
{
    for (size_t i = 0; want[i]; i++) {
        if (letter(r->cells[op][order[i]]) != want[i])
            fail_msg("row %zu: %s/%s: %c", row, operation_name(op), dialect_name(order[i]),
                     letter(r->cells[op][order[i]]));
    }
}

static void test_tables(void **state)
{
    static const enum dialect four[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};
    static const enum dialect two[] = {DIALECT_OPENAI, DIALECT_GEMINI};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct routing_rules rules = {channel_find(slice_str(tables[i].channel)), tables[i].only,
                                      tables[i].prefer_chat};
        struct buf json = {0};
        struct routing r;
        struct err_info e = {0};

        for (const char *p = tables[i].routing; p && *p; p++)
            buf_append_byte(&json, *p == '\'' ? '"' : *p);
        routing_read(tables[i].routing ? buf_peek(&json) : (struct slice){0}, &rules, &r, &e);
        buf_release(&json);
        if (tables[i].err) {
            if (e.code != ERR_BAD_REQUEST || !strstr(e.text, tables[i].err))
                fail_msg("row %zu: %s", i, e.text);
            continue;
        }
        if (e.code)
            fail_msg("row %zu: %s", i, e.text);
        expect_cells(i, &r, OP_GENERATE, tables[i].generate, four);
        expect_cells(i, &r, OP_COUNT_TOKENS, tables[i].count, four);
        expect_cells(i, &r, OP_EMBED, tables[i].embed, two);
    }
}

/* Pictures and summaries are generated where upstream has no door for them. */
static const struct {
    const char *channel;
    enum dialect only;
    char image, compact;
    const char *files; // of openai and anthropic
} beside[] = {
    {"openai",    DIALECT_COUNT,            '=', '=', "=!"},
    {"anthropic", DIALECT_COUNT,            '!', 'a', "!="},
    {"aistudio",  DIALECT_COUNT,            'g', 'g', "!!"},
    {"custom",    DIALECT_COUNT,            '=', '=', "=="},
    {"custom",    DIALECT_OPENAI_CHAT,      '=', 'c', "=!"},
    {"custom",    DIALECT_OPENAI_RESPONSES, '=', '=', "=!"},
    {"custom",    DIALECT_ANTHROPIC,        '!', 'a', "!="},
    {"custom",    DIALECT_GEMINI,           'g', 'g', "!!"},
    {"echo",      DIALECT_COUNT,            '=', '=', "!!"},
};

static void test_beside(void **state)
{
    static const enum dialect openai[] = {DIALECT_OPENAI}, responses[] = {DIALECT_OPENAI_RESPONSES};
    static const enum dialect keepers[] = {DIALECT_OPENAI, DIALECT_ANTHROPIC};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
        struct routing_rules rules = {channel_find(slice_str(beside[i].channel)), beside[i].only,
                                      false};
        struct routing r;

        routing_fill(&rules, &r);
        expect_cells(i, &r, OP_IMAGE, (char[]){beside[i].image, '\0'}, openai);
        expect_cells(i, &r, OP_COMPACT, (char[]){beside[i].compact, '\0'}, responses);
        expect_cells(i, &r, OP_FILES, beside[i].files, keepers);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speaks),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
