/* openai_responses_decode.c - a Responses answer as events. */
#include <stdlib.h>

#include "base/array.h"
#include "chat/openai_responses_decode.h"
#include "chat/openai_responses_inside.h"
#include "chat/openai_shared.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/scan.h"

/* In the order of enum responses_member. */
static const struct json_want wants[HEARD_COUNT] = {
    {SLICE_INIT("type"),          false},
    {SLICE_INIT("output_index"),  false},
    {SLICE_INIT("item_id"),       false},
    {SLICE_INIT("content_index"), false},
    {SLICE_INIT("summary_index"), false},
    {SLICE_INIT("delta"),         false},
    {SLICE_INIT("logprobs"),      false},
    {SLICE_INIT("text"),          false},
    {SLICE_INIT("refusal"),       false},
    {SLICE_INIT("arguments"),     false},
    {SLICE_INIT("input"),         false},
    {SLICE_INIT("item"),          false},
    {SLICE_INIT("response"),      false},
    {SLICE_INIT("annotation"),    false},
    {SLICE_INIT("error"),         false},
};

static struct responses_item *item_at(const struct responses_hearing *h)
{
    return responses_item_find(h, responses_index(h->m[HEARD_OUTPUT_INDEX], -1),
                               responses_id(h->m[HEARD_ITEM_ID]));
}

/* A delta without an item before it begins one. */
static struct responses_item *item_for(const struct responses_hearing *h,
                                       enum responses_item_kind kind)
{
    struct responses_item *item = item_at(h);

    if (!item) {
        item = responses_item_new(h, kind,
                                  responses_index(h->m[HEARD_OUTPUT_INDEX], (int64_t)h->d->count));
        if (item)
            item->id = responses_id(h->m[HEARD_ITEM_ID]);
    }
    return item && item->kind == kind && !item->done ? item : NULL;
}

/* Events. */

static void start(const struct responses_hearing *h, struct slice response)
{
    struct responses_decoder *d = h->d;
    struct chat_event ev = {.type = CHAT_START};

    if (d->started)
        return;
    d->started = true;
    ev.start.id = responses_str(h, peek_get(response, SLICE("id")), 0);
    ev.start.model = responses_str(h, peek_get(response, SLICE("model")), 1);
    if (!ev.start.model.len)
        ev.start.model = d->model;
    ev.start.created_unix = responses_index(peek_get(response, SLICE("created_at")), 0);
    if (!ev.start.created_unix)
        ev.start.created_unix = d->now_unix;
    responses_emit(h, &ev);
}

static void on_alive(const struct responses_hearing *h)
{
    if (h->d->started)
        responses_emit(h, &(struct chat_event){.type = CHAT_PING});
    else
        start(h, h->m[HEARD_RESPONSE]);
}

static void on_created(const struct responses_hearing *h)
{
    start(h, h->m[HEARD_RESPONSE]);
}

static void on_added(const struct responses_hearing *h)
{
    struct slice object = h->m[HEARD_ITEM], id = peek_get(object, SLICE("id"));
    int64_t output_index = responses_index(h->m[HEARD_OUTPUT_INDEX], (int64_t)h->d->count);
    struct responses_item *item = responses_item_find(h, output_index, responses_id(id));

    if (item || !json_is_object(object))
        return;
    item = responses_item_new(h, responses_kind(peek_get(object, SLICE("type"))), output_index);
    if (!item)
        return;
    item->id = responses_id(id);
    if (item->kind == RESPONSES_CALL || item->kind == RESPONSES_CUSTOM_CALL)
        responses_call_added(h, item, object);
}

static void on_done(const struct responses_hearing *h)
{
    struct slice object = h->m[HEARD_ITEM], id = peek_get(object, SLICE("id"));
    int64_t output_index = responses_index(h->m[HEARD_OUTPUT_INDEX], -1);
    struct responses_item *item = responses_item_find(h, output_index, responses_id(id));

    if (!json_is_object(object))
        return;
    if (!item) {
        item = responses_item_new(h, responses_kind(peek_get(object, SLICE("type"))),
                                  output_index < 0 ? (int64_t)h->d->count : output_index);
        if (!item)
            return;
        item->id = responses_id(id);
    }
    responses_item_done(h, item, object);
}

static void on_text(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_MESSAGE);

    if (item)
        responses_message_text(h, item, responses_index(h->m[HEARD_CONTENT_INDEX], 0), false,
                               h->m[HEARD_DELTA], h->m[HEARD_LOGPROBS]);
}

