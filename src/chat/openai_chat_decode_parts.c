/* openai_chat_decode_parts.c - Chat Completions answers, read: what is said in a delta. */
#include "base/array.h"
#include "chat/ids.h"
#include "chat/openai_chat_decoder.h"
#include "chat/openai_chat_inside.h"
#include "chat/peek.h"
#include "json/raw.h"

#define MIME_BYTES 128

void openai_chat_decoder_close_part(struct openai_chat_decoder *d, struct choice *c,
                                    const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .choice = c->number, .index = c->part};

    (void)d;
    if (!c->is_open)
        return;
    c->is_open = false;
    chat_emit(sink, &ev);
}

static void open_part(struct openai_chat_decoder *d, struct choice *c, enum chat_part_kind kind,
                      enum chat_reasoning_kind reasoning, const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_OPEN, .choice = c->number, .index = d->next_part++};

    openai_chat_decoder_close_part(d, c, sink);
    c->is_open = true;
    c->kind = kind;
    c->part = ev.index;
    if (kind == PART_TEXT) {
        c->has_text = true;
        c->text_part = c->part;
    }
    ev.open.kind = kind;
    ev.open.reasoning = reasoning;
    chat_emit(sink, &ev);
}

/* More of a part, which is opened where another one is open, or none. */
static void say(struct openai_chat_decoder *d, struct choice *c, enum chat_part_kind kind,
                struct slice literal, struct slice logprobs, const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_DELTA, .choice = c->number};
    struct chat_text text = text_of_literal(literal);

    if (text_is_empty(text))
        return;
    if (!c->is_open || c->kind != kind)
        open_part(d, c, kind, REASONING_RAW, sink);
    ev.index = c->part;
    ev.delta.text = text;
    ev.delta.logprobs = logprobs;
    chat_emit(sink, &ev);
}

/* Reasoning. */

void openai_chat_decoder_take_secret(struct openai_chat_decoder *d, struct choice *c,
                                     const struct decoder_secret *s, const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .choice = c->number};
    uint64_t hash = chat_id_hash(s->secret, s->vendor);

    if (!s->secret.len || s->vendor == VENDOR_NONE || hash == c->secret_hash)
        return;
    c->secret_hash = hash;
    if (!c->is_open || c->kind != PART_REASONING || s->redacted)
        open_part(d, c, PART_REASONING, REASONING_REDACTED, sink);
    c->is_open = false;
    ev.index = c->part;
    ev.close.secret = s->secret;
    ev.close.vendor = s->vendor;
    ev.close.id = s->id;
    chat_emit(sink, &ev);
}

struct detail {
    struct slice type, text, secret, id, format; // literals
    int64_t index;
};

static struct detail detail_of(struct slice value)
{
    struct detail detail = {.index = -1};
    struct peek p = peek_into(value);
    struct slice key, member;

    while (peek_next(&p, &key, &member)) {
        if (slice_eq(key, SLICE("type")))
            detail.type = member;
        else if (slice_eq(key, SLICE("text")) || slice_eq(key, SLICE("summary")))
            detail.text = member;
        else if (slice_eq(key, SLICE("signature")) || slice_eq(key, SLICE("data")))
            detail.secret = member;
        else if (slice_eq(key, SLICE("id")))
            detail.id = member;
        else if (slice_eq(key, SLICE("format")))
            detail.format = member;
        else if (slice_eq(key, SLICE("index")))
            json_int(member, &detail.index);
    }
    return detail;
}

static bool has_text(struct slice literal)
{
    return json_is_string(literal) && literal.len > 2;
}

static bool details_have_text(struct slice details)
{
    struct peek p = peek_into(details);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (has_text(detail_of(value).text))
            return true;
    }
    return false;
}

static void take_detail(struct openai_chat_decoder *d, struct choice *c,
                        const struct detail *detail, const struct chat_sink *sink)
{
    bool encrypted = slice_eq(detail->type, SLICE("\"reasoning.encrypted\""));
    struct decoder_secret s = {
        .secret = openai_chat_decoder_str(d, 0, detail->secret),
        .id = openai_chat_decoder_str(d, 1, detail->id),
        .vendor = openai_chat_format_vendor(openai_chat_decoder_str(d, 2, detail->format)),
    };

    if (c->source == THOUGHT_DETAILS && has_text(detail->text)) {
        if (c->is_open && c->kind == PART_REASONING && c->detail != detail->index)
            openai_chat_decoder_close_part(d, c, sink);
        c->detail = detail->index;
        say(d, c, PART_REASONING, detail->text, (struct slice){0}, sink);
    }
    s.redacted = encrypted && s.vendor == VENDOR_ANTHROPIC;
    openai_chat_decoder_take_secret(d, c, &s, sink);
}

