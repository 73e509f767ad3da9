/* rules_test_kit.h - what each vendor demands of a request's structure, whatever a client sent. */
#ifndef CHAT_RULES_TEST_KIT_H
#define CHAT_RULES_TEST_KIT_H

#include "base/table.h"
#include "chat/dialect.h"
#include "json/raw.h"
#include "json/tree.h"

/*
 * mapping.md 2.2, 2.5 and 9.4, held against what was written.  Each function answers NULL, or
 * which rule is broken.
 */

#define RULES_CHAT_ID ((size_t)40)
#define RULES_ID      ((size_t)64)

struct rules {
    struct arena *arena;
    struct table ids;   // of calls, over the whole request
    struct slice *wait; // [wait_count], ids (Gemini: names) of calls whose results are due
    size_t wait_count, wait_cap;
    size_t answered; // of those
    const char *wrong;
};

static void rules_say(struct rules *x, const char *wrong)
{
    if (!x->wrong)
        x->wrong = wrong;
}

static struct slice rules_str(const struct rules *x, const struct json *object, const char *key)
{
    return json_str(x->arena, json_member(object, slice_str(key)));
}

static bool rules_is(const struct rules *x, const struct json *object, const char *key,
                     const char *value)
{
    return slice_eq(rules_str(x, object, key), slice_str(value));
}

static bool rules_blank(struct slice s)
{
    return slice_trim(s).len == 0;
}

static bool rules_word(struct slice s, size_t longest)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return s.len > 0 && s.len <= longest;
}

/* A secret that is still in its envelope has not been opened for its maker. */
static void rules_secret(struct rules *x, const struct json *object, const char *key)
{
    struct slice s = rules_str(x, object, key);

    if (slice_starts(s, SLICE("pxs1.")) || slice_starts(s, SLICE("cHhzMS5")))
        rules_say(x, "an envelope goes upstream");
}

static void rules_call(struct rules *x, struct slice id, struct slice waits_as)
{
    if (id.len && table_put(&x->ids, id, x))
        rules_say(x, "two calls have one id");
    if (x->wait_count == x->wait_cap) {
        struct slice *wait = x->wait;
        x->wait_cap = x->wait_cap ? 2 * x->wait_cap : 16;
        x->wait = arena_alloc(x->arena, x->wait_cap * sizeof(*wait), sizeof(void *));
        if (wait)
            memcpy(x->wait, wait, x->wait_count * sizeof(*wait));
    }
    x->wait[x->wait_count++] = waits_as;
}

/* Results come in the order of their calls. */
static void rules_result(struct rules *x, struct slice waits_as)
{
    if (x->answered >= x->wait_count)
        rules_say(x, "a result without a call");
    else if (!slice_eq(x->wait[x->answered++], waits_as))
        rules_say(x, "a result out of order");
}

static void rules_settled(struct rules *x)
{
    if (x->answered != x->wait_count)
        rules_say(x, "a call without a result");
    x->answered = x->wait_count = 0;
}

/* ---- Anthropic ---- */

static void rules_a_block(struct rules *x, const struct json *block, bool assistant, bool *said)
{
    struct slice type = rules_str(x, block, "type"), id;

    if (slice_eq(type, SLICE("tool_use"))) {
        id = rules_str(x, block, "id");
        if (!assistant)
            rules_say(x, "a user calls a tool");
        if (!rules_word(id, RULES_ID))
            rules_say(x, "an id outside the alphabet");
        if (!rules_word(rules_str(x, block, "name"), 128))
            rules_say(x, "a tool's name outside the alphabet");
        if (!json_is(json_member(block, SLICE("input")), JSON_OBJECT))
            rules_say(x, "an input that is no object");
        rules_call(x, id, id);
        return;
    }
    if (slice_eq(type, SLICE("tool_result"))) {
        if (*said || assistant)
            rules_say(x, "a result behind other content");
        rules_result(x, rules_str(x, block, "tool_use_id"));
        return;
    }
    *said = true;
    if (slice_eq(type, SLICE("text")) && rules_blank(rules_str(x, block, "text")))
        rules_say(x, "an empty text");
    if (slice_eq(type, SLICE("thinking")))
        rules_secret(x, block, "signature");
    if (slice_eq(type, SLICE("redacted_thinking")))
        rules_secret(x, block, "data");
}

