/* anthropic_decode_blocks.c - answers in Anthropic's Messages: content blocks into parts. */
#include "base/array.h"
#include "chat/anthropic_inside.h"
#include "chat/ids.h"
#include "chat/peek.h"
#include "json/scan.h"

#define MAX_HELD ((size_t)16 << 20) // bytes of one block

/* Code points of UTF-8: all bytes but those that continue one. */
static int64_t count_runes(struct slice plain)
{
    int64_t count = 0;

    for (size_t i = 0; i < plain.len; i++)
        count += ((unsigned char)plain.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* The second half of a pair of escapes counts for nothing: so pieces add up. */
static bool is_second_half(struct slice escape)
{
    return (escape.ptr[2] | 0x20) == 'd' && (escape.ptr[3] | 0x20) >= 'c' &&
           (escape.ptr[3] | 0x20) <= 'f';
}

/* Code points of what stands in a string literal. */
static int64_t count_characters(struct slice escaped)
{
    int64_t count = 0;
    size_t plain;

    while ((plain = slice_find(escaped, '\\')) != SIZE_MAX) {
        struct slice escape = slice_after(escaped, plain);
        bool is_unicode = escape.len >= 6 && escape.ptr[1] == 'u';
        count += count_runes(slice_sub(escaped, 0, plain)) + 1;
        count -= is_unicode && is_second_half(escape);
        escaped = slice_after(escape, is_unicode ? 6 : 2);
    }
    return count + count_runes(escaped);
}

static void say(struct anthropic_decoder *d, struct anthropic_block *b, struct chat_text text,
                const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_DELTA, .index = b->part};

    if (text_is_empty(text))
        return;
    if (b->kind == BLOCK_TEXT)
        d->characters += count_characters(text.s);
    b->said = true;
    ev.delta.text = text;
    anthropic_emit(d, &ev, sink);
}

/* What waits for the end of its block is bounded: nobody knows when that comes. */
static void hold(struct anthropic_decoder *d, struct anthropic_block *b, struct slice literal,
                 const struct chat_sink *sink)
{
    if (buf_len(&b->held) + literal.len > MAX_HELD)
        anthropic_fail(d, SLICE("a content block is too large"), sink);
    else
        json_string_decode(literal, &b->held);
}

static void hold_raw(struct anthropic_decoder *d, struct anthropic_block *b, struct slice raw,
                     const struct chat_sink *sink)
{
    if (buf_len(&b->held) + raw.len + 1 > MAX_HELD) {
        anthropic_fail(d, SLICE("a content block is too large"), sink);
        return;
    }
    buf_append(&b->held, raw);
    buf_append_byte(&b->held, ',');
}

/* The text of a block is the span that its sources speak for. */
static void cite(struct anthropic_decoder *d, const struct anthropic_block *b,
                 const struct chat_sink *sink)
{
    struct slice rest = buf_peek(&b->held), citation;

    for (; rest.len; rest = slice_after(rest, citation.len + 1)) {
        struct chat_event ev = {.type = CHAT_CITE, .index = b->part};
        citation = peek_value(rest);
        if (!slice_eq(anthropic_word_of(peek_get(citation, SLICE("type"))),
                      SLICE("web_search_result_location")))
            continue;
        ev.cite.url = text_of_literal(peek_get(citation, SLICE("url")));
        ev.cite.title = text_of_literal(peek_get(citation, SLICE("title")));
        ev.cite.cited = text_of_literal(peek_get(citation, SLICE("cited_text")));
        ev.cite.start = b->start;
        ev.cite.end = d->characters;
        anthropic_emit(d, &ev, sink);
    }
}

/* Arguments are an object, even where upstream says nothing for none. */
static void close_call(struct anthropic_decoder *d, struct anthropic_block *b,
                       const struct chat_sink *sink)
{
    if (b->said)
        return;
    say(d, b, text_plain(buf_len(&b->held) ? buf_peek(&b->held) : SLICE("{}")), sink);
}

/* A query is of use only whole. */
static void close_search(struct anthropic_decoder *d, struct anthropic_block *b,
                         const struct chat_sink *sink)
{
    struct slice query = {0};

    if (json_get(buf_peek(&b->held), SLICE("query"), &query) == ERR_NONE)
        say(d, b, text_of_literal(query), sink);
}

static void block_close(struct anthropic_decoder *d, struct anthropic_block *b,
                        const struct chat_sink *sink)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .index = b->part};

    switch (b->kind) {
    case BLOCK_NONE: return;
    case BLOCK_TEXT: cite(d, b, sink); break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        ev.close.secret = buf_peek(&b->held);
        ev.close.vendor = buf_len(&b->held) ? VENDOR_ANTHROPIC : VENDOR_NONE;
        break;
    case BLOCK_CALL: close_call(d, b, sink); break;
    case BLOCK_SEARCH: close_search(d, b, sink); break;
    case BLOCK_SKIPPED: break;
    }
    if (b->kind != BLOCK_SKIPPED)
        anthropic_emit(d, &ev, sink);
    b->kind = BLOCK_NONE;
    buf_clear(&b->held);
}

