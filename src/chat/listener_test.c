/* listener_test.c - what is heard in answers of every dialect and of those who copy them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/listener.h"
#include "chat/peek.h"
#include "json/scan.h"

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI

/* JSON in the tables here has single quotes, so that it can be read. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

/* "upstream input=9 output=4 finished terminal failed": what is nothing is left out. */
static void describe(const struct listener *l, struct buf *out)
{
    buf_clear(out);
    buf_append_str(out, usage_source_name(l->source));
    for (int i = 0; i < USAGE_KIND_COUNT; i++)
        if (l->usage.tokens[i])
            buf_printf(out, " %s=%lld", usage_kind_name((enum usage_kind)i),
                       (long long)l->usage.tokens[i]);
    if (l->finished)
        buf_append_str(out, " finished");
    if (l->terminal)
        buf_append_str(out, " terminal");
    if (l->failed)
        buf_append_str(out, " failed");
    buf_append_byte(out, '\0');
}

#define COUNTED "upstream input_tokens="
#define DELTA \
    "{'model':'m','choices':[{'index':0,'delta':{'content':'Hi'},'finish_reason':null}]}\n"
#define LAST "{'choices':[{'delta':{},'finish_reason':'stop'}]}\n"

static const struct {
    const char *why;
    enum dialect dialect;
    enum operation operation;
    enum framing framing;
    const char *payloads, *heard;
} cases[] = {
#define CASE(why, dialect, operation, framing, payloads, heard) \
    {why, dialect, operation, framing, payloads, heard},
#include "chat/listener_test_cases.def"
#undef CASE
};

static void hear_all(struct listener *l, struct slice payloads)
{
    while (payloads.len && payloads.ptr[0] == '\n')
        payloads = slice_after(payloads, 1);
    while (payloads.len) {
        struct slice line = slice_cut(payloads, '\n', &payloads), event = {NULL, 0};

        if (line.len && line.ptr[0] != '{' && line.ptr[0] != '[')
            event = slice_cut(line, '|', &line);
        assert_false(listener_hear(l, event, line).is_broken);
    }
}

static void test_cases(void **state)
{
    struct buf out = {0}, text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listener l;

        listener_init(&l, cases[i].dialect, cases[i].operation, cases[i].framing);
        hear_all(&l, quoted(cases[i].payloads, &text));
        describe(&l, &out);
        if (strcmp(buf_peek(&out).ptr, cases[i].heard) != 0)
            print_error("%s\n", cases[i].why);
        assert_string_equal(buf_peek(&out).ptr, cases[i].heard);
    }
    buf_release(&text);
    buf_release(&out);
}

/* What one payload says about itself. */
static const struct {
    enum dialect dialect;
    enum framing framing;
    const char *payload, *model;
    bool is_broken, is_error, is_terminal, is_usage_only;
} payloads[] = {
#define PAYLOAD(dialect, framing, payload, model, broken, error, terminal, usage) \
    {dialect, framing, payload, model, broken, error, terminal, usage},
#include "chat/listener_test_payloads.def"
#undef PAYLOAD
};

static void test_payloads(void **state)
{
    struct buf text = {0}, model = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        struct slice payload = quoted(payloads[i].payload, &text);
        struct listener l;
        struct heard heard;

        listener_init(&l, payloads[i].dialect, OP_GENERATE, payloads[i].framing);
        heard = listener_hear(&l, slice_of(NULL, 0), payload);
        if (heard.is_broken != payloads[i].is_broken || heard.is_error != payloads[i].is_error ||
            heard.is_terminal != payloads[i].is_terminal ||
            heard.is_usage_only != payloads[i].is_usage_only)
            fail_msg("%s", payloads[i].payload);
        assert_true(slice_eq(heard.model, quoted(payloads[i].model, &model)));
        assert_true(heard.model.len == 0 ||
                    (heard.model.ptr >= payload.ptr &&
                     heard.model.ptr + heard.model.len <= payload.ptr + payload.len));
        assert_int_equal(l.failed, heard.is_error);
        assert_int_equal(l.terminal, heard.is_terminal);
    }
    buf_release(&text);
    buf_release(&model);
}

/* An object that was cut short is broken and says nothing. */
static void test_every_cut(void **state)
{
    struct buf text = {0};
    struct slice whole = quoted("{'model':'m\\'','usage':{'prompt_tokens':9},'n':[1,{'a':null}],"
                                "'choices':[{'delta':{'content':'a{'},'finish_reason':'stop'}]}",
                                &text);

    (void)state;
    for (size_t len = 1; len < whole.len; len++) {
        struct listener l, fresh;
        char *cut = malloc(len); // of its own: nothing behind it may be read
        struct heard heard;

        assert_non_null(cut);
        memcpy(cut, whole.ptr, len);
        listener_init(&l, C, OP_GENERATE, FRAMING_SSE);
        fresh = l;
        heard = listener_hear(&l, slice_of(NULL, 0), slice_of(cut, len));
        assert_true(heard.is_broken && heard.model.len == 0);
        assert_memory_equal(&l, &fresh, sizeof(l));
        free(cut);
    }
    buf_release(&text);
}

