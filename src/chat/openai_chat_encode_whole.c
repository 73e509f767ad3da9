/* openai_chat_encode_whole.c - Chat Completions answers, written: one document. */
#include <stdlib.h>

#include "base/panic.h"
#include "chat/openai_chat_encoder.h"
#include "chat/openai_shared.h"

/* A list of JSON objects that grows. */
static struct json_writer more_of(struct buf *list)
{
    return (struct json_writer){.out = list, .comma = buf_len(list) != 0};
}

/* Calls interleave: each has a buffer of its own, up to its arguments' closing quote. */
static struct buf *call_buf(struct answer_choice *c, size_t number)
{
    if (number >= c->argument_cap) {
        size_t cap = c->argument_cap ? 2 * c->argument_cap : 4;

        c->arguments = realloc(c->arguments, cap * sizeof(struct buf));
        if (!c->arguments)
            panic("out of memory: an answer's tool calls");
        memset(c->arguments + c->argument_cap, 0, (cap - c->argument_cap) * sizeof(struct buf));
        c->argument_cap = cap;
    }
    return &c->arguments[number];
}

static void begin_call(struct openai_chat_encoder *x, struct answer_choice *c, size_t number,
                       const struct chat_event *ev)
{
    struct buf *out = call_buf(c, number);
    struct json_writer w = {.out = out};
    struct slice type = ev->open.custom ? SLICE("custom") : SLICE("function");

    json_open_object(&w);
    key_string(&w, SLICE("id"), ev->open.call_id);
    key_string(&w, SLICE("type"), type);
    openai_chat_encoder_write_signature(&w, buf_peek(&c->signature));
    json_key(&w, type);
    json_open_object(&w);
    key_string(&w, SLICE("name"), ev->open.tool);
    json_key(&w, ev->open.custom ? SLICE("input") : SLICE("arguments"));
    buf_append_byte(out, '"');
    x->gathered += buf_len(out);
}

static void take_open(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);
    struct answer_part *part = openai_chat_encoder_part_new(x, ev);

    if (ev->open.kind == PART_CALL)
        begin_call(x, c, part->number, ev);
    if (ev->open.kind == PART_IMAGE)
        openai_chat_encoder_open_image(x, part, ev->open.mime);
    if (ev->open.kind != PART_REASONING)
        buf_clear(&c->signature);
}

/* The arrays of all deltas as one. */
static void take_logprobs(struct openai_chat_encoder *x, struct answer_choice *c,
                          struct slice array)
{
    struct slice inside = slice_sub(array, 1, array.len - 2);

    if (array.len < 2)
        return;
    if (buf_len(&c->logprobs))
        buf_append_byte(&c->logprobs, ',');
    buf_append(&c->logprobs, inside);
    x->gathered += inside.len;
}

static void take_delta(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);
    struct answer_part *part = &x->parts[ev->index];

    part->said = true;
    switch (part->kind) {
    case PART_TEXT:
        openai_chat_encoder_gather(x, &c->content, ev->delta.text);
        take_logprobs(x, c, ev->delta.logprobs);
        break;
    case PART_REFUSAL: openai_chat_encoder_gather(x, &c->refusal, ev->delta.text); break;
    case PART_CALL: openai_chat_encoder_gather(x, call_buf(c, part->number), ev->delta.text); break;
    case PART_REASONING:
    case PART_IMAGE: openai_chat_encoder_gather(x, &part->gathered, ev->delta.text); break;
    case PART_SEARCH: break;
    }
}

static void close_thought(struct openai_chat_encoder *x, const struct chat_event *ev,
                          struct answer_choice *c, struct answer_part *part)
{
    struct json_writer w = more_of(&c->details);
    struct chat_text text =
                         {
                             buf_peek(&part->gathered), true
    },
                     none = {{NULL, 0}, false};
    size_t before = buf_len(&c->details);
    struct chat_thought_detail detail = {
        .vendor = ev->close.vendor,
        .text = part->said ? text : none,
        .redacted = part->redacted && !part->said,
        .secret = ev->close.secret,
        .id = ev->close.id,
        .index = part->number,
    };

    openai_chat_encoder_keep_signature(x, ev);
    openai_chat_encoder_gather(x, &c->reasoning, text);
    c->has_secrets = c->has_secrets || ev->close.secret.len;
    openai_chat_detail_write(&w, &detail);
    x->gathered += buf_len(&c->details) - before;
}

static void take_close(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);
    struct answer_part *part = &x->parts[ev->index];
    struct json_writer w;

    switch (part->kind) {
    case PART_REASONING: close_thought(x, ev, c, part); break;
    case PART_CALL:
        if (!part->said && !part->custom)
            openai_chat_encoder_gather(x, call_buf(c, part->number), text_plain(SLICE("{}")));
        break;
    case PART_IMAGE:
        w = more_of(&c->images);
        openai_chat_encoder_write_image(&w, buf_peek(&part->gathered));
        x->gathered += buf_len(&part->gathered);
        break;
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_SEARCH: break;
    }
    x->gathered -= buf_len(&part->gathered);
    buf_release(&part->gathered);
}

