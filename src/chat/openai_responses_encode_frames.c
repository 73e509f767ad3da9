/* openai_responses_encode_frames.c - the events of a Responses stream, each as its bytes. */
#include "chat/error.h"
#include "chat/openai_responses_encode.h"
#include "chat/openai_responses_inside.h"

/* Members follow, then frame_end(). */
static struct json_writer frame_begin(const struct responses_speaking *s, struct slice type)
{
    buf_append(s->out, SLICE("event: "));
    buf_append(s->out, type);
    buf_append(s->out, SLICE("\ndata: {\"type\":\""));
    buf_append(s->out, type);
    buf_append(s->out, SLICE("\",\"sequence_number\":"));
    buf_append_u64(s->out, s->en->sequence++);
    return (struct json_writer){.out = s->out, .comma = true};
}

static void frame_end(struct json_writer *w)
{
    buf_append(w->out, SLICE("}\n\n"));
}

void responses_frame_response(const struct responses_speaking *s, struct slice type,
                              enum responses_status status, const struct chat_event *error)
{
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_begin(s, type);
    json_key(&w, SLICE("response"));
    responses_write_object(&w, s->en, status, error);
    frame_end(&w);
}

void responses_frame_error(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct err_info e = {0};
    struct json_writer w;

    if (!responses_streams(s))
        return;
    if (ev->error.message.len)
        err_set(&e, ev->error.code, "%.*s", SLICE_ARG(ev->error.message));
    e.code = ev->error.code;
    w = frame_begin(s, SLICE("error"));
    error_write_responses_event(&e, s->out);
    frame_end(&w);
}

static uint32_t output_index(const struct responses_speaking *s,
                             const struct responses_output *item)
{
    return (uint32_t)(item - s->en->items);
}

/* A frame about something in an item; `at` is what its index is called, if it has one. */
static struct json_writer frame_inside(const struct responses_speaking *s, struct slice type,
                                       const struct responses_part *part, struct slice at)
{
    const struct responses_output *item = &s->en->items[part->item];
    struct json_writer w = frame_begin(s, type);

    buf_append(s->out, SLICE(",\"item_id\":\""));
    buf_append(s->out, responses_item_id(item));
    buf_append(s->out, SLICE("\",\"output_index\":"));
    buf_append_u64(s->out, part->item);
    if (at.len) {
        buf_append(s->out, SLICE(",\""));
        buf_append(s->out, at);
        buf_append(s->out, SLICE("\":"));
        buf_append_u64(s->out, part->content_index);
    }
    return w;
}

#define AT_CONTENT SLICE("content_index")
#define AT_SUMMARY SLICE("summary_index")
#define AT_NOTHING SLICE("")

void responses_frame_plain(const struct responses_speaking *s, struct slice type,
                           const struct responses_part *part)
{
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_inside(s, type, part, AT_NOTHING);
    frame_end(&w);
}

void responses_frame_item(const struct responses_speaking *s, struct slice type,
                          const struct responses_output *item, enum responses_status status)
{
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_begin(s, type);
    responses_int(&w, SLICE("output_index"), output_index(s, item));
    json_key(&w, SLICE("item"));
    if (item->done)
        json_value_raw(&w, buf_peek(&item->json));
    else
        responses_write_item(&w, s->en, item, status);
    frame_end(&w);
}

void responses_frame_content_part(const struct responses_speaking *s, struct slice type,
                                  const struct responses_part *part, bool empty)
{
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_inside(s, type, part, AT_CONTENT);
    json_key(&w, SLICE("part"));
    responses_write_part(&w, part, empty);
    frame_end(&w);
}

void responses_frame_summary_part(const struct responses_speaking *s, struct slice type,
                                  const struct responses_part *part, bool empty)
{
    static const struct buf nothing = {0};
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_inside(s, type, part, AT_SUMMARY);
    json_key(&w, SLICE("part"));
    responses_open(&w, SLICE("summary_text"));
    json_key(&w, SLICE("text"));
    responses_gathered(&w, empty ? &nothing : &part->text);
    json_close_object(&w);
    frame_end(&w);
}

/* What the deltas of a kind are called, and where what they made stands in the end. */
struct names {
    struct slice delta, done, key, at;
};

static const struct names *names_of(const struct responses_part *part)
{
    static const struct names text = {SLICE_INIT("response.output_text.delta"),
                                      SLICE_INIT("response.output_text.done"), SLICE_INIT("text"),
                                      SLICE_INIT("content_index")};
    static const struct names refusal = {SLICE_INIT("response.refusal.delta"),
                                         SLICE_INIT("response.refusal.done"), SLICE_INIT("refusal"),
                                         SLICE_INIT("content_index")};
    static const struct names summary = {SLICE_INIT("response.reasoning_summary_text.delta"),
                                         SLICE_INIT("response.reasoning_summary_text.done"),
                                         SLICE_INIT("text"), SLICE_INIT("summary_index")};
    static const struct names call = {SLICE_INIT("response.function_call_arguments.delta"),
                                      SLICE_INIT("response.function_call_arguments.done"),
                                      SLICE_INIT("arguments"), SLICE_INIT("")};
    static const struct names custom = {SLICE_INIT("response.custom_tool_call_input.delta"),
                                        SLICE_INIT("response.custom_tool_call_input.done"),
                                        SLICE_INIT("input"), SLICE_INIT("")};

    switch (part->kind) {
    case PART_TEXT: return &text;
    case PART_REFUSAL: return &refusal;
    case PART_REASONING: return &summary;
    case PART_CALL: return part->custom ? &custom : &call;
    case PART_IMAGE:
    case PART_SEARCH: break;
    }
    return NULL;
}

void responses_frame_delta(const struct responses_speaking *s, const struct responses_part *part,
                           struct chat_text text, struct slice logprobs)
{
    const struct names *names = names_of(part);
    struct json_writer w;

    if (!responses_streams(s) || !names)
        return;
    w = frame_inside(s, names->delta, part, names->at);
    buf_append(s->out, SLICE(",\"delta\":\""));
    text_append_escaped(s->out, text);
    buf_append_byte(s->out, '"');
    if (part->kind == PART_TEXT) {
        buf_append(s->out, SLICE(",\"logprobs\":"));
        w.comma = false;
        responses_raw_line(&w, logprobs.len ? logprobs : SLICE("[]"));
    }
    frame_end(&w);
}

void responses_frame_text_done(const struct responses_speaking *s,
                               const struct responses_part *part)
{
    const struct names *names = names_of(part);
    struct json_writer w;

    if (!responses_streams(s) || !names)
        return;
    w = frame_inside(s, names->done, part, names->at);
    json_key(&w, names->key);
    responses_gathered(&w, &part->text);
    if (part->kind == PART_TEXT) {
        buf_append(s->out, SLICE(",\"logprobs\":["));
        buf_append(s->out, buf_peek(&part->logprobs));
        buf_append_byte(s->out, ']');
    }
    frame_end(&w);
}

void responses_frame_cite(const struct responses_speaking *s, const struct responses_part *part,
                          struct slice annotation)
{
    struct json_writer w;

    if (!responses_streams(s))
        return;
    w = frame_inside(s, SLICE("response.output_text.annotation.added"), part, AT_CONTENT);
    responses_int(&w, SLICE("annotation_index"), part->cites);
    responses_raw(&w, SLICE("annotation"), annotation);
    frame_end(&w);
}
