/* echo_test.c - the echo's answers, read back as clients read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "channel/channel.h"
#include "chat/listener.h"
#include "wire/base64.h"
#include "wire/sse.h"
#include "json/tree.h"

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI

static const struct {
    enum dialect dialect;
    const char *body, *finish, *text, *tool, *arguments;
} cases[] = {
#define ECHO(dialect, body, finish, text, tool, arguments) \
    {dialect, body, finish, text, tool, arguments},
#include "channel/echo_test_cases.def"
#undef ECHO
};

/* JSON in the tables has single quotes, so that it can be read. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

static enum err answer(enum operation op, enum dialect d, enum framing framing, struct slice body,
                       struct buf *out, struct chat_usage *usage)
{
    const struct channel_local_request request = {
        .operation = op,
        .dialect = d,
        .framing = framing,
        .model = SLICE("echo-1"),
        .body = body,
        .request_id = SLICE("0193b7a0-1c2d-7000-8000-00000000abcd"),
        .now_unix_ms = 1767225600123,
    };
    struct err_info e = {0};
    const char *type = NULL;
    enum err err;

    buf_clear(out);
    err = channel_find(SLICE("echo"))->answer(&request, out, &type, usage, &e);
    assert_int_equal(err, e.code);
    if (err == ERR_NONE)
        assert_string_equal(type,
                            framing == FRAMING_SSE ? "text/event-stream" : "application/json");
    return err;
}

/* What a client puts together. */
struct client {
    struct arena arena;
    struct listener listener;
    struct buf text, tool, arguments, finish;
    struct buf events; // names in order, repeated ones once
    struct buf last;   // of the names
    int64_t sequence;
};

static void client_init(struct client *c, enum dialect d, enum framing framing)
{
    *c = (struct client){0};
    arena_init(&c->arena, 0);
    listener_init(&c->listener, d, OP_GENERATE, framing);
}

static void client_release(struct client *c)
{
    buf_release(&c->text);
    buf_release(&c->tool);
    buf_release(&c->arguments);
    buf_release(&c->finish);
    buf_release(&c->events);
    buf_release(&c->last);
    arena_release(&c->arena);
}

static const struct json *get(const struct json *v, const char *key)
{
    return json_member(v, slice_str(key));
}

static void add(struct client *c, struct buf *to, const struct json *v)
{
    if (json_is(v, JSON_STRING))
        buf_append(to, json_str(&c->arena, v));
    else if (json_is(v, JSON_OBJECT))
        buf_append(to, v->source);
}

static void read_chat(struct client *c, const struct json *v)
{
    const struct json *choice = json_item(get(v, "choices"), 0);
    const struct json *message =
        get(choice, "delta") ? get(choice, "delta") : get(choice, "message");
    const struct json *function = get(json_item(get(message, "tool_calls"), 0), "function");

    add(c, &c->text, get(message, "content"));
    add(c, &c->tool, get(function, "name"));
    add(c, &c->arguments, get(function, "arguments"));
    add(c, &c->finish, get(choice, "finish_reason"));
}

static void read_response(struct client *c, const struct json *v)
{
    const struct json *item = json_item(get(v, "output"), 0);

    add(c, &c->text, get(json_item(get(item, "content"), 0), "text"));
    add(c, &c->tool, get(item, "name"));
    add(c, &c->arguments, get(item, "arguments"));
    add(c, &c->finish, get(v, "status"));
}

static void read_response_event(struct client *c, const struct json *v)
{
    struct slice type = json_str(&c->arena, get(v, "type"));
    int64_t number = -1;

    assert_true(json_to_int(get(v, "sequence_number"), &number));
    assert_int_equal(number, c->sequence++);
    if (slice_eq(type, SLICE("response.output_text.delta")))
        add(c, &c->text, get(v, "delta"));
    else if (slice_eq(type, SLICE("response.function_call_arguments.delta")))
        add(c, &c->arguments, get(v, "delta"));
    else if (slice_eq(type, SLICE("response.output_item.added")))
        add(c, &c->tool, get(get(v, "item"), "name"));
    else if (slice_eq(type, SLICE("response.completed")) ||
             slice_eq(type, SLICE("response.incomplete"))) {
        struct client whole;

        client_init(&whole, R, FRAMING_BODY);
        read_response(&whole, get(v, "response"));
        assert_true(slice_eq(buf_peek(&whole.text), buf_peek(&c->text)));
        assert_true(slice_eq(buf_peek(&whole.tool), buf_peek(&c->tool)));
        assert_true(slice_eq(buf_peek(&whole.arguments), buf_peek(&c->arguments)));
        buf_append(&c->finish, buf_peek(&whole.finish));
        client_release(&whole);
    }
}

