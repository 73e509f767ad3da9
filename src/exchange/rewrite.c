/* rewrite.c - what is asked of an upstream of another dialect, generating aside. */
#include "exchange/rewrite.h"

#include "chat/count.h"
#include "exchange/foreign.h"

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

/* ---- all of them ---- */

static const struct rewrite rewrites[OP_COUNT] = {
    [OP_COUNT_TOKENS] = {foreign_build, count_answer},
    [OP_EMBED] = {embed_build,   embed_answer},
};

const struct rewrite *rewrite_find(enum operation op)
{
    return rewrites[op].build ? &rewrites[op] : NULL;
}
