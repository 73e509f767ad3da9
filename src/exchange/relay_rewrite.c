/* relay_rewrite.c - answers that are one document of another dialect, written anew. */
#include "exchange/relay.h"
#include "exchange/rewrite.h"
#include "exchange/scrub.h"
#include "exchange/stages.h"

/* Upstream's words, in the client's dialect. */
static enum verdict refuse(struct exchange *x, struct slice body)
{
    x->attempt.first_error = body;
    err_set(&x->attempt.err, ERR_UPSTREAM_FAILED, "the provider answered 200 with an error in it");
    x->relay.mode = RELAY_ERROR;
    return relay_error(x);
}

/* What is wrong with the answer may have been said by upstream. */
static void fail(struct exchange *x, const struct err_info *e)
{
    struct buf clean = {0};

    scrub(slice_str(err_info_text(e)), x->attempt.credential->api_key, &clean);
    err_set(&x->err, e->code, "%.*s", SLICE_ARG(buf_peek(&clean)));
    buf_release(&clean);
    x->outcome = OUTCOME_UPSTREAM_ERROR;
}

/* Hears the whole answer and makes the client's, in x->relay.held.  False: it is an error. */
static bool hear(struct exchange *x, struct slice body, struct err_info *e)
{
    struct heard h = listener_hear(&x->listener, (struct slice){0}, body);

    if (h.is_error)
        return false;
    if (h.is_broken)
        err_set(e, ERR_UPSTREAM_BROKEN, "the provider's answer is not valid JSON");
    else
        rewrite_find(x->target.operation)->answer(x, body, &x->relay.held, e);
    return true;
}

static enum verdict rewrite(struct exchange *x, struct slice body)
{
    struct err_info e = {0};

    if (!hear(x, body, &e))
        return refuse(x, body);
    if (e.code) {
        fail(x, &e);
        return STAGE_FAIL;
    }
    x->outcome = OUTCOME_OK;
    return STAGE_AGAIN;
}

enum verdict relay_rewritten(struct exchange *x, struct slice bytes)
{
    struct slice answer;
    enum verdict v;

    if (bytes.len)
        return relay_gather(x, bytes);
    if (!x->relay.saw_end) {
        v = rewrite(x, buf_peek(&x->relay.gathered));
        if (v != STAGE_AGAIN)
            return v;
        x->relay.saw_end = true;
    }
    answer = buf_peek(&x->relay.held);
    x->http_status = 200;
    x->relay.sent_bytes = (int64_t)answer.len;
    if (!settle_record(x))
        return STAGE_WAIT;
    x->attempt.content_type = SLICE("application/json");
    x->relay.sent_bytes = 0; // counted as they go
    relay_start(x, 200, (int64_t)answer.len);
    relay_write(x, answer);
    return relay_done(x);
}

/* The writing finds figures, too, that the listener does not: it is done for nobody. */
bool relay_rewritten_hear(struct exchange *x, struct slice bytes)
{
    struct err_info ignored = {0};

    if (bytes.len)
        return relay_gather_more(x, bytes);
    hear(x, buf_peek(&x->relay.gathered), &ignored);
    return true;
}
