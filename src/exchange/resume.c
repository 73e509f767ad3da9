/* resume.c - upstream paused in its answer and is asked to go on, unseen by the client. */
#include "base/log.h"
#include "exchange/admit.h"
#include "exchange/attempt.h"
#include "exchange/relay.h"
#include "exchange/stages.h"

/*
 * The client's answer has begun, or would have: nobody else can go on with it, so there is one
 * attempt for each round, with the same credential, and its failure is the answer's.
 */
static void ask(struct exchange *x)
{
    struct buf next = {0};

    translation_resume(x->relay.translation, buf_peek(&x->foreign_body), &next);
    attempt_release(x); // it was sending from there
    buf_release(&x->foreign_body);
    x->foreign_body = next;
    sse_cutter_release(&x->relay.sse);
    x->relay.sse = (struct sse_cutter){0};
    x->relay.is_asked = true;
    x->attempt.err = (struct err_info){0};
    if (admit_attempt(x, &x->attempt, &x->listener.usage, &x->attempt.err) != ERR_NONE) {
        x->attempt.state = ATTEMPT_FAILED; // the caller's money or tokens do not reach so far
        return;
    }
    attempt_repeat(x);
    x->relay.ping_at_ms = 0;
    x->relay.idle_at_ms = x->attempt.first_byte_at_ms;
    log_event(LOG_INFO, x->id, "attempt.resumed", "provider=%.*s attempts=%u",
              SLICE_ARG(x->attempt.candidate->provider->name), x->attempts);
}

/* As an HTTP error where the client has seen nothing, else in-band; both in upstream's words. */
static enum verdict fail(struct exchange *x)
{
    enum err code = x->attempt.err.code;
    struct err_info said = {0};

    attempt_log_failure(x);
    x->outcome = code == ERR_UPSTREAM_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_UPSTREAM_CUT;
    if (attempt_give_up(x) == STAGE_FAIL)
        return relay_break(x, code, "");
    if (!x->relay.started)
        return relay_error(x);
    x->relay.mode = RELAY_TRANSLATED;
    relay_read_refusal(x, &said);
    return relay_break(x, code, err_info_text(&said));
}

enum verdict relay_resume(struct exchange *x)
{
    enum verdict v = STAGE_AGAIN;

    if (x->err.code) // a break that waits for room in the journal
        return relay_break(x, x->err.code, "");
    if (!x->relay.is_asked) {
        if (!relay_take_rest(x))
            return STAGE_WAIT;
        ask(x);
    }
    while (v == STAGE_AGAIN && x->attempt.state != ATTEMPT_ANSWERED) {
        if (x->attempt.state == ATTEMPT_FAILED)
            return fail(x);
        v = attempt_step(x);
    }
    if (v == STAGE_AGAIN) {
        x->relay.is_pausing = x->relay.is_asked = false;
        x->relay.idle_at_ms = 0;
    } else {
        x->waiting_for = "upstream to go on";
        relay_translation_ping(x);
    }
    return v;
}