void anthropic_blocks_close(struct anthropic_decoder *d, const struct chat_sink *sink)
{
    for (size_t i = 0; i < ARRAY_LEN(d->open); i++) {
        if (d->open[i].kind != BLOCK_NONE)
            block_close(d, &d->open[i], sink);
    }
}

static struct anthropic_block *block_find(struct anthropic_decoder *d, int64_t upstream)
{
    for (size_t i = 0; i < ARRAY_LEN(d->open); i++) {
        if (d->open[i].kind != BLOCK_NONE && d->open[i].upstream == upstream)
            return &d->open[i];
    }
    return NULL;
}

/* A place for a new block: a free one; the first one's, when too many were never stopped. */
static struct anthropic_block *block_place(struct anthropic_decoder *d, int64_t upstream,
                                           const struct chat_sink *sink)
{
    struct anthropic_block *b = block_find(d, upstream);

    for (size_t i = 0; !b && i < ARRAY_LEN(d->open); i++) {
        if (d->open[i].kind == BLOCK_NONE)
            b = &d->open[i];
    }
    if (!b)
        b = &d->open[0];
    block_close(d, b, sink);
    b->upstream = upstream;
    b->said = false;
    b->start = d->characters;
    return b;
}

static void open_part(struct anthropic_decoder *d, struct anthropic_block *b,
                      enum anthropic_block_kind kind, struct chat_event *ev,
                      const struct chat_sink *sink)
{
    b->kind = kind;
    b->part = ev->index = d->parts++;
    ev->type = CHAT_OPEN;
    anthropic_emit(d, ev, sink);
}

static void open_text(struct anthropic_decoder *d, struct anthropic_block *b, struct slice block,
                      const struct chat_sink *sink)
{
    struct chat_event ev = {.open = {.kind = PART_TEXT}};
    struct peek p = peek_into(peek_get(block, SLICE("citations")));
    struct slice key, citation;

    open_part(d, b, BLOCK_TEXT, &ev, sink);
    say(d, b, text_of_literal(peek_get(block, SLICE("text"))), sink);
    while (!d->ended && peek_next(&p, &key, &citation))
        hold_raw(d, b, citation, sink);
}

static void open_thinking(struct anthropic_decoder *d, struct anthropic_block *b,
                          struct slice block, const struct chat_sink *sink)
{
    struct chat_event ev = {
        .open = {.kind = PART_REASONING, .reasoning = REASONING_SUMMARY}
    };

    open_part(d, b, BLOCK_THINKING, &ev, sink);
    say(d, b, text_of_literal(peek_get(block, SLICE("thinking"))), sink);
    hold(d, b, peek_get(block, SLICE("signature")), sink);
}

static void open_redacted(struct anthropic_decoder *d, struct anthropic_block *b,
                          struct slice block, const struct chat_sink *sink)
{
    struct chat_event ev = {
        .open = {.kind = PART_REASONING, .reasoning = REASONING_REDACTED}
    };

    open_part(d, b, BLOCK_REDACTED, &ev, sink);
    hold(d, b, peek_get(block, SLICE("data")), sink);
}

/* Input that stands here already waits: fragments that follow say the same again. */
static void hold_input(struct anthropic_decoder *d, struct anthropic_block *b, struct slice input,
                       const struct chat_sink *sink)
{
    if (json_is_string(input))
        hold(d, b, input, sink);
    else if (json_is_object(input) && !peek_is_empty(input) && input.len <= MAX_HELD)
        buf_append(&b->held, input);
    else if (input.len > MAX_HELD)
        anthropic_fail(d, SLICE("a tool's input is too large"), sink);
}

static void open_call(struct anthropic_decoder *d, struct anthropic_block *b, struct slice block,
                      const struct chat_sink *sink)
{
    struct chat_event ev = {.open = {.kind = PART_CALL}};
    char made[CHAT_ID_BYTES];

    ev.open.call_id = anthropic_string_of(peek_get(block, SLICE("id")), &d->scratch[0]);
    ev.open.tool = anthropic_string_of(peek_get(block, SLICE("name")), &d->scratch[1]);
    if (!ev.open.tool.len) {
        anthropic_fail(d, SLICE("a tool_use block has no name"), sink);
        return;
    }
    if (!ev.open.call_id.len)
        ev.open.call_id =
            chat_id_make(made, SLICE("toolu_"), 24, d->o.id, (uint64_t)d->o.round << 32 | d->parts);
    d->called = true;
    open_part(d, b, BLOCK_CALL, &ev, sink);
    hold_input(d, b, peek_get(block, SLICE("input")), sink);
}