/* Hosts say the same under several names, and texts are said once. */
static void take_thoughts(struct openai_chat_decoder *d, struct choice *c, struct slice content,
                          struct slice reasoning, struct slice details,
                          const struct chat_sink *sink)
{
    struct peek p = peek_into(json_is_array(details) ? details : SLICE(""));
    struct slice key, value;

    if (c->source == THOUGHT_NONE) {
        if (json_is_array(details) && details_have_text(details))
            c->source = THOUGHT_DETAILS;
        else if (has_text(content))
            c->source = THOUGHT_CONTENT;
        else if (has_text(reasoning))
            c->source = THOUGHT_REASONING;
    }
    if (c->source == THOUGHT_CONTENT)
        say(d, c, PART_REASONING, content, (struct slice){0}, sink);
    if (c->source == THOUGHT_REASONING)
        say(d, c, PART_REASONING, reasoning, (struct slice){0}, sink);
    while (peek_next(&p, &key, &value)) {
        struct detail detail = detail_of(value);
        take_detail(d, c, &detail, sink);
    }
}

/* Pictures: {type: "image_url", image_url: {url: "data:image/png;base64,..."}}. */
static void take_image(struct openai_chat_decoder *d, struct choice *c, struct slice image,
                       const struct chat_sink *sink)
{
    struct slice url = peek_get(peek_get(image, SLICE("image_url")), SLICE("url"));
    struct slice inside = text_of_literal(url).s, head, data, mime;
    struct chat_event ev = {.type = CHAT_OPEN, .choice = c->number};
    char room[MIME_BYTES];

    head = slice_cut(inside, ',', &data);
    if (!slice_starts_nocase(head, SLICE("data:")) || !slice_ends(head, SLICE(";base64")) ||
        !data.len || head.len > sizeof(room))
        return; // a URL that only its maker knows for how long it is good
    head = slice_of(room, json_string_decode_to(head, room));
    mime = slice_sub(head, 5, slice_find(head, ';') - 5);
    if (!mime.len)
        mime = chat_media_sniff(data);
    openai_chat_decoder_close_part(d, c, sink);
    ev.index = d->next_part++;
    ev.open.kind = PART_IMAGE;
    ev.open.mime = mime;
    chat_emit(sink, &ev);
    ev = (struct chat_event){.type = CHAT_DELTA, .choice = c->number, .index = ev.index};
    ev.delta.text = (struct chat_text){data, true};
    chat_emit(sink, &ev);
    ev = (struct chat_event){.type = CHAT_CLOSE, .choice = c->number, .index = ev.index};
    chat_emit(sink, &ev);
}

static void take_images(struct openai_chat_decoder *d, struct choice *c, struct slice images,
                        const struct chat_sink *sink)
{
    struct peek p = peek_into(images);
    struct slice key, value;

    while (peek_next(&p, &key, &value))
        take_image(d, c, value, sink);
}

/* {type: "url_citation", url_citation: {url, title, start_index, end_index}} */
static void take_citation(struct choice *c, struct slice value, const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_CITE, .choice = c->number, .index = c->text_part};
    struct peek p = peek_into(peek_get(value, SLICE("url_citation")));
    struct slice key, member;

    ev.cite.start = ev.cite.end = -1;
    while (peek_next(&p, &key, &member)) {
        if (slice_eq(key, SLICE("url")))
            ev.cite.url = text_of_literal(member);
        else if (slice_eq(key, SLICE("title")))
            ev.cite.title = text_of_literal(member);
        else if (slice_eq(key, SLICE("content")))
            ev.cite.cited = text_of_literal(member);
        else if (slice_eq(key, SLICE("start_index")))
            json_int(member, &ev.cite.start);
        else if (slice_eq(key, SLICE("end_index")))
            json_int(member, &ev.cite.end);
    }
    if (text_is_empty(ev.cite.url))
        return;
    if (ev.cite.start < 0 || ev.cite.end < ev.cite.start)
        ev.cite.start = ev.cite.end = -1;
    chat_emit(sink, &ev);
}

