/* restore_test.c - what a client hears of tools that went upstream in another form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/restore.h"
#include "chat/unwrap.h"

/* Events as chat_event_print() says them; texts of neighbouring deltas are joined. */
struct heard {
    struct buf out, text;
    struct chat_grammar grammar;
    struct chat_event delta;
};

static void flush(struct heard *h)
{
    struct chat_event delta = h->delta;

    if (!buf_len(&h->text))
        return;
    delta.delta.text = (struct chat_text){buf_peek(&h->text), true};
    chat_event_print(&h->out, &delta);
    buf_clear(&h->text);
}

static void hear(void *ctx, const struct chat_event *ev)
{
    struct heard *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    if (wrong)
        fail_msg("%s", wrong);
    if (ev->type == CHAT_DELTA) {
        if (buf_len(&h->text) && h->delta.index != ev->index)
            flush(h);
        h->delta = *ev;
        text_append_escaped(&h->text, ev->delta.text);
    } else {
        flush(h);
        chat_event_print(&h->out, ev);
    }
}

/* Every tool that shape makes, by its name upstream. */
static void declare(struct chat_request *r)
{
    struct chat_tool *tool;

    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("plain");
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("fs.read");
    tool->sent_name = SLICE("fs_read");
    tool = chat_tool_new(r, TOOL_CUSTOM);
    tool->name = SLICE("patch.it");
    tool->sent_name = SLICE("patch_it");
    tool->as_function = true;
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("list");
    tool->wrapped = true;
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("json_response");
    tool->is_format = true;
    tool = chat_tool_new(r, TOOL_FUNCTION);
    tool->name = SLICE("json_list");
    tool->is_format = tool->wrapped = true;
}

static void send_open(struct restore *r, uint32_t index, struct slice tool)
{
    struct chat_event ev = {.type = CHAT_OPEN, .index = index};

    ev.open.kind = tool.len ? PART_CALL : PART_TEXT;
    ev.open.call_id = tool.len ? SLICE("c1") : SLICE("");
    ev.open.tool = tool;
    restore_take(r, &ev);
}

static void send_delta(struct restore *r, uint32_t index, struct slice json, bool escaped)
{
    struct chat_event ev = {.type = CHAT_DELTA, .index = index};
    struct buf text = {0};

    if (escaped) {
        json_write_escaped(&text, json);
        ev.delta.text = (struct chat_text){buf_peek(&text), true};
    } else {
        ev.delta.text = text_plain(json);
    }
    if (json.len)
        restore_take(r, &ev);
    buf_release(&text);
}

static void send_bare(struct restore *r, enum chat_event_type type, uint32_t index)
{
    struct chat_event ev = {.type = type, .index = index};

    restore_take(r, &ev);
}

static void send_finish(struct restore *r, enum chat_finish reason)
{
    struct chat_event ev = {.type = CHAT_FINISH};

    ev.finish.reason = reason;
    restore_take(r, &ev);
    send_bare(r, CHAT_END, 0);
}