/* How much was said, for estimates. */
static const struct {
    enum dialect dialect;
    enum framing framing;
    const char *payload;
    int bytes;
} spoken[] = {
#define SPOKEN(dialect, framing, payload, bytes) {dialect, framing, payload, bytes},
#include "chat/listener_test_spoken.def"
#undef SPOKEN
};

static void test_spoken(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++) {
        struct listener l;

        listener_init(&l, spoken[i].dialect, OP_GENERATE, spoken[i].framing);
        listener_hear(&l, slice_of(NULL, 0), quoted(spoken[i].payload, &text));
        if (l.output_bytes != spoken[i].bytes)
            fail_msg("%lld: %s", (long long)l.output_bytes, spoken[i].payload);
    }
    buf_release(&text);
}

static const struct {
    const char *value;
    int64_t count; // -1: none
} counts[] = {
    {"0",                        0               },
    {"12",                       12              },
    {"\"12\"",                   12              },
    {"-12",                      0               },
    {"-0.5",                     0               },
    {"12.99",                    12              },
    {"1.25e2",                   125             },
    {"1200e-2",                  12              },
    {"1E+3",                     1000            },
    {"0.001e6",                  1000            },
    {"9007199254740991",         9007199254740991},
    {"9007199254740993",         PEEK_COUNT_MAX  },
    {"99999999999999999999999",  PEEK_COUNT_MAX  },
    {"1e999999999999",           PEEK_COUNT_MAX  },
    {"99999999999999999999e-19", 9               },
    {"1e-999999999999",          0               },
    {"null",                     -1              },
    {"true",                     -1              },
    {"\"\"",                     -1              },
    {"\"x\"",                    -1              },
    {"{}",                       -1              },
    {"[1]",                      -1              },
    {"",                         -1              },
};

static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t count = -1;
        bool is_count = peek_count(slice_str(counts[i].value), &count);

        if (count != counts[i].count || is_count != (count >= 0))
            fail_msg("%s: %lld", counts[i].value, (long long)count);
    }
}

/* Of a body that is not held, field by field, the same is heard as of the whole. */
static void test_fields(void **state)
{
    static const struct {
        enum dialect dialect;
        enum operation operation;
        const char *body, *heard;
    } bodies[] = {
#define FIELDS(dialect, operation, body, heard) {dialect, operation, body, heard},
#include "chat/listener_test_fields.def"
#undef FIELDS
    };
    struct buf out = {0}, text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        size_t count;
        const struct slice *fields =
            listener_fields(bodies[i].dialect, bodies[i].operation, &count);
        struct slice body = quoted(bodies[i].body, &text);
        struct listener l;

        assert_in_range(count, 1, 8);
        listener_init(&l, bodies[i].dialect, bodies[i].operation, FRAMING_BODY);
        for (size_t k = 0; k < count; k++) {
            struct slice value;

            assert_int_equal(json_get(body, fields[k], &value), ERR_NONE);
            if (value.ptr)
                listener_hear_field(&l, k, value);
        }
        describe(&l, &out);
        assert_string_equal(buf_peek(&out).ptr, bodies[i].heard);
    }
    buf_release(&text);
    buf_release(&out);
}

static const struct {
    const char *why;
    enum operation operation;
    enum usage_source source;
    int input, output, asked, output_bytes;
    enum usage_source source_after;
    int input_after, output_after;
} estimates[] = {
    {"nothing known",      OP_GENERATE,     USAGE_NONE,     0, 0, 3,  5, USAGE_ESTIMATED, 3, 2},
    {"nothing said",       OP_GENERATE,     USAGE_NONE,     0, 0, 2,  0, USAGE_ESTIMATED, 2, 0},
    {"cut",                OP_GENERATE,     USAGE_PARTIAL,  7, 1, 99, 5, USAGE_PARTIAL,   7, 2},
    {"cut, more was told", OP_GENERATE,     USAGE_PARTIAL,  7, 9, 99, 5, USAGE_PARTIAL,   7, 9},
    {"final",              OP_GENERATE,     USAGE_UPSTREAM, 7, 1, 99, 9, USAGE_UPSTREAM,  7, 1},
    {"embeddings",         OP_EMBED,        USAGE_NONE,     0, 0, 3,  0, USAGE_ESTIMATED, 3, 0},
    {"counts use nothing", OP_COUNT_TOKENS, USAGE_NONE,     0, 0, 99, 0, USAGE_NONE,      0, 0},
    {"hostile",            OP_GENERATE,     USAGE_NONE,     0, 0, -9, 0, USAGE_ESTIMATED, 0, 0},
};

