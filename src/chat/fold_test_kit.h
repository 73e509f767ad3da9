/* fold_test_kit.h - what a client's own decoder hears in an answer, a stream's pieces joined. */
#ifndef CHAT_FOLD_TEST_KIT_H
#define CHAT_FOLD_TEST_KIT_H

#include <stdlib.h>

#include "chat/codec.h"
#include "wire/sse.h"
#include "json/raw.h"
#include "json/scan.h"

/*
 * A stream and a whole answer fold to the same text if they say the same: parts in order of
 * their index, choice by choice, deltas joined; pings and the place of usage do not count.
 * Dialects without blocks (Chat) say all text, then all calls, in a whole answer: `by_kind`
 * joins what a choice says of one kind.
 */
struct fold_part {
    uint32_t choice;
    enum chat_part_kind kind;
    bool custom;
    struct buf head, text, tail;
};

struct fold {
    struct chat_grammar grammar;
    struct fold_part *parts; // [count], in order of OPEN
    size_t count, cap;
    uint32_t choices;
    struct buf rest, usage;
    bool ended, failed;
    const char *broken; // the grammar
};

static struct fold_part *fold_part_new(struct fold *f)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 16;
        f->parts = realloc(f->parts, f->cap * sizeof(*f->parts));
        if (!f->parts)
            abort();
    }
    f->parts[f->count] = (struct fold_part){0};
    return &f->parts[f->count++];
}

static void fold_open(struct fold *f, const struct chat_event *ev)
{
    struct fold_part *part = fold_part_new(f);
    struct chat_event plain = *ev;

    part->choice = ev->choice;
    part->kind = ev->open.kind;
    part->custom = ev->open.custom;
    plain.index = 0;
    plain.open.item_id = (struct slice){0};
    chat_event_print(&part->head, &plain);
}

static void fold_close(struct fold_part *part, const struct chat_event *ev)
{
    struct chat_event plain = *ev;

    plain.index = 0;
    plain.close.id = (struct slice){0}; // made anew by each encoder
    if (ev->close.secret.len)
        chat_event_print(&part->tail, &plain);
}

/** A chat_sink_fn; ctx is the struct fold, zeroed at first. */
static void fold_take(void *ctx, const struct chat_event *ev)
{
    struct fold *f = ctx;
    const char *wrong = chat_grammar_check(&f->grammar, ev);
    struct chat_event plain = *ev;

    if (wrong && !f->broken)
        f->broken = wrong;
    if (f->broken)
        return;
    if (ev->choice >= f->choices)
        f->choices = ev->choice + 1;
    f->ended |= ev->type == CHAT_END || ev->type == CHAT_ERROR;
    f->failed |= ev->type == CHAT_ERROR;
    switch (ev->type) {
    case CHAT_OPEN: fold_open(f, ev); break;
    case CHAT_DELTA:
        if (f->parts[ev->index].kind == PART_IMAGE)
            text_append_plain(&f->parts[ev->index].text, ev->delta.text);
        else
            text_append_escaped(&f->parts[ev->index].text, ev->delta.text);
        break;
    case CHAT_CLOSE: fold_close(&f->parts[ev->index], ev); break;
    case CHAT_USAGE:
        buf_clear(&f->usage);
        chat_event_print(&f->usage, ev);
        break;
    case CHAT_CITE:
        plain.index = 0;
        chat_event_print(&f->rest, &plain);
        break;
    case CHAT_FINISH:
    case CHAT_END:
    case CHAT_ERROR: chat_event_print(&f->rest, ev); break;
    case CHAT_START:
    case CHAT_PING: break;
    }
}

/* Escapes may be written in more than one way, and halves of a pair meet where pieces do. */
static void fold_text(struct slice escaped, struct buf *out)
{
    struct buf literal = {0};

    buf_append_byte(&literal, '"');
    buf_append(&literal, escaped);
    buf_append_byte(&literal, '"');
    if (!json_string_decode(buf_peek(&literal), out))
        buf_append(out, escaped);
    buf_release(&literal);
}

static void fold_print_kind(const struct fold *f, uint32_t choice, enum chat_part_kind kind,
                            struct buf *out)
{
    struct buf joined = {0};

    for (size_t i = 0; i < f->count; i++) {
        const struct fold_part *part = &f->parts[i];
        if (part->choice == choice && part->kind == kind)
            buf_append(&joined, buf_peek(&part->text));
    }
    buf_printf(out, "choice %u kind %d: ", choice, (int)kind);
    fold_text(buf_peek(&joined), out);
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < f->count; i++) {
        const struct fold_part *part = &f->parts[i];
        if (part->choice == choice && part->kind == kind)
            buf_append(out, buf_peek(&part->tail));
    }
    buf_release(&joined);
}

static void fold_print_part(const struct fold_part *part, struct buf *out)
{
    buf_append(out, buf_peek(&part->head));
    fold_text(buf_peek(&part->text), out);
    buf_append_byte(out, '\n');
    buf_append(out, buf_peek(&part->tail));
}

static bool fold_joins(enum chat_part_kind kind)
{
    return kind == PART_TEXT || kind == PART_REASONING || kind == PART_REFUSAL;
}

