/* openai_chat_thoughts.c - reasoning in Chat Completions, which has no place for it of its own. */
#include "base/array.h"
#include "chat/openai_chat_inside.h"

#define MAX_STEPS 64 // over items, for each call: more of them stand before no real call

/*
 * Its text goes by `reasoning_content` or `reasoning`; OpenRouter's `reasoning_details` has
 * texts and secrets, and says whose they are.  Gemini's come with the calls as well.
 */
static const struct {
    struct slice format;
    enum chat_vendor vendor;
} formats[] = {
    {SLICE_INIT("anthropic-claude-v1"),       VENDOR_ANTHROPIC},
    {SLICE_INIT("openai-responses-v1"),       VENDOR_OPENAI   },
    {SLICE_INIT("azure-openai-responses-v1"), VENDOR_OPENAI   },
    {SLICE_INIT("google-gemini-v1"),          VENDOR_GEMINI   },
};

enum chat_vendor openai_chat_format_vendor(struct slice format)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (slice_eq(formats[i].format, format))
            return formats[i].vendor;
    }
    return VENDOR_NONE;
}

/* Writing. */

static void write_format(struct json_writer *w, const struct chat_thought_detail *d)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (formats[i].vendor == d->vendor) {
            json_key(w, SLICE("format"));
            json_value_string(w, formats[i].format);
            break;
        }
    }
    json_key(w, SLICE("index"));
    json_value_int(w, (int64_t)d->index);
    json_close_object(w);
}

static void open_detail(struct json_writer *w, struct slice type)
{
    json_open_object(w);
    json_key(w, SLICE("type"));
    json_value_string(w, type);
}

static void write_encrypted(struct json_writer *w, const struct chat_thought_detail *d)
{
    open_detail(w, SLICE("reasoning.encrypted"));
    json_key(w, SLICE("data"));
    json_value_string(w, d->secret);
    if (d->id.len) {
        json_key(w, SLICE("id"));
        json_value_string(w, d->id);
    }
    write_format(w, d);
}

/* A signature stands beside the text that it signs; other secrets are things of their own. */
void openai_chat_detail_write(struct json_writer *w, const struct chat_thought_detail *d)
{
    bool is_signature = d->vendor == VENDOR_ANTHROPIC && !d->redacted;

    if (is_signature || !text_is_empty(d->text)) {
        bool is_summary = d->vendor == VENDOR_OPENAI;

        open_detail(w, is_summary ? SLICE("reasoning.summary") : SLICE("reasoning.text"));
        if (!text_is_absent(d->text)) {
            json_key(w, is_summary ? SLICE("summary") : SLICE("text"));
            json_value_text(w, d->text);
        }
        if (is_signature && d->secret.len) {
            json_key(w, SLICE("signature"));
            json_value_string(w, d->secret);
        }
        write_format(w, d);
    }
    if (d->secret.len && !is_signature)
        write_encrypted(w, d);
}

/* Reading. */

/* One thought in the making: clients give back what they were streamed, piece by piece. */
struct thought {
    struct chat_item *item;
    struct buf text; // escaped
    int64_t index;   // -1: none was said
    bool is_summary;
};

static void finish(struct chat_reader *rd, struct thought *t)
{
    if (t->item && buf_len(&t->text))
        t->item->reasoning.text =
            (struct chat_text){arena_dup(rd->r->arena, buf_peek(&t->text)), true};
    buf_clear(&t->text);
    t->item = NULL;
}

static struct chat_reasoning *begin(struct chat_reader *rd, struct thought *t,
                                    struct chat_turn *turn, enum chat_reasoning_kind kind)
{
    finish(rd, t);
    t->item = chat_item_new(rd->r->arena, &turn->items, CHAT_REASONING);
    t->item->reasoning.kind = kind;
    return &t->item->reasoning;
}

/* An envelope of ours, which has come by way of another dialect's client, is opened. */
static void set_secret(struct chat_reader *rd, struct chat_reasoning *out, struct slice secret,
                       enum chat_vendor vendor)
{
    struct chat_reasoning opened = {.vendor = vendor, .secret = secret};

    if (envelope_is(secret) &&
        (!rd->seal || !envelope_open(rd->seal, secret, rd->r->arena, &opened)))
        return;
    if (opened.vendor == VENDOR_NONE)
        return;
    out->secret = opened.secret;
    out->vendor = opened.vendor;
    out->model = opened.model;
    if (opened.id.len)
        out->id = opened.id;
}

struct detail {
    struct chat_text type, text;
    struct slice secret, id, format;
    int64_t index;
};

static void read_detail(struct arena *a, const struct json *v, struct detail *d)
{
    *d = (struct detail){.index = -1};
    json_for_each(at, v) {
        if (slice_eq(at->key, SLICE("type")))
            d->type = text_of(at);
        else if (slice_eq(at->key, SLICE("text")) || slice_eq(at->key, SLICE("summary")))
            d->text = text_of(at);
        else if (slice_eq(at->key, SLICE("signature")) || slice_eq(at->key, SLICE("data")))
            d->secret = json_str(a, at);
        else if (slice_eq(at->key, SLICE("id")))
            d->id = json_str(a, at);
        else if (slice_eq(at->key, SLICE("format")))
            d->format = json_str(a, at);
        else if (slice_eq(at->key, SLICE("index")))
            json_to_int(at, &d->index);
    }
}