static void read_message(struct client *c, const struct json *v)
{
    const struct json *block = json_item(get(v, "content"), 0);

    add(c, &c->text, get(block, "text"));
    add(c, &c->tool, get(block, "name"));
    add(c, &c->arguments, get(block, "input"));
    add(c, &c->finish, get(v, "stop_reason"));
}

static void read_message_event(struct client *c, const struct json *v)
{
    const struct json *delta = get(v, "delta");

    add(c, &c->tool, get(get(v, "content_block"), "name"));
    add(c, &c->text, get(delta, "text"));
    add(c, &c->arguments, get(delta, "partial_json"));
    add(c, &c->finish, get(delta, "stop_reason"));
}

static void read_candidate(struct client *c, const struct json *v)
{
    const struct json *candidate = json_item(get(v, "candidates"), 0);
    const struct json *part = json_item(get(get(candidate, "content"), "parts"), 0);
    const struct json *call = get(part, "functionCall");

    add(c, &c->text, get(part, "text"));
    add(c, &c->tool, get(call, "name"));
    add(c, &c->arguments, get(call, "args"));
    add(c, &c->finish, get(candidate, "finishReason"));
}

static void read_payload(struct client *c, struct slice event, struct slice payload)
{
    struct heard heard = listener_hear(&c->listener, event, payload);
    bool is_body = c->listener.framing == FRAMING_BODY;
    struct err_info e = {0};
    struct json *v;

    assert_false(heard.is_broken);
    assert_false(heard.is_error);
    if (!slice_eq(event, buf_peek(&c->last))) {
        buf_printf(&c->events, "%.*s ", SLICE_ARG(event));
        buf_clear(&c->last);
        buf_append(&c->last, event);
    }
    if (slice_eq(payload, SLICE("[DONE]")))
        return;
    assert_int_equal(json_parse(&c->arena, payload, &v, &e), ERR_NONE);
    if (event.len)
        assert_true(slice_eq(json_str(&c->arena, get(v, "type")), event));
    switch (c->listener.dialect) {
    case DIALECT_OPENAI_CHAT: read_chat(c, v); break;
    case DIALECT_OPENAI_RESPONSES: (is_body ? read_response : read_response_event)(c, v); break;
    case DIALECT_ANTHROPIC: (is_body ? read_message : read_message_event)(c, v); break;
    case DIALECT_GEMINI: read_candidate(c, v); break;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
}

static void read_answer(struct client *c, struct buf *bytes)
{
    struct sse_cutter cutter = {0};
    struct sse_event event;
    struct err_info e = {0};
    struct json *all;

    switch (c->listener.framing) {
    case FRAMING_BODY: read_payload(c, slice_of(NULL, 0), buf_peek(bytes)); break;
    case FRAMING_SSE:
        while (sse_next(&cutter, buf_peek(bytes), &event) == SSE_EVENT) {
            read_payload(c, event.name, event.data);
            buf_consume(bytes, event.raw.len);
        }
        assert_int_equal(buf_len(bytes), 0);
        break;
    case FRAMING_ARRAY:
        assert_int_equal(json_parse(&c->arena, buf_peek(bytes), &all, &e), ERR_NONE);
        json_for_each(element, all)
            read_payload(c, slice_of(NULL, 0), element->source);
        break;
    }
    sse_cutter_release(&cutter);
}

static void check_events(const struct client *c, bool is_call)
{
    static const char *const of_message =
        "message_start ping content_block_start content_block_delta content_block_stop "
        "message_delta message_stop ";
    const char *expected = NULL;
    bool is_cut = slice_eq(buf_peek(&c->finish), SLICE("incomplete"));

    if (c->listener.framing != FRAMING_SSE)
        return;
    if (c->listener.dialect == A && (buf_len(&c->text) || is_call))
        expected = of_message;
    if (c->listener.dialect == R && is_call)
        expected = "response.created response.in_progress response.output_item.added "
                   "response.function_call_arguments.delta response.function_call_arguments.done "
                   "response.output_item.done response.completed ";
    else if (c->listener.dialect == R)
        expected = is_cut ? "response.created response.in_progress response.output_item.added "
                            "response.content_part.added response.output_text.delta "
                            "response.output_text.done response.content_part.done "
                            "response.output_item.done response.incomplete "
                          : "response.created response.in_progress response.output_item.added "
                            "response.content_part.added response.output_text.delta "
                            "response.output_text.done response.content_part.done "
                            "response.output_item.done response.completed ";
    if (expected)
        assert_true(slice_eq(buf_peek(&c->events), slice_str(expected)));
}

static void check_case(size_t i, enum framing framing)
{
    struct buf body = {0}, out = {0}, arguments = {0};
    struct chat_usage usage;
    struct client c;

    client_init(&c, cases[i].dialect, framing);
    assert_int_equal(
        answer(OP_GENERATE, cases[i].dialect, framing, quoted(cases[i].body, &body), &out, &usage),
        ERR_NONE);
    read_answer(&c, &out);
    if (!slice_eq(buf_peek(&c.text), quoted(cases[i].text, &arguments)) ||
        !slice_eq(buf_peek(&c.tool), slice_str(cases[i].tool)) ||
        !slice_eq(buf_peek(&c.arguments), quoted(cases[i].arguments, &arguments)) ||
        !slice_eq(buf_peek(&c.finish), slice_str(cases[i].finish)))
        fail_msg("%d %s: [%.*s] [%.*s] [%.*s] [%.*s]", (int)framing, cases[i].body,
                 SLICE_ARG(buf_peek(&c.text)), SLICE_ARG(buf_peek(&c.tool)),
                 SLICE_ARG(buf_peek(&c.arguments)), SLICE_ARG(buf_peek(&c.finish)));
    assert_true(c.listener.finished);
    assert_true(c.listener.terminal ||
                (cases[i].dialect == DIALECT_GEMINI && framing != FRAMING_BODY));
    check_events(&c, cases[i].tool[0] != '\0');
    if (cases[i].dialect != C || framing != FRAMING_SSE) { // there usage is sent when asked for
        assert_int_equal(c.listener.source, USAGE_UPSTREAM);
        assert_memory_equal(&c.listener.usage, &usage, sizeof(usage));
    }
    assert_int_equal(usage.tokens[USAGE_OUTPUT],
                     (buf_len(&c.text) + buf_len(&c.arguments) + 3) / 4);
    assert_true(usage.tokens[USAGE_INPUT] > 0 || strstr(cases[i].body, "[]"));
    client_release(&c);
    buf_release(&body);
    buf_release(&out);
    buf_release(&arguments);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_case(i, FRAMING_BODY);
        check_case(i, FRAMING_SSE);
        if (cases[i].dialect == DIALECT_GEMINI)
            check_case(i, FRAMING_ARRAY);
    }
}