static void on_text_done(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_MESSAGE);

    if (item)
        responses_message_whole(h, item, responses_index(h->m[HEARD_CONTENT_INDEX], 0), false,
                                h->m[HEARD_TEXT], h->m[HEARD_LOGPROBS]);
}

static void on_refusal(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_MESSAGE);

    if (item)
        responses_message_text(h, item, responses_index(h->m[HEARD_CONTENT_INDEX], 0), true,
                               h->m[HEARD_DELTA], slice_of(NULL, 0));
}

static void on_refusal_done(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_MESSAGE);

    if (item)
        responses_message_whole(h, item, responses_index(h->m[HEARD_CONTENT_INDEX], 0), true,
                                h->m[HEARD_REFUSAL], slice_of(NULL, 0));
}

static void on_annotation(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_MESSAGE);

    if (item && item->spoke && item->content == responses_index(h->m[HEARD_CONTENT_INDEX], 0))
        responses_cite(h, item, h->m[HEARD_ANNOTATION]);
}

static void on_summary(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_REASONING);

    if (item)
        responses_reasoning_text(h, item, responses_index(h->m[HEARD_SUMMARY_INDEX], 0), false,
                                 h->m[HEARD_DELTA], h->m[HEARD_ITEM_ID]);
}

static void on_summary_done(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_REASONING);
    int64_t at = responses_index(h->m[HEARD_SUMMARY_INDEX], 0);

    if (item && at > item->content)
        responses_reasoning_text(h, item, at, false, h->m[HEARD_TEXT], h->m[HEARD_ITEM_ID]);
}

static void on_thought(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_REASONING);

    if (item)
        responses_reasoning_text(h, item, responses_index(h->m[HEARD_CONTENT_INDEX], 0), true,
                                 h->m[HEARD_DELTA], h->m[HEARD_ITEM_ID]);
}

static void on_thought_done(const struct responses_hearing *h)
{
    struct responses_item *item = item_for(h, RESPONSES_REASONING);
    int64_t at = responses_index(h->m[HEARD_CONTENT_INDEX], 0);

    if (item && at > item->content)
        responses_reasoning_text(h, item, at, true, h->m[HEARD_TEXT], h->m[HEARD_ITEM_ID]);
}

static struct responses_item *call_at(const struct responses_hearing *h)
{
    struct responses_item *item = item_at(h);

    return item && item->open &&
                   (item->kind == RESPONSES_CALL || item->kind == RESPONSES_CUSTOM_CALL)
               ? item
               : NULL;
}

/* Where the call has not been named yet, the whole of it comes at its end. */
static void on_arguments(const struct responses_hearing *h)
{
    struct responses_item *item = call_at(h);

    if (item && !item->complete)
        responses_part_delta(h, item, text_of_literal(h->m[HEARD_DELTA]), slice_of(NULL, 0));
}

static void on_arguments_done(const struct responses_hearing *h)
{
    struct responses_item *item = call_at(h);

    if (item)
        responses_call_whole(h, item,
                             item->kind == RESPONSES_CUSTOM_CALL ? h->m[HEARD_INPUT]
                                                                 : h->m[HEARD_ARGUMENTS]);
}

/* The end. */

/* The terminal event repeats all items, perhaps under other ids, perhaps without some. */
static struct responses_item *item_known(const struct responses_hearing *h, struct slice object,
                                         int64_t position)
{
    enum responses_item_kind kind = responses_kind(peek_get(object, SLICE("type")));
    uint64_t id = responses_id(peek_get(object, SLICE("id")));
    uint64_t call_id = responses_id(peek_get(object, SLICE("call_id")));
    struct responses_decoder *d = h->d;
    struct responses_item *at_position = NULL;

    for (size_t i = d->count; i-- > 0;) {
        struct responses_item *item = &d->items[i];

        if ((id && item->id == id) || (call_id && item->call_id == call_id))
            return item;
        if (item->output_index == position && item->kind == kind && !(call_id && item->call_id))
            at_position = item;
    }
    return at_position;
}

static void read_output(const struct responses_hearing *h, struct slice output)
{
    struct peek p = peek_into(output);
    struct slice none, object;

    for (int64_t i = 0; peek_next(&p, &none, &object) && !h->d->ended; i++) {
        struct responses_item *item;

        if (!json_is_object(object))
            continue;
        item = item_known(h, object, i);
        if (!item) {
            item = responses_item_new(h, responses_kind(peek_get(object, SLICE("type"))), i);
            if (!item)
                return;
            item->id = responses_id(peek_get(object, SLICE("id")));
        }
        responses_item_done(h, item, object);
    }
}

