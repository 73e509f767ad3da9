/*
 * listener_golden_test.c - recorded answers: what is heard in them, and that a slow reader
 * which takes each payload apart with a tree agrees with the quick one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/listener.h"
#include "wire/sse.h"
#include "json/tree.h"

/* The same answer in four dialects and two framings. */
static const struct {
    const char *name;
    int input, cache_read, cache_write, output, reasoning;
    bool is_error;
} goldens[] = {
    {"plain",          9,  0,    0,   4,  0,  false},
    {"tool-call",      60, 0,    0,   16, 0,  false},
    {"thinking-tools", 60, 0,    0,   28, 12, false},
    {"cached-usage",   10, 2000, 500, 3,  0,  false},
    {"length",         11, 0,    0,   16, 0,  false},
    {"filter",         12, 0,    0,   0,  0,  false},
    {"stream-error",   0,  0,    0,   0,  0,  true },
};

static bool read_golden(const char *name, enum dialect d, const char *suffix, struct buf *out)
{
    char path[512];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/golden/listener/%s.%s.%s", SOURCE_ROOT, name,
             dialect_name(d), suffix);
    file = fopen(path, "rb");
    if (!file)
        return false;
    buf_clear(out);
    while ((len = fread(buf_reserve(out, 4096), 1, 4096, file)) > 0)
        buf_grew(out, len);
    fclose(file);
    return true;
}

/* The slow reader. */

static const struct json *at(const struct json *v, const char *a, const char *b)
{
    v = json_member(v, slice_str(a));
    return b ? json_member(v, slice_str(b)) : v;
}

static int64_t count_at(const struct json *v, const char *a, const char *b)
{
    int64_t count = 0;

    json_to_int(at(v, a, b), &count);
    return count;
}

static void slow_openai(const struct json *u, const char *in, const char *in_details,
                        const char *out, const char *out_details, struct chat_usage *usage)
{
    int64_t *tokens = usage->tokens;

    if (!json_is(u, JSON_OBJECT))
        return;
    *usage = (struct chat_usage){0};
    tokens[USAGE_CACHE_READ] = count_at(u, in_details, "cached_tokens");
    tokens[USAGE_CACHE_WRITE_30M] = count_at(u, in_details, "cache_write_tokens");
    tokens[USAGE_INPUT] =
        count_at(u, in, NULL) - tokens[USAGE_CACHE_READ] - tokens[USAGE_CACHE_WRITE_30M];
    tokens[USAGE_OUTPUT] = count_at(u, out, NULL);
    tokens[USAGE_REASONING] = count_at(u, out_details, "reasoning_tokens");
}