/* Chat's own chunk for usage comes when it is asked for, just before the end. */
static void test_include_usage(void **state)
{
    static const struct {
        const char *options;
        bool asked;
    } bodies[] = {
        {"",                                          false},
        {",'stream_options':{'include_usage':true}",  true },
        {",'stream_options':{'include_usage':false}", false},
    };
    struct buf body = {0}, out = {0}, text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct chat_usage usage;
        struct client c;

        buf_clear(&text);
        buf_printf(&text, "{'messages':[{'role':'user','content':'hello you'}]%s}",
                   bodies[i].options);
        buf_append_byte(&text, '\0');
        client_init(&c, C, FRAMING_SSE);
        answer(OP_GENERATE, C, FRAMING_SSE, quoted(buf_peek(&text).ptr, &body), &out, &usage);
        assert_int_equal(slice_find_slice(buf_peek(&out), SLICE("usage")) != SIZE_MAX,
                         bodies[i].asked);
        assert_true(slice_ends(buf_peek(&out), SLICE("data: [DONE]\n\n")));
        read_answer(&c, &out);
        assert_int_equal(c.listener.source, bodies[i].asked ? USAGE_UPSTREAM : USAGE_NONE);
        assert_int_equal(usage.tokens[USAGE_INPUT], 3);
        assert_int_equal(usage.tokens[USAGE_OUTPUT], 3);
        client_release(&c);
    }
    buf_release(&text);
    buf_release(&body);
    buf_release(&out);
}