/* The vendor's own tools run there; only that it searched is of use to others. */
static void open_server(struct anthropic_decoder *d, struct anthropic_block *b, struct slice block,
                        const struct chat_sink *sink)
{
    struct chat_event ev = {.open = {.kind = PART_SEARCH}};

    if (!slice_eq(anthropic_word_of(peek_get(block, SLICE("name"))), SLICE("web_search"))) {
        b->kind = BLOCK_SKIPPED;
        return;
    }
    open_part(d, b, BLOCK_SEARCH, &ev, sink);
    hold_input(d, b, peek_get(block, SLICE("input")), sink);
}

void anthropic_block_open(struct anthropic_decoder *d, int64_t upstream, struct slice block,
                          const struct chat_sink *sink)
{
    struct anthropic_block *b = block_place(d, upstream, sink);
    struct slice type = anthropic_word_of(peek_get(block, SLICE("type")));

    if (slice_eq(type, SLICE("text")))
        open_text(d, b, block, sink);
    else if (slice_eq(type, SLICE("thinking")))
        open_thinking(d, b, block, sink);
    else if (slice_eq(type, SLICE("redacted_thinking")))
        open_redacted(d, b, block, sink);
    else if (slice_eq(type, SLICE("tool_use")))
        open_call(d, b, block, sink);
    else if (slice_eq(type, SLICE("server_tool_use")))
        open_server(d, b, block, sink);
    else
        b->kind = BLOCK_SKIPPED;
}

/* The block that a delta is for; those who copy the dialect may not have started it. */
static struct anthropic_block *block_for(struct anthropic_decoder *d, int64_t upstream,
                                         enum anthropic_block_kind kind,
                                         const struct chat_sink *sink)
{
    struct anthropic_block *b = block_find(d, upstream);

    if (!b && kind == BLOCK_TEXT)
        anthropic_block_open(d, upstream, SLICE("{\"type\":\"text\"}"), sink);
    else if (!b && kind == BLOCK_THINKING)
        anthropic_block_open(d, upstream, SLICE("{\"type\":\"thinking\"}"), sink);
    b = block_find(d, upstream);
    return b && b->kind == kind ? b : NULL;
}

static void hear_arguments(struct anthropic_decoder *d, int64_t upstream, struct slice fragment,
                           const struct chat_sink *sink)
{
    struct anthropic_block *b = block_find(d, upstream);

    if (!b || fragment.len <= 2)
        return;
    if (b->kind == BLOCK_CALL)
        say(d, b, text_of_literal(fragment), sink);
    else if (b->kind == BLOCK_SEARCH)
        hold(d, b, fragment, sink);
}

void anthropic_block_delta(struct anthropic_decoder *d, int64_t upstream, struct slice delta,
                           const struct chat_sink *sink)
{
    struct slice type = anthropic_word_of(peek_get(delta, SLICE("type")));
    struct anthropic_block *b;

    if (slice_eq(type, SLICE("text_delta"))) {
        if ((b = block_for(d, upstream, BLOCK_TEXT, sink)))
            say(d, b, text_of_literal(peek_get(delta, SLICE("text"))), sink);
    } else if (slice_eq(type, SLICE("input_json_delta"))) {
        hear_arguments(d, upstream, peek_get(delta, SLICE("partial_json")), sink);
    } else if (slice_eq(type, SLICE("thinking_delta"))) {
        if ((b = block_for(d, upstream, BLOCK_THINKING, sink)))
            say(d, b, text_of_literal(peek_get(delta, SLICE("thinking"))), sink);
    } else if (slice_eq(type, SLICE("signature_delta"))) {
        if ((b = block_for(d, upstream, BLOCK_THINKING, sink)))
            hold(d, b, peek_get(delta, SLICE("signature")), sink);
    } else if (slice_eq(type, SLICE("citations_delta"))) {
        struct slice citation = peek_get(delta, SLICE("citation"));
        if ((b = block_for(d, upstream, BLOCK_TEXT, sink)) && json_is_object(citation))
            hold_raw(d, b, citation, sink);
    }
}

void anthropic_block_stop(struct anthropic_decoder *d, int64_t upstream,
                          const struct chat_sink *sink)
{
    struct anthropic_block *b = block_find(d, upstream);

    if (b)
        block_close(d, b, sink);
}
