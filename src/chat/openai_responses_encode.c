/* openai_responses_encode.c - events as a Responses answer. */
#include "chat/openai_responses_encode.h"

#include <stdlib.h>

#include "base/panic.h"
#include "chat/openai_responses_inside.h"
#include "json/scan.h"

#define RESPONSE_ID_LEN 40
#define ITEM_ID_LEN     32
#define RUNNING_BYTES   (sizeof(struct responses_part) + sizeof(struct responses_output))

static bool wants_logprobs(const struct responses_encoder *en)
{
    return en->o.request && en->o.request->logprobs == CHAT_YES;
}

/* What is gathered is held against the limit before it is. */
static bool gather(struct responses_encoder *en, size_t bytes)
{
    en->gathered += bytes;
    return !en->o.limit_bytes || en->gathered <= en->o.limit_bytes;
}

/* Parts and items. */

static void *grown(void *array, uint32_t *cap, size_t size)
{
    uint32_t wanted = *cap ? 2 * *cap : 8;
    void *bigger = realloc(array, wanted * size);

    if (!bigger)
        panic("out of memory: the items of an answer");
    *cap = wanted;
    return bigger;
}

static struct responses_part *part_new(struct responses_encoder *en)
{
    if (en->part_count == en->part_cap)
        en->parts = grown(en->parts, &en->part_cap, sizeof(*en->parts));
    en->parts[en->part_count] = (struct responses_part){.next = RESPONSES_NONE};
    return &en->parts[en->part_count++];
}

static struct slice id_prefix(const struct responses_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL: return SLICE("msg_");
    case PART_REASONING: return SLICE("rs_");
    case PART_CALL: return part->custom ? SLICE("ctc_") : SLICE("fc_");
    case PART_IMAGE: return SLICE("ig_");
    case PART_SEARCH: return SLICE("ws_");
    }
    return SLICE("");
}

/* An id of upstream's own is kept: a secret may be bound to it. */
static void item_new(const struct responses_speaking *s, struct responses_part *part,
                     struct slice known_id)
{
    struct responses_encoder *en = s->en;
    struct responses_output *item;
    struct slice prefix = id_prefix(part);
    uint32_t index = (uint32_t)(part - en->parts);

    if (en->item_count == en->item_cap)
        en->items = grown(en->items, &en->item_cap, sizeof(*en->items));
    item = &en->items[en->item_count];
    *item = (struct responses_output){.first = index, .last = index};
    if (slice_starts(known_id, prefix))
        item->id_len = chat_id_keep_or_make(item->id, prefix, ITEM_ID_LEN, known_id, known_id).len;
    else
        item->id_len = chat_id_make(item->id, prefix, ITEM_ID_LEN, slice_of(en->id, en->id_len),
                                    en->item_count)
                           .len;
    part->item = en->item_count++;
    responses_frame_item(s, SLICE("response.output_item.added"), item, RESPONSES_IN_PROGRESS);
}

static void part_forget(struct responses_part *part)
{
    buf_release(&part->text);
    buf_release(&part->logprobs);
    buf_release(&part->annotations);
    buf_release(&part->call_id);
    buf_release(&part->name);
    buf_release(&part->secret);
}

/* From here on the item is what its JSON says, and its parts hold nothing. */
static void item_finish(const struct responses_speaking *s, struct responses_output *item,
                        enum responses_status status)
{
    struct responses_encoder *en = s->en;
    struct json_writer w = {.out = &item->json};

    responses_write_item(&w, en, item, status);
    item->done = true;
    responses_frame_item(s, SLICE("response.output_item.done"), item, status);
    for (uint32_t at = item->first; at != RESPONSES_NONE; at = en->parts[at].next)
        part_forget(&en->parts[at]);
}

static bool is_text(const struct responses_part *part)
{
    return part->kind == PART_TEXT || part->kind == PART_REFUSAL;
}

/* Citations may still come for the last text: its end is said as late as can be. */
static void content_finish(const struct responses_speaking *s, const struct responses_part *part)
{
    responses_frame_text_done(s, part);
    responses_frame_content_part(s, SLICE("response.content_part.done"), part, false);
}

/* Whether the arguments are all there is no guess: they are JSON or not. */
static bool arguments_parse(const struct responses_part *part)
{
    struct buf plain = {0};
    struct err_info ignored = {0};
    bool ok;

    text_append_plain(&plain, (struct chat_text){buf_peek(&part->text), true});
    ok = buf_len(&plain) && json_scan(buf_peek(&plain), NULL, 0, NULL, &ignored) == ERR_NONE;
    buf_release(&plain);
    return ok;
}