/* Text, with a signature or without, and summaries. */
static void add_text(struct chat_reader *rd, struct thought *t, const struct detail *d,
                     struct chat_turn *turn, bool is_summary)
{
    struct chat_reasoning *out = t->item ? &t->item->reasoning : NULL;

    if (!out || out->secret.len || t->is_summary != is_summary || t->index != d->index) {
        out = begin(rd, t, turn, is_summary ? REASONING_SUMMARY : REASONING_RAW);
        t->is_summary = is_summary;
        t->index = d->index;
    }
    text_append_escaped(&t->text, d->text);
    if (d->id.len)
        out->id = d->id;
    if (d->secret.len)
        set_secret(rd, out, d->secret, openai_chat_format_vendor(d->format));
}

/* OpenAI's and Gemini's secrets belong to the text before them, Anthropic's to no text. */
static void add_encrypted(struct chat_reader *rd, struct thought *t, const struct detail *d,
                          struct chat_turn *turn)
{
    enum chat_vendor vendor = openai_chat_format_vendor(d->format);
    struct chat_reasoning *out = t->item ? &t->item->reasoning : NULL;

    if (!d->secret.len)
        return;
    if (!out || out->secret.len || vendor == VENDOR_ANTHROPIC)
        out = begin(rd, t, turn, REASONING_REDACTED);
    set_secret(rd, out, d->secret, vendor);
    if (d->id.len)
        out->id = d->id;
}

static bool is_carrier(const struct chat_item *item)
{
    return item->reasoning.kind == REASONING_REDACTED && item->reasoning.vendor != VENDOR_OPENAI;
}

/* Where details have secrets alone, and the text goes by its own name. */
static void add_plain(struct chat_reader *rd, struct chat_text text, struct chat_turn *turn)
{
    struct chat_item *item = NULL;

    list_for_each(at, &turn->items) {
        struct chat_item *candidate = list_entry(at, struct chat_item, link);

        if (!text_is_empty(candidate->reasoning.text))
            return; // both say the same
        if (!item && !is_carrier(candidate))
            item = candidate;
    }
    if (!item) {
        item = chat_item_new(rd->r->arena, NULL, CHAT_REASONING);
        item->reasoning.kind = REASONING_RAW;
        list_push_front(&turn->items, &item->link);
    }
    if (item->reasoning.kind == REASONING_REDACTED)
        item->reasoning.kind = REASONING_SUMMARY;
    item->reasoning.text = text;
}

void openai_chat_read_thoughts(struct chat_reader *rd, const struct chat_thoughts *from,
                               struct chat_turn *turn)
{
    struct chat_text plain = text_of(from->reasoning_content);
    struct thought t = {0};
    struct detail d;

    if (json_is(from->details, JSON_ARRAY)) {
        json_for_each(at, from->details) {
            read_detail(rd->r->arena, at, &d);
            if (text_eq(d.type, SLICE("reasoning.text")))
                add_text(rd, &t, &d, turn, false);
            else if (text_eq(d.type, SLICE("reasoning.summary")))
                add_text(rd, &t, &d, turn, true);
            else if (text_eq(d.type, SLICE("reasoning.encrypted")))
                add_encrypted(rd, &t, &d, turn);
        }
        finish(rd, &t);
    }
    buf_release(&t.text);
    if (text_is_empty(plain))
        plain = text_of(from->reasoning);
    if (!text_is_empty(plain))
        add_plain(rd, plain, turn);
    list_for_each_safe(at, &turn->items) {
        const struct chat_reasoning *r = &list_entry(at, struct chat_item, link)->reasoning;

        if (text_is_empty(r->text) && !r->secret.len) // of somebody whom nobody here knows
            list_remove(at);
    }
}

/*
 * The same secret may stand in the details, in front of all the calls.  Its place is in front
 * of this one.
 */
void openai_chat_read_signature(struct chat_reader *rd, struct chat_turn *turn,
                                struct slice signature)
{
    struct chat_item *item;
    size_t steps = 0;

    if (!signature.len)
        return;
    list_for_each(at, &turn->items) {
        item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_CALL || ++steps > MAX_STEPS)
            break;
        if (item->kind != CHAT_REASONING || !slice_eq(item->reasoning.secret, signature))
            continue;
        if (at == turn->items.prev)
            return;
        item->reasoning.secret = (struct slice){0};
        if (text_is_empty(item->reasoning.text))
            list_remove(at);
        break;
    }
    item = chat_item_new(rd->r->arena, &turn->items, CHAT_REASONING);
    item->reasoning.kind = REASONING_REDACTED;
    set_secret(rd, &item->reasoning, signature, VENDOR_GEMINI);
    if (!item->reasoning.secret.len)
        list_remove(&item->link);
}
