/* echo_responses.c - the echo's answers in Responses (protocols/openai-responses.md, 4 and 6). */
#include "base/array.h"
#include "channel/echo.h"
#include "chat/peek.h"
#include "json/raw.h"

#define REPEATED_BYTES ((size_t)16 << 10) // of one field of the request: it stands in three events

/* What a response repeats of its request, and what stands there when that had nothing. */
static const struct {
    const char *key, *otherwise;
} repeated[] = {
    {"instructions",         "null"                              },
    {"max_output_tokens",    "null"                              },
    {"parallel_tool_calls",  "true"                              },
    {"previous_response_id", "null"                              },
    {"reasoning",            "{\"effort\":null,\"summary\":null}"},
    {"temperature",          "null"                              },
    {"text",                 "{\"format\":{\"type\":\"text\"}}"  },
    {"tool_choice",          "\"auto\""                          },
    {"tools",                "[]"                                },
    {"top_p",                "null"                              },
    {"metadata",             "{}"                                },
};

/* A stream of events: each has its type twice and a number. */
struct events {
    struct echo *echo;
    int64_t count;
    struct json_writer w; // the event that is open
};

static bool is_call(const struct echo *echo)
{
    return buf_len(&echo->tool) > 0;
}

static void write_item_id(struct json_writer *w, const char *key, const struct echo *echo)
{
    echo_member_id(w, key, is_call(echo) ? "fc_" : "msg_", echo);
}

static void write_part(struct json_writer *w, struct slice text)
{
    json_open_object(w);
    echo_member(w, "type", SLICE("output_text"));
    echo_member(w, "text", text);
    echo_member_raw(w, "annotations", "[]");
    echo_member_raw(w, "logprobs", "[]");
    json_close_object(w);
}

/* The one item of the answer; where it is only begun, what it holds comes later. */
static void write_item(struct json_writer *w, const struct echo *echo, bool is_begun)
{
    const char *status = is_begun ? "in_progress" : echo->is_cut ? "incomplete" : "completed";

    json_open_object(w);
    echo_member(w, "type", is_call(echo) ? SLICE("function_call") : SLICE("message"));
    write_item_id(w, "id", echo);
    echo_member(w, "status", slice_str(status));
    if (is_call(echo)) {
        echo_member_id(w, "call_id", "call_", echo);
        echo_member(w, "name", buf_peek(&echo->tool));
        echo_member(w, "arguments", is_begun ? SLICE("") : buf_peek(&echo->arguments));
    } else {
        echo_member(w, "role", SLICE("assistant"));
        json_key(w, SLICE("content"));
        json_open_array(w);
        if (!is_begun)
            write_part(w, buf_peek(&echo->text));
        json_close_array(w);
    }
    json_close_object(w);
}

static void write_repeated(struct json_writer *w, struct slice body)
{
    for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
        struct slice value = peek_get(body, slice_str(repeated[i].key));
        bool fits = value.len && value.len <= REPEATED_BYTES && !json_is_null(value);

        json_key(w, slice_str(repeated[i].key));
        json_value_raw(w, fits ? value : slice_str(repeated[i].otherwise));
    }
}

static void write_usage(struct json_writer *w, const struct echo *echo)
{
    json_open_object(w);
    echo_member_int(w, "input_tokens", echo->input_tokens);
    echo_member_raw(w, "input_tokens_details", "{\"cached_tokens\":0,\"cache_write_tokens\":0}");
    echo_member_int(w, "output_tokens", echo->output_tokens);
    echo_member_raw(w, "output_tokens_details", "{\"reasoning_tokens\":0}");
    echo_member_int(w, "total_tokens", echo->input_tokens + echo->output_tokens);
    json_close_object(w);
}

static void write_response(struct json_writer *w, const struct echo *echo, bool is_begun)
{
    int64_t now = echo->request->now_unix_ms / 1000;
    const char *status = is_begun ? "in_progress" : echo->is_cut ? "incomplete" : "completed";

    json_open_object(w);
    echo_member_id(w, "id", "resp_", echo);
    echo_member(w, "object", SLICE("response"));
    echo_member_int(w, "created_at", now);
    echo_member(w, "status", slice_str(status));
    if (is_begun || echo->is_cut)
        echo_member_raw(w, "completed_at", "null");
    else
        echo_member_int(w, "completed_at", now);
    echo_member_raw(w, "error", "null");
    echo_member_raw(w, "incomplete_details",
                    !is_begun && echo->is_cut ? "{\"reason\":\"max_output_tokens\"}" : "null");
    echo_member(w, "model", echo->request->model);
    json_key(w, SLICE("output"));
    json_open_array(w);
    if (!is_begun)
        write_item(w, echo, false);
    json_close_array(w);
    write_repeated(w, echo->request->body);
    echo_member(w, "service_tier", SLICE("default"));
    echo_member(w, "truncation", SLICE("disabled"));
    json_key(w, SLICE("usage"));
    if (is_begun)
        json_value_null(w);
    else
        write_usage(w, echo);
    json_close_object(w);
}

