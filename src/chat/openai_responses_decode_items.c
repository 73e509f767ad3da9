/* openai_responses_decode_items.c - the items of a Responses answer as parts. */
#include <stdlib.h>

#include "base/array.h"
#include "base/panic.h"
#include "chat/ids.h"
#include "chat/openai_responses_decode.h"
#include "chat/openai_responses_inside.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/raw.h"

#define ITEMS_MAX   1024
#define CALL_ID_LEN 24

void responses_end(const struct responses_hearing *h, enum err code, struct slice message)
{
    h->d->ended = true;
    responses_emit(h, &(struct chat_event){
                          .type = CHAT_ERROR, .error = {code, message}
    });
}

void responses_broken(const struct responses_hearing *h, const char *why)
{
    responses_end(h, ERR_UPSTREAM_BROKEN, slice_str(why));
}

/* The string a literal stands for, borrowed where it can be; one scratch for each at a time. */
struct slice responses_str(const struct responses_hearing *h, struct slice literal, size_t scratch)
{
    struct slice inside = {0};
    struct buf *to = &h->d->scratch[scratch];

    if (json_string_plain(literal, &inside))
        return inside;
    buf_clear(to);
    return json_string_decode(literal, to) ? buf_peek(to) : slice_of(NULL, 0);
}

bool responses_is(struct slice literal, struct slice word)
{
    return json_is_string(literal) && slice_eq(slice_sub(literal, 1, literal.len - 2), word);
}

int64_t responses_index(struct slice literal, int64_t otherwise)
{
    int64_t value;

    return json_int(literal, &value) && value >= 0 ? value : otherwise;
}

/* Ids are only compared; zero stands for none. */
uint64_t responses_id(struct slice literal)
{
    return json_is_string(literal) && literal.len > 2 ? chat_id_hash(literal, 0) | 1 : 0;
}

/* Items. */

enum responses_item_kind responses_kind(struct slice type)
{
    static const struct {
        struct slice type;
        enum responses_item_kind kind;
    } kinds[] = {
        {SLICE_INIT("message"),               RESPONSES_MESSAGE    },
        {SLICE_INIT("reasoning"),             RESPONSES_REASONING  },
        {SLICE_INIT("function_call"),         RESPONSES_CALL       },
        {SLICE_INIT("custom_tool_call"),      RESPONSES_CUSTOM_CALL},
        {SLICE_INIT("web_search_call"),       RESPONSES_SEARCH     },
        {SLICE_INIT("image_generation_call"), RESPONSES_IMAGE      },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (responses_is(type, kinds[i].type))
            return kinds[i].kind;
    }
    return RESPONSES_OTHER;
}

/* NULL, and the answer has failed, where there are more than anybody makes. */
struct responses_item *responses_item_new(const struct responses_hearing *h,
                                          enum responses_item_kind kind, int64_t output_index)
{
    struct responses_decoder *d = h->d;
    struct responses_item *item;

    if (d->count == ITEMS_MAX) {
        responses_broken(h, "the provider's answer has too many items");
        return NULL;
    }
    if (d->count == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 8;
        void *grown = realloc(d->items, cap * sizeof(*d->items));

        if (!grown)
            panic("out of memory: the items of an answer");
        d->items = grown;
        d->cap = cap;
    }
    item = &d->items[d->count++];
    *item = (struct responses_item){.kind = kind, .output_index = output_index, .content = -1};
    return item;
}

/*
 * By output_index, else by id: some hosts give an item another id in each event, and some
 * give all items the same index.  The newest comes first.
 */
struct responses_item *responses_item_find(const struct responses_hearing *h, int64_t output_index,
                                           uint64_t id)
{
    struct responses_decoder *d = h->d;

    for (size_t i = d->count; i-- > 0;) {
        struct responses_item *item = &d->items[i];
        bool is_other = item->done && id && item->id && id != item->id;

        if (item->output_index == output_index && !is_other)
            return item;
    }
    for (size_t i = d->count; id && i-- > 0;) {
        if (d->items[i].id == id)
            return &d->items[i];
    }
    return NULL;
}

/* Parts. */

static void part_open(const struct responses_hearing *h, struct responses_item *item,
                      struct chat_event *ev)
{
    ev->type = CHAT_OPEN;
    ev->index = item->part = h->d->next_part++;
    item->open = true;
    item->spoke = false;
    item->cites = 0;
    responses_emit(h, ev);
}

