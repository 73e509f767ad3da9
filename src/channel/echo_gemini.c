/* echo_gemini.c - the echo's answers in generateContent (protocols/gemini-generate.md, 6 and 7). */
#include "channel/echo.h"

static void write_usage(struct json_writer *w, const struct echo *echo, bool is_last)
{
    int64_t output = is_last ? echo->output_tokens : 0;

    json_key(w, SLICE("usageMetadata"));
    json_open_object(w);
    echo_member_int(w, "promptTokenCount", echo->input_tokens);
    if (output)
        echo_member_int(w, "candidatesTokenCount", output);
    echo_member_int(w, "totalTokenCount", echo->input_tokens + output);
    json_close_object(w);
}

static void write_call(struct json_writer *w, const struct echo *echo)
{
    json_key(w, SLICE("functionCall"));
    json_open_object(w);
    echo_member_id(w, "id", "call_", echo);
    echo_member(w, "name", buf_peek(&echo->tool));
    json_key(w, SLICE("args"));
    json_value_raw(w, buf_peek(&echo->arguments));
    json_close_object(w);
}

/* One document of the answer: `text` of it, or the call, which is never divided. */
static void write_piece(struct buf *out, const struct echo *echo, struct slice text, bool is_last)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    json_key(&w, SLICE("candidates"));
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, SLICE("content"));
    json_open_object(&w);
    echo_member(&w, "role", SLICE("model"));
    json_key(&w, SLICE("parts"));
    json_open_array(&w);
    json_open_object(&w);
    if (buf_len(&echo->tool))
        write_call(&w, echo);
    else
        echo_member(&w, "text", text);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    if (is_last)
        echo_member(&w, "finishReason", echo->is_cut ? SLICE("MAX_TOKENS") : SLICE("STOP"));
    echo_member_int(&w, "index", 0);
    json_close_object(&w);
    json_close_array(&w);
    write_usage(&w, echo, is_last);
    echo_member(&w, "modelVersion", echo->request->model);
    echo_member(&w, "responseId", slice_str(echo->id));
    json_close_object(&w);
}

static void write_stream(struct echo *echo)
{
    bool is_array = echo->request->framing == FRAMING_ARRAY, is_first = true;
    struct slice rest = buf_peek(&echo->text), delta = SLICE("");

    do {
        echo_next_delta(&rest, buf_len(&echo->text), &delta);
        write_piece(&echo->data, echo, delta, rest.len == 0);
        if (is_array) {
            buf_append(echo->out, is_first ? SLICE("[") : SLICE(",\r\n"));
            buf_append(echo->out, buf_peek(&echo->data));
            buf_clear(&echo->data);
        } else {
            echo_event(echo, SLICE(""));
        }
        is_first = false;
    } while (rest.len);
    if (is_array)
        buf_append_byte(echo->out, ']');
}

void echo_gemini(struct echo *echo)
{
    if (echo->request->framing == FRAMING_BODY)
        write_piece(echo->out, echo, buf_peek(&echo->text), true);
    else
        write_stream(echo);
}