static void read_usage(const struct responses_hearing *h, struct slice response)
{
    struct chat_event ev = {.type = CHAT_USAGE, .usage = {.source = USAGE_UPSTREAM}};
    struct slice search = peek_get(peek_get(response, SLICE("tool_usage")), SLICE("web_search"));
    int64_t searches = h->d->searches;

    if (!usage_read_openai(peek_get(response, SLICE("usage")), &ev.usage.usage))
        return;
    peek_count(peek_get(search, SLICE("num_requests")), &searches);
    if (searches > ev.usage.usage.tokens[USAGE_SERVER_TOOLS])
        ev.usage.usage.tokens[USAGE_SERVER_TOOLS] = searches;
    ev.usage.tier =
        openai_tier_parse(responses_str(h, peek_get(response, SLICE("service_tier")), 0));
    usage_read_tier(peek_get(response, SLICE("service_tier")), &ev.usage.served);
    responses_emit(h, &ev);
}

static enum chat_finish finish_of(const struct responses_hearing *h, struct slice response,
                                  bool incomplete)
{
    struct slice reason =
        peek_get(peek_get(response, SLICE("incomplete_details")), SLICE("reason"));

    if (!incomplete)
        return h->d->called ? FINISH_TOOLS : FINISH_STOP;
    if (responses_is(reason, SLICE("content_filter")))
        return FINISH_FILTER;
    if (responses_is(reason, SLICE("max_messages")) || responses_is(reason, SLICE("steered")))
        return h->d->called ? FINISH_TOOLS : FINISH_STOP;
    return FINISH_LENGTH;
}

static void refused(const struct responses_hearing *h, struct slice error)
{
    struct buf message = {0};
    enum err code = openai_error_read(error, &message);

    responses_end(h, code, buf_peek(&message));
    buf_release(&message);
}

static void finish(const struct responses_hearing *h, struct slice response, bool incomplete)
{
    struct responses_decoder *d = h->d;

    start(h, response);
    read_output(h, peek_get(response, SLICE("output")));
    for (size_t i = 0; i < d->count; i++)
        responses_part_close(h, &d->items[i]);
    if (d->ended)
        return;
    read_usage(h, response);
    responses_emit(h,
                   &(struct chat_event){.type = CHAT_FINISH,
                                        .finish = {.reason = finish_of(h, response, incomplete)}});
    responses_emit(h, &(struct chat_event){.type = CHAT_END});
    d->ended = true;
}

static void on_completed(const struct responses_hearing *h)
{
    finish(h, h->m[HEARD_RESPONSE],
           responses_is(peek_get(h->m[HEARD_RESPONSE], SLICE("status")), SLICE("incomplete")));
}

static void on_incomplete(const struct responses_hearing *h)
{
    finish(h, h->m[HEARD_RESPONSE], true);
}

static void on_failed(const struct responses_hearing *h)
{
    if (h->d->started)
        read_usage(h, h->m[HEARD_RESPONSE]);
    refused(h, peek_get(h->m[HEARD_RESPONSE], SLICE("error")));
}

static void on_error(const struct responses_hearing *h)
{
    bool nested = json_is_object(h->m[HEARD_ERROR]);

    refused(h, nested ? h->m[HEARD_ERROR] : h->payload);
}

/* The two that come most often stand first. */
static const struct {
    struct slice type;
    void (*hear)(const struct responses_hearing *h);
    bool is_content; // an answer has begun, even if nobody said so
} events[] = {
    {SLICE_INIT("response.output_text.delta"),             on_text,           true },
    {SLICE_INIT("response.function_call_arguments.delta"), on_arguments,      true },
    {SLICE_INIT("response.reasoning_summary_text.delta"),  on_summary,        true },
    {SLICE_INIT("response.reasoning_text.delta"),          on_thought,        true },
    {SLICE_INIT("response.custom_tool_call_input.delta"),  on_arguments,      true },
    {SLICE_INIT("response.refusal.delta"),                 on_refusal,        true },
    {SLICE_INIT("response.created"),                       on_created,        false},
    {SLICE_INIT("response.queued"),                        on_alive,          false},
    {SLICE_INIT("response.in_progress"),                   on_alive,          false},
    {SLICE_INIT("response.output_item.added"),             on_added,          true },
    {SLICE_INIT("response.output_item.done"),              on_done,           true },
    {SLICE_INIT("response.output_text.done"),              on_text_done,      true },
    {SLICE_INIT("response.output_text.annotation.added"),  on_annotation,     true },
    {SLICE_INIT("response.refusal.done"),                  on_refusal_done,   true },
    {SLICE_INIT("response.reasoning_summary_text.done"),   on_summary_done,   true },
    {SLICE_INIT("response.reasoning_text.done"),           on_thought_done,   true },
    {SLICE_INIT("response.function_call_arguments.done"),  on_arguments_done, true },
    {SLICE_INIT("response.custom_tool_call_input.done"),   on_arguments_done, true },
    {SLICE_INIT("response.completed"),                     on_completed,      false},
    {SLICE_INIT("response.done"),                          on_completed,      false},
    {SLICE_INIT("response.incomplete"),                    on_incomplete,     false},
    {SLICE_INIT("response.failed"),                        on_failed,         false},
    {SLICE_INIT("response.cancelled"),                     on_failed,         false},
    {SLICE_INIT("error"),                                  on_error,          false},
};