static void take_annotations(struct choice *c, struct slice annotations,
                             const struct chat_sink *sink)
{
    struct peek p = peek_into(annotations);
    struct slice key, value;

    while (c->has_text && peek_next(&p, &key, &value))
        take_citation(c, value, sink);
}

/* Content as a list, as Mistral has it where its models think. */
static void take_content_parts(struct openai_chat_decoder *d, struct choice *c, struct slice parts,
                               const struct chat_sink *sink)
{
    struct peek p = peek_into(parts);
    struct slice key, part;

    while (peek_next(&p, &key, &part)) {
        struct slice type = peek_get(part, SLICE("type"));

        if (slice_eq(type, SLICE("\"text\""))) {
            say(d, c, PART_TEXT, peek_get(part, SLICE("text")), (struct slice){0}, sink);
        } else if (slice_eq(type, SLICE("\"thinking\""))) {
            struct slice thinking = peek_get(part, SLICE("thinking")), thought;
            struct peek inner = peek_into(thinking);

            say(d, c, PART_REASONING, thinking, (struct slice){0}, sink);
            while (peek_next(&inner, &key, &thought))
                say(d, c, PART_REASONING, peek_get(thought, SLICE("text")), (struct slice){0},
                    sink);
        } else if (slice_eq(type, SLICE("\"image_url\""))) {
            take_image(d, c, part, sink);
        }
    }
}

enum said {
    SAID_CONTENT,
    SAID_TOOL_CALLS,
    SAID_REASONING_CONTENT,
    SAID_REASONING,
    SAID_DETAILS,
    SAID_REFUSAL,
    SAID_FUNCTION_CALL,
    SAID_IMAGES,
    SAID_ANNOTATIONS,
    SAID_COUNT
};

static const struct slice said_keys[SAID_COUNT] = {
    [SAID_CONTENT] = SLICE_INIT("content"),
    [SAID_TOOL_CALLS] = SLICE_INIT("tool_calls"),
    [SAID_REASONING_CONTENT] = SLICE_INIT("reasoning_content"),
    [SAID_REASONING] = SLICE_INIT("reasoning"),
    [SAID_DETAILS] = SLICE_INIT("reasoning_details"),
    [SAID_REFUSAL] = SLICE_INIT("refusal"),
    [SAID_FUNCTION_CALL] = SLICE_INIT("function_call"),
    [SAID_IMAGES] = SLICE_INIT("images"),
    [SAID_ANNOTATIONS] = SLICE_INIT("annotations"),
};

void openai_chat_decoder_take_delta(struct openai_chat_decoder *d, struct choice *c,
                                    struct slice delta, struct slice logprobs, bool whole,
                                    const struct chat_sink *sink)
{
    struct slice said[SAID_COUNT] =
        {
            {NULL, 0}
    },
                 key, value;
    struct peek p = peek_into(delta);

    while (peek_next(&p, &key, &value)) {
        for (size_t i = 0; i < SAID_COUNT; i++) {
            if (slice_eq(key, said_keys[i])) {
                said[i] = value;
                break;
            }
        }
    }
    take_thoughts(d, c, said[SAID_REASONING_CONTENT], said[SAID_REASONING], said[SAID_DETAILS],
                  sink);
    if (json_is_array(said[SAID_CONTENT]))
        take_content_parts(d, c, said[SAID_CONTENT], sink);
    else
        say(d, c, PART_TEXT, said[SAID_CONTENT], logprobs, sink);
    say(d, c, PART_REFUSAL, said[SAID_REFUSAL], (struct slice){0}, sink);
    if (json_is_array(said[SAID_TOOL_CALLS]))
        openai_chat_decoder_take_calls(d, c, said[SAID_TOOL_CALLS], whole, sink);
    if (!d->ended && json_is_object(said[SAID_FUNCTION_CALL]))
        openai_chat_decoder_take_function(d, c, said[SAID_FUNCTION_CALL], sink);
    if (d->ended)
        return;
    if (json_is_array(said[SAID_IMAGES]))
        take_images(d, c, said[SAID_IMAGES], sink);
    if (json_is_array(said[SAID_ANNOTATIONS]))
        take_annotations(c, said[SAID_ANNOTATIONS], sink);
}

bool openai_chat_decoder_close_all(struct openai_chat_decoder *d, struct choice *c,
                                   const struct chat_sink *sink)
{
    openai_chat_decoder_close_part(d, c, sink);
    return openai_chat_decoder_close_calls(d, c, sink);
}