static const struct {
    const char *why, *tool, *arguments, *heard;
} cases[] = {
    {"not ours",                     "other",         "{\"a\": 1}",
     "OPEN 0 call id=\"c1\" tool=\"other\"\nDELTA 0 \"{\\\"a\\\": 1}\"\n"                                                                                            },
    {"nothing changed",              "plain",         "{}",                                                  "OPEN 0 call id=\"c1\" tool=\"plain\"\nDELTA 0 \"{}\"\n"},
    {"the name",                     "fs_read",       "{\"input\": 1}",
     "OPEN 0 call id=\"c1\" tool=\"fs.read\"\nDELTA 0 \"{\\\"input\\\": 1}\"\n"                                                                                      },
    {"free text",                    "patch_it",      "{\"input\":\"a\\n\\\"b\\\" \\\\ \\u00e9 \xc3\xa9\"}",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\n"
     "DELTA 0 \"a\\n\\\"b\\\" \\\\ \\u00e9 \xc3\xa9\"\n"                                                                                                             },
    {"blanks",                       "patch_it",      " { \"input\" :\n\"x\" } ",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"x\"\n"                                                                                               },
    {"empty text",                   "patch_it",      "{\"input\":\"\"}",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\n"                                                                                                              },
    {"cut at the end of the answer", "patch_it",      "{\"input\":\"ab\\",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"ab\"\n"                                                                                              },
    {"cut in the wrapping",          "patch_it",      "{\"inp",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\n"                                                                                                              },
    {"something first",              "patch_it",      "{\"why\":\"{\",\"input\":\"x\\ty\"}",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"x\\ty\"\n"                                                                                           },
    {"no text in it",                "patch_it",      "{\"input\":[1]}",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"[1]\"\n"                                                                                             },
    {"another object",               "patch_it",      "{\"patch\":\"x\"}",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"{\\\"patch\\\":\\\"x\\\"}\"\n"                                                                       },
    {"called without",               "patch_it",      "{ }",                                                 "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\n"      },
    {"no JSON",                      "patch_it",      "*** Begin",
     "OPEN 0 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 0 \"*** Begin\"\n"                                                                                       },
    {"an array",                     "list",          "{\"value\": [1, {\"value\":\"]\"}]}",
     "OPEN 0 call id=\"c1\" tool=\"list\"\nDELTA 0 \"[1, {\\\"value\\\":\\\"]\\\"}]\"\n"                                                                             },
    {"a number",                     "list",          "{ \"value\":12 }",
     "OPEN 0 call id=\"c1\" tool=\"list\"\nDELTA 0 \"12\"\n"                                                                                                         },
    {"a string",                     "list",          "{\"value\":\"a\\\"}\"}",
     "OPEN 0 call id=\"c1\" tool=\"list\"\nDELTA 0 \"\\\"a\\\\\\\"}\\\"\"\n"                                                                                         },
    {"the format",                   "json_response", "{\"a\":1}",                                           "OPEN 0 text\nDELTA 0 \"{\\\"a\\\":1}\"\n"              },
    {"the format, wrapped",          "json_list",     "{\"value\":[1,2]}",                                   "OPEN 0 text\nDELTA 0 \"[1,2]\"\n"                      },
};

/* One call, cut in two or three, its fragments escaped and not. */
static void run(size_t i, size_t first, size_t second, bool escaped)
{
    struct slice all = slice_str(cases[i].arguments);
    struct chat_request request;
    struct heard h = {0};
    struct restore r;
    struct arena a;
    bool text = slice_starts(slice_str(cases[i].tool), SLICE("json_"));
    struct buf want = {0};

    arena_init(&a, 0);
    chat_request_init(&request, &a, DIALECT_OPENAI_CHAT);
    declare(&request);
    restore_init(&r, &request, (struct chat_sink){hear, &h});
    send_bare(&r, CHAT_START, 0);
    send_open(&r, 0, slice_str(cases[i].tool));
    send_delta(&r, 0, slice_sub(all, 0, first), escaped);
    send_delta(&r, 0, slice_sub(all, first, second - first), escaped);
    send_delta(&r, 0, slice_after(all, second), escaped);
    send_bare(&r, CHAT_CLOSE, 0);
    send_finish(&r, FINISH_TOOLS);
    buf_printf(&want, "START\n%sCLOSE 0\nFINISH %s\nEND\n", cases[i].heard,
               text ? "stop" : "tools");
    if (!slice_eq(buf_peek(&h.out), buf_peek(&want)))
        fail_msg("%s, cut at %zu and %zu: %.*s instead of %.*s", cases[i].why, first, second,
                 SLICE_ARG(buf_peek(&h.out)), SLICE_ARG(buf_peek(&want)));
    restore_release(&r);
    buf_release(&h.out);
    buf_release(&h.text);
    buf_release(&want);
    arena_release(&a);
}

/* A rune is never cut: what a decoder emits is UTF-8. */
static bool within_rune(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0) == 0x80;
}

static void test_calls_at_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].arguments);

        for (size_t first = 0; first <= len; first++) {
            for (size_t second = first; second <= len; second++) {
                if (within_rune(cases[i].arguments, first) ||
                    within_rune(cases[i].arguments, second))
                    continue;
                run(i, first, second, false);
                run(i, first, second, true);
            }
        }
    }
}