/* A call that the end of the answer cut off is never said to be done. */
static void call_finish(const struct responses_speaking *s, struct responses_output *item, bool cut)
{
    struct responses_part *part = &s->en->parts[item->first];

    if (cut && (part->custom || !arguments_parse(part))) {
        item_finish(s, item, RESPONSES_INCOMPLETE);
        return;
    }
    if (!buf_len(&part->text) && !part->custom) {
        struct chat_text none = text_plain(SLICE("{}"));

        responses_frame_delta(s, part, none, slice_of(NULL, 0));
        text_append_escaped(&part->text, none);
    }
    responses_frame_text_done(s, part);
    item_finish(s, item, RESPONSES_COMPLETED);
}

static void message_finish(const struct responses_speaking *s, struct responses_output *item,
                           bool cut)
{
    content_finish(s, &s->en->parts[item->last]);
    item_finish(s, item, cut ? RESPONSES_INCOMPLETE : RESPONSES_COMPLETED);
}

/*
 * Items that upstream has closed and nobody has said the end of.  When another part opens they
 * are whole; at the end of the answer they may have been cut.
 */
static void wait_for_more(struct responses_encoder *en, uint32_t index)
{
    struct responses_output *item = &en->items[index];

    if (item->waiting)
        return;
    item->waiting = true;
    item->next_waiting = RESPONSES_NONE;
    if (en->first_waiting == RESPONSES_NONE)
        en->first_waiting = index;
    else
        en->items[en->last_waiting].next_waiting = index;
    en->last_waiting = index;
}

static void finish_waiting(const struct responses_speaking *s, bool cut)
{
    struct responses_encoder *en = s->en;
    uint32_t at = en->first_waiting;

    en->first_waiting = en->last_waiting = RESPONSES_NONE;
    for (; at != RESPONSES_NONE; at = en->items[at].next_waiting) {
        struct responses_output *item = &en->items[at];

        item->waiting = false;
        if (item->done || item->parts_open)
            continue; // that waits again when it is closed
        if (en->parts[item->first].kind == PART_CALL)
            call_finish(s, item, cut);
        else
            message_finish(s, item, cut);
    }
}

/* Events. */

static bool on_start(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;
    struct slice id = ev->start.id;

    en->started = true;
    en->created_unix = ev->start.created_unix ? ev->start.created_unix : en->o.now_unix;
    /* A client may go on with it by its id: it is the exchange's, since others' may come twice. */
    if (!slice_starts(id, SLICE("resp_")))
        id = (struct slice){0};
    en->id_len = chat_id_keep_or_make(en->id, SLICE("resp_"), RESPONSE_ID_LEN, id, en->o.id).len;
    responses_frame_response(s, SLICE("response.created"), RESPONSES_IN_PROGRESS, NULL);
    responses_frame_response(s, SLICE("response.in_progress"), RESPONSES_IN_PROGRESS, NULL);
    return true;
}

/* Texts that follow one another are parts of one message. */
static void open_text(const struct responses_speaking *s, struct responses_part *part)
{
    struct responses_encoder *en = s->en;
    uint32_t index = (uint32_t)(part - en->parts);
    struct responses_output *item;

    if (en->message == RESPONSES_NONE) {
        item_new(s, part, slice_of(NULL, 0));
        en->message = part->item;
    } else {
        item = &en->items[en->message];
        content_finish(s, &en->parts[item->last]);
        part->item = en->message;
        part->content_index = en->parts[item->last].content_index + 1;
        en->parts[item->last].next = index;
        item->last = index;
    }
    part->base = en->chars;
    responses_frame_content_part(s, SLICE("response.content_part.added"), part, true);
}

/* The client knows a tool of a namespace by its own name. */
static void open_call(const struct responses_speaking *s, struct responses_part *part,
                      const struct chat_event *ev)
{
    const struct chat_tool *tool =
        s->en->o.request ? chat_tool_find(s->en->o.request, ev->open.tool) : NULL;
    struct slice name = ev->open.tool;

    part->custom = ev->open.custom;
    buf_append(&part->call_id, ev->open.call_id);
    if (tool && tool->space.len) {
        part->space = tool->space;
        name = slice_after(name, tool->space.len + 2);
    }
    buf_append(&part->name, name);
    item_new(s, part, slice_of(NULL, 0));
}

static void open_image(const struct responses_speaking *s, struct responses_part *part,
                       const struct chat_event *ev)
{
    if (slice_eq(ev->open.mime, SLICE("image/png")))
        part->format = SLICE("png");
    else if (slice_eq(ev->open.mime, SLICE("image/jpeg")))
        part->format = SLICE("jpeg");
    else if (slice_eq(ev->open.mime, SLICE("image/webp")))
        part->format = SLICE("webp");
    item_new(s, part, slice_of(NULL, 0));
    responses_frame_plain(s, SLICE("response.image_generation_call.in_progress"), part);
    responses_frame_plain(s, SLICE("response.image_generation_call.generating"), part);
}

