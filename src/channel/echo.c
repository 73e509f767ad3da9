/*
 * echo.c - a provider that is not there: it answers by itself, in every dialect, what it was
 * told.  For the first start, for demonstrations, and for tests of clients.
 */
#include "channel/echo.h"

#include "base/array.h"
#include "channel/registry.h"
#include "wire/sse.h"

/* It has no doors; these say what it speaks. */
static const struct channel_route routes[] = {
    {OP_GENERATE,     DIALECT_OPENAI_CHAT,      AUTH_NONE, "POST", "", NULL},
    {OP_GENERATE,     DIALECT_OPENAI_RESPONSES, AUTH_NONE, "POST", "", NULL},
    {OP_GENERATE,     DIALECT_ANTHROPIC,        AUTH_NONE, "POST", "", NULL},
    {OP_GENERATE,     DIALECT_GEMINI,           AUTH_NONE, "POST", "", NULL},
    {OP_COUNT_TOKENS, DIALECT_OPENAI_RESPONSES, AUTH_NONE, "POST", "", NULL},
    {OP_COUNT_TOKENS, DIALECT_ANTHROPIC,        AUTH_NONE, "POST", "", NULL},
    {OP_COUNT_TOKENS, DIALECT_GEMINI,           AUTH_NONE, "POST", "", NULL},
    {OP_EMBED,        DIALECT_OPENAI,           AUTH_NONE, "POST", "", NULL},
    {OP_EMBED,        DIALECT_GEMINI,           AUTH_NONE, "POST", "", NULL},
};

bool echo_next_delta(struct slice *rest, size_t whole_len, struct slice *delta)
{
    size_t least = whole_len / ECHO_DELTAS + 1, space;

    if (!rest->len)
        return false;
    space = slice_find(slice_after(*rest, least), ' ');
    *delta = slice_sub(*rest, 0, space == SIZE_MAX ? SIZE_MAX : least + space);
    *rest = slice_after(*rest, delta->len);
    return true;
}

void echo_event(struct echo *echo, struct slice name)
{
    sse_write(echo->out, name, buf_peek(&echo->data));
    buf_clear(&echo->data);
}

void echo_member(struct json_writer *w, const char *key, struct slice value)
{
    json_key(w, slice_str(key));
    json_value_string(w, value);
}

void echo_member_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, slice_str(key));
    json_value_int(w, value);
}

void echo_member_raw(struct json_writer *w, const char *key, const char *json)
{
    json_key(w, slice_str(key));
    json_value_raw(w, slice_str(json));
}

void echo_member_id(struct json_writer *w, const char *key, const char *prefix,
                    const struct echo *echo)
{
    char id[64];

    snprintf(id, sizeof(id), "%s%s", prefix, echo->id);
    echo_member(w, key, slice_str(id));
}

static enum err generate(const struct channel_local_request *request, struct buf *out,
                         const char **type, struct chat_usage *usage, struct err_info *e)
{
    struct echo echo;
    enum err err = echo_read(&echo, request, e);

    if (err == ERR_NONE) {
        echo.out = out;
        *type = request->framing == FRAMING_SSE ? "text/event-stream" : "application/json";
        switch (request->dialect) {
        case DIALECT_OPENAI_CHAT: echo_chat(&echo); break;
        case DIALECT_OPENAI_RESPONSES: echo_responses(&echo); break;
        case DIALECT_ANTHROPIC: echo_anthropic(&echo); break;
        case DIALECT_GEMINI: echo_gemini(&echo); break;
        case DIALECT_OPENAI:
        case DIALECT_COUNT: break;
        }
        usage->tokens[USAGE_INPUT] = echo.input_tokens;
        usage->tokens[USAGE_OUTPUT] = echo.output_tokens;
    }
    echo_release(&echo);
    return err;
}

/* What is counted is not used: `usage` stays empty. */
static void count_tokens(const struct channel_local_request *request, struct buf *out)
{
    struct json_writer w = {.out = out};
    int64_t tokens = echo_input_tokens(request->body);

    json_open_object(&w);
    if (request->dialect == DIALECT_OPENAI_RESPONSES)
        echo_member(&w, "object", SLICE("response.input_tokens"));
    echo_member_int(&w, request->dialect == DIALECT_GEMINI ? "totalTokens" : "input_tokens",
                    tokens);
    json_close_object(&w);
}

static enum err answer(const struct channel_local_request *request, struct buf *out,
                       const char **type, struct chat_usage *usage, struct err_info *e)
{
    *usage = (struct chat_usage){0};
    *type = "application/json";
    if (!channel_route_find(&channel_echo, request->operation, request->dialect))
        return err_set(e, ERR_UNSUPPORTED, "the echo cannot %s in this dialect",
                       operation_name(request->operation));
    switch (request->operation) {
    case OP_GENERATE: return generate(request, out, type, usage, e);
    case OP_EMBED: return echo_embed(request, out, type, usage, e);
    case OP_COUNT_TOKENS: count_tokens(request, out); return ERR_NONE;
    case OP_IMAGE:
    case OP_COMPACT:
    case OP_LIST_MODELS:
    case OP_GET_MODEL:
    case OP_FILES:
    case OP_COUNT: break;
    }
    return err_set(e, ERR_UNSUPPORTED, "the echo has no models of its own");
}

const struct channel channel_echo = {
    .name = "echo",
    .routes = routes,
    .route_count = ARRAY_LEN(routes),
    .answer = answer,
};
