/* openai_chat_test_kit.h - fixtures, for the tests of the Chat Completions codec. */
#ifndef CHAT_OPENAI_CHAT_TEST_KIT_H
#define CHAT_OPENAI_CHAT_TEST_KIT_H

#include <stdio.h>

#include "base/buf.h"
#include "json/tree.h"

#define KIT __attribute__((unused)) static

KIT const char *const kit_fixtures[] = {
    "01-plain",          "02-system",       "03-multi-turn",       "04-tool-call",
    "05-parallel-calls", "06-tool-results", "07-thinking-tools",   "08-image",
    "09-structured",     "10-cached-usage", "11-length",           "12-filter",
    "13-error",          "14-stream-error", "15-no-argument-tool",
};

/* The whole file as a tree; the test fails when it cannot be read. */
KIT struct json *kit_fixture(struct arena *a, const char *name, const char *format)
{
    struct slice path =
        arena_printf(a, "%s/tests/golden/fixtures/%s.%s.json", SOURCE_ROOT, name, format);
    FILE *file = fopen(path.ptr, "rb");
    struct err_info e = {0};
    struct buf text = {0};
    struct json *tree;
    size_t len;

    assert_non_null(file);
    while ((len = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        buf_grew(&text, len);
    fclose(file);
    assert_int_equal(json_parse(a, arena_dup(a, buf_peek(&text)), &tree, &e), ERR_NONE);
    buf_release(&text);
    return tree;
}

/* Valid JSON without the blanks between its tokens. */
KIT void kit_compact(struct slice json, struct buf *out)
{
    bool in_string = false;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];

        if (in_string && c == '\\') {
            buf_append_byte(out, c);
            c = json.ptr[++i];
        } else if (c == '"') {
            in_string = !in_string;
        }
        if (in_string || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            buf_append_byte(out, c);
    }
}

#endif
