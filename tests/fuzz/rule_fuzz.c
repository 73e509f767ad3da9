/*
 * rule_fuzz.c - whatever rules do to whatever body, the result is JSON, and rules that are applied
 * together do what they do one after another.  The input: a byte for the dialect (bit 7: with
 * magic strings), how many rules, as many bytes that choose them, the body.
 */
#include <assert.h>

#include "base/array.h"
#include "base/buf.h"
#include "policy/rule.h"
#include "json/scan.h"

#define MOST 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH(act, where, what)                                                           \
    {                                                                                    \
        .action = SLICE_INIT(act), .path = SLICE_INIT(where), .value = SLICE_INIT(what), \
    }
#define REMOVE(where)                                              \
    {                                                              \
        .action = SLICE_INIT("remove"), .path = SLICE_INIT(where), \
    }
#define REPLACE(what, by)                                             \
    {                                                                 \
        .action = SLICE_INIT("replace"), .pattern = SLICE_INIT(what), \
        .replacement = SLICE_INIT(by),                                \
    }
#define SYSTEM(where, what)                                                                    \
    {                                                                                          \
        .action = SLICE_INIT("system"), .place = SLICE_INIT(where), .value = SLICE_INIT(what), \
    }
#define CACHE(what, where, which, how_long)                                         \
    {                                                                               \
        .action = SLICE_INIT("cache_breakpoint"), .target = SLICE_INIT(what),       \
        .position = SLICE_INIT(where), .nth = (which), .ttl = SLICE_INIT(how_long), \
    }

static struct rule_row rows[] = {
    PATH("set", "a", "1"),
    PATH("set", "a.b", "{\"c\":[]}"),
    PATH("set", "a[*].b", "\"x\""),
    PATH("set", "a[1]", "[]"),
    PATH("set", "messages[0].content", "\"cat\""),
    PATH("default", "a.c", "null"),
    PATH("default", "b[0].c", "2"),
    PATH("append", "a", "[{}]"),
    PATH("append", "a[*].b", "3"),
    PATH("append", "tools", "{\"name\":\"t\"}"),
    REMOVE("a"),
    REMOVE("a[0]"),
    REMOVE("a[*]"),
    REMOVE("a[*].b"),
    REMOVE("system"),
    REMOVE("messages[*].content"),
    REPLACE("cat|(.)\\1", "<$1$0>"),
    REPLACE("^", "\""),
    REPLACE("[a-f]+", ""),
    SYSTEM("prepend", "\"one\""),
    SYSTEM("append", "\"two\\n\""),
    CACHE("tools", "last_nth", 1, "auto"),
    CACHE("system", "nth", 1, "1h"),
    CACHE("messages", "last_nth", 2, "5m"),
    CACHE("messages", "nth", 1, "1h"),
};

static const struct rule *rules[ARRAY_LEN(rows)];

static void compile(void)
{
    static struct arena a;
    struct err_info e = {0};

    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].phase = SLICE("outbound");
        rows[i].provider_id = rows[i].alias_id = ROW_NULL_INT;
        rows[i].nth = rows[i].nth ? rows[i].nth : ROW_NULL_INT;
        if (rule_compile(&rows[i], &a, &rules[i], &e))
            __builtin_trap();
    }
}

/* The body afterwards, in the arena; a NULL pointer when the client is at fault. */
static struct slice apply(const struct rule_matches *m, enum dialect d, struct slice body,
                          struct arena *a)
{
    struct json_splice splice;
    struct rule_result result;
    struct err_info e = {0};
    struct buf out = {0};
    struct slice made;

    json_splice_init(&splice, a, body);
    if (rules_apply(m, d, OP_GENERATE, body, &splice, a, &result, &e)) {
        assert(e.code == ERR_BAD_REQUEST && e.text[0]);
        return slice_of(NULL, 0);
    }
    json_splice_to_buf(&splice, &out);
    made = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    assert(json_scan(made, NULL, 0, NULL, &e) == ERR_NONE);
    assert(result.changed || slice_eq(made, body));
    assert(result.outcome_count <= m->count + 1);
    return made;
}

/* Without white space between values: a member that goes takes that on one side of it or other. */
static struct slice squeeze(struct slice text, struct arena *a)
{
    char *out = arena_alloc(a, text.len + 1, 1);
    bool in_string = false;
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        out[len++] = c;
        if (c == '"')
            in_string = !in_string;
        if (in_string && c == '\\')
            out[len++] = text.ptr[++i];
    }
    return slice_of(out, len);
}

static void compare(const struct rule_matches *m, enum dialect d, struct slice body,
                    struct arena *a)
{
    struct slice together = apply(m, d, body, a), one_by_one = body;
    struct rule_matches one = {.magic_strings = m->magic_strings};

    if (one.magic_strings)
        one_by_one = apply(&one, d, one_by_one, a);
    for (size_t i = 0; i < m->count && one_by_one.ptr; i++) {
        one = (struct rule_matches){.count = 1, .rules = m->rules + i};
        one_by_one = apply(&one, d, one_by_one, a);
    }
    assert(!together.ptr == !one_by_one.ptr);
    assert(slice_eq(squeeze(together, a), squeeze(one_by_one, a)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rule *chosen[MOST];
    struct rule_matches m = {.rules = chosen};
    struct err_info e = {0};
    struct slice body;
    struct arena a;

    if (!rules[0])
        compile();
    if (size < 2 || size - 2 < data[1] % (MOST + 1))
        return 0;
    m.count = data[1] % (MOST + 1);
    m.magic_strings = data[0] & 0x80;
    for (size_t i = 0; i < m.count; i++)
        chosen[i] = rules[data[2 + i] % ARRAY_LEN(rules)];
    body = slice_of((const char *)data + 2 + m.count, size - 2 - m.count);
    if (json_scan(body, NULL, 0, NULL, &e))
        return 0;
    arena_init(&a, 0);
    compare(&m, (enum dialect)((data[0] & 0x7f) % DIALECT_COUNT), body, &a);
    arena_release(&a);
    return 0;
}
