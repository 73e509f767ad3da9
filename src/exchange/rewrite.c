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

/* ---- all of them ---- */

static const struct rewrite rewrites[OP_COUNT] = {
    [OP_COUNT_TOKENS] = {foreign_build, count_answer},
};

const struct rewrite *rewrite_find(enum operation op)
{
    return rewrites[op].build ? &rewrites[op] : NULL;
}