static struct json_writer *begin_event(struct events *ev, const char *type)
{
    ev->w = (struct json_writer){.out = &ev->echo->data};
    json_open_object(&ev->w);
    echo_member(&ev->w, "type", slice_str(type));
    echo_member_int(&ev->w, "sequence_number", ev->count++);
    return &ev->w;
}

/* As above, for what belongs to the one item. */
static struct json_writer *begin_item_event(struct events *ev, const char *type, bool is_part)
{
    struct json_writer *w = begin_event(ev, type);

    write_item_id(w, "item_id", ev->echo);
    echo_member_int(w, "output_index", 0);
    if (is_part)
        echo_member_int(w, "content_index", 0);
    return w;
}

static void end_event(struct events *ev, const char *type)
{
    json_close_object(&ev->w);
    echo_event(ev->echo, slice_str(type));
}

static void write_response_event(struct events *ev, const char *type, bool is_begun)
{
    struct json_writer *w = begin_event(ev, type);

    json_key(w, SLICE("response"));
    write_response(w, ev->echo, is_begun);
    end_event(ev, type);
}

static void write_item_event(struct events *ev, const char *type, bool is_begun)
{
    struct json_writer *w = begin_event(ev, type);

    echo_member_int(w, "output_index", 0);
    json_key(w, SLICE("item"));
    write_item(w, ev->echo, is_begun);
    end_event(ev, type);
}

static void write_part_event(struct events *ev, const char *type, struct slice text)
{
    struct json_writer *w = begin_item_event(ev, type, true);

    json_key(w, SLICE("part"));
    write_part(w, text);
    end_event(ev, type);
}

static void write_text_events(struct events *ev)
{
    struct slice text = buf_peek(&ev->echo->text), rest = text, delta;
    struct json_writer *w;

    write_part_event(ev, "response.content_part.added", SLICE(""));
    while (echo_next_delta(&rest, text.len, &delta)) {
        w = begin_item_event(ev, "response.output_text.delta", true);
        echo_member(w, "delta", delta);
        echo_member_raw(w, "logprobs", "[]");
        end_event(ev, "response.output_text.delta");
    }
    w = begin_item_event(ev, "response.output_text.done", true);
    echo_member(w, "text", text);
    echo_member_raw(w, "logprobs", "[]");
    end_event(ev, "response.output_text.done");
    write_part_event(ev, "response.content_part.done", text);
}

static void write_call_events(struct events *ev)
{
    struct slice arguments = buf_peek(&ev->echo->arguments), rest = arguments, delta;
    struct json_writer *w;

    while (echo_next_delta(&rest, arguments.len, &delta)) {
        w = begin_item_event(ev, "response.function_call_arguments.delta", false);
        echo_member(w, "delta", delta);
        end_event(ev, "response.function_call_arguments.delta");
    }
    w = begin_item_event(ev, "response.function_call_arguments.done", false);
    echo_member(w, "name", buf_peek(&ev->echo->tool));
    echo_member(w, "arguments", arguments);
    end_event(ev, "response.function_call_arguments.done");
}

static void write_stream(struct echo *echo)
{
    struct events ev = {.echo = echo};

    write_response_event(&ev, "response.created", true);
    write_response_event(&ev, "response.in_progress", true);
    write_item_event(&ev, "response.output_item.added", true);
    if (is_call(echo))
        write_call_events(&ev);
    else
        write_text_events(&ev);
    write_item_event(&ev, "response.output_item.done", false);
    write_response_event(&ev, echo->is_cut ? "response.incomplete" : "response.completed", false);
}

void echo_responses(struct echo *echo)
{
    struct json_writer w = {.out = echo->out};

    if (echo->request->framing == FRAMING_SSE)
        write_stream(echo);
    else
        write_response(&w, echo, false);
}
