/*
 * codec_kit.h - any bytes as one dialect.  The first byte says as what: a request, a whole answer,
 * or the payloads of a stream, one a line.  What is read keeps the grammar, and what is written of
 * it is JSON that is read again.
 */
#ifndef FUZZ_CODEC_KIT_H
#define FUZZ_CODEC_KIT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "chat/codec.h"
#include "wire/sse.h"
#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct slice text)
{
    struct err_info e = {0};

    assert(json_scan(text, NULL, 0, NULL, &e) == ERR_NONE);
}

static bool kit_request(const struct codec *c, struct arena *a, struct slice body, struct buf *out)
{
    struct chat_target t = {.dialect = c->dialect, .model = SLICE("m")};
    struct err_info e = {0};
    struct chat_request r;
    struct json *tree;

    t.gates = chat_model_find(t.dialect, t.model);
    chat_request_init(&r, a, c->dialect);
    if (json_parse(a, body, &tree, &e) != ERR_NONE || !json_is(tree, JSON_OBJECT))
        return false;
    if (c->read_request(tree, NULL, &r, &e) != ERR_NONE) {
        assert(e.code == ERR_BAD_REQUEST && e.text[0]);
        return false;
    }
    if (c->dialect == DIALECT_ANTHROPIC && !r.max_output)
        r.max_output = 1;
    c->write_request(&r, &t, out);
    check_json(buf_peek(out));
    return true;
}

static void fuzz_request(const struct codec *c, struct slice body)
{
    struct buf once = {0}, twice = {0};
    struct arena a;

    arena_init(&a, 0);
    if (kit_request(c, &a, body, &once))
        assert(kit_request(c, &a, buf_peek(&once), &twice));
    arena_release(&a);
    buf_release(&once);
    buf_release(&twice);
}

struct kit_answer {
    const struct codec *codec;
    struct chat_request request; // an empty one: for what an answer repeats
    struct chat_grammar grammar;
    void *stream, *whole; // encoders
    struct buf frames, document;
    bool ended, failed;
};

static void kit_take(void *ctx, const struct chat_event *ev)
{
    struct kit_answer *x = ctx;

    assert(chat_grammar_check(&x->grammar, ev) == NULL);
    x->ended |= ev->type == CHAT_END || ev->type == CHAT_ERROR;
    x->failed |= ev->type == CHAT_ERROR;
    assert(x->codec->encode(x->stream, ev, &x->frames));
    assert(x->codec->encode(x->whole, ev, &x->document));
}

static void *kit_encoder_new(const struct kit_answer *x, enum framing framing)
{
    struct codec_encode_options o = {
        .request = &x->request, .framing = framing, .id = SLICE("x"), .model = SLICE("m")};
    void *encoder = calloc(1, x->codec->encoder_size);

    assert(encoder);
    x->codec->encoder_init(encoder, &o);
    return encoder;
}

static void kit_encoder_free(const struct codec *c, void *encoder)
{
    c->encoder_release(encoder);
    free(encoder);
}

static void *kit_decoder_new(const struct codec *c)
{
    struct codec_decode_options o = {.id = SLICE("x"), .upstream_model = SLICE("m")};
    void *decoder = calloc(1, c->decoder_size);

    assert(decoder);
    c->decoder_init(decoder, &o);
    return decoder;
}

static void kit_decoder_free(const struct codec *c, void *decoder)
{
    c->decoder_release(decoder);
    free(decoder);
}

static void kit_again(void *ctx, const struct chat_event *ev)
{
    assert(chat_grammar_check(ctx, ev) == NULL);
    assert(ev->type != CHAT_ERROR);
}

/* Every frame is JSON, and our own answers are never broken. */
static void check_frames(const struct codec *c, struct slice text, bool failed)
{
    struct chat_grammar grammar = {0};
    struct chat_sink sink = {kit_again, &grammar};
    struct sse_cutter cutter = {0};
    void *decoder = kit_decoder_new(c);
    struct sse_event event;

    while (sse_next(&cutter, text, &event) == SSE_EVENT) {
        if (event.has_data && !slice_eq(event.data, SLICE("[DONE]")))
            check_json(event.data);
        if (event.has_data && !failed)
            c->decode(decoder, event.name, event.data, &sink);
        text = slice_after(text, event.raw.len);
    }
    if (!failed)
        c->decode_end(decoder, &sink);
    assert(text.len == 0 && (failed || grammar.ended));
    sse_cutter_release(&cutter);
    kit_decoder_free(c, decoder);
}

static void check_document(const struct codec *c, struct slice text)
{
    struct chat_grammar grammar = {0};
    struct chat_sink sink = {kit_again, &grammar};
    void *decoder = kit_decoder_new(c);

    check_json(text);
    c->decode_whole(decoder, text, &sink);
    assert(grammar.ended);
    kit_decoder_free(c, decoder);
}

static void fuzz_answer(const struct codec *c, struct slice text, bool whole)
{
    struct kit_answer x = {.codec = c};
    struct chat_sink sink = {kit_take, &x};
    void *decoder = kit_decoder_new(c);
    struct arena a;

    arena_init(&a, 0);
    chat_request_init(&x.request, &a, c->dialect);
    x.stream = kit_encoder_new(&x, FRAMING_SSE);
    x.whole = kit_encoder_new(&x, FRAMING_BODY);
    if (whole)
        c->decode_whole(decoder, text, &sink);
    while (!whole && text.len)
        c->decode(decoder, slice_of(NULL, 0), slice_cut(text, '\n', &text), &sink);
    if (!whole)
        c->decode_end(decoder, &sink);
    assert(x.ended);
    check_frames(c, buf_peek(&x.frames), x.failed);
    if (x.failed)
        assert(buf_len(&x.document) == 0);
    else
        check_document(c, buf_peek(&x.document));
    kit_decoder_free(c, decoder);
    kit_encoder_free(c, x.stream);
    kit_encoder_free(c, x.whole);
    buf_release(&x.frames);
    buf_release(&x.document);
    arena_release(&a);
}

static int fuzz_codec(const struct codec *c, const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);

    if (size == 0)
        return 0;
    rest = slice_after(rest, 1);
    switch (data[0]) {
    case 'r': fuzz_request(c, rest); break;
    case 'w': fuzz_answer(c, rest, true); break;
    case 's': fuzz_answer(c, rest, false); break;
    default: break;
    }
    return 0;
}

#endif
