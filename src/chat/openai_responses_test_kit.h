/* openai_responses_test_kit.h - fixtures and comparisons, for the tests of the Responses codec. */
#ifndef CHAT_OPENAI_RESPONSES_TEST_KIT_H
#define CHAT_OPENAI_RESPONSES_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/codec.h"
#include "json/raw.h"

static const char *const kit_fixtures[] = {
    "01-plain",          "02-system",       "03-multi-turn",       "04-tool-call",
    "05-parallel-calls", "06-tool-results", "07-thinking-tools",   "08-image",
    "09-structured",     "10-cached-usage", "11-length",           "12-filter",
    "13-error",          "14-stream-error", "15-no-argument-tool",
};

static inline struct json *kit_parse(struct arena *a, struct slice text)
{
    struct err_info e = {0};
    struct json *v = NULL;

    if (json_parse(a, text, &v, &e) != ERR_NONE)
        fail_msg("%s in %.*s", e.text, SLICE_ARG(text));
    return v;
}

/* A case's Responses side, in the arena. */
static inline struct json *kit_fixture(struct arena *a, const char *name)
{
    struct slice path =
        arena_printf(a, "%s/tests/golden/fixtures/%s.responses.json", SOURCE_ROOT, name);
    FILE *file = fopen(path.ptr, "rb");
    struct buf text = {0};
    struct json *v;
    size_t len;

    assert_non_null(file);
    while ((len = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        buf_grew(&text, len);
    fclose(file);
    v = kit_parse(a, arena_dup(a, buf_peek(&text)));
    buf_release(&text);
    return v;
}

static inline bool kit_same_scalar(struct arena *a, const struct json *x, const struct json *y)
{
    if (x->type == JSON_STRING)
        return slice_eq(json_str(a, x), json_str(a, y));
    return slice_eq(x->source, y->source);
}

/* The same value, whatever the order of members; small trees only. */
static inline bool kit_same(struct arena *a, const struct json *x, const struct json *y)
{
    const struct json *at = json_first(y);

    if (!x || !y || x->type != y->type || x->count != y->count)
        return false;
    if (x->type != JSON_OBJECT && x->type != JSON_ARRAY)
        return kit_same_scalar(a, x, y);
    json_for_each(v, x) {
        if (x->type == JSON_OBJECT)
            at = json_member(y, v->key);
        if (!kit_same(a, v, at))
            return false;
        if (x->type == JSON_ARRAY)
            at = at->next;
    }
    return true;
}

/* Without the blanks that stand between the tokens of JSON; strings are left alone. */
static inline void kit_compact(struct slice s, struct buf *out)
{
    bool in_string = false;

    for (size_t i = 0; i < s.len; i++) {
        if (in_string && s.ptr[i] == '\\' && i + 1 < s.len)
            buf_append_byte(out, s.ptr[i++]);
        else if (s.ptr[i] == '"')
            in_string = !in_string;
        if (in_string || s.ptr[i] != ' ')
            buf_append_byte(out, s.ptr[i]);
    }
}

#endif