static void rules_a_message(struct rules *x, const struct json *message, bool assistant)
{
    const struct json *content = json_member(message, SLICE("content"));
    bool said = false;

    if (json_is(content, JSON_STRING)) {
        if (rules_blank(json_str(x->arena, content)))
            rules_say(x, "an empty content");
    } else if (!json_first(content)) {
        rules_say(x, "a message without content");
    }
    if (json_is(content, JSON_ARRAY)) {
        json_for_each(block, content) {
            rules_a_block(x, block, assistant, &said);
        }
    }
    if (!assistant)
        rules_settled(x);
}

static void rules_a(struct rules *x, const struct json *body)
{
    const struct json *thinking = json_member(body, SLICE("thinking"));
    struct slice last = {0};
    int64_t most = 0, budget = 0;

    json_for_each(message, json_member(body, SLICE("messages"))) {
        struct slice role = rules_str(x, message, "role");
        if (!last.ptr && !slice_eq(role, SLICE("user")))
            rules_say(x, "the first message is not the user's");
        if (slice_eq(role, last))
            rules_say(x, "roles do not alternate");
        if (slice_eq(role, SLICE("system")) && !slice_eq(last, SLICE("user")))
            rules_say(x, "system behind something else than a user's message");
        rules_a_message(x, message, slice_eq(role, SLICE("assistant")));
        last = role;
    }
    rules_settled(x);
    if (!last.ptr)
        rules_say(x, "no messages");
    if (!json_to_int(json_member(body, SLICE("max_tokens")), &most) || most < 1)
        rules_say(x, "max_tokens is missing");
    if (json_to_int(json_member(thinking, SLICE("budget_tokens")), &budget) &&
        (budget < 1024 || budget >= most))
        rules_say(x, "a budget that max_tokens does not hold");
    if (json_member(body, SLICE("tool_choice")) && !json_first(json_member(body, SLICE("tools"))))
        rules_say(x, "tool_choice without tools");
    if (json_is(json_member(body, SLICE("system")), JSON_ARRAY)) {
        json_for_each(text, json_member(body, SLICE("system"))) {
            if (rules_blank(rules_str(x, text, "text")))
                rules_say(x, "an empty text of the system");
        }
    }
    json_for_each(tool, json_member(body, SLICE("tools"))) {
        if (!rules_word(rules_str(x, tool, "name"), 128))
            rules_say(x, "a tool's name outside the alphabet");
    }
}

/* ---- Gemini ---- */

static void rules_g_part(struct rules *x, const struct json *part, bool model, bool *said)
{
    const struct json *call = json_member(part, SLICE("functionCall"));
    const struct json *answer = json_member(part, SLICE("functionResponse"));
    const struct json *args = json_member(call, SLICE("args"));

    rules_secret(x, part, "thoughtSignature");
    if (call) {
        if (!model)
            rules_say(x, "a user calls a function");
        if (args && !json_is(args, JSON_OBJECT))
            rules_say(x, "args that are no object");
        rules_call(x, rules_str(x, call, "id"), rules_str(x, call, "name"));
    } else if (answer) {
        if (model || *said)
            rules_say(x, "a functionResponse behind other content");
        if (!json_is(json_member(answer, SLICE("response")), JSON_OBJECT))
            rules_say(x, "a response that is no object");
        rules_result(x, rules_str(x, answer, "name"));
    } else {
        *said = true;
        if (json_is(json_member(part, SLICE("text")), JSON_STRING) &&
            !rules_str(x, part, "text").len && !json_member(part, SLICE("thoughtSignature")))
            rules_say(x, "an empty text");
    }
}

static void rules_g(struct rules *x, const struct json *body)
{
    const struct json *inner = json_member(body, SLICE("generateContentRequest")); // countTokens
    struct slice last = {0};

    body = inner ? inner : body;
    json_for_each(content, json_member(body, SLICE("contents"))) {
        struct slice role = rules_str(x, content, "role");
        bool model = slice_eq(role, SLICE("model")), said = false;
        if (!last.ptr && model)
            rules_say(x, "the first content is not the user's");
        if (slice_eq(role, last))
            rules_say(x, "roles do not alternate");
        if (!json_first(json_member(content, SLICE("parts"))))
            rules_say(x, "a content without parts");
        json_for_each(part, json_member(content, SLICE("parts"))) {
            rules_g_part(x, part, model, &said);
        }
        if (!model)
            rules_settled(x);
        last = role;
    }
    rules_settled(x);
    if (!last.ptr)
        rules_say(x, "no contents");
}

