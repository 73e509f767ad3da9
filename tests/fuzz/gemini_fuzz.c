/*
 * gemini_fuzz.c - any bytes as Gemini's generateContent.  The first byte says as what: a request,
 * a whole answer, or the payloads of a stream, one a line.  What is read keeps the grammar, and
 * what is written of it is JSON that is read again.
 */
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

static bool request(struct arena *a, struct slice body, struct buf *out)
{
    struct chat_target t = {.dialect = DIALECT_GEMINI, .model = SLICE("m")};
    struct err_info e = {0};
    struct chat_request r;
    struct json *tree;

    chat_request_init(&r, a, DIALECT_GEMINI);
    if (json_parse(a, body, &tree, &e) != ERR_NONE || !json_is(tree, JSON_OBJECT))
        return false;
    if (codec_gemini.read_request(tree, NULL, &r, &e) != ERR_NONE) {
        assert(e.code == ERR_BAD_REQUEST && e.text[0]);
        return false;
    }
    codec_gemini.write_request(&r, &t, out);
    check_json(buf_peek(out));
    return true;
}

static void fuzz_request(struct slice body)
{
    struct buf once = {0}, twice = {0};
    struct arena a;

    arena_init(&a, 0);
    if (request(&a, body, &once))
        assert(request(&a, buf_peek(&once), &twice));
    arena_release(&a);
    buf_release(&once);
    buf_release(&twice);
}

struct answer {
    struct chat_grammar grammar;
    void *stream, *whole; // encoders
    struct buf frames, document;
    bool ended, failed;
};

static void take(void *ctx, const struct chat_event *ev)
{
    struct answer *x = ctx;

    assert(chat_grammar_check(&x->grammar, ev) == NULL);
    x->ended |= ev->type == CHAT_END || ev->type == CHAT_ERROR;
    x->failed |= ev->type == CHAT_ERROR;
    assert(codec_gemini.encode(x->stream, ev, &x->frames));
    assert(codec_gemini.encode(x->whole, ev, &x->document));
}

static void *encoder_new(enum framing framing)
{
    struct codec_encode_options o = {.framing = framing, .id = SLICE("x"), .model = SLICE("m")};
    void *encoder = calloc(1, codec_gemini.encoder_size);

    assert(encoder);
    codec_gemini.encoder_init(encoder, &o);
    return encoder;
}

static void encoder_free(void *encoder)
{
    codec_gemini.encoder_release(encoder);
    free(encoder);
}

static void *decoder_new(void)
{
    struct codec_decode_options o = {.id = SLICE("x"), .upstream_model = SLICE("m")};
    void *decoder = calloc(1, codec_gemini.decoder_size);

    assert(decoder);
    codec_gemini.decoder_init(decoder, &o);
    return decoder;
}

static void decoder_free(void *decoder)
{
    codec_gemini.decoder_release(decoder);
    free(decoder);
}

static void hear_lines(void *decoder, struct slice lines, const struct chat_sink *sink)
{
    while (lines.len)
        codec_gemini.decode(decoder, slice_of(NULL, 0), slice_cut(lines, '\n', &lines), sink);
    codec_gemini.decode_end(decoder, sink);
}

static void again(void *ctx, const struct chat_event *ev)
{
    assert(chat_grammar_check(ctx, ev) == NULL);
    assert(ev->type != CHAT_ERROR);
}

/* Every frame is JSON, and our own answers are never broken. */
static void check_frames(struct slice text, bool failed)
{
    struct chat_grammar grammar = {0};
    struct chat_sink sink = {again, &grammar};
    struct sse_cutter cutter = {0};
    void *decoder = decoder_new();
    struct sse_event event;

    while (sse_next(&cutter, text, &event) == SSE_EVENT) {
        check_json(event.data);
        if (!failed)
            codec_gemini.decode(decoder, event.name, event.data, &sink);
        text = slice_after(text, event.raw.len);
    }
    if (!failed)
        codec_gemini.decode_end(decoder, &sink);
    assert(text.len == 0 && (failed || grammar.ended));
    sse_cutter_release(&cutter);
    decoder_free(decoder);
}

static void fuzz_answer(struct slice text, bool whole)
{
    struct answer x = {.stream = encoder_new(FRAMING_SSE), .whole = encoder_new(FRAMING_BODY)};
    struct chat_sink sink = {take, &x};
    void *decoder = decoder_new();

    if (whole)
        codec_gemini.decode_whole(decoder, text, &sink);
    else
        hear_lines(decoder, text, &sink);
    assert(x.ended);
    check_frames(buf_peek(&x.frames), x.failed);
    if (x.failed)
        assert(buf_len(&x.document) == 0);
    else
        check_json(buf_peek(&x.document));
    decoder_free(decoder);
    encoder_free(x.stream);
    encoder_free(x.whole);
    buf_release(&x.frames);
    buf_release(&x.document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);

    if (size == 0)
        return 0;
    rest = slice_after(rest, 1);
    switch (data[0]) {
    case 'r': fuzz_request(rest); break;
    case 'w': fuzz_answer(rest, true); break;
    case 's': fuzz_answer(rest, false); break;
    default: break;
    }
    return 0;
}