void responses_part_close(const struct responses_hearing *h, struct responses_item *item)
{
    if (!item->open)
        return;
    item->open = false;
    responses_emit(h, &(struct chat_event){.type = CHAT_CLOSE, .index = item->part});
}

void responses_part_delta(const struct responses_hearing *h, struct responses_item *item,
                          struct chat_text text, struct slice logprobs)
{
    if (text_is_empty(text))
        return;
    item->spoke = true;
    responses_emit(h, &(struct chat_event){
                          .type = CHAT_DELTA, .index = item->part, .delta = {text, logprobs}
    });
}

static struct chat_text gap(void)
{
    return (struct chat_text){SLICE("\\n\\n"), true};
}

/* Messages. */

/*
 * Text of one content part.  Several messages are one text to clients of other dialects: an
 * empty line goes before what the next message says first (mapping.md 7, C->R).  It is part
 * of the text that citations count in.
 */
void responses_message_text(const struct responses_hearing *h, struct responses_item *item,
                            int64_t content, bool refusal, struct slice literal,
                            struct slice logprobs)
{
    struct chat_text text = text_of_literal(literal);
    bool first_of_message = item->content < 0;

    if (text_is_empty(text) || content < item->content)
        return;
    if (content != item->content || !item->open) {
        if (content == item->content)
            return; // it has been closed
        responses_part_close(h, item);
        part_open(h, item,
                  &(struct chat_event){.open = {.kind = refusal ? PART_REFUSAL : PART_TEXT}});
        item->content = content;
        if (!refusal && first_of_message && h->d->chars) {
            responses_part_delta(h, item, gap(), slice_of(NULL, 0));
            h->d->chars += 2;
        }
        item->base = h->d->chars;
    }
    if (!refusal)
        h->d->chars += responses_chars(text);
    responses_part_delta(h, item, text, peek_is_empty(logprobs) ? slice_of(NULL, 0) : logprobs);
}

/* What was told in deltas is not told again. */
void responses_message_whole(const struct responses_hearing *h, struct responses_item *item,
                             int64_t content, bool refusal, struct slice literal,
                             struct slice logprobs)
{
    if (content > item->content)
        responses_message_text(h, item, content, refusal, literal, logprobs);
}

static int64_t place(struct slice literal, int64_t base)
{
    int64_t at = responses_index(literal, -1);

    return at < 0 || at > PEEK_COUNT_MAX ? -1 : base + at;
}

/* Only of pages: files of the vendor's mean nothing elsewhere. */
void responses_cite(const struct responses_hearing *h, struct responses_item *item,
                    struct slice annotation)
{
    struct chat_event ev = {.type = CHAT_CITE, .index = item->part};
    struct slice key, value, start = {0}, end = {0};
    struct peek p = peek_into(annotation);
    bool is_url = false;

    item->cites++;
    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("type")))
            is_url = responses_is(value, SLICE("url_citation"));
        else if (slice_eq(key, SLICE("url")))
            ev.cite.url = text_of_literal(value);
        else if (slice_eq(key, SLICE("title")))
            ev.cite.title = text_of_literal(value);
        else if (slice_eq(key, SLICE("start_index")))
            start = value;
        else if (slice_eq(key, SLICE("end_index")))
            end = value;
    }
    if (!is_url || text_is_empty(ev.cite.url))
        return;
    ev.cite.start = place(start, item->base);
    ev.cite.end = place(end, item->base);
    responses_emit(h, &ev);
}

/* Those that did not come one by one. */
static void cite_rest(const struct responses_hearing *h, struct responses_item *item,
                      struct slice list)
{
    struct peek p = peek_into(list);
    struct slice none, annotation;
    uint32_t i = 0;

    while (peek_next(&p, &none, &annotation)) {
        if (i++ >= item->cites)
            responses_cite(h, item, annotation);
    }
}

static void message_part(const struct responses_hearing *h, struct responses_item *item,
                         int64_t content, struct slice part)
{
    struct slice key, value, type = {0}, text = {0}, refusal = {0}, logprobs = {0}, notes = {0};
    struct peek p = peek_into(part);

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("type")))
            type = value;
        else if (slice_eq(key, SLICE("text")))
            text = value;
        else if (slice_eq(key, SLICE("refusal")))
            refusal = value;
        else if (slice_eq(key, SLICE("logprobs")))
            logprobs = value;
        else if (slice_eq(key, SLICE("annotations")))
            notes = value;
    }
    if (responses_is(type, SLICE("refusal")))
        responses_message_whole(h, item, content, true, refusal, slice_of(NULL, 0));
    else if (responses_is(type, SLICE("output_text")) || responses_is(type, SLICE("text")))
        responses_message_whole(h, item, content, false, text, logprobs);
    if (item->content == content && item->spoke)
        cite_rest(h, item, notes);
}

