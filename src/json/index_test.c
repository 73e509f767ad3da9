/* index_test.c - the wide, the narrow and the obvious way to list positions agree. */
#include "json/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"

#define TEXT_BYTES 700
#define TEXTS      20000

struct listing {
    size_t positions[TEXT_BYTES], count;
    enum json_fault fault;
    size_t fault_at;
};

static void list_by_index(struct slice text, bool narrow, struct listing *out)
{
    struct json_index x;

    json_index_init(&x, text);
    x.narrow = x.narrow || narrow;
    out->count = 0;
    while (json_index_fill(&x)) {
        for (uint32_t i = 0; i < x.count; i++)
            out->positions[out->count++] = x.base + x.positions[i];
    }
    out->fault = x.fault;
    out->fault_at = x.fault_at;
}

static bool is_plain(char c)
{
    return c && !strchr("{}[]:,\" \t\r\n", c);
}

static size_t escape_len(struct slice text, size_t at)
{
    static const char hex[] = "0123456789abcdefABCDEF";

    if (at + 1 >= text.len || !text.ptr[at + 1] || !strchr("\"\\/bfnrtu", text.ptr[at + 1]))
        return 0;
    if (text.ptr[at + 1] != 'u')
        return 2;
    for (size_t i = at + 2; i < at + 6; i++) {
        if (i >= text.len || !text.ptr[i] || !strchr(hex, text.ptr[i]))
            return 0;
    }
    return 6;
}

/* The end of the string that opens at `at`, or the fault in it. */
static size_t string_by_byte(struct slice text, size_t at, struct listing *out)
{
    for (at++; at < text.len; at++) {
        if (text.ptr[at] == '"')
            return at;
        out->fault_at = at;
        if ((unsigned char)text.ptr[at] < 0x20) {
            out->fault = JSON_FAULT_CONTROL;
            return at;
        }
        if (text.ptr[at] == '\\') {
            size_t len = escape_len(text, at);

            if (!len) {
                out->fault = at + 1 < text.len ? JSON_FAULT_ESCAPE : JSON_FAULT_UNTERMINATED;
                out->fault_at += at + 1 == text.len;
                return at;
            }
            at += len - 1;
        }
    }
    out->fault = JSON_FAULT_UNTERMINATED;
    out->fault_at = text.len;
    return text.len;
}

/* What the header says, byte by byte.  The texts have no backslashes outside strings. */
static void list_by_byte(struct slice text, struct listing *out)
{
    bool plain = false;

    *out = (struct listing){.count = 0};
    for (size_t at = 0; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '"' || strchr("{}[]:,", c) || (is_plain(c) && !plain))
            out->positions[out->count++] = at;
        plain = is_plain(c);
        if (c == '"') {
            at = string_by_byte(text, at, out);
            if (out->fault != JSON_FAULT_NONE)
                return;
            out->positions[out->count++] = at;
        }
    }
}

/* Strings with escapes, now and then a wrong one, and every kind of byte around them. */
static void text_make(struct random *r, char *text, size_t len)
{
    static const char outside[] = "{}[]:, \n\t1e-xtrue\"\"", inside[] = "abc{}[]:, x\xC3\xA9\"";
    static const char *const escapes[] = {"\\n", "\\\\", "\\\"",    "\\u00e9",
                                          "\\/", "\\r",  "\\u12AF", "\\\\\\\\"};
    bool in_string = false;
    size_t at = 0;

    while (at < len) {
        const char *escape = escapes[random_below(r, ARRAY_LEN(escapes))];

        if (random_below(r, 1000) == 0)
            escape = random_below(r, 2) ? "\\x" : "\x1F";
        if (in_string && random_below(r, 4) == 0 && at + strlen(escape) <= len) {
            memcpy(text + at, escape, strlen(escape));
            at += strlen(escape);
            continue;
        }
        text[at] = in_string ? inside[random_below(r, sizeof(inside) - 1)]
                             : outside[random_below(r, sizeof(outside) - 1)];
        if (text[at++] == '"')
            in_string = !in_string;
    }
}

static void listing_equal(const struct listing *a, const struct listing *b, const char *text,
                          int len)
{
    if (a->count != b->count || a->fault != b->fault ||
        (a->fault != JSON_FAULT_NONE && a->fault_at != b->fault_at) ||
        memcmp(a->positions, b->positions, a->count * sizeof(a->positions[0])) != 0)
        fail_msg("%.*s", len, text);
}

static void test_three_ways(void **state)
{
    struct random r;
    char text[TEXT_BYTES];
    static struct listing want, wide, narrow;

    (void)state;
    random_seed(&r, (const uint64_t[4]){1, 2, 3, 4});
    for (int n = 0; n < TEXTS; n++) {
        size_t len = (size_t)random_below(&r, TEXT_BYTES);
        struct slice s = slice_of(text, len);

        text_make(&r, text, len);
        list_by_byte(s, &want);
        list_by_index(s, false, &wide);
        list_by_index(s, true, &narrow);
        listing_equal(&want, &wide, text, (int)len);
        listing_equal(&want, &narrow, text, (int)len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