static void test_estimates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(estimates); i++) {
        struct listener l;

        listener_init(&l, C, estimates[i].operation, FRAMING_SSE);
        l.source = estimates[i].source;
        l.usage.tokens[USAGE_INPUT] = estimates[i].input;
        l.usage.tokens[USAGE_OUTPUT] = estimates[i].output;
        l.output_bytes = estimates[i].output_bytes;
        assert_int_equal(listener_wants_input(&l), estimates[i].source == USAGE_NONE &&
                                                       estimates[i].operation != OP_COUNT_TOKENS);
        for (int again = 0; again < 2; again++) {
            listener_estimate(&l, SLICE("gpt-5"), estimates[i].asked);
            if (l.source != estimates[i].source_after ||
                l.usage.tokens[USAGE_INPUT] != estimates[i].input_after ||
                l.usage.tokens[USAGE_OUTPUT] != estimates[i].output_after)
                fail_msg("%s", estimates[i].why);
        }
    }
}

/* The text itself is kept, of every dialect, whole or in deltas, passed through or translated. */
static void test_samples(void **state)
{
    static const struct {
        enum dialect dialect;
        enum framing framing;
        const char *payloads, *text;
    } samples[] = {
#define SAMPLE(dialect, framing, payloads, text) {dialect, framing, payloads, text},
#include "chat/listener_test_samples.def"
#undef SAMPLE
    };
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct slice want = slice_str(samples[i].text);
        struct listener l;
        struct arena a;

        arena_init(&a, 0);
        listener_init(&l, samples[i].dialect, OP_GENERATE, samples[i].framing);
        l.sample.arena = &a;
        hear_all(&l, quoted(samples[i].payloads, &text));
        if (!slice_eq(slice_of(l.sample.bytes, l.sample.len), want))
            fail_msg("%s: %.*s", samples[i].text, (int)l.sample.len, l.sample.bytes);
        assert_int_equal(l.output_bytes, want.len);
        arena_release(&a);
    }
    buf_release(&text);
}

static void test_translated(void **state)
{
    struct listener l;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    listener_init(&l, A, OP_GENERATE, FRAMING_SSE);
    l.sample.arena = &a;
    listener_hear_text(&l, SLICE("a\\"), false);
    listener_hear_text(&l, SLICE("\\u00e9\\n\\\\n"), true);
    assert_true(slice_eq(slice_of(l.sample.bytes, l.sample.len), SLICE("a\\\xc3\xa9\n\\n")));
    assert_in_range(l.output_bytes, 7, 8); // an escape may be two or three bytes
    arena_release(&a);
}

/* What is broken was never said. */
static void test_broken_sample(void **state)
{
    struct buf text = {0};
    struct listener l;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    listener_init(&l, C, OP_GENERATE, FRAMING_SSE);
    l.sample.arena = &a;
    assert_true(
        listener_hear(&l, slice_of(NULL, 0), quoted("{'choices':[{'delta':{'content':'Hi'", &text))
            .is_broken);
    assert_int_equal(l.sample.len, 0);
    assert_int_equal(l.output_bytes, 0);
    arena_release(&a);
    buf_release(&text);
}

/* A body of which only the start was heard, as far as it goes, is like that all through. */
static void test_flowed(void **state)
{
    struct buf text = {0};
    struct slice start = quoted("{'choices':[{'message':{'content':'abcdefgh", &text);
    struct listener l;

    (void)state;
    listener_init(&l, C, OP_GENERATE, FRAMING_BODY);
    listener_hear_start(&l, start);
    assert_int_equal(l.output_bytes, 8);
    l.flowed_bytes = (int64_t)start.len * 10;
    listener_estimate(&l, SLICE("gpt-5"), 5);
    assert_int_equal(l.usage.tokens[USAGE_OUTPUT], 20); // 80 bytes of which nothing was kept
    listener_estimate(&l, SLICE("gpt-5"), 5);
    assert_int_equal(l.usage.tokens[USAGE_OUTPUT], 20);
    buf_release(&text);
}

/* How an answer was served, as each vendor says it. */
static void test_tiers(void **state)
{
    static const struct {
        enum dialect dialect;
        enum framing framing;
        const char *payloads, *tier;
    } tiers[] = {
#define TIER(dialect, framing, payloads, tier) {dialect, framing, payloads, tier},
#include "chat/listener_test_tiers.def"
#undef TIER
    };
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        struct listener l;

        listener_init(&l, tiers[i].dialect, OP_GENERATE, tiers[i].framing);
        hear_all(&l, quoted(tiers[i].payloads, &text));
        if (strcmp(service_tier_name(l.tier), tiers[i].tier) != 0)
            fail_msg("%s: %s", tiers[i].payloads, service_tier_name(l.tier));
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),      cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_spoken),     cmocka_unit_test(test_counts),
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_every_cut),  cmocka_unit_test(test_samples),
        cmocka_unit_test(test_translated), cmocka_unit_test(test_broken_sample),
        cmocka_unit_test(test_flowed),     cmocka_unit_test(test_tiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