static void message_done(const struct responses_hearing *h, struct responses_item *item,
                         struct slice object)
{
    struct peek p = peek_into(peek_get(object, SLICE("content")));
    struct slice none, part;

    for (int64_t i = 0; peek_next(&p, &none, &part); i++)
        message_part(h, item, i, part);
    responses_part_close(h, item);
}

/* Reasoning. */

static void reasoning_open(const struct responses_hearing *h, struct responses_item *item,
                           enum chat_reasoning_kind kind, struct slice id)
{
    part_open(h, item,
              &(struct chat_event){
                  .open = {.kind = PART_REASONING,
                           .reasoning = kind,
                           .item_id = responses_str(h, id, 0)}
    });
    item->raw = kind == REASONING_RAW;
}

/* Its parts are one text, an empty line between them.  Where there is a summary, it is that. */
void responses_reasoning_text(const struct responses_hearing *h, struct responses_item *item,
                              int64_t at, bool is_raw, struct slice literal, struct slice id)
{
    struct chat_text text = text_of_literal(literal);

    if (text_is_empty(text) || at < item->content || (item->open && item->raw != is_raw))
        return;
    if (!item->open)
        reasoning_open(h, item, is_raw ? REASONING_RAW : REASONING_SUMMARY, id);
    if (at > item->content && item->spoke)
        responses_part_delta(h, item, gap(), slice_of(NULL, 0));
    item->content = at;
    responses_part_delta(h, item, text, slice_of(NULL, 0));
}

static void reasoning_whole(const struct responses_hearing *h, struct responses_item *item,
                            struct slice list, bool is_raw, struct slice id)
{
    struct peek p = peek_into(list);
    struct slice none, part;

    for (int64_t i = 0; peek_next(&p, &none, &part); i++) {
        if (i > item->content)
            responses_reasoning_text(h, item, i, is_raw, peek_get(part, SLICE("text")), id);
    }
}

static void reasoning_done(const struct responses_hearing *h, struct responses_item *item,
                           struct slice object)
{
    struct chat_event ev = {.type = CHAT_CLOSE};
    struct slice key, value, id = {0}, summary = {0}, content = {0}, secret = {0};
    struct peek p = peek_into(object);

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("id")))
            id = value;
        else if (slice_eq(key, SLICE("summary")))
            summary = value;
        else if (slice_eq(key, SLICE("content")))
            content = value;
        else if (slice_eq(key, SLICE("encrypted_content")))
            secret = value;
    }
    reasoning_whole(h, item, summary, false, id);
    reasoning_whole(h, item, content, true, id);
    ev.close.secret = responses_str(h, secret, 1);
    if (ev.close.secret.len && !item->open)
        reasoning_open(h, item, REASONING_REDACTED, id);
    if (!item->open)
        return; // neither thoughts nor a secret
    if (ev.close.secret.len) {
        ev.close.vendor = VENDOR_OPENAI;
        ev.close.id = responses_str(h, id, 0);
    }
    ev.index = item->part;
    item->open = false;
    responses_emit(h, &ev);
}

/* Calls. */

struct call_fields {
    struct slice id, name, space, arguments, input; // raw
};

static struct call_fields read_call(struct slice object)
{
    struct call_fields f = {0};
    struct peek p = peek_into(object);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("call_id")))
            f.id = value;
        else if (slice_eq(key, SLICE("name")))
            f.name = value;
        else if (slice_eq(key, SLICE("namespace")))
            f.space = value;
        else if (slice_eq(key, SLICE("arguments")))
            f.arguments = value;
        else if (slice_eq(key, SLICE("input")))
            f.input = value;
    }
    return f;
}

/* Tools of a namespace are known by both names at once. */
static struct slice tool_name(const struct responses_hearing *h, const struct call_fields *f)
{
    struct buf *joined = &h->d->scratch[2];

    if (!json_is_string(f->space) || f->space.len <= 2)
        return responses_str(h, f->name, 1);
    buf_clear(joined);
    json_string_decode(f->space, joined);
    buf_append(joined, SLICE("__"));
    json_string_decode(f->name, joined);
    return buf_peek(joined);
}

