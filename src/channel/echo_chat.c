/* echo_chat.c - the echo's answers in Chat Completions (protocols/openai-chat.md, 4 and 6). */
#include "channel/echo.h"

static const char *finish_reason(const struct echo *echo)
{
    if (buf_len(&echo->tool))
        return "tool_calls";
    return echo->is_cut ? "length" : "stop";
}

static void write_head(struct json_writer *w, const struct echo *echo, const char *object)
{
    json_open_object(w);
    echo_member_id(w, "id", "chatcmpl-", echo);
    echo_member(w, "object", slice_str(object));
    echo_member_int(w, "created", echo->request->now_unix_ms / 1000);
    echo_member(w, "model", echo->request->model);
    json_key(w, SLICE("choices"));
    json_open_array(w);
}

static void write_usage(struct json_writer *w, const struct echo *echo)
{
    json_key(w, SLICE("usage"));
    json_open_object(w);
    echo_member_int(w, "prompt_tokens", echo->input_tokens);
    echo_member_int(w, "completion_tokens", echo->output_tokens);
    echo_member_int(w, "total_tokens", echo->input_tokens + echo->output_tokens);
    echo_member_raw(w, "prompt_tokens_details", "{\"cached_tokens\":0}");
    echo_member_raw(w, "completion_tokens_details", "{\"reasoning_tokens\":0}");
    json_close_object(w);
}

/* [{"id","type","function":{...}}]; in a stream with an index, and its arguments later. */
static void write_call(struct json_writer *w, const struct echo *echo, bool is_delta)
{
    json_key(w, SLICE("tool_calls"));
    json_open_array(w);
    json_open_object(w);
    if (is_delta)
        echo_member_int(w, "index", 0);
    echo_member_id(w, "id", "call_", echo);
    echo_member(w, "type", SLICE("function"));
    json_key(w, SLICE("function"));
    json_open_object(w);
    echo_member(w, "name", buf_peek(&echo->tool));
    echo_member(w, "arguments", is_delta ? SLICE("") : buf_peek(&echo->arguments));
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
}

static void write_body(struct echo *echo)
{
    struct json_writer w = {.out = echo->out};
    bool is_call = buf_len(&echo->tool) > 0;

    write_head(&w, echo, "chat.completion");
    json_open_object(&w);
    echo_member_int(&w, "index", 0);
    json_key(&w, SLICE("message"));
    json_open_object(&w);
    echo_member(&w, "role", SLICE("assistant"));
    if (is_call)
        echo_member_raw(&w, "content", "null");
    else
        echo_member(&w, "content", buf_peek(&echo->text));
    echo_member_raw(&w, "refusal", "null");
    if (is_call)
        write_call(&w, echo, false);
    json_close_object(&w);
    echo_member_raw(&w, "logprobs", "null");
    echo_member(&w, "finish_reason", slice_str(finish_reason(echo)));
    json_close_object(&w);
    json_close_array(&w);
    write_usage(&w, echo);
    json_close_object(&w);
}

static struct json_writer begin_chunk(struct echo *echo)
{
    struct json_writer w = {.out = &echo->data};

    write_head(&w, echo, "chat.completion.chunk");
    json_open_object(&w);
    echo_member_int(&w, "index", 0);
    json_key(&w, SLICE("delta"));
    json_open_object(&w);
    return w;
}

static void end_chunk(struct echo *echo, struct json_writer *w, const char *finish)
{
    json_close_object(w);
    echo_member_raw(w, "logprobs", "null");
    if (finish)
        echo_member(w, "finish_reason", slice_str(finish));
    else
        echo_member_raw(w, "finish_reason", "null");
    json_close_object(w);
    json_close_array(w);
    if (echo->wants_usage)
        echo_member_raw(w, "usage", "null");
    json_close_object(w);
    echo_event(echo, SLICE(""));
}

static void write_text_chunk(struct echo *echo, struct slice delta)
{
    struct json_writer w = begin_chunk(echo);

    echo_member(&w, "content", delta);
    end_chunk(echo, &w, NULL);
}

static void write_arguments_chunk(struct echo *echo, struct slice delta)
{
    struct json_writer w = begin_chunk(echo);

    json_key(&w, SLICE("tool_calls"));
    json_open_array(&w);
    json_open_object(&w);
    echo_member_int(&w, "index", 0);
    json_key(&w, SLICE("function"));
    json_open_object(&w);
    echo_member(&w, "arguments", delta);
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    end_chunk(echo, &w, NULL);
}

static void write_role_chunk(struct echo *echo)
{
    struct json_writer w = begin_chunk(echo);

    echo_member(&w, "role", SLICE("assistant"));
    if (buf_len(&echo->tool)) {
        echo_member_raw(&w, "content", "null");
        write_call(&w, echo, true);
    } else {
        echo_member(&w, "content", SLICE(""));
    }
    echo_member_raw(&w, "refusal", "null");
    end_chunk(echo, &w, NULL);
}

static void write_usage_chunk(struct echo *echo)
{
    struct json_writer w = {.out = &echo->data};

    write_head(&w, echo, "chat.completion.chunk");
    json_close_array(&w);
    write_usage(&w, echo);
    json_close_object(&w);
    echo_event(echo, SLICE(""));
}

static void write_stream(struct echo *echo)
{
    struct json_writer w;
    struct slice rest, delta;

    write_role_chunk(echo);
    rest = buf_peek(&echo->text);
    while (echo_next_delta(&rest, buf_len(&echo->text), &delta))
        write_text_chunk(echo, delta);
    rest = buf_peek(&echo->arguments);
    while (echo_next_delta(&rest, buf_len(&echo->arguments), &delta))
        write_arguments_chunk(echo, delta);
    w = begin_chunk(echo);
    end_chunk(echo, &w, finish_reason(echo));
    if (echo->wants_usage)
        write_usage_chunk(echo);
    buf_append(&echo->data, SLICE("[DONE]"));
    echo_event(echo, SLICE(""));
}

void echo_chat(struct echo *echo)
{
    if (echo->request->framing == FRAMING_SSE)
        write_stream(echo);
    else
        write_body(echo);
}
