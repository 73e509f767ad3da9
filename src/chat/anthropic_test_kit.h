/* anthropic_test_kit.h - fixtures, and JSON without its blanks, for the tests of this codec. */
#ifndef CHAT_ANTHROPIC_TEST_KIT_H
#define CHAT_ANTHROPIC_TEST_KIT_H

#include "chat/codec.h"
#include "chat/shape_test_kit.h"
#include "wire/sse.h"
#include "json/tree.h"

static const char *const fixtures[] = {
    "01-plain",          "02-system",       "03-multi-turn",       "04-tool-call",
    "05-parallel-calls", "06-tool-results", "07-thinking-tools",   "08-image",
    "09-structured",     "10-cached-usage", "11-length",           "12-filter",
    "13-error",          "14-stream-error", "15-no-argument-tool",
};

/* The tree lives in the arena, as does its text. */
KIT struct json *fixture_read(struct arena *a, const char *name)
{
    struct err_info e = {0};
    struct buf text = {0};
    struct json *v = NULL;
    char path[512];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s.anthropic.json", SOURCE_ROOT, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    while ((len = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        buf_grew(&text, len);
    fclose(file);
    assert_int_equal(json_parse(a, arena_dup(a, buf_peek(&text)), &v, &e), ERR_NONE);
    buf_release(&text);
    return v;
}

/* Without the blanks between tokens, in the arena and NUL terminated. */
KIT const char *compact(struct arena *a, struct slice json)
{
    char *out = arena_alloc(a, json.len + 1, 1), *to = out;
    bool inside = false;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (inside && c == '\\')
            *to++ = json.ptr[i++];
        else if (c == '"')
            inside = !inside;
        if (inside || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            *to++ = json.ptr[i];
    }
    return out;
}

/*
 * Events as chat_event_print() says them, held against the grammar.  Folded, the deltas of a
 * part are one, JSON has no blanks, pings are left out and usage stands once, at the finish.
 */
struct hearing {
    struct arena *a;
    bool folds;
    struct buf out, text;
    struct chat_grammar grammar;
    struct chat_event delta, usage;
    bool is_call[CHAT_GRAMMAR_PARTS];
};

KIT void hearing_flush(struct hearing *h)
{
    struct chat_text text = {buf_peek(&h->text), true};

    if (!text.s.len)
        return;
    if (h->is_call[h->delta.index])
        text = text_plain(slice_str(compact(h->a, text_str(h->a, text))));
    h->delta.delta.text = text;
    chat_event_print(&h->out, &h->delta);
    buf_clear(&h->text);
}

KIT void hearing_take(void *ctx, const struct chat_event *ev)
{
    struct hearing *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    if (wrong)
        fail_msg("%s", wrong);
    if (!h->folds) {
        chat_event_print(&h->out, ev);
        return;
    }
    if (ev->type == CHAT_PING)
        return;
    if (ev->type == CHAT_USAGE) {
        h->usage = *ev;
        return;
    }
    if (ev->type == CHAT_DELTA && buf_len(&h->text) && h->delta.index == ev->index) {
        text_append_escaped(&h->text, ev->delta.text);
        return;
    }
    hearing_flush(h);
    if (ev->type == CHAT_OPEN)
        h->is_call[ev->index] = ev->open.kind == PART_CALL;
    if (ev->type == CHAT_FINISH && h->usage.type == CHAT_USAGE)
        chat_event_print(&h->out, &h->usage);
    if (ev->type != CHAT_DELTA) {
        chat_event_print(&h->out, ev);
        return;
    }
    h->delta = *ev;
    text_append_escaped(&h->text, ev->delta.text);
}

/* In the arena, NUL terminated. */
KIT const char *hearing_end(struct hearing *h)
{
    const char *said = arena_dup(h->a, buf_peek(&h->out)).ptr;

    buf_release(&h->out);
    buf_release(&h->text);
    return said;
}

/* A stream, in pieces that are cut at `cut`. */
KIT void decode_stream(struct slice text, size_t cut, const struct chat_sink *sink)
{
    static const struct codec_decode_options options = {
        .id = {"x1", 2},
          .upstream_model = {"up", 2}
    };
    struct sse_cutter cutter = {0};
    struct sse_event event;
    void *decoder = calloc(1, codec_anthropic.decoder_size);
    size_t at = 0;

    codec_anthropic.decoder_init(decoder, &options);
    for (size_t end = cut; at < text.len; end = text.len) {
        while (sse_next(&cutter, slice_sub(text, at, end - at), &event) == SSE_EVENT) {
            codec_anthropic.decode(decoder, event.name, event.data, sink);
            at += event.raw.len;
        }
        if (end == text.len)
            break;
    }
    codec_anthropic.decode_end(decoder, sink);
    codec_anthropic.decoder_release(decoder);
    free(decoder);
    sse_cutter_release(&cutter);
}

KIT void decode_body(struct slice body, const struct chat_sink *sink)
{
    static const struct codec_decode_options options = {
        .id = {"x1", 2},
          .upstream_model = {"up", 2}
    };
    void *decoder = calloc(1, codec_anthropic.decoder_size);

    codec_anthropic.decoder_init(decoder, &options);
    codec_anthropic.decode_whole(decoder, body, sink);
    codec_anthropic.decoder_release(decoder);
    free(decoder);
}

/* The text of a fixture's stream; empty when it has none. */
KIT struct slice fixture_stream(struct arena *a, const struct json *fixture)
{
    return json_str(a, json_member(json_member(fixture, SLICE("stream")), SLICE("text")));
}

KIT struct slice fixture_body(const struct json *fixture)
{
    const struct json *body = json_member(json_member(fixture, SLICE("response")), SLICE("body"));

    return body ? body->source : slice_of(NULL, 0);
}

KIT const struct chat_seal *test_seal(void)
{
    static struct key_hasher hasher;
    static struct chat_seal seal;

    key_hasher_init(&hasher, (const unsigned char *)"0123456789abcdef0123456789abcdef", 32);
    seal = (struct chat_seal){&hasher, SLICE("7")};
    return &seal;
}

#endif