static bool on_open(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;
    struct responses_part *part = part_new(en);

    part->kind = ev->open.kind;
    part->ignored = ev->choice != 0;
    if (!gather(en, RUNNING_BYTES + ev->open.call_id.len + ev->open.tool.len))
        return false;
    if (part->ignored)
        return true;
    if (!is_text(part) || en->message == RESPONSES_NONE || en->items[en->message].parts_open) {
        en->message = RESPONSES_NONE;
        finish_waiting(s, false);
    }
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL: open_text(s, part); break;
    case PART_REASONING: item_new(s, part, ev->open.item_id); break;
    case PART_CALL: open_call(s, part, ev); break;
    case PART_IMAGE: open_image(s, part, ev); break;
    case PART_SEARCH:
        item_new(s, part, slice_of(NULL, 0));
        responses_frame_plain(s, SLICE("response.web_search_call.in_progress"), part);
        break;
    }
    en->items[part->item].parts_open++;
    return true;
}

static struct responses_part *part_at(const struct responses_encoder *en,
                                      const struct chat_event *ev)
{
    struct responses_part *part = ev->index < en->part_count ? &en->parts[ev->index] : NULL;

    return part && !part->ignored ? part : NULL;
}

/* The items of an array, behind those that are there. */
static void add_items(struct buf *to, struct slice array)
{
    struct json_writer w = {.out = to, .comma = buf_len(to) > 0};

    if (array.len > 2)
        responses_raw_line(&w, slice_sub(array, 1, array.len - 2));
}

static bool on_delta(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;
    struct responses_part *part = part_at(en, ev);
    struct slice logprobs = wants_logprobs(en) ? ev->delta.logprobs : slice_of(NULL, 0);
    size_t before;

    if (!part || part->closed)
        return true;
    if (part->kind == PART_REASONING && !buf_len(&part->text))
        responses_frame_summary_part(s, SLICE("response.reasoning_summary_part.added"), part, true);
    before = buf_len(&part->text);
    if (!gather(en, ev->delta.text.s.len + logprobs.len))
        return false;
    text_append_escaped(&part->text, ev->delta.text);
    en->gathered += buf_len(&part->text) - before - ev->delta.text.s.len;
    if (part->kind == PART_TEXT) {
        int64_t chars = responses_chars(ev->delta.text);

        part->chars += chars;
        en->chars += chars;
        add_items(&part->logprobs, logprobs);
    }
    responses_frame_delta(s, part, ev->delta.text, logprobs);
    return true;
}

/*
 * A secret of the vendor's own goes as it is, if it is bound to the id that the item has;
 * any other in an envelope, to be taken out again when it comes back.
 */
static void take_secret(const struct responses_speaking *s, struct responses_part *part,
                        const struct chat_event *ev)
{
    const struct responses_encoder *en = s->en;
    struct slice id = responses_item_id(&en->items[part->item]);
    struct chat_reasoning sealed = {
        .kind = buf_len(&part->text) ? REASONING_SUMMARY : REASONING_REDACTED,
        .secret = ev->close.secret,
        .vendor = ev->close.vendor,
        .id = ev->close.id,
    };

    if (!ev->close.secret.len || !ev->close.vendor)
        return;
    if (ev->close.vendor == VENDOR_OPENAI && slice_eq(ev->close.id, id))
        buf_append(&part->secret, ev->close.secret);
    else if (en->o.seal)
        envelope_write(en->o.seal, &sealed, &part->secret);
}

static bool on_close(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;
    struct responses_part *part = part_at(en, ev);
    struct responses_output *item;

    if (!part || part->closed)
        return true;
    item = &en->items[part->item];
    part->closed = true;
    item->parts_open--;
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        wait_for_more(en, part->item); // citations, or more of the same message
        return true;
    case PART_REASONING:
        take_secret(s, part, ev);
        if (!gather(en, buf_len(&part->secret)))
            return false;
        if (buf_len(&part->text)) {
            responses_frame_text_done(s, part);
            responses_frame_summary_part(s, SLICE("response.reasoning_summary_part.done"), part,
                                         false);
        }
        break;
    case PART_CALL:
        if (!part->custom && arguments_parse(part))
            call_finish(s, item, false);
        else
            wait_for_more(en, part->item);
        return true;
    case PART_IMAGE:
        responses_frame_plain(s, SLICE("response.image_generation_call.completed"), part);
        break;
    case PART_SEARCH:
        responses_frame_plain(s, SLICE("response.web_search_call.searching"), part);
        responses_frame_plain(s, SLICE("response.web_search_call.completed"), part);
        break;
    }
    item_finish(s, item, RESPONSES_COMPLETED);
    return true;
}

/* Where in the part: what is not known is all of it. */
static int64_t within(const struct responses_part *part, int64_t at, int64_t otherwise)
{
    if (at < 0)
        return otherwise;
    return at > part->base ? at - part->base : 0;
}