/** Prints it and lets go of it. */
static void fold_end(struct fold *f, bool by_kind, struct buf *out)
{
    if (f->broken)
        buf_printf(out, "broken: %s\n", f->broken);
    for (uint32_t c = 0; c < f->choices; c++) {
        for (size_t kind = 0; by_kind && kind <= PART_SEARCH; kind++) {
            if (fold_joins((enum chat_part_kind)kind))
                fold_print_kind(f, c, (enum chat_part_kind)kind, out);
        }
        for (size_t i = 0; i < f->count; i++) {
            const struct fold_part *part = &f->parts[i];
            if (part->choice == c && !(by_kind && fold_joins(part->kind)))
                fold_print_part(part, out);
        }
    }
    buf_append(out, buf_peek(&f->rest));
    buf_append(out, buf_peek(&f->usage));
    for (size_t i = 0; i < f->count; i++) {
        buf_release(&f->parts[i].head);
        buf_release(&f->parts[i].text);
        buf_release(&f->parts[i].tail);
    }
    buf_release(&f->rest);
    buf_release(&f->usage);
    free(f->parts);
    *f = (struct fold){0};
}

static void fold_release(struct fold *f)
{
    struct buf out = {0};

    fold_end(f, false, &out);
    buf_release(&out);
}

/*
 * Whether a stream has its parts in another order: one of Chat has no blocks, and one of Gemini
 * sends a secret at the end that a whole answer has on its last text.
 */
static bool fold_moves(enum dialect client, const struct fold *f)
{
    for (size_t i = 0; client == DIALECT_GEMINI && i < f->count; i++) {
        if (buf_len(&f->parts[i].tail))
            return true;
    }
    return client == DIALECT_OPENAI_CHAT;
}

/* Whether every call's arguments are what all dialects can carry: an object. */
static bool fold_calls_are_objects(const struct fold *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct fold_part *part = &f->parts[i];
        struct buf arguments = {0};
        struct err_info e = {0};
        bool fits = true;
        if (part->kind != PART_CALL || part->custom)
            continue;
        fold_text(buf_peek(&part->text), &arguments);
        fits = !buf_len(&arguments) ||
               (json_scan(buf_peek(&arguments), NULL, 0, NULL, &e) == ERR_NONE &&
                json_is_object(slice_trim(buf_peek(&arguments))));
        buf_release(&arguments);
        if (!fits)
            return false;
    }
    return true;
}

/** What `c` hears in an answer, whole or as SSE. */
static void fold_answer(const struct codec *c, struct slice text, bool is_stream, struct fold *f)
{
    struct codec_decode_options o = {
        .now_unix = 1, .id = SLICE("x"), .upstream_model = SLICE("m"), .text_secrets = true};
    struct chat_sink sink = {fold_take, f};
    void *decoder = calloc(1, c->decoder_size);
    struct sse_cutter cutter = {0};
    struct sse_event ev;

    if (!decoder)
        abort();
    c->decoder_init(decoder, &o);
    if (!is_stream)
        c->decode_whole(decoder, text, &sink);
    while (is_stream && sse_next(&cutter, text, &ev) == SSE_EVENT) {
        if (ev.has_data)
            c->decode(decoder, ev.name, ev.data, &sink);
        text = slice_after(text, ev.raw.len);
    }
    if (is_stream)
        c->decode_end(decoder, &sink);
    sse_cutter_release(&cutter);
    c->decoder_release(decoder);
    free(decoder);
}

static bool frames_have(struct slice text, const char *what)
{
    return slice_find_slice(text, slice_str(what)) != SIZE_MAX;
}

/* What each client takes for the good end of a stream. */
static bool frames_success(enum dialect client, const struct sse_event *ev)
{
    switch (client) {
    case DIALECT_OPENAI_CHAT: return slice_eq(ev->data, SLICE("[DONE]"));
    case DIALECT_OPENAI_RESPONSES:
        return slice_eq(ev->name, SLICE("response.completed")) ||
               slice_eq(ev->name, SLICE("response.incomplete"));
    case DIALECT_ANTHROPIC: return slice_eq(ev->name, SLICE("message_stop"));
    case DIALECT_GEMINI:
        return frames_have(ev->data, "\"finishReason\"") ||
               frames_have(ev->data, "\"blockReason\"");
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return false;
}

/**
 * Whole events of JSON, of which the last, and with a failure none, is the end that clients
 * wait for.  NULL, or what is wrong.  Gemini's candidates end one by one.
 */
static const char *frames_check(enum dialect client, struct slice text, bool good, uint32_t choices)
{
    struct sse_cutter cutter = {0};
    const char *wrong = NULL;
    bool success = false;
    struct err_info e = {0};
    struct sse_event ev;

    while (sse_next(&cutter, text, &ev) == SSE_EVENT) {
        if (ev.has_data && !slice_eq(ev.data, SLICE("[DONE]")) &&
            json_scan(ev.data, NULL, 0, NULL, &e) != ERR_NONE)
            wrong = "a frame is no JSON";
        if (success && client != DIALECT_GEMINI)
            wrong = "something behind the end";
        success |= ev.has_data && frames_success(client, &ev);
        text = slice_after(text, ev.raw.len);
    }
    sse_cutter_release(&cutter);
    if (text.len)
        return "half an event";
    if (good && !success)
        return "a success without its end";
    if (!good && success && !(client == DIALECT_GEMINI && choices > 1))
        return "a failure that ends well";
    return wrong;
}

#endif
