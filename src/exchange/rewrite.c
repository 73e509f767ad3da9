/* rewrite.c - what is asked of an upstream of another dialect, generating aside. */
#include "exchange/rewrite.h"

#include "chat/compact.h"
#include "chat/count.h"
#include "chat/image.h"
#include "exchange/foreign.h"
#include "exchange/stages.h"

/* ---- count_tokens ---- */

/* A counter that answers no number is as good as none: then it is counted here. */
static enum err count_answer(struct exchange *x, struct slice body, struct buf *out,
                             struct err_info *e)
{
    const struct attempt *at = &x->attempt;
    int64_t tokens;

    (void)e;
    if (!count_read_answer(at->dialect, body, &tokens))
        tokens = count_request(at->asked, at->candidate->model);
    count_write_answer(x->target.dialect, tokens, out);
    return ERR_NONE;
}

/* ---- what has no conversation in it ---- */

/* A request to take notes in; its body is read by the operation's own module. */
static struct chat_request *begin(struct exchange *x, struct attempt *at)
{
    at->asked = arena_new(&x->arena, struct chat_request);
    chat_request_init(at->asked, &x->arena, x->target.dialect);
    buf_clear(&x->foreign_body);
    return at->asked;
}

static enum err end(struct exchange *x, struct attempt *at)
{
    struct chat_target target = foreign_target(x, at);

    if (target.strict && chat_refuse_drops(at->asked, &at->err) != ERR_NONE)
        return at->err.code;
    foreign_note(x, at->asked);
    return ERR_NONE;
}

/* ---- embed ---- */

static enum err embed_build(struct exchange *x, struct attempt *at)
{
    struct chat_request *notes = begin(x, at);

    if (at->dialect == DIALECT_GEMINI)
        at->action = SLICE(EMBED_GEMINI_ACTION);
    if (embed_write_request(notes, x->body, at->candidate->model, &at->embed, &x->foreign_body,
                            &at->err) != ERR_NONE)
        return at->err.code;
    return end(x, at);
}

static enum err embed_answer(struct exchange *x, struct slice body, struct buf *out,
                             struct err_info *e)
{
    return embed_write_answer(&x->attempt.embed, body, x->asked_model, out, &x->listener.usage,
                              &x->listener.source, e);
}

/* ---- image ---- */

static enum err image_build(struct exchange *x, struct attempt *at)
{
    struct chat_target target = foreign_target(x, at);
    struct chat_request *notes = begin(x, at);

    if (image_write_request(notes, x->body, &target, &x->foreign_body, &at->err) != ERR_NONE)
        return at->err.code;
    return end(x, at);
}

static enum err image_answer(struct exchange *x, struct slice body, struct buf *out,
                             struct err_info *e)
{
    struct listener *l = &x->listener;

    image_read_usage(x->attempt.dialect, body, &l->usage);
    return image_write_answer(x->attempt.dialect, body, x->gw->worker->now_unix_ms / 1000,
                              l->source == USAGE_UPSTREAM ? &l->usage : NULL, out, e);
}

/* ---- compact ---- */

static enum err compact_build(struct exchange *x, struct attempt *at)
{
    struct chat_target target = foreign_target(x, at);

    at->asked = arena_new(&x->arena, struct chat_request);
    buf_clear(&x->foreign_body);
    if (foreign_read(x, at->asked, &at->err) != ERR_NONE)
        return at->err.code;
    compact_ask(at->asked);
    if (translate_write(at->asked, &target, &x->foreign_body, &at->err) != ERR_NONE)
        return at->err.code;
    foreign_note(x, at->asked);
    return ERR_NONE;
}

static enum err compact_answer(struct exchange *x, struct slice body, struct buf *out,
                               struct err_info *e)
{
    struct compaction c = {.request = x->expanded_body.len ? x->expanded_body : x->body,
                           .id = slice_of(x->id, ID_TEXT_BYTES - 1),
                           .now_unix = x->gw->worker->now_unix_ms / 1000,
                           .usage = &x->listener.usage,
                           .seal = foreign_seal(x)};
    struct codec_decode_options o = {
        .now_unix = c.now_unix, .id = c.id, .upstream_model = x->attempt.candidate->model};
    struct buf summary = {0};

    settle_estimate(x);
    if (compact_read_answer(x->attempt.dialect, body, &o, &summary, e) == ERR_NONE) {
        c.summary = buf_peek(&summary);
        compact_write_answer(&c, out);
    }
    buf_release(&summary);
    return e->code;
}

/* ---- all of them ---- */

const struct rewrite *rewrite_find(enum operation op)
{
    static const struct rewrite count = {foreign_build, count_answer};
    static const struct rewrite embed = {embed_build, embed_answer};
    static const struct rewrite image = {image_build, image_answer};
    static const struct rewrite compact = {compact_build, compact_answer};

    switch (op) {
    case OP_COUNT_TOKENS: return &count;
    case OP_EMBED: return &embed;
    case OP_IMAGE: return &image;
    case OP_COMPACT: return &compact;
    case OP_GENERATE:
    case OP_LIST_MODELS:
    case OP_GET_MODEL:
    case OP_FILES:
    case OP_COUNT: break;
    }
    return NULL;
}
