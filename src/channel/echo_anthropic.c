/* echo_anthropic.c - the echo's answers in Messages (protocols/anthropic-messages.md, 5 and 8). */
#include "channel/echo.h"

static const char *stop_reason(const struct echo *echo)
{
    if (buf_len(&echo->tool))
        return "tool_use";
    return echo->is_cut ? "max_tokens" : "end_turn";
}

static void write_usage(struct json_writer *w, const struct echo *echo, int64_t output_tokens)
{
    json_key(w, SLICE("usage"));
    json_open_object(w);
    echo_member_int(w, "input_tokens", echo->input_tokens);
    echo_member_raw(w, "cache_creation_input_tokens", "0");
    echo_member_raw(w, "cache_read_input_tokens", "0");
    echo_member_raw(w, "cache_creation",
                    "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0}");
    echo_member_int(w, "output_tokens", output_tokens);
    echo_member_raw(w, "output_tokens_details", "null");
    echo_member_raw(w, "server_tool_use", "null");
    echo_member(w, "service_tier", SLICE("standard"));
    json_close_object(w);
}

/* The one block of the answer; where it is only begun, what it holds comes later. */
static void write_block(struct json_writer *w, const struct echo *echo, bool is_begun)
{
    json_open_object(w);
    if (buf_len(&echo->tool)) {
        echo_member(w, "type", SLICE("tool_use"));
        echo_member_id(w, "id", "toolu_", echo);
        echo_member(w, "name", buf_peek(&echo->tool));
        json_key(w, SLICE("input"));
        json_value_raw(w, is_begun ? SLICE("{}") : buf_peek(&echo->arguments));
        echo_member_raw(w, "caller", "{\"type\":\"direct\"}");
    } else {
        echo_member(w, "type", SLICE("text"));
        echo_member(w, "text", is_begun ? SLICE("") : buf_peek(&echo->text));
        echo_member_raw(w, "citations", "null");
    }
    json_close_object(w);
}

static void write_message(struct json_writer *w, const struct echo *echo, bool is_begun)
{
    json_open_object(w);
    echo_member_id(w, "id", "msg_", echo);
    echo_member(w, "type", SLICE("message"));
    echo_member(w, "role", SLICE("assistant"));
    echo_member(w, "model", echo->request->model);
    json_key(w, SLICE("content"));
    json_open_array(w);
    if (!is_begun)
        write_block(w, echo, false);
    json_close_array(w);
    if (is_begun)
        echo_member_raw(w, "stop_reason", "null");
    else
        echo_member(w, "stop_reason", slice_str(stop_reason(echo)));
    echo_member_raw(w, "stop_sequence", "null");
    echo_member_raw(w, "stop_details", "null");
    echo_member_raw(w, "container", "null");
    echo_member_raw(w, "diagnostics", "null");
    write_usage(w, echo, is_begun ? 1 : echo->output_tokens);
    json_close_object(w);
}

static struct json_writer begin_event(struct echo *echo, const char *type)
{
    struct json_writer w = {.out = &echo->data};

    json_open_object(&w);
    echo_member(&w, "type", slice_str(type));
    return w;
}

static void end_event(struct echo *echo, struct json_writer *w, const char *type)
{
    json_close_object(w);
    echo_event(echo, slice_str(type));
}

static void write_delta(struct echo *echo, const char *type, const char *key, struct slice delta)
{
    struct json_writer w = begin_event(echo, "content_block_delta");

    echo_member_int(&w, "index", 0);
    json_key(&w, SLICE("delta"));
    json_open_object(&w);
    echo_member(&w, "type", slice_str(type));
    echo_member(&w, key, delta);
    json_close_object(&w);
    end_event(echo, &w, "content_block_delta");
}

static void write_block_events(struct echo *echo)
{
    struct json_writer w = begin_event(echo, "content_block_start");
    struct slice rest, delta;

    echo_member_int(&w, "index", 0);
    json_key(&w, SLICE("content_block"));
    write_block(&w, echo, true);
    end_event(echo, &w, "content_block_start");

    rest = buf_peek(&echo->text);
    while (echo_next_delta(&rest, buf_len(&echo->text), &delta))
        write_delta(echo, "text_delta", "text", delta);
    rest = buf_peek(&echo->arguments);
    while (echo_next_delta(&rest, buf_len(&echo->arguments), &delta))
        write_delta(echo, "input_json_delta", "partial_json", delta);

    w = begin_event(echo, "content_block_stop");
    echo_member_int(&w, "index", 0);
    end_event(echo, &w, "content_block_stop");
}

static void write_message_delta(struct echo *echo)
{
    struct json_writer w = begin_event(echo, "message_delta");

    json_key(&w, SLICE("delta"));
    json_open_object(&w);
    echo_member(&w, "stop_reason", slice_str(stop_reason(echo)));
    echo_member_raw(&w, "stop_sequence", "null");
    echo_member_raw(&w, "stop_details", "null");
    echo_member_raw(&w, "container", "null");
    json_close_object(&w);
    write_usage(&w, echo, echo->output_tokens);
    end_event(echo, &w, "message_delta");
}

static void write_stream(struct echo *echo)
{
    struct json_writer w = begin_event(echo, "message_start");

    json_key(&w, SLICE("message"));
    write_message(&w, echo, true);
    end_event(echo, &w, "message_start");
    w = begin_event(echo, "ping");
    end_event(echo, &w, "ping");
    write_block_events(echo);
    write_message_delta(echo);
    w = begin_event(echo, "message_stop");
    end_event(echo, &w, "message_stop");
}

void echo_anthropic(struct echo *echo)
{
    struct json_writer w = {.out = echo->out};

    if (echo->request->framing == FRAMING_SSE)
        write_stream(echo);
    else
        write_message(&w, echo, false);
}