/* ---- Chat Completions ---- */

static void rules_c_assistant(struct rules *x, const struct json *message)
{
    const struct json *calls = json_member(message, SLICE("tool_calls"));
    const struct json *content = json_member(message, SLICE("content"));
    const struct json *refusal = json_member(message, SLICE("refusal"));

    if (!json_first(calls) && !json_is(content, JSON_STRING) && !json_first(content) &&
        !json_is(refusal, JSON_STRING))
        rules_say(x, "an assistant's message without content");
    json_for_each(call, calls) {
        const struct json *function = json_member(call, SLICE("function"));
        const struct json *custom = json_member(call, SLICE("custom"));
        struct slice id = rules_str(x, call, "id");
        if (!id.len || id.len > RULES_CHAT_ID)
            rules_say(x, "a call's id is too long, or missing");
        if (!json_is(json_member(function, SLICE("arguments")), JSON_STRING) &&
            !json_is(json_member(custom, SLICE("input")), JSON_STRING))
            rules_say(x, "arguments that are no text");
        rules_call(x, id, id);
    }
    json_for_each(detail, json_member(message, SLICE("reasoning_details"))) {
        rules_secret(x, detail, "signature");
        rules_secret(x, detail, "data");
    }
}

static void rules_c(struct rules *x, const struct json *body)
{
    json_for_each(message, json_member(body, SLICE("messages"))) {
        if (rules_is(x, message, "role", "tool")) {
            rules_result(x, rules_str(x, message, "tool_call_id"));
            continue;
        }
        rules_settled(x);
        if (rules_is(x, message, "role", "assistant"))
            rules_c_assistant(x, message);
    }
    rules_settled(x);
}

/* ---- Responses ---- */

/* An id that is sent has the prefix of its item. */
static void rules_r_prefix(struct rules *x, const struct json *item, struct slice prefix)
{
    const struct json *id = json_member(item, SLICE("id"));

    if (id && !slice_starts(json_str(x->arena, id), prefix))
        rules_say(x, "an item's id has a foreign prefix");
}

static void rules_r_item(struct rules *x, const struct json *item)
{
    struct slice type = rules_str(x, item, "type"), id = rules_str(x, item, "call_id");

    if (slice_eq(type, SLICE("function_call")) || slice_eq(type, SLICE("custom_tool_call"))) {
        rules_r_prefix(x, item,
                       slice_eq(type, SLICE("function_call")) ? SLICE("fc_") : SLICE("ctc_"));
        if (!id.len || id.len > RULES_ID)
            rules_say(x, "a call's id is too long, or missing");
        rules_call(x, id, id);
    } else if (slice_eq(type, SLICE("function_call_output")) ||
               slice_eq(type, SLICE("custom_tool_call_output"))) {
        rules_result(x, id);
    } else if (slice_eq(type, SLICE("reasoning"))) {
        rules_r_prefix(x, item, SLICE("rs_"));
        rules_secret(x, item, "encrypted_content");
    } else if (rules_is(x, item, "role", "user")) {
        rules_settled(x);
    } else if (slice_eq(type, SLICE("message"))) {
        rules_r_prefix(x, item, SLICE("msg_"));
    }
}

static void rules_r(struct rules *x, const struct json *body)
{
    if (json_is(json_member(body, SLICE("input")), JSON_STRING))
        return;
    json_for_each(item, json_member(body, SLICE("input"))) {
        rules_r_item(x, item);
    }
    rules_settled(x);
}

/** NULL, or what the dialect's vendor would refuse in this body. */
static const char *rules_check(enum dialect d, struct arena *a, struct slice body)
{
    struct rules x = {.arena = a};
    struct err_info e = {0};
    struct json *tree;

    if (json_parse(a, body, &tree, &e) != ERR_NONE || !json_is(tree, JSON_OBJECT))
        return "it is no JSON object";
    table_init(&x.ids, 1);
    switch (d) {
    case DIALECT_OPENAI_CHAT: rules_c(&x, tree); break;
    case DIALECT_OPENAI_RESPONSES: rules_r(&x, tree); break;
    case DIALECT_ANTHROPIC: rules_a(&x, tree); break;
    case DIALECT_GEMINI: rules_g(&x, tree); break;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    table_release(&x.ids);
    return x.wrong;
}

#endif
