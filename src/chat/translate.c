/* translate.c - the two halves put together: client's request out, upstream's answer back. */
#include "chat/translate.h"

enum err translate_read(enum dialect client, struct slice body, const struct chat_seal *seal,
                        struct arena *a, struct chat_request *request, struct err_info *e)
{
    struct json *tree;

    chat_request_init(request, a, client);
    if (json_parse(a, body, &tree, e) != ERR_NONE)
        return e->code;
    if (!json_is(tree, JSON_OBJECT))
        return err_set(e, ERR_BAD_REQUEST, "the request body must be a JSON object");
    return codec_find(client)->read_request(tree, seal, request, e);
}

enum err translate_write(struct chat_request *request, const struct chat_target *t, struct buf *out,
                         struct err_info *e)
{
    request->stream = t->stream;
    if (chat_shape(request, t, e) != ERR_NONE)
        return e->code;
    codec_find(t->dialect)->write_request(request, t, out);
    return ERR_NONE;
}

static void note_error(struct translation *t, enum err code, struct slice message)
{
    if (message.len)
        err_set(&t->error, code, "%.*s", SLICE_ARG(message));
    else
        err_set(&t->error, code, "%s", err_text(code));
}

/* What leaves restore: to the tap, then to the client's encoder. */
static void pass(struct translation *t, const struct chat_event *ev)
{
    if (t->tap.take)
        chat_emit(&t->tap, ev);
    t->started = t->started || ev->type == CHAT_START;
    t->ended = ev->type == CHAT_ERROR || ev->type == CHAT_END;
    if (ev->type == CHAT_ERROR)
        note_error(t, ev->error.code, ev->error.message);
    if (!t->down->encode(t->encoder, ev, t->out)) {
        t->too_large = t->ended = true;
        note_error(t, ERR_UPSTREAM_BROKEN,
                   SLICE("the provider's answer is too large to translate"));
    }
}

static void take(void *ctx, const struct chat_event *ev)
{
    struct translation *t = ctx;
    struct chat_event clean = *ev;
    struct buf message = {0};

    if (t->ended)
        return;
    if (ev->type == CHAT_ERROR && t->scrub && ev->error.message.len) {
        t->scrub(t->scrub_ctx, ev->error.message, &message);
        clean.error.message = buf_peek(&message);
    }
    pass(t, &clean);
    buf_release(&message);
}

static struct chat_sink to_resume(struct translation *t)
{
    return (struct chat_sink){resume_take, &t->resume};
}

void translation_init(struct translation *t, const struct translation_options *o)
{
    struct arena *a = o->encode.request->arena;

    *t = (struct translation){.up = codec_find(o->upstream),
                              .down = codec_find(o->client),
                              .decode = o->decode,
                              .tap = o->tap,
                              .scrub = o->scrub,
                              .scrub_ctx = o->scrub_ctx};
    t->decoder = arena_alloc(a, t->up->decoder_size, _Alignof(max_align_t));
    t->encoder = arena_alloc(a, t->down->encoder_size, _Alignof(max_align_t));
    t->decode.text_secrets = o->client == DIALECT_OPENAI_CHAT || o->client == DIALECT_GEMINI;
    t->decode.resumable = resume_is_possible(o->upstream, o->encode.request);
    t->up->decoder_init(t->decoder, &t->decode);
    t->down->encoder_init(t->encoder, &o->encode);
    restore_init(&t->restore, o->encode.request, (struct chat_sink){take, t});
    resume_init(&t->resume, o->upstream, (struct chat_sink){restore_take, &t->restore});
}

void translation_release(struct translation *t)
{
    if (!t->decoder)
        return;
    t->up->decoder_release(t->decoder);
    t->down->encoder_release(t->encoder);
    restore_release(&t->restore);
    resume_release(&t->resume);
    *t = (struct translation){0};
}

void translation_feed(struct translation *t, struct slice name, struct slice payload)
{
    struct chat_sink sink = to_resume(t);
    t->up->decode(t->decoder, name, payload, &sink);
}

void translation_whole(struct translation *t, struct slice body)
{
    struct chat_sink sink = to_resume(t);
    t->up->decode_whole(t->decoder, body, &sink);
}

void translation_end(struct translation *t)
{
    struct chat_sink sink = to_resume(t);
    t->up->decode_end(t->decoder, &sink);
}

void translation_inject(struct translation *t, const struct chat_event *ev)
{
    restore_take(&t->restore, ev);
}

void translation_resume(struct translation *t, struct slice sent, struct buf *out)
{
    resume_next(&t->resume, sent, out);
    t->decode.round++;
    t->up->decoder_release(t->decoder);
    memset(t->decoder, 0, t->up->decoder_size);
    t->up->decoder_init(t->decoder, &t->decode);
}