static void slow_anthropic(const struct json *u, struct chat_usage *usage)
{
    static const struct {
        const char *key, *inner;
        enum usage_kind kind;
    } keys[] = {
        {"input_tokens",                NULL,              USAGE_INPUT         },
        {"output_tokens",               NULL,              USAGE_OUTPUT        },
        {"cache_read_input_tokens",     NULL,              USAGE_CACHE_READ    },
        {"cache_creation_input_tokens", NULL,              USAGE_CACHE_WRITE_5M},
        {"output_tokens_details",       "thinking_tokens", USAGE_REASONING     },
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        json_to_int(at(u, keys[i].key, keys[i].inner), &usage->tokens[keys[i].kind]);
}

static void slow_gemini(const struct json *u, struct chat_usage *usage)
{
    int64_t *tokens = usage->tokens;

    if (!json_is(u, JSON_OBJECT))
        return;
    *usage = (struct chat_usage){0};
    tokens[USAGE_CACHE_READ] = count_at(u, "cachedContentTokenCount", NULL);
    tokens[USAGE_INPUT] = count_at(u, "promptTokenCount", NULL) - tokens[USAGE_CACHE_READ];
    tokens[USAGE_REASONING] = count_at(u, "thoughtsTokenCount", NULL);
    tokens[USAGE_OUTPUT] = count_at(u, "candidatesTokenCount", NULL) + tokens[USAGE_REASONING];
}

static void slow_usage(enum dialect d, const struct json *v, struct chat_usage *usage)
{
    const struct json *response = json_member(v, SLICE("response"));

    switch (d) {
    case DIALECT_OPENAI_CHAT:
        slow_openai(at(v, "usage", NULL), "prompt_tokens", "prompt_tokens_details",
                    "completion_tokens", "completion_tokens_details", usage);
        break;
    case DIALECT_OPENAI_RESPONSES:
        slow_openai(at(response ? response : v, "usage", NULL), "input_tokens",
                    "input_tokens_details", "output_tokens", "output_tokens_details", usage);
        break;
    case DIALECT_ANTHROPIC:
        slow_anthropic(at(v, "message", "usage"), usage);
        slow_anthropic(at(v, "usage", NULL), usage);
        break;
    case DIALECT_GEMINI: slow_gemini(at(v, "usageMetadata", NULL), usage); break;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
}

/* The model's value, where it stands in the text. */
static struct slice slow_model(enum dialect d, const struct json *v)
{
    const struct json *outer = d == DIALECT_OPENAI_RESPONSES ? at(v, "response", NULL)
                               : d == DIALECT_ANTHROPIC      ? at(v, "message", NULL)
                                                             : NULL;
    const struct json *model =
        at(outer ? outer : v, d == DIALECT_GEMINI ? "modelVersion" : "model", NULL);

    return json_is(model, JSON_STRING) ? model->source : slice_of(NULL, 0);
}

static bool slow_is_error(const struct json *v)
{
    struct slice type = at(v, "type", NULL) ? at(v, "type", NULL)->source : slice_of(NULL, 0);

    return json_is(at(v, "error", NULL), JSON_OBJECT) || slice_eq(type, SLICE("\"error\"")) ||
           json_is(at(v, "response", "error"), JSON_OBJECT);
}

static void hear_both(struct listener *l, struct slice event, struct slice payload,
                      struct chat_usage *slow)
{
    struct heard heard = listener_hear(l, event, payload);
    struct err_info e = {0};
    struct arena a;
    struct json *v;

    assert_false(heard.is_broken);
    if (slice_eq(payload, SLICE("[DONE]")))
        return;
    arena_init(&a, 0);
    assert_int_equal(json_parse(&a, payload, &v, &e), ERR_NONE);
    slow_usage(l->dialect, v, slow);
    assert_memory_equal(&l->usage, slow, sizeof(*slow));
    assert_true(slice_eq(heard.model, slow_model(l->dialect, v)));
    assert_int_equal(heard.is_error, slow_is_error(v));
    arena_release(&a);
}

static void check_figures(size_t i, const struct listener *l)
{
    const int64_t *tokens = l->usage.tokens;
    bool has_write = l->dialect != DIALECT_GEMINI; // which cannot tell it from fresh input
    int64_t written = tokens[USAGE_CACHE_WRITE_5M] + tokens[USAGE_CACHE_WRITE_30M];

    assert_int_equal(l->failed, goldens[i].is_error);
    if (goldens[i].is_error)
        return;
    assert_true(l->finished);
    assert_int_equal(l->source, USAGE_UPSTREAM);
    assert_int_equal(tokens[USAGE_CACHE_READ], goldens[i].cache_read);
    assert_int_equal(written, has_write ? goldens[i].cache_write : 0);
    assert_int_equal(tokens[USAGE_INPUT] + written, goldens[i].input + goldens[i].cache_write);
    assert_int_equal(tokens[USAGE_OUTPUT], goldens[i].output);
    assert_int_equal(tokens[USAGE_REASONING], goldens[i].reasoning);
}

static void test_streams(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++)
        for (int d = 0; d <= DIALECT_GEMINI; d++) {
            struct sse_cutter cutter = {0};
            struct chat_usage slow = {0};
            struct sse_event event;
            struct listener l;

            assert_true(read_golden(goldens[i].name, (enum dialect)d, "sse", &text));
            listener_init(&l, (enum dialect)d, OP_GENERATE, FRAMING_SSE);
            while (sse_next(&cutter, buf_peek(&text), &event) == SSE_EVENT) {
                hear_both(&l, event.name, event.data, &slow);
                buf_consume(&text, event.raw.len);
            }
            check_figures(i, &l);
            if (d != DIALECT_GEMINI && !goldens[i].is_error)
                assert_true(l.terminal);
            sse_cutter_release(&cutter);
        }
    buf_release(&text);
}

static void test_bodies(void **state)
{
    struct buf text = {0};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++)
        for (int d = 0; d <= DIALECT_GEMINI; d++) {
            struct chat_usage slow = {0};
            struct listener l;

            if (!read_golden(goldens[i].name, (enum dialect)d, "json", &text))
                continue; // what fails in the middle has no body
            listener_init(&l, (enum dialect)d, OP_GENERATE, FRAMING_BODY);
            hear_both(&l, slice_of(NULL, 0), buf_peek(&text), &slow);
            check_figures(i, &l);
            assert_true(l.terminal);
            count++;
        }
    assert_int_equal(count, (ARRAY_LEN(goldens) - 1) * (DIALECT_GEMINI + 1));
    buf_release(&text);
}

/* As much text is heard in a stream as in the body that it adds up to. */
static void test_spoken(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++)
        for (int d = 0; d <= DIALECT_GEMINI; d++) {
            struct listener body, stream;
            struct sse_cutter cutter = {0};
            struct sse_event event;

            if (!read_golden(goldens[i].name, (enum dialect)d, "json", &text))
                continue;
            listener_init(&body, (enum dialect)d, OP_GENERATE, FRAMING_BODY);
            listener_hear(&body, slice_of(NULL, 0), buf_peek(&text));
            assert_true(read_golden(goldens[i].name, (enum dialect)d, "sse", &text));
            listener_init(&stream, (enum dialect)d, OP_GENERATE, FRAMING_SSE);
            while (sse_next(&cutter, buf_peek(&text), &event) == SSE_EVENT) {
                listener_hear(&stream, event.name, event.data);
                buf_consume(&text, event.raw.len);
            }
            assert_int_equal(stream.output_bytes, body.output_bytes);
            sse_cutter_release(&cutter);
        }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_spoken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