/* Two calls and a text at once: each is unwrapped by itself, and indices stay. */
static void test_interleaved(void **state)
{
    struct chat_request request;
    struct heard h = {0};
    struct restore r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&request, &a, DIALECT_OPENAI_CHAT);
    declare(&request);
    restore_init(&r, &request, (struct chat_sink){hear, &h});
    send_bare(&r, CHAT_START, 0);
    send_open(&r, 0, SLICE(""));
    send_delta(&r, 0, SLICE("Hi"), false);
    send_open(&r, 1, SLICE("patch_it"));
    send_delta(&r, 1, SLICE("{\"input\":\"a"), false);
    send_bare(&r, CHAT_CLOSE, 0);
    send_open(&r, 2, SLICE("json_list"));
    send_delta(&r, 2, SLICE("{\"value\":[1"), false);
    send_delta(&r, 1, SLICE("b\"}"), false);
    send_bare(&r, CHAT_CLOSE, 1);
    send_delta(&r, 2, SLICE(",2]}"), false);
    send_bare(&r, CHAT_CLOSE, 2);
    send_finish(&r, FINISH_TOOLS);
    buf_append_byte(&h.out, '\0');
    assert_string_equal(buf_peek(&h.out).ptr,
                        "START\nOPEN 0 text\nDELTA 0 \"Hi\"\n"
                        "OPEN 1 call id=\"c1\" tool=\"patch.it\" custom\nDELTA 1 \"a\"\nCLOSE 0\n"
                        "OPEN 2 text\nDELTA 2 \"[1\"\nDELTA 1 \"b\"\nCLOSE 1\n"
                        "DELTA 2 \",2]\"\nCLOSE 2\nFINISH tools\nEND\n");
    restore_release(&r);
    buf_release(&h.out);
    buf_release(&h.text);
    arena_release(&a);
}

/* A format that was no object's: all text is unwrapped, and other text passes. */
static void test_wrapped_format(void **state)
{
    static const struct {
        const char *text, *heard;
    } texts[] = {
        {"{\"value\":[true]}", "START\nOPEN 0 text\nDELTA 0 \"[true]\"\nCLOSE 0\n"     },
        {"I will not.",        "START\nOPEN 0 text\nDELTA 0 \"I will not.\"\nCLOSE 0\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct chat_request request;
        struct heard h = {0};
        struct restore r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&request, &a, DIALECT_GEMINI);
        request.format.wrapped = true;
        restore_init(&r, &request, (struct chat_sink){hear, &h});
        send_bare(&r, CHAT_START, 0);
        send_open(&r, 0, SLICE(""));
        send_delta(&r, 0, slice_str(texts[i].text), true);
        send_bare(&r, CHAT_CLOSE, 0);
        buf_append_byte(&h.out, '\0');
        assert_string_equal(buf_peek(&h.out).ptr, texts[i].heard);
        restore_release(&r);
        buf_release(&h.out);
        buf_release(&h.text);
        arena_release(&a);
    }
}

/* An emoji escaped around the arguments, and the cut goes through it. */
static void test_cut_surrogates(void **state)
{
    struct unwrap u;
    struct buf got = {0};
    const char *const pieces[] = {"{\\\"input\\\":\\\"a\\ud83d", "\\ude00b\\\"}"};

    (void)state;
    unwrap_init(&u, UNWRAP_TEXT);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        text_append_escaped(&got, unwrap_feed(&u, (struct chat_text){slice_str(pieces[i]), true}));
    text_append_escaped(&got, unwrap_end(&u));
    buf_append_byte(&got, '\0');
    assert_string_equal(buf_peek(&got).ptr, "a\xf0\x9f\x98\x80"
                                            "b");
    buf_release(&got);
    unwrap_release(&u);
}

/* What is held has a limit, and beyond it the answer ends in an error. */
static void test_too_large(void **state)
{
    struct chat_request request;
    struct heard h = {0};
    struct restore r;
    struct arena a;
    static char blanks[1 << 20];

    (void)state;
    memset(blanks, ' ', sizeof(blanks));
    arena_init(&a, 0);
    chat_request_init(&request, &a, DIALECT_OPENAI_CHAT);
    declare(&request);
    restore_init(&r, &request, (struct chat_sink){hear, &h});
    send_bare(&r, CHAT_START, 0);
    send_open(&r, 0, SLICE("patch_it"));
    for (size_t i = 0; i < 20; i++)
        send_delta(&r, 0, slice_of(blanks, sizeof(blanks)), false);
    send_bare(&r, CHAT_CLOSE, 0);
    buf_append_byte(&h.out, '\0');
    assert_string_equal(buf_peek(&h.out).ptr,
                        "START\nOPEN 0 call id=\"c1\" tool=\"patch.it\" custom\n"
                        "ERROR UPSTREAM_BROKEN \"the arguments of a call are too large\"\n");
    restore_release(&r);
    buf_release(&h.out);
    buf_release(&h.text);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_at_any_cut), cmocka_unit_test(test_interleaved),
        cmocka_unit_test(test_wrapped_format),   cmocka_unit_test(test_cut_surrogates),
        cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
