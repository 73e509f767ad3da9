/* gemini_test_kit.h - fixtures and comparisons for the tests of Gemini's codec. */
#ifndef CHAT_GEMINI_TEST_KIT_H
#define CHAT_GEMINI_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/gemini_inside.h"

__attribute__((unused)) static const char *const fixtures[] = {
    "01-plain",          "02-system",       "03-multi-turn",       "04-tool-call",
    "05-parallel-calls", "06-tool-results", "07-thinking-tools",   "08-image",
    "09-structured",     "10-cached-usage", "11-length",           "12-filter",
    "13-error",          "14-stream-error", "15-no-argument-tool",
};

/* A case's Gemini side, in the arena. */
static inline struct json *fixture_read(struct arena *a, const char *name)
{
    struct err_info e = {0};
    struct buf text = {0};
    struct json *v = NULL;
    char path[512];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s.gemini.json", SOURCE_ROOT, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    while ((len = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        buf_grew(&text, len);
    fclose(file);
    assert_int_equal(json_parse(a, arena_dup(a, buf_peek(&text)), &v, &e), ERR_NONE);
    buf_release(&text);
    return v;
}

static inline struct json *parse(struct arena *a, struct slice text)
{
    struct err_info e = {0};
    struct json *v = NULL;

    if (json_parse(a, text, &v, &e) != ERR_NONE)
        fail_msg("%s in %.*s", e.text, SLICE_ARG(text));
    return v;
}

/* The same value, whatever the order of members; small trees only. */
static inline bool same(struct arena *a, const struct json *x, const struct json *y)
{
    const struct json *at = json_first(y);

    if (!x || !y || x->type != y->type || x->count != y->count)
        return false;
    if (x->type == JSON_STRING)
        return slice_eq(json_str(a, x), json_str(a, y));
    if (!x->first)
        return x->type >= JSON_ARRAY || slice_eq(x->source, y->source);
    json_for_each(child, x) {
        if (!same(a, child, x->type == JSON_OBJECT ? json_member(y, child->key) : at))
            return false;
        at = at->next;
    }
    return true;
}

static inline void assert_same(struct arena *a, const char *why, struct slice got,
                               const struct json *wanted)
{
    if (!same(a, parse(a, got), wanted))
        fail_msg("%s:\n  got    %.*s\n  wanted %.*s", why, SLICE_ARG(got),
                 SLICE_ARG(wanted->source));
}

/* A seal of the test's own. */
static inline const struct chat_seal *test_seal(void)
{
    static struct key_hasher hasher;
    static const struct chat_seal seal = {&hasher, SLICE_INIT("7")};

    key_hasher_init(&hasher, (const unsigned char *)"0123456789abcdef0123456789abcdef", 32);
    return &seal;
}

#endif