static void take_finish(struct openai_chat_encoder *x, const struct chat_event *ev)
{
    struct answer_choice *c = openai_chat_encoder_choice(x, ev->choice);

    c->finish = openai_chat_encoder_finish_name(ev->finish.reason);
    if (!buf_len(&c->refusal))
        openai_chat_encoder_gather(x, &c->refusal, ev->finish.explanation);
}

/* The document. */

static void key_escaped(struct json_writer *w, struct slice key, const struct buf *escaped)
{
    json_key(w, key);
    if (buf_len(escaped))
        json_value_text(w, (struct chat_text){buf_peek(escaped), true});
    else
        json_value_null(w);
}

static void key_list_if(struct json_writer *w, struct slice key, const struct buf *list)
{
    if (!buf_len(list))
        return;
    json_key(w, key);
    json_open_array(w);
    json_value_raw(w, buf_peek(list));
    json_close_array(w);
}

static void write_calls(struct json_writer *w, const struct answer_choice *c)
{
    if (!c->calls)
        return;
    json_key(w, SLICE("tool_calls"));
    json_open_array(w);
    for (size_t i = 0; i < c->calls; i++) {
        json_value_raw(w, buf_peek(&c->arguments[i]));
        buf_append(w->out, SLICE("\"}}"));
    }
    json_close_array(w);
}

static void write_message(struct json_writer *w, const struct answer_choice *c)
{
    json_open_object(w);
    key_string(w, SLICE("role"), SLICE("assistant"));
    key_escaped(w, SLICE("content"), &c->content);
    key_escaped(w, SLICE("refusal"), &c->refusal);
    if (buf_len(&c->reasoning))
        key_escaped(w, SLICE("reasoning_content"), &c->reasoning);
    if (c->has_secrets) // of all thoughts then, for clients that read nothing else
        key_list_if(w, SLICE("reasoning_details"), &c->details);
    write_calls(w, c);
    key_list_if(w, SLICE("annotations"), &c->annotations);
    key_list_if(w, SLICE("images"), &c->images);
    json_close_object(w);
}

static void write_choice(struct json_writer *w, const struct answer_choice *c)
{
    json_open_object(w);
    json_key(w, SLICE("index"));
    json_value_int(w, c->number);
    json_key(w, SLICE("message"));
    write_message(w, c);
    json_key(w, SLICE("logprobs"));
    if (buf_len(&c->logprobs)) {
        json_open_object(w);
        key_list_if(w, SLICE("content"), &c->logprobs);
        json_key(w, SLICE("refusal"));
        json_value_null(w);
        json_close_object(w);
    } else {
        json_value_null(w);
    }
    key_string(w, SLICE("finish_reason"), slice_str(c->finish ? c->finish : "stop"));
    json_close_object(w);
}

static int by_number(const void *a, const void *b)
{
    const struct answer_choice *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static void take_end(struct openai_chat_encoder *x, struct buf *out)
{
    struct json_writer w = {.out = out};

    qsort(x->choices, x->choice_count, sizeof(struct answer_choice), by_number);
    json_open_object(&w);
    key_string(&w, SLICE("id"), slice_of(x->id, x->id_len));
    key_string(&w, SLICE("object"), SLICE("chat.completion"));
    json_key(&w, SLICE("created"));
    json_value_int(&w, x->created_unix);
    key_string(&w, SLICE("model"), x->o.model);
    json_key(&w, SLICE("choices"));
    json_open_array(&w);
    for (size_t i = 0; i < x->choice_count; i++)
        write_choice(&w, &x->choices[i]);
    json_close_array(&w);
    if (x->has_usage) {
        json_key(&w, SLICE("usage"));
        openai_chat_usage_write(&w, &x->usage);
    }
    if (x->tier != TIER_UNSET)
        key_string(&w, SLICE("service_tier"), slice_str(openai_tier_name(x->tier)));
    json_close_object(&w);
}

void openai_chat_encode_whole(struct openai_chat_encoder *x, const struct chat_event *ev,
                              struct buf *out)
{
    switch (ev->type) {
    case CHAT_OPEN: take_open(x, ev); break;
    case CHAT_DELTA: take_delta(x, ev); break;
    case CHAT_CLOSE: take_close(x, ev); break;
    case CHAT_CITE: openai_chat_encoder_take_citation(x, ev); break;
    case CHAT_FINISH: take_finish(x, ev); break;
    case CHAT_END: take_end(x, out); break;
    case CHAT_START:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_ERROR: break;
    }
}

void openai_chat_encoder_choice_release(struct answer_choice *c)
{
    for (size_t i = 0; i < c->argument_cap; i++)
        buf_release(&c->arguments[i]);
    free(c->arguments);
    buf_release(&c->signature);
    buf_release(&c->annotations);
    buf_release(&c->content);
    buf_release(&c->reasoning);
    buf_release(&c->refusal);
    buf_release(&c->details);
    buf_release(&c->images);
    buf_release(&c->logprobs);
}