static bool on_cite(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;
    struct responses_part *part = part_at(en, ev);
    struct json_writer w;
    size_t before;

    if (!part || part->kind != PART_TEXT || en->items[part->item].done ||
        en->items[part->item].last != ev->index || text_is_empty(ev->cite.url))
        return true;
    before = buf_len(&part->annotations);
    w = (struct json_writer){.out = &part->annotations, .comma = before > 0};
    responses_open(&w, SLICE("url_citation"));
    responses_text(&w, SLICE("url"), ev->cite.url);
    responses_text(&w, SLICE("title"),
                   text_is_absent(ev->cite.title) ? text_plain(SLICE("")) : ev->cite.title);
    responses_int(&w, SLICE("start_index"), within(part, ev->cite.start, 0));
    responses_int(&w, SLICE("end_index"), within(part, ev->cite.end, part->chars));
    json_close_object(&w);
    responses_frame_cite(s, part, slice_after(buf_peek(&part->annotations), before + (before > 0)));
    part->cites++;
    return gather(en, buf_len(&part->annotations) - before);
}

static bool is_cut(enum chat_finish reason)
{
    switch (reason) {
    case FINISH_LENGTH:
    case FINISH_CONTEXT:
    case FINISH_FILTER: return true;
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_TOOLS:
    case FINISH_PAUSE: break;
    }
    return false;
}

static bool on_finish(const struct responses_speaking *s, const struct chat_event *ev)
{
    if (ev->choice != 0)
        return true;
    s->en->finish = ev->finish.reason;
    finish_waiting(s, is_cut(ev->finish.reason));
    return true;
}

static bool on_end(const struct responses_speaking *s)
{
    struct responses_encoder *en = s->en;
    bool cut = is_cut(en->finish);
    enum responses_status status = cut ? RESPONSES_INCOMPLETE : RESPONSES_COMPLETED;
    struct json_writer w = {.out = s->out};

    en->ended = true;
    if (responses_streams(s))
        responses_frame_response(
            s, cut ? SLICE("response.incomplete") : SLICE("response.completed"), status, NULL);
    else
        responses_write_object(&w, en, status, NULL);
    return true;
}

/*
 * As the vendor says it: its SDKs raise on `error` and take response.failed for an answer like
 * any other; Codex passes over `error` and waits for response.failed.  Before its START there
 * is no response to fail: what goes out is one all the same.
 */
static bool on_error(const struct responses_speaking *s, const struct chat_event *ev)
{
    struct responses_encoder *en = s->en;

    en->ended = true;
    if (!en->started) {
        en->created_unix = en->o.now_unix;
        en->id_len = chat_id_make(en->id, SLICE("resp_"), RESPONSE_ID_LEN, en->o.id, 0).len;
    }
    responses_frame_error(s, ev);
    responses_frame_response(s, SLICE("response.failed"), RESPONSES_FAILED, ev);
    return true;
}

static bool on_usage(const struct responses_speaking *s, const struct chat_event *ev)
{
    s->en->usage = ev->usage.usage;
    s->en->has_usage = true;
    if (ev->usage.tier)
        s->en->tier = ev->usage.tier;
    return true;
}

static bool on_ping(const struct responses_speaking *s)
{
    if (responses_streams(s))
        buf_append(s->out, SLICE(": keep-alive\n\n"));
    return true;
}

void responses_encoder_init(void *encoder, const struct codec_encode_options *o)
{
    struct responses_encoder *en = encoder;

    en->o = *o;
    en->message = en->first_waiting = en->last_waiting = RESPONSES_NONE;
}

bool responses_encode(void *encoder, const struct chat_event *ev, struct buf *out)
{
    const struct responses_speaking s = {encoder, out};

    if (s.en->ended)
        return true;
    switch (ev->type) {
    case CHAT_START: return on_start(&s, ev);
    case CHAT_OPEN: return on_open(&s, ev);
    case CHAT_DELTA: return on_delta(&s, ev);
    case CHAT_CLOSE: return on_close(&s, ev);
    case CHAT_CITE: return on_cite(&s, ev);
    case CHAT_USAGE: return on_usage(&s, ev);
    case CHAT_PING: return on_ping(&s);
    case CHAT_FINISH: return on_finish(&s, ev);
    case CHAT_END: return on_end(&s);
    case CHAT_ERROR: return on_error(&s, ev);
    }
    return true;
}

void responses_encoder_release(void *encoder)
{
    struct responses_encoder *en = encoder;

    for (uint32_t i = 0; i < en->part_count; i++)
        part_forget(&en->parts[i]);
    for (uint32_t i = 0; i < en->item_count; i++)
        buf_release(&en->items[i].json);
    free(en->parts);
    free(en->items);
}