/* However long the text is, neither the answer nor its pieces grow beyond measure. */
static void test_long(void **state)
{
    struct buf body = {0}, out = {0};
    struct chat_usage usage;
    struct client c;

    (void)state;
    buf_append_str(&body, "{\"input\":\"");
    for (int i = 0; i < 200000; i++)
        buf_append_str(&body, "a ");
    buf_append_str(&body, "\"}");
    client_init(&c, R, FRAMING_SSE);
    assert_int_equal(answer(OP_GENERATE, R, FRAMING_SSE, buf_peek(&body), &out, &usage), ERR_NONE);
    assert_true(buf_len(&out) < 2000000);
    read_answer(&c, &out);
    assert_true(slice_eq(buf_peek(&c.finish), SLICE("incomplete")));
    assert_int_equal(usage.tokens[USAGE_OUTPUT], 32768);
    assert_true(c.sequence < 300);
    client_release(&c);
    buf_release(&body);
    buf_release(&out);
}

static const struct {
    enum operation operation;
    enum dialect dialect;
    const char *body;
    enum err err;
    const char *out; // the whole answer
} others[] = {
#define OTHER(operation, dialect, body, err, out) {OP_##operation, dialect, body, ERR_##err, out},
#include "channel/echo_test_others.def"
#undef OTHER
};

static void test_others(void **state)
{
    struct buf body = {0}, out = {0}, expected = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct chat_usage usage;
        enum err err = answer(others[i].operation, others[i].dialect, FRAMING_BODY,
                              quoted(others[i].body, &body), &out, &usage);

        if (err != others[i].err)
            fail_msg("%s: %s", others[i].body, err_name(err));
        if (others[i].out && !slice_eq(buf_peek(&out), quoted(others[i].out, &expected)))
            fail_msg("%.*s", SLICE_ARG(buf_peek(&out)));
    }
    buf_release(&body);
    buf_release(&out);
    buf_release(&expected);
}

static void read_vector(struct slice body, struct arena *a, size_t i, double *out, size_t *count)
{
    struct err_info e = {0};
    struct json *v;
    const struct json *values;

    assert_int_equal(json_parse(a, body, &v, &e), ERR_NONE);
    values = get(json_item(get(v, "data"), i), "embedding");
    *count = 0;
    if (json_is(values, JSON_STRING)) {
        struct buf bytes = {0};

        assert_true(base64_decode(json_str(a, values), BASE64_STANDARD, BASE64_PADDED, &bytes));
        for (size_t at = 0; at + 4 <= buf_len(&bytes); at += 4) {
            const unsigned char *p = (const unsigned char *)buf_peek(&bytes).ptr + at;
            uint32_t bits =
                p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
            float value;

            memcpy(&value, &bits, sizeof(value));
            out[(*count)++] = (double)value;
        }
        buf_release(&bytes);
    }
    json_for_each(item, values) {
        double value = 0;

        assert_true(json_to_double(item, &value));
        out[(*count)++] =
            (double)(float)value; // nine digits say which float it is, not which double
    }
}

/* The same text, the same vector, of length one, in both encodings. */
static void test_vectors(void **state)
{
    static const char *const bodies[] = {
        "{'input':['a','b','a'],'dimensions':3}",
        "{'input':['a','b','a'],'dimensions':3,'encoding_format':'base64'}",
        "{'input':['a','b','a'],'dimensions':3,'encoding_format':'float'}",
    };
    double first[3];
    struct buf body = {0}, out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        double a[16], b[16], again[16], length = 0;
        struct chat_usage usage;
        struct arena arena;
        size_t count;

        arena_init(&arena, 0);
        assert_int_equal(
            answer(OP_EMBED, DIALECT_OPENAI, FRAMING_BODY, quoted(bodies[i], &body), &out, &usage),
            ERR_NONE);
        read_vector(buf_peek(&out), &arena, 1, b, &count);
        read_vector(buf_peek(&out), &arena, 2, again, &count);
        read_vector(buf_peek(&out), &arena, 0, a, &count);
        assert_int_equal(count, 3);
        if (i == 0)
            memcpy(first, a, sizeof(first));
        assert_memory_equal(a, first, sizeof(first));
        assert_memory_equal(a, again, sizeof(first));
        assert_memory_not_equal(a, b, sizeof(first));
        for (size_t k = 0; k < count; k++)
            length += a[k] * a[k];
        assert_true(length > 0.9999 && length < 1.0001);
        assert_int_equal(usage.tokens[USAGE_INPUT], 1);
        arena_release(&arena);
    }
    buf_release(&body);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_include_usage),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_others),
        cmocka_unit_test(test_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
