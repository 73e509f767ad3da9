/*
 * translate_fuzz.c - any bytes as a client's request, for any upstream.  The first four bytes
 * choose: client and upstream, the model, who stands behind the dialect, and how it is asked.
 * What goes upstream obeys the rules of its vendor, and is the same every time.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/rules_test_kit.h"
#include "chat/translate.h"

#define CHOICES ((size_t)4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

/* One for about every gate of chat/model.def. */
static const char *const models[] = {
    "claude-3-haiku",
    "claude-3-7-sonnet",
    "claude-opus-4-1",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "deepseek-chat",
    "gemini-2.0-flash",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-3-flash",
    "gemini-4-pro",
    "gemma-3-27b",
    "gpt-3.5-turbo",
    "gpt-4o",
    "gpt-5",
    "gpt-5.1",
    "gpt-5.6",
    "gpt-6",
    "o3",
    "deepseek-v4",
    "mistral-large",
    "kimi-k2-thinking",
    "grok-4",
    "glm-5",
    "gpt-5-codex",
    "gemini-2.5-image",
    "somebody",
};

static const struct chat_seal *seal(void)
{
    static struct key_hasher hasher;
    static const struct chat_seal s = {
        .hasher = &hasher, .tenant = {"1", 1}
    };
    static const unsigned char subkey[32] = {7};
    static bool ready;

    if (!ready)
        key_hasher_init(&hasher, subkey, sizeof(subkey));
    ready = true;
    return &s;
}

static struct chat_target target(const uint8_t *choices)
{
    struct chat_target t = {
        .dialect = dialects[choices[0] / 4 % 4],
        .host = (enum chat_host)(choices[2] % 3),
        .model = slice_str(models[choices[1] % ARRAY_LEN(models)]),
        .stream = choices[3] & 1,
        .strict = choices[3] & 2,
        .auto_cache = choices[3] & 4,
        .drop_reasoning = choices[3] & 8,
        .counting = choices[3] & 16,
    };

    t.gates = chat_model_find(t.dialect, t.model);
    return t;
}

static bool translate(const uint8_t *choices, struct slice body, struct arena *a, struct buf *out)
{
    struct chat_target t = target(choices);
    struct chat_request request;
    struct err_info e = {0};

    if (translate_read(dialects[choices[0] % 4], body, seal(), a, &request, &e) ||
        translate_write(&request, &t, out, &e)) {
        assert(e.code == ERR_BAD_REQUEST || e.code == ERR_TOO_LARGE);
        assert(e.text[0]);
        return false;
    }
    return true;
}

/* Only to count, nothing is generated: no max_tokens. */
static void check_rules(const struct chat_target *t, struct arena *a, struct slice body)
{
    const char *wrong = rules_check(t->dialect, a, body);

    if (wrong && !(t->counting && slice_eq(slice_str(wrong), SLICE("max_tokens is missing")))) {
        fprintf(stderr, "%s: %s\n%.*s\n", dialect_name(t->dialect), wrong, SLICE_ARG(body));
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_of((const char *)data, size);
    struct buf once = {0}, twice = {0};
    struct chat_target t;
    struct arena a;

    if (size < CHOICES)
        return 0;
    t = target(data);
    body = slice_after(body, CHOICES);
    arena_init(&a, 0);
    if (translate(data, body, &a, &once)) {
        assert(buf_len(&once) <= 8 * body.len + (64 << 10));
        check_rules(&t, &a, buf_peek(&once));
        assert(translate(data, body, &a, &twice));
        assert(slice_eq(buf_peek(&once), buf_peek(&twice)));
    }
    arena_release(&a);
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