static void hear(const struct responses_hearing *h, struct slice name)
{
    struct slice type = responses_str(h, h->m[HEARD_TYPE], 0);

    if (!type.len)
        type = name;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (!slice_eq(events[i].type, type))
            continue;
        if (events[i].is_content)
            start(h, slice_of(NULL, 0));
        events[i].hear(h);
        return;
    }
    if (!h->m[HEARD_TYPE].ptr && !openai_error_is_none(h->m[HEARD_ERROR]))
        on_error(h);
}

/* The quick looks that follow expect the value at the first byte. */
static struct slice without_blanks(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t' || s.ptr[0] == '\n' || s.ptr[0] == '\r'))
        s = slice_after(s, 1);
    return s;
}

static bool scan(struct responses_hearing *h)
{
    struct json_span spans[HEARD_COUNT];
    struct err_info ignored = {0};

    if (json_scan(h->payload, wants, HEARD_COUNT, spans, &ignored) != ERR_NONE)
        return false;
    for (size_t i = 0; i < HEARD_COUNT; i++)
        h->m[i] = json_span_slice(h->payload, spans[i]);
    return true;
}

void responses_decoder_init(void *decoder, const struct codec_decode_options *o)
{
    struct responses_decoder *d = decoder;

    d->now_unix = o->now_unix;
    d->id = o->id;
    d->model = o->upstream_model;
}

/* [DONE] is not the vendor's; some who copy it send it all the same. */
void responses_decode(void *decoder, struct slice name, struct slice payload,
                      const struct chat_sink *sink)
{
    struct responses_hearing h = {.d = decoder, .sink = sink, .payload = without_blanks(payload)};

    if (h.d->ended || !h.payload.len || slice_starts(h.payload, SLICE("[DONE]")))
        return;
    if (scan(&h))
        hear(&h, name);
    else
        responses_broken(&h, "the provider's stream holds something that is not JSON");
}

/* A background answer that is not there yet is none. */
void responses_decode_whole(void *decoder, struct slice body, const struct chat_sink *sink)
{
    struct responses_hearing h = {.d = decoder, .sink = sink, .payload = without_blanks(body)};
    struct slice status;

    if (h.d->ended)
        return;
    if (!scan(&h) || !json_is_object(h.payload)) {
        responses_broken(&h, "the provider's answer is not a JSON object");
        return;
    }
    status = peek_get(h.payload, SLICE("status"));
    if (!openai_error_is_none(h.m[HEARD_ERROR]))
        on_error(&h);
    else if (responses_is(status, SLICE("failed")) || responses_is(status, SLICE("cancelled")))
        responses_end(&h, ERR_UPSTREAM_FAILED, slice_of(NULL, 0));
    else if (responses_is(status, SLICE("queued")) || responses_is(status, SLICE("in_progress")))
        responses_broken(&h, "the provider's answer is not finished");
    else if (!json_is_array(peek_get(h.payload, SLICE("output"))))
        responses_broken(&h, "the provider's answer has no output");
    else
        finish(&h, h.payload, responses_is(status, SLICE("incomplete")));
}

void responses_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct responses_hearing h = {.d = decoder, .sink = sink};

    if (!h.d->ended)
        responses_broken(&h, "the provider's stream ended early");
}

void responses_decoder_release(void *decoder)
{
    struct responses_decoder *d = decoder;

    free(d->items);
    for (size_t i = 0; i < ARRAY_LEN(d->scratch); i++)
        buf_release(&d->scratch[i]);
}