static void call_open(const struct responses_hearing *h, struct responses_item *item,
                      const struct call_fields *f)
{
    struct responses_decoder *d = h->d;
    struct chat_event ev = {
        .open = {.kind = PART_CALL, .tool = tool_name(h, f)}
    };
    char made[CHAT_ID_BYTES];

    ev.open.custom = item->kind == RESPONSES_CUSTOM_CALL;
    ev.open.call_id = responses_str(h, f->id, 0);
    if (!ev.open.call_id.len)
        ev.open.call_id = chat_id_make(made, SLICE("call_"), CALL_ID_LEN, d->id, d->next_part);
    item->call_id = responses_id(f->id);
    d->called = true;
    part_open(h, item, &ev);
}

void responses_call_whole(const struct responses_hearing *h, struct responses_item *item,
                          struct slice literal)
{
    if (item->open && !item->spoke && !item->complete)
        responses_part_delta(h, item, text_of_literal(literal), slice_of(NULL, 0));
    item->complete = item->complete || (item->open && item->spoke);
}

/* Without a name nobody can be called: that waits for the item's end. */
void responses_call_added(const struct responses_hearing *h, struct responses_item *item,
                          struct slice object)
{
    struct call_fields f = read_call(object);

    if (json_is_string(f.name) && f.name.len > 2)
        call_open(h, item, &f);
}

static void call_done(const struct responses_hearing *h, struct responses_item *item,
                      struct slice object)
{
    struct call_fields f = read_call(object);

    if (!item->open && (!json_is_string(f.name) || f.name.len <= 2)) {
        responses_broken(h, "the provider's answer calls a tool without a name");
        return;
    }
    if (!item->open)
        call_open(h, item, &f);
    responses_call_whole(h, item, item->kind == RESPONSES_CUSTOM_CALL ? f.input : f.arguments);
    responses_part_close(h, item);
}

/* Of the vendor's own tools. */

static void search_done(const struct responses_hearing *h, struct responses_item *item,
                        struct slice object)
{
    struct slice action = peek_get(object, SLICE("action")), none, first;
    struct slice query = peek_get(action, SLICE("query"));
    struct peek p = peek_into(peek_get(action, SLICE("queries")));

    h->d->searches += usage_is_search(object);
    if (!json_is_string(query) && peek_next(&p, &none, &first))
        query = first;
    if (!json_is_string(query))
        return; // it opened a page
    part_open(h, item, &(struct chat_event){.open = {.kind = PART_SEARCH}});
    responses_part_delta(h, item, text_of_literal(query), slice_of(NULL, 0));
    responses_part_close(h, item);
}

static struct slice image_mime(struct slice format, struct slice base64)
{
    static const struct {
        struct slice format, mime;
    } formats[] = {
        {SLICE_INIT("png"),  SLICE_INIT("image/png") },
        {SLICE_INIT("jpeg"), SLICE_INIT("image/jpeg")},
        {SLICE_INIT("webp"), SLICE_INIT("image/webp")},
    };
    struct slice mime = chat_media_sniff(base64);

    for (size_t i = 0; !mime.len && i < ARRAY_LEN(formats); i++) {
        if (responses_is(format, formats[i].format))
            mime = formats[i].mime;
    }
    return mime.len ? mime : SLICE("image/png");
}

static void image_done(const struct responses_hearing *h, struct responses_item *item,
                       struct slice object)
{
    struct chat_text base64 = text_of_literal(peek_get(object, SLICE("result")));
    struct slice format = peek_get(object, SLICE("output_format"));

    if (text_is_empty(base64))
        return;
    part_open(h, item,
              &(struct chat_event){
                  .open = {.kind = PART_IMAGE, .mime = image_mime(format, base64.s)}
    });
    responses_part_delta(h, item, base64, slice_of(NULL, 0));
    responses_part_close(h, item);
}

/* The item as it is in the end: what has not been emitted is. */
void responses_item_done(const struct responses_hearing *h, struct responses_item *item,
                         struct slice object)
{
    if (item->done)
        return;
    item->done = true;
    switch (item->kind) {
    case RESPONSES_MESSAGE: message_done(h, item, object); return;
    case RESPONSES_REASONING: reasoning_done(h, item, object); return;
    case RESPONSES_CALL:
    case RESPONSES_CUSTOM_CALL: call_done(h, item, object); return;
    case RESPONSES_SEARCH: search_done(h, item, object); return;
    case RESPONSES_IMAGE: image_done(h, item, object); return;
    case RESPONSES_OTHER: return;
    }
}
